"""Paths of a contract: which elements are rows, which attributes and texts are values.

The part of XPath that mappings need, with two differences that real feeds ask for: a bare element name
matches in any namespace (see :mod:`transforms.names`), and a value may be tested against a list.

======================================  ==================================================================
``Acct/Id/IBAN``                        child elements; the value is the element's text, with all below it
``Amt/@Ccy``, ``@id``, ``@xml:lang``    attributes; a bare name is in no namespace, as in XPath
``.``, ``..``, ``../../@date``          the element itself, its parent, above that
``*/Stmt``, ``.//Item``                 any element; at any depth below
``Bal[1]``, ``Bal[last()]``             by position among the siblings that match, counted from 1
``info[@name='serial']/@value``         with an attribute or text of this value; also ``!=``
``Bal[Tp/Cd in ('OPBD', 'PRCD')]``      with one of these values
``Tx[@id and not(Rvsl)]``               that is there; ``and``, ``or``, ``not(...)``, brackets
``*/Stmt | */Rpt``                      either, in the order of the document
======================================  ==================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Union

from lxml.etree import _Element

from transforms.names import NCNAME, NameTest

XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"

Select = Callable[[_Element], "list[Any]"]


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
    """The step ``@name``; ``name`` in lxml's notation, ``None`` for ``@*``."""

    name: str | None


@dataclass(frozen=True)
class Position:
    """``[3]``, or ``[last()]`` as ``None``."""

    number: int | None


@dataclass(frozen=True)
class Compare:
    """``path``, ``path = 'a'``, ``path != 'a'``, ``path in ('a', 'b')``; no values: it is there."""

    path: Path
    values: frozenset[str] | None = None
    negated: bool = False


@dataclass(frozen=True)
class Logic:
    """``and``, ``or`` or ``not`` over conditions."""

    operator: str
    terms: tuple[Condition, ...]


Condition = Union[Compare, Logic]
Predicate = Union[Position, Compare, Logic]
Step = Union[Child, Up, Attribute]


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
                if isinstance(step, Up) or (isinstance(step, Child) and (step.predicates or step.deep)):
                    return None
        return self.alternatives


_TOKEN = re.compile(
    rf"""\s*(?:
      (?P<string>'[^']*'|"[^"]*")
    | (?P<number>\d+)
    | (?P<name>(?:\{{[^}}]*\}}|{NCNAME}:)?(?:{NCNAME}|\*))
    | (?P<symbol>//|\.\.|!=|[./@\[\]()=,|])
    )""",
    re.VERBOSE,
)


class PathError(ValueError):
    """A path that cannot be read: what is wrong, and at which character."""


def parse_path(text: str, namespaces: Mapping[str, str] | None = None) -> Path:
    """Read a path; raise :class:`PathError` that names the character where it stops making sense."""
    return _Parser(text, namespaces or {}).whole()


