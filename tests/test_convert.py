"""Conversions at the edges of every type, and that nothing is changed in silence."""

from __future__ import annotations

import base64
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.conversion.convert import NUMBER_FORMATS, ConversionError, make_cleaning, make_converter
from transforms.schema import INTEGER_RANGES, ColumnType

UTC = timezone.utc


def convert(type_: str, text: str, format: str | list[str] | None = None, **options: Any) -> Any:
    formats = [format] if isinstance(format, str) else format or []
    return make_converter(ColumnType.parse(type_), formats=formats, **options)(text)


def refused(type_: str, text: str, **options: Any) -> str:
    with pytest.raises(ConversionError) as caught:
        convert(type_, text, **options)
    assert len(caught.value.message) < 300
    return caught.value.rule


def same(value: Any, expected: Any) -> bool:
    """Equal, of one type, and written the same: ``Decimal("1.0")`` is not ``Decimal("1.00")``."""
    return (type(value), value, str(value)) == (type(expected), expected, str(expected))


# Text


def test_text_is_kept_as_it_is() -> None:
    assert convert("text", "  é\n\U0001f600 ") == "  é\n\U0001f600 "
    assert convert("text", "") == ""


def test_text_length_counts_characters() -> None:
    assert convert("text(3)", "a\U0001f600é") == "a\U0001f600é"
    assert refused("text(3)", "abc ") == "length"


# Integers


@pytest.mark.parametrize("name", INTEGER_RANGES)
def test_integer_ranges(name: str) -> None:
    low, high = INTEGER_RANGES[name]
    assert (convert(name, str(low)), convert(name, str(high))) == (low, high)
    assert refused(name, str(low - 1)) == refused(name, str(high + 1)) == "overflow"


@pytest.mark.parametrize(
    ("text", "number"), [("-0", 0), ("+7", 7), (" 7\n", 7), ("007", 7), ("1.0", 1), ("1.", 1), (".0", 0)]
)
def test_integer_forms(text: str, number: int) -> None:
    assert same(convert("int", text), number)


@pytest.mark.parametrize(
    "text", ["", " ", "1 2", "1,2", "1e3", "0x1", "1_000", "--1", "+", ".", "١", "７", "½", "NaN", "1\n2"]
)
def test_what_is_no_integer(text: str) -> None:
    assert refused("int", text) == "type"


def test_integer_with_fraction_is_rounded_only_when_asked() -> None:
    assert refused("int", "1.5") == "scale"
    assert [convert("int", "2.5", rounding=mode) for mode in ("half_up", "half_even", "down")] == [3, 2, 2]
    assert [convert("int", "-2.5", rounding=mode) for mode in ("half_up", "half_even", "down")] == [-3, -2, -2]
    assert refused("tinyint", "255.5", rounding="half_up") == "overflow"


@pytest.mark.parametrize("type_", ["int", "decimal(38,2)"])
def test_endless_number_costs_no_time(type_: str) -> None:
    assert refused(type_, "9" * 1_000_000) == "overflow"
    assert refused(type_, "0." + "0" * 1_000_000) == "overflow"


@given(st.sampled_from(sorted(INTEGER_RANGES)), st.integers(-(2**70), 2**70))
def test_integer_round_trip(name: str, number: int) -> None:
    low, high = INTEGER_RANGES[name]
    if low <= number <= high:
        assert convert(name, str(number)) == number
    else:
        assert refused(name, str(number)) == "overflow"


# Decimals


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("decimal(38)", "9" * 38, "9" * 38),
        ("decimal(38)", "-" + "9" * 38, "-" + "9" * 38),
        ("decimal(38,38)", "0." + "1" * 38, "0." + "1" * 38),
        ("decimal(38,38)", "-." + "9" * 38, "-0." + "9" * 38),
        ("decimal(38,19)", "1" * 19 + "." + "7" * 19, "1" * 19 + "." + "7" * 19),
        ("decimal(5,2)", "1", "1.00"),
        ("decimal(5,2)", "1.5000000000000000000000000000000000000000000", "1.50"),
        ("decimal(5,2)", "-0", "0.00"),
        ("decimal(5,2)", "-0.00", "0.00"),
        ("decimal(5,2)", " +12.3 ", "12.30"),
        ("decimal(5,2)", "000000999.99", "999.99"),
        ("decimal(5,2)", "5.", "5.00"),
    ],
)
def test_decimal(type_: str, text: str, value: str) -> None:
    assert same(convert(type_, text), Decimal(value))


