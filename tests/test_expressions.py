"""What expressions mean: logic, choices, conditions, names, paths, types."""

import operator
from datetime import date, datetime
from decimal import Decimal

import pytest

from tests.expressions import COLUMNS, NOW, bound, path, same, value
from transforms.contract.expressions import ExpressionError, compile_expression
from transforms.schema import ColumnType

TRUTHS = (True, False, None)


@pytest.mark.parametrize("p", TRUTHS)
@pytest.mark.parametrize("q", TRUTHS)
def test_and_or_of_three_values(p, q):
    both = False if False in (p, q) else None if None in (p, q) else True
    either = True if True in (p, q) else None if None in (p, q) else False
    assert value("p AND q", p=p, q=q) is both
    assert value("p OR q", p=p, q=q) is either
    assert value("NOT (p AND q)", p=p, q=q) is (None if both is None else not both)
    assert value("p = q", p=p, q=q) is (None if None in (p, q) else p == q)
    assert value("p <> q", p=p, q=q) is (None if None in (p, q) else p != q)


@pytest.mark.parametrize("p", TRUTHS)
@pytest.mark.parametrize(
    "text", ["p", "NOT p", "p AND p", "p OR p", "p = q", "p <> q", "p IN (TRUE, q)", "CASE WHEN p THEN q ELSE p END"]
)
def test_condition_counts_null_as_false(text, p):
    for q in TRUTHS:
        for wrapped in (text, f"NOT ({text})"):
            function, slots = bound(wrapped, {"p": p, "q": q}, "compile_condition")
            assert function(slots) is (value(wrapped, p=p, q=q) is True)


@pytest.mark.parametrize("p", TRUTHS)
def test_is_true_and_is_null_are_never_null(p):
    assert value("p IS TRUE", p=p) is (p is True)
    assert value("p IS NOT TRUE", p=p) is (p is not True)
    assert value("p IS FALSE", p=p) is (p is False)
    assert value("p IS NULL", p=p) is (p is None)
    assert value("p IS NOT NULL", p=p) is (p is not None)


def test_and_binds_stronger_than_or_and_not_weaker_than_comparison():
    assert value("TRUE OR FALSE AND FALSE") is True
    assert value("NOT qty = 1 AND qty = 2", qty=2) is True
    assert value("NOT qty + 1 > 5 OR FALSE", qty=1) is True
    assert value("2 + 3 * 4 - 6 % 4") == 12
    assert value("(2 + 3) * 4") == 20
    assert value("- qty * 2", qty=3) == -6


@pytest.mark.parametrize(("a", "b"), [(1, 2), (2, 2), (3, 2), (None, 2), (2, None), (None, None)])
@pytest.mark.parametrize(
    ("sign", "test"),
    [
        ("=", operator.eq),
        ("<>", operator.ne),
        ("!=", operator.ne),
        ("<", operator.lt),
        ("<=", operator.le),
        (">", operator.gt),
        (">=", operator.ge),
    ],
)
def test_comparisons_and_their_opposites(sign, test, a, b):
    expected = None if None in (a, b) else test(a, b)
    row = {"qty": a, "odd name": b}
    for right in ('"odd name"', "2") if b == 2 else ('"odd name"',):
        assert value(f"qty {sign} {right}", **row) is expected
        assert value(f"NOT qty {sign} {right}", **row) is (None if expected is None else not expected)
        assert value(f"(qty {sign} {right}) IS TRUE", **row) is (expected is True)
        assert value(f"(qty {sign} {right}) IS FALSE", **row) is (expected is False)


