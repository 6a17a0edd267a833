"""The attributes of elements that several columns read: each element is looked up once, and its attributes once.

libxml2 looks for an attribute from the first one on, so that reading all of many, one by one, takes quadratic time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lxml.etree import _Element

Values = dict[str, "str | None"]
"""The values of attributes by the names by which they are read; ``None`` where there is none."""

_MOST_KNOWN = 1000
"""Sets of names remembered for one kind of element: a document with new names for ever must not fill the memory."""


class Wanted:
    """The names of attributes that are read of a kind of element, in any case; an exact match comes first.

    Documents that are written as the contract says cost no more than with exact names.
    """

    def __init__(self) -> None:
        self._nothing: Values = {}
        self._by_folded_name: dict[str, list[str]] = {}
        self._has_twins = False
        self._known: dict[tuple[str, ...], list[tuple[str, str]]] = {}

    def __bool__(self) -> bool:
        return bool(self._nothing)

    def add(self, name: str) -> None:
        """Read this name, too."""
        if name not in self._nothing:
            self._nothing[name] = None
            same = self._by_folded_name.setdefault(name.casefold(), [])
            same.append(name)
            self._has_twins |= len(same) > 1

    def of(self, element: _Element | None) -> Values:
        """What an element has of them."""
        found = self._nothing.copy()
        if element is None:
            return found
        items = element.items()
        found.update(items)
        if self._has_twins:
            others = tuple([name for name, _ in items])
        elif len(found) > len(self._nothing):
            others = tuple(found)[len(self._nothing) :]
        else:
            return found
        known = self._known.get(others)
        for name, other in self._spelled(others) if known is None else known:
            if found[name] is None:
                found[name] = found[other]
        return found

    def of_one(self, elements: Sequence[_Element]) -> Values:
        """What the only element has of them, if there is one."""
        return self.of(elements[0] if elements else None)

    def _spelled(self, others: tuple[str, ...]) -> list[tuple[str, str]]:
        """Which of them may have the value of another attribute: the first whose name differs in case alone."""
        first: dict[str, str] = {}
        for other in others:
            for name in self._by_folded_name.get(other.casefold(), ()):
                if name != other:
                    first.setdefault(name, other)
        spelled = list(first.items())
        if len(self._known) < _MOST_KNOWN:
            self._known[others] = spelled
        return spelled


class Owners:
    """Elements, and of each attribute the first or last that one of them has.

    ``first_folded`` and ``last_folded`` take a name that is wanted in any case; ``read`` gives these of an element.
    """

    __slots__ = ("_elements", "_folded", "_read")

    def __init__(self, elements: list[_Element], read: Callable[[_Element], Values]):
        self._elements = elements
        self._read = read
        self._folded: list[Values] | None = None

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
        for values in self._values():
            value = values[name]
            if value is not None:
                return value
        return None

    def last_folded(self, name: str) -> str | None:
        for values in reversed(self._values()):
            value = values[name]
            if value is not None:
                return value
        return None

    def _values(self) -> list[Values]:
        if self._folded is None:
            self._folded = [self._read(element) for element in self._elements]
        return self._folded


class Folded:
    """The values of an element of which few are read: all are looked at only where one is not spelled as it is read."""

    __slots__ = ("_element", "_read", "_values")

    def __init__(self, element: _Element, read: Callable[[_Element], Values]):
        self._element, self._read = element, read
        self._values: Values | None = None

    def __getitem__(self, name: str) -> str | None:
        value = self._element.get(name)
        if value is None:
            if self._values is None:
                self._values = self._read(self._element)
            value = self._values[name]
        return value