@pytest.mark.parametrize("text", ["", "1e2", "INF", "NaN", "1,5", "1.2.3", "١.٥", ".", "-", "1 000"])
def test_what_is_no_decimal(text: str) -> None:
    assert refused("decimal(5,2)", text) == "type"


def test_decimal_out_of_range() -> None:
    assert refused("decimal(5,2)", "1000") == refused("decimal(5,2)", "-1000.00") == "overflow"
    assert refused("decimal(38)", "1" + "0" * 38) == refused("decimal(38,38)", "1") == "overflow"
    assert refused("decimal(5,2)", "999.995", rounding="half_up") == "overflow"


def test_decimal_with_more_places_is_rounded_only_when_asked() -> None:
    assert refused("decimal(5,2)", "0.001") == refused("decimal(38)", "0.5") == "scale"
    assert refused("decimal(38,38)", "0." + "0" * 38 + "1") == "scale"
    assert [str(convert("decimal(5,2)", "0.125", rounding=mode)) for mode in ("half_up", "half_even", "down")] == [
        "0.13",
        "0.12",
        "0.12",
    ]
    assert same(convert("decimal(5,2)", "-0.004", rounding="half_up"), Decimal("0.00"))
    # Beyond the 28 digits of Python's default context.
    assert str(convert("decimal(38,2)", "9" * 35 + ".994999", rounding="half_up")) == "9" * 35 + ".99"


decimals = st.builds(
    lambda units, places: Decimal(f"{units}E-{places}"), st.integers(-(10**45), 10**45), st.integers(0, 45)
)


@given(st.integers(1, 38).flatmap(lambda p: st.tuples(st.just(p), st.integers(0, p))), decimals)
def test_decimal_is_exact_or_an_error(size: tuple[int, int], number: Decimal) -> None:
    precision, scale = size
    text = format(number, "f")
    too_fine = (Fraction(number) * 10**scale).denominator != 1
    too_big = abs(number) >= 10 ** (precision - scale)
    if too_fine or too_big:
        assert refused(f"decimal({precision},{scale})", text) == ("scale" if too_fine else "overflow")
    else:
        value = convert(f"decimal({precision},{scale})", text)
        assert value == number
        assert value.as_tuple().exponent == -scale


@given(
    st.integers(1, 38).flatmap(lambda p: st.tuples(st.just(p), st.integers(0, p), st.integers(-(10**p) + 1, 10**p - 1)))
)
def test_decimal_round_trip(spec: tuple[int, int, int]) -> None:
    precision, scale, units = spec
    number = Decimal(f"{units}E-{scale}")
    assert same(convert(f"decimal({precision},{scale})", f"{number:f}"), number)


# Written numbers


