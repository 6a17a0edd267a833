"""Rows as the slots of one source: what differs between them is written into the slots."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from beamshred.legacy.values import Column

Slot = dict[str, Any]
Spec = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One row to make: ``constants`` by column, the columns that are read, and values of ``let``: those that only its
    expressions use, and with ``reads`` those that have a value in this row only."""

    constants: dict[str, Any]
    columns: dict[str, Column]
    let: dict[str, Spec] = field(default_factory=dict)
    reads: dict[str, Spec] = field(default_factory=dict)


_OF_A_SLOT = ("from", "expression", "description", "default", "lookup")
"""What slots may say each for themselves of one column."""


def names_of(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.columns))


def reads_of(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.reads))


def slots_of(rows: list[Row], where: str) -> dict[str, Any]:
    """Rows as the slots of one source."""
    if not rows:
        return {}
    names = names_of(rows)
    slots: list[Slot] = [dict(row.constants) for row in rows]
    columns: dict[str, Spec] = {
        name: {"value": f"{{{name}}}", **({"type": "int"} if isinstance(slots[0][name], int) else {})}
        for name in slots[0]
    }
    writer = _SlotWriter(slots, next(iter(columns)))
    for name in names:
        columns[name] = writer.shared(name, [row.columns[name].spec() if name in row.columns else None for row in rows])
    let = {
        name: writer.shared(name, [row.let.get(name) for row in rows], is_let=True)
        for name in dict.fromkeys(name for row in rows for name in row.let)
    }
    let.update({name: writer.shared(name, [row.reads.get(name) for row in rows]) for name in reads_of(rows)})
    return {"slots": slots, **({"let": let} if let else {}), "where": where, "columns": columns}


def kind_of(column: Column) -> Any:
    """What must be the same for all slots of a column."""
    spec = column.spec()
    same = {key: str(value) for key, value in spec.items() if key not in _OF_A_SLOT}
    return (column.is_expression, tuple(sorted(same.items())), "lookup" in spec)


class _SlotWriter:
    """Writes what differs between slots into them: the texts of one column, by its name."""

    def __init__(self, slots: list[Slot], number: str):
        self.slots = slots
        self.number = number

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
