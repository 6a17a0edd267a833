"""Constants of a contract as values of a type."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from transforms.contract.document import Location
from transforms.schema import ColumnType
from transforms.values.convert import ConversionError, make_converter

Finding = tuple[Location, str, Any, "str | None"]
"""Where, what is wrong, the offending value, and what would be right."""


def check_constant(place: Location, type_: ColumnType, constant: Any) -> Iterator[Finding]:
    try:
        convert_constant(type_, constant)
    except ConversionError as error:
        yield place, f"no value of the type {type_}: {error}", constant, None


def convert_constant(type_: ColumnType, constant: Any) -> Any:
    """A scalar of the contract as a value of a type; raises :class:`ConversionError`.

    It is written as in a document, or as YAML writes it: ``true``, ``12``, ``1.5``.
    """
    convert: Callable[[str], Any] = make_converter(type_)
    if isinstance(constant, bool):
        return convert("true" if constant else "false")
    return convert(constant if isinstance(constant, str) else repr(constant))
