"""A column, compiled: from what a walk found to the value that goes into the row."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, time
from decimal import Context, Decimal
from functools import reduce
from typing import Any

from transforms.contract.build_column import converter_of
from transforms.contract.column_model import SYSTEM_VALUES, ColumnModel
from transforms.contract.plan import ColumnPlan, LookupPlan
from transforms.conversion.convert import ConversionError, Converter, make_cleaning, make_converter, short
from transforms.schema import ColumnType

Raw = Any
"""``None``, a text, the list of texts that ``take`` asked for, or a system value."""

CUT = "cut"
"""The rule by which texts are counted that were cut to their column's length."""

MakeValue = Callable[[Raw], Any]
Failures = Counter[tuple[str, str]]


class ColumnError(ValueError):
    """A value that rejects its record. ``path`` names table and column."""

    def __init__(self, path: str, rule: str, message: str):
        super().__init__(path, rule, message)
        self.path = path
        self.rule = rule
        self.message = message

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class Instead:
    """What becomes of a column where there is no value; see :func:`make_column`."""

    def __init__(self, path: str, column: ColumnPlan, failures: Failures, late_default: bool = False):
        self.value = None if late_default else column.default
        self.keeps_blank = (
            column.type.name == "text"
            and column.lookup is None
            and not column.required
            and column.model.blank == "keep"
        )
        self._path, self._column, self._failures = path, column, failures

    def missing(self) -> Any:
        """What stands for nothing at all."""
        if self._column.required and self._column.model.default is None:
            raise ColumnError(self._path, "required", "a required value is missing or blank")
        return self.value

    def failed(self, rule: str, message: str, text: Any) -> Any:
        """What stands for a text that is no value, by ``on_error``."""
        on_error = self._column.model.on_error
        if not self.keeps_blank and isinstance(text, str) and not text.strip():
            return self.missing()
        if on_error == "truncate" and rule == "length":
            self._failures[self._path, CUT] += 1
            return text_of_value(text)[: self._column.type.length]
        if on_error != "default" and (on_error != "null" or self._column.required):
            raise ColumnError(self._path, rule, message)
        self._failures[self._path, rule] += 1
        return self.value


def make_column(path: str, plan: ColumnPlan, failures: Failures, late_default: bool = False) -> MakeValue | None:
    """The function of a column that is read, from raw to value; ``None`` where raw is the value already.

    Args:
      path: names the column in errors.
      failures: counts, by column and rule, the texts that were no value and did not reject the record;
        whoever catches :class:`ColumnError` counts those that do.
      late_default: give ``None`` where there is no value; the caller fills in the default.
    """
    column, type_ = plan.model, plan.type
    if column.value is not None:
        constant = plan.constant
        return lambda raw: constant
    instead = Instead(path, plan, failures, late_default)
    if plan.is_system:
        natural = SYSTEM_VALUES[plan.from_[0]][0]
        if type_.length is None and type_.name in (natural, "bigint"):
            return None
        of_text = _of_one(plan, _converter(plan, instead), [], instead)
        return lambda raw: of_text(text_of_value(raw))
    steps = _steps(column)
    if column.take in COMBINATIONS:
        return _of_all(plan, _converter(plan, instead), steps, instead)
    if instead.keeps_blank and type_.length is None and not steps and instead.value is None:
        return None
    return _of_one(plan, _converter(plan, instead), steps, instead)


def _converter(plan: ColumnPlan, instead: Instead) -> Converter:
    if plan.lookup is not None:
        return _look_up(plan.lookup, plan.model)
    convert = converter_of(plan.model)
    return _not_blank(convert) if plan.type.name == "text" and not instead.keeps_blank else convert


