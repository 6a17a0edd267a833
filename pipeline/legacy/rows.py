"""Mapping types that make rows: each becomes a slot, and the slots of a table share its columns."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pipeline.legacy.notes import Notes
from pipeline.legacy.source import Mapping, Step, Steps
from pipeline.legacy.sql import column_name
from pipeline.legacy.types import column_type, widest
from pipeline.legacy.values import Column, Values
from transforms.schema import ColumnType

Slot = dict[str, Any]
Spec = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One row to make: ``constants`` by column, and the columns that are read."""

    constants: dict[str, Any]
    columns: dict[str, Column]


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
    """Makes the rows of one table; ``record`` is the element that its paths start at."""

    def __init__(self, values: Values, notes: Notes, record: Steps):
        self.values = values
        self.notes = notes
        self.record = record

    def rows(self, table: str, mappings: list[Mapping]) -> dict[str, Any] | None:
        """The table's keys that make its rows; ``None`` where there are none to make."""
        makers: dict[str, list[Mapping]] = {}
        shared = [
            mapping for mapping in mappings if not mapping.maker or mapping.maker == Step("policy_exceptions", "")
        ]
        for mapping in mappings:
            if mapping not in shared and mapping.maker:
                makers.setdefault(mapping.maker.name, []).append(mapping)
        if not makers:
            self.notes.cannot(f"table {table}: no mapping makes a row of it, so none is made")
            return None
        sources = []
        for name, found in makers.items():
            base = self._base([*found, *shared])
            source = _MAKERS[name](self, found, base)
            if not (source.get("slots") or source.get("union")):
                continue
            own = shared_columns(self.values, self.notes, shared, base)
            source["columns"].update(
                {column: one.spec() for column, one in own.items() if column not in source["columns"]}
            )
            above = {} if base == self.record else {"rows": self._rows(base)}
            sources.append({**above, **source})
        if not sources:
            return None
        return sources[0] if len(sources) == 1 and "union" not in sources[0] else _united(sources)

    def _base(self, mappings: list[Mapping]) -> Steps:
        """The one element that all is read from; otherwise the record."""
        owners = {mapping.path for mapping in mappings}
        simple = all(not mapping.selector and not mapping.expression for mapping in mappings)
        base = next(iter(owners))
        return base if len(owners) == 1 and simple and base[: len(self.record)] == self.record else self.record

    def _rows(self, base: Steps) -> str:
        return f"({'/'.join(base[len(self.record) :])})[last()]"

    # The kinds of rows

    def scores(self, mappings: list[Mapping], base: Steps) -> dict[str, Any]:
        rows = self._single("score", mappings, base, lambda mapping: {"score_identifier": _argument(mapping)})
        return _sources(rows, "score IS NOT NULL")

    def indicators(self, mappings: list[Mapping], base: Steps) -> dict[str, Any]:
        slots = []
        for mapping in mappings:
            flag = self.values.text(mapping, base)
            if flag is not None:
                slots.append({"indicator": _argument(mapping), "flag": flag})
        return {
            "slots": slots,
            "where": "LOWER(TRIM({flag})) IN ('y', 'yes', 'true', 't', '1')",
            "columns": {"indicator": {"value": "{indicator}", "type": "text"}, "value": {"value": "1", "type": "text"}},
        }

    def history(self, mappings: list[Mapping], base: Steps) -> dict[str, Any]:
        def names(mapping: Mapping) -> dict[str, Any]:
            return {"name": f"[{mapping.attribute}]", "source": f"[{mapping.path[-1]}]"}

        return _sources(self._single("value", mappings, base, names), "value IS NOT NULL")

    def report_lookups(self, mappings: list[Mapping], base: Steps) -> dict[str, Any]:
        keyed = any(_argument(mapping) for mapping in mappings)

        def names(mapping: Mapping) -> dict[str, Any]:
            return {"name": mapping.attribute, **({"source_report_key": _argument(mapping)} if keyed else {})}

        source = _sources(self._single("value", mappings, base, names), "value IS NOT NULL")
        for one in (source, *source.get("union", ())):
            if "source_report_key" in one.get("columns", ()) and not all(_argument(mapping) for mapping in mappings):
                one["columns"]["source_report_key"] = {
                    "expression": "NULLIF('{source_report_key}', '')",
                    "type": "text",
                }
        return source

    def policy_exceptions(self, mappings: list[Mapping], base: Steps) -> dict[str, Any]:
        rows = self._numbered(mappings, base, "policy_exception_type_enum")
        return _sources(rows, _any_given(rows, _names(rows)))

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
        return _sources(filled, _any_given(rows, [name for name in _names(rows) if name not in bits]))

    def collateral(self, mappings: list[Mapping], base: Steps) -> dict[str, Any]:
        rows = self._numbered(mappings, base, "sort_order")
        plain = {mapping.column for mapping in mappings if not mapping.is_bit and set(mapping.conversions) <= _PLAIN}
        return _sources(rows, _any_given(rows, [name for name in _names(rows) if name in plain]))

    def _single(
        self, name: str, mappings: list[Mapping], base: Steps, constants: Callable[[Mapping], dict[str, Any]]
    ) -> list[Row]:
        """A row of one value for each mapping; a default makes none, and nor does a blank."""
        type_ = widest([column_type(mapping) for mapping in mappings])
        rows = []
        for mapping in mappings:
            column = self.values.column(replace(mapping, default=None), base, type_)
            if column is not None:
                if type_.name == "text" and "lookup" not in column.options and not column.is_expression:
                    column = replace(column, options={**column.options, "blank": "null"})
                rows.append(Row(constants(mapping), {name: replace(column, default=None)}))
        return rows

    def _numbered(self, mappings: list[Mapping], base: Steps, number: str) -> list[Row]:
        """The mappings of one number are the columns of one row."""
        groups: dict[str, list[Mapping]] = {}
        types: dict[str, list[ColumnType]] = {}
        for mapping in mappings:
            groups.setdefault(_argument(mapping), []).append(mapping)
            types.setdefault(mapping.column, []).append(column_type(mapping))
        common = {name: widest(found) for name, found in types.items()}
        is_number = all(argument.isdigit() for argument in groups)
        return [
            Row(
                {number: int(argument) if is_number else argument},
                shared_columns(
                    self.values, self.notes, [mapping for mapping in group if mapping.column != number], base, common
                ),
            )
            for argument, group in groups.items()
        ]