@pytest.mark.parametrize("form", NUMBER_FORMATS)
def test_number_format_example(form: str) -> None:
    exponent = form.endswith("e7")
    assert str(convert("decimal(18,2)", form, format=form)) == ("12345600000.00" if exponent else "1234.56")
    assert convert("float", form, format=form) == (12345600000 if exponent else 1234.56)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.0E7", "10000000.00"), ("1e-2", "0.01"), ("-2.5e1", "-25.00"), ("1,234.5", "1234.50"), ("12", "12.00"),
        ("1e99", None), ("1e999999999", None), ("e5", None), ("1e", None), ("1e1.5", None), ("12,34e1", None),
    ],
)  # fmt: skip
def test_numbers_with_an_exponent(text: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(ConversionError):
            convert("decimal(18,2)", text, format="1,234.56e7")
    else:
        assert str(convert("decimal(18,2)", text, format="1,234.56e7")) == expected
        assert convert("float", text, format="1,234.56e7") == float(text.replace(",", ""))


@pytest.mark.parametrize(
    ("form", "text", "value"),
    [
        ("1,234.56", "-1,234,567.5", "-1234567.50"),
        ("1,234.56", "1234.5", "1234.50"),
        ("1.234,56", "1.234", "1234.00"),
        ("1.234,56", "1234,5", "1234.50"),
        ("1.234,56", "0,5", "0.50"),
        ("1 234,56", "1 234 567", "1234567.00"),
        ("1'234.56", "1'234.5", "1234.50"),
    ],
)
def test_number_format(form: str, text: str, value: str) -> None:
    assert str(convert("decimal(12,2)", text, format=form)) == value


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("1,234.56", "1,23"),
        ("1,234.56", "1,2345.6"),
        ("1,234.56", ",123"),
        ("1,234.56", "1.234,56"),
        ("1.234,56", "1.5"),
        ("1.234,56", "1.23"),
        ("1.234,56", "1,234.56"),
        ("1.234,56", "1,5,6"),
        ("1 234,56", "1.5"),
        ("1 234,56", "12 34"),
        ("1'234.56", "1'23"),
    ],
)
def test_number_in_another_format_is_not_misread(form: str, text: str) -> None:
    assert refused("decimal(12,4)", text, format=form) == "type"


# Floats


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.5e-3", 0.0015), ("-.5", -0.5), ("1E308", 1e308), ("5e-324", 5e-324), (" 2 ", 2.0), ("0e999", 0.0)],
)
def test_float(text: str, value: float) -> None:
    assert convert("float", text) == value


@pytest.mark.parametrize("text", ["1e309", "-1e309", "1e-400", "-0.0001e-999"])
def test_float_out_of_range(text: str) -> None:
    assert refused("float", text) == "overflow"


@pytest.mark.parametrize("text", ["", "INF", "inf", "nan", "NaN", "1_0.0", "0x1p3", "١", "e5"])
def test_what_is_no_float(text: str) -> None:
    assert refused("float", text) == "type"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_float_round_trip(number: float) -> None:
    assert convert("float", repr(number)) == number


# Booleans


def test_bool() -> None:
    assert [convert("bool", text) for text in ("true", " 1 ", "false", "0")] == [True, True, False, False]
    assert {refused("bool", text) for text in ("", "TRUE", "yes", "2", "x" * 1000)} == {"type"}
    assert [convert("bool", text, format=["Y/N", "ja/nee"]) for text in ("Y", "ja", "N", "nee")] == [
        True,
        True,
        False,
        False,
    ]
    assert refused("bool", "true", format="Y/N") == "type"


# JSON and binary


@pytest.mark.parametrize("text", ['{"a": [1, 1.10, null]}', ' "x" ', "1", '"\\ud800"', "1e400"])
def test_json_is_checked_and_kept(text: str) -> None:
    assert convert("json", text) == text


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "[Infinity]", "{'a': 1}", "1 2", "[" * 100_000, "[" * 100_000 + "]" * 100_000]
)
def test_what_is_no_json(text: str) -> None:
    assert refused("json", text) == "type"


@given(st.binary())
def test_binary_round_trip(content: bytes) -> None:
    assert convert("binary", base64.encodebytes(content).decode()) == content
    assert convert("binary", content.hex(), format="hex") == content
    assert convert("binary", content.hex().upper(), format="hex") == content


def test_binary_errors() -> None:
    assert convert("binary(2)", "AAA=") == b"\0\0"
    assert refused("binary(2)", "AAAA") == "length"
    assert {refused("binary", text) for text in ("A", "AAA", "A=AA", "AA=A", "A*==", "é", "AAA=AAA=")} == {"type"}
    assert {refused("binary", text, format="hex") for text in ("0", "0g", "٠٠")} == {"type"}


