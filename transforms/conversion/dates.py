"""Dates and times: from a text to a value, in XML Schema's forms or those of strptime."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import ROUND_DOWN, Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from transforms.conversion.errors import ROUNDINGS, ConversionError, short

# https://www.w3.org/TR/xmlschema-2/#dateTime; the parts of a date, of a time, and of an offset.
_DATE = r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
_OFFSET = r"(?P<offset>Z|[+-]\d\d:?[0-5]\d)?"
_ISO = {
    "date": re.compile(rf"{_DATE}{_OFFSET}\Z", re.ASCII),
    "time": re.compile(rf"{_TIME}{_OFFSET}\Z", re.ASCII),
    "datetime": re.compile(rf"{_DATE}[T ]{_TIME}{_OFFSET}\Z", re.ASCII),
}
_QUICK: dict[str, tuple[Callable[[str], Any], Callable[[str], Any]]] = {
    "date": (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch, date.fromisoformat),
    "datetime": (
        re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}").fullmatch,
        datetime.fromisoformat,
    ),
}
_EPOCH = date(1970, 1, 1)


def make_temporal(name: str, formats: Sequence[str], rounding: str | None, zone: str | None) -> Callable[[str], Any]:
    """The converter of a date, time, datetime or datetimetz."""
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

    # What nearly all texts look like, in a third of the time.
    quick = _QUICK.get(name) if not formats or formats[0] == "iso" else None
    is_plain, from_iso = quick or (None, None)

    def temporal(value: str) -> date | time | datetime:
        if is_plain and from_iso and is_plain(value):
            try:
                return from_iso(value)
            except ValueError:
                pass  # 24:00:00, or the error that the other way names
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


_ISO_8601 = re.compile(
    r"(\d{4})(-?)(?:(\d\d)\2(\d\d)|W(\d\d)\2(\d))"
    r"(?:[T ](\d\d)(?:(:?)(\d\d)(?:\8(\d\d)(?:[.,](\d+))?)?)?(Z|[+-]\d\d(?::?[0-5]\d)?)?)?\Z",
    re.ASCII,
)


def _iso_8601(name: str, rounding: str | None) -> Callable[[str], datetime]:
    """A day with or without a time, in each way of the standard: 20240105T1020Z, 2024-01-05T10, 2024-W01-5."""

    def parse(text: str) -> datetime:
        match = _ISO_8601.match(text)
        if match is None:
            raise ConversionError("date", f"{short(text)} is not a {name} of ISO 8601")
        year, _, month, day, week, weekday, hour, _, minute, second, fraction, offset = match.groups()
        found = (
            date.fromisocalendar(int(year), int(week), int(weekday)) if week else date(*map(int, (year, month, day)))
        )
        clock = timedelta(hours=int(hour or 0), minutes=int(minute or 0), seconds=int(second or 0))
        if (hour, minute or "00", second or "00", fraction) != ("24", "00", "00", None):
            time(int(hour or 0), int(minute or 0), int(second or 0))
        if fraction:
            clock += _microseconds(fraction, text, rounding if name != "date" else "down")
        moment = datetime(found.year, found.month, found.day) + clock
        return moment.replace(tzinfo=_offset(f"{offset}00" if len(offset) == 3 else offset)) if offset else moment

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


Parse = Callable[[str], datetime]

_DIGITS = str.maketrans("023456789", "1" * 9)
_LONGEST_SHAPE, _MOST_SHAPES = 40, 1000


def _by_formats(name: str, formats: Sequence[str], rounding: str | None) -> Parse:
    """The first of several formats that fits. Which may fit is clear from a text's shape, such as ``11/1/1111``."""
    attempts: list[tuple[Parse, re.Pattern[str] | None]] = []
    for format_ in formats:
        if format_ == "iso":
            attempts.append((_iso(name, rounding), _ISO["datetime" if name == "datetimetz" else name]))
        elif format_ == "iso8601":
            if name == "time":
                raise ValueError("the format 'iso8601' is for dates and datetimes; a time has `iso`")
            attempts.append((_iso_8601(name, rounding), _ISO_8601))
        else:
            attempts.append((_strptime(name, format_), _shape(format_)))
    by_shape: dict[str, list[Parse]] = {}

    def fitting(shape: str) -> list[Parse]:
        found = [attempt for attempt, pattern in attempts if pattern is None or pattern.match(shape)]
        if len(shape) <= _LONGEST_SHAPE and len(by_shape) < _MOST_SHAPES:
            by_shape[shape] = found
        return found

    def parse(text: str) -> datetime:
        shape = text.translate(_DIGITS)
        for attempt in by_shape.get(shape) or fitting(shape):
            try:
                return attempt(text)
            except ValueError:
                continue
        raise ConversionError("date", f"{short(text)} is not a {name} of the format {' or '.join(formats)}")

    return parse


