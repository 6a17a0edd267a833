"""What changed between two runs: ``--compare runs/<one> runs/<other>``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from beamshred.report.report_file import read_report
from transforms.user_errors import UserError

SECTIONS = (
    "state", "error", "contract", "records", "skipped", "tables", "rejects", "conversions", "warnings", "seconds",
    "records_per_second", "stages", "slices", "cpu_seconds", "peak_memory_bytes", "options", "versions",
)  # fmt: skip
"""What is compared first, in this order; other parts of a report follow."""
_OF_ITS_OWN = frozenset(("run_id", "started", "timeline", "slowest", "slice_sizes", "run_dir"))
"""What differs between any two runs."""


@dataclass(frozen=True)
class Change:
    """A value of the report that is another in the second run; ``None`` where a run has none."""

    name: str
    before: Any
    after: Any

    @property
    def by(self) -> str:
        """How much more or less, where both are numbers."""
        if not (_is_number(self.before) and _is_number(self.after)):
            return ""
        share = f" ({(self.after - self.before) / self.before:+.0%})" if self.before else ""
        return f"{self.after - self.before:+,.10g}{share}"


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What differs between two reports."""
    names = sorted({*before, *after} - _OF_ITS_OWN, key=lambda name: (_place(name), name))
    return [change for name in names for change in _changes(name, before.get(name), after.get(name))]


def run(argv: Sequence[str]) -> int:
    """``--compare runs/<one> runs/<other>``: print what changed; the result is the exit code."""
    parser = argparse.ArgumentParser(prog="run_pipeline.py", add_help=False, allow_abbrev=False)
    parser.add_argument("--compare", dest="runs", nargs=2, metavar="RUN", required=True)
    try:
        before, after = (read_report(Path(run)) for run in parser.parse_args(argv).runs)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    changes = compare(before, after)
    console = Console()
    if not changes:
        console.print("The two runs did the same.")
        return 0
    table = Table("", str(before["run_id"]), str(after["run_id"]), "change")
    for column in table.columns[1:]:
        column.justify, column.overflow = "right", "fold"
    for change in changes:
        table.add_row(Text(change.name), Text(_shown(change.before)), Text(_shown(change.after)), change.by)
    console.print(table)
    return 0


def _changes(name: str, before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, Mapping) or isinstance(after, Mapping):
        before, after = (value if isinstance(value, Mapping) else {} for value in (before, after))
        for key in dict.fromkeys([*before, *after]):
            if key not in _OF_ITS_OWN:
                yield from _changes(f"{name}.{key}", before.get(key), after.get(key))
    elif before != after:
        yield Change(name, before, after)


def _place(name: str) -> int:
    return SECTIONS.index(name) if name in SECTIONS else len(SECTIONS)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if _is_number(value) else str(value)
