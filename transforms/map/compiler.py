"""A contract compiled into the function that turns a record into its rows.

The rows of a record form a tree, and so do the *scopes* here: a scope is a kind of element that makes rows.
Tables that take their rows from the same elements share a scope. Each scope becomes one Python function,
written as source text because that is several times faster than interpreting a plan for every row:

    def scope_2(element, position, record, rows, errors, row_0, row_1):     # <part> below row_1, <software>
        get = element.get
        found = [None, None]
        walk_2(element, found)                                               # what stands below, in one walk
        try:
            row_4 = (row_1[0], row_1[1], position, column_9(get('name')), found[0])
        except ColumnError:
            ...                                                              # again, to name all errors
        rows['part'].append(row_4)
        for position, child in enumerate(found[1] or (), 1):
            scope_3(child, position, record, rows, errors, row_0, row_1, row_4)

Nothing of a contract's text gets into the source but attribute names and table names, as string literals.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from typing import Any

from lxml.etree import _Element

from transforms.map.check import reads_above_record
from transforms.map.columns import ColumnError, MakeValue, make_column
from transforms.map.contract import ColumnModel, Contract, TableModel
from transforms.map.paths import Attribute, Path, Select, compile_path, parse_path, text_of
from transforms.map.tables import inherited, parents_first, primary_key, schema_of
from transforms.map.walk import Walk
from transforms.names import split_tag
from transforms.records import MappedRecord, ParsedRecord, Reject, Row, XmlRecord

MAX_KEY_LENGTH = 400
"""Characters of a record key: SQL Server indexes no more than 900 bytes."""

_MOST_ERRORS = 20
"""Errors of one record that its reject names."""

_SYSTEM = {
    "$position": "position",
    "$source": "record.source",
    "$file": "file_name(record.source)",
    "$ordinal": "record.ordinal",
    "$start": "record.start",
    "$end": "record.end",
}
"""System values as Python expressions in a scope's function."""


@dataclass
class _Scope:
    """A kind of element that makes rows. ``above`` are the variables of the rows it stands below."""

    number: int
    depth: int
    above: tuple[str, ...]
    walk: Walk = field(default_factory=Walk)
    slots: int = 0
    lines: list[str] = field(default_factory=list)
    made: tuple[str, ...] = ()
    below: list[tuple[str, _Scope]] = field(default_factory=list)
    by_rows: dict[str, _Scope] = field(default_factory=dict)

    def slot(self) -> int:
        self.slots += 1
        return self.slots - 1


