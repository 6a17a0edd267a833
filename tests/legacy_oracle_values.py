"""Values by the page on legacy contracts, for the oracle: texts as numbers, moments, and the types of mappings."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

RANGES = {"tinyint": (0, 255), "smallint": (-(2**15), 2**15 - 1), "int": (-(2**31), 2**31 - 1)}
NUMBER = re.compile(
    r"(?:[+]|(?<!\w)[-−]\$?)?(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]*)?|(?<!\w)[-−]?\.[0-9]+"
)
BLANKS = None  # all that Python strips


class Sum(Decimal):
    """What arithmetic gives: it is compared with numbers only."""


def number_of(text: str) -> Decimal | None:
    if re.fullmatch(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]{1,2}", text):
        return Decimal(text)
    plain = "$" not in text and "−" not in text  # they do not count in decimals
    return Decimal(text.replace(",", "")) if plain and NUMBER.fullmatch(text) else None


def rounded(number: Decimal, places: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, Context(prec=99))


def moment_of(text: str) -> datetime | None:
    clock = r"(\d{1,2}):(\d{1,2}):(\d{1,2})"
    part = re.fullmatch(rf"(\d{{4}})-(\d{{1,2}})-(\d{{1,2}})(?: +{clock}(?:\.(\d{{1,6}}))?)?", text, re.ASCII)
    if part:
        y, m, d, *time, fraction = part.groups()
        return moment(y, m, d, time, fraction=fraction)
    us = rf"(\d{{1,2}})/(\d{{1,2}})/(\d{{4}})(?: +{clock}(?: +(AM|PM))?)?"
    part = re.fullmatch(us, text, re.ASCII | re.IGNORECASE)
    if part:
        m, d, y, *time, half = part.groups()
        return moment(y, m, d, time, half) or (None if half else moment(y, d, m, time))
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None) if re.match(r"\d{4}-?[\dW]\d", text) else None
    except ValueError:
        return None


def moment(y: str, m: str, d: str, time: list[str | None], half: str | None = None, fraction: str | None = None) -> Any:
    hour, minute, second = (int(part or 0) for part in time)
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half.upper() == "PM" else 0)
    try:
        return datetime(int(y), int(m), int(d), hour, minute, min(second, 59), int((fraction or "0").ljust(6, "0")))
    except ValueError:
        return None


def convert(value: Any, mapping: dict[str, Any]) -> Any:
    """The value as the mapping's type, or None."""
    kind, length = mapping["data_type"], mapping.get("data_length")
    if isinstance(value, bool):
        value = str(int(value))
    if isinstance(value, datetime | date) and kind in ("datetime", "smalldatetime", "date"):
        day = value.date() if isinstance(value, datetime) else value
        return day if kind == "date" else datetime(day.year, day.month, day.day)
    text = str(value).strip(BLANKS)
    if isinstance(value, Sum):
        text = format(value.normalize(), "f")
    if kind == "string":
        return text[:length] if length and length > 0 else text
    if kind in ("int", "smallint", "tinyint", "bigint"):
        types = str(mapping.get("mapping_type"))
        if "identity_insert" in types and not re.fullmatch("[-+]?[0-9]+", text):
            return None
        if "calculated_field" in types and not NUMBER.fullmatch(text):
            return None
        found = NUMBER.search(text)
        first = found and found[0].replace(",", "").replace("$", "").replace("−", "-")
        whole = int(rounded(Decimal(first), 0)) if first else None
        low, high = RANGES.get(kind, (-(2**63), 2**63 - 1))
        return whole if whole is not None and low <= whole <= high else None
    if kind in ("decimal", "float"):
        number = number_of(text)
        if number is None or (kind == "decimal" and abs(number) >= 10**16):  # the import gives them 18 digits
            return None
        return float(number) if kind == "float" else rounded(number, 2 if length is None or length < 0 else length)
    if kind in ("bit", "boolean"):
        return {"1": True, "true": True, "yes": True, "y": True, "t": True}.get(
            text.lower(), {"0": False, "false": False, "no": False, "n": False, "f": False}.get(text.lower())
        )
    found = moment_of(text)
    return found.date() if found and kind == "date" else found