# Dates and times


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("date", "0001-01-01", date.min),
        ("date", "9999-12-31", date.max),
        ("date", "2024-02-29", date(2024, 2, 29)),
        ("date", "2000-02-29", date(2000, 2, 29)),
        ("date", " 2024-01-01\n", date(2024, 1, 1)),
        ("time", "00:00", time(0)),
        ("time", "23:59:59.999999", time.max),
        ("time", "24:00:00", time(0)),
        ("time", "10:11:12,5", time(10, 11, 12, 500_000)),
        ("datetime", "0001-01-01T00:00:00", datetime.min),
        ("datetime", "9999-12-31T23:59:59.999999", datetime.max),
        ("datetime", "2024-01-01 10:00", datetime(2024, 1, 1, 10)),
        ("datetime", "2023-12-31T24:00:00", datetime(2024, 1, 1)),
        ("datetime", "2023-12-31T24:00:00.000", datetime(2024, 1, 1)),
        ("datetime", "2023-12-31T24:00", datetime(2024, 1, 1)),
        ("datetime", "2024-01-01T00:00:00.1", datetime(2024, 1, 1, 0, 0, 0, 100_000)),
        ("datetime", "2024-01-01T00:00:00.1234560000000", datetime(2024, 1, 1, 0, 0, 0, 123_456)),
        ("datetimetz", "2024-01-01T00:00:00Z", datetime(2024, 1, 1, tzinfo=UTC)),
        (
            "datetimetz",
            "2024-01-01T00:00:00+0530",
            datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        ),
        ("datetimetz", "2024-01-01T00:00:00-14:00", datetime(2024, 1, 1, tzinfo=timezone(-timedelta(hours=14)))),
        ("datetimetz", "2023-12-31T24:00:00+01:00", datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1)))),
    ],
)
def test_iso(type_: str, text: str, value: Any) -> None:
    assert same(convert(type_, text), value)


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("date", ""),
        ("date", "2023-02-29"),
        ("date", "1900-02-29"),
        ("date", "0000-01-01"),
        ("date", "10000-01-01"),
        ("date", "-2024-01-01"),
        ("date", "2024-1-1"),
        ("date", "20240101"),
        ("date", "2024-W01-1"),
        ("date", "01/02/2024"),
        ("date", "２０２４-01-01"),
        ("date", "2024-01-01T00:00:00"),
        ("time", "24:00:01"),
        ("time", "24:00:00.5"),
        ("time", "25:00:00"),
        ("time", "10:60"),
        ("time", "10:00:60"),
        ("time", "1:00"),
        ("datetime", "2024-01-01"),
        ("datetime", "2024-01-01T24:00:01"),
        ("datetime", "2024-02-30T24:00:00"),
        ("datetime", "9999-12-31T24:00:00"),
        ("datetime", "2024-01-01T10:00:00 extra"),
        ("datetime", "２０２４-12-31T23:59:59"),
        ("datetimetz", "2024-01-01T00:00:00+05:99"),
        ("datetimetz", "2024-01-01T00:00:00.0+05:60"),
        ("datetimetz", "2024-01-01T00:00:00+24:00"),
        ("datetimetz", "2024-01-01T00:00:00z"),
    ],
)
def test_what_is_no_date(type_: str, text: str) -> None:
    assert refused(type_, text) == "date"


def test_fraction_finer_than_a_microsecond() -> None:
    assert refused("datetime", "2024-01-01T00:00:00.0000001") == "scale"
    assert refused("time", "10:00:00.1234567") == "scale"
    # More digits than Python's default context has.
    assert (
        refused("time", "10:00:00.000001" + "0" * 40 + "1") == refused("time", "10:00:00." + "0" * 500 + "1") == "scale"
    )
    assert convert("time", "10:00:00.0000005", rounding="half_up") == time(10, 0, 0, 1)
    assert convert("time", "10:00:00.0000004" + "9" * 60, rounding="half_up") == time(10)
    assert convert("datetime", "2023-12-31T23:59:59.9999999", rounding="half_up") == datetime(2024, 1, 1)
    assert refused("datetime", "9999-12-31T23:59:59.9999999", rounding="half_up") == "date"


