"""The expressions of legacy contracts, parsed: a tree of small values that :mod:`.sql` writes as SQL."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Text:
    value: str


@dataclass(frozen=True)
class Number:
    text: str


@dataclass(frozen=True)
class Null:
    pass


@dataclass(frozen=True)
class Field:
    """``attribute`` of the element at hand, or of a named ``element``."""

    element: str | None
    attribute: str


@dataclass(frozen=True)
class Arithmetic:
    """``left`` is ``None`` for a sign."""

    operator: str
    left: Value | None
    right: Value


@dataclass(frozen=True)
class Date:
    value: Value


@dataclass(frozen=True)
class DateAdd:
    unit: str
    number: Value
    date: Value


@dataclass(frozen=True)
class Case:
    branches: tuple[tuple[Condition, Value], ...]
    otherwise: Value


@dataclass(frozen=True)
class Compare:
    operator: str
    left: Value
    right: Value


@dataclass(frozen=True)
class Test:
    """``LIKE``, ``NULL``, ``EMPTY`` or ``IN`` of a value, perhaps negated."""

    kind: str
    value: Value
    items: tuple[Value, ...] = ()
    negated: bool = False


@dataclass(frozen=True)
class Logic:
    """``AND`` or ``OR`` over several conditions."""

    operator: str
    terms: tuple[Condition, ...]


Value = Text | Number | Null | Field | Arithmetic | Date | DateAdd | Case
Condition = Compare | Test | Logic

OPPOSITE = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def negate(condition: Condition) -> Condition:
    """The opposite of a condition: these know only true and false."""
    if isinstance(condition, Compare):
        return replace(condition, operator=OPPOSITE[condition.operator])
    if isinstance(condition, Test):
        return replace(condition, negated=not condition.negated)
    return Logic("OR" if condition.operator == "AND" else "AND", tuple(map(negate, condition.terms)))


class GrammarError(ValueError):
    """An expression that cannot be read: what is wrong, and at which character."""


_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^']|'')*'|"[^"]*")|(?P<number>\d+(?:\.\d+)?|\.\d+)|(?P<name>[^\W\d]\w*(?:\.\w+)?)|(?P<sign><>|!=|<=|>=|==|[-+*/()=<>,]))"""
)


def parse(text: str) -> Value:
    """Read an expression; raise :class:`GrammarError`."""
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str):
        self.text = text
        self.tokens: list[tuple[str, str, int]] = []
        self.next = 0
        at = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                raise GrammarError(f"{text[at:].lstrip()[:10]!r} at character {at + 1} is not understood")
            kind = match.lastgroup or ""
            self.tokens.append((kind, match[kind], match.start(kind) + 1))
            at = match.end()

    def whole(self) -> Value:
        value = self.value()
        if self.next < len(self.tokens):
            raise self.error("nothing more")
        return value

    def error(self, expected: str) -> GrammarError:
        found = "its end" if self.next >= len(self.tokens) else "{1!r} at character {2}".format(*self.tokens[self.next])
        return GrammarError(f"{expected} expected, not {found}")

    def take(self, *words: str) -> str | None:
        """The next token in upper case if it is one of these."""
        if self.next < len(self.tokens):
            kind, token, _ = self.tokens[self.next]
            if kind != "text" and token.upper() in words:
                self.next += 1
                return token.upper()
        return None

    def expect(self, word: str) -> None:
        if not self.take(word):
            raise self.error(word)

    def value(self) -> Value:
        return self.operators(("+", "-"), lambda: self.operators(("*", "/"), self.operand))

    def operators(self, signs: tuple[str, ...], operand: Callable[[], Value]) -> Value:
        value = operand()
        while sign := self.take(*signs):
            value = Arithmetic(sign, value, operand())
        return value

    def operand(self) -> Value:
        if self.take("("):
            value = self.value()
            self.expect(")")
            return value
        if self.take("-"):
            value = self.operand()
            if isinstance(value, Number) and not value.text.startswith("-"):
                return Number(f"-{value.text}")
            return Arithmetic("-", None, value)
        if self.take("CASE"):
            return self.case()
        kind, token, _ = self.tokens[self.next] if self.next < len(self.tokens) else ("", "", 0)
        if kind not in ("text", "number", "name") or token.upper() in ("WHEN", "THEN", "ELSE", "END", "AND", "OR"):
            raise self.error("a value")
        self.next += 1
        if kind == "text":
            return Text(token[1:-1].replace("''", "'") if token[0] == "'" else token[1:-1])
        if kind == "number":
            return Number(token)
        if token.upper() == "NULL":
            return Null()
        if self.take("("):
            return self.call(token.upper())
        element, _, attribute = token.rpartition(".")
        return Field(element or None, attribute)

    def call(self, name: str) -> Value:
        if name == "DATE":
            value: Value = Date(self.value())
        elif name == "DATEADD":
            unit = self.take("DAY", "WEEK", "MONTH", "QUARTER", "YEAR", "HOUR", "MINUTE", "SECOND")
            if unit is None:
                raise self.error("a unit such as day")
            self.expect(",")
            number = self.value()
            self.expect(",")
            value = DateAdd(unit.lower(), number, self.value())
        else:
            raise GrammarError(f"there is no function {name}")
        self.expect(")")
        return value

    def case(self) -> Case:
        branches = []
        while self.take("WHEN"):
            condition = self.condition()
            self.expect("THEN")
            branches.append((condition, self.value()))
        if not branches:
            raise self.error("WHEN")
        otherwise = self.value() if self.take("ELSE") else Null()
        self.expect("END")
        return Case(tuple(branches), otherwise)

    def condition(self) -> Condition:
        return self.logic("OR", lambda: self.logic("AND", self.term))

    def logic(self, operator: str, operand: Callable[[], Condition]) -> Condition:
        terms = [operand()]
        while self.take(operator):
            terms.append(operand())
        return terms[0] if len(terms) == 1 else Logic(operator, tuple(terms))

    def term(self) -> Condition:
        if self.take("NOT"):
            return negate(self.term())
        start = self.next
        if self.take("("):
            # A bracket begins a condition or a sum: only what follows it tells.
            try:
                condition = self.condition()
                self.expect(")")
                return condition
            except GrammarError:
                self.next = start
        return self.test(self.value())

    def test(self, value: Value) -> Condition:
        operator = self.take("=", "==", "<>", "!=", "<", "<=", ">", ">=")
        if operator:
            return Compare({"==": "=", "!=": "<>"}.get(operator, operator), value, self.value())
        if self.take("IS"):
            negated = bool(self.take("NOT"))
            kind = self.take("NULL", "EMPTY")
            if kind is None:
                raise self.error("NULL or EMPTY")
            return Test(kind, value, negated=negated)
        negated = bool(self.take("NOT"))
        if self.take("LIKE"):
            return Test("LIKE", value, (self.value(),), negated)
        if self.take("IN"):
            self.expect("(")
            items = [self.value()]
            while self.take(","):
                items.append(self.value())
            self.expect(")")
            return Test("IN", value, tuple(items), negated)
        if self.take("BETWEEN"):
            low = self.value()
            self.expect("AND")
            between = Logic("AND", (Compare(">=", value, low), Compare("<=", value, self.value())))
            return negate(between) if negated else between
        raise self.error("a comparison")
