"""The type of a column is one that holds for every text that was seen, and gives each back unchanged."""

from __future__ import annotations

import pytest

from beamshred.infer.naming import Names, snake
from beamshred.infer.text_statistics import TextStatistics


def _reading(*texts: str, name: str = "x") -> tuple[str, str | None]:
    values = TextStatistics()
    for text in texts:
        values.see(text)
    reading = values.reading(name)
    return reading.type, reading.format


@pytest.mark.parametrize(
    ("texts", "type_"),
    [
        (["1", "22"], "int"),
        (["1", " 22 "], "int"),
        (["-5", "3000000000"], "bigint"),
        (["1", "007"], "text(10)"),
        (["1", "+1"], "text(10)"),
        (["1", "-0"], "text(10)"),
        (["0"], "int"),
        (["12345", "99999"], "text(10)"),
        (["12345", "9999"], "int"),
        (["1234567890"], "text(20)"),
        (["1" * 19, "2"], "text(50)"),
        (["٣", "٤"], "text(10)"),
        (["\u00a05"], "text(10)"),
        (["12.50", "7"], "decimal(18, 2)"),
        (["12.50", "07.1"], "text(10)"),
        (["12.5", "99999999999999999999.125"], "decimal(28, 3)"),
        (["1." + "1" * 40], "text(100)"),
        (["1.5e3", "2"], "text(10)"),
        (["true", "false"], "bool"),
        (["true", "1"], "text(10)"),
        (["True"], "text(10)"),
        (["1", "0"], "int"),
        (["2024-02-29", "1999-12-31"], "date"),
        (["2024-02-30"], "text(20)"),
        (["2024-02-29", "29 Feb"], "text(20)"),
        (["2024-02-29T10:00:00", "2024-02-29T10:00:00.123456"], "datetime"),
        (["2024-02-29T10:00:00.1234567"], "text(100)"),
        (["2024-02-29T10:00:00Z", "2024-02-29T10:00:00+01:00"], "datetimetz"),
        (["2024-02-29T10:00:00Z", "2024-02-29T10:00:00"], "text(50)"),
        (["10:00:00"], "time"),
        (["", " "], "text(10)"),
        (["", "5"], "int"),
        (["x" * 1500], "text"),
        ([], "text"),
    ],
)
def test_type(texts: list[str], type_: str) -> None:
    assert _reading(*texts)[0] == type_


def test_version_is_no_decimal() -> None:
    assert _reading("1.9", "1.10", name="SchemaVersion")[0] == "text(10)"


def test_day_and_month_are_told_apart_by_a_day_that_is_no_month() -> None:
    assert _reading("01/02/2024", "31/12/2023") == ("date", "%d/%m/%Y")
    assert _reading("01/02/2024", "12/31/2023") == ("date", "%m/%d/%Y")
    assert _reading("31.12.2023") == ("date", "%d.%m.%Y")


def test_day_and_month_that_could_be_either_are_text_and_unsure() -> None:
    values = TextStatistics()
    values.see("01/02/2024")
    reading = values.reading("x")
    assert reading.type == "text(20)"
    assert "UNSURE: a date? every value matches %d/%m/%Y or %m/%d/%Y" in reading.notes[0]


def test_required_needs_rows_enough_and_no_gap() -> None:
    values = TextStatistics()
    for _ in range(10):
        values.see("a")
    assert values.is_required(10)
    assert not values.is_required(11)
    values.see(" ")
    assert not values.is_required(11)


def test_memory_of_texts_is_bounded() -> None:
    values = TextStatistics()
    for number in range(10_000):
        values.see(f"{number}.{number % 7}")
    assert len(values.digits) <= 2
    assert len(values.kinds) == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DocumentCurrencyCode", "document_currency_code"),
        ("IBAN", "iban"),
        ("HTTPServer", "http_server"),
        ("already_snake", "already_snake"),
        ("with-dash.dot", "with_dash_dot"),
        ("Line2No", "line2_no"),
        ("größe", "größe"),
        ("___", "value"),
    ],
)
def test_snake(name: str, expected: str) -> None:
    assert snake(name) == expected


def test_names_differ_whatever_their_case_and_are_short_enough() -> None:
    names = Names(["order_id"])
    given = [names.give([word]) for word in ("ORDER_ID", "größe", "Größe", "x" * 90, "x" * 91)]
    given += [names.give(["a" * 30, "b" * 30, "c"]), names.give(["z" * 30, "b" * 30, "c"]), names.give(["1st"])]
    assert given[:3] == ["order_id_2", "größe", "größe_2"]
    assert len({name.casefold() for name in given}) == len(given)
    assert all(len(name.encode()) <= 60 for name in given)
    assert given[-1] == "n1st"
