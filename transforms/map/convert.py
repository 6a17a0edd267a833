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
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from transforms.schema import INTEGER_RANGES, MAX_DECIMAL_PRECISION, ColumnType

Converter = Callable[[str], Any]

ROUNDINGS = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN, "down": ROUND_DOWN}
NUMBER_FORMATS = {"1,234.56": (",", "."), "1.234,56": (".", ","), "1 234,56": (" ", ","), "1'234.56": ("'", ".")}
BINARY_FORMATS = ("base64", "hex")


class ConversionError(ValueError):
    """A text that is no value of the column's type. ``rule`` is the short word the report counts it by."""

    def __init__(self, rule: str, message: str):
        super().__init__(rule, message)
        self.rule = rule
        self.message = message

    def __str__(self) -> str:
        return self.message


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
        raise ValueError(f"rounding {rounding!r} is none of {', '.join(ROUNDINGS)}")
    if name == "text":
        return _text(type_.length)
    if name == "bool":
        return _bool(formats)
    if name == "json":
        return _json
    if name == "binary":
        return _binary(type_.length, formats)
    if name in ("date", "time", "datetime", "datetimetz"):
        return _temporal(name, formats, rounding, zone)
    plain = _plain_number(formats)
    if name == "float":
        return _float(plain)
    if name == "decimal":
        return _decimal(type_, plain, rounding)
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
            raise ConversionError("type", f"{short(value)} is none of {', '.join(words)}") from None

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
    raise ValueError(f"{name} is no JSON")


def _binary(length: int | None, formats: Sequence[str]) -> Converter:
    form = formats[0] if formats else "base64"
    if form not in BINARY_FORMATS or len(formats) > 1:
        raise ValueError(f"the format {', '.join(formats)!r} of a binary is none of {', '.join(BINARY_FORMATS)}")

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


def _plain_number(formats: Sequence[str]) -> Callable[[str], str]:
    """A function that brings a number's text into the form with a point and no separators."""
    if not formats:
        return str.strip
    if len(formats) > 1 or formats[0] not in NUMBER_FORMATS:
        raise ValueError(f"the format {', '.join(formats)!r} of a number is none of {' or '.join(NUMBER_FORMATS)}")
    thousands, point = NUMBER_FORMATS[formats[0]]
    grouped = re.compile(rf"[+-]?\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+(?:{re.escape(point)}\d*)?\Z")

    def plain(value: str) -> str:
        text = value.strip()
        if (thousands in text and not grouped.match(text)) or (point != "." and thousands != "." and "." in text):
            raise ConversionError("type", f"{short(value)} is not a number like {formats[0]}")
        return text.replace(thousands, "").replace(point, ".")

    return plain


_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\Z")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")
_ZERO = re.compile(r"[+-]?[0.]+(?:[eE]|\Z)")
_LONGEST_NUMBER = 400
"""Characters of a number's text: int() and Decimal take quadratic time, and no type here holds so many digits."""
_EXACT = Context(prec=_LONGEST_NUMBER + MAX_DECIMAL_PRECISION)
"""The default context rounds to 28 digits in silence."""


def _integer(name: str, plain: Callable[[str], str], rounding: str | None) -> Converter:
    lowest, highest = INTEGER_RANGES[name]

    def integer(value: str) -> int:
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


def _decimal(type_: ColumnType, plain: Callable[[str], str], rounding: str | None) -> Converter:
    scale, precision = type_.scale or 0, type_.precision or MAX_DECIMAL_PRECISION
    unit = Decimal(1).scaleb(-scale)
    limit = Decimal(10) ** (precision - scale)
    zero = Decimal(0).quantize(unit)
    mode = ROUNDINGS[rounding] if rounding else ROUND_DOWN

    def decimal(value: str) -> Decimal:
        text = plain(value)
        if not _DECIMAL.match(text):
            raise ConversionError("type", f"{short(value)} is not a decimal number")
        if len(text) > _LONGEST_NUMBER:
            raise ConversionError("overflow", f"{short(value)} has more than {_LONGEST_NUMBER} characters")
        exact = Decimal(text)
        number = exact.quantize(unit, mode, _EXACT)
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


def short(value: str) -> str:
    """A text in quotes, for a message; its beginning where it is long."""
    return repr(value if len(value) <= 60 else value[:57] + "...")


# https://www.w3.org/TR/xmlschema-2/#dateTime; the parts of a date, of a time, and of an offset.
_DATE = r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
_OFFSET = r"(?P<offset>Z|[+-]\d\d:?[0-5]\d)?"
_ISO = {
    "date": re.compile(rf"{_DATE}{_OFFSET}\Z", re.ASCII),
    "time": re.compile(rf"{_TIME}{_OFFSET}\Z", re.ASCII),
    "datetime": re.compile(rf"{_DATE}[T ]{_TIME}{_OFFSET}\Z", re.ASCII),
}
_EPOCH = date(1970, 1, 1)


def _temporal(name: str, formats: Sequence[str], rounding: str | None, zone: str | None) -> Converter:
    zone_info: tzinfo | None = None
    if zone is not None and zone != "ignore":
        try:
            zone_info = timezone.utc if zone.lower() == "utc" else ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(
                f"{zone!r} is not a time zone of the IANA database, such as Europe/Amsterdam, nor `ignore`"
            ) from None
        if name in ("date", "time"):
            raise ValueError(f"a {name} cannot be turned into the zone {zone!r}; `zone: ignore` drops its offset")
    parse = _by_formats(name, formats, rounding) if formats else _iso(name, rounding)
    if name == "datetimetz":
        finish = _with_zone(zone_info)
        if zone == "ignore":
            raise ValueError("a datetimetz without its offset has no meaning; name the zone it is in, or use datetime")
    else:
        finish = _without_zone(name, zone, zone_info)

    def temporal(value: str) -> date | time | datetime:
        text = value.strip()
        try:
            return finish(parse(text), text)
        except (ValueError, OverflowError) as error:
            if isinstance(error, ConversionError):
                raise
            raise ConversionError("date", f"{short(value)} is not a {name} that exists: {error}") from None

    return temporal


