"""What makes sense of a contract as a whole: its references, paths, expressions and constants."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from math import inf
from typing import Any

from transforms.map.check_columns import check_text_keys, fits, is_for_texts, text_keys
from transforms.map.check_tables import check_table
from transforms.map.climb import deepest_of, ends_above_record, leaves_record
from transforms.map.column_model import LEAVES, SYSTEM_VALUES, UNPIVOT_VALUES, ColumnModel, is_system_value
from transforms.map.constants import Finding, check_constant
from transforms.map.contract import Contract, Index, Rule, Source
from transforms.map.convert import make_converter
from transforms.map.document import Location, did_you_mean
from transforms.map.elements import read_path, reference, unpivoted_reference
from transforms.map.expressions import ExpressionError, compile_expression
from transforms.map.paths import PathError, parse_path
from transforms.map.resolve import resolve, sources
from transforms.map.steps import Above, Before, Follow, Path, Up, all_steps
from transforms.map.tables import (
    computed_in_order,
    parents_first,
    schema_of,
    system_types,
    types_of,
)
from transforms.names import NCNAME, RecordPath
from transforms.schema import ColumnType, Schema

_HOLDS_NUMBER = ("tinyint", "smallint", "int", "bigint", "text")
_FOR_TEXTS = "`lookup`, `clean`, `format` and `take` are for texts that are read"


def check_contract(contract: Contract) -> Iterator[Finding]:
    """Every mistake that a look at one key alone cannot find; some may come more than once."""
    try:
        RecordPath.parse(contract.record.path, contract.namespaces)
    except ValueError as error:
        yield ("record", "path"), str(error), None, None
    for label, table in contract.tables.items():
        for group in table.include:
            if group not in contract.column_groups:
                yield (
                    ("tables", label, "include"),
                    "there is no such column group",
                    group,
                    did_you_mean(group, contract.column_groups),
                )
    resolved = resolve(contract)
    ordered = parents_first(resolved)
    found = [
        finding
        for label, table in resolved.tables.items()
        for finding in check_table(resolved, label, table, label in ordered)
    ]
    yield from found
    # Below a table with wrong keys nobody knows which columns an expression may name.
    unsound = {place[1] for place, *_ in found if place[2] in ("key", "parent", "inherit")}
    sound = {label: contract.tables[label] for label in ordered if label not in unsound}
    checker = _Checker(contract, resolved, schema_of(contract.model_copy(update={"tables": sound})))
    yield from checker.named()
    yield from checker.record()
    for label in [*ordered, *(label for label in resolved.tables if label not in ordered)]:
        yield from checker.table(label)


class _Checker:
    """Checks what is read and computed, table by table from the record down."""

    def __init__(self, contract: Contract, resolved: Contract, schema: Schema):
        self.contract = contract
        self.resolved = resolved
        self.schema = schema
        self.depths: dict[str | None, float] = {None: 0}  # below the record, at the most
        self.elements: dict[str, float] = {}
        self.has_parent = False
        self.own: dict[str, str] = {}

    def named(self) -> Iterator[Finding]:
        """Check the indexes and the named elements, and learn how deep they stand."""
        for name, index in self.contract.index.items():
            yield from self._index(("index", name), index)
        for name, text in self.contract.elements.items():
            place: Location = ("elements", name)
            if f"${name}" in (*SYSTEM_VALUES, *UNPIVOT_VALUES, LEAVES):
                yield place, f"${name} is a system value", None, "give the element another name"
            if not reference(f"${name}/."):
                yield place, "a path could not begin with this name", name, "use letters, digits and underscores"
            depth = yield from self._elements(place, text, 0)
            self.elements[name] = depth

    def _index(self, place: Location, index: Index) -> Iterator[Finding]:
        if not re.fullmatch(NCNAME, str(place[-1])):
            yield place, "`->` could not name this index", place[-1], "use letters, digits and underscores"
        depth = 0.0
        for key, text in (("path", index.path), ("key", index.key)):
            if reference(text):
                yield (*place, key), "an index begins at the record, not at a named element", text, None
            elif key == "path":
                depth = yield from self._elements((*place, key), text, 0)
            else:
                yield from self._path((*place, key), text, depth)
            if "->" in text:
                yield (*place, key), "the paths of an index follow no references", text, None

    def _elements(self, place: Location, text: str, depth: float):  # type: ignore[no-untyped-def]
        """Check a path of elements below those at a depth; give the depth of what it selects, at the most."""
        named = reference(text)
        if named and named[0] not in self.elements:
            yield place, *self._unknown(named[0])
            return depth
        start = self.elements[named[0]] if named else depth
        try:
            path = parse_path(named[1] if named else text, self.contract.namespaces)
        except PathError as error:
            yield place, str(error), None, None
            return depth
        if not path.selects_elements:
            if place[-1] == "rows":
                message, remedy = "rows are elements, and this selects attributes", "`unpivot` makes rows of attributes"
            else:
                remedy = "name their element: $name/@id reads them"
                message, remedy = "this selects attributes", "`key` names them" if place[0] == "index" else remedy
            yield place, message, text, remedy
        yield from self._references(place, path)
        climbs = [step for steps in path.alternatives for step in steps if isinstance(step, (Up, Above, Before))]
        if climbs:
            word = {Up: "..", Above: "above(...)", Before: "before(...)"}[type(climbs[0])]
            above = "their parent's row" if place[-1] == "rows" else "the record"
            yield (
                place,
                f"{'rows' if place[-1] == 'rows' else 'elements'} stand below {above}, and `{word}` leads out of it",
                text,
                None,
            )
        return start + max(map(deepest_of, path.alternatives))

    def _references(self, place: Location, path: Path) -> Iterator[Finding]:
        for step in all_steps(path):
            if isinstance(step, Follow) and step.index not in self.contract.index:
                yield (
                    place,
                    "there is no such index",
                    step.index,
                    did_you_mean(step.index, self.contract.index) or "declare it under `index`",
                )

    def _is_sound(self, place: Location, text: str, depth: float):  # type: ignore[no-untyped-def]
        """Check an element of a table's rows; give whether its path can be read."""
        found = False
        for finding in self._path(place, text, depth, elements=True):
            found = True
            yield finding
        return not found

    def _unknown(self, name: str) -> tuple[str, Any, str | None]:
        if name in self.contract.elements:
            return "this element is declared below", f"${name}", "put it above"
        known = [f"${known}" for known in self.contract.elements]
        return "there is no element of this name under `elements`", f"${name}", did_you_mean(f"${name}", known)

    def record(self) -> Iterator[Finding]:
        model = self.resolved.record
        types = {name: column.column_type for name, column in model.key.items()} | system_types()
        for name, column in model.key.items():
            place: Location = ("record", "key", name)
            yield from self._column(place, column, 0, {}, False)
            if column.from_ == ["$position"]:
                yield (*place, "from"), "a record has no position; its number in the source is $ordinal", None, None
            if column.expression is not None:
                yield (*place, "expression"), "a key is read, not computed", column.expression, None
        self.own = {}
        yield from self._rules(("record",), model.reject_when, model.warn_when, types, 0)

    def table(self, label: str) -> Iterator[Finding]:
        table = self.resolved.tables[label]
        # Below an unknown parent, any climb may be right.
        above = self.depths.get(table.parent, inf)
        self.has_parent = table.parent is not None
        depths = []
        for origin, source in sources(table):
            place: Location = ("tables", label, *origin)
            depth = yield from self._rows(place, source, above)
            depths.append(depth)
            self.own = {}
            for name, text in source.elements.items():
                if name in self.elements:
                    yield (*place, "elements", name), "the contract has an element of this name", None, "choose another"
                elif (yield from self._is_sound((*place, "elements", name), text, depth)):
                    self.own[name] = text
            types = types_of(self.resolved, self.schema, label, source) if label in self.schema.by_label else {}
            computed = [name for name, column in source.named.items() if column.expression is not None]
            broken = False
            for name, column in source.named.items():
                for finding in self._column(
                    self._place_of(label, origin, name), column, depth, types, bool(source.unpivot)
                ):
                    broken = True
                    yield finding
            if computed and not broken and types:
                for name in set(computed) - set(computed_in_order(self.contract, source.named, types)):
                    yield (
                        (*self._place_of(label, origin, name), "expression"),
                        "these expressions use one another in a circle",
                        None,
                        None,
                    )
            if source.where is not None:
                yield from self._expression((*place, "where"), source.where, types, depth, True)
            yield from self._rules(("tables", label), table.reject_when, table.warn_when, types, depth)
        self.depths[label] = max(depths)

    def _place_of(self, label: str, origin: Location, name: str) -> Location:
        """Where a column was written: in the source, in the table, or in a group that the table includes."""
        table = self.contract.tables[label]
        for key in ("columns", "let"):
            if origin and name in getattr(table.union[int(origin[1])], key):
                return ("tables", label, *origin, key, name)
            if name in getattr(table, key):
                return ("tables", label, key, name)
        groups = [group for group in table.include if name in self.contract.column_groups.get(group, {})]
        return ("column_groups", groups[-1], name)

    def _rows(self, place: Location, source: Source, above: float):  # type: ignore[no-untyped-def]
        """Check the row path; give how many elements below the record its rows stand, at the most."""
        if above and reference(source.rows):
            yield (
                (*place, "rows"),
                "only rows of the record itself are found by the name of an element",
                source.rows,
                "start at the parent's row",
            )
            return above
        depth = yield from self._elements((*place, "rows"), source.rows, above)
        for number, text in enumerate(source.unpivot or ()):
            if reference(text) and text != LEAVES:
                remedy = "let `rows` be that element"
                yield (*place, "unpivot", number), "these paths start at the row's element", text, remedy
            elif text != LEAVES:
                yield from self._path((*place, "unpivot", number), text, depth)
        return depth

    def _column(
        self, place: Location, column: ColumnModel, depth: float, types: Mapping[str, ColumnType], unpivots: bool
    ) -> Iterator[Finding]:
        for text in column.from_ or ():
            if is_system_value(text):
                yield from self._system(place, column, text, unpivots)
            else:
                yield from self._path((*place, "from"), text, depth, column, unpivots=unpivots)
        if column.expression is not None:
            yield from self._computed((*place, "expression"), column, types, depth)
        lookups = self.contract.lookups
        if column.lookup is not None and column.lookup not in lookups:
            yield (*place, "lookup"), "there is no such lookup", column.lookup, did_you_mean(column.lookup, lookups)
        if column.value is not None and is_for_texts(column):
            yield (
                place,
                f"a constant is the value itself: {_FOR_TEXTS}",
                column.value,
                None,
            )
        yield from check_text_keys(self.contract, place, column)
        type_ = column.column_type
        try:
            make_converter(type_, formats=column.format or (), rounding=column.rounding, zone=column.zone)
        except ValueError as error:
            yield place, str(error), None, None
        for key in ("value", "default"):
            if getattr(column, key) is not None:
                yield from check_constant((*place, key), type_, getattr(column, key))
        if column.lookup in lookups:
            lookup = lookups[column.lookup]
            for text, value in (lookup.values or {}).items():
                yield from check_constant(("lookups", column.lookup, "values", text), type_, value)
            if lookup.otherwise is not None:
                yield from check_constant(("lookups", column.lookup, "otherwise"), type_, lookup.otherwise)

    def _system(self, place: Location, column: ColumnModel, text: str, unpivots: bool) -> Iterator[Finding]:
        if text in UNPIVOT_VALUES:
            if not unpivots:
                yield (*place, "from"), f"only a table with `unpivot` has {text}", text, None
        elif text == "$parent_position" and not self.has_parent:
            yield (*place, "from"), f"only a table with a `parent` has {text}", text, None
        elif text not in SYSTEM_VALUES:
            yield (
                (*place, "from"),
                "there is no such system value",
                text,
                did_you_mean(text, [*SYSTEM_VALUES, *(UNPIVOT_VALUES if unpivots else ())]),
            )
        elif len(column.from_ or ()) > 1:
            yield (*place, "from"), "a system value is always there, so it stands alone", text, None
        else:
            natural = SYSTEM_VALUES[text][0]
            holds = _HOLDS_NUMBER if natural in _HOLDS_NUMBER and natural != "text" else (natural, "text")
            if column.column_type.name not in holds or is_for_texts(column):
                yield place, f"{text} is of the type {natural} and is taken as it is", column.type, None

    def _path(
        self,
        place: Location,
        text: str,
        depth: float,
        column: ColumnModel | None = None,
        elements: bool = False,
        unpivots: bool = False,
    ) -> Iterator[Finding]:
        follow = unpivoted_reference(text)
        if follow:
            if not unpivots:
                yield place, f"only a table with `unpivot` has {follow[0]}", text, None
            text, depth = follow[1], inf
        try:
            name, path = read_path(text, self.contract.namespaces, False, self.own)
        except PathError as error:
            yield place, str(error), None, None
            return
        if name and name not in self.elements:
            yield place, *self._unknown(name)
            return
        depth = self.elements[name] if name else depth
        yield from self._references(place, path)
        if elements and not path.selects_elements:
            yield place, "this selects attributes", text, "name their element: $name/@id reads them"
        if column is not None and column.from_ == [text] and not path.selects_elements:
            for key in text_keys(column):
                yield (
                    (*place[:-1], key),
                    "this is about the texts of elements, and the path selects attributes",
                    text,
                    None,
                )
        if column is not None and column.take in ("name", "xml", "json") and not path.selects_elements:
            yield place, f"`take: {column.take}` is about elements, and this selects attributes", text, None
        reads_text = not elements and (column is None or column.take not in ("name", "count"))
        if leaves_record(path, depth) or (reads_text and ends_above_record(path, depth)):
            yield (
                place,
                "above the record only the attributes of its ancestors are read, and their names",
                text,
                "choose a record path further up",
            )

    def _computed(
        self, place: Location, column: ColumnModel, types: Mapping[str, ColumnType], depth: float
    ) -> Iterator[Finding]:
        found = yield from self._expression(place, column.expression or "", types, depth, False)
        if is_for_texts(column):
            yield (
                place,
                f"an expression gives the value itself: {_FOR_TEXTS}",
                None,
                None,
            )
        if found is not None and not fits(found, column.column_type):
            yield (
                place,
                f"the expression gives {found.name}, and the column is {column.type}",
                None,
                f"CAST(... AS {column.type}) converts it",
            )

    def _expression(
        self, place: Location, text: str, types: Mapping[str, ColumnType], depth: float, is_condition: bool
    ) -> Generator[Finding, None, ColumnType | None]:
        """Check an expression and its paths; give its type, if it has one."""
        if not types:
            return None
        try:
            expression = compile_expression(text, types, self.contract.formats)
            if is_condition:
                expression.compile_condition(lambda kind, name: 0)
        except ExpressionError as error:
            yield place, str(error), None, None
            return None
        for path in expression.paths:
            if path not in types:
                yield from self._path(place, path, depth, unpivots="$value" in types)
        return expression.type

    def _rules(
        self, place: Location, rejects: list[Rule], warns: list[Rule], types: Mapping[str, ColumnType], depth: float
    ) -> Iterator[Finding]:
        for kind, rules in (("reject_when", rejects), ("warn_when", warns)):
            for number, rule in enumerate(rules):
                yield from self._expression((*place, kind, number, "when"), rule.when, types, depth, True)
