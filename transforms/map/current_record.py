"""The record at hand, for paths that climb as far as it reaches, and for those that follow references in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import xxhash
from lxml.etree import _Element, iterwalk

from transforms.conversion.errors import short
from transforms.map.texts import text_of
from transforms.names import split_tag

Select = Callable[[_Element], "list[Any]"]

_PART = re.compile(r"[^\s,;]+")
"""A reference in a list of them."""


class CurrentRecord:
    """The element of the record, what stands above it, and its indexes, each built when it is first asked.

    Args:
      indexes: of each, what selects the elements of the record, and what selects the keys of one.

    ``refuse`` is what the paths that are compiled next do about a text that they cannot follow, by its message.
    """

    def __init__(self, indexes: Mapping[str, tuple[Select, Select]]):
        self._indexes = indexes
        self._built: dict[str, dict[str, _Element]] = {}
        self._content: str | None = None
        self.refuse: Callable[[str], None] = lambda message: None
        self.record: _Element | None = None
        self.above: frozenset[Any] = frozenset()

    def enter(self, record: _Element) -> None:
        """Begin with a record."""
        self.record = record
        self.above = frozenset(record.iterancestors())
        self._built.clear()
        self._content = None

    def content(self) -> str:
        """A hash of what the record says."""
        if self._content is None and self.record is not None:
            self._content = content_hash(self.record)
        return self._content or ""

    def depth(self, element: _Element) -> int:
        """How far below the record an element stands: the record itself is at 0."""
        return sum(1 for above in element.iterancestors()) - len(self.above)

    def path(self, element: _Element) -> str:
        """The names of the elements from the record down to this one; ``.`` for the record itself."""
        names = [split_tag(element.tag)[1]]
        for above in element.iterancestors():
            if element is self.record or above in self.above:
                break
            names.append(split_tag(above.tag)[1])
        return "/".join(names[-2::-1]) or "."

    def leave_out_above(self, nodes: list[Any]) -> list[Any]:
        """The nodes without the elements above the record, which have no texts here."""
        return [node for node in nodes if node not in self.above] if self.above else nodes

    def referred(self, index: str, reference: str) -> _Element | None:
        """The element that a text refers to, if there is one; ``#x1`` is ``x1`` where no key is ``#x1``."""
        built = self._built.get(index)
        if built is None:
            built = self._built[index] = self._build(index)
        return _named_in(built, reference.strip())

    def several(self, index: str, reference: str) -> str | None:
        """What is wrong with a text that refers to no element, where a part of it does: it is a list of references."""
        parts = _PART.findall(reference)
        if len(parts) < 2 or all(_named_in(self._built[index], part) is None for part in parts):
            return None
        separator = next((sign for sign in ",;" if sign in reference), " ")
        return (
            f"{short(reference)} is a list of references, and `-> {index}` follows one; `unpivot` with "
            f'`split: "{separator}"` makes a row of each'
        )

    def _build(self, index: str) -> dict[str, _Element]:
        select, keys = self._indexes[index]
        found: dict[str, _Element] = {}
        for element in select(self.record) if self.record is not None else ():
            for node in keys(element):
                key = (node if isinstance(node, str) else text_of(node)).strip()
                if key:
                    found.setdefault(key, element)
        return found


def _named_in(built: Mapping[str, _Element], key: str) -> _Element | None:
    return built.get(key if key in built else key.removeprefix("#"))


def content_hash(element: _Element) -> str:
    """A hash of the names, attributes and texts of an element and all below it: 32 hexadecimal digits.

    It is the same whatever the order of the attributes, the blanks around texts, the prefixes, the comments and the
    encoding. XXH3 finds changes, not forgeries.
    """
    said: list[object] = []
    for event, at in iterwalk(element, events=("start", "end")):
        if event == "start":
            said.append([at.tag, sorted(map(list, at.attrib.items())), (at.text or "").strip()])
        elif at is not element:
            said.append((at.tail or "").strip())
    return xxhash.xxh3_128(orjson.dumps(said)).hexdigest()
