"""One walk over an element that collects all that simple paths select there.

Many columns read from one row element. The paths that only step down through children are merged into a
tree of steps, and one walk over the element fills their slots, which are variables, with what they select:

    Acct/Id/IBAN  -> found_iban       Acct ─ Id ─ IBAN   text -> found_iban
    Acct/Ccy      -> found_ccy             └ Ccy         text -> found_ccy
    @id           -> found_id         @id -> found_id

so that each element is visited once, however many columns there are. The walk is Python source, a loop in a loop
as a person would write them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from transforms.contract.steps import Attribute, Child, Path, Pick, Position, Step
from transforms.map.attributes import Folded, Wanted
from transforms.map.texts import text_of
from transforms.names import NameTest

_WIDE = 12
"""Children of an element from which on it is worth filtering them."""

_FEW = 6
"""Names of children that are compared one after another; among more, half of them are left out by each comparison."""

_DEEPEST = 8
"""Steps of a path that is walked: Python takes 20 loops in one another, and 100 levels of indentation."""

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
    attributes: list[tuple[Attribute, str, str]] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)

    def add_value(self, path: Path, take: str, slot: str) -> bool:
        """Let ``slot`` take what ``path`` selects; False where the path is not one for a walk."""
        if _is_deep(path):
            return False
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

    def add_rows(self, path: Path, slot: str) -> bool:
        """Let ``slot`` collect the elements that ``path`` selects; False where the path is not one for a walk."""
        if _is_deep(path) or not _walkable(path):
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

    def source(self, element: str, names: dict[str, Any], level: int = 1) -> list[str]:
        """The lines that visit ``element`` and what is below it, and put what they find into the slots.

        What they need is added to ``names``. ``level`` is that of the children.
        """
        lines = [line for step, take, slot in self.attributes if not step.ignore_case
                 for line in _put(take, slot, f"{element}.get({step.name!r})")]  # fmt: skip
        folded = [(step.name, take, slot) for step, take, slot in self.attributes if step.ignore_case]
        if folded:
            # Attributes of any case are looked up in one of two ways, whichever is quicker for so many.
            wanted, read = Wanted(), f"attributes_{len(names)}"
            for name, _, _ in folded:
                wanted.add(name)
            names.update({"Folded": Folded, read: wanted.of})
            lines.append(f"folded = {f'Folded({element}, {read})' if len(folded) < _MANY else f'{read}({element})'}")
            lines += [line for name, take, slot in folded for line in _put(take, slot, f"folded[{name!r}]")]
        names["text_of"] = text_of
        text = f"(text_of({element}) if len({element}) else {element}.text or '')"
        for take, slot in self.texts:
            lines += _put(take, slot, element if take == "count" else text, is_there=True)  # only their number counts
        for slot in self.rows:
            lines += _put("every", slot, element, is_there=True)
        if self.children:
            lines += self._below(element, names, level)
        return lines

    def _below(self, element: str, names: dict[str, Any], level: int) -> list[str]:
        """The lines that visit the children, each as its name asks for."""
        kinds, tags = f"kinds_{len(names)}", f"tags_{len(names)}"
        names[kinds] = _Kinds(self.children)
        child, kind = f"child_{level}", f"kind_{level}"
        children = element
        if all(test.local is not None and not test.ignore_case for test in self.children):
            # lxml's filter costs more than a few children do, but makes no Python objects of the others.
            names[tags] = [f"{{{'*' if test.uri is None else test.uri}}}{test.local}" for test in self.children]
            children = f"{element}.iterchildren(*{tags}) if len({element}) > {_WIDE} else {element}"
        branches = [below.source(child, names, level + 1) for below in self.children.values()]
        chosen = _all_that_match(kind, branches) if _overlapping(self.children) else _the_one(kind, 0, branches)
        return [f"for {child} in {children}:", f"    {kind} = {kinds}[{child}.tag]", *indented(chosen)]


def indented(lines: Iterable[str]) -> Iterator[str]:
    return ("    " + line for line in lines)


def _put(take: str, slot: str, value: str, is_there: bool = False) -> list[str]:
    """The lines that let a slot take a value; ``is_there`` says that it is never ``None``."""
    found = f"found_{slot}"
    if take == "first":
        return [f"if {found} is None: {found} = {value}"]
    if take == "latest" or (take == "last" and is_there):
        return [f"{found} = {value}"]
    given = value if is_there else "value"
    put = [f"{found} = {given}"] if take == "last" else [
        f"if {found} is None: {found} = [{given}]", f"else: {found}.append({given})",
    ]  # fmt: skip
    return put if is_there else [f"value = {value}", "if value is not None:", *indented(put)]


def _the_one(kind: str, first: int, branches: list[list[str]]) -> list[str]:
    """The lines that choose one of the branches, of which the first has this number, by halves where there are many."""
    if len(branches) <= _FEW:
        lines: list[str] = []
        for number, branch in enumerate(branches, first):
            lines += [f"{'el' if lines else ''}if {kind} == {number}:", *indented(branch)]
        return lines
    middle = len(branches) // 2
    return [
        f"if {kind} < {first + middle}:", *indented(_the_one(kind, first, branches[:middle])),
        "else:", *indented(_the_one(kind, first + middle, branches[middle:])),
    ]  # fmt: skip


def _all_that_match(kind: str, branches: list[list[str]]) -> list[str]:
    """The same for names of which an element can match several: a kind is a bit for each."""
    return [
        line for number, branch in enumerate(branches) for line in (f"if {kind} & {1 << number}:", *indented(branch))
    ]


def _overlapping(tests: Collection[NameTest]) -> bool:
    """Whether one element can match two of them."""
    names = [test.local.casefold() if test.local else None for test in tests]
    return len(names) > 1 and (None in names or len(set(names)) < len(names))


class _Kinds(dict):
    """From a tag to the number of the name that it matches, -1 for none; to the bits of all, where it can be several.

    Worked out once for each tag.
    """

    def __init__(self, tests: Iterable[NameTest]):
        self.tests = list(tests)
        self.as_bits = _overlapping(self.tests)

    def __missing__(self, tag: Any) -> int:
        # Comments and processing instructions have a function for a tag.
        matching = [number for number, test in enumerate(self.tests) if isinstance(tag, str) and test.matches(tag)]
        kind = sum(1 << number for number in matching) if self.as_bits else (matching or [-1])[0]
        if len(self) < _MOST_TAGS:
            self[tag] = kind
        return kind


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


def _is_deep(path: Path) -> bool:
    return any(len(steps) > _DEEPEST for steps in path.alternatives)


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