def _iso(name: str, rounding: str | None) -> Callable[[str], datetime]:
    usual = {"date": _usual_date, "time": None}.get(name, _usual_datetime)
    pattern = _ISO["datetime" if name == "datetimetz" else name]
    shape = {"date": "2024-12-31", "time": "23:59:59"}.get(name, "2024-12-31T23:59:59")
    has_time = name != "date"

    def parse(text: str) -> datetime:
        moment = usual(text) if usual else None
        if moment is not None:
            return moment
        match = pattern.match(text)
        if match is None:
            raise ConversionError(
                "date", f"{short(text)} is not a {name} like {shape}; give its `format` if it is written so"
            )
        part = match.groupdict()
        day = date(int(part["year"]), int(part["month"]), int(part["day"])) if name != "time" else _EPOCH
        moment = datetime(day.year, day.month, day.day)
        if has_time:
            hour, minute, second = int(part["hour"]), int(part["minute"]), int(part["second"] or 0)
            more = _microseconds(part["fraction"], text, rounding) if part["fraction"] else timedelta(0)
            if (hour, minute, second, more) == (24, 0, 0, timedelta(0)):
                # The end of the day, in XML Schema and ISO 8601; Python has only the beginning of the next.
                hour, more = 0, timedelta(days=1)
            moment = moment.replace(hour=hour, minute=minute, second=second) + more
        return moment.replace(tzinfo=_offset(part["offset"])) if part["offset"] else moment

    return parse


def _usual_date(text: str) -> datetime | None:
    """The one form that nearly all dates have, in a quarter of the time."""
    if len(text) == 10 and text[4] == "-" and text[7] == "-":
        return datetime.fromisoformat(text)
    return None


def _usual_datetime(text: str) -> datetime | None:
    """The same for ``2024-12-31T23:59:59``, with or without an offset."""
    if len(text) not in (19, 25) or text[11:13] == "24":
        return None
    if not (text[4] == text[7] == "-" and text[10] == "T" and text[13] == text[16] == ":"):
        return None
    if len(text) == 25 and not (text[19] in "+-" and text[22] == ":" and text[23] < "6"):
        return None
    return datetime.fromisoformat(text)


def _microseconds(fraction: str, text: str, rounding: str | None) -> timedelta:
    exact = Decimal(f"{fraction[:6]:0<6}.{fraction[6:]}")
    whole = exact.to_integral_value(ROUNDINGS[rounding] if rounding else ROUND_DOWN)
    if rounding is None and whole != exact:
        raise ConversionError("scale", f"{short(text)} is finer than a microsecond")
    return timedelta(microseconds=int(whole))


def _offset(text: str) -> timezone:
    if text == "Z":
        return timezone.utc
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


def _by_formats(name: str, formats: Sequence[str], rounding: str | None) -> Callable[[str], datetime]:
    attempts = [_iso(name, rounding) if format_ == "iso" else _strptime(name, format_) for format_ in formats]

    def parse(text: str) -> datetime:
        for attempt in attempts:
            try:
                return attempt(text)
            except ValueError:
                continue
        raise ConversionError("date", f"{short(text)} is not a {name} of the format {' or '.join(formats)}")

    return parse


def _strptime(name: str, format_: str) -> Callable[[str], datetime]:
    example = datetime(2001, 2, 3, 4, 5, 6, tzinfo=timezone.utc)
    try:
        read = datetime.strptime(example.strftime(format_), format_)
    except (ValueError, re.error) as error:
        raise ValueError(f"{format_!r} is not a date format of strptime, such as %d/%m/%Y: {error}") from None
    if name != "time" and read.year != example.year:
        raise ValueError(f"the format {format_!r} of a {name} has no year")
    if "%Z" in format_.replace("%%", ""):
        raise ValueError(f"the format {format_!r} has %Z, which forgets the zone that it reads; %z reads an offset")
    return lambda text: datetime.strptime(text, format_)


def _with_zone(zone: tzinfo | None) -> Callable[[datetime, str], datetime]:
    def finish(moment: datetime, text: str) -> datetime:
        if moment.tzinfo is not None:
            return moment
        if zone is None:
            raise ConversionError("zone", f"{short(text)} has no offset; name the zone it is in by `zone`")
        exact = moment.replace(tzinfo=zone).astimezone(timezone.utc)
        if exact.astimezone(zone).replace(tzinfo=None) != moment:
            raise ConversionError("zone", f"{short(text)} does not exist in {zone}: its clocks skip that hour")
        return exact

    return finish


def _without_zone(name: str, zone: str | None, zone_info: tzinfo | None) -> Callable[[datetime, str], Any]:
    take = {"date": datetime.date, "time": datetime.time, "datetime": lambda moment: moment}[name]

    def finish(moment: datetime, text: str) -> Any:
        if moment.tzinfo is not None:
            if zone is None:
                remedy = (
                    "`zone: ignore` drops it"
                    if name != "datetime"
                    else "use datetimetz, or say by `zone` what it becomes"
                )
                raise ConversionError("zone", f"{short(text)} has an offset, {name} has none; {remedy}")
            if zone_info is not None:
                moment = moment.astimezone(zone_info)
            moment = moment.replace(tzinfo=None)
        return take(moment)

    return finish