def _argument(mapping: Mapping) -> str:
    return (mapping.maker and mapping.maker.argument) or ""


def _names(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.columns))


def _nowhere(column: Column) -> Column:
    """The same column of a row that has nothing for it."""
    return replace(column, source="NULL" if column.is_expression else "")


def _or_zero(column: Column) -> Column:
    if column.default is not None:
        return column
    certain = {} if "lookup" in column.options else {"on_error": "default"}
    return replace(column, default=False if column.type.name == "bool" else 0, options={**column.options, **certain})


def _any_given(rows: list[Row], names: list[str]) -> str:
    """The condition that one of these columns has a value."""
    types = {name: column.type.name for row in rows for name, column in row.columns.items()}
    conditions = []
    for column in names:
        name = column_name(column)
        if column == "wholesale_value":
            # Zero is what the old documents say of collateral that is not there.
            conditions.append(f"{name} > 0" if types[column] != "text" else f"TRY_CAST({name} AS decimal(38, 10)) > 0")
        else:
            conditions.append(f"{name} <> ''" if types[column] == "text" else f"{name} IS NOT NULL")
    return " OR ".join(conditions) or "FALSE"


def _sources(rows: list[Row], where: str) -> dict[str, Any]:
    """Rows as the slots of one source; as a union where their columns are not alike."""
    if not rows:
        return {}
    names = _names(rows)
    if any(not _alike([row.columns.get(name) for row in rows]) for name in names):
        return _united([_slots([row], where, list(row.columns)) for row in rows])
    return _slots(rows, where, names)


def _alike(columns: list[Column | None]) -> bool:
    """Whether columns differ in nothing but where they are read; one that is missing must not have a default."""
    found = [column.spec() for column in columns if column is not None]
    specs = [
        {key: value for key, value in spec.items() if key not in ("from", "expression", "description")}
        for spec in found
    ]
    kinds = {column.is_expression for column in columns if column is not None}
    several = any(isinstance(spec.get("from"), list) for spec in found)
    has_default = None in columns and any("default" in spec for spec in specs)
    return len(kinds) == 1 and not several and not has_default and all(spec == specs[0] for spec in specs)


def _slots(rows: list[Row], where: str, names: list[str]) -> dict[str, Any]:
    slots: list[Slot] = [dict(row.constants) for row in rows]
    columns: dict[str, Spec] = {
        name: {"value": f"{{{name}}}", "type": "int" if all(isinstance(slot[name], int) for slot in slots) else "text"}
        for name in slots[0]
    }
    number = next(iter(columns))
    for name in names:
        found = [row.columns.get(name) for row in rows]
        column = next(column for column in found if column is not None)
        key = "expression" if column.is_expression else "from"
        texts = [one.source if one else ("NULL" if column.is_expression else "") for one in found]
        spec = column.spec()
        if len(rows) > 1 or not isinstance(spec[key], list):
            pattern = _pattern(texts, [str(slot[number]) for slot in slots], f"{{{number}}}")
            spec[key] = pattern or f"{{{name}}}"
            if pattern is None:
                for slot, text in zip(slots, texts, strict=True):
                    slot[name] = text
        if len(rows) > 1:
            spec.pop("description", None)
        columns[name] = spec
    return {"slots": slots, "where": where, "columns": columns}


def _pattern(texts: list[str], numbers: list[str], placeholder: str) -> str | None:
    """The one text that all of these are, but for their slot's number: ``@coll{sort_order}_make``."""
    if len(set(texts)) == 1:
        return texts[0]
    whole = rf"(?<!\d){re.escape(numbers[0])}(?!\d)"
    places = [match.span() for match in re.finditer(whole, texts[0])]
    candidates = [
        re.sub(whole, placeholder, texts[0]),
        *(texts[0][:start] + placeholder + texts[0][end:] for start, end in places),
    ]
    for candidate in candidates:
        if [candidate.replace(placeholder, number) for number in numbers] == texts:
            return candidate
    return None


def _united(sources: list[dict[str, Any]]) -> dict[str, Any]:
    """Several sources as one table; a column that a source does not fill is NULL there."""
    flat = [one for source in sources for one in _parts(source)]
    types: dict[str, list[ColumnType]] = {}
    for source in flat:
        for name, spec in source["columns"].items():
            types.setdefault(name, []).append(ColumnType.parse(spec["type"]))
    empty = {name: {"expression": "NULL", "type": str(widest(found))} for name, found in types.items()}
    return {"union": flat, "columns": empty}


def _parts(source: dict[str, Any]) -> list[dict[str, Any]]:
    """A source, or those that it is a union of, with all that it says of them."""
    above = {key: value for key, value in source.items() if key != "union"}
    shared = {name: spec for name, spec in source["columns"].items() if spec.get("expression") != "NULL"}
    return [{**above, **one, "columns": {**one["columns"], **shared}} for one in source.get("union", [{"columns": {}}])]


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