class Mapper:
    """The compiled contract. ``failures`` counts texts that were no values, by column and rule."""

    def __init__(self, contract: Contract):
        self.contract = contract
        self.schema = schema_of(contract)
        self.failures: Counter[tuple[str, str]] = Counter()
        self._labels = tuple(contract.tables)
        self._reads_above = False
        self._names: dict[str, Any] = {
            "ColumnError": ColumnError,
            "one_by_one": _one_by_one,
            "first_given": _first_given,
            "file_name": posixpath.basename,
        }
        self._scopes = [_Scope(0, 0, ())]
        self._compile_key()
        self._compile_tables()
        for scope in self._scopes:
            self._names[f"walk_{scope.number}"] = scope.walk.compile()
        exec(compile(self.source, f"<contract {contract.contract}>", "exec"), self._names)  # our own text: see above
        self._shred = self._names["scope_0"]

    @property
    def source(self) -> str:
        """The Python source that the contract was compiled to."""
        return "\n".join(line for scope in self._scopes for line in _function(scope))

    def map(self, parsed: ParsedRecord) -> MappedRecord | Reject:
        """The rows of a record, or the reject that names its errors (the first :data:`_MOST_ERRORS`)."""
        record = parsed.record
        rows: dict[str, list[Row]] = {label: [] for label in self._labels}
        errors: list[ColumnError] = []
        key_values = self._shred(parsed.root, 1, record, rows, errors)
        if errors:
            return self._reject(record, errors, key_values)
        key = key_text(key_values)
        if len(key) > MAX_KEY_LENGTH:
            message = f"the key has {len(key)} characters, the ledger holds {MAX_KEY_LENGTH}: {key[:60]!r}..."
            return Reject.of(record, "map", "key_length", message, "record.key")
        return MappedRecord(key, key_values, record.source, record.ordinal, record.start, record.end, self.checksum(record), rows)

    def checksum(self, record: XmlRecord) -> bytes:
        """A hash of all of the source that the rows are made from: 16 bytes."""
        digest = hashlib.blake2b(record.payload, digest_size=16)
        if record.context.prolog:
            digest.update(record.context.prolog)
        if self._reads_above:
            digest.update(record.context.open_tags)
        return digest.digest()

    def _reject(self, record: XmlRecord, errors: list[ColumnError], key_values: Row) -> Reject:
        message = "; ".join(map(str, errors[:_MOST_ERRORS]))
        if len(errors) > _MOST_ERRORS:
            message += f"; and {len(errors) - _MOST_ERRORS} more"
        key = None if None in key_values else key_text(key_values)
        return Reject.of(record, "map", errors[0].rule, message, errors[0].path, key)

    def _compile_key(self) -> None:
        root = self._scopes[0]
        columns = [self._column(root, f"record.key.{name}", column, True) for name, column in self.contract.record.key.items()]
        self._add_row(root, "row_0", [], columns)

    def _compile_tables(self) -> None:
        scopes: dict[str | None, _Scope] = {None: self._scopes[0]}
        variables: dict[str | None, str] = {None: "row_0"}
        for number, label in enumerate(parents_first(self.contract), 1):
            table = self.contract.tables[label]
            scope = scopes[label] = self._scope_of(scopes[table.parent], table)
            variables[label] = f"row_{number}"
            keys = primary_key(self.contract, label)
            above = list(self.contract.record.key) if table.parent is None else list(self.schema.by_label[table.parent].column_names)
            takes = [f"{variables[table.parent]}[{above.index(name)}]" for name in inherited(self.contract, label)]
            columns = [
                self._column(scope, f"{label}.{name}", column, column.required or name in keys)
                for name, column in table.columns.items()
            ]
            self._add_row(scope, variables[label], takes, columns)
            scope.lines.append(f"rows[{label!r}].append({variables[label]})")

    def _scope_of(self, above: _Scope, table: TableModel) -> _Scope:
        """The scope of a table's rows: the one above it for ``.``, else one of its own or of a sibling's."""
        path = parse_path(table.rows, self.contract.namespaces)
        if path.alternatives == ((),):
            return above
        if path.text in above.by_rows:
            return above.by_rows[path.text]
        depth = above.depth + min(len(steps) for steps in path.alternatives)
        scope = _Scope(len(self._scopes), depth, above.above + above.made)
        self._scopes.append(scope)
        slot = above.slot()
        if above.walk.add_rows(path, slot):
            elements = f"found[{slot}] or ()"
        else:
            elements = f"{self._name('select', compile_path(path))}(element)"
        above.below.append((elements, scope))
        above.by_rows[path.text] = scope
        return scope

    def _add_row(self, scope: _Scope, variable: str, takes: Sequence[str], columns: Sequence[str]) -> None:
        values = ", ".join([*takes, *columns])
        lazy = ", ".join(f"lambda: {column}" for column in columns)
        inherited_values = ", ".join(takes)
        scope.lines += [
            "try:",
            f"    {variable} = ({values},)",
            "except ColumnError:",
            f"    {variable} = ({inherited_values}{',' if takes else ''}) + one_by_one(({lazy},), errors)",
        ]
        scope.made += (variable,)

    def _column(self, scope: _Scope, path: str, column: ColumnModel, required: bool) -> str:
        """A column as a Python expression in the scope's function."""
        make = make_column(self.contract, path, column, required, self.failures)
        raw = self._raw(scope, column)
        return raw if make is None else f"{self._name('column', make)}({raw})"

    def _raw(self, scope: _Scope, column: ColumnModel) -> str:
        if column.from_ is None:
            return "None"
        texts = [self._raw_of_path(scope, text, column.take) for text in column.from_]
        return texts[0] if len(texts) == 1 else f"first_given({', '.join(texts)})"

    def _raw_of_path(self, scope: _Scope, text: str, take: str) -> str:
        if text in _SYSTEM:
            return _SYSTEM[text]
        path = parse_path(text, self.contract.namespaces)
        self._reads_above = self._reads_above or reads_above_record(path, scope.depth)
        name = _own_attribute(path)
        if name is not None and take in ("first", "last"):
            return f"get({name!r})"
        if take == "name":
            return f"{self._name('select', _namer(compile_path(path)))}(element)"
        slot = scope.slot()
        if scope.walk.add_value(path, take, slot):
            return f"found[{slot}]"
        scope.slots -= 1
        return f"{self._name('select', _taker(compile_path(path), take))}(element)"

    def _name(self, kind: str, function: Callable[..., Any]) -> str:
        name = f"{kind}_{len(self._names)}"
        self._names[name] = function
        return name


