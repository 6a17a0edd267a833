"""One value of one record: which paths were tried, what they found, what was done to it, and what the row has.

    python run_pipeline.py --explain_value orders.total --record_key 17 --input ... --contract contract.yaml

Each step is made by the function that the mapper compiles; the row itself is the mapper's.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from lxml import etree

from beamshred.sample import sample_of_input
from beamshred.words import counted
from pipeline.command_line import parse_tool
from pipeline.options import OptionsError
from transforms import Contract
from transforms.contract.document import did_you_mean
from transforms.contract.plan import ColumnPlan, Read, SourcePlan, TablePlan
from transforms.contract.read import load_contract
from transforms.conversion.convert import make_cleaning
from transforms.map.access import current_record_of
from transforms.map.cells import ColumnError, make_column, text_of_value
from transforms.map.mapper import Mapper
from transforms.map.select import compile_path
from transforms.map.take import compile_take
from transforms.map.texts import text_of
from transforms.records import ParsedRecord, Reject
from transforms.schema import ABSENT
from transforms.user_errors import UserError

MOST_ROWS = 20
"""Rows whose value is traced."""

_MOST_FOUND = 5
_LONGEST = 60


class Tracer:
    """Says how the values of a column come about."""

    def __init__(self, contract: Contract, place: str) -> None:
        self.contract = contract
        self.mapper = Mapper(contract)
        self.current = current_record_of(contract)
        self.place = place
        self.label, self.name, self.inherited_from = self._find(place)

    def _find(self, place: str) -> tuple[str, str, str | None]:
        label, dot, name = place.rpartition(".")
        tables = self.mapper.schema.by_label
        if not dot or label not in tables:
            hint = did_you_mean(label or name, tables) or f"the tables are {', '.join(tables)}"
            raise OptionsError(f"--explain_value is {place!r}, not table.column with a table of the contract; {hint}")
        columns = tables[label].column_names
        if name not in columns:
            hint = did_you_mean(name, columns) or f"it has {', '.join(columns)}"
            raise OptionsError(f"--explain_value: the table {label} has no column {name!r}; {hint}")
        above: str | None = label
        came_from = None
        # A key column is read where it comes from.
        while above is not None and name not in self.contract.tables[above].columns:
            names = {here: there for there, here in self.contract.tables[above].inherited.items()}
            name = names[name]
            came_from = above = self.contract.tables[above].parent
        return above or "", name, came_from if above != label else None

    def lines(self, parsed: ParsedRecord) -> Iterator[str]:
        """What is to be said of one record."""
        self.current.enter(parsed.root)
        yield f"{self.place} of the record {parsed.record.ordinal} in {parsed.record.source}"
        if not self.label:
            yield "  a column of the record's key"
            yield from self._value(parsed.root, parsed.root, self.contract.record.key[self.name])
        else:
            if self.inherited_from:
                yield f"  a key column of the table {self.label}"
            table = self.contract.tables[self.label]
            number = 0
            for source in table.sources:
                for element in self._rows(parsed.root, table, source):
                    number += 1
                    if number > MOST_ROWS:
                        continue
                    yield f"  element {number}: {element.getroottree().getpath(element)}"
                    column = source.columns[self.name]
                    if source.unpivot and column.formula is None and column.constant is None:
                        yield f"    {', '.join(column.from_)}"
                    else:
                        yield from self._value(parsed.root, element, column)
            if not number:
                paths = " and ".join(dict.fromkeys(source.rows.text for source in table.sources))
                yield f"  no element is a row: {paths} finds nothing"
            elif number > MOST_ROWS:
                yield f"  ... and {counted(number - MOST_ROWS, 'more element')}"
        yield from self._made(parsed)

    def _rows(self, root: etree._Element, table: TablePlan, source: SourcePlan) -> Iterator[etree._Element]:
        """The elements that a source of rows selects, before any condition."""
        above: Iterator[etree._Element] = iter([root])
        if table.parent is not None:
            parent = self.contract.tables[table.parent]
            above = (row for one in parent.sources for row in self._rows(root, parent, one))
        for element in above:
            yield from self._found(root, element, source.rows)

    def _found(self, root: etree._Element, element: etree._Element, read: Read) -> list[Any]:
        starts = self._found(root, root, self.contract.elements[read.element].read) if read.element else [element]
        select = compile_path(read.path, self.current)
        return [node for start in starts for node in select(start)]

    def _value(self, root: etree._Element, element: etree._Element, column: ColumnPlan) -> Iterator[str]:
        if column.constant is not None:
            yield f"    the constant {column.model.value!r}"
        elif column.formula is not None:
            yield f"    computed: {column.formula.expression.text}"
        elif column.is_system:
            yield f"    {', '.join(column.from_)}"
        else:
            yield from self._read(root, element, column)

    def _read(self, root: etree._Element, element: etree._Element, column: ColumnPlan) -> Iterator[str]:
        raw: Any = None
        model = column.model
        for read in column.reads:
            nodes = self._found(root, element, read) if isinstance(read, Read) else []
            yield f"    path {read.text}: {_shown(nodes)}"
            taken = compile_take(partial(_given, nodes), model.take)(element)
            if taken is not None and (raw is None or not any(map(str.strip, [raw] if isinstance(raw, str) else raw))):
                raw = taken
        if model.take != "first":
            yield f"    take {model.take}: {_short(raw)}"
        cleaned = raw
        for step in model.clean if isinstance(raw, str) else []:
            cleaned = make_cleaning(step)(cleaned)
            yield f"    clean {step}: {_short(cleaned)}"
        failures: Counter[tuple[str, str]] = Counter()
        make = make_column(self.place, column, failures)
        try:
            value = raw if make is None else make(raw)
        except ColumnError as error:
            yield f"    as {model.type}: an error of the rule {error.rule}: {error.message}; it rejects the record"
            return
        rules = "".join(f"; the rule {rule} fired, on_error is {model.on_error}" for _, rule in failures)
        default = ", the default" if raw is None and model.default is not None else ""
        looked_up = f", by the lookup {column.lookup.name}" if column.lookup else ""
        yield f"    as {model.type}: {_cell(value)}{default}{looked_up}{rules}"

    def _made(self, parsed: ParsedRecord) -> Iterator[str]:
        mapped = self.mapper.map(parsed)
        if isinstance(mapped, Reject):
            yield f"The record is rejected by the rule {mapped.rule}: {mapped.message}"
            return
        label, _, name = self.place.rpartition(".")
        at = self.mapper.schema.by_label[label].column_names.index(name)
        values = [_cell(row[at]) for row in mapped.rows[label]]
        shown = ", ".join(values[:MOST_ROWS]) + (", ..." if len(values) > MOST_ROWS else "")
        yield f"The table {label} gets {counted(len(values), 'row')} of this record" + (f": {shown}" if values else "")


def find_record(tracer: Tracer, records: Iterator[ParsedRecord | Reject], key: str) -> ParsedRecord | None:
    """The first record with this key: the ledger's text of it, or the values with commas between them."""
    for record in records:
        if isinstance(record, ParsedRecord) and key in _spellings(tracer.mapper.map(record).key or ""):
            return record
    return None


