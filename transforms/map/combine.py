"""What becomes of all the values that a path finds: their sum, the least, the greatest; exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Context
from functools import reduce
from typing import Any

from transforms.conversion.convert import make_converter
from transforms.schema import ColumnType

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
