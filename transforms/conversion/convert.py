"""From a text of a document to a value of a column's type, exactly or not at all.

A converter takes a ``str`` and gives the type's Python value (see :mod:`transforms.schema`), or raises
:class:`ConversionError`. Nothing is rounded, cut or guessed unless the column asks for it.

The lexical forms are those of XML Schema (https://www.w3.org/TR/xmlschema-2/), that is also ISO 8601 for
dates; ``format`` names others. Blanks around anything but text do not count.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Sequence
from decimal import ROUND_DOWN, Context, Decimal
from functools import lru_cache
from typing import Any

from transforms.conversion.dates import make_temporal
from transforms.conversion.errors import ROUNDINGS, ConversionError, short
from transforms.schema import INTEGER_RANGES, MAX_DECIMAL_PRECISION, ColumnType

__all__ = ["BINARY_FORMATS", "NUMBER_FORMATS", "ROUNDINGS", "ConversionError", "Converter", "make_converter", "short"]

Converter = Callable[[str], Any]

NUMBER_FORMATS = {
    "1,234.56": (",", "."), "1.234,56": (".", ","), "1 234,56": (" ", ","), "1'234.56": ("'", "."),
    "1,234.56e7": (",", "."),
}  # fmt: skip
_WITH_EXPONENT = "1,234.56e7"
_EXPONENT = re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})[eE][+-]?[0-5]?[0-9]\Z")
"""What is written out; no decimal holds more."""
BINARY_FORMATS = ("base64", "hex")


def make_converter(
    type_: ColumnType,
    *,
    formats: Sequence[str] = (),
    rounding: str | None = None,
    zone: str | None = None,
) -> Converter:
    """The converter of a column.

    Args:
      type_: the column's type.
      formats: how the text is written where that is not XML Schema's way: for dates and times one or more
        of :meth:`datetime.strptime`'s formats, tried in order, ``iso`` being XML Schema's; for numbers one of
        :data:`NUMBER_FORMATS`; for ``bool`` the true and the false word, as ``Y/N``; for ``binary`` ``base64``
        (default) or ``hex``.
      rounding: one of :data:`ROUNDINGS`, for decimals beyond a decimal's scale, an integer's fraction, and
        fractions of a second below a microsecond. Without it they are errors.
      zone: an IANA time zone. ``datetimetz``: what a text without an offset is in (in the hour that clocks
        repeat in autumn, the first time; one that they skip in spring is an error); ``datetime``: what a
        text with an offset is turned into. ``ignore`` drops offsets. Without it, either is an error.

    Raises:
      ValueError: an option that the type does not take, or takes another value of.
    """
    return _converter(type_, tuple(formats), rounding, zone)


@lru_cache(maxsize=10_000)
def _converter(type_: ColumnType, formats: tuple[str, ...], rounding: str | None, zone: str | None) -> Converter:
    name = type_.name
    options = {"format": bool(formats), "rounding": rounding is not None, "zone": zone is not None}
    allowed = {
        "decimal": {"format", "rounding"}, "float": {"format"}, "bool": {"format"}, "binary": {"format"},
        "date": {"format", "zone"}, "time": {"format", "zone", "rounding"},
        "datetime": {"format", "zone", "rounding"}, "datetimetz": {"format", "zone", "rounding"},
    }.get(name, {"format", "rounding"} if type_.is_integer else set())  # fmt: skip
    for option, given in options.items():
        if given and option not in allowed:
            raise ValueError(f"`{option}` means nothing for the type {type_}")
    if rounding is not None and rounding not in ROUNDINGS:
        raise ValueError(f"rounding {rounding!r} is not one of {', '.join(ROUNDINGS)}")
    if name == "text":
        return _text(type_.length)
    if name == "bool":
        return _bool(formats)
    if name == "json":
        return _json
    if name == "binary":
        return _binary(type_.length, formats)
    if name in ("date", "time", "datetime", "datetimetz"):
        return make_temporal(name, formats, rounding, zone)
    plain = _plain_number(formats)
    if name == "float":
        return _float(plain)
    if name == "decimal":
        return _decimal(type_, plain, rounding, has_point(formats))
    return _integer(name, plain, rounding)


def _text(length: int | None) -> Converter:
    if length is None:
        return str

    def text(value: str) -> str:
        if len(value) > length:
            raise ConversionError("length", f"{len(value)} characters do not fit into text({length})")
        return value

    return text


_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def _bool(formats: Sequence[str]) -> Converter:
    words = _BOOLEANS
    if formats:
        words = {}
        for pair in formats:
            true, slash, false = pair.partition("/")
            if not (true and slash and false) or "/" in false:
                raise ValueError(f"the format {pair!r} of a bool is not its true and its false word, as in Y/N")
            if true == false or words.get(true) is False or words.get(false) is True:
                raise ValueError(f"the format {pair!r} of a bool makes one word true and false")
            words.update({true: True, false: False})

    def boolean(value: str) -> bool:
        try:
            return words[value.strip()]
        except KeyError:
            raise ConversionError("type", f"{short(value)} is not one of {', '.join(words)}") from None

    return boolean


def _json(value: str) -> str:
    try:
        json.loads(value, parse_constant=_no_constant)
    except ValueError as error:
        raise ConversionError("type", f"not valid JSON: {error}") from None
    except RecursionError:
        raise ConversionError("type", "JSON that nests too deep") from None
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _binary(length: int | None, formats: Sequence[str]) -> Converter:
    form = formats[0] if formats else "base64"
    if form not in BINARY_FORMATS or len(formats) > 1:
        raise ValueError(f"the format {', '.join(formats)!r} of a binary is not one of {', '.join(BINARY_FORMATS)}")

    def binary(value: str) -> bytes:
        compact = "".join(value.split())
        try:
            content = base64.b64decode(compact, validate=True) if form == "base64" else binascii.unhexlify(compact)
        except ValueError as error:
            raise ConversionError("type", f"not {form}: {error}") from None
        if length is not None and len(content) > length:
            raise ConversionError("length", f"{len(content)} bytes do not fit into binary({length})")
        return content

    return binary


def has_point(formats: Sequence[str]) -> bool:
    """Whether 12.50 is the number that it is without a format, too."""
    return not formats or NUMBER_FORMATS[formats[0]][1] == "."


def _plain_number(formats: Sequence[str]) -> Callable[[str], str]:
    """A function that brings a number's text into the form with a point and no separators."""
    if not formats:
        return str.strip
    if len(formats) > 1 or formats[0] not in NUMBER_FORMATS:
        raise ValueError(f"the format {', '.join(formats)!r} of a number is not one of {' or '.join(NUMBER_FORMATS)}")
    thousands, point = NUMBER_FORMATS[formats[0]]
    more = "(?:[eE][+-]?[0-9]+)?" if formats[0] == _WITH_EXPONENT else ""
    grouped = re.compile(rf"[+-]?\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+(?:{re.escape(point)}\d*)?{more}\Z")

    def plain(value: str) -> str:
        text = value.strip()
        if (thousands in text and not grouped.match(text)) or (point != "." and thousands != "." and "." in text):
            raise ConversionError("type", f"{short(value)} is not a number like {formats[0]}")
        text = text.replace(thousands, "").replace(point, ".")
        return format(Decimal(text), "f") if more and _EXPONENT.match(text) else text

    return plain