class _Parser:
    def __init__(self, text: str, namespaces: Mapping[str, str]):
        self.text = text
        self.namespaces = namespaces
        self.tokens: list[tuple[str, str, int]] = []
        at = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                at += len(text[at:]) - len(text[at:].lstrip())
                raise PathError(f"{text!r}: {text[at]!r} at character {at + 1} does not belong into a path")
            kind = match.lastgroup or ""
            self.tokens.append((kind, match[kind], match.start(kind)))
            at = match.end()
        self.next = 0

    def whole(self) -> Path:
        path = self.path(self.text)
        if self.next < len(self.tokens):
            raise self.error("the path ends before")
        return path

    def error(self, what: str) -> PathError:
        if self.next < len(self.tokens):
            _, token, at = self.tokens[self.next]
            return PathError(f"{self.text!r}: {what} {token!r} at character {at + 1}")
        return PathError(f"{self.text!r}: {what} its end")

    def peek(self, ahead: int = 0) -> str | None:
        """The text of a coming token; a quoted string is none of the grammar's words."""
        at = self.next + ahead
        return self.tokens[at][1] if at < len(self.tokens) else None

    def take(self, *symbols: str) -> bool:
        if self.peek() in symbols:
            self.next += 1
            return True
        return False

    def expect(self, symbol: str) -> None:
        if not self.take(symbol):
            raise self.error(f"{symbol!r} expected before")

    def path(self, text: str | None = None) -> Path:
        first = self.next
        alternatives = [self.steps()]
        while self.take("|"):
            alternatives.append(self.steps())
        if text is None:
            begin = self.tokens[first][2]
            end = self.tokens[self.next - 1][2] + len(self.tokens[self.next - 1][1])
            text = self.text[begin:end]
        return Path(text, tuple(alternatives))

    def steps(self) -> tuple[Step, ...]:
        if self.peek() in ("/", "//"):
            raise self.error("a path starts at the element at hand, without a slash, but here is")
        steps: list[Step] = []
        deep = False
        while True:
            step = self.step(deep)
            if step is not None:
                steps.append(step)
            if isinstance(step, Attribute) or self.peek() not in ("/", "//"):
                return tuple(steps)
            deep = self.peek() == "//"
            self.next += 1

    def step(self, deep: bool) -> Step | None:
        if not deep and self.take("."):
            return None
        if not deep and self.take(".."):
            return Up()
        if not deep and self.take("@"):
            return Attribute(self.attribute_name())
        kind, name, _ = self.tokens[self.next] if self.next < len(self.tokens) else ("", "", 0)
        if kind != "name":
            raise self.error("the name of an element expected before")
        try:
            test = NameTest.parse(name, self.namespaces)
        except ValueError as error:
            raise PathError(f"{self.text!r}: {error}") from None
        self.next += 1
        predicates = []
        while self.take("["):
            predicates.append(self.predicate())
            self.expect("]")
        return Child(test, tuple(predicates), deep)

    def attribute_name(self) -> str | None:
        kind, name, _ = self.tokens[self.next] if self.next < len(self.tokens) else ("", "", 0)
        if kind != "name":
            raise self.error("the name of an attribute expected before")
        try:
            test = NameTest.parse(name, {"xml": XML_NAMESPACE, **self.namespaces})
        except ValueError as error:
            raise PathError(f"{self.text!r}: {error}") from None
        if test.local is None and test.uri is not None:
            raise self.error("@* takes no namespace, but here is")
        self.next += 1
        return f"{{{test.uri}}}{test.local}" if test.uri else test.local

    def predicate(self) -> Predicate:
        if self.next < len(self.tokens) and self.tokens[self.next][0] == "number":
            number = int(self.tokens[self.next][1])
            if number < 1:
                raise self.error("positions count from 1, but here is")
            self.next += 1
            return Position(number)
        if self.peek() == "last" and self.peek(1) == "(":
            self.next += 2
            self.expect(")")
            return Position(None)
        return self.condition()

    def condition(self) -> Condition:
        return self.chain("or", lambda: self.chain("and", self.term))

    def chain(self, operator: str, operand: Callable[[], Condition]) -> Condition:
        terms = [operand()]
        while self.take(operator):
            terms.append(operand())
        return terms[0] if len(terms) == 1 else Logic(operator, tuple(terms))

    def term(self) -> Condition:
        if self.peek() == "not" and self.peek(1) == "(":
            self.next += 2
            inner = self.condition()
            self.expect(")")
            return Logic("not", (inner,))
        if self.take("("):
            inner = self.condition()
            self.expect(")")
            return inner
        path = self.path()
        if self.take("="):
            return Compare(path, frozenset([self.literal()]))
        if self.take("!="):
            return Compare(path, frozenset([self.literal()]), negated=True)
        if self.take("in"):
            self.expect("(")
            values = [self.literal()]
            while self.take(","):
                values.append(self.literal())
            self.expect(")")
            return Compare(path, frozenset(values))
        return Compare(path)

    def literal(self) -> str:
        kind, token, _ = self.tokens[self.next] if self.next < len(self.tokens) else ("", "", 0)
        if kind not in ("string", "number"):
            raise self.error("a quoted text expected before")
        self.next += 1
        return token[1:-1] if kind == "string" else token


