"""Builds the scopes of a contract: walks its tables from the record down and writes their functions' lines."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial

from transforms.contract.expressions import Expression
from transforms.contract.plan import (
    ColumnPlan,
    Contract,
    ElementPlan,
    Formula,
    Read,
    RulePlan,
    Rules,
    SourcePlan,
    SystemValue,
    TablePlan,
)
from transforms.contract.steps import depth_of
from transforms.map.access import RawValues
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
from transforms.map.cells import ColumnError, Failures, make_column
from transforms.map.collect import indented
from transforms.map.computed import COMPUTING_FAILED, Computed
from transforms.map.row_function import Scope, guarded, tuple_of
from transforms.map.select import compile_from_all, compile_path, compile_rest, split_plain
from transforms.map.take import compile_unpivot
from transforms.map.unique import Candidates, make_choice
from transforms.map.usual import usual
from transforms.schema import ABSENT

_TOP = ((),)
"""The alternatives of the path ``.``."""


class Builder:
    """What is under construction: the scopes, and the names that their source uses.

    ``names`` must also get ``checksum``, ``run_id``, ``started``, ``now`` and ``fingerprint`` before the
    source is executed.
    """

    def __init__(self, contract: Contract, failures: Failures, warnings: Counter[str]):
        self.contract = contract
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
        self._children: dict[str | None, list[TablePlan]] = {}
        for table in contract.parents_first:
            self._children.setdefault(table.parent, []).append(table)
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
        root, record = self._new_scope(0, ()), self.contract.record
        for name, element in self.contract.elements.items():
            self._reads(f"elements.{name}")
            root.opening.append(f"named[{name!r}] = {self._found(root, element)}")
            if element.is_one and self.contract.ignore_case:
                root.opening.append(f"attributes[{name!r}] = attributes_of_one(named[{name!r}])")
        columns = [self._column(root, f"record.key.{name}", column) for name, column in record.key.items()]
        root.lines += guarded("row_0", [], columns, "errors")
        places = {name: f"row_0[{number}]" for number, name in enumerate(record.key)}
        root.lines += self._rules(root, "record", record.rules, places)
        root.lines += self._below(None, root, ("row_0",))
        root.result = "row_0"

    def _reads(self, path: str, column: ColumnPlan | None = None) -> None:
        """Say what the paths that are compiled next are for: it is named where a text of theirs cannot be followed."""
        is_forgiven = column is not None and column.model.on_error in ("null", "default")
        self._raw.frame.refuse = make_refusal(self.failures, path, is_forgiven)

    def _found(self, root: Scope, element: ElementPlan) -> str:
        """A named element, looked up in the record: by the walk that collects all else, as far as that goes."""
        path, base = element.read.path, element.read.element
        frame = self._raw.frame_for(path, self.contract.elements[base].depth if base else 0)
        if base:
            return f"{self._raw.name('select', compile_from_all(path, frame))}(named[{base!r}])"
        plain, rest = split_plain(path)
        slot = root.slot()
        if plain is None or not root.walk.add_rows(plain, slot):
            return f"{self._raw.name('select', compile_from_all(path, frame))}([element])"
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
        for table in self._children.get(parent, ()):
            into = "rows, errors"
            if table.unique:
                into = "candidates, errors"
                choice = make_choice(table.label, table.table.column_names, table.unique)
                lines.append(f"candidates = Candidates({self._raw.name('choose', choice)})")
            if table.order == "document":
                lines += self._in_document_order(table, scope, above, into)
            for source in table.sources if table.order == "sources" else ():
                below: Scope | None = None
                if not source.rows.element and source.rows.path.alternatives == _TOP:
                    if not table.unique:
                        lines += self._table(table, source, scope, above)
                        continue
                    below = self._new_scope(scope.depth, above)
                    lines.append(below.call("element", "position", into))
                else:
                    below = None if table.unique else shared.get(source.rows.text)
                    if below is None:
                        elements, below = self._selected(scope, source.rows, above, f"{table.label}.rows")
                        lines.append(f"for place, child in enumerate({elements}, 1):")
                        lines.append("    " + below.call("child", "place", into))
                        if not table.unique and not source.rows.element:
                            shared[source.rows.text] = below
                below.lines += self._table(table, source, below, above)
            if table.unique:
                lines.append("candidates.close(rows, errors)")
        return lines

    def _selected(self, scope: Scope, rows: Read, above: tuple[str, ...], place: str) -> tuple[str, Scope]:
        """The elements that are rows, as source, and a new scope whose function makes the rows of one."""
        path, name = rows.path, rows.element
        is_top = path.alternatives == _TOP
        element = self.contract.elements[name] if name else None
        depth = element.depth if element else scope.depth
        self._reads(place)
        frame = self._raw.frame_for(path, depth)
        below = self._new_scope(depth + min(map(depth_of, path.alternatives)), above)
        if name and element:
            elements = f"named[{name!r}]"
            if is_top and element.is_one and self.contract.ignore_case:
                below.attributes = f"attributes[{name!r}]"
            if not is_top:
                elements = f"{self._raw.name('select', compile_from_all(path, frame))}({elements})"
            return elements, below
        if is_top:
            return "(element,)", below
        slot = scope.slot()
        if scope.walk.add_rows(path, slot):
            return f"found_{slot} or ()", below
        return f"{self._raw.name('select', compile_path(path, frame))}(element)", below

    def _in_document_order(self, table: TablePlan, scope: Scope, above: tuple[str, ...], into: str) -> list[str]:
        """The lines that make the rows of all sources of a union as their elements stand in the document."""
        selected, calls = [], []
        for number, source in enumerate(table.sources):
            elements, below = self._selected(scope, source.rows, above, f"{table.label}.rows")
            below.lines += self._table(table, source, below, above)
            selected.append(elements)
            calls += [f"    if source == {number}:", "        " + below.call("child", "place", into)]
        ordered = f"in_document_order(element, {tuple_of([f'({one})' for one in selected])})"
        return [f"for place, (source, child) in enumerate({ordered}, 1):", *calls]

    def _table(self, table: TablePlan, source: SourcePlan, scope: Scope, above: tuple[str, ...]) -> list[str]:
        """The lines that make a table's rows of the element at hand, and all that is below them."""
        label = table.label
        self._raw.parent_position = _position_of(table.parent, self._labels)
        row = f"row_{self._labels.index(label) + 1}"
        position = "place" if source.unpivot else "position"
        is_computed = any(column.formula is not None for column in source.columns.values())
        is_careful = any([source.where, table.skip_empty, source.rules.all, is_computed, source.let])
        make = self._careful_row if is_careful else self._simple_row
        lines, is_kept, places = make(table, source, scope, above[-1], row, position)
        kept = [f"rows[{label!r}].append({row})"]
        preferred = table.unique.prefer if table.unique else None
        if preferred:
            place = places[preferred]
            if preferred in source.columns:
                place = self._with_default(place, source.columns[preferred])
            kept.append(f"candidates.prefer({place})")
        below = [source for child in self._children.get(label, ()) for source in child.sources]
        if any(SystemValue("$parent_position") in source.all_reads() for source in below):
            above = (*above, _position_of(label, self._labels))
            kept.append(f"{above[-1]} = {position}")
        kept += self._below(label, scope, (*above, row))
        lines += [f"if {is_kept}:", *indented(kept)] if is_kept else kept
        if table.unique:
            lines = ["rows, errors = candidates.next()", *lines]
        if source.unpivot:
            self._reads(f"{label}.unpivot")
            parts = [self._raw.pairs(read, scope.depth) for read in source.unpivot]
            pairs = self._raw.name("unpivot", compile_unpivot(parts, source.split))
            lines = [f"for place, pair in enumerate({pairs}(element), 1):", *indented(lines)]
        # The function of a table with `unique` is called with the candidates in place of the record's rows.
        return ["candidates = rows", *lines] if table.unique else lines

    def _simple_row(
        self, table: TablePlan, source: SourcePlan, scope: Scope, parent: str, row: str, position: str
    ) -> tuple[list[str], str, dict[str, str]]:
        inherited = self._inherited(table, parent)
        columns = [
            self._column(scope, f"{table.label}.{name}", column, position=position)
            for name, column in source.columns.items()
        ]
        places = {name: f"{row}[{number}]" for number, name in enumerate([*inherited, *source.columns])}
        return guarded(row, list(inherited.values()), columns, "errors"), "", places

    def _careful_row(
        self, table: TablePlan, source: SourcePlan, scope: Scope, parent: str, row: str, position: str
    ) -> tuple[list[str], str, dict[str, str]]:
        """A row that may not be kept: its errors count, and its defaults are filled in, only if it is."""
        label, inherited = table.label, self._inherited(table, parent)
        values, errors = row.replace("row", "values"), row.replace("row", "errors")
        read = {name: column for name, column in source.named.items() if column.formula is None}
        expressions = [
            self._column(scope, f"{label}.{name}", column, name not in source.let, position)
            for name, column in read.items()
        ]
        lines = [f"{errors} = []", *guarded(values, list(inherited.values()), expressions, errors)]
        places = {name: f"{values}[{number}]" for number, name in enumerate([*inherited, *read])}
        for name in source.computed:
            column = source.named[name]
            assert column.formula is not None
            computed = Computed(f"{label}.{name}", column, self.failures, late_default=name not in source.let)
            expression = column.formula.expression
            self._reads(f"{label}.{name}", column)
            call = self._raw.name("expression", expression.compile(expression_slot(expression)))
            arguments = self._arguments(scope, column.formula, places, position)
            places[name] = f"{row}_{len(places)}"
            lines += [
                "try:",
                "    given = None",
                f"    given = {arguments}",
                f"    {places[name]} = {self._raw.name('fit', computed.fit)}({call}(given))",
                "except COMPUTING_FAILED as error:",
                f"    {places[name]} = attempt({self._raw.name('column', computed)}, {call}, given, error, {errors})",
            ]
        final = [places[name] for name in inherited] + [
            self._with_default(places[name], column) for name, column in source.columns.items()
        ]
        conditions = [self._where(scope, label, source, places, errors, position)] if source.where else []
        if table.skip_empty:
            counts_computed = table.skip_empty == "unless_computed"
            data = [
                _says(places[name], column, table.skip_empty == "with_blanks")
                for name, column in source.columns.items()
                if name not in table.key and (_is_data(column) or (counts_computed and column.formula is not None))
            ]
            conditions.append("(" + " or ".join([*data, f"is_broken({errors})"]) + ")")
        kept = [
            f"if {errors}: errors.extend({errors})",
            *self._rules(scope, label, source.rules, places, position),
            f"{row} = {tuple_of(final)}",
        ]
        if not conditions:
            return lines + kept, "", places
        keep = row.replace("row", "keep")
        return [*lines, f"{keep} = {' and '.join(conditions)}", f"if {keep}:", *indented(kept)], keep, places

    def _inherited(self, table: TablePlan, parent: str) -> dict[str, str]:
        """The inherited columns by name, as items of the parent's row."""
        above = self.contract.schema.by_label[table.parent].column_names if table.parent else self.contract.record.key
        names = list(above)
        return {name: f"{parent}[{names.index(origin)}]" for origin, name in table.inherited.items()}

    def _with_default(self, place: str, column: ColumnPlan) -> str:
        default = self._default(column)
        return place if default == "None" else f"({default} if {place} is None else {place})"

    def _rules(
        self, scope: Scope, label: str, rules: Rules, places: Mapping[str, str], position: str = "position"
    ) -> list[str]:
        lines = []
        for rule in rules.reject_when:
            refusal = self._raw.name("refusal", ColumnError(label, "reject_when", rule.message))
            lines += [f"if {self._when(scope, label, rule, places, position)}: errors.append({refusal})"]
        for rule in rules.warn_when:
            name = f"{label}: {rule.message}"
            lines += [f"if {self._when(scope, label, rule, places, position)}: warnings[{name!r}] += 1"]
        return lines

    def _when(self, scope: Scope, label: str, rule: RulePlan, places: Mapping[str, str], position: str) -> str:
        expression = rule.when.expression
        self._reads(f"{label}: {rule.message}")
        holds = make_rule(expression.compile_condition(expression_slot(expression)), f"{label}: {rule.message}")
        return f"{self._raw.name('rule', holds)}({self._arguments(scope, rule.when, places, position)}, errors)"

    def _where(
        self, scope: Scope, label: str, source: SourcePlan, places: Mapping[str, str], errors: str, position: str
    ) -> str:
        assert source.where is not None
        expression = source.where.expression
        self._reads(f"{label}.where")
        named = source.named
        read = source.columns_behind(source.where)
        paths = {f"{label}.{name}" for name in read if name in named and named[name].model.on_error != "null"}
        keeps = make_filter(expression.compile_condition(expression_slot(expression)), f"{label}.where", paths)
        return f"{self._raw.name('where', keeps)}({self._arguments(scope, source.where, places, position)}, {errors})"

    def _arguments(self, scope: Scope, formula: Formula, places: Mapping[str, str], position: str) -> str:
        """The values of an expression's slots, as a tuple."""
        values = []
        for kind, name in formula.expression.slots:
            if kind == "column":
                values.append(places[name])
            elif kind == "now":
                values.append("now")
            else:
                values.append(self._raw.of_path(scope, formula.reads[name], "first", position))
        return tuple_of(values)

    def _column(
        self, scope: Scope, path: str, column: ColumnPlan, late_default: bool = False, position: str = "position"
    ) -> str:
        """A column as a Python expression in the scope's function."""
        self._reads(path, column)
        make = make_column(path, column, self.failures, late_default)
        raw = "None"
        if column.model.from_ is not None:
            raws = [self._raw.of_column(scope, column, read, position) for read in column.reads]
            raw = raws[0] if len(raws) == 1 else f"first_given({', '.join(raws)})"
        if make is None:
            return raw
        call, usually = self._raw.name("column", make), usual(column)
        name, given = (raw, raw) if raw.isidentifier() else ("raw", f"(raw := {raw})")
        seldom = f"{call}({name})"
        is_simple = column.model.take in ("first", "last") and column.reads and not column.is_system
        if is_simple and not column.required:
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

    def _default(self, column: ColumnPlan) -> str:
        """What stands for no value."""
        if column.default is None or column.default is ABSENT:
            return "None" if column.default is None else "ABSENT"
        return self._raw.name("default", column.default)


def _position_of(label: str | None, labels: list[str]) -> str:
    """The variable of the position of a table's row, where rows below it ask for it."""
    return "" if label is None else f"position_{labels.index(label) + 1}"


def expression_slot(expression: Expression) -> Callable[[str, str], int]:
    """Where an expression finds its values: in the order in which it names them."""
    return lambda kind, name: expression.slots.index((kind, name))


def _is_data(column: ColumnPlan) -> bool:
    """Whether a column holds what the document says, and not only where."""
    return bool(column.reads) and column.from_ != ["$name"] and not column.is_system


def _says(place: str, column: ColumnPlan, with_blanks: bool) -> str:
    """The test whether a value is data; ``with_blanks``: a blank text is none."""
    if with_blanks and column.type.name == "text":
        return f"({place} and not {place}.isspace())"
    return f"{place} is not None"
