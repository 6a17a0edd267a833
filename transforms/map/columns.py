"""A column, compiled: from what a walk found to the value that goes into the row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, time
from decimal import Decimal
from functools import reduce
from typing import Any

from transforms.map.clean import make_cleaning
from transforms.map.column_model import SYSTEM_VALUES, ColumnModel
from transforms.map.combine import COMBINATIONS
from transforms.map.constants import convert_constant
from transforms.map.contract import Contract
from transforms.map.convert import ConversionError, make_converter, short
from transforms.map.usual import is_system, is_trimmed, keeps_numbers, known
from transforms.schema import ABSENT

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

    def __init__(self, path: str, column: ColumnModel, required: bool, failures: Failures, late_default: bool = False):
        self.value = None if late_default else default_of(column)
        self.keeps_blank = (
            column.column_type.name == "text" and column.lookup is None and not required and column.blank == "keep"
        )
        self._path, self._column, self._required, self._failures = path, column, required, failures

    def missing(self) -> Any:
        """What stands for nothing at all."""
        if self._required and self._column.default is None:
            raise ColumnError(self._path, "required", "a required value is missing or blank")
        return self.value

    def failed(self, rule: str, message: str, text: Any) -> Any:
        """What stands for a text that is no value, by ``on_error``."""
        column = self._column
        if not self.keeps_blank and isinstance(text, str) and not text.strip():
            return self.missing()
        if column.on_error == "truncate" and rule == "length":
            self._failures[self._path, CUT] += 1
            return text_of_value(text)[: column.column_type.length]
        if column.on_error != "default" and (column.on_error != "null" or self._required):
            raise ColumnError(self._path, rule, message)
        self._failures[self._path, rule] += 1
        return self.value


def make_column(
    contract: Contract, path: str, column: ColumnModel, required: bool, failures: Failures, late_default: bool = False
) -> MakeValue | None:
    """The function of a column that is read, from raw to value; ``None`` where raw is the value already.

    Args:
      contract: for its lookups.
      path: names the column in errors.
      column: resolved, see :mod:`transforms.map.resolve`.
      required: whether the column must have a value.
      failures: counts, by column and rule, the texts that were no value and did not reject the record;
        whoever catches :class:`ColumnError` counts those that do.
      late_default: give ``None`` where there is no value; the caller fills in :func:`default_of`.
    """
    type_ = column.column_type
    convert = make_converter(type_, formats=column.format or (), rounding=column.rounding, zone=column.zone)
    if column.value is not None:
        constant = convert_constant(type_, column.value)
        return lambda raw: constant
    if is_system(column):
        natural = SYSTEM_VALUES[(column.from_ or [""])[0]][0]
        if type_.length is None and (type_.name == natural or type_.name == "bigint"):
            return None
    steps = _steps(column)
    instead = Instead(path, column, required, failures, late_default)
    missing, failed, keeps_blank = instead.missing, instead.failed, instead.keeps_blank
    is_text = type_.name == "text"
    is_read = not is_system(column) and column.take not in COMBINATIONS
    if keeps_blank and type_.length is None and not steps and instead.value is None and is_read:
        return None
    if column.lookup is not None:
        convert = _look_up(contract, column)
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
    if is_system(column):
        return lambda raw: simple(text_of_value(raw))
    is_one = _gather(column) is None
    if column.lookup is not None and is_one and is_trimmed(column):
        stands_for = known(contract, column)
        return looked_up
    if is_text and not keeps_blank and column.lookup is None and is_one and is_trimmed(column):
        return trimmed
    if type_.is_integer and column.lookup is None and is_one and steps and keeps_numbers(column, ""):
        return digits
    return value if steps else simple


def default_of(column: ColumnModel) -> Any:
    """What stands for no value: the default, :data:`~transforms.schema.ABSENT` or ``None``."""
    if column.default is not None:
        return convert_constant(column.column_type, column.default)
    return ABSENT if column.omit else None


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


def _look_up(contract: Contract, column: ColumnModel) -> Callable[[str], Any]:
    name = column.lookup or ""
    lookup = contract.lookups[name]
    type_ = column.column_type
    values = {text: convert_constant(type_, value) for text, value in (lookup.values or {}).items()}
    folded = {text.casefold(): value for text, value in reversed(values.items())} if lookup.ignore_case else {}
    otherwise = None if lookup.otherwise is None else convert_constant(type_, lookup.otherwise)

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
            raise ConversionError("lookup", f"{short(text)} is not in the lookup {name}")
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
