"""A column, compiled: from what a walk found to the value that goes into the row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from transforms.map.check import convert_constant
from transforms.map.clean import make_cleaning
from transforms.map.contract import ColumnModel, Contract
from transforms.map.convert import ConversionError, make_converter
from transforms.schema import ABSENT

Raw = Any
"""``None``, a text, the list of texts that ``take`` asked for, or a system value."""

MakeValue = Callable[[Raw], Any]


class ColumnError(ValueError):
    """A value that rejects its record. ``path`` names table and column."""

    def __init__(self, path: str, rule: str, message: str):
        super().__init__(path, rule, message)
        self.path = path
        self.rule = rule
        self.message = message

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def make_column(contract: Contract, path: str, column: ColumnModel, required: bool, failures: Counter[tuple[str, str]]) -> MakeValue | None:
    """The function of a column, from raw to value; ``None`` where raw is the value already.

    ``failures`` counts, by column and rule, every text that was no value, whatever became of it.
    """
    type_ = column.column_type
    convert = make_converter(type_, formats=column.format or (), rounding=column.rounding, zone=column.zone)
    if column.value is not None:
        constant = convert_constant(type_, column.value)
        return lambda raw: constant
    if column.from_ and column.from_[0].startswith("$"):
        natural = type_.name in ("int", "bigint", "text") and type_.length is None
        return None if natural else lambda raw: convert(str(raw))
    steps = _steps(column)
    null = ABSENT if column.omit else None
    default = None if column.default is None else convert_constant(type_, column.default)
    keeps_blank = type_.name == "text" and column.lookup is None and not required
    if keeps_blank and type_.length is None and not steps and default is None and null is None:
        return None

    def missing() -> Any:
        if default is not None:
            return default
        if required:
            failures[path, "required"] += 1
            raise ColumnError(path, "required", "a required value is missing or blank")
        return null

    def failed(error: ConversionError, text: Any) -> Any:
        if not keeps_blank and isinstance(text, str) and not text.strip():
            return missing()
        failures[path, error.rule] += 1
        if column.on_error == "truncate" and error.rule == "length":
            return text[: type_.length]
        if column.on_error == "default":
            return default
        if column.on_error == "null" and not required:
            return null
        raise ColumnError(path, error.rule, error.message)

    if column.lookup is not None:
        convert = _look_up(contract, column)
    if required and type_.name == "text":
        convert = _not_blank(convert)

    def simple(raw: Raw) -> Any:
        if raw is None:
            return missing()
        try:
            return convert(raw)
        except ConversionError as error:
            return failed(error, raw)

    def value(raw: Raw) -> Any:
        text = _NOTHING if raw is None and column.take == "count" else raw
        if text is None:
            return missing()
        try:
            for step in steps:
                text = step(text)
            return convert(text)
        except ConversionError as error:
            return failed(error, text)

    return value if steps else simple


_NOTHING: list[str] = []


def _steps(column: ColumnModel) -> list[Callable[[Any], Any]]:
    """What happens to what was found before it is converted."""
    gather = _gather(column)
    return ([gather] if gather else []) + [make_cleaning(step) for step in column.clean]


def _look_up(contract: Contract, column: ColumnModel) -> Callable[[str], Any]:
    name = column.lookup or ""
    values = {text: convert_constant(column.column_type, value) for text, value in contract.lookups[name].items()}

    def look_up(text: str) -> Any:
        try:
            return values[text]
        except KeyError:
            raise ConversionError("lookup", f"{text!r} is not in the lookup {name}") from None

    return look_up


def _not_blank(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    def not_blank(text: str) -> Any:
        if not text.strip():
            raise ConversionError("required", "blank")
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
                raise ConversionError("several", f"{len(texts)} nodes where only one may be: {', '.join(map(repr, texts[:3]))}")
            return texts[0]

        return only
    return None
