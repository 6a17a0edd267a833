"""A column, compiled: from what a walk found to the value that goes into the row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, time
from decimal import Decimal
from functools import reduce
from typing import Any

from transforms.contract.build_column import converter_of
from transforms.contract.column_model import SYSTEM_VALUES, ColumnModel
from transforms.contract.plan import ColumnPlan, LookupPlan
from transforms.conversion.clean import make_cleaning
from transforms.conversion.convert import ConversionError, short
from transforms.map.combine import COMBINATIONS
from transforms.map.usual import is_trimmed, keeps_numbers, known

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
    convert = converter_of(column)
    if column.value is not None:
        constant = plan.constant
        return lambda raw: constant
    if plan.is_system:
        natural = SYSTEM_VALUES[plan.from_[0]][0]
        if type_.length is None and (type_.name == natural or type_.name == "bigint"):
            return None
    steps = _steps(column)
    instead = Instead(path, plan, failures, late_default)
    missing, failed, keeps_blank = instead.missing, instead.failed, instead.keeps_blank
    is_text = type_.name == "text"
    is_read = not plan.is_system and column.take not in COMBINATIONS
    if keeps_blank and type_.length is None and not steps and instead.value is None and is_read:
        return None
    if plan.lookup is not None:
        convert = _look_up(plan.lookup, column)
    elif is_text and not keeps_blank:
        convert = _not_blank(convert)

    def simple(raw: Raw) -> Any:
        if raw is None:
            return missing()
        try:
            return convert(raw)
        except ConversionError as error:
            return failed(error.rule, error.message, raw)
        except (ArithmeticError, ValueError) as error:
            return failed("overflow", f"{short(raw)} cannot be a value of {type_}: {error}", raw)

    def value(raw: Raw) -> Any:
        text: Any = _NOTHING if raw is None and column.take == "count" else raw
        if text is None:
            return missing()
        try:
            for step in steps:
                text = step(text)
            return convert(text)
        except ConversionError as error:
            return failed(error.rule, error.message, text)
        except (ArithmeticError, ValueError) as error:
            return failed("overflow", f"{short(str(text))} cannot be a value of {type_}: {error}", text)

    def trimmed(raw: str | None) -> Any:
        """The same for the texts that most columns are."""
        text = raw and raw.strip()
        if not text:
            return missing()
        if type_.length is not None and len(text) > type_.length:
            return value(raw)
        return text

    def digits(raw: str | None) -> Any:
        """The same for whole numbers: no cleaning changes a text of digits."""
        if raw and raw.isdigit() and raw.isascii():
            return simple(raw)
        return value(raw)

    def looked_up(raw: str | None) -> Any:
        """The same for texts that stand in a lookup as they are."""
        return stands_for[raw] if raw in stands_for else value(raw)

    def of_all(raw: list[str] | None) -> Any:
        """What ``take: sum``, ``min`` and ``max`` make of the values of all texts that are not blank."""
        text: Any = None
        try:
            texts = [cleaned for cleaned in map(clean, raw or ()) if cleaned.strip()]
            if not texts:
                return missing()
            if is_text and column.lookup is None:
                text = (min if column.take == "min" else max)(texts)
                return convert(text)
            return combine([convert(one) for one in texts])
        except ConversionError as error:
            return failed(error.rule, error.message, text)
        except ArithmeticError as error:
            return failed("overflow", f"the {column.take} cannot be a value of {type_}: {error}", text)

    if column.take in COMBINATIONS:
        clean, combine = _in_turn(steps), COMBINATIONS[column.take](type_)
        return of_all
    if plan.is_system:
        return lambda raw: simple(text_of_value(raw))
    is_one = _gather(column) is None
    if plan.lookup is not None and is_one and is_trimmed(column):
        stands_for = known(plan.lookup)
        return looked_up
    if is_text and not keeps_blank and column.lookup is None and is_one and is_trimmed(column):
        return trimmed
    if type_.is_integer and column.lookup is None and is_one and steps and keeps_numbers(column, ""):
        return digits
    return value if steps else simple


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


def _in_turn(steps: list[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    return lambda text: reduce(lambda cleaned, step: step(cleaned), steps, text)


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
                    "several", f"{len(texts)} nodes where only one may be: {', '.join(map(short, texts[:3]))}"
                )
            return texts[0]

        return only
    return None
