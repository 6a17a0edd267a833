"""Paths of a contract: which elements are rows, which attributes and texts are values.

The part of XPath that mappings need, with two differences that real feeds ask for: a bare element name
matches in any namespace (see :mod:`transforms.names`), and a value may be tested against a list.

======================================  ==================================================================
``Acct/Id/IBAN``                        child elements; the value is the element's text, with all below it
``Amt/@Ccy``, ``@id``, ``@xml:lang``    attributes; a bare name is in no namespace, as in XPath
``@*``, ``@score_*``                    all attributes, or those whose names begin so
``.``, ``..``, ``../../@date``          the element itself, its parent, above that
``*/Stmt``, ``.//Item``                 any element; at any depth below
``Bal[1]``, ``Bal[last()]``             by position among the siblings that match, counted from 1
``info[@name='serial']/@value``         with an attribute or text of this value; also ``!=``
``Bal[Tp/Cd in ('OPBD', 'PRCD')]``      with one of these values
``Tx[@id and not(Rvsl)]``               that is there; ``and``, ``or``, ``not(...)``, brackets
``Tx[normalize-space(@id)]``            that is there and not blank; compared, the text without outer blanks
``Bal[upper-case(Tp) = 'OPBD']``        compared in capitals; also ``lower-case``, and either around the other
``(Stmt/Bal)[last()]/@id``              by position among all that the path in brackets selects
``*/Stmt | */Rpt``                      either, in the order of the document
``* except (note, stage)``              any element but those of these names
``above(section)/@code``                the nearest element of a name above, within the record
``before(head)``                        the nearest element of a name before it, among its siblings
``Payer/@ref -> party/Name``            the element of an index whose key is this text, and steps from there
======================================  ==================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from transforms.contract.habits import path_remedy
from transforms.contract.steps import (
    Above,
    Attribute,
    Before,
    Child,
    Condition,
    Connective,
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
from transforms.names import NCNAME, NameTest

XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"


CASES: dict[str, Callable[[str], str]] = {"upper-case": str.upper, "lower-case": str.lower}
"""The functions that change a text's case before it is compared."""

_TOKEN = re.compile(
    rf"""\s*(?:
      (?P<string>'[^']*'|"[^"]*")
    | (?P<number>\d+)
    | (?P<name>(?:\{{[^}}]*\}}|{NCNAME}:)?(?:{NCNAME}\*?|\*))(?!(?<=-)>)  # @ref->party
    | (?P<symbol>->|//|\.\.|!=|[./@\[\]()=,|])
    )""",
    re.VERBOSE,
)


_MAX_LENGTH = 65_536
_MAX_DEPTH = 50
"""Of predicates in predicates, and steps of one path: what is compiled of them calls itself as deep."""


class PathError(ValueError):
    """A path that cannot be read: what is wrong, and at which character."""


def parse_path(text: str, namespaces: Mapping[str, str] | None = None, ignore_case: bool = False) -> Path:
    """Read a path; raise :class:`PathError` that names the character where it stops making sense.

    With ``ignore_case``, the names of its elements and attributes match in any case.
    """
    if len(text) > _MAX_LENGTH:
        raise PathError(f"{text[:40]!r}... has {len(text):,} characters; a path has at most {_MAX_LENGTH:,}")
    try:
        return _PathParser(text, namespaces or {}, ignore_case).whole()
    except RecursionError:
        raise _too_deep(text) from None
    except PathError as error:
        remedy = path_remedy(text)
        raise PathError(f"{error}; {remedy}" if remedy else str(error)) from None


def _too_deep(text: str) -> PathError:
    return PathError(f"{text[:40]!r}... nests deeper than {_MAX_DEPTH} levels, or has as many steps")