def _spellings(key: str) -> set[str]:
    """A key as the ledger has it; and of several columns, which are a list there, the values with commas between."""
    try:
        values = json.loads(key)
    except ValueError:
        values = None
    if not isinstance(values, list):
        return {key}
    return {key, ",".join(map(str, values)), ", ".join(map(str, values))}


def _given(nodes: list[Any], element: etree._Element) -> list[Any]:
    return nodes


def _shown(nodes: Sequence[Any]) -> str:
    if not nodes:
        return "nothing"
    texts = [_short(text_of(node) if isinstance(node, etree._Element) else str(node)) for node in nodes[:_MOST_FOUND]]
    more = ", ..." if len(nodes) > _MOST_FOUND else ""
    return f"found {', '.join(texts)}{more}" + (f" ({len(nodes):,} of them)" if len(nodes) > 1 else "")


def _short(text: Any) -> str:
    shown = repr(text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."


def _cell(value: Any) -> str:
    if value is None or value is ABSENT:
        return "NULL" if value is None else "the database's DEFAULT"
    return _short(value) if isinstance(value, str) else text_of_value(value)


def _add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--explain_value", metavar="TABLE.COLUMN")
    parser.add_argument("--record_key", metavar="KEY")


def run(argv: Sequence[str]) -> int:
    """Explain one value; the exit code is 2 where something is wrong, or there is no such record."""
    try:
        flags = parse_tool(argv, _add_flags, "explain_value", "record_key", "input", "contract")
        contract = load_contract(flags.contract)
        tracer = Tracer(contract, flags.explain_value)
        record = find_record(tracer, sample_of_input(flags, contract, flags.limit), flags.record_key)
        if record is None:
            names = ", ".join(contract.record.key)
            raise OptionsError(f"no record of the input has the key {flags.record_key!r}; a key is: {names}")
        print("\n".join(tracer.lines(record)))
    except (UserError, OSError) as error:
        print(f"no explanation: {error}", file=sys.stderr)
        return 2
    return 0