_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\Z")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")
_ZERO = re.compile(r"[+-]?[0.]+(?:[eE]|\Z)")
_LONGEST_NUMBER = 400
"""Characters of a number's text: int() and Decimal take quadratic time, and no type here holds so many digits."""
EXACT = Context(prec=_LONGEST_NUMBER + MAX_DECIMAL_PRECISION)
"""The default context rounds to 28 digits in silence."""


def _integer(name: str, plain: Callable[[str], str], rounding: str | None) -> Converter:
    lowest, highest = INTEGER_RANGES[name]

    safe = len(str(highest)) - 1

    def integer(value: str) -> int:
        if value.isdigit() and value.isascii() and len(value) <= safe:
            return int(value)
        text = plain(value)
        if not _DECIMAL.match(text):
            raise ConversionError("type", f"{short(value)} is not a whole number")
        if len(text) > _LONGEST_NUMBER:
            raise ConversionError("overflow", f"{short(value)} has more than {_LONGEST_NUMBER} characters")
        if "." in text:
            exact = Decimal(text)
            whole = exact.to_integral_value(ROUNDINGS[rounding] if rounding else ROUND_DOWN)
            if whole != exact and rounding is None:
                raise ConversionError("scale", f"{short(value)} is not a whole number")
            number = int(whole)
        else:
            number = int(text)
        if not lowest <= number <= highest:
            raise ConversionError("overflow", f"{short(value)} does not fit into {name} ({lowest} to {highest})")
        return number

    return integer


