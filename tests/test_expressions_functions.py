"""What expressions compute: arithmetic, functions, dates, CAST, and the errors of a row."""

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest

from tests.expressions import NOW, same, value
from transforms.contract.expressions import ExpressionError


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("qty + 1", {"qty": 2**31 - 1}, 2**31),
        ("qty / 2", {"qty": 7}, Decimal("3.5")),
        ("1 / 3", {}, Decimal("0." + "3" * 38)),
        ("-7 % 3", {}, -1),
        ("7 % -3", {}, 1),
        ("amount % 1", {"amount": Decimal("-2.75")}, Decimal("-0.75")),
        ("amount * 1.21", {"amount": Decimal("10.00")}, Decimal("12.1000")),
        ("amount + qty", {"amount": Decimal("0.10"), "qty": 2}, Decimal("2.10")),
        ("-amount", {"amount": Decimal("0.00")}, Decimal("0.00")),
        ("ratio * amount", {"ratio": 0.5, "amount": Decimal(3)}, 1.5),
        ("ratio / qty", {"ratio": 1.0, "qty": 4}, 0.25),
        ("qty + NULL", {"qty": 1}, None),
        ("qty - amount", {"qty": 1}, None),
        ("12345678901234567890 + 1", {}, Decimal("12345678901234567891")),
    ],
)
def test_arithmetic(text, values, expected):
    assert same(value(text, **values), expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ROUND(2.5)", Decimal(3)),
        ("ROUND(-2.5)", Decimal(-3)),
        ("ROUND(1.005, 2)", Decimal("1.01")),
        ("ROUND(1250, -2)", 1300),
        ("ROUND(1249.5, -2)", Decimal(1200)),
        ("ROUND(-0.004, 2)", Decimal("0.00")),
        ("ROUND(7, 2)", 7),
        ("FLOOR(-1.5)", Decimal(-2)),
        ("CEILING(-1.5)", Decimal(-1)),
        ("CEIL(1.2)", Decimal(2)),
        ("FLOOR(3)", 3),
        ("ABS(-1.50)", Decimal("1.50")),
        ("ABS(-3)", 3),
        ("ROUND(CAST(2.675 AS float), 2)", 2.68),
        ("FLOOR(CAST(1.5 AS float))", 1.0),
        ("ROUND(NULL)", None),
    ],
)
def test_rounding(text, expected):
    assert same(value(text), expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SUBSTRING(Name, 2, 3)", "bcd"),
        ("SUBSTRING(Name FROM 2 FOR 3)", "bcd"),
        ("SUBSTRING(Name, 4)", "de"),
        ("SUBSTRING(Name, 0, 2)", "a"),
        ("SUBSTRING(Name, -5, 3)", ""),
        ("SUBSTRING(Name, 9, 3)", ""),
        ("SUBSTR(Name, qty, 1)", "b"),
        ("LEFT(Name, 2)", "ab"),
        ("LEFT(Name, qty)", "ab"),
        ("LEFT(Name, 99)", "abcde"),
        ("RIGHT(Name, 2)", "de"),
        ("RIGHT(Name, 0)", ""),
        ("RIGHT(Name, 99)", "abcde"),
        ("LENGTH(Name)", 5),
        ("LEN(' a ')", 3),
        ("UPPER(Name)", "ABCDE"),
        ("LOWER('ÄB')", "äb"),
        ("TRIM('\t x y\n')", "x y"),
        ("LTRIM('007', '0')", "7"),
        ("TRIM(LEADING '0' FROM '0070')", "70"),
        ("TRIM(BOTH '0' FROM '0070')", "7"),
        ("RTRIM('x  ')", "x"),
        ("REPLACE(Name, 'bc', '')", "ade"),
        ("REPLACE(Name, '', 'x')", "abcde"),
        ("CONCAT(Name, status, qty, 1.50, TRUE)", "abcde21.50true"),
        ("CONCAT(status)", ""),
        ("Name || qty", "abcde2"),
        ("Name || status", None),
        ("'it''s' || '!'", "it's!"),
        ("CONCAT('a', NULL, 'b')", "ab"),
        ("UPPER(status)", None),
    ],
)
def test_text_functions(text, expected):
    assert same(value(text, Name="abcde", qty=2), expected)


