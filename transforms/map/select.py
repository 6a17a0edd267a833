"""Paths, compiled to functions from an element to what they select there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import lru_cache
from typing import Any, TypeGuard

from lxml.etree import _Element

from transforms.contract.paths import CASES
from transforms.contract.steps import (
    Above,
    Attribute,
    Before,
    Child,
    Condition,
    Follow,
    Named,
    Path,
    Pick,
    Position,
    Predicate,
    Step,
    Up,
    ValueTest,
)
from transforms.map.current_record import CurrentRecord
from transforms.map.texts import text_of
from transforms.names import NameTest

Select = Callable[[_Element], "list[Any]"]
"""Elements come as they are, attributes as their values; in document order."""

SelectFrom = Callable[["list[Any]"], "list[Any]"]
"""The same from several elements, or texts."""

AttributeNames = Callable[[_Element], "list[str]"]


def compile_path(path: Path, current: CurrentRecord | None = None) -> Select:
    """A function from an element to what the path selects there, in document order; references in their own.

    Elements come as they are, attributes as their values. ``current``: the record at hand, for paths that follow
    references, or may climb out of it: above it they find no elements but its ancestors.
    """
    if len(path.alternatives) == 1:
        return _of_one(path.alternatives[0], current)
    parts = [_compile_alternative(steps, current) for steps in path.alternatives]

    def union(element: _Element) -> list[Any]:
        # Two attributes may have one value: what tells them apart is their element and name.
        found: dict[tuple[_Element, str | None], Any] = {}
        for owners, attribute in parts:
            for owner in owners(element):
                if attribute is None:
                    found[owner, None] = owner
                else:
                    found.update({(owner, name): owner.get(name) for name in attribute(owner)})
        order = {owner: number for number, owner in enumerate(in_document_order({owner for owner, _ in found}))}
        return [found[key] for key in sorted(found, key=lambda key: (order[key[0]], key[1] is not None))]

    return union


def compile_from_all(path: Path, current: CurrentRecord | None = None) -> SelectFrom:
    """A function from several elements to what the path selects at them."""
    if len(path.alternatives) == 1:
        return _compile_steps(path.alternatives[0], current)
    select = compile_path(path, current)
    if path.selects_elements:
        return lambda elements: list(dict.fromkeys(node for element in elements for node in select(element)))
    return lambda elements: [value for element in elements for value in select(element)]


def split_plain(path: Path) -> tuple[Path | None, tuple[Predicate | Pick, ...]]:
    """``(a/b[c])[last()]`` as ``a/b``, which a walk finds, and the conditions on what that finds; else no path."""
    steps = list(path.alternatives[0])
    picks = [steps.pop()] if steps and isinstance(steps[-1], Pick) else []
    if len(path.alternatives) > 1 or not steps or not isinstance(steps[-1], Child):
        return None, ()
    last = steps[-1]
    if any(isinstance(predicate, Position) for predicate in last.predicates):
        return None, ()
    steps[-1] = Child(last.name, (), last.deep)
    return Path(path.text, (tuple(steps),)), (*last.predicates, *(pick for pick in picks if isinstance(pick, Pick)))


def within(select: SelectFrom, current: CurrentRecord) -> SelectFrom:
    """What is selected, without the elements above the record, whose texts are not at hand."""
    return lambda start: current.leave_out_above(select(start))


def compile_rest(conditions: tuple[Predicate | Pick, ...], current: CurrentRecord | None = None) -> SelectFrom:
    """What is left of the elements by conditions, and the one that is picked of them."""
    steps = [
        _pick(condition) if isinstance(condition, Pick) else _compile_predicate(condition, False, current)
        for condition in conditions
    ]

    def rest(elements: list[_Element]) -> list[_Element]:
        for step in steps:
            elements = step(elements)
        return elements

    return rest


def _compile_alternative(
    steps: tuple[Step, ...], current: CurrentRecord | None
) -> tuple[Select, AttributeNames | None]:
    if steps and isinstance(steps[-1], Attribute):
        return _of_one(steps[:-1], current), _attribute_names(steps[-1])
    return _of_one(steps, current), None


def in_document_order(elements: Collection[_Element]) -> list[_Element]:
    """Elements of one document, sorted as their start tags stand in it."""
    if len(elements) < 2:
        return list(elements)
    wanted = set(elements)
    return [element for element in next(iter(wanted)).getroottree().iter() if element in wanted]


def _of_one(steps: tuple[Step, ...], current: CurrentRecord | None) -> Select:
    if len(steps) == 2 and isinstance(steps[0], Up) and _is_exact(steps[1]):
        return _parents_attribute(steps[1].name)
    select = _compile_steps(steps, current)
    return lambda element: select([element])


def _compile_steps(steps: tuple[Step, ...], current: CurrentRecord | None) -> SelectFrom:
    """A function from all elements that a path starts at."""
    compiled = []
    below = False
    for step in steps:
        if isinstance(step, Pick):
            compiled.append((_pick(step), False, False))
            continue
        if isinstance(step, Follow):
            compiled.append((_follow(step, current), True, False))
            below = False
            continue
        deep = isinstance(step, Child) and step.deep
        # Several elements can share a parent, or lie below one another: only these steps can meet one twice.
        repeats = isinstance(step, (Up, Above, Before)) or deep
        # Elements at different depths: a child of the first may stand behind one of the second.
        disorders = below and not deep and not isinstance(step, Attribute)
        compiled.append((_for_each(_compile_step(step, current)), repeats, disorders))
        below = below or deep

    def select(nodes: list[Any]) -> list[Any]:
        for step, repeats, disorders in compiled:
            nodes = step(nodes)
            if repeats:
                nodes = list(dict.fromkeys(nodes))
            if disorders:
                nodes = in_document_order(nodes)
            if not nodes:
                break
        return nodes

    return select


def _for_each(step: Callable[[_Element], Iterable[Any]]) -> SelectFrom:
    return lambda nodes: [found for node in nodes for found in step(node)]


def _pick(step: Pick) -> SelectFrom:
    index = _index(step.position)
    return lambda nodes: nodes[index:][:1]


def _index(position: Position) -> int:
    return -1 if position.number is None else position.number - 1


def _is_exact(step: Step) -> TypeGuard[Attribute]:
    return isinstance(step, Attribute) and not step.pattern and not step.ignore_case


def _exact_attribute(name: str) -> Select:
    def select(element: _Element) -> list[Any]:
        value = element.get(name)
        return [] if value is None else [value]

    return select


def _attribute_names(step: Attribute) -> AttributeNames:
    """Attributes by pattern, or the one whose name is the same but for its case; an exact match comes first."""

    def names(element: _Element) -> list[str]:
        if not step.pattern and step.name in element.attrib:
            return [step.name]
        found = [str(name) for name in element.attrib if step.matches(str(name))]
        return found if step.pattern else found[:1]

    return names


def _attributes(step: Attribute) -> Select:
    names = _attribute_names(step)
    return lambda element: [element.get(name) for name in names(element)]


def _parents_attribute(name: str) -> Select:
    """``../@name`` is in the key of most records of a big file."""

    def select(element: _Element) -> list[Any]:
        parent = element.getparent()
        value = None if parent is None else parent.get(name)
        return [] if value is None else [value]

    return select


def _compile_step(
    step: Child | Up | Attribute | Above | Before, current: CurrentRecord | None
) -> Callable[[_Element], Iterable[Any]]:
    if isinstance(step, Up):

        def up(element: _Element) -> Iterable[_Element]:
            parent = element.getparent()
            return () if parent is None else (parent,)

        return up
    if isinstance(step, Attribute):
        if _is_exact(step):
            return _exact_attribute(step.name)
        return _attributes(step)

    if isinstance(step, (Above, Before)):
        return _nearest(step, current)

    # lxml's own filter understands {*}: the elements that do not match are never made into Python objects.
    tag, matches = _tag_filter(step.name)
    deep, ignore_case = step.deep, step.name.ignore_case
    predicates = [_compile_predicate(predicate, deep, current) for predicate in step.predicates]

    def child(element: _Element) -> Iterable[_Element]:
        found = list(element.iterdescendants(tag) if deep else element.iterchildren(tag))
        if ignore_case:
            found = [node for node in found if matches(node.tag)]
        for predicate in predicates:
            found = predicate(found)
        return found

    if current is None:
        return child
    # Of the ancestors of the record, what else stands below them is not at hand.
    return lambda element: () if element in current.above else child(element)


def _tag_filter(test: NameTest) -> tuple[str, Callable[[str], bool]]:
    """A name test as lxml's filter, and what decides where that lets all cases pass."""
    tag = f"{{{'*' if test.uri is None else test.uri}}}{'*' if test.ignore_case else test.local or '*'}"
    return tag, lru_cache(maxsize=1000)(test.matches)


