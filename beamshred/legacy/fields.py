"""The fields of a table's expressions, read once as values of ``let``: as a number, a date or a text."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from transforms.contract.expressions import ExpressionError, compile_expression
from transforms.schema import ColumnType

NUMBER = "decimal(38, 10)"

_KINDS: dict[str, dict[str, Any]] = {
    "text": {"default": ""},
    "number": {"type": NUMBER},
    "date": {"type": "datetime"},
}


def column_name(name: str) -> str:
    """A name as SQL has it; in quotes where it would mean something else."""
    try:
        found = compile_expression(f"{name} IS NOT NULL", {name: ColumnType("text")}, paths=False)
    except ExpressionError:
        found = None
    return name if found and found.columns == (name,) else '"' + name.replace('"', '""') + '"'


class Fields:
    """Values of ``let`` by name. ``taken`` are names of columns; ``slot`` is a number that names do not show, but
    for the paths of ``common``, which other slots have, too."""

    def __init__(self, taken: Collection[str], slot: str = "", common: Collection[str] = ()):
        self.let: dict[str, dict[str, Any]] = {}
        self._taken = {name.lower() for name in taken}
        self._slot = slot
        self._common = common
        self._names: dict[tuple[str, str], str] = {}

    def text(self, path: str) -> str:
        """The name of a field as text; a missing one is the empty text."""
        return self._value("text", path)

    def number(self, path: str) -> str:
        return self._value("number", path)

    def date(self, path: str) -> str:
        return self._value("date", path)

    def add(self, name: str, spec: dict[str, Any]) -> str:
        """A value of one's own, under this name or one like it."""
        name = self.free(name, f"{name}_read")
        self.let[name] = spec
        return name

    def _value(self, kind: str, path: str) -> str:
        if (kind, path) not in self._names:
            element, _, attribute = path.rpartition("/@") if "/@" in path else ("", "", path.lstrip("@"))
            attribute = attribute if path in self._common else self._without_slot(attribute)
            above = re.sub(r"\W+", "_", element.rpartition("$")[2]).strip("_")
            name = self.free(attribute, f"{attribute}_{kind}", f"{above}_{attribute}", f"{above}_{attribute}_{kind}")
            self.let[name] = {"from": path, **_KINDS[kind]}
            self._names[kind, path] = column_name(name)
        return self._names[kind, path]

    def _without_slot(self, attribute: str) -> str:
        if not self._slot:
            return attribute
        name = re.sub(rf"(?<!\d){re.escape(self._slot)}(?!\d)", "", attribute)
        return re.sub(r"__+", "_", name).strip("_") or attribute

    def free(self, *names: str) -> str:
        """The first of these names that is not taken, which then is; or the last with a number."""
        candidates = [*names, *(f"{names[-1]}_{number}" for number in range(2, 1000))]
        name = next(name for name in candidates if name.lower() not in self._taken)
        self._taken.add(name.lower())
        return name