def test_offset_where_the_type_has_none() -> None:
    assert (
        refused("date", "2024-01-01Z")
        == refused("time", "10:00:00+01:00")
        == refused("datetime", "2024-01-01T00:00:00Z")
        == "zone"
    )
    assert convert("date", "2024-01-01+02:00", zone="ignore") == date(2024, 1, 1)
    assert convert("time", "10:00:00+01:00", zone="ignore") == time(10)
    assert convert("datetime", "2024-01-01T10:00:00+05:00", zone="ignore") == datetime(2024, 1, 1, 10)


def test_zone_of_datetime_is_what_an_offset_becomes() -> None:
    assert convert("datetime", "2024-01-01T12:00:00Z", zone="Europe/Amsterdam") == datetime(2024, 1, 1, 13)
    assert convert("datetime", "2024-07-01T12:00:00Z", zone="Europe/Amsterdam") == datetime(2024, 7, 1, 14)
    assert convert("datetime", "2024-07-01T12:00:00", zone="Europe/Amsterdam") == datetime(2024, 7, 1, 12)
    assert convert("datetime", "2024-07-01T12:00:00+02:00", zone="utc") == datetime(2024, 7, 1, 10)
    assert refused("datetime", "0001-01-01T00:00:00+01:00", zone="UTC") == "date"


def test_zone_of_datetimetz_is_what_a_text_without_offset_is_in() -> None:
    assert refused("datetimetz", "2024-01-01T12:00:00") == "zone"
    assert same(
        convert("datetimetz", "2024-01-01T12:00:00", zone="Europe/Amsterdam"), datetime(2024, 1, 1, 11, tzinfo=UTC)
    )
    assert same(
        convert("datetimetz", "2024-07-01T12:00:00", zone="Europe/Amsterdam"), datetime(2024, 7, 1, 10, tzinfo=UTC)
    )
    kept = convert("datetimetz", "2024-07-01T12:00:00+05:30", zone="Europe/Amsterdam")
    assert kept.utcoffset() == timedelta(hours=5, minutes=30)
    assert refused("datetimetz", "0001-01-01T00:00:00", zone="Asia/Tokyo") == "date"


def test_hours_that_clocks_skip_and_repeat() -> None:
    assert refused("datetimetz", "2024-03-31T02:30:00", zone="Europe/Amsterdam") == "zone"
    assert refused("datetimetz", "2024-03-31T02:00:00", zone="Europe/Amsterdam") == "zone"
    assert convert("datetimetz", "2024-03-31T03:00:00", zone="Europe/Amsterdam") == datetime(2024, 3, 31, 1, tzinfo=UTC)
    assert convert("datetimetz", "2024-10-27T02:30:00", zone="Europe/Amsterdam") == datetime(
        2024, 10, 27, 0, 30, tzinfo=UTC
    )


def test_date_formats_are_tried_in_order() -> None:
    assert convert("date", "03/02/2001", format=["%d/%m/%Y", "%m/%d/%Y"]) == date(2001, 2, 3)
    assert convert("date", "03/13/2001", format=["%d/%m/%Y", "%m/%d/%Y"]) == date(2001, 3, 13)
    assert convert("date", "20010203", format="%Y%m%d") == date(2001, 2, 3)
    assert convert("time", "1:05 PM", format="%I:%M %p") == time(13, 5)
    assert convert("datetimetz", "3 Feb 2001 04:05 +0100", format="%d %b %Y %H:%M %z") == datetime(
        2001, 2, 3, 3, 5, tzinfo=UTC
    )
    assert convert("date", "2001-02-03", format=["%d/%m/%Y", "iso"]) == date(2001, 2, 3)
    assert (
        refused("date", "2001-02-03", format="%d/%m/%Y") == refused("date", "30/02/2001", format="%d/%m/%Y") == "date"
    )


@given(st.dates())
def test_date_round_trip(day: date) -> None:
    assert convert("date", day.isoformat()) == day


@given(st.times())
def test_time_round_trip(moment: time) -> None:
    assert convert("time", moment.isoformat()) == moment


offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(), st.sampled_from("T "))
def test_datetime_round_trip(moment: datetime, separator: str) -> None:
    assert convert("datetime", moment.isoformat(separator)) == moment


