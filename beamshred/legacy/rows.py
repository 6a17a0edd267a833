"""Mapping types that make rows: each becomes a slot, and the slots of a table share its columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from beamshred.legacy.fields import Fields, column_name
from beamshred.legacy.notes import Notes
from beamshred.legacy.source import Mapping, Steps
from beamshred.legacy.types import column_type, widest
from beamshred.legacy.values import Column, Values
from transforms.schema import ColumnType

Slot = dict[str, Any]
Spec = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One row to make: ``constants`` by column, the columns that are read, and values of ``let``."""

    constants: dict[str, Any]
    columns: dict[str, Column]
    let: dict[str, Spec] = field(default_factory=dict)


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
            self.notes.cannot(f"table {table}: no mapping makes a row of it, so none is made")
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
        return _slots(rows, "score IS NOT NULL")

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

        return _slots(self._single("value", mappings, base, names), "value IS NOT NULL")

    def report_lookups(self, mappings: list[Mapping], base: Steps) -> dict[str, Any]:
        keyed = any(_argument(mapping) for mapping in mappings)

        def names(mapping: Mapping) -> dict[str, Any]:
            return {"name": mapping.attribute, **({"source_report_key": _argument(mapping)} if keyed else {})}

        source = _slots(self._single("value", mappings, base, names), "value IS NOT NULL")
        if source and keyed and not all(_argument(mapping) for mapping in mappings):
            source["columns"]["source_report_key"] = {"expression": "NULLIF('{source_report_key}', '')"}
        return source

    def policy_exceptions(self, mappings: list[Mapping], base: Steps) -> dict[str, Any]:
        rows = self._numbered(mappings, base, "policy_exception_type_enum")
        return _slots(rows, _any_given(rows, _names(rows)))

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
        return _slots(filled, _any_given(rows, [name for name in _names(rows) if name not in bits]))

    def collateral(self, mappings: list[Mapping], base: Steps) -> dict[str, Any]:
        rows = self._numbered(mappings, base, "sort_order")
        plain = {mapping.column for mapping in mappings if not mapping.is_bit and set(mapping.conversions) <= _PLAIN}
        return _slots(rows, _any_given(rows, [name for name in _names(rows) if name in plain]))

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
        return rows({path for path, slots in paths.items() if slots > 1})


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
    return replace(column, default=False if column.type.name == "bool" else 0)


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
            conditions.append(f"{name} IS NOT NULL")
    return " OR ".join(conditions) or "FALSE"


def _slots(rows: list[Row], where: str) -> dict[str, Any]:
    """Rows as the slots of one source; as a union where one slot reads what another computes."""
    if not rows:
        return {}
    names = _names(rows)
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(
            tuple(_kind(row.columns[name]) if name in row.columns else None for name in names), []
        ).append(row)
    if len(groups) > 1 and not _fit_together(list(groups)):
        return _united([_slots(group, _without(where, names, group)) for group in groups.values()])
    slots: list[Slot] = [dict(row.constants) for row in rows]
    columns: dict[str, Spec] = {
        name: {"value": f"{{{name}}}", **({"type": "int"} if isinstance(slots[0][name], int) else {})}
        for name in slots[0]
    }
    writer = _SlotWriter(slots, next(iter(columns)), [*columns, *names, *(name for row in rows for name in row.let)])
    for name in names:
        columns[name] = writer.shared(name, [row.columns[name].spec() if name in row.columns else None for row in rows])
    let = {
        name: writer.shared(name, [row.let.get(name) for row in rows], is_let=True)
        for name in dict.fromkeys(name for row in rows for name in row.let)
    }
    return {"slots": slots, **({"let": let} if let else {}), "where": where, "columns": columns}


def _kind(column: Column) -> Any:
    """What must be the same for all slots of a column."""
    spec = column.spec()
    same = {key: str(value) for key, value in spec.items() if key not in _OF_A_SLOT}
    return (column.is_expression, tuple(sorted(same.items())), "lookup" in spec)


def _fit_together(kinds: list[tuple[Any, ...]]) -> bool:
    """Whether all slots have columns of the same kinds, or none for some."""
    return all(len({kind for kind in of_one if kind is not None}) == 1 for of_one in zip(*kinds, strict=True))


def _without(where: str, names: list[str], rows: list[Row]) -> str:
    """The condition on the columns that these rows have."""
    missing = {column_name(name) for name in names if all(name not in row.columns for row in rows)}
    return " OR ".join(one for one in where.split(" OR ") if one.partition(" ")[0] not in missing) or "FALSE"


class _SlotWriter:
    """Writes what differs between slots into them: the texts of one column, by its name."""

    def __init__(self, slots: list[Slot], number: str, taken: list[str]):
        self.slots = slots
        self.number = number
        self.taken = set(taken)

    def shared(self, name: str, specs: list[Spec | None], is_let: bool = False) -> Spec:
        """The one column of all slots, or value of ``let``: that may say anything where a slot does not use it."""
        shown = dict(next(spec for spec in specs if spec is not None))
        source = "expression" if "expression" in shown else "from"
        if len(self.slots) == 1:
            return shown
        shown.pop("description", None)
        if source == "expression":
            shown[source] = self._text(name, [spec[source] if spec else "NULL" for spec in specs])
        elif is_let:
            shown[source] = self._text(name, [str(spec["from"]) if spec else None for spec in specs])
        else:
            shown[source] = self._paths(name, [_listed(spec["from"]) if spec else [] for spec in specs])
        if "lookup" in shown and len({spec["lookup"] for spec in specs if spec}) > 1:
            some = shown["lookup"]
            shown["lookup"] = self._text(f"{name}_lookup", [spec["lookup"] if spec else some for spec in specs])
        defaults = [spec.get("default") if spec else None for spec in specs if spec or not is_let]
        if len({repr(default) for default in defaults}) > 1:
            texts = ["" if one is None else str(one).lower() if isinstance(one, bool) else one for one in defaults]
            shown["default"] = self._field(f"{name}_default", texts)
        return shown

    def _paths(self, name: str, paths: list[list[str]]) -> str | list[str]:
        most = max(map(len, paths))
        places = [name, *(f"{name}_{number}" for number in range(2, most + 1))]
        found = [
            self._text(place, [of_one[number] if number < len(of_one) else "" for of_one in paths])
            for number, place in enumerate(places)
        ]
        return found[0] if most == 1 else found

    def _text(self, name: str, texts: Sequence[str | None]) -> str:
        """A text for all slots; those of which it is ``None`` take any."""
        numbers = [str(slot[self.number]) for slot, text in zip(self.slots, texts, strict=True) if text is not None]
        pattern = _pattern([text for text in texts if text is not None], numbers, f"{{{self.number}}}")
        return pattern or self._field(name if name not in self.slots[0] else f"{name}_path", [t or "" for t in texts])

    def _field(self, name: str, values: list[Any]) -> str:
        for slot, value in zip(self.slots, values, strict=True):
            slot[name] = value
        return f"{{{name}}}"


def _listed(paths: str | list[str]) -> list[str]:
    return paths if isinstance(paths, list) else [paths]


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


_OF_A_SLOT = ("from", "expression", "description", "default", "lookup")
"""What slots may say each for themselves of one column."""

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