def _nearest(step: Above | Before, current: CurrentRecord | None) -> Callable[[_Element], Iterable[_Element]]:
    """The nearest element above, within the record, or before among the siblings, that has the name and meets all
    conditions."""
    tag, matches = _tag_filter(step.element.name)
    predicates = [_compile_predicate(predicate, False, current) for predicate in step.element.predicates]
    climbs = isinstance(step, Above)

    def nearest(element: _Element) -> Iterable[_Element]:
        for other in element.iterancestors(tag) if climbs else element.itersiblings(tag, preceding=True):
            if climbs and current is not None and other in current.above:
                break
            found = [other] if matches(other.tag) else []
            for predicate in predicates:
                found = predicate(found)
            if found:
                return found
        return ()

    return nearest


def _follow(step: Follow, current: CurrentRecord | None) -> SelectFrom:
    if current is None:
        raise ValueError(f"the index {step.index!r} belongs to a record, and there is none here")

    refuse = current.refuse

    def follow(nodes: list[Any]) -> list[Any]:
        found = []
        for node in current.leave_out_above(nodes):
            text = node if isinstance(node, str) else text_of(node)
            element = current.referred(step.index, text)
            if element is not None:
                found.append(element)
            elif message := current.several(step.index, text):
                refuse(message)
        return found

    return follow


