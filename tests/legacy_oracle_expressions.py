"""Expressions by the page on legacy contracts, for the oracle."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from tests.legacy_oracle_values import BLANKS, Sum, moment_of, number_of

TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][\w.]*)|(?P<op><>|!=|<=|>=|[-=<>+*/(),]))"
)


class Expression:
    """A recursive descent that computes while it reads. Text, Decimal, date or None (missing) are the values."""

    def __init__(self, text: str, field: Callable[[str], str | None]) -> None:
        self.field = field
        self.tokens: list[tuple[str, str]] = []
        text, place = text.strip(), 0
        while place < len(text):
            found = TOKEN.match(text, place)
            assert found, text[place:]
            self.tokens.append((str(found.lastgroup), found[found.lastgroup or 0]))
            place = found.end()
        self.place = 0

    def value(self) -> Any:
        found = self.sum()
        assert self.place == len(self.tokens), self.tokens[self.place :]
        return None if found is NOTHING else found

    def is_next(self, *words: str) -> bool:
        return (
            self.place < len(self.tokens)
            and self.tokens[self.place][0] != "text"
            and self.tokens[self.place][1].upper() in words
        )

    def take(self, *words: str) -> str | None:
        if not self.is_next(*words):
            return None
        self.place += 1
        return self.tokens[self.place - 1][1].upper()

    def condition(self) -> bool | None:
        """True, false, or None where a sum or a date has no value, as in SQL."""
        found = self.both()
        while self.take("OR"):
            other = self.both()
            found = True if found or other else None if None in (found, other) else False
        return found

    def both(self) -> bool | None:
        found = self.negated()
        while self.take("AND"):
            other = self.negated()
            found = False if False in (found, other) else None if None in (found, other) else True
        return found

    def negated(self) -> bool | None:
        if self.take("NOT"):
            return inverse(self.negated())
        return self.test()

    def test(self) -> bool | None:
        if self.is_next("("):  # a condition in parentheses, or a sum
            start = self.place
            self.place += 1
            try:
                found = self.condition()
                if self.take(")") and (self.place == len(self.tokens) or self.is_next("AND", "OR", ")", "THEN")):
                    return found
            except AssertionError:
                pass
            self.place = start
        left = self.sum()
        if self.take("IS"):
            no = bool(self.take("NOT"))
            if self.take("NULL"):
                return (left is None) != no
            assert self.take("EMPTY")
            return (left is None or not str(left).strip(BLANKS)) != no
        no = bool(self.take("NOT"))
        if self.take("LIKE"):
            pattern = re.escape(str(self.sum())).replace("%", ".*").replace("_", ".")
            return bool(re.fullmatch(pattern, text_of(left), re.IGNORECASE | re.DOTALL)) != no
        if self.take("IN"):
            assert self.take("(")
            found = [compare(left, self.sum(), "=")]
            while self.take(","):
                found.append(compare(left, self.sum(), "="))
            assert self.take(")")
            return (True in found) != no
        if self.take("BETWEEN"):
            low = self.sum()
            assert self.take("AND")
            high = self.sum()
            return (compare(left, low, ">=") and compare(left, high, "<=")) != no
        operator = self.take("=", "!=", "<>", "<", ">", "<=", ">=")
        assert operator
        return compare(left, self.sum(), operator)

    def sum(self) -> Any:
        found = self.product()
        while sign := self.take("+", "-"):
            found = calculate(found, self.product(), sign)
        return found

    def product(self) -> Any:
        found = self.factor()
        while sign := self.take("*", "/"):
            found = calculate(found, self.factor(), sign)
        return found

    def factor(self) -> Any:
        if self.take("-"):
            if self.tokens[self.place][0] == "number":
                return -self.factor()
            return calculate(Decimal(0), self.factor(), "-")
        if self.take("("):
            found = self.sum()
            assert self.take(")")
            return found
        if self.take("CASE"):
            return self.case()
        assert self.place < len(self.tokens)
        kind, text = self.tokens[self.place]
        self.place += 1
        if kind == "text":
            return text[1:-1].replace("''", "'")
        if kind == "number":
            return Decimal(text)
        assert kind == "name", text
        if text.upper() == "NULL":
            return None
        if text.upper() == "DATE" and self.take("("):
            found = day_of(self.sum())
            assert self.take(")")
            return found
        if text.upper() == "DATEADD" and self.take("("):
            unit = self.take("DAY")
            assert unit
            assert self.take(",")
            days = self.sum()
            assert self.take(",")
            start = day_of(self.sum())
            assert self.take(")")
            count = days if isinstance(days, Decimal) else number_of(text_of(days))
            return NOTHING if start is NOTHING or count is None else start + timedelta(days=int(count))
        return self.field(text)

    def case(self) -> Any:
        found, done = None, False
        while self.take("WHEN"):
            holds = self.condition()
            assert self.take("THEN")
            value = self.sum()
            if holds and not done:
                found, done = value, True
        if self.take("ELSE"):
            value = self.sum()
            found = found if done else value
        assert self.take("END")
        return found


def text_of(value: Any) -> str:
    return "" if value is None or value is NOTHING else str(value)


def day_of(value: Any) -> Any:
    """The day of a date, or NOTHING."""
    if isinstance(value, date):
        return value
    found = moment_of(text_of(value))
    return found.date() if found else NOTHING


def inverse(truth: bool | None) -> bool | None:
    return None if truth is None else not truth


NOTHING = object()
"""What arithmetic gives without its numbers, and a date that is none; a missing field is None."""


def compare(left: Any, right: Any, operator: str) -> bool | None:
    if isinstance(left, date) or isinstance(right, date):
        left, right = (moment_of(side) or NOTHING if isinstance(side, str) else side for side in (left, right))
        left, right = (
            datetime(side.year, side.month, side.day) if type(side) is date else side for side in (left, right)
        )
    if NOTHING in (left, right) or (isinstance(left, date) != isinstance(right, date)):
        return None
    if not isinstance(left, date):
        numbers = [side if isinstance(side, Decimal) else number_of(text_of(side)) for side in (left, right)]
        if (
            None in numbers
            and any(isinstance(side, Sum) for side in (left, right))
            and operator not in ("=", "!=", "<>")
        ):
            return None
        left, right = numbers if None not in numbers else (text_of(left), text_of(right))
    return {
        "=": left == right, "!=": left != right, "<>": left != right,
        "<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right,
    }[operator]  # fmt: skip


def calculate(left: Any, right: Any, sign: str) -> Any:
    a, b = (side if isinstance(side, Decimal) else number_of(text_of(side)) for side in (left, right))
    if a is None or b is None:
        return NOTHING
    try:
        return Sum({"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b}[sign]())
    except (InvalidOperation, ZeroDivisionError):
        return NOTHING
