"""Mapping types that make rows: each becomes a slot, and the slots of a table share its columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from beamshred.legacy.fields import Fields, column_name
from beamshred.legacy.notes import Notes
from beamshred.legacy.slots import Row, Spec, kind_of, names_of, reads_of, slots_of
from beamshred.legacy.source import Mapping, Steps
from beamshred.legacy.sql import any_given
from beamshred.legacy.types import column_type, widest
from beamshred.legacy.values import Column, Values
from transforms.schema import ColumnType


def shared_columns(
    values: Values, notes: Notes, mappings: list[Mapping], base: Steps, types: dict[str, ColumnType] | None = None
) -> dict[str, Column]:
    """Mappings as columns by name; of several to one column, the last that has a value counts."""
    columns: dict[str, Column] = {}
    for mapping in mappings:
        column = values.column(mapping, base, (types or {}).get(mapping.column))
        if column is None:
            continue
        earlier = columns.get(mapping.column)
        if (
            earlier is not None
            and not column.is_expression
            and not earlier.is_expression
            and earlier.options == column.options
        ):
            paths = earlier.options.get("from", [earlier.source])
            column = replace(
                column,
                options={"from": [column.source, *paths], **{k: v for k, v in column.options.items() if k != "from"}},
            )
        elif earlier is not None:
            notes.cannot(f"it is replaced by mapping {mapping.number}, of the same column", earlier.mapping)
        columns[mapping.column] = column
    return columns


class RowMaker:
    """Makes the rows of one table; ``record`` is the element that its paths start at, ``taken`` its columns."""

    def __init__(self, values: Values, notes: Notes, record: Steps, taken: list[str]):
        self.values = values
        self.notes = notes
        self.record = record
        self.taken = taken

    def rows(self, table: str, mappings: list[Mapping]) -> dict[str, Any] | None:
        """The table's keys that make its rows; ``None`` where there are none to make."""
        makers: dict[str, list[Mapping]] = {}
        shared = [mapping for mapping in mappings if mapping.is_shared]
        for mapping in mappings:
            if not mapping.is_shared and mapping.maker:
                makers.setdefault(mapping.maker.name, []).append(mapping)
        if not makers:
            self.notes.cannot(f"table {table}: no mapping makes its rows, so it is left out")
            return None
        sources = []
        for name, found in makers.items():
            base = self._base([*found, *shared])
            source = _MAKERS[name](self, found, base)
            if not source:
                continue
            self._start()
            own = shared_columns(self.values, self.notes, shared, base)
            more = {column: one.spec() for column, one in own.items() if column not in source["columns"]}
            source["columns"].update(more)
            if self.values.fields.let:
                source["let"] = {**source.get("let", {}), **self.values.fields.let}
            rows = {} if base == self.record else {"rows": f"${self.values.places.name(base)}"}
            sources.append({**rows, **source})
        return _united(sources) if len(sources) > 1 else sources[0] if sources else None

    def _base(self, mappings: list[Mapping]) -> Steps:
        """The one element that all is read from; otherwise the record."""
        owners = {mapping.path for mapping in mappings}
        simple = all(not mapping.selector and not mapping.expression for mapping in mappings)
        base = next(iter(owners))
        return base if len(owners) == 1 and simple and base[: len(self.record)] == self.record else self.record

    def _start(self, slot: str = "", common: Collection[str] = ()) -> None:
        """Begin to collect the fields of a slot's expressions, by names that are alike for all slots."""
        self.values.fields = Fields([*self.taken, "sort_order", "flag"], slot, common)

    # The kinds of rows

    def scores(self, mappings: list[Mapping], base: Steps) -> dict[str, Any]:
        rows = self._single("score", mappings, base, lambda mapping: {"score_identifier": _argument(mapping)})
        return slots_of(rows, "score IS NOT NULL")

    def indicators(self, mappings: list[Mapping], base: Steps) -> dict[str, Any]:
        self._start()
        flags = [(mapping, self.values.flag(mapping, base)) for mapping in mappings]
        is_computed = any(flag and flag.is_expression for _, flag in flags)
        slots = []
        for mapping, flag in flags:
            if flag is not None:
                text = f"[{flag.source}]" if is_computed and not flag.is_expression else flag.source
                slots.append({"indicator": _argument(mapping), "flag": text})
        if not slots:
            return {}
        if is_computed:
            let: Spec = {"flag": {"expression": "LOWER(TRIM({flag}))"}}
        else:
            let = {"flag": {"from": "{flag}", "clean": ["trim", "lower"]}}
        return {
            "slots": slots,
            "let": {**self.values.fields.let, **let},
            "where": "flag IN ('y', 'yes', 'true', 't', '1')",
            "columns": {"indicator": {"value": "{indicator}"}, "value": {"value": "1"}},
        }

    def history(self, mappings: list[Mapping], base: Steps) -> dict[str, Any]:
        def names(mapping: Mapping) -> dict[str, Any]:
            return {"name": f"[{mapping.attribute}]", "source": f"[{mapping.path[-1]}]"}

        return slots_of(self._single("value", mappings, base, names), "value IS NOT NULL")

    def report_lookups(self, mappings: list[Mapping], base: Steps) -> dict[str, Any]:
        keyed = any(_argument(mapping) for mapping in mappings)

        def names(mapping: Mapping) -> dict[str, Any]:
            return {"name": mapping.attribute, **({"source_report_key": _argument(mapping)} if keyed else {})}

        source = slots_of(self._single("value", mappings, base, names), "value IS NOT NULL")
        if source and keyed and not all(_argument(mapping) for mapping in mappings):
            source["columns"]["source_report_key"] = {"expression": "NULLIF('{source_report_key}', '')"}
        return source

    def policy_exceptions(self, mappings: list[Mapping], base: Steps) -> dict[str, Any]:
        rows = self._numbered(mappings, base, "policy_exception_type_enum")
        return slots_of(rows, _any_given(rows, names_of(rows)))

    def warranties(self, mappings: list[Mapping], base: Steps) -> dict[str, Any]:
        rows = self._numbered(mappings, base, "warranty_type_enum")
        bits = {name: column for row in rows for name, column in row.columns.items() if column.mapping.is_bit}
        filled = [
            replace(
                row,
                columns={
                    **row.columns,
                    **{name: _or_zero(row.columns.get(name, _nowhere(bit))) for name, bit in bits.items()},
                },
            )
            for row in rows
        ]
        return slots_of(filled, _any_given(rows, [name for name in names_of(rows) if name not in bits]))

    def collateral(self, mappings: list[Mapping], base: Steps) -> dict[str, Any]:
        rows = self._numbered(mappings, base, "sort_order")
        plain = {
            column.source if column.source in row.reads else name
            for row in rows
            for name, column in row.columns.items()
            if not column.mapping.is_bit and set(column.mapping.conversions) <= _PLAIN
        }
        return slots_of(rows, _any_given(rows, [name for name in names_of(rows) + reads_of(rows) if name in plain]))

    def _single(
        self, name: str, mappings: list[Mapping], base: Steps, constants: Callable[[Mapping], dict[str, Any]]
    ) -> list[Row]:
        """A row of one value for each mapping; a default makes none, and nor does a blank."""
        type_ = widest([column_type(mapping) for mapping in mappings])
        rows = []
        for mapping in mappings:
            self._start()
            column = self.values.column(replace(mapping, default=None), base, type_)
            if column is None:
                continue
            if column.is_expression and type_.name == "text":
                column = replace(column, source=f"NULLIF({column.source}, '')")
            rows.append(Row(constants(mapping), {name: replace(column, default=None)}, self.values.fields.let))
        return self._alike(rows)

    def _numbered(self, mappings: list[Mapping], base: Steps, number: str) -> list[Row]:
        """The mappings of one number are the columns of one row."""
        groups: dict[str, list[Mapping]] = {}
        types: dict[str, list[ColumnType]] = {}
        for mapping in mappings:
            groups.setdefault(_argument(mapping), []).append(mapping)
            types.setdefault(mapping.column, []).append(column_type(mapping))
        common = {name: widest(found) for name, found in types.items()}
        is_number = all(argument.isdigit() for argument in groups)

        def rows(of_several: Collection[str] = ()) -> list[Row]:
            found = []
            for argument, group in groups.items():
                self._start(argument, of_several)
                own = [mapping for mapping in group if mapping.column != number]
                columns = shared_columns(self.values, self.notes, own, base, common)
                found.append(Row({number: int(argument) if is_number else argument}, columns, self.values.fields.let))
            return found

        # A path that several slots have bears no slot's number, though its name may look so: `@line1` in slot 1.
        paths = Counter(path for row in rows() for path in {str(spec.get("from")) for spec in row.let.values()})
        return self._alike(rows({path for path, slots in paths.items() if slots > 1}))

    def _alike(self, rows: list[Row]) -> list[Row]:
        """The rows with each column read or computed in one way: where ways differ, the columns of all rows are
        expressions, and what some of them read is a value of ``let``."""
        names = Fields([*self.taken, *names_of(rows), *(name for row in rows for name in (*row.constants, *row.let))])
        for name in names_of(rows):
            kinds: dict[Any, str] = {}
            for row in rows:
                if name in row.columns:
                    kinds.setdefault(kind_of(row.columns[name]), "")
            if len(kinds) < 2:
                continue
            for number, row in enumerate(rows):
                column = row.columns.get(name)
                if column is None:
                    continue
                kind = kind_of(column)
                reads = dict(row.reads)
                if not column.is_expression:
                    kinds[kind] = kinds[kind] or names.free(f"{name}_read")
                    spec = {**column.spec(), "default": None, "description": None}
                    reads[kinds[kind]] = {key: value for key, value in spec.items() if value is not None}
                    column = replace(column, source=column_name(kinds[kind]), is_expression=True)
                column = replace(column, options={"on_error": None} if column.type.name == "text" else {})
                rows[number] = replace(row, columns={**row.columns, name: column}, reads=reads)
        return rows