def _of_one(plan: ColumnPlan, convert: Converter, steps: list[Callable[[Any], Any]], instead: Instead) -> MakeValue:
    """A function from what was found, by these steps, to the value."""
    counts = plan.model.take == "count"

    def value(raw: Raw) -> Any:
        text: Any = _NOTHING if raw is None and counts else raw
        if text is None:
            return instead.missing()
        try:
            for step in steps:
                text = step(text)
            return convert(text)
        except ConversionError as error:
            return instead.failed(error.rule, error.message, text)
        except (ArithmeticError, ValueError) as error:
            message = f"{short(str(text))} cannot be a value of {plan.type}: {error}"
            return instead.failed("overflow", message, text)

    return value


def _of_all(plan: ColumnPlan, convert: Converter, steps: list[Callable[[Any], Any]], instead: Instead) -> MakeValue:
    """What ``take: sum``, ``min`` and ``max`` make of the values of all texts that are not blank."""
    take = plan.model.take
    combine = COMBINATIONS[take](plan.type)
    are_texts = plan.type.name == "text" and plan.lookup is None

    def value(raw: list[str] | None) -> Any:
        text: Any = None
        try:
            cleaned = [reduce(lambda done, step: step(done), steps, one) for one in raw or ()]
            texts = [one for one in cleaned if one.strip()]
            if not texts:
                return instead.missing()
            if are_texts:
                text = (min if take == "min" else max)(texts)
                return convert(text)
            return combine([convert(one) for one in texts])
        except ConversionError as error:
            return instead.failed(error.rule, error.message, text)
        except ArithmeticError as error:
            return instead.failed("overflow", f"the {take} cannot be a value of {plan.type}: {error}", text)

    return value


def text_of_value(value: Any) -> str:
    """A value as text: ISO 8601 for dates and times, ``true`` and ``false``, hexadecimal for bytes."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.hex() if isinstance(value, bytes) else str(value)


_NOTHING: list[str] = []


def _steps(column: ColumnModel) -> list[Callable[[Any], Any]]:
    """What happens to what was found before it is converted."""
    gather = _gather(column)
    return ([gather] if gather else []) + [make_cleaning(step) for step in column.clean]


def _look_up(lookup: LookupPlan, column: ColumnModel) -> Callable[[str], Any]:
    values, otherwise = lookup.values, lookup.otherwise
    folded = {text.casefold(): value for text, value in reversed(values.items())} if lookup.ignore_case else {}

    def look_up(text: str) -> Any:
        try:
            return values[text]
        except KeyError:
            pass
        value = folded.get(text.casefold()) if folded else None
        if value is None and column.blank == "null" and not text.strip():
            raise ConversionError("blank", "the text is blank")
        value = otherwise if value is None else value
        if value is None:
            raise ConversionError("lookup", f"{short(text)} is not in the lookup {lookup.name}")
        return value

    return look_up


def _not_blank(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    def not_blank(text: str) -> Any:
        if not text.strip():
            raise ConversionError("blank", "the text is blank")
        return convert(text)

    return not_blank


def _gather(column: ColumnModel) -> Callable[[list[str]], str] | None:
    """How a list of texts becomes one, for the ways of taking that need them all."""
    if column.take == "join":
        return column.separator.join
    if column.take == "count":
        return lambda texts: str(len(texts))
    if column.take == "only":

        def only(texts: list[str]) -> str:
            if len(texts) > 1:
                raise ConversionError(
                    "several", f"{len(texts)} nodes where only one is allowed: {', '.join(map(short, texts[:3]))}"
                )
            return texts[0]

        return only
    return None


Combine = Callable[["Sequence[Any]"], Any]

_EXACT = Context(prec=200)
"""Digits for the sum of more decimals than a document can hold, of 38 digits each."""


def _sum(type_: ColumnType) -> Combine:
    if type_.name == "float":
        return math.fsum
    fits = make_converter(type_)
    if type_.name == "decimal":
        return lambda values: fits(format(reduce(_EXACT.add, values), "f"))
    return lambda values: fits(str(sum(values)))


COMBINATIONS: dict[str, Callable[[ColumnType], Combine]] = {
    "sum": _sum,
    "min": lambda type_: min,
    "max": lambda type_: max,
}
"""For each ``take`` that combines values: from the column's type to the function that does."""