def _function(scope: _Scope) -> list[str]:
    parameters = ", ".join(("element", "position", "record", "rows", "errors", *scope.above))
    lines = ["get = element.get"]
    if scope.slots:
        lines += [f"found = [None] * {scope.slots}", f"walk_{scope.number}(element, found)"]
    lines += scope.lines
    for elements, below in scope.below:
        arguments = ", ".join(("child", "position", "record", "rows", "errors", *below.above))
        lines += [f"for position, child in enumerate({elements}, 1):", f"    scope_{below.number}({arguments})"]
    if scope.number == 0:
        lines.append("return row_0")
    return [f"def scope_{scope.number}({parameters}):", *("    " + line for line in lines)]


def _one_by_one(columns: Sequence[Callable[[], Any]], errors: list[ColumnError]) -> Row:
    """The columns of a row once more, each by itself, to find all of its errors and not just the first."""
    row = []
    for column in columns:
        try:
            row.append(column())
        except ColumnError as error:
            errors.append(error)
            row.append(None)
    return tuple(row)


def _first_given(*candidates: Any) -> Any:
    """The first that is there and not blank; else the first that is there."""
    there = [candidate for candidate in candidates if candidate is not None]
    return next((value for value in there if not isinstance(value, str) or value.strip()), there[0] if there else None)


def _own_attribute(path: Path) -> str | None:
    """The name of the attribute, for a path that is just an attribute of the element at hand."""
    if len(path.alternatives) == 1 and len(path.alternatives[0]) == 1:
        step = path.alternatives[0][0]
        if isinstance(step, Attribute):
            return step.name
    return None


def _taker(select: Select, take: str) -> Callable[[_Element], Any]:
    """A function that gives of what is selected what ``take`` asks for, as text."""

    def one(element: _Element) -> str | None:
        found = select(element)
        if not found:
            return None
        node = found[-1 if take == "last" else 0]
        return node if isinstance(node, str) else text_of(node)

    def every(element: _Element) -> list[str] | None:
        return [node if isinstance(node, str) else text_of(node) for node in select(element)] or None

    return one if take in ("first", "last") else every


def _namer(select: Select) -> Callable[[_Element], str | None]:
    """A function that gives the name, without namespace, of the first element that is selected."""

    def name(element: _Element) -> str | None:
        found = select(element)
        return split_tag(found[0].tag)[1] if found else None

    return name


def key_text(values: Row) -> str:
    """A record key as the one text that the ledger keeps; JSON where it has several columns."""
    if len(values) == 1:
        return _text(values[0])
    return _JSON.encode([_text(value) for value in values])


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (date, time)):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)