def _argument(mapping: Mapping) -> str:
    return (mapping.maker and mapping.maker.argument) or ""


def _nowhere(column: Column) -> Column:
    """The same column of a row that has nothing for it."""
    return replace(column, source="NULL" if column.is_expression else "")


def _or_zero(column: Column) -> Column:
    if column.default is not None:
        return column
    return replace(column, default=False if column.type.name == "bool" else 0)


def _any_given(rows: list[Row], names: list[str]) -> str:
    """The condition that one of these columns has a value."""
    types = {name: column.type.name for row in rows for name, column in row.columns.items()}
    reads = {name: spec.get("type", "text") for row in rows for name, spec in row.reads.items()}
    types = {**{name: type_.partition("(")[0] for name, type_ in reads.items()}, **types}
    worth = [name for name in names if name in ("wholesale_value", "wholesale_value_read")]
    conditions = any_given({name: types[name] for name in names if name not in worth})
    for name in worth:
        # Zero is what the old documents say of collateral that is not there.
        is_text = types["wholesale_value"] == "text"
        conditions.append(f"TRY_CAST({name} AS decimal(38, 10)) > 0" if is_text else f"{name} > 0")
    return " OR ".join(conditions) or "FALSE"


def _united(sources: list[dict[str, Any]]) -> dict[str, Any]:
    """Several sources as one table; a column that a source does not fill is empty there."""
    flat = [one for source in sources for one in _parts(source)]
    types: dict[str, list[ColumnType]] = {}
    for source in flat:
        for name, spec in source["columns"].items():
            types.setdefault(name, []).append(ColumnType.parse(spec.get("type", "text")))
    common = {name: str(widest(found)) for name, found in types.items()}
    for source in flat:
        for name, spec in source["columns"].items():
            spec.pop("type", None)
            if common[name] != "text":
                spec["type"] = common[name]
    columns: dict[str, Spec] = {}
    for name, type_ in common.items():
        # A source says only what differs from the table.
        empty = {"expression": "NULL", **({"type": type_} if type_ != "text" else {})}
        columns[name] = flat[0]["columns"][name] if all(name in source["columns"] for source in flat) else empty
    for source in flat:
        source["columns"] = {name: spec for name, spec in source["columns"].items() if spec != columns[name]}
    return {"union": flat, "columns": columns}


def _parts(source: dict[str, Any]) -> list[dict[str, Any]]:
    """A source, or those that it is a union of, with all that it says of them."""
    if "union" not in source:
        return [source]
    above = {key: value for key, value in source.items() if key not in ("union", "columns")}
    shared = {name: spec for name, spec in source["columns"].items() if spec.get("expression") != "NULL"}
    return [{**above, **one, "columns": {**one["columns"], **shared}} for one in source["union"]]


_PLAIN = {"numbers_only", "extract_numeric", "extract_date"}
"""Conversions of values that make a row of collateral."""

_MAKERS: dict[str, Callable[[RowMaker, list[Mapping], Steps], dict[str, Any]]] = {
    "add_score": RowMaker.scores,
    "add_indicator": RowMaker.indicators,
    "add_history": RowMaker.history,
    "add_report_lookup": RowMaker.report_lookups,
    "policy_exceptions": RowMaker.policy_exceptions,
    "warranty_field": RowMaker.warranties,
    "add_collateral": RowMaker.collateral,
}