@given(st.datetimes(timezones=offsets))
def test_datetimetz_round_trip(moment: datetime) -> None:
    value = convert("datetimetz", moment.isoformat())
    assert (value, value.utcoffset()) == (moment, moment.utcoffset())


@given(
    st.text(alphabet="0123456789-:.,TZ+W ٣", max_size=30), st.sampled_from(["date", "time", "datetime", "datetimetz"])
)
def test_any_text_is_a_date_or_an_error(text: str, type_: str) -> None:
    try:
        value = convert(type_, text)
    except ConversionError:
        return
    year = "" if type_ == "time" else text.strip()[:4]
    assert value.isoformat().startswith(year)


# Options


@pytest.mark.parametrize(
    ("type_", "options", "message"),
    [
        ("text", {"format": "x"}, "`format` means nothing for the type text"),
        ("bool", {"zone": "UTC"}, "`zone` means nothing for the type bool"),
        ("date", {"rounding": "down"}, "`rounding` means nothing for the type date"),
        ("int", {"rounding": "up"}, "rounding 'up' is not one of half_up, half_even, down"),
        ("int", {"format": "1_000"}, "'1_000' of a number is not one of 1,234.56"),
        ("binary", {"format": "base32"}, "'base32' of a binary is not one of base64, hex"),
        ("bool", {"format": "Y"}, "is not its true and its false word"),
        ("bool", {"format": "Y/N/Q"}, "is not its true and its false word"),
        ("bool", {"format": "Y/Y"}, "makes one word true and false"),
        ("bool", {"format": ["Y/N", "N/Y"]}, "makes one word true and false"),
        ("date", {"zone": "UTC"}, "a date cannot be turned into the zone 'UTC'"),
        ("datetimetz", {"zone": "ignore"}, "a datetimetz without its offset has no meaning"),
        ("datetime", {"zone": "Amsterdam"}, "'Amsterdam' is not a time zone"),
        ("datetime", {"zone": "../passwd"}, "is not a time zone"),
        ("datetime", {"zone": ""}, "is not a time zone"),
        ("date", {"format": "%Q"}, "'%Q' is not a date format"),
        ("date", {"format": "%d %d %Y"}, "is not a date format"),
        ("date", {"format": "%d.%m."}, "has no year"),
        ("datetime", {"format": "%H:%M"}, "has no year"),
        ("datetime", {"format": "%Y-%m-%d %H:%M %Z"}, "%z reads an offset"),
    ],
)
def test_wrong_option(type_: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        convert(type_, "", **options)
    assert not isinstance(caught.value, ConversionError)
    assert message in str(caught.value)


# Cleaning


@pytest.mark.parametrize(
    ("step", "text", "cleaned"),
    [
        ("trim", "  a b\n", "a b"),
        ("collapse", " a\n\t b ", "a b"),
        ("upper", "straße", "STRASSE"),
        ("lower", "ÀB", "àb"),
        ("digits", "+31 (0)6-12٣", "310612"),
        ({"find": "T.*"}, "2024-01-01T10:00", "2024-01-01"),
        ({"find": r"(\d)-(?P<b>\d)", "replace": r"\g<b>\1"}, "1-2", "21"),
        ({"find": "(?i)abc", "replace": ""}, "xABCy", "xy"),
        ({"find": "a|b", "replace": "c"}, "abd", "ccd"),
        ({"find": "(?x) a  # the letter"}, "abc", "bc"),
    ],
)
def test_cleaning(step: Any, text: str, cleaned: str) -> None:
    assert make_cleaning(step)(text) == cleaned


@pytest.mark.parametrize(
    "step",
    [
        "Trim",
        5,
        {},
        {"replace": "a"},
        {"find": "a", "with": "b"},
        {"find": "("},
        {"find": 5},
        {"find": "a", "replace": 0},
        {"find": "a", "replace": r"\1"},
        {"find": "(a)", "replace": r"\g<b>"},
    ],
)
def test_wrong_cleaning(step: Any) -> None:
    with pytest.raises(ValueError, match=r"find|not one of"):
        make_cleaning(step)
