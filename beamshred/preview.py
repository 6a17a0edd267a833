"""The first records as the rows that they would become. Nothing is written, and no target is needed.

    python run_pipeline.py --preview 5 --input 'docs/*.xml' --contract contract.yaml

The rows are those of the mapper itself. What it did besides is shown below them: texts that were no values, defaults
that were taken, warnings, rejects.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from rich.console import Console
from rich.table import Column
from rich.table import Table as Shown
from rich.text import Text

from beamshred.sample import sample_of_input
from beamshred.words import counted
from pipeline.command_line import parse_tool
from pipeline.flags import positive
from pipeline.options import JobOptions
from transforms import Contract
from transforms.contract.plan import ColumnPlan, SourcePlan
from transforms.contract.read import load_contract
from transforms.map.cells import CUT, text_of_value
from transforms.map.mapper import Mapper
from transforms.records import MappedRecord, ParsedRecord, Reject
from transforms.schema import ABSENT, Schema, Table
from transforms.user_errors import UserError

DEFAULT_RECORDS = 5
MOST_ROWS = 20
"""Rows of a table that the terminal shows; the other formats have all."""

_NARROW = 14
"""Characters that a column needs: where there is less, each row is shown from top to bottom."""


@dataclass
class Preview:
    """What was mapped: the rows by table, and by column and rule what was done to reach them."""

    schema: Schema
    records: int = 0
    rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    rules: Counter[tuple[str, str]] = field(default_factory=Counter)
    rejects: list[Reject] = field(default_factory=list)


def preview(contract: Contract, records: Iterator[ParsedRecord | Reject]) -> Preview:
    """Map records, and keep all that comes of them."""
    mapper = Mapper(contract)
    plain = _without_defaults(contract)
    bare = Mapper(plain) if plain is not None else None
    found = Preview(mapper.schema, rows={table.label: [] for table in mapper.schema.tables})
    for record in records:
        found.records += 1
        mapped = mapper.map(record) if isinstance(record, ParsedRecord) else record
        if isinstance(mapped, Reject):
            found.rejects.append(mapped)
            continue
        for label, rows in mapped.rows.items():
            found.rows[label] += rows
        if bare is not None and isinstance(record, ParsedRecord):
            _count_defaults(found, mapped, bare.map(record))
    for (column, rule), count in mapper.failures.items():
        found.rules[column, "cut" if rule == CUT else f"{rule}: no value of its type, so NULL or the default"] += count
    for said, count in mapper.warnings.items():
        found.rules[said, "warn_when"] += count
    return found


def _without_defaults(contract: Contract) -> Contract | None:
    """The contract whose columns have no defaults: what is NULL by it, and is not by the other, is a default."""

    def stripped(column: ColumnPlan) -> ColumnPlan:
        model = column.model
        update: dict[str, Any] = {"on_error": "null"} if model.on_error == "default" else {}
        if model.default is not None:
            update |= {"default": None, "required": False}
        is_key = column.required and not model.required
        return replace(
            column,
            model=model.model_copy(update=update),
            required=column.required and (is_key or model.default is None),
            default=ABSENT if model.omit else None,
        )

    def source_without(source: SourcePlan) -> SourcePlan:
        return replace(source, columns={name: stripped(column) for name, column in source.columns.items()})

    tables = {
        label: replace(table, sources=tuple(map(source_without, table.sources)))
        for label, table in contract.tables.items()
    }
    sources = [source for table in contract.tables.values() for source in table.sources]
    has_defaults = any(column.model.default is not None for source in sources for column in source.columns.values())
    return replace(contract, tables=tables) if has_defaults else None


def _count_defaults(found: Preview, mapped: MappedRecord, bare: MappedRecord | Reject) -> None:
    if isinstance(bare, Reject):
        return
    for table in found.schema.tables:
        rows, others = mapped.rows[table.label], bare.rows[table.label]
        for row, other in zip(rows, others, strict=len(rows) == len(others)):
            for name, value, without in zip(table.column_names, row, other, strict=True):
                if without is None and value is not None:
                    found.rules[f"{table.label}.{name}", "default"] += 1


def as_json(found: Preview) -> str:
    """One object: the rows of each table as objects, the rules with their counts, and the rejects."""
    tables = {
        table.label: [dict(_named(table, row)) for row in found.rows[table.label]] for table in found.schema.tables
    }
    shown = {
        "records": found.records,
        "tables": tables,
        "rules": [{"place": place, "rule": rule, "count": count} for (place, rule), count in found.rules.items()],
        "rejects": [
            {"source": one.source, "ordinal": one.ordinal, "key": one.key, "rule": one.rule, "message": one.message}
            for one in found.rejects
        ],
    }
    return orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode() + "\n"


def _named(table: Table, row: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    for name, value in zip(table.column_names, row, strict=True):
        if value is not ABSENT:
            yield name, value if value is None or isinstance(value, (bool, int, float)) else text_of_value(value)


def write_csv(found: Preview, file: Any) -> None:
    """The tables, each below a line with its name; an empty line is between them. NULL is an empty field."""
    writer = csv.writer(file, lineterminator="\n")
    for number, table in enumerate(found.schema.tables):
        if number:
            file.write("\n")
        file.write(f"# {table.label}\n")
        writer.writerow(table.column_names)
        for row in found.rows[table.label]:
            writer.writerow(["" if value is None or value is ABSENT else text_of_value(value) for value in row])


def show(found: Preview, console: Console) -> None:
    """The tables for a person, then what was done to the values, then the rejects."""
    for table in found.schema.tables:
        rows = found.rows[table.label]
        if not rows:
            console.print(f"{table.label}: no rows", style="dim", markup=False)
            continue
        wide = len(table.columns) * _NARROW > console.width
        for shown in _upright(table, rows[:MOST_ROWS], console.width) if wide else [_across(table, rows[:MOST_ROWS])]:
            console.print(shown)
        if len(rows) > MOST_ROWS:
            console.print(
                f"... and {counted(len(rows) - MOST_ROWS, 'more row')} of {table.label}", style="dim", markup=False
            )
    if found.rules:
        rules = Shown("place", "rule", "times", title="What was done to values", title_justify="left")
        for (place, rule), count in found.rules.most_common():
            rules.add_row(Text(place), Text(rule), f"{count:,}")
        console.print(rules)
    for one in found.rejects:
        place = f"{one.source}, record {one.ordinal}" if one.ordinal is not None else one.source
        console.print(Text(f"rejected by the rule {one.rule}: {place}\n  {one.message}", style="red"))
    console.print(f"{counted(found.records, 'record')}, {len(found.rejects):,} of them rejected. Nothing was written.")


def _across(table: Table, rows: Sequence[tuple[Any, ...]]) -> Shown:
    shown = Shown(*(Column(Text(name)) for name in table.column_names), title=Text(table.label), title_justify="left")
    for row in rows:
        shown.add_row(*map(_cell, row))
    return shown


def _upright(table: Table, rows: Sequence[tuple[Any, ...]], width: int) -> Iterator[Shown]:
    """The rows side by side, each a column, as many as the terminal has room for."""
    longest = max(map(len, table.column_names))
    at_once = max(1, (width - longest) // (2 * _NARROW))
    for start in range(0, len(rows), at_once):
        group = rows[start : start + at_once]
        numbers = [f"row {number}" for number in range(start + 1, start + 1 + len(group))]
        shown = Shown("column", *numbers, title=Text(table.label), title_justify="left")
        for at, name in enumerate(table.column_names):
            shown.add_row(Text(name), *(_cell(row[at]) for row in group))
        yield shown


def _cell(value: Any) -> Text:
    if value is None or value is ABSENT:
        return Text("NULL" if value is None else "DEFAULT", style="dim")
    return Text("''", style="dim") if value == "" else Text(text_of_value(value))


def _add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--preview", nargs="?", type=positive, const=DEFAULT_RECORDS)
    parser.add_argument("--preview_format", choices=["table", "json", "csv"], default="table")


def run(argv: Sequence[str]) -> int:
    """Show the first records; the exit code is 2 where flags, contract or input are wrong, and 3 with rejects."""
    try:
        flags: JobOptions = parse_tool(argv, _add_flags, "input", "contract")
        contract = load_contract(flags.contract)
        found = preview(contract, sample_of_input(flags, contract, flags.preview or DEFAULT_RECORDS))
    except (UserError, OSError) as error:
        print(f"no preview: {error}", file=sys.stderr)
        return 2
    if flags.preview_format == "json":
        print(as_json(found), end="")
    elif flags.preview_format == "csv":
        write_csv(found, sys.stdout)
    else:
        show(found, Console())
    return 3 if found.rejects else 0