def text_of(element: _Element) -> str:
    """An element's text with all that stands below it; ``""`` for an empty element."""
    if len(element):
        return "".join(element.itertext())
    return element.text or ""


def compile_path(path: Path) -> Select:
    """A function from an element to what the path selects there, in document order.

    Elements come as they are, attributes as their values.
    """
    selects = [_compile_steps(steps) for steps in path.alternatives]
    if len(selects) == 1:
        return selects[0]

    def union(element: _Element) -> list[Any]:
        found: list[Any] = []
        for select in selects:
            found += [node for node in select(element) if not any(node is known for known in found)]
        return in_document_order(found)

    return union


def in_document_order(nodes: list[Any]) -> list[Any]:
    """Elements sorted as their start tags stand in the document; attribute values stay as they come."""
    elements = [node for node in nodes if isinstance(node, _Element)]
    if len(elements) < 2 or len(elements) < len(nodes):
        return nodes
    wanted = set(elements)
    return [node for node in elements[0].getroottree().iter() if node in wanted]


def _compile_steps(steps: tuple[Step, ...]) -> Select:
    if len(steps) == 2 and isinstance(steps[0], Up) and isinstance(steps[1], Attribute) and steps[1].name:
        return _parents_attribute(steps[1].name)
    # Several elements can share a parent, or lie below one another: only these steps can meet one twice.
    compiled = [(_compile_step(step), isinstance(step, Up) or getattr(step, "deep", False)) for step in steps]

    def select(element: _Element) -> list[Any]:
        nodes: list[Any] = [element]
        for step, repeats in compiled:
            nodes = [found for node in nodes for found in step(node)]
            if repeats:
                nodes = list(dict.fromkeys(nodes))
            if not nodes:
                break
        return nodes

    return select


def _parents_attribute(name: str) -> Select:
    """``../@name`` is in the key of most records of a big file."""

    def select(element: _Element) -> list[Any]:
        parent = element.getparent()
        value = None if parent is None else parent.get(name)
        return [] if value is None else [value]

    return select


def _compile_step(step: Step) -> Callable[[_Element], Iterable[Any]]:
    if isinstance(step, Up):

        def up(element: _Element) -> Iterable[_Element]:
            parent = element.getparent()
            return () if parent is None else (parent,)

        return up
    if isinstance(step, Attribute):
        name = step.name
        if name is None:
            return lambda element: element.attrib.values()

        def attribute(element: _Element) -> Iterable[str]:
            value = element.get(name)
            return () if value is None else (value,)

        return attribute

    # lxml's own filter understands {*}: the elements that do not match are never made into Python objects.
    tag = f"{{{'*' if step.name.uri is None else step.name.uri}}}{step.name.local or '*'}"
    deep = step.deep
    predicates = [_compile_predicate(predicate) for predicate in step.predicates]

    def child(element: _Element) -> Iterable[_Element]:
        found = list(element.iterdescendants(tag) if deep else element.iterchildren(tag))
        for predicate in predicates:
            found = predicate(found)
        return found

    return child


def _compile_predicate(predicate: Predicate) -> Callable[[list[_Element]], list[_Element]]:
    if isinstance(predicate, Position):
        index = -1 if predicate.number is None else predicate.number - 1
        return lambda found: found[index:][:1]
    holds = compile_condition(predicate)
    return lambda found: [element for element in found if holds(element)]


def compile_condition(condition: Condition) -> Callable[[_Element], bool]:
    """A function that says whether a condition holds at an element."""
    if isinstance(condition, Compare):
        select, values, negated = compile_path(condition.path), condition.values, condition.negated
        if values is None:
            return lambda element: bool(select(element))

        def compare(element: _Element) -> bool:
            for node in select(element):
                text = node if isinstance(node, str) else text_of(node)
                if (text in values) is not negated:
                    return True
            return False

        return compare
    terms = [compile_condition(term) for term in condition.terms]
    if condition.operator == "not":
        return lambda element: not terms[0](element)
    decide = all if condition.operator == "and" else any
    return lambda element: decide(term(element) for term in terms)