def _decimal(type_: ColumnType, plain: Callable[[str], str], rounding: str | None, is_plain: bool) -> Converter:
    scale, precision = type_.scale or 0, type_.precision or MAX_DECIMAL_PRECISION
    unit = Decimal(1).scaleb(-scale)
    limit = Decimal(10) ** (precision - scale)
    zero = Decimal(0).quantize(unit)
    mode = ROUNDINGS[rounding] if rounding else ROUND_DOWN

    whole_digits, zeros = precision - scale, "0" * scale

    def decimal(value: str) -> Decimal:
        # Nearly all texts: digits, and no more of them than the type holds.
        whole, _, fraction = value.partition(".")
        if is_plain and whole.isdigit() and len(whole) <= whole_digits and value.isascii():
            if len(fraction) == scale and fraction.isdigit():
                return Decimal(value)
            if not fraction or (len(fraction) < scale and fraction.isdigit()):
                return Decimal(f"{whole}.{fraction}{zeros[len(fraction) :]}")
        text = plain(value)
        if not _DECIMAL.match(text):
            raise ConversionError("type", f"{short(value)} is not a decimal number")
        if len(text) > _LONGEST_NUMBER:
            raise ConversionError("overflow", f"{short(value)} has more than {_LONGEST_NUMBER} characters")
        exact = Decimal(text)
        number = exact.quantize(unit, mode, EXACT)
        if rounding is None and number != exact:
            raise ConversionError("scale", f"{short(value)} has more decimals than {type_}")
        if not -limit < number < limit:
            raise ConversionError("overflow", f"{short(value)} does not fit into {type_}")
        return number or zero

    return decimal


def _float(plain: Callable[[str], str]) -> Converter:
    def to_float(value: str) -> float:
        text = plain(value)
        if not _FLOAT.match(text):
            raise ConversionError("type", f"{short(value)} is not a number")
        number = float(text)
        if math.isinf(number) or (number == 0 and not _ZERO.match(text)):
            raise ConversionError("overflow", f"{short(value)} does not fit into float")
        return number

    return to_float


# What is done to a text before it is converted.

Cleaning = Callable[[str], str]

_NUMBER = r"(?:(?<!\w)[-\u2212]\$?)?(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d*)?|\.\d+)"
_FIRST_NUMBER = re.compile(_NUMBER, re.ASCII)
_NO_DIGITS = re.compile("[^0-9]+")
_ALL_NUMBER = re.compile(rf"\s*(?:\$\s*)?({_NUMBER})\s*", re.ASCII)


def _first_number(text: str) -> str:
    if text.isdigit():
        return text
    found = _FIRST_NUMBER.search(text)
    return _plain(found[0]) if found else text


def _digits(text: str) -> str:
    return text if text.isdigit() and text.isascii() else _NO_DIGITS.sub("", text)


def _number_or_digits(text: str) -> str:
    found = _ALL_NUMBER.fullmatch(text)
    return _plain(found[1]) if found else _digits(text)


def _plain(number: str) -> str:
    """A number with its minus sign alone before it: $ and the sign of typographers go."""
    return number.replace("$", "").replace("\u2212", "-")


CLEANINGS: dict[str, Cleaning] = {
    "trim": str.strip,
    "collapse": lambda text: " ".join(text.split()),
    "upper": str.upper,
    "lower": str.lower,
    "digits": _digits,
    "first_number": _first_number,
    "number_or_digits": _number_or_digits,
}
"""The named cleanings. ``collapse`` also turns runs of blanks and line ends into one blank; ``first_number`` leaves
a text without a number as it is."""


def make_cleaning(step: Any) -> Cleaning:
    """The function of one step: a name of :data:`CLEANINGS`, or ``{find: regex, replace: text}``.

    ``replace`` may hold ``\\1`` or ``\\g<name>``; absent, what was found is removed. Raises ``ValueError``.
    """
    if isinstance(step, str):
        if step not in CLEANINGS:
            raise ValueError(f"{step!r} is not one of {', '.join(CLEANINGS)}, nor {{find: regex, replace: text}}")
        return CLEANINGS[step]
    if not isinstance(step, dict) or "find" not in step or set(step) - {"find", "replace"}:
        raise ValueError(f"{step!r} is neither one of {', '.join(CLEANINGS)} nor {{find: regex, replace: text}}")
    try:
        find = re.compile(step["find"])
        replace = step.get("replace", "")
        # An unknown group in the replacement would fail at the first record only.
        re.compile(f"{step['find']}\n|").sub(replace, "")
    except (re.error, TypeError, IndexError) as error:
        raise ValueError(f"{step!r}: {error}") from None
    except (RecursionError, OverflowError):
        raise ValueError(f"{str(step)[:60]}...: this regular expression is nested too deeply, or too large") from None
    # A replacement with groups takes its time, even where there is nothing to replace.
    return lambda text: find.sub(replace, text) if find.search(text) else text
