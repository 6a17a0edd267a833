"""What a path is made of, once it is read: steps and conditions; the syntax is in :mod:`transforms.map.paths`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

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
class Compare:
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
class Logic:
    """``and``, ``or`` or ``not`` over conditions."""

    operator: str
    terms: tuple[Condition, ...]


Condition = Compare | Logic
Predicate = Position | Compare | Logic
Step = Child | Up | Attribute | Pick


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
                if isinstance(step, (Up, Pick)) or (isinstance(step, Child) and (step.predicates or step.deep)):
                    return None
        return self.alternatives


def paths_within(step: Step) -> Iterator[Path]:
    """The paths in the predicates of a step."""
    waiting: list[Predicate] = list(step.predicates) if isinstance(step, Child) else []
    while waiting:
        predicate = waiting.pop()
        if isinstance(predicate, Compare):
            yield predicate.path
        elif isinstance(predicate, Logic):
            waiting += predicate.terms
