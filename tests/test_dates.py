"""Dates by shape: the quick way gives what strptime gives, format by format in their order."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from transforms.conversion.convert import ConversionError, make_converter
from transforms.schema import ColumnType

FORMATS = (
    "iso", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%m/%d/%Y", "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p", "%d/%m/%Y", "%d/%m/%Y %H:%M:%S", "%Y%m%d", "%Y%m%dT%H%M%S", "%d %b %Y", "%d.%m.%y",
)  # fmt: skip
CONVERT = make_converter(ColumnType("datetime"), formats=FORMATS, rounding="half_up", zone="ignore")
ISO = make_converter(ColumnType("datetime"), rounding="half_up", zone="ignore")


def by_strptime(text: str) -> datetime | None:
    for format_ in FORMATS:
        try:
            return ISO(text) if format_ == "iso" else datetime.strptime(text, format_)
        except ValueError:
            continue
    return None


def found(text: str) -> datetime | None:
    try:
        return CONVERT(text)
    except ConversionError:
        return None


NUMBERS = st.one_of(
    st.integers(0, 70).map(str), st.integers(0, 70).map("{:02}".format), st.integers(1990, 2030).map(str)
)
PIECES = st.one_of(NUMBERS, st.sampled_from([*"-/.: T", "  ", "AM", "pm", "Z", "Jan", "\u0663"]))


@given(st.lists(PIECES, min_size=1, max_size=14).map("".join))
@example("1/ 5/2024")
@example("01/05/2024  7:08:09")
@example("12/31/2024 12:00:00 am")
@example("12/31/2024 13:00:00 PM")
@example("31/12/2024 23:59:60")
@example("2024-1-5 0:0:0")
@example("20230101")
@example("2023111")
@example("1 jan 2024")
@example("1.2.24")
@example("2024-02-30")
def test_a_text_is_read_as_strptime_reads_it(text: str) -> None:
    assert found(text) == by_strptime(text.strip())


MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))


@pytest.mark.parametrize("format_", FORMATS[1:11])
@given(moment=MOMENTS)
def test_what_strftime_writes_is_read_back(format_: str, moment: datetime) -> None:
    text = moment.strftime(format_)
    assert found(text) == by_strptime(text)


def test_texts_of_ever_new_shapes_are_not_all_remembered() -> None:
    for number in range(3000):
        assert found(f"x{'-' * (number % 50)}{number}" + chr(200 + number)) is None


# ISO 8601


def iso(type_: str, text: str) -> Any:
    options = {"zone": "ignore", **({} if type_ == "date" else {"rounding": "down"})}
    try:
        return make_converter(ColumnType(type_), formats=["iso8601"], **options)(text)
    except ConversionError:
        return None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20240105T1020", datetime(2024, 1, 5, 10, 20)),
        ("2024-01-05T24:00", datetime(2024, 1, 6)),
        ("2024-01-05T24:00:01", None),
        ("2024-01-05T10:60", None),
        ("2024-0105", None),
        ("202401-05", None),
        ("2024-01-05T10:2030", None),
        ("2024-01-05T10:20:30.", None),
        ("2024-01-05T", None),
        ("2024-01-05Z", None),
        ("2024-W54-1", None),
        ("2023-02-29", None),
        ("2024-1-5", None),
        ("202401", None),
        ("2024", None),
        ("\u0662024-01-05", None),
    ],
)
def test_iso_8601_to_the_letter(text: str, expected: datetime | None) -> None:
    assert iso("datetime", text) == expected
    assert iso("date", text) == (expected and expected.date())


DAYS = st.sampled_from(["20240105", "2024-01-05", "2024-W01-5", "2024W015", "00010101", "9999-12-31"])
CLOCKS = st.sampled_from(
    ["", "10", "10:20", "1020", "10:20:30", "102030", "235959.9999999", "10:20:30,5", "10:20:30.123456", "00:00:00"]
)
OFFSETS = st.sampled_from(["", "Z", "+02", "-02:30", "+0230", "+00:00"])


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python reads less of it")
@given(DAYS, st.sampled_from("T "), CLOCKS, OFFSETS)
def test_iso_8601_is_read_as_python_reads_it(day: str, between: str, clock: str, offset: str) -> None:
    text = f"{day}{between}{clock}{offset}" if clock else day
    expected = datetime.fromisoformat(text).replace(tzinfo=None)
    assert iso("datetime", text) == expected
    assert iso("date", text) == expected.date()


def test_iso_8601_is_no_way_to_write_a_time() -> None:
    with pytest.raises(ValueError, match="iso8601"):
        make_converter(ColumnType("time"), formats=["iso8601"])
