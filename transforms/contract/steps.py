"""What a path is made of, once it is read: steps and conditions; the syntax is in :mod:`transforms.contract.paths`.

Above the record only the start tags of its ancestors are at hand: their names and attributes, not their text or other
elements. So it counts how far a path leads down, and whether it climbs out of the record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import inf

from transforms.names import NameTest


@dataclass(frozen=True)
class Child:
    """A step to child elements, or with ``deep`` to those at any depth below."""

    name: NameTest
    predicates: tuple[Predicate, ...] = ()
    deep: bool = False


@dataclass(frozen=True)
class Up:
    """The step ``..``."""


@dataclass(frozen=True)
class Attribute:
    """The step ``@name``; ``name`` in lxml's notation. ``@*`` and ``@score_*`` select several: ``pattern``."""

    name: str
    pattern: bool = False
    ignore_case: bool = False

    def matches(self, name: str) -> bool:
        """Whether an attribute of this name is selected."""
        if self.ignore_case:
            return (
                fnmatchcase(name.casefold(), self.name.casefold())
                if self.pattern
                else name.casefold() == self.name.casefold()
            )
        return fnmatchcase(name, self.name) if self.pattern else name == self.name


@dataclass(frozen=True)
class Position:
    """``[3]``, or ``[last()]`` as ``None``."""

    number: int | None


@dataclass(frozen=True)
class Pick:
    """``(...)[3]``, ``(...)[last()]``: of all that the steps before it select, one."""

    position: Position


@dataclass(frozen=True)
class Above:
    """``above(section)``: the nearest element of a name above, within the record."""

    element: Child


@dataclass(frozen=True)
class Before:
    """``before(head)``: the nearest element of a name before, among the siblings."""

    element: Child


@dataclass(frozen=True)
class Follow:
    """``-> party``: the element of an index whose key is the text of what the steps before select."""

    index: str


@dataclass(frozen=True)
class ValueTest:
    """``path``, ``path = 'a'``, ``path != 'a'``, ``path in ('a', 'b')``; no values: it is there.

    ``normalized``: of ``normalize-space(path)``, whose text has no blanks around it and single ones within,
    and which without values is one that is not blank. ``case``: ``upper-case(path)`` or ``lower-case(path)``.
    """

    path: Path
    values: frozenset[str] | None = None
    negated: bool = False
    normalized: bool = False
    case: str | None = None


@dataclass(frozen=True)
class Connective:
    """``and``, ``or`` or ``not`` over conditions."""

    operator: str
    terms: tuple[Condition, ...]


@dataclass(frozen=True)
class Named:
    """Whether the element has one of these names."""

    tests: tuple[NameTest, ...]


Condition = ValueTest | Connective | Named
Predicate = Position | Condition
Step = Child | Up | Attribute | Pick | Above | Before | Follow


@dataclass(frozen=True)
class Path:
    """A parsed path: its alternatives, each a sequence of steps. No steps is ``.``, the element itself."""

    text: str
    alternatives: tuple[tuple[Step, ...], ...]

    @property
    def selects_elements(self) -> bool:
        return not any(steps and isinstance(steps[-1], Attribute) for steps in self.alternatives)

    def plain(self) -> tuple[tuple[Step, ...], ...] | None:
        """The alternatives if they only step down through children: what one walk over a tree can serve."""
        for steps in self.alternatives:
            for step in steps:
                if isinstance(step, Child):
                    is_plain = not step.predicates and not step.deep
                else:
                    is_plain = isinstance(step, Attribute) and step is steps[-1]
                if not is_plain:
                    return None
        return self.alternatives


def paths_within(step: Step) -> Iterator[Path]:
    """The paths in the predicates of a step."""
    element = step.element if isinstance(step, (Above, Before)) else step
    waiting: list[Predicate] = list(element.predicates) if isinstance(element, Child) else []
    while waiting:
        predicate = waiting.pop()
        if isinstance(predicate, ValueTest):
            yield predicate.path
        elif isinstance(predicate, Connective):
            waiting += predicate.terms


def all_steps(path: Path) -> Iterator[Step]:
    """The steps of a path, and those in its conditions."""
    for steps in path.alternatives:
        for step in steps:
            yield step
            for inner in paths_within(step):
                yield from all_steps(inner)


def depth_of(steps: tuple[Step, ...]) -> int:
    """How far below the current element, at the least, stands what steps down select."""
    depth = 0
    for step in steps:
        # What a reference leads to may stand anywhere in the record.
        depth = 0 if isinstance(step, Follow) else depth + isinstance(step, Child)
    return depth


def deepest_of(steps: tuple[Step, ...]) -> float:
    """The same, at the most."""
    if any(isinstance(step, Follow) or (isinstance(step, Child) and step.deep) for step in steps):
        return inf
    return depth_of(steps)


def leaves_record(path: Path, depth: float, at_most: bool = True) -> bool:
    """Whether a path climbs above the record and then down to elements, or to neighbours, which are not there.

    ``depth`` is how far below the record it starts, at the most; or at the least, without ``at_most``.
    """
    for steps in path.alternatives:
        height = depth
        for step, after in _heights(steps, depth, at_most):
            if (isinstance(step, Child) and height < 0) or (isinstance(step, (Above, Before)) and height <= 0):
                return True
            height = after
            if any(leaves_record(inner, height, at_most) for inner in paths_within(step)):
                return True
    return False


def ends_above_record(path: Path, depth: float, at_most: bool = True) -> bool:
    """Whether a path selects an element above the record, whose text is not there."""
    for steps in path.alternatives:
        *_, height = (depth, *(height for _, height in _heights(steps, depth, at_most)))
        if height < 0 and not (steps and isinstance(steps[-1], Attribute)):
            return True
    return False


def reads_above_record(path: Path, depth: int) -> bool:
    """Whether a path reads what stands above the record, where it starts so far below it, at the least."""
    return any(
        height < 0 or any(reads_above_record(inner, int(height)) for inner in paths_within(step))
        for steps in path.alternatives
        for step, height in _heights(steps, depth, False)
    )


def _heights(steps: tuple[Step, ...], depth: float, at_most: bool) -> Iterator[tuple[Step, float]]:
    """How far below the record one stands after each step."""
    height = depth
    for step in steps:
        if isinstance(step, Up):
            height -= 1
        elif isinstance(step, Above):
            # The nearest one above never stands above the record.
            height = height - 1 if at_most else 0
        elif isinstance(step, Follow):
            height = inf if at_most else 0
        elif isinstance(step, Child):
            height = inf if step.deep and at_most else height + 1
        yield step, height
