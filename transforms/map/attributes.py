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


class _Spellings(dict):
    """From the names of an element's attributes to how each is spelled there, by its name in one case.

    The elements of a kind have the same few sets of attributes in most documents.
    """

    def __missing__(self, names: tuple[str, ...]) -> dict[str, str]:
        # The first of several that differ in nothing but case.
        spelled = {_FOLDS[name]: name for name in reversed(names)}
        if len(self) < 1000:
            self[names] = spelled
        return spelled


_SPELLINGS = _Spellings()


class Attributes(dict):
    """An element's attributes by name: exactly so, or but for its case; ``None`` where there is none."""

    __slots__ = ("_spelled",)

    def __init__(self, element: _Element | None):
        super().__init__(() if element is None else element.items())
        self._spelled: dict[str, str] | None = None

    def __missing__(self, name: str) -> str | None:
        spelled = self._spelled
        if spelled is None:
            spelled = self._spelled = _SPELLINGS[tuple(self)]
        exact = spelled.get(_FOLDS[name])
        value = self[name] = None if exact is None else self[exact]
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
        for attributes in self._attributes():
            value = attributes[name]
            if value is not None:
                return value
        return None

    def last_folded(self, name: str) -> str | None:
        for attributes in reversed(self._attributes()):
            value = attributes[name]
            if value is not None:
                return value
        return None

    def _attributes(self) -> list[Attributes]:
        if self._folded is None:
            self._folded = [Attributes(element) for element in self._elements]
        return self._folded


def attributes_of_one(elements: list[_Element]) -> Attributes:
    """The attributes of the only element, or none."""
    return Attributes(elements[0] if elements else None)
