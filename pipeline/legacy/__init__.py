"""The import of legacy contracts: one JSON file of mappings becomes one of our contracts.

    python run_pipeline.py --import_contract legacy.json > contract.yaml

    source    the JSON file, read and checked
    paths     absolute paths as paths from the element of a row
    grammar   expressions, parsed; sql: the same as SQL
    types     types, constants and formats
    values    a mapping as a column
    rows      mapping types that make rows, as slots
    tables    the whole contract as plain dictionaries
    write     the contract as YAML
    notes     what changed and what could not be taken
"""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.legacy.notes import Notes
from pipeline.legacy.source import Legacy, LegacyError, read_legacy
from pipeline.legacy.tables import Tables
from pipeline.legacy.write import write_yaml
from transforms.map.load import parse_contract

__all__ = ["LegacyError", "Notes", "convert_legacy", "import_legacy", "read_legacy"]


def convert_legacy(legacy: Legacy) -> tuple[str, Notes]:
    """A legacy contract as the YAML of one of ours, which loads without a mistake, and the notes on it."""
    notes = Notes()
    for line in legacy.unknown:
        notes.cannot(line)
    text = write_yaml(Tables(legacy, notes).contract(), legacy)
    parse_contract(text, f"the import of {legacy.name}")
    return text, notes


def import_legacy(file: str | Path) -> int:
    """Print the contract that a legacy file becomes, and the notes on it to stderr; the result is the exit code.

    It is 2 where the file cannot be read or is no legacy contract.
    """
    try:
        text, notes = convert_legacy(read_legacy(file))
    except ValueError as error:
        print(f"{file} cannot be imported:\n{error}", file=sys.stderr)
        return 2
    print(text, end="")
    print("\n".join(notes.lines()), file=sys.stderr)
    return 0