def test_and_stops_before_an_error():
    assert value("qty <> 0 AND 10 / qty > 1", qty=0) is False
    assert value("CASE WHEN qty = 0 THEN 0 ELSE 10 / qty END", qty=0) == 0
    assert value("COALESCE(status, CAST(Name AS text), CAST(10 / qty AS text))", status="A", qty=0) == "A"


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("CASE WHEN amount < 0 THEN 'debit' ELSE 'credit' END", {"amount": Decimal("-1")}, "debit"),
        ("CASE WHEN amount < 0 THEN 'debit' ELSE 'credit' END", {}, "credit"),
        ("CASE WHEN amount < 0 THEN 'debit' END", {"amount": Decimal(1)}, None),
        ("CASE WHEN qty > 1 THEN 'x' WHEN qty > 0 THEN 'y' END", {"qty": 2}, "x"),
        ("CASE status WHEN 'A' THEN 1 WHEN NULL THEN 2 ELSE 3 END", {"status": "A"}, 1),
        ("CASE status WHEN 'A' THEN 1 WHEN NULL THEN 2 ELSE 3 END", {}, 3),
        ("CASE qty % 3 WHEN NULL THEN 'n' WHEN qty THEN 'same' WHEN 1 THEN 'one' END", {"qty": 4}, "one"),
        ("CASE WHEN TRUE THEN qty ELSE 0.5 END", {"qty": 3}, Decimal(3)),
        ("CASE WHEN TRUE THEN '2024-01-02' ELSE booked END", {}, date(2024, 1, 2)),
        ("CASE WHEN TRUE THEN booked ELSE created END", {"booked": date(2024, 1, 2)}, datetime(2024, 1, 2)),
        ("COALESCE(qty, amount, 0)", {"amount": Decimal("1.50")}, Decimal("1.50")),
        ("COALESCE(qty, amount, 0)", {}, Decimal(0)),
        ("COALESCE(NULL, status)", {}, None),
        ("COALESCE(flag, FALSE) OR p", {"p": True}, True),
        ("NULLIF(qty, 0)", {"qty": 0}, None),
        ("NULLIF(qty + 1, 0)", {"qty": 4}, 5),
        ("NULLIF(qty, NULL)", {"qty": 4}, 4),
    ],
)
def test_choices(text, values, expected):
    assert same(value(text, **values), expected)


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("status IN ('A', 'B')", {"status": "B"}, True),
        ("status IN ('A', 'B')", {}, None),
        ("status NOT IN ('A', 'B')", {"status": "C"}, True),
        ("status NOT IN ('A', 'B')", {}, None),
        ("status IN ('A', NULL)", {"status": "C"}, None),
        ("status NOT IN ('A', NULL)", {"status": "C"}, None),
        ("status NOT IN ('A', NULL)", {"status": "A"}, False),
        ("qty + 1 IN (odd, qty, 4)".replace("odd", '"odd name"'), {"qty": 3}, True),
        ("amount IN (1, '2.50')", {"amount": Decimal("2.5")}, True),
        ("booked IN ('2024-01-01')", {"booked": date(2024, 1, 1)}, True),
        ("qty BETWEEN 1 AND 3", {"qty": 3}, True),
        ("qty BETWEEN 1 AND 3", {"qty": 4}, False),
        ("qty BETWEEN NULL AND 3", {"qty": 4}, False),
        ("qty BETWEEN NULL AND 3", {"qty": 2}, None),
        ("qty * 2 BETWEEN NULL AND 3", {"qty": 4}, False),
        ("qty NOT BETWEEN 1 AND 3", {"qty": 0}, True),
        ("qty NOT BETWEEN 1 AND 3 AND flag", {"qty": 0, "flag": True}, True),
        ("booked BETWEEN '2024-01-01' AND '2024-12-31'", {"booked": date(2024, 6, 1)}, True),
    ],
)
def test_lists_and_ranges(text, values, expected):
    assert value(text, **values) is expected


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("xyz", "x%", True),
        ("wxyz", "x%", False),
        ("xyz", "%z", True),
        ("xyz", "%y%", True),
        ("xyz", "x_z", True),
        ("xz", "x_z", False),
        ("x\nz", "x_z", True),
        ("x\ny", "x%", True),
        ("xyz", "XYZ", False),
        ("a.c", "a.c", True),
        ("abc", "a.c", False),
        ("", "%", True),
        ("", "", True),
        ("x", "", False),
        ("x%y", "x!%y", True),
        ("xzy", "x!%y", False),
        ("a_b", "%!_%", True),
        ("x(y", "x(%", True),
    ],
)
def test_like(text, pattern, expected):
    escape = " ESCAPE '!'" if "!" in pattern else ""
    assert value(f"Name LIKE '{pattern}'{escape}", Name=text) is expected
    assert value(f"Name NOT LIKE '{pattern}'{escape}", Name=text) is not expected
    assert value(f"Name LIKE [pattern]{escape}", **{"Name": text, "[pattern]": pattern}) is expected
    assert value(f"Name LIKE '{pattern}'{escape}") is None
    assert value(f"Name ILIKE '{pattern}'{escape}", Name=text.upper()) is (expected or pattern == "XYZ")


