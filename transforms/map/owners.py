"""Elements whose attributes several columns of a row read: they are looked up once."""

from __future__ import annotations

from lxml.etree import _Element

from transforms.map.walk import Folded


class Owners:
    """Elements, and of each attribute the first or last that one of them has.

    ``first_folded`` and ``last_folded`` take an attribute's name in any case; an exact match comes first.
    """

    __slots__ = ("_elements", "_folded")

    def __init__(self, elements: list[_Element]):
        self._elements = elements
        self._folded: list[Folded] | None = None

    def first(self, name: str) -> str | None:
        for element in self._elements:
            value = element.get(name)
            if value is not None:
                return value
        return None

    def last(self, name: str) -> str | None:
        for element in reversed(self._elements):
            value = element.get(name)
            if value is not None:
                return value
        return None

    def first_folded(self, name: str, folded_name: str) -> str | None:
        for get in self._readers():
            value = get(name, folded_name)
            if value is not None:
                return value
        return None

    def last_folded(self, name: str, folded_name: str) -> str | None:
        for get in reversed(self._readers()):
            value = get(name, folded_name)
            if value is not None:
                return value
        return None

    def _readers(self) -> list[Folded]:
        if self._folded is None:
            self._folded = [Folded(element) for element in self._elements]
        return self._folded
