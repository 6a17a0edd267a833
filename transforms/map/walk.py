"""One walk over an element that collects all that simple paths select there.

Many columns read from one row element. The paths that only step down through children are merged into a
tree of steps, and one walk over the element fills the slots of a list with what they select:

    Acct/Id/IBAN  -> slot 0        Acct ─ Id ─ IBAN   text -> 0
    Acct/Ccy      -> slot 1             └ Ccy         text -> 1
    @id           -> slot 2        @id -> 2

so that each element is visited once, however many columns there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from lxml.etree import _Element

from transforms.map.attributes import Attributes
from transforms.map.paths import Attribute, Child, Path, Pick, Position, Step
from transforms.map.select import text_of
from transforms.names import NameTest

Values = list[Any]
Visit = Callable[[_Element, Values], None]

_WIDE = 12
"""Children of an element from which on it is worth filtering them."""

_MANY = 4
"""Attributes from which on it is worth reading all of an element at once."""

_MOST_TAGS = 10_000
"""Tags remembered by one step; a document that makes up new ones for ever must not fill the memory."""


@dataclass
class Walk:
    """A tree of steps under construction. ``first`` slots keep what comes first, ``last`` what comes last,
    ``latest`` what the last element has, if anything; ``every`` slots hold a list; ``rows`` slots hold a
    list of elements."""

    children: dict[NameTest, Walk] = field(default_factory=dict)
    attributes: list[tuple[Attribute, str, int]] = field(default_factory=list)
    texts: list[tuple[str, int]] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)

    def add_value(self, path: Path, take: str, slot: int) -> bool:
        """Let ``slot`` take what ``path`` selects; False where the path is not one for a walk."""
        latest = _of_last_element(path) if take in ("first", "last") else None
        if latest is not None:
            *above, attribute = latest
            self._descend(above).attributes.append((attribute, "latest", slot))
            return True
        last = [steps[-1] if steps else None for steps in path.alternatives]
        if not _walkable(path, take != "count") or any(isinstance(step, Attribute) and step.pattern for step in last):
            return False
        for steps in path.alternatives:
            node = self._descend(steps)
            if steps and isinstance(steps[-1], Attribute):
                node.attributes.append((steps[-1], take, slot))
            else:
                node.texts.append((take, slot))
        return True

    def add_rows(self, path: Path, slot: int) -> bool:
        """Let ``slot`` collect the elements that ``path`` selects; False where the path is not one for a walk."""
        if not _walkable(path):
            return False
        for steps in path.alternatives:
            self._descend(steps).rows.append(slot)
        return True

    def _descend(self, steps: Iterable[Step]) -> Walk:
        node = self
        for step in steps:
            if isinstance(step, Child):
                node = node.children.setdefault(step.name, Walk())
        return node

    def compile(self) -> Visit:
        """The function that walks: it takes an element and the list of slots to fill."""
        attributes = [
            (step.name, slot) for step, take, slot in self.attributes if take == "first" and not step.ignore_case
        ]
        others = [
            _put_attribute(step.name, take, slot)
            for step, take, slot in self.attributes
            if take != "first" and not step.ignore_case
        ]
        folded = [(step.name, take, slot) for step, take, slot in self.attributes if step.ignore_case]
        others += [_put_folded(folded)] if folded else []
        others += [_put_text(take, slot) for take, slot in self.texts]
        others += [_put_row(slot) for slot in self.rows]
        if not self.children and not attributes and len(others) == 1:
            return others[0]
        below = _Below({test: child.compile() for test, child in self.children.items()})
        has_children = bool(self.children)
        tags = [f"{{{'*' if test.uri is None else test.uri}}}{test.local}" for test in self.children]
        filters = all(test.local is not None and not test.ignore_case for test in self.children)

        def visit(element: _Element, values: Values) -> None:
            for name, slot in attributes:
                if values[slot] is None:
                    values[slot] = element.get(name)
            for put in others:
                put(element, values)
            if has_children:
                # lxml's filter costs more than a few children do, but makes no Python objects of the others.
                wide = filters and len(element) > _WIDE
                for child in element.iterchildren(*tags) if wide else element:
                    for step in below[child.tag]:
                        step(child, values)

        return visit


class _Below(dict):  # type: ignore[type-arg]
    """From a tag to the visits of the steps that match it, worked out once for each tag."""

    def __init__(self, steps: dict[NameTest, Visit]):
        self.steps = steps

    def __missing__(self, tag: Any) -> tuple[Visit, ...]:
        # Comments and processing instructions have a function for a tag.
        found = tuple(visit for test, visit in self.steps.items() if test.matches(tag)) if isinstance(tag, str) else ()
        if len(self) < _MOST_TAGS:
            self[tag] = found
        return found


def _of_last_element(path: Path) -> tuple[Any, ...] | None:
    """The steps of ``(a/b)[last()]/@c`` without the position; ``None`` for any other path."""
    *steps, pick, attribute = (None, None, *path.alternatives[0])
    if (
        len(path.alternatives) > 1
        or pick != Pick(Position(None))
        or not isinstance(attribute, Attribute)
        or attribute.pattern
    ):
        return None
    plain = tuple(step for step in (*steps, attribute) if step is not None)
    return plain if Path(path.text, (plain,)).plain() else None


def _walkable(path: Path, in_order: bool = True) -> bool:
    """Alternatives that can meet the same element would find it twice, and not in document order."""
    alternatives = path.plain()
    if alternatives is None:
        return False
    return not any(_overlap(a, b, in_order) for i, a in enumerate(alternatives) for b in alternatives[:i])


def _overlap(a: tuple[Step, ...], b: tuple[Step, ...], in_order: bool) -> bool:
    if len(a) != len(b):
        # `. | b`, or a row inside a row: found, but parents and children in the order of steps.
        return in_order
    # `*/b | a/c`: where they part, no element may go both ways, or its children come in the order of steps.
    return all(_same(x, y) for x, y in [(x, y) for x, y in zip(a, b, strict=False) if x != y][:1])


def _same(a: Step, b: Step) -> bool:
    if isinstance(a, Child) and isinstance(b, Child):
        locals_ = a.name.local is None or b.name.local is None or a.name.local.casefold() == b.name.local.casefold()
        return locals_ and (a.name.uri is None or b.name.uri is None or a.name.uri == b.name.uri)
    return a == b


def _put_text(take: str, slot: int) -> Visit:
    if take == "first":

        def put(element: _Element, values: Values) -> None:
            if values[slot] is None:
                values[slot] = text_of(element)
    elif take == "last":

        def put(element: _Element, values: Values) -> None:
            values[slot] = text_of(element)
    else:

        def put(element: _Element, values: Values) -> None:
            _append(values, slot, text_of(element))

    return put


def _put_attribute(name: str, take: str, slot: int) -> Visit:
    def put(element: _Element, values: Values) -> None:
        value = element.get(name)
        if take == "latest":
            values[slot] = value
        elif value is not None:
            if take == "last":
                values[slot] = value
            else:
                _append(values, slot, value)

    return put


class Folded:
    """The attributes of an element like :class:`Attributes`, of which few are read."""

    __slots__ = ("_all", "element")

    def __init__(self, element: _Element):
        self.element = element
        self._all: Attributes | None = None

    def __getitem__(self, name: str) -> str | None:
        value = self.element.get(name)
        if value is None:
            if self._all is None:
                self._all = Attributes(self.element)
            value = self._all[name]
        return value


def _put_folded(attributes: list[tuple[str, str, int]]) -> Visit:
    wanted = attributes
    make = Folded if len(wanted) < _MANY else Attributes

    def put(element: _Element, values: Values) -> None:
        found = make(element)
        for name, take, slot in wanted:
            if take == "first" and values[slot] is not None:
                continue
            value = found[name]
            if value is None and take != "latest":
                continue
            if take in ("first", "last", "latest"):
                values[slot] = value
            else:
                _append(values, slot, value)

    return put


def _put_row(slot: int) -> Visit:
    return lambda element, values: _append(values, slot, element)


def _append(values: Values, slot: int, value: Any) -> None:
    if values[slot] is None:
        values[slot] = [value]
    else:
        values[slot].append(value)
