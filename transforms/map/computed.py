"""A column that is computed: from what its expression gives to the value that goes into the row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from transforms.contract.expressions import ExpressionError
from transforms.contract.plan import ColumnPlan
from transforms.conversion.convert import EXACT, ConversionError, Converter, make_converter
from transforms.map.cells import Failures, Instead, text_of_value
from transforms.schema import MAX_DECIMAL_PRECISION, ColumnType


class Computed:
    """The column of an expression: from what that gives to the value, as the column's type.

    Its arguments are those of :func:`transforms.map.cells.make_column`.
    """

    def __init__(self, path: str, column: ColumnPlan, failures: Failures, late_default: bool = False):
        instead = Instead(path, column, failures, late_default)
        self._missing, self._failed = instead.missing, instead.failed
        self._type = column.type
        self._fits = make_fit(self._type, make_converter(self._type, rounding=column.model.rounding))

    def fit(self, computed: Any) -> Any:
        """The value; raises :data:`COMPUTING_FAILED` where it is none."""
        return self._missing() if computed is None else self._fits(computed)

    def attempt(self, compute: Callable[[Sequence[Any]], Any], arguments: Sequence[Any]) -> Any:
        """The same where that failed: the value instead; raises :class:`ColumnError`."""
        computed = None
        try:
            computed = compute(arguments)
            fitted = None if computed is None else self._fits(computed)
        except (ExpressionError, ConversionError) as error:
            return self._failed(error.rule, error.message, computed)
        except (ArithmeticError, ValueError) as error:
            # Python's dates end where those of XML go on: 0001-01-01T00:00:00+01:00 is in the year 0 of UTC.
            return self._failed("overflow", f"{computed} cannot be a value of {self._type}: {error}", computed)
        return self._missing() if computed is None else fitted


COMPUTING_FAILED = (ExpressionError, ArithmeticError, ValueError)


def make_fit(type_: ColumnType, convert: Converter) -> Callable[[Any], Any]:
    """A function that brings a computed value into a column's type; decimals are rounded half up, as by CAST."""
    name = type_.name
    if name == "decimal":
        return _fit_decimal(type_)
    if name == "text":
        most = math.inf if type_.length is None else type_.length
        return lambda value: value if type(value) is str and len(value) <= most else convert(text_of_value(value))
    if name == "float":
        return float
    if name == "date":
        return lambda value: value.date() if isinstance(value, datetime) else value
    if name == "datetimetz":
        return lambda value: value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value
    if name == "datetime":
        return _naive
    if type_.is_integer:
        return lambda value: convert(str(value))
    return lambda value: value


def _fit_decimal(type_: ColumnType) -> Callable[[Any], Decimal]:
    rounded = make_converter(type_, rounding="half_up")
    scale = type_.scale or 0
    unit, most = Decimal(1).scaleb(-scale), (type_.precision or MAX_DECIMAL_PRECISION) - scale - 1

    def fit(value: Any) -> Decimal:
        # Not where rounding may add a digit, and where a long text would be too long for a number.
        if isinstance(value, Decimal) and -100 < value.adjusted() < most:
            return value.quantize(unit, ROUND_HALF_UP, EXACT) or rounded("0")
        return rounded(format(value, "f") if isinstance(value, Decimal) else str(value))

    return fit


def _naive(value: Any) -> Any:
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    return value.astimezone(timezone.utc).replace(tzinfo=None) if value.tzinfo else value