SENT = datetime(2024, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("YEAR(booked)", 2024),
        ("QUARTER(booked)", 1),
        ("MONTH('2024-12-31')", 12),
        ("DAY(created)", 29),
        ("HOUR(created)", 23),
        ("EXTRACT(MINUTE FROM created)", 59),
        ("SECOND(at)", 5),
        ("EXTRACT(year FROM sent)", 2023),
        ("HOUR(sent)", 22),
        ("DATEADD(month, 1, '2024-01-31')", date(2024, 2, 29)),
        ("DATEADD(year, -1, booked)", date(2023, 2, 28)),
        ("DATEADD(month, -14, booked)", date(2022, 12, 29)),
        ("DATEADD(DAY, 1, booked)", date(2024, 3, 1)),
        ("DATEADD(hour, 1, created)", datetime(2024, 3, 1, 0, 59, 58)),
        ("DATEADD(week, qty, booked)", None),
        ("DATEADD(minute, 1, '2024-01-01 23:59:30')", datetime(2024, 1, 2, 0, 0, 30)),
        ("DATEDIFF(day, booked, '2024-03-01')", 1),
        ("DATEDIFF(year, '2023-12-31', '2024-01-01')", 1),
        ("DATEDIFF(month, '2024-01-31', booked)", 1),
        ("DATEDIFF(quarter, '2023-12-31', booked)", 1),
        ("DATEDIFF(week, '2024-02-24', '2024-02-25')", 1),
        ("DATEDIFF(week, '2024-02-25', '2024-03-02')", 0),
        ("DATEDIFF(hour, booked, created)", 23),
        ("DATEDIFF(second, '2024-02-29', '2024-02-28')", -86400),
        ("DATEDIFF(minute, created, '2024-03-01 00:00:01')", 1),
        ("DATEDIFF(day, sent, TIMESTAMPTZ '2024-01-01T00:00:00Z')", 1),
        ("booked = DATE '2024-02-29'", True),
        ("created > booked", True),
        ("booked < '2024-02-29 10:00:00'", True),
        ("created < TIMESTAMP '2024-03-01 00:00:00'", True),
        ("at = '01:02:05'", True),
        ("at < TIME '01:02:06'", True),
        ("sent = '2023-12-31T22:30:00Z'", True),
        ("sent < '2024-01-01'", True),
        ("CURRENT_TIMESTAMP", NOW),
        ("current_date", NOW.date()),
        ("DATEADD(day, -10, CURRENT_DATE)", date(2024, 2, 29)),
        ("STRPTIME('2/29/2024', '%d/%m/%Y', '%m/%d/%Y') = booked", True),
        ("STRPTIME('2/29/2024', '%d/%m/%Y', us_dates) = booked", True),
        ("STRPTIME('2024-02-29T23:59:58', US_Dates) = created", True),
        ("TRY_STRPTIME('soon', us_dates)", None),
        ("YEAR(STRPTIME('2024', us))", 2024),
        ("YEAR(STRPTIME('29', \"US\"))", 2029),
        ("STRPTIME('2024-02-29', us_dates) = booked", True),
        ("TRY_STRPTIME('2024-02-30', us_dates)", None),
        ("YEAR(STRPTIME('2024.', \"odd dates\"))", 2024),
        ("TRY_STRPTIME(Name, '%Y')", None),
    ],
)
def test_dates(text, expected):
    created = datetime(2024, 2, 29, 23, 59, 58)
    result = value(text, booked=created.date(), created=created, sent=SENT, at=time(1, 2, 5), Name="x")
    assert same(result, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CAST(' 12 ' AS int)", 12),
        ("CAST(2.5 AS int)", 3),
        ("CAST(-2.5 AS int)", -3),
        ("CAST('1.005' AS decimal(5, 2))", Decimal("1.01")),
        ("CAST(7 AS decimal(5, 2))", Decimal("7.00")),
        ("CAST(CAST('0.1' AS float) AS decimal(38, 20))", Decimal("0.1" + "0" * 19)),
        ("CAST(TRUE AS int)", 1),
        ("CAST(0 AS bool)", False),
        ("CAST('true' AS bool)", True),
        ("CAST(1.50 AS text)", "1.50"),
        ("CAST(FALSE AS text)", "false"),
        ("CAST('abcdef' AS text(3))", "abc"),
        ("CAST(12345 AS text(3))", "123"),
        ("CAST(ROUND(1250.0, -2) AS text)", "1300"),
        ("CAST(NULL AS int)", None),
        ("CAST(DATE '2024-01-02' AS text)", "2024-01-02"),
        ("CAST(TIMESTAMP '2024-01-02 03:04:05' AS text)", "2024-01-02 03:04:05"),
        ("CAST('2024-01-02' AS datetime)", datetime(2024, 1, 2)),
        ("CAST(TIMESTAMP '2024-01-02 03:04:05' AS date)", date(2024, 1, 2)),
        ("CAST(TIMESTAMP '2024-01-02 03:04:05' AS time)", time(3, 4, 5)),
        ("CAST(TIMESTAMPTZ '2024-01-02T00:30:00+01:00' AS datetime)", datetime(2024, 1, 1, 23, 30)),
        ("CAST(TIMESTAMP '2024-01-02 03:04:05' AS datetimetz)", datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone.utc)),
        ("CAST('[1]' AS json)", "[1]"),
        ("TRY_CAST('x' AS int)", None),
        ("TRY_CAST('300' AS tinyint)", None),
        ("TRY_CAST('12' AS int)", 12),
        ("TRY_CAST(1000 AS decimal(5, 2))", None),
        ("TRY_CAST('2024-02-30' AS date)", None),
        ("CAST(1e3 AS int)", 1000),
    ],
)
def test_cast(text, expected):
    assert same(value(text), expected)