def test_paths_hold_brackets_quotes_and_sql_words():
    predicate = "Bal[Tp/Cd='OPBD']/Amt"
    hostile = "a[.=']'][. = \"it's\"]"
    text = f"COALESCE([{predicate}], [ @type ], [{hostile}], '[no path]') -- [nor this\n || [@type] /* [or 'this */"
    expression = compile_expression(text, COLUMNS)
    assert expression.paths == (predicate, "@type", hostile)
    assert expression.columns == ()
    assert str(expression.type) == "text"


def test_path_that_finds_nothing_is_null():
    assert path("[a] IS NULL") is True
    assert path("[a] = ''", a="") is True
    assert path("COALESCE(TRIM([a]), '') = ''", a="  ") is True


def test_legacy_comparison_of_two_texts_as_numbers_can_be_said():
    text = """CASE WHEN TRY_CAST([a] AS decimal(38, 10)) IS NOT NULL AND TRY_CAST([b] AS decimal(38, 10)) IS NOT NULL
        THEN TRY_CAST([a] AS decimal(38, 10)) < TRY_CAST([b] AS decimal(38, 10))
        ELSE COALESCE([a], '') < COALESCE([b], '') END"""
    assert path(text, a="9", b="10") is True
    assert path(text, a="9", b="10x") is False
    assert path(text, b="x") is True


def test_columns_ignore_case_and_are_spelled_as_in_the_mapping():
    expression = compile_expression('NAME || "Name" || "odd name" || QTY', COLUMNS)
    assert expression.columns == ("Name", "odd name", "qty")
    assert value("FLAG = 1 AND Flag", flag=True) is True


def test_columns_that_differ_only_in_case():
    columns = {"Id": ColumnType("int"), "ID": ColumnType("text")}
    assert compile_expression('"ID"', columns).type == ColumnType("text")
    with pytest.raises(ExpressionError, match='can be any of Id, ID; write "Id"'):
        compile_expression("id", columns)


def test_columns_named_like_sql_words():
    columns = {
        name: ColumnType("int") for name in ("date", "type", "value", "key", "order", "year", "left", "row", "status")
    }
    expression = compile_expression(" + ".join(columns), columns)
    assert expression.columns == tuple(columns)


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("amount", "decimal(18,2)"),
        ("qty + 1", "bigint"),
        ("1", "int"),
        ("ratio * 2", "float"),
        ("status", "text(3)"),
        ("status || 'x'", "text"),
        ("amount < 1", "bool"),
        ("booked", "date"),
        ("COALESCE(booked, created)", "datetime"),
        ("CAST(Name AS decimal(5, 1))", "decimal(5,1)"),
        ("CASE WHEN flag THEN status END", "text(3)"),
        ("YEAR(booked)", "int"),
        ("CURRENT_DATE", "date"),
        ("doc", "json"),
        ("NULL", "None"),
        ("COALESCE(NULL, NULL)", "None"),
    ],
)
def test_static_type(text, type_):
    assert str(compile_expression(text, COLUMNS).type) == type_


def test_computed_decimal_has_no_digits_of_its_own():
    assert compile_expression("amount * 2", COLUMNS).type == ColumnType("decimal")


def test_each_slot_is_asked_for_once_and_now_is_one():
    expression = compile_expression("CASE WHEN [a] = [a] AND qty = QTY THEN CURRENT_TIMESTAMP END", COLUMNS)
    assert expression.slots == (("path", "a"), ("column", "qty"), ("now", "$now"))
    slots = {("path", "a"): 5, ("column", "qty"): 0, ("now", "$now"): 3}
    assert expression.compile(lambda kind, name: slots[kind, name])([1, None, None, NOW, None, "x"]) == NOW


def test_expression_of_no_slots_and_long_lists_compile():
    assert value("1 + 1") == 2
    many = " OR ".join(f"qty = {number}" for number in range(800))
    assert value(many, qty=799) is True
    case = "CASE " + " ".join(f"WHEN qty = {number} THEN '{number}'" for number in range(800)) + " END"
    assert value(case, qty=799) == "799"
