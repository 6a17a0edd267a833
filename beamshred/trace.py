"""One value of one record: which paths were tried, what they found, what was done to it, and what the row has.

    python run_pipeline.py --explain_value orders.total --record_key 17 --input ... --contract contract.yaml

Each step is made by the function that the mapper compiles; the row itself is the mapper's.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from lxml import etree

from beamshred.sample import sample_of_input
from beamshred.words import counted
from pipeline.command_line import parse_tool
from pipeline.options import OptionsError
from transforms import Contract
from transforms.map.clean import make_cleaning
from transforms.map.column_model import ColumnModel
from transforms.map.columns import ColumnError, make_column, text_of_value
from transforms.map.compiler import Mapper
from transforms.map.contract import Source
from transforms.map.document import did_you_mean
from transforms.map.elements import read_path
from transforms.map.load import load_contract
from transforms.map.raw import RawValues
from transforms.map.resolve import resolve
from transforms.map.select import compile_path
from transforms.map.tables import inherited
from transforms.map.takes import compile_take
from transforms.map.texts import text_of
from transforms.map.usual import is_system
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
        self.contract = resolve(contract)
        self.mapper = Mapper(contract)
        self._frame = RawValues(self.contract).frame
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
            names = {here: there for there, here in inherited(self.contract, above).items()}
            name = names[name]
            came_from = above = self.contract.tables[above].parent
        return above or "", name, came_from if above != label else None

    def lines(self, parsed: ParsedRecord) -> Iterator[str]:
        """What is to be said of one record."""
        self._frame.enter(parsed.root)
        yield f"{self.place} of the record {parsed.record.ordinal} in {parsed.record.source}"
        if not self.label:
            column = self.contract.record.key[self.name]
            yield "  a column of the record's key"
            yield from self._value(parsed.root, parsed.root, column, {}, True)
        else:
            if self.inherited_from:
                yield f"  a key column of the table {self.label}"
            table = self.contract.tables[self.label]
            number = 0
            for source, column in self._sources():
                for element in self._rows(parsed.root, self.label, source):
                    number += 1
                    if number > MOST_ROWS:
                        continue
                    yield f"  element {number}: {element.getroottree().getpath(element)}"
                    own = {**table.elements, **source.elements}
                    yield from self._value(parsed.root, element, column, own, self.name in table.key, source)
            if not number:
                paths = " and ".join(source.rows for source, _ in self._sources())
                yield f"  no element is a row: {paths} finds nothing"
            elif number > MOST_ROWS:
                yield f"  ... and {counted(number - MOST_ROWS, 'more element')}"
        yield from self._made(parsed)

    def _sources(self) -> list[tuple[Source, ColumnModel]]:
        table = self.contract.tables[self.label]
        return [(source, source.columns.get(self.name, table.columns[self.name])) for source in table.union or [table]]

    def _rows(self, root: etree._Element, label: str, source: Source) -> Iterator[etree._Element]:
        """The elements that a source of rows selects, before any condition."""
        parent = self.contract.tables[label].parent
        above: Iterator[etree._Element] = iter([root])
        if parent is not None:
            table = self.contract.tables[parent]
            above = (row for one in table.union or [table] for row in self._rows(root, parent, one))
        for element in above:
            yield from self._found(root, element, source.rows, False, self.contract.tables[label].elements)

    def _found(
        self, root: etree._Element, element: etree._Element, text: str, ignore_case: bool, own: Mapping[str, str]
    ) -> list[Any]:
        name, path = read_path(text, self.contract.namespaces, ignore_case, own)
        starts = [element] if name is None else self._found(root, root, self.contract.elements[name], False, {})
        select = compile_path(path, self._frame)
        return [node for start in starts for node in select(start)]

    def _value(
        self, root: etree._Element, element: etree._Element, column: ColumnModel, own: Mapping[str, str],
        required: bool, source: Source | None = None,
    ) -> Iterator[str]:  # fmt: skip
        if column.value is not None:
            yield f"    the constant {column.value!r}"
        elif column.expression is not None:
            yield f"    computed: {column.expression}"
        elif is_system(column) or (source is not None and (source.unpivot or source.slots)):
            yield f"    {', '.join(column.from_ or [])}"
        else:
            yield from self._read(root, element, column, own, required or column.required)

    def _read(
        self, root: etree._Element, element: etree._Element, column: ColumnModel, own: Mapping[str, str], required: bool
    ) -> Iterator[str]:
        raw: Any = None
        for text in column.from_ or []:
            nodes = self._found(root, element, text, column.ignore_case, own)
            yield f"    path {text}: {_shown(nodes)}"
            taken = compile_take(partial(_given, nodes), column.take)(element)
            if taken is not None and (raw is None or not any(map(str.strip, [raw] if isinstance(raw, str) else raw))):
                raw = taken
        if column.take != "first":
            yield f"    take {column.take}: {_short(raw)}"
        cleaned = raw
        for step in column.clean if isinstance(raw, str) else []:
            cleaned = make_cleaning(step)(cleaned)
            yield f"    clean {step}: {_short(cleaned)}"
        failures: Counter[tuple[str, str]] = Counter()
        make = make_column(self.contract, self.place, column, required, failures)
        try:
            value = raw if make is None else make(raw)
        except ColumnError as error:
            yield f"    as {column.type}: an error of the rule {error.rule}: {error.message}; it rejects the record"
            return
        rules = "".join(f"; the rule {rule} fired, on_error is {column.on_error}" for _, rule in failures)
        default = ", the default" if raw is None and column.default is not None else ""
        looked_up = f", by the lookup {column.lookup}" if column.lookup else ""
        yield f"    as {column.type}: {_cell(value)}{default}{looked_up}{rules}"

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
        print(f"nothing to explain: {error}", file=sys.stderr)
        return 2
    return 0