def test_cast_of_values_that_are_not_literals():
    assert value("CAST(qty AS decimal(5, 2))", qty=3) == Decimal("3.00")
    assert value("CAST(amount AS text)", amount=Decimal("-0.00")) == "0.00"
    assert value("CAST(Name AS int)", Name="7") == 7
    assert value("TRY_CAST(Name AS int)", Name="7x") is None
    assert value("TRY_CAST(Name AS int) = 7") is None
    assert value("CAST(Name AS date) < booked", Name="2024-01-01", booked=date(2024, 1, 2)) is True


@pytest.mark.parametrize(
    ("text", "row", "rule"),
    [
        ("amount / qty", {"amount": Decimal(1), "qty": 0}, "division_by_zero"),
        ("qty % 0", {"qty": 1}, "division_by_zero"),
        ("ratio / 0", {"ratio": 1.0}, "division_by_zero"),
        ("ratio * ratio", {"ratio": 1e300}, "overflow"),
        ("rate * rate * rate", {"rate": Decimal("1." + "3" * 19)}, None),
        ("rate * rate * rate", {"rate": Decimal("1234567890123456789." + "3" * 19)}, "overflow"),
        ("CAST(Name AS int)", {"Name": "x"}, "type"),
        ("CAST(Name AS date)", {"Name": "2024-02-30"}, "date"),
        ("CAST(amount AS tinyint)", {"amount": Decimal(256)}, "overflow"),
        ("CAST(amount AS decimal(3, 2))", {"amount": Decimal("10.00")}, "overflow"),
        ("LEFT(Name, qty)", {"Name": "x", "qty": -1}, "argument"),
        ("DATEADD(year, 8000, booked)", {"booked": date(2024, 1, 1)}, "overflow"),
        ("DATEADD(day, qty, booked)", {"booked": date(2024, 1, 1), "qty": 2**31 - 1}, "overflow"),
    ],
)
def test_error_of_a_row_has_a_rule_and_no_position(text, row, rule):
    if rule is None:
        assert value(text, **row) is not None
        return
    with pytest.raises(ExpressionError) as caught:
        value(text, **row)
    assert (caught.value.rule, caught.value.position, caught.value.text) == (rule, None, text)
    assert "decimal." not in caught.value.message
