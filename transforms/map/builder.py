"""Builds the scopes of a contract: walks its tables from the record down and writes their functions' lines."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from transforms.map.attributes import Attributes, Owners, attributes_of_one
from transforms.map.calls import (
    attempt,
    first_given,
    in_document_order,
    is_broken,
    make_filter,
    make_refusal,
    make_rule,
    one_by_one,
)
from transforms.map.climb import depth_of
from transforms.map.column_model import ColumnModel
from transforms.map.columns import ColumnError, Failures, default_of, make_column
from transforms.map.computed import COMPUTING_FAILED, Computed
from transforms.map.contract import Contract, Rule, Source, TableModel
from transforms.map.elements import Element, reference
from transforms.map.expressions import Expression, compile_expression
from transforms.map.raw import RawValues
from transforms.map.resolve import sources
from transforms.map.scope import Scope, guarded, tuple_of
from transforms.map.select import compile_from_all, compile_path, compile_rest, split_plain
from transforms.map.tables import (
    columns_read,
    computed_in_order,
    inherited,
    parents_first,
    primary_key,
    system_types,
    types_of,
)
from transforms.map.takes import compile_unpivot
from transforms.map.unique import Candidates, Choose, make_choice
from transforms.map.usual import is_system, usual
from transforms.map.walk import indented
from transforms.schema import ABSENT, Schema

_TOP = ((),)
"""The alternatives of the path ``.``."""


class Builder:
    """What is under construction: the scopes, and the names that their source uses.

    ``names`` must also get ``checksum``, ``run_id``, ``started``, ``now`` and ``fingerprint`` before the
    source is executed.
    """

    def __init__(self, contract: Contract, schema: Schema, failures: Failures, warnings: Counter[str]):
        self.contract = contract
        self.schema = schema
        self.failures = failures
        self.warnings = warnings
        self._raw = RawValues(contract)
        self.scopes: list[Scope] = []
        self.names = self._raw.names
        self.names |= {
            "ABSENT": ABSENT,
            "COMPUTING_FAILED": COMPUTING_FAILED,
            "ColumnError": ColumnError,
            "Decimal": Decimal,
            "named": {},
            "Candidates": Candidates,
            "Attributes": Attributes,
            "Owners": Owners,
            "attributes_of_one": attributes_of_one,
            "attributes": {},
            "attempt": partial(attempt, failures),
            "one_by_one": partial(one_by_one, failures),
            "first_given": first_given,
            "file_name": posixpath.basename,
            "is_broken": is_broken,
            "in_document_order": in_document_order,
        }
        self._labels = list(contract.tables)
        self._children: dict[str | None, list[str]] = {}
        for label in parents_first(contract):
            self._children.setdefault(contract.tables[label].parent, []).append(label)
        self._record()

    @property
    def reads_above(self) -> bool:
        """Whether rows depend on what stands above their record."""
        return self._raw.reads_above

    def source(self) -> str:
        """The Python source of all scopes; ``scope_0`` is that of the record."""
        if self._raw.uses_frame:
            self.scopes[0].opening.insert(0, "frame.enter(element)")
        return "\n".join(line for scope in self.scopes for line in scope.function(self.names))

    def _record(self) -> None:
        root, model = self._new_scope(0, ()), self.contract.record
        for name, element in self._raw.elements.items():
            self._reads(f"elements.{name}")
            root.opening.append(f"named[{name!r}] = {self._found(root, element)}")
            if element.is_one and self.contract.defaults.ignore_case:
                root.opening.append(f"attributes[{name!r}] = attributes_of_one(named[{name!r}])")
        columns = [self._column(root, f"record.key.{name}", column, True) for name, column in model.key.items()]
        root.lines += guarded("row_0", [], columns, "errors")
        places = {name: f"row_0[{number}]" for number, name in enumerate(model.key)}
        types = {name: column.column_type for name, column in model.key.items()} | system_types()
        root.lines += self._rules(root, "record", model, types, places)
        root.lines += self._below(None, root, ("row_0",))
        root.result = "row_0"

    def _reads(self, path: str, column: ColumnModel | None = None) -> None:
        """Say what the paths that are compiled next are for: it is named where a text of theirs cannot be followed."""
        is_forgiven = column is not None and column.on_error in ("null", "default")
        self._raw.frame.refuse = make_refusal(self.failures, path, is_forgiven)

    def _found(self, root: Scope, element: Element) -> str:
        """A named element, looked up in the record: by the walk that collects all else, as far as that goes."""
        base = self._raw.elements[element.base].depth if element.base else 0
        frame = self._raw.frame_for(element.path, base)
        if element.base:
            return f"{self._raw.name('select', compile_from_all(element.path, frame))}(named[{element.base!r}])"
        plain, rest = split_plain(element.path)
        slot = root.slot()
        if plain is None or not root.walk.add_rows(plain, slot):
            return f"{self._raw.name('select', compile_from_all(element.path, frame))}([element])"
        if not rest:
            return f"found_{slot} or []"
        return f"{self._raw.name('pick', compile_rest(rest, frame))}(found_{slot} or [])"

    def _new_scope(self, depth: int, above: tuple[str, ...]) -> Scope:
        self.scopes.append(Scope(len(self.scopes), depth, above))
        return self.scopes[-1]

    def _below(self, parent: str | None, scope: Scope, above: tuple[str, ...]) -> list[str]:
        """The lines that make the rows of all tables below a row that the scope has just made."""
        lines: list[str] = []
        shared: dict[str, Scope] = {}
        for label in self._children.get(parent, ()):
            table = self.contract.tables[label]
            into = "rows, errors"
            if table.unique:
                into = "candidates, errors"
                lines.append(f"candidates = Candidates({self._raw.name('choose', self._choice(label, table))})")
            if table.order == "document":
                lines += self._in_document_order(label, table, scope, above, into)
            for _, source in sources(table) if table.order == "sources" else ():
                below: Scope | None = None
                if not reference(source.rows) and self._raw.parse(source.rows).alternatives == _TOP:
                    if not table.unique:
                        lines += self._table(label, table, source, scope, above)
                        continue
                    below = self._new_scope(scope.depth, above)
                    lines.append(below.call("element", "position", into))
                else:
                    below = None if table.unique else shared.get(source.rows)
                    if below is None:
                        elements, below = self._selected(scope, source.rows, above, f"{label}.rows")
                        lines.append(f"for place, child in enumerate({elements}, 1):")
                        lines.append("    " + below.call("child", "place", into))
                        if not table.unique and not reference(source.rows):
                            shared[source.rows] = below
                below.lines += self._table(label, table, source, below, above)
            if table.unique:
                lines.append("candidates.close(rows, errors)")
        return lines

    def _selected(self, scope: Scope, rows: str, above: tuple[str, ...], place: str) -> tuple[str, Scope]:
        """The elements that are rows, as source, and a new scope whose function makes the rows of one."""
        named = reference(rows)
        path = self._raw.parse(named[1] if named else rows)
        is_top = path.alternatives == _TOP
        element = self._raw.elements[named[0]] if named else None
        depth = element.depth if element else scope.depth
        self._reads(place)
        frame = self._raw.frame_for(path, depth)
        below = self._new_scope(depth + min(map(depth_of, path.alternatives)), above)
        if named and element:
            elements = f"named[{named[0]!r}]"
            if is_top and element.is_one and self.contract.defaults.ignore_case:
                below.attributes = f"attributes[{named[0]!r}]"
            if not is_top:
                elements = f"{self._raw.name('select', compile_from_all(path, frame))}({elements})"
            return elements, below
        if is_top:
            return "(element,)", below
        slot = scope.slot()
        if scope.walk.add_rows(path, slot):
            return f"found_{slot} or ()", below
        return f"{self._raw.name('select', compile_path(path, frame))}(element)", below

    def _in_document_order(
        self, label: str, table: TableModel, scope: Scope, above: tuple[str, ...], into: str
    ) -> list[str]:
        """The lines that make the rows of all sources of a union as their elements stand in the document."""
        selected, calls = [], []
        for number, (_, source) in enumerate(sources(table)):
            elements, below = self._selected(scope, source.rows, above, f"{label}.rows")
            below.lines += self._table(label, table, source, below, above)
            selected.append(elements)
            calls += [f"    if source == {number}:", "        " + below.call("child", "place", into)]
        ordered = f"in_document_order(element, {tuple_of([f'({one})' for one in selected])})"
        return [f"for place, (source, child) in enumerate({ordered}, 1):", *calls]

    def _choice(self, label: str, table: TableModel) -> Choose:
        return make_choice(label, self.schema.by_label[label].column_names, table)

    def _table(self, label: str, table: TableModel, source: Source, scope: Scope, above: tuple[str, ...]) -> list[str]:
        """The lines that make a table's rows of the element at hand, and all that is below them."""
        self._raw.own = source.elements
        self._raw.parent_position = _position_of(table.parent, self._labels)
        row = f"row_{self._labels.index(label) + 1}"
        position = "place" if source.unpivot else "position"
        is_computed = any(column.expression is not None for column in source.columns.values())
        is_careful = any([source.where, table.skip_empty, table.reject_when, table.warn_when, is_computed, source.let])
        make = self._careful_row if is_careful else self._simple_row
        lines, is_kept, places = make(label, table, source, scope, above[-1], row, position)
        kept = [f"rows[{label!r}].append({row})"]
        for name in table.unique.prefer if table.unique else ():
            preferred = places[name] if name in source.let else self._with_default(places[name], source.columns[name])
            kept.append(f"candidates.prefer({preferred})")
        children = [self.contract.tables[child] for child in self._children.get(label, ())]
        if any("$parent_position" in child.model_dump_json() for child in children):
            above = (*above, _position_of(label, self._labels))
            kept.append(f"{above[-1]} = {position}")
        kept += self._below(label, scope, (*above, row))
        lines += [f"if {is_kept}:", *indented(kept)] if is_kept else kept
        if table.unique:
            lines = ["rows, errors = candidates.next()", *lines]
        if source.unpivot:
            self._reads(f"{label}.unpivot")
            parts = [self._raw.pairs(text, scope.depth) for text in source.unpivot]
            pairs = self._raw.name("unpivot", compile_unpivot(parts, source.split))
            lines = [f"for place, pair in enumerate({pairs}(element), 1):", *indented(lines)]
        # The function of a table with `unique` is called with the candidates in place of the record's rows.
        return ["candidates = rows", *lines] if table.unique else lines

    def _simple_row(
        self, label: str, table: TableModel, source: Source, scope: Scope, parent: str, row: str, position: str
    ) -> tuple[list[str], str, dict[str, str]]:
        takes = self._takes(label, table, parent)
        keys = primary_key(self.contract, label)
        columns = [
            self._column(scope, f"{label}.{name}", column, column.required or name in keys, position=position)
            for name, column in source.columns.items()
        ]
        places = {name: f"{row}[{number}]" for number, name in enumerate([*takes, *source.columns])}
        return guarded(row, list(takes.values()), columns, "errors"), "", places

    def _careful_row(
        self, label: str, table: TableModel, source: Source, scope: Scope, parent: str, row: str, position: str
    ) -> tuple[list[str], str, dict[str, str]]:
        """A row that may not be kept: its errors count, and its defaults are filled in, only if it is."""
        takes = self._takes(label, table, parent)
        keys = primary_key(self.contract, label)
        values, errors = row.replace("row", "values"), row.replace("row", "errors")
        read = {name: column for name, column in source.named.items() if column.expression is None}
        expressions = [
            self._column(
                scope, f"{label}.{name}", column, column.required or name in keys, name not in source.let, position
            )
            for name, column in read.items()
        ]
        lines = [f"{errors} = []", *guarded(values, list(takes.values()), expressions, errors)]
        places = {name: f"{values}[{number}]" for number, name in enumerate([*takes, *read])}
        types = types_of(self.contract, self.schema, label, source)
        for name in computed_in_order(self.contract, source.named, types):
            column, is_late = source.named[name], name not in source.let
            computed = Computed(f"{label}.{name}", column, column.required or name in keys, self.failures, is_late)
            expression = compile_expression(column.expression or "", types, self.contract.formats)
            self._reads(f"{label}.{name}", column)
            call = self._raw.name("expression", expression.compile(expression_slot(expression)))
            places[name] = f"{row}_{len(places)}"
            lines += [
                "try:",
                "    given = None",
                f"    given = {self._arguments(scope, expression, places, position)}",
                f"    {places[name]} = {self._raw.name('fit', computed.fit)}({call}(given))",
                "except COMPUTING_FAILED as error:",
                f"    {places[name]} = attempt({self._raw.name('column', computed)}, {call}, given, error, {errors})",
            ]
        final = [places[name] for name in takes] + [
            self._with_default(places[name], column) for name, column in source.columns.items()
        ]
        conditions = [self._where(scope, label, source, types, places, errors, position)] if source.where else []
        if table.skip_empty:
            counts_computed = table.skip_empty == "unless_computed"
            data = [
                _says(places[name], column, table.skip_empty == "with_blanks")
                for name, column in source.columns.items()
                if name not in keys and (_is_data(column) or (counts_computed and column.expression is not None))
            ]
            conditions.append("(" + " or ".join([*data, f"is_broken({errors})"]) + ")")
        kept = [
            f"if {errors}: errors.extend({errors})",
            *self._rules(scope, label, table, types, places, position),
            f"{row} = {tuple_of(final)}",
        ]
        if not conditions:
            return lines + kept, "", places
        keep = row.replace("row", "keep")
        return [*lines, f"{keep} = {' and '.join(conditions)}", f"if {keep}:", *indented(kept)], keep, places

    def _takes(self, label: str, table: TableModel, parent: str) -> dict[str, str]:
        """The inherited columns by name, as items of the parent's row."""
        names = (
            list(self.contract.record.key)
            if table.parent is None
            else list(self.schema.by_label[table.parent].column_names)
        )
        return {name: f"{parent}[{names.index(origin)}]" for origin, name in inherited(self.contract, label).items()}

    def _with_default(self, place: str, column: ColumnModel) -> str:
        default = self._default(column)
        return place if default == "None" else f"({default} if {place} is None else {place})"

    def _rules(
        self,
        scope: Scope,
        label: str,
        model: Any,
        types: Mapping[str, Any],
        places: Mapping[str, str],
        position: str = "position",
    ) -> list[str]:
        lines = []
        for rule in model.reject_when:
            refusal = self._raw.name("refusal", ColumnError(label, "reject_when", rule.message))
            lines += [f"if {self._when(scope, label, rule, types, places, position)}: errors.append({refusal})"]
        for rule in model.warn_when:
            name = f"{label}: {rule.message}"
            lines += [f"if {self._when(scope, label, rule, types, places, position)}: warnings[{name!r}] += 1"]
        return lines

    def _when(self, scope: Scope, label: str, rule: Rule, types: Any, places: Mapping[str, str], position: str) -> str:
        expression = compile_expression(rule.when, types, self.contract.formats)
        self._reads(f"{label}: {rule.message}")
        holds = make_rule(expression.compile_condition(expression_slot(expression)), f"{label}: {rule.message}")
        return f"{self._raw.name('rule', holds)}({self._arguments(scope, expression, places, position)}, errors)"

    def _where(
        self,
        scope: Scope,
        label: str,
        source: Source,
        types: Any,
        places: Mapping[str, str],
        errors: str,
        position: str,
    ) -> str:
        expression = compile_expression(source.where or "", types, self.contract.formats)
        self._reads(f"{label}.where")
        named = source.named
        read = columns_read(self.contract, expression, named, types)
        paths = {f"{label}.{name}" for name in read if name in named and named[name].on_error != "null"}
        keeps = make_filter(expression.compile_condition(expression_slot(expression)), f"{label}.where", paths)
        return f"{self._raw.name('where', keeps)}({self._arguments(scope, expression, places, position)}, {errors})"

    def _arguments(self, scope: Scope, expression: Expression, places: Mapping[str, str], position: str) -> str:
        """The values of an expression's slots, as a tuple."""
        ignore_case = self.contract.defaults.ignore_case
        values = []
        for kind, name in expression.slots:
            if kind == "column":
                values.append(places[name])
            elif kind == "now":
                values.append("now")
            else:
                values.append(self._raw.of_path(scope, name, "first", ignore_case, position))
        return tuple_of(values)

    def _column(
        self,
        scope: Scope,
        path: str,
        column: ColumnModel,
        required: bool,
        late_default: bool = False,
        position: str = "position",
    ) -> str:
        """A column as a Python expression in the scope's function."""
        self._reads(path, column)
        make = make_column(self.contract, path, column, required, self.failures, late_default)
        if column.from_ is None:
            raw = "None"
        else:
            raws = [self._raw.of_column(scope, column, text, position) for text in column.from_]
            raw = raws[0] if len(raws) == 1 else f"first_given({', '.join(raws)})"
        if make is None:
            return raw
        call, usually = self._raw.name("column", make), usual(self.contract, column, required)
        name, given = (raw, raw) if raw.isidentifier() else ("raw", f"(raw := {raw})")
        seldom = f"{call}({name})"
        if column.take in ("first", "last") and column.from_ and not is_system(column) and not required:
            # Most of what is not there says nothing.
            instead = "None" if late_default else self._default(column)
            first = name if usually else given
            seldom = f"{instead} if {first} is None else {seldom}"
        if usually is None:
            return f"({seldom})" if " " in seldom else f"{call}({raw})"
        names = {"given": given, "raw": name}
        if usually.thing is not None:
            names["thing"] = self._raw.name("usual", usually.thing)
        return f"({usually.value.format(**names)} if {usually.test.format(**names)} else {seldom})"

    def _default(self, column: ColumnModel) -> str:
        """What stands for no value."""
        default = default_of(column)
        return "None" if default is None else "ABSENT" if default is ABSENT else self._raw.name("default", default)


def _position_of(label: str | None, labels: list[str]) -> str:
    """The variable of the position of a table's row, where rows below it ask for it."""
    return "" if label is None else f"position_{labels.index(label) + 1}"


def expression_slot(expression: Expression) -> Callable[[str, str], int]:
    """Where an expression finds its values: in the order in which it names them."""
    return lambda kind, name: expression.slots.index((kind, name))


def _is_data(column: ColumnModel) -> bool:
    """Whether a column holds what the document says, and not only where."""
    return bool(column.from_) and column.from_ != ["$name"] and not is_system(column)


def _says(place: str, column: ColumnModel, with_blanks: bool) -> str:
    """The test whether a value is data; ``with_blanks``: a blank text is none."""
    if with_blanks and column.column_type.name == "text":
        return f"({place} and not {place}.isspace())"
    return f"{place} is not None"
