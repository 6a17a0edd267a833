"""The attributes of elements that several columns read: each element is looked up once, and its attributes once.

libxml2 looks for an attribute from the first one on, so that reading all of many, one by one, takes quadratic time.
"""

from __future__ import annotations

from lxml.etree import _Element


class _Folds(dict):
    """From names to the same in one case; a document that makes up new ones for ever must not fill the memory."""

    def __missing__(self, name: str) -> str:
        folded = name.casefold()
        if len(self) < 10_000:
            self[name] = folded
        return folded


_FOLDS = _Folds()


class Attributes(dict):
    """An element's attributes by name: exactly so, or but for its case; ``None`` where there is none."""

    __slots__ = ("_by_folded_name",)

    def __init__(self, element: _Element | None):
        super().__init__(() if element is None else element.items())
        self._by_folded_name: dict[str, str] | None = None

    def __missing__(self, name: str) -> str | None:
        if self._by_folded_name is None:
            # The first of several that differ in nothing but case.
            self._by_folded_name = {_FOLDS[key]: value for key, value in reversed(self.items()) if value is not None}
        value = self._by_folded_name.get(_FOLDS[name])
        self[name] = value
        return value


class Owners:
    """Elements, and of each attribute the first or last that one of them has.

    ``first_folded`` and ``last_folded`` take an attribute's name in any case; an exact match comes first.
    """

    __slots__ = ("_elements", "_folded")

    def __init__(self, elements: list[_Element]):
        self._elements = elements
        self._folded: list[Attributes] | None = None

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

    def first_folded(self, name: str) -> str | None:
        return next((found[name] for found in self._attributes() if found[name] is not None), None)

    def last_folded(self, name: str) -> str | None:
        return next((found[name] for found in reversed(self._attributes()) if found[name] is not None), None)

    def _attributes(self) -> list[Attributes]:
        if self._folded is None:
            self._folded = [Attributes(element) for element in self._elements]
        return self._folded


def attributes_of_one(elements: list[_Element]) -> Attributes:
    """The attributes of the only element, or none."""
    return Attributes(elements[0] if elements else None)