class _PathParser:
    def __init__(self, text: str, namespaces: Mapping[str, str], ignore_case: bool):
        self.text = text
        self.namespaces = namespaces
        self.ignore_case = ignore_case
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
        self.depth = 0

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
            raise self.error("a path starts at the current element, without a slash, but here is")
        steps: list[Step] = []
        deep = False
        while True:
            if len(steps) == _MAX_DEPTH:
                raise _too_deep(self.text)
            step = self.group(steps) if not steps and self.peek() == "(" else self.step(deep)
            if step is not None:
                steps.append(step)
            while self.take("->"):
                step = self.follow()
                steps.append(step)
            if isinstance(step, Attribute) or self.peek() not in ("/", "//"):
                return tuple(steps)
            deep = self.peek() == "//"
            self.next += 1

    def group(self, steps: list[Step]) -> Pick:
        """Steps in brackets, which go to ``steps``, and the position that picks one of what they select."""
        self.expect("(")
        steps += self.steps()
        if steps and isinstance(steps[-1], Attribute):
            raise self.error("brackets are about elements, and `take` chooses among attributes, but here is")
        self.expect(")")
        self.expect("[")
        position = self.predicate()
        if not isinstance(position, Position):
            raise self.error("after a path in brackets a position must follow, as in (a/b)[last()], but here is")
        self.expect("]")
        return Pick(position)

    def step(self, deep: bool) -> Step | None:
        if not deep and self.take("."):
            return None
        if not deep and self.take(".."):
            return Up()
        if not deep and self.take("@"):
            return self.attribute()
        if not deep and self.peek() in ("above", "before") and self.peek(1) == "(":
            return self.neighbour()
        return self.child(deep)

    def child(self, deep: bool = False) -> Child:
        test = self.name_test()
        predicates: list[Predicate] = []
        if test.local is None and self.peek() == "except" and self.peek(1) == "(":
            self.next += 2
            predicates.append(Connective("not", (Named(self.names()),)))
        while self.take("["):
            predicates.append(self.predicate())
            self.expect("]")
        return Child(test, tuple(predicates), deep)

    def name_test(self) -> NameTest:
        kind, name, _ = self.tokens[self.next] if self.next < len(self.tokens) else ("", "", 0)
        if kind != "name":
            raise self.error("the name of an element expected before")
        try:
            test = NameTest.parse(name, self.namespaces, self.ignore_case)
        except ValueError as error:
            raise PathError(f"{self.text!r}: {error}") from None
        self.next += 1
        return test

    def names(self) -> tuple[NameTest, ...]:
        """Names between commas, up to the closing bracket."""
        tests = [self.name_test()]
        while self.take(","):
            tests.append(self.name_test())
        self.expect(")")
        return tuple(tests)

    def neighbour(self) -> Above | Before:
        """``above(name)``, ``before(name)``: the nearest one there."""
        word = self.peek()
        self.next += 2
        element = self.child()
        if any(isinstance(predicate, Position) for predicate in element.predicates):
            raise self.error(f"{word}(...) is the nearest one, and has no position, but here is")
        self.expect(")")
        return Above(element) if word == "above" else Before(element)

    def follow(self) -> Follow:
        """What stands after ``->``."""
        kind, name, _ = self.tokens[self.next] if self.next < len(self.tokens) else ("", "", 0)
        if kind != "name" or not re.fullmatch(NCNAME, name):
            raise self.error("after -> the name of an index must follow, but here is")
        self.next += 1
        return Follow(name)

    def attribute(self) -> Attribute:
        kind, name, _ = self.tokens[self.next] if self.next < len(self.tokens) else ("", "", 0)
        if kind != "name":
            raise self.error("the name of an attribute expected before")
        if name.endswith("*"):
            if "{" in name or ":" in name:
                raise self.error("attributes by pattern have no namespace, but here is")
            self.next += 1
            return Attribute(name, pattern=True, ignore_case=self.ignore_case)
        try:
            test = NameTest.parse(name, {"xml": XML_NAMESPACE, **self.namespaces})
        except ValueError as error:
            raise PathError(f"{self.text!r}: {error}") from None
        self.next += 1
        return Attribute(f"{{{test.uri}}}{test.local}" if test.uri else test.local or "", ignore_case=self.ignore_case)

    def predicate(self) -> Predicate:
        if self.next < len(self.tokens) and self.tokens[self.next][0] == "number":
            digits = self.tokens[self.next][1]
            if len(digits) > 9:
                raise self.error("a position has at most 9 digits, but here is")
            if int(digits) < 1:
                raise self.error("positions count from 1, but here is")
            number = int(digits)
            self.next += 1
            return Position(number)
        if self.peek() == "last" and self.peek(1) == "(":
            self.next += 2
            self.expect(")")
            return Position(None)
        return self.condition()

    def condition(self) -> Condition:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise _too_deep(self.text)
        found = self.chain("or", lambda: self.chain("and", self.term))
        self.depth -= 1
        return found

    def chain(self, operator: str, operand: Callable[[], Condition]) -> Condition:
        terms = [operand()]
        while self.take(operator):
            terms.append(operand())
        return terms[0] if len(terms) == 1 else Connective(operator, tuple(terms))

    def term(self) -> Condition:
        if self.peek() == "not" and self.peek(1) == "(":
            self.next += 2
            inner = self.condition()
            self.expect(")")
            return Connective("not", (inner,))
        if self.take("("):
            inner = self.condition()
            self.expect(")")
            return inner
        functions: list[str] = []
        while self.peek() in ("normalize-space", *CASES) and self.peek(1) == "(":
            functions.append(self.tokens[self.next][1])
            self.next += 2
        path = self.path()
        for _ in functions:
            self.expect(")")
        case = next((name for name in functions if name in CASES), None)
        return self.compare(path, "normalize-space" in functions, case)

    def compare(self, path: Path, normalized: bool, case: str | None) -> ValueTest:
        if self.take("="):
            return ValueTest(path, frozenset([self.literal(case)]), False, normalized, case)
        if self.take("!="):
            return ValueTest(path, frozenset([self.literal(case)]), True, normalized, case)
        if self.take("in"):
            self.expect("(")
            values = [self.literal(case)]
            while self.take(","):
                values.append(self.literal(case))
            self.expect(")")
            return ValueTest(path, frozenset(values), False, normalized, case)
        return ValueTest(path, None, False, normalized, case)

    def literal(self, case: str | None) -> str:
        kind, token, _ = self.tokens[self.next] if self.next < len(self.tokens) else ("", "", 0)
        if kind not in ("string", "number"):
            raise self.error("a quoted text expected before")
        text = token[1:-1] if kind == "string" else token
        if case and CASES[case](text) != text:
            raise self.error(f"{case}(...) is never equal to a text that is not so itself, as here")
        self.next += 1
        return text
