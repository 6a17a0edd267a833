"""Walks the tables of a contract from the record down, and writes the functions that make their rows."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from functools import partial

from transforms.contract.plan import (
    ColumnPlan,
    Contract,
    ElementPlan,
    Read,
    SourcePlan,
    SystemValue,
    TablePlan,
)
from transforms.contract.steps import depth_of
from transforms.map.access import Access
from transforms.map.attributes import Owners, Wanted
from transforms.map.cells import ColumnError, Failures
from transforms.map.collect import indented
from transforms.map.computed import COMPUTING_FAILED
from transforms.map.row_code import RowCode
from transforms.map.row_function import RowFunction, guarded, tuple_of
from transforms.map.runtime import (
    attempt,
    first_given,
    in_document_order,
    is_broken,
    one_by_one,
)
from transforms.map.select import compile_from_all, compile_path, compile_rest, split_plain
from transforms.map.take import compile_unpivot
from transforms.map.unique import Candidates, make_choice
from transforms.schema import ABSENT

_TOP = ((),)
"""The alternatives of the path ``.``."""


class MapperBuilder:
    """What is under construction: the functions, and the names that their source uses.

    ``names`` must also get ``checksum``, ``run_id``, ``started``, ``now`` and ``fingerprint`` before the
    source is executed.
    """

    def __init__(self, contract: Contract, failures: Failures, warnings: Counter[str]):
        self.contract = contract
        self.failures = failures
        self.warnings = warnings
        self._access = Access(contract, failures)
        self.functions: list[RowFunction] = []
        self.names = self._access.names
        self.names |= {
            "ABSENT": ABSENT,
            "COMPUTING_FAILED": COMPUTING_FAILED,
            "ColumnError": ColumnError,
            "Decimal": Decimal,
            "named": {},
            "Candidates": Candidates,
            "Owners": Owners,
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
        if self._access.uses_record:
            self.functions[0].opening.insert(0, "current.enter(element)")
        return "\n".join(line for function in self.functions for line in function.source(self.names))

    def _record(self) -> None:
        root, record = self._new_function("record", 0, ()), self.contract.record
        for name, element in self.contract.elements.items():
            self._access.reads(f"elements.{name}")
            root.opening.append(f"named[{name!r}] = {self._found(root, element)}")
            if element.is_one and self.contract.ignore_case:
                wanted = self._access.wanted[name] = Wanted()
                values = self._access.call("attributes", wanted.of_one, f"named[{name!r}]")
                root.opening.append(f"attributes[{name!r}] = {values}")
        row = RowCode(self._access, root, self.failures)
        columns = [row.column(f"record.key.{name}", column) for name, column in record.key.items()]
        root.lines += guarded("record_key", [], columns, "errors")
        row.places.update({name: f"record_key[{number}]" for number, name in enumerate(record.key)})
        root.lines += row.rules("record", record.rules)
        root.lines += self._below(None, root, ("record_key",))
        root.result = "record_key"

    def _variable(self, kind: str, label: str) -> str:
        """The variable of a table's row, or of something about that."""
        return f"{kind}_{self._suffixes[label]}"

    def _found(self, root: RowFunction, element: ElementPlan) -> str:
        """A named element, looked up in the record: by the walk that collects all else, as far as that goes."""
        path, base = element.read.path, element.read.element
        current = self._access.record_for(path, self.contract.elements[base].depth if base else 0)
        if base:
            return self._access.call("select", compile_from_all(path, current), f"named[{base!r}]")
        plain, rest = split_plain(path)
        slot = self._access.slot(root)
        if plain is None or not root.walk.add_rows(plain, slot):
            return self._access.call("select", compile_from_all(path, current), "[element]")
        if not rest:
            return f"found_{slot} or []"
        return self._access.call("pick", compile_rest(rest, current), f"found_{slot} or []")

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
                self._access.reads(f"{table.label}.unique")
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
        self._access.reads(f"{label}.rows")
        current = self._access.record_for(path, depth)
        below = self._new_function(label, depth + min(map(depth_of, path.alternatives)), above)
        if name and element:
            elements = f"named[{name!r}]"
            if is_top and element.is_one and self.contract.ignore_case:
                below.wanted, below.attributes = self._access.wanted[name], f"attributes[{name!r}]"
            if not is_top:
                elements = self._access.call("select", compile_from_all(path, current), elements)
            return elements, below
        if is_top:
            return "(element,)", below
        slot = self._access.slot(function)
        if function.walk.add_rows(path, slot):
            return f"found_{slot} or ()", below
        return self._access.call("select", compile_path(path, current), "element"), below

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
        """The lines that make a table's rows of the current element, and all that is below them."""
        label = table.label
        self._access.parent_position = self._variable("position", table.parent) if table.parent else ""
        variable = self._variable("row", label)
        row = RowCode(self._access, function, self.failures, "place" if source.unpivot else "position")
        is_computed = any(column.formula is not None for column in source.columns.values())
        is_careful = any([source.where, table.skip_empty, source.rules.all, is_computed, source.let])
        make = self._careful_row if is_careful else self._simple_row
        lines, is_kept = make(table, source, row, above[-1])
        kept = [f"rows[{label!r}].append({variable})"]
        preferred = table.unique.prefer if table.unique else None
        if preferred:
            place = row.places[preferred]
            if preferred in source.columns:
                place = row.with_default(place, source.columns[preferred])
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
            self._access.reads(f"{label}.unpivot")
            parts = [self._access.pairs(read, function.depth) for read in source.unpivot]
            pairs = self._access.name("unpivot", compile_unpivot(parts, source.split))
            lines = [f"for place, pair in enumerate({pairs}(element), 1):", *indented(lines)]
        # The function of a table with `unique` is called with the candidates in place of the record's rows.
        return ["candidates = rows", *lines] if table.unique else lines

    def _simple_row(self, table: TablePlan, source: SourcePlan, row: RowCode, parent: str) -> tuple[list[str], str]:
        variable, inherited = self._variable("row", table.label), self._inherited(table, parent)
        columns = [row.column(f"{table.label}.{name}", column) for name, column in source.columns.items()]
        names = [*inherited, *source.columns]
        row.places.update({name: f"{variable}[{number}]" for number, name in enumerate(names)})
        return guarded(variable, list(inherited.values()), columns, "errors"), ""

    def _careful_row(self, table: TablePlan, source: SourcePlan, row: RowCode, parent: str) -> tuple[list[str], str]:
        """A row that may not be kept: its errors count, and its defaults are filled in, only if it is."""
        label, places, inherited = table.label, row.places, self._inherited(table, parent)
        variable, values, errors, keep = (self._variable(kind, label) for kind in ("row", "values", "errors", "keep"))
        read = {name: column for name, column in source.named.items() if column.formula is None}
        columns = [
            row.column(f"{label}.{name}", column, late_default=name not in source.let) for name, column in read.items()
        ]
        lines = [f"{errors} = []", *guarded(values, list(inherited.values()), columns, errors)]
        places.update({name: f"{values}[{number}]" for number, name in enumerate([*inherited, *read])})
        for name in source.computed:
            lines += row.computed(f"{label}.{name}", source.named[name], name not in source.let, errors)
        conditions = [row.where(label, source, errors)] if source.where else []
        if table.skip_empty:
            conditions.append(self._is_not_empty(table, source, places, errors))
        final = [places[name] for name in inherited]
        final += [row.with_default(places[name], column) for name, column in source.columns.items()]
        kept = [
            f"if {errors}: errors.extend({errors})",
            *row.rules(label, source.rules),
            f"{variable} = {tuple_of(final)}",
        ]
        if not conditions:
            return lines + kept, ""
        return [*lines, f"{keep} = {' and '.join(conditions)}", f"if {keep}:", *indented(kept)], keep

    @staticmethod
    def _is_not_empty(table: TablePlan, source: SourcePlan, places: Mapping[str, str], errors: str) -> str:
        """The condition of ``skip_empty``."""
        counts_computed = table.skip_empty == "unless_computed"
        data = [
            _says(places[name], column, table.skip_empty == "with_blanks")
            for name, column in source.columns.items()
            if name not in table.key and (_is_data(column) or (counts_computed and column.formula is not None))
        ]
        return "(" + " or ".join([*data, f"is_broken({errors})"]) + ")"

    def _inherited(self, table: TablePlan, parent: str) -> dict[str, str]:
        """The inherited columns by name, as items of the parent's row."""
        above = self.contract.schema.by_label[table.parent].column_names if table.parent else self.contract.record.key
        names = list(above)
        return {name: f"{parent}[{names.index(origin)}]" for origin, name in table.inherited.items()}


def _is_data(column: ColumnPlan) -> bool:
    """Whether a column holds what the document says, and not only where."""
    return bool(column.reads) and column.from_ != ["$name"] and not column.is_system


def _says(place: str, column: ColumnPlan, with_blanks: bool) -> str:
    """The test whether a value is data; ``with_blanks``: a blank text is none."""
    if with_blanks and column.type.name == "text":
        return f"({place} and not {place}.isspace())"
    return f"{place} is not None"
