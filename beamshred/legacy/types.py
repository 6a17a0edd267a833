"""Types and constants of legacy contracts, and how their texts are read."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from beamshred.legacy.source import Mapping
from transforms.conversion.convert import CLEANINGS, ConversionError, make_converter
from transforms.schema import ColumnType

DATE_FORMATS = (
    "iso", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%m/%d/%Y", "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p", "%d/%m/%Y", "%d/%m/%Y %H:%M:%S", "iso8601",
)  # fmt: skip
"""In the order of the old program, but for the usual form of ISO 8601, which agrees with the others and is the
quickest."""

TRUE_WORDS = ("1", "y", "yes", "true", "t")
FALSE_WORDS = ("0", "n", "no", "false", "f")

LATE_SECONDS = {"find": r"(:[0-5]?\d:)[6-9]\d(?!\d)", "replace": r"\g<1>59"}
TIME_AT_ALL = {"find": r"[T ]+\d\d?:.*|T\d{4}.*", "replace": ""}
NUMBER_FORMAT = "1,234.56e7"

INTEGERS = ("tinyint", "smallint", "int", "bigint")


def column_type(mapping: Mapping) -> ColumnType:
    """The type of a mapping's column. A file gives decimals their places only: they get 18 digits."""
    if mapping.data_type == "decimal":
        places = 2 if mapping.length is None or mapping.length < 0 else mapping.length
        return ColumnType("decimal", precision=18 if places <= 16 else 38, scale=min(places, 38))
    if mapping.data_type == "string":
        return ColumnType("text", mapping.length)
    return ColumnType(
        {"smalldatetime": "datetime", "bit": "bool", "boolean": "bool"}.get(mapping.data_type, mapping.data_type)
    )


def widest(types: list[ColumnType]) -> ColumnType:
    """A type that holds the values of all of these."""
    if len(set(types)) == 1:
        return types[0]
    if all(type_.name == "text" for type_ in types):
        lengths = [type_.length for type_ in types]
        return ColumnType("text", None if None in lengths else max(length for length in lengths if length))
    ranks = (*INTEGERS, "decimal", "float")
    if all(type_.name in ranks for type_ in types):
        return max(types, key=lambda type_: (ranks.index(type_.name), type_.scale or 0))
    if all(type_.name in ("date", "datetime") for type_ in types):
        return ColumnType("datetime")
    return ColumnType("text")


def readings(used: set[str]) -> dict[str, Any]:
    """What ``defaults.types`` says of the types that a contract uses."""
    number = {"clean": "first_number", "format": NUMBER_FORMAT}
    moment = [LATE_SECONDS]
    found = {
        "text": {"on_error": "truncate"},
        **dict.fromkeys(INTEGERS, number),
        "decimal": {"format": NUMBER_FORMAT},
        "float": {"format": NUMBER_FORMAT},
        "bool": {
            "clean": ["trim", "lower"],
            "format": [f"{true}/{false}" for true, false in zip(TRUE_WORDS, FALSE_WORDS, strict=True)],
        },
        "date": {"clean": moment, "zone": "ignore"},
        "datetime": {"clean": moment, "rounding": "down"},
    }
    return {name: reading for name, reading in found.items() if name in used}


def constant(type_: ColumnType, value: Any) -> Any:
    """A default or a value of an enum as one of the type, as YAML writes it; ``None`` where it cannot be."""
    text = ("1" if value else "0") if isinstance(value, bool) else str(value).strip()
    if type_.name == "text":
        return text[: type_.length]
    if type_.name == "bool":
        return True if text.lower() in TRUE_WORDS else False if text.lower() in FALSE_WORDS else None
    try:
        if type_.name in ("date", "datetime"):
            moment = date_of(text)
            return moment and (moment.date() if type_.name == "date" else moment).isoformat()
        if type_.is_integer:
            text = CLEANINGS["first_number"](text)
        rounding = None if type_.name == "float" else "half_up"
        number = make_converter(type_, formats=[NUMBER_FORMAT], rounding=rounding)(text)
    except ConversionError:
        return None
    return number if isinstance(number, (int, float)) else str(number)


def date_of(text: str) -> datetime | None:
    """A text as a moment, by the formats of the old program."""
    convert = make_converter(ColumnType("datetime"), formats=DATE_FORMATS, rounding="down", zone="ignore")
    try:
        return convert(re.sub(LATE_SECONDS["find"], LATE_SECONDS["replace"], text))
    except ConversionError:
        return None