_SHAPES = {"Y": r"\d{4}", "f": r"\d{1,6}", **dict.fromkeys("mdHIMS", r"\s?\d\d?")}
"""What a directive of strptime takes, in digits: the largest set of texts, of which it takes some."""


def _shape(format_: str) -> re.Pattern[str] | None:
    """What every text of a format looks like; ``None`` where that is not known."""
    pattern = ""
    for directive, blanks, other in re.findall(r"%(.)|(\s+)|([^%\s])", format_):
        if directive == "p":
            pattern += r"\w+"
        elif directive:
            if directive not in _SHAPES:
                return None
            pattern += _SHAPES[directive]
        else:
            pattern += r"\s+" if blanks else re.escape(other)
    return re.compile(rf"{pattern}\Z", re.IGNORECASE)


_JAVA = (
    ("yyyy", "%Y"), ("yy", "%y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"), ("hh", "%I"), ("mm", "%M"), ("ss", "%S"),
    ("SSS", "%f"), ("YYYY", "%Y"), ("DD", "%d"),
)  # fmt: skip


def _remedy(text: str) -> str | None:
    """``yyyy-MM-dd`` as strptime's format."""
    if "%" in text or not re.search(r"yy|YY", text):
        return None
    for java, ours in _JAVA:
        text = text.replace(java, ours)
    return f"formats are those of strptime: write {text!r}"


_PLAIN = {"%Y": r"(\d{4})", "%p": r"([AaPp])[Mm]", **dict.fromkeys(("%m", "%d", "%H", "%I", "%M", "%S"), r"(\d\d?)")}


def _strptime(name: str, format_: str) -> Parse:
    example = datetime(2001, 2, 3, 4, 5, 6, tzinfo=timezone.utc)
    try:
        read = datetime.strptime(example.strftime(format_), format_)
    except (ValueError, re.error) as error:
        raise ValueError(f"{format_!r} is not a date format of strptime, such as %d/%m/%Y: {error}") from None
    if name != "time" and read.year != example.year:
        remedy = _remedy(format_)
        raise ValueError(f"the format {format_!r} of a {name} has no year{'; ' + remedy if remedy else ''}")
    if "%Z" in format_.replace("%%", ""):
        raise ValueError(f"the format {format_!r} has %Z, which forgets the zone that it reads; %z reads an offset")
    return _plain(format_) or (lambda text: datetime.strptime(text, format_))


def _plain(format_: str) -> Parse | None:
    """The same as strptime for a format of numbers with something between them, in a quarter of the time."""
    parts = re.split(r"(%.)", format_)
    directives, between = parts[1::2], parts[2:-1:2]
    if (
        not {"%Y", "%m", "%d"} <= set(directives) <= set(_PLAIN)
        or len(set(directives)) < len(directives)
        or not all(between)
        or re.search(r"[^-/.:, T]", "".join(parts[::2]))
        or ("%I" in directives) != ("%p" in directives)
        or {"%H", "%I"} <= set(directives)
        or datetime(2001, 1, 1, 13).strftime("%p") != "PM"
        or " " in parts[0] + parts[-1]
    ):
        return None
    pattern = "".join(_PLAIN.get(part) or re.escape(part) for part in parts)
    match = re.compile(rf"{pattern}\Z", re.ASCII).match
    year, month, day = (directives.index(one) + 1 for one in ("%Y", "%m", "%d"))
    half = directives.index("%p") + 1 if "%p" in directives else 0
    hours = "%I" if half else "%H"
    clock = [directives.index(one) + 1 if one in directives else 0 for one in (hours, "%M", "%S")]

    def parse(text: str) -> datetime:
        found = match(text)
        if found is None:
            return datetime.strptime(text, format_)  # blanks in odd places, a leap second
        hour, minute, second = [int(found[at]) if at else 0 for at in clock]
        if half:
            if not 1 <= hour <= 12:
                raise ValueError("the hours of half a day are 1 to 12")
            hour = hour % 12 + (12 if found[half] in "Pp" else 0)
        return datetime(int(found[year]), int(found[month]), int(found[day]), hour, minute, second)

    return parse


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
    takes: dict[str, Callable[[datetime], Any]] = {
        "date": datetime.date, "time": datetime.time, "datetime": lambda moment: moment,
    }  # fmt: skip
    take = takes[name]

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
