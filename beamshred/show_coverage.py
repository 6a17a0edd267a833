"""What a contract reads of records, what it does not, and which of its paths find nothing. Nothing is written.

python run_pipeline.py --coverage --input 'docs/*.xml' --contract contract.yaml
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from beamshred.sample import sample_of_input
from beamshred.words import counted
from pipeline.command_line import parse_tool
from pipeline.flags import positive
from pipeline.options import JobOptions
from transforms.contract.read import load_contract
from transforms.map.coverage import MOST_PATHS, Coverage
from transforms.records import Reject
from transforms.user_errors import UserError

DEFAULT_RECORDS = 1_000


def run(argv: Sequence[str]) -> int:
    """Show the coverage; the exit code is 2 where flags, contract or input are wrong, and 3 with damaged records."""
    rejects = 0
    try:
        flags: JobOptions = parse_tool(argv, _add_flags, "input", "contract")
        contract = load_contract(flags.contract)
        found = Coverage(contract)
        for record in sample_of_input(flags, contract, flags.sample):
            if isinstance(record, Reject):
                rejects += 1
            else:
                found.add(record.root)
    except (UserError, OSError) as error:
        print(f"no coverage: {error}", file=sys.stderr)
        return 2
    show(found, rejects, Console())
    return 3 if rejects else 0


def show(found: Coverage, rejects: int, console: Console) -> None:
    """Print what was found: what is not read comes first."""
    table = Table(
        Column("path", overflow="fold"), Column("found", justify="right"), Column("read", justify="right"), "shape"
    )
    for path, place in found.sorted_places():
        style = "yellow" if place.read < place.count else None
        table.add_row(Text(path), f"{place.count:,}", f"{place.read:,}", Text(place.shape), style=style)
    console.print(f"{found.records:,} records; paths begin at the record's element", highlight=False)
    console.print(table)
    if len(found.places) >= MOST_PATHS:
        console.print(f"Only the first {MOST_PATHS:,} different paths were counted.", highlight=False)
    for name, path in found.never_matched():
        near = found.suggestion(name)
        meant = f" (did you mean {near}?)" if near else ""
        console.print(f"never found: {name}: {path}{meant}", highlight=False, markup=False, soft_wrap=True)
    if rejects:
        console.print(f"{counted(rejects, 'damaged record')} left out.", highlight=False)


def _add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--sample", type=positive, default=DEFAULT_RECORDS)
