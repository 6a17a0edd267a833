"""Walks the tables of a contract from the record down, and writes the functions that make their rows."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
from transforms.map.access import Access
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
from transforms.map.row_function import RowFunction, guarded, tuple_of
from transforms.map.select import compile_from_all, compile_path, compile_rest, split_plain
from transforms.map.take import compile_unpivot
from transforms.map.unique import Candidates, make_choice
from transforms.map.usual import usual
from transforms.schema import ABSENT

_TOP = ((),)
"""The alternatives of the path ``.``."""


@dataclass
class RowCode:
    """A row under construction: in which function, where its position is, and where the values of its columns are."""

    function: RowFunction
    position: str = "position"
    places: dict[str, str] = field(default_factory=dict)


class Builder:
    """What is under construction: the functions, and the names that their source uses.

    ``names`` must also get ``checksum``, ``run_id``, ``started``, ``now`` and ``fingerprint`` before the
    source is executed.
    """

    def __init__(self, contract: Contract, failures: Failures, warnings: Counter[str]):
        self.contract = contract
        self.failures = failures
        self.warnings = warnings
        self._access = Access(contract)
        self.functions: list[RowFunction] = []
        self.names = self._access.names
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
        self._suffixes = {
            label: self._access.identifiers.new("row", label).removeprefix("row_") for label in contract.tables
        }
        self._children: dict[str | None, list[TablePlan]] = {}
        for table in contract.parents_first:
            self._children.setdefault(table.parent, []).append(table)
        self._record()

    @property
    def reads_above(self) -> bool:
        """Whether rows depend on what stands above their record."""
        return self._access.reads_above

    def source(self) -> str:
        """The Python source of all functions; ``rows_of_record`` is that of the record."""
        if self._access.uses_frame:
            self.functions[0].opening.insert(0, "frame.enter(element)")
        return "\n".join(line for function in self.functions for line in function.source(self.names))

    def _record(self) -> None:
        root, record = self._new_function("record", 0, ()), self.contract.record
        for name, element in self.contract.elements.items():
            self._reads(f"elements.{name}")
            root.opening.append(f"named[{name!r}] = {self._found(root, element)}")
            if element.is_one and self.contract.ignore_case:
                root.opening.append(f"attributes[{name!r}] = attributes_of_one(named[{name!r}])")
        row = RowCode(root)
        columns = [self._column(row, f"record.key.{name}", column) for name, column in record.key.items()]
        root.lines += guarded("record_key", [], columns, "errors")
        row.places.update({name: f"record_key[{number}]" for number, name in enumerate(record.key)})
        root.lines += self._rules(row, "record", record.rules)
        root.lines += self._below(None, root, ("record_key",))
        root.result = "record_key"

    def _variable(self, kind: str, label: str) -> str:
        """The variable of a table's row, or of something about that."""
        return f"{kind}_{self._suffixes[label]}"

    def _reads(self, path: str, column: ColumnPlan | None = None) -> None:
        """Say what the paths that are compiled next are for: it is named where a text of theirs cannot be followed."""
        self._access.what = path
        is_forgiven = column is not None and column.model.on_error in ("null", "default")
        self._access.frame.refuse = make_refusal(self.failures, path, is_forgiven)

    def _found(self, root: RowFunction, element: ElementPlan) -> str:
        """A named element, looked up in the record: by the walk that collects all else, as far as that goes."""
        path, base = element.read.path, element.read.element
        frame = self._access.frame_for(path, self.contract.elements[base].depth if base else 0)
        if base:
            return self._access.call("select", compile_from_all(path, frame), f"named[{base!r}]")
        plain, rest = split_plain(path)
        slot = self._access.slot(root)
        if plain is None or not root.walk.add_rows(plain, slot):
            return self._access.call("select", compile_from_all(path, frame), "[element]")
        if not rest:
            return f"found_{slot} or []"
        return self._access.call("pick", compile_rest(rest, frame), f"found_{slot} or []")

    def _new_function(self, label: str, depth: int, above: tuple[str, ...]) -> RowFunction:
        name = self._access.identifiers.new("rows_of", label)
        self.functions.append(RowFunction(name, depth, above))
        return self.functions[-1]

    def _below(self, parent: str | None, function: RowFunction, above: tuple[str, ...]) -> list[str]:
        """The lines that make the rows of all tables below a row that the function has just made."""
        lines: list[str] = []
        shared: dict[str, RowFunction] = {}
        for table in self._children.get(parent, ()):
            into = "rows, errors"
            if table.unique:
                into = "candidates, errors"
                self._reads(f"{table.label}.unique")
                choice = make_choice(table.label, table.table.column_names, table.unique)
                lines.append(f"candidates = Candidates({self._access.name('choose', choice)})")
            if table.order == "document":
                lines += self._in_document_order(table, function, above, into)
            for source in table.sources if table.order == "sources" else ():
                below: RowFunction | None = None
                if not source.rows.element and source.rows.path.alternatives == _TOP:
                    if not table.unique:
                        lines += self._table(table, source, function, above)
                        continue
                    below = self._new_function(table.label, function.depth, above)
                    lines.append(below.call("element", "position", into))
                else:
                    below = None if table.unique else shared.get(source.rows.text)
                    if below is None:
                        elements, below = self._selected(function, source.rows, above, table.label)
                        lines.append(f"for place, child in enumerate({elements}, 1):")
                        lines.append("    " + below.call("child", "place", into))
                        if not table.unique and not source.rows.element:
                            shared[source.rows.text] = below
                below.lines += self._table(table, source, below, above)
            if table.unique:
                lines.append("candidates.close(rows, errors)")
        return lines

    def _selected(
        self, function: RowFunction, rows: Read, above: tuple[str, ...], label: str
    ) -> tuple[str, RowFunction]:
        """The elements that are rows, as source, and a new function that makes the rows of one."""
        path, name = rows.path, rows.element
        is_top = path.alternatives == _TOP
        element = self.contract.elements[name] if name else None
        depth = element.depth if element else function.depth
        self._reads(f"{label}.rows")
        frame = self._access.frame_for(path, depth)
        below = self._new_function(label, depth + min(map(depth_of, path.alternatives)), above)
        if name and element:
            elements = f"named[{name!r}]"
            if is_top and element.is_one and self.contract.ignore_case:
                below.attributes = f"attributes[{name!r}]"
            if not is_top:
                elements = self._access.call("select", compile_from_all(path, frame), elements)
            return elements, below
        if is_top:
            return "(element,)", below
        slot = self._access.slot(function)
        if function.walk.add_rows(path, slot):
            return f"found_{slot} or ()", below
        return self._access.call("select", compile_path(path, frame), "element"), below

    def _in_document_order(
        self, table: TablePlan, function: RowFunction, above: tuple[str, ...], into: str
    ) -> list[str]:
        """The lines that make the rows of all sources of a union as their elements stand in the document."""
        selected, calls = [], []
        for number, source in enumerate(table.sources):
            elements, below = self._selected(function, source.rows, above, table.label)
            below.lines += self._table(table, source, below, above)
            selected.append(elements)
            calls += [f"    if source == {number}:", "        " + below.call("child", "place", into)]
        ordered = f"in_document_order(element, {tuple_of([f'({one})' for one in selected])})"
        return [f"for place, (source, child) in enumerate({ordered}, 1):", *calls]

    def _table(self, table: TablePlan, source: SourcePlan, function: RowFunction, above: tuple[str, ...]) -> list[str]:
        """The lines that make a table's rows of the element at hand, and all that is below them."""
        label = table.label
        self._access.parent_position = self._variable("position", table.parent) if table.parent else ""
        variable = self._variable("row", label)
        row = RowCode(function, "place" if source.unpivot else "position")
        is_computed = any(column.formula is not None for column in source.columns.values())
        is_careful = any([source.where, table.skip_empty, source.rules.all, is_computed, source.let])
        make = self._careful_row if is_careful else self._simple_row
        lines, is_kept = make(table, source, row, above[-1])
        kept = [f"rows[{label!r}].append({variable})"]
        preferred = table.unique.prefer if table.unique else None
        if preferred:
            place = row.places[preferred]
            if preferred in source.columns:
                place = self._with_default(place, source.columns[preferred])
            kept.append(f"candidates.prefer({place})")
        below = [source for child in self._children.get(label, ()) for source in child.sources]
        if any(SystemValue("$parent_position") in source.all_reads() for source in below):
            above = (*above, self._variable("position", label))
            kept.append(f"{above[-1]} = {row.position}")
        kept += self._below(label, function, (*above, variable))
        lines += [f"if {is_kept}:", *indented(kept)] if is_kept else kept
        if table.unique:
            lines = ["rows, errors = candidates.next()", *lines]
        if source.unpivot:
            self._reads(f"{label}.unpivot")
            parts = [self._access.pairs(read, function.depth) for read in source.unpivot]
            pairs = self._access.name("unpivot", compile_unpivot(parts, source.split))
            lines = [f"for place, pair in enumerate({pairs}(element), 1):", *indented(lines)]
        # The function of a table with `unique` is called with the candidates in place of the record's rows.
        return ["candidates = rows", *lines] if table.unique else lines

    def _simple_row(self, table: TablePlan, source: SourcePlan, row: RowCode, parent: str) -> tuple[list[str], str]:
        variable, inherited = self._variable("row", table.label), self._inherited(table, parent)
        columns = [self._column(row, f"{table.label}.{name}", column) for name, column in source.columns.items()]
        names = [*inherited, *source.columns]
        row.places.update({name: f"{variable}[{number}]" for number, name in enumerate(names)})
        return guarded(variable, list(inherited.values()), columns, "errors"), ""

    def _careful_row(self, table: TablePlan, source: SourcePlan, row: RowCode, parent: str) -> tuple[list[str], str]:
        """A row that may not be kept: its errors count, and its defaults are filled in, only if it is."""
        label, places, inherited = table.label, row.places, self._inherited(table, parent)
        variable, values, errors, keep = (self._variable(kind, label) for kind in ("row", "values", "errors", "keep"))
        read = {name: column for name, column in source.named.items() if column.formula is None}
        columns = [
            self._column(row, f"{label}.{name}", column, late_default=name not in source.let)
            for name, column in read.items()
        ]
        lines = [f"{errors} = []", *guarded(values, list(inherited.values()), columns, errors)]
        places.update({name: f"{values}[{number}]" for number, name in enumerate([*inherited, *read])})
        for name in source.computed:
            lines += self._computed(row, f"{label}.{name}", source.named[name], name not in source.let, errors)
        conditions = [self._where(row, label, source, errors)] if source.where else []
        if table.skip_empty:
            conditions.append(self._is_not_empty(table, source, places, errors))
        final = [places[name] for name in inherited]
        final += [self._with_default(places[name], column) for name, column in source.columns.items()]
        kept = [
            f"if {errors}: errors.extend({errors})",
            *self._rules(row, label, source.rules),
            f"{variable} = {tuple_of(final)}",
        ]
        if not conditions:
            return lines + kept, ""
        return [*lines, f"{keep} = {' and '.join(conditions)}", f"if {keep}:", *indented(kept)], keep

    def _computed(self, row: RowCode, path: str, column: ColumnPlan, late_default: bool, errors: str) -> list[str]:
        """The lines that compute a column."""
        assert column.formula is not None
        expression = column.formula.expression
        computed = Computed(path, column, self.failures, late_default)
        self._reads(path, column)
        call = self._access.name("expression", expression.compile(expression_slot(expression)))
        fit, again = self._access.name("fit", computed.fit), self._access.name("column", computed)
        arguments = self._arguments(row, column.formula)
        value = row.places[column.name] = self._access.identifiers.new("value", path)
        return [
            "try:",
            "    given = None",
            f"    given = {arguments}",
            f"    {value} = {fit}({call}(given))",
            "except COMPUTING_FAILED as error:",
            f"    {value} = attempt({again}, {call}, given, error, {errors})",
        ]

    @staticmethod
    def _is_not_empty(table: TablePlan, source: SourcePlan, places: Mapping[str, str], errors: str) -> str:
        """The condition of ``skip_empty``."""
        counts_computed = table.skip_empty == "unless_computed"
        data = [
            places[name]
            for name, column in source.columns.items()
            if name not in table.key and (_is_data(column) or (counts_computed and column.formula is not None))
        ]
        return "(" + " or ".join([*(f"{place} is not None" for place in data), f"is_broken({errors})"]) + ")"

    def _inherited(self, table: TablePlan, parent: str) -> dict[str, str]:
        """The inherited columns by name, as items of the parent's row."""
        above = self.contract.schema.by_label[table.parent].column_names if table.parent else self.contract.record.key
        names = list(above)
        return {name: f"{parent}[{names.index(origin)}]" for origin, name in table.inherited.items()}

    def _with_default(self, place: str, column: ColumnPlan) -> str:
        default = self._default(column)
        return place if default == "None" else f"({default} if {place} is None else {place})"

    def _default(self, column: ColumnPlan) -> str:
        """What stands for no value."""
        if column.default is None or column.default is ABSENT:
            return "None" if column.default is None else "ABSENT"
        return self._access.name("default", column.default, column.name)

    def _rules(self, row: RowCode, label: str, rules: Rules) -> list[str]:
        lines = []
        for rule in rules.reject_when:
            when = self._when(row, label, rule)
            refusal = self._access.name("refusal", ColumnError(label, "reject_when", rule.message))
            lines.append(f"if {when}: errors.append({refusal})")
        for rule in rules.warn_when:
            name = f"{label}: {rule.message}"
            lines.append(f"if {self._when(row, label, rule)}: warnings[{name!r}] += 1")
        return lines

    def _when(self, row: RowCode, label: str, rule: RulePlan) -> str:
        path, expression = f"{label}: {rule.message}", rule.when.expression
        self._reads(path)
        holds = make_rule(expression.compile_condition(expression_slot(expression)), path)
        return self._access.call("rule", holds, self._arguments(row, rule.when), "errors")

    def _where(self, row: RowCode, label: str, source: SourcePlan, errors: str) -> str:
        assert source.where is not None
        expression, named = source.where.expression, source.named
        self._reads(f"{label}.where")
        read = source.columns_behind(source.where)
        paths = {f"{label}.{name}" for name in read if name in named and named[name].model.on_error != "null"}
        keeps = make_filter(expression.compile_condition(expression_slot(expression)), f"{label}.where", paths)
        return self._access.call("where", keeps, self._arguments(row, source.where), errors)

    def _arguments(self, row: RowCode, formula: Formula) -> str:
        """The values of an expression's slots, as a tuple."""
        values = []
        for kind, name in formula.expression.slots:
            if kind == "column":
                values.append(row.places[name])
            elif kind == "now":
                values.append("now")
            else:
                values.append(self._access.of_path(row.function, formula.reads[name], "first", row.position))
        return tuple_of(values)

    def _column(self, row: RowCode, path: str, column: ColumnPlan, late_default: bool = False) -> str:
        """A column as a Python expression in a row's function."""
        self._reads(path, column)
        make = make_column(path, column, self.failures, late_default)
        raw = "None"
        if column.model.from_ is not None:
            raws = [self._access.of_column(row.function, column, read, row.position) for read in column.reads]
            raw = raws[0] if len(raws) == 1 else f"first_given({', '.join(raws)})"
        if make is None:
            return raw
        call, usually = self._access.name("column", make), usual(column)
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
            names["thing"] = self._access.name("usual", usually.thing)
        return f"({usually.value.format(**names)} if {usually.test.format(**names)} else {seldom})"


def expression_slot(expression: Expression) -> Callable[[str, str], int]:
    """Where an expression finds its values: in the order in which it names them."""
    return lambda kind, name: expression.slots.index((kind, name))


def _is_data(column: ColumnPlan) -> bool:
    """Whether a column holds what the document says, and not only where."""
    return bool(column.reads) and column.from_ != ["$name"] and not column.is_system
