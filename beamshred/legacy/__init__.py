"""The import of legacy contracts: one JSON file of mappings becomes one of our contracts.

    python run_pipeline.py --import_contract legacy.json > contract.yaml
    python -m beamshred.legacy legacy.json > contract.yaml

source    the JSON file, read and checked
paths     absolute paths as paths from the element of a row
grammar   expressions, parsed; sql: the same as SQL
types     types, constants and formats
values    a mapping as a column
rows      mapping types that make rows
slots     such rows as the slots of a table
tables    the whole contract as plain dictionaries
write     the contract as YAML
notes     what changed and what could not be taken
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from beamshred.legacy.notes import Notes
from beamshred.legacy.source import Legacy, LegacyError, read_legacy
from beamshred.legacy.tables import Tables
from beamshred.legacy.write import write_yaml
from transforms.contract.document import ContractError, Problem
from transforms.contract.read import parse_contract

__all__ = ["LegacyError", "Notes", "convert_legacy", "read_legacy", "run_import"]

_ABOUT = "Print the contract that a legacy mapping contract becomes, and on stderr what is different."
_FLAGS = ("--import_contract", "--import-contract")


def convert_legacy(legacy: Legacy) -> tuple[str, Notes]:
    """A legacy contract as the YAML of one of ours, which loads without a mistake, and the notes on it."""
    notes = Notes()
    for line in legacy.unknown:
        notes.cannot(line)
    contract = Tables(legacy, notes).contract()
    while True:
        text = write_yaml(contract, legacy)
        try:
            parse_contract(text, f"the import of {legacy.name}")
        except ContractError as error:
            if True not in [_left_out(contract, problem, legacy, notes) for problem in error.problems]:
                raise
        else:
            return text, notes


def _left_out(contract: dict[str, Any], problem: Problem, legacy: Legacy, notes: Notes) -> bool:
    """Whether a problem is that of one column, which then has no value: a sum of dates, or a text in a number."""
    location = list(problem.location)
    if location[:1] != ["tables"] or "columns" not in location[2:]:
        return False
    *above, name = location[: location.index("columns", 2) + 2]
    columns: Any = contract
    for step in above:
        columns = columns[step]
    if columns[name].get("expression") == "NULL":
        return False
    kept = {key: columns[name][key] for key in ("type", "default") if key in columns[name]}
    columns[name] = {"expression": "NULL", **kept}
    for mapping in legacy.mappings:
        if (mapping.table, mapping.column) == (location[1], name):
            notes.cannot(problem.message, mapping)
    return True


def run_import(argv: Sequence[str]) -> int:
    """Print the contract that a legacy file becomes, and the notes on it to stderr; the result is the exit code.

    ``argv`` is the file, or ``--import_contract`` and the file. The result is 2 where the flags are wrong, or the file
    cannot be read or is no legacy contract.
    """
    parser = argparse.ArgumentParser(prog="python -m beamshred.legacy", description=_ABOUT, allow_abbrev=False)
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("file", nargs="?", metavar="FILE", help="the JSON file of mappings")
    place.add_argument(*_FLAGS, dest="flag", metavar="FILE", help="the same")
    options = parser.parse_args(argv)
    file = options.file or options.flag
    try:
        text, notes = convert_legacy(read_legacy(file))
    except ValueError as error:
        print(f"{file} cannot be imported:\n{error}", file=sys.stderr)
        return 2
    print(text, end="")
    print("\n".join(notes.lines()), file=sys.stderr)
    return 0
