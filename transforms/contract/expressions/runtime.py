"""What compiled expressions call while they run: SQL's meaning where Python's own operator has another.

No argument here is ever NULL. Errors are :class:`ArithmeticError` and :class:`ValueError`; the compiled
expression turns them into :class:`~.errors.ExpressionError`.
"""

from __future__ import annotations

import math
import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, Inexact
from functools import lru_cache
from typing import Any, TypeVar

Moment = TypeVar("Moment", date, datetime)

# Twice the digits of the longest decimal: a sum or product is exact, or an error. The thread's own
# context would round to 28 digits in silence.
EXACT = Context(prec=76, rounding=ROUND_HALF_UP)
EXACT.traps[Inexact] = True
_QUOTIENT = Context(prec=38, rounding=ROUND_HALF_UP)
_ROUNDING = Context(prec=400, rounding=ROUND_HALF_UP)

add, subtract, multiply, minus = EXACT.add, EXACT.subtract, EXACT.multiply, EXACT.minus


def divide(dividend: Decimal | int, divisor: Decimal | int) -> Decimal:
    """The quotient, to 38 significant digits."""
    if not divisor:
        raise ZeroDivisionError
    return _QUOTIENT.divide(dividend, divisor)


def divide_floats(dividend: float, divisor: float) -> float:
    return finite(dividend / divisor)


def remainder(dividend: Any, divisor: Any) -> Any:
    """The remainder with the sign of the dividend, as SQL has it."""
    if not divisor:
        raise ZeroDivisionError
    if isinstance(dividend, int) and isinstance(divisor, int):
        return abs(dividend) % abs(divisor) * (-1 if dividend < 0 else 1)
    return _ROUNDING.remainder(dividend, divisor)


def remainder_of_floats(dividend: float, divisor: float) -> float:
    if not divisor:
        raise ZeroDivisionError
    return math.fmod(dividend, divisor)


def finite(number: float) -> float:
    if math.isinf(number):
        raise OverflowError("the result does not fit into float")
    return number


def round_half_away(number: Decimal, places: int = 0) -> Decimal:
    rounded = number.quantize(_unit(places), ROUND_HALF_UP, _ROUNDING)
    # The sum takes away the exponent of 1.2E+3 and the sign of -0.
    return _ROUNDING.add(rounded, 0)


@lru_cache(maxsize=128)
def _unit(places: int) -> Decimal:
    return Decimal((0, (1,), -places))


def round_integer(number: int, places: int = 0) -> int:
    return number if places >= 0 else int(round_half_away(Decimal(number), places))


def round_float(number: float, places: int = 0) -> float:
    return float(round_half_away(Decimal(repr(number)), places))


def floor(number: Decimal) -> Decimal:
    return _ROUNDING.add(number.to_integral_value(ROUND_FLOOR), 0)


def ceiling(number: Decimal) -> Decimal:
    return _ROUNDING.add(number.to_integral_value(ROUND_CEILING), 0)


def floor_float(number: float) -> float:
    return float(math.floor(number))


def ceiling_float(number: float) -> float:
    return float(math.ceil(number))


def substring(text: str, start: int, length: int | None = None) -> str:
    """Characters from ``start``, counted from 1; a start before the text uses up length, as in the standard."""
    if length is None:
        return text[max(start - 1, 0) :]
    return text[max(start - 1, 0) : max(start - 1 + _not_negative(length), 0)]


def left(text: str, length: int) -> str:
    return text[: _not_negative(length)]


def right(text: str, length: int) -> str:
    return text[max(len(text) - _not_negative(length), 0) :]


def _not_negative(length: int) -> int:
    if length < 0:
        raise ValueError(f"a length of {length} is negative")
    return length


def replace(text: str, old: str, new: str) -> str:
    return text.replace(old, new) if old else text


@lru_cache(maxsize=1024)
def like_pattern(pattern: str, escape: str | None, ignore_case: bool) -> Callable[[str], Any]:
    """The test of a LIKE pattern: ``%`` is any text, ``_`` any one character."""
    parts, characters = [""], iter(pattern)
    for character in characters:
        if character == escape:
            character = next(characters, "")
            if not character:
                raise ValueError(f"the pattern {pattern!r} ends in its escape character")
            parts[-1] += re.escape(character)
        elif character == "%":
            parts.append("")
        else:
            parts[-1] += "." if character == "_" else re.escape(character)
    first, *others = parts
    found = first
    # The first place that a part has after the one before is as good as any later one. A group in a lookahead is tried
    # once only; a plain ".*" would be tried again for each place of each part before it.
    for number, part in enumerate(others[:-1]):
        if part:
            found += f"(?=(?P<part{number}>.*?{part}))(?P=part{number})"
    if others:
        found += f".*{others[-1]}"
    return re.compile(found, re.DOTALL | (re.IGNORECASE if ignore_case else 0)).fullmatch


def like(text: str, pattern: str, escape: str | None = None) -> bool:
    return like_pattern(pattern, escape, False)(text) is not None


def ilike(text: str, pattern: str, escape: str | None = None) -> bool:
    return like_pattern(pattern, escape, True)(text) is not None


def utc(moment: datetime) -> datetime:
    """A moment with zone as one without, which is in UTC."""
    return moment.astimezone(timezone.utc).replace(tzinfo=None)


def with_zone(moment: datetime) -> datetime:
    return moment.replace(tzinfo=timezone.utc)


def at_midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def add_months(moment: Moment, months: int) -> Moment:
    """The same day of another month, or that month's last."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError(f"the year {year} is not in 1 to 9999")
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


def _adder(**one: int) -> Callable[[Moment, int], Moment]:
    unit = timedelta(**one)
    return lambda moment, number: moment + number * unit


DATEADD: dict[str, Callable[[Any, int], Any]] = {
    "year": lambda moment, number: add_months(moment, 12 * number),
    "quarter": lambda moment, number: add_months(moment, 3 * number),
    "month": add_months,
    "week": _adder(weeks=1),
    "day": _adder(days=1),
    "hour": _adder(hours=1),
    "minute": _adder(minutes=1),
    "second": _adder(seconds=1),
}


def _seconds(moment: datetime) -> int:
    return ((moment.toordinal() * 24 + moment.hour) * 60 + moment.minute) * 60 + moment.second


DATEDIFF: dict[str, Callable[[Any, Any], int]] = {
    "year": lambda start, end: end.year - start.year,
    "quarter": lambda start, end: (end.year - start.year) * 4 + (end.month - 1) // 3 - (start.month - 1) // 3,
    "month": lambda start, end: (end.year - start.year) * 12 + end.month - start.month,
    # Day 7 is a Sunday, where weeks begin in SQL Server.
    "week": lambda start, end: end.toordinal() // 7 - start.toordinal() // 7,
    "day": lambda start, end: end.toordinal() - start.toordinal(),
    "hour": lambda start, end: _seconds(end) // 3600 - _seconds(start) // 3600,
    "minute": lambda start, end: _seconds(end) // 60 - _seconds(start) // 60,
    "second": lambda start, end: _seconds(end) - _seconds(start),
}
"""Borders of the unit crossed from the start to the end, as SQL Server counts them."""