def _compile_predicate(predicate: Predicate, deep: bool, current: CurrentRecord | None) -> SelectFrom:
    if isinstance(predicate, Position):
        index = _index(predicate)
        return _among_siblings(index) if deep else lambda found: found[index:][:1]
    holds = compile_condition(predicate, current)
    return lambda found: [element for element in found if holds(element)]


def _among_siblings(index: int) -> SelectFrom:
    def choose(found: list[_Element]) -> list[_Element]:
        families: dict[_Element | None, list[_Element]] = {}
        for element in found:
            families.setdefault(element.getparent(), []).append(element)
        chosen = {element for family in families.values() for element in family[index:][:1]}
        return [element for element in found if element in chosen]

    return choose


def compile_condition(condition: Condition, current: CurrentRecord | None = None) -> Callable[[_Element], bool]:
    """A function that says whether a condition holds at an element."""
    if isinstance(condition, Named):
        tests = condition.tests
        is_named = lru_cache(maxsize=1000)(lambda tag: any(test.matches(tag) for test in tests))
        return lambda element: is_named(element.tag)
    if isinstance(condition, ValueTest):
        attribute = own_attribute(condition.path)
        if attribute is not None:
            return _compare_attribute(attribute, condition)
        select = compile_path(condition.path, current)
        if condition.values is None and not condition.normalized:
            return lambda element: bool(select(element))
        if current is not None and condition.path.selects_elements:
            select = within(select, current)
        fits = _compile_test(condition)
        return lambda element: any(fits(node if isinstance(node, str) else text_of(node)) for node in select(element))
    terms = [compile_condition(term, current) for term in condition.terms]
    if condition.operator == "not":
        [term] = terms
        return lambda element: not term(element)
    if len(terms) == 2:
        one, other = terms
        if condition.operator == "and":
            return lambda element: one(element) and other(element)
        return lambda element: one(element) or other(element)
    decide = all if condition.operator == "and" else any
    return lambda element: decide(term(element) for term in terms)


def own_attribute(path: Path) -> Attribute | None:
    """The step of a path that is just one attribute of the current element."""
    if len(path.alternatives) == 1 and len(path.alternatives[0]) == 1:
        step = path.alternatives[0][0]
        if isinstance(step, Attribute) and not step.pattern:
            return step
    return None


def _compile_test(condition: ValueTest) -> Callable[[str], bool]:
    """Whether a text is what a comparison asks for."""
    # Without values: any text but a blank one.
    values, negated = (frozenset([""]), True) if condition.values is None else (condition.values, condition.negated)
    normalized, fold = condition.normalized, CASES.get(condition.case or "")

    def fits(text: str) -> bool:
        if normalized:
            text = " ".join(text.split())
        return ((fold(text) if fold else text) in values) is not negated

    return fits


class _Verdicts(dict):
    """From a text to whether it is what a comparison asks for, worked out once for each of the short ones."""

    def __init__(self, fits: Callable[[str], bool]):
        self._fits = fits

    def __missing__(self, text: str) -> bool:
        verdict = self._fits(text)
        if len(text) <= 40 and len(self) < 1000:
            self[text] = verdict
        return verdict


def _compare_attribute(attribute: Attribute, condition: ValueTest) -> Callable[[_Element], bool]:
    """The same for one attribute of the element, as nearly all comparisons are: of few values, each judged once."""
    is_there = condition.values is None and not condition.normalized
    fits = _Verdicts((lambda text: True) if is_there else _compile_test(condition))
    name, names = attribute.name, _attribute_names(attribute) if attribute.ignore_case else None

    def compare(element: _Element) -> bool:
        value = element.get(name)
        if value is None and names is not None:
            value = next(map(element.get, names(element)), None)
        return value is not None and fits[value]

    return compare
