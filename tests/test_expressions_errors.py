"""What is no expression is refused when the contract is loaded: where it is wrong, what, and the remedy."""

import pickle

import pytest

from transforms.contract.expressions import ExpressionError, compile_expression
from transforms.contract.expressions.code import CodeBuilder
from transforms.contract.expressions.syntax import parse
from transforms.contract.expressions.visitor import Visitor
from transforms.schema import ColumnType

COLUMNS = {
    name: ColumnType.parse(type_)
    for name, type_ in {
        "amount": "decimal(18, 2)", "qty": "int", "status": "text(3)", "flag": "bool", "booked": "date",
        "created": "datetime", "sent": "datetimetz", "photo": "binary",
    }.items()
}  # fmt: skip
FORMATS = {"us_dates": ["%m/%d/%Y", "iso"]}


def refused(text, **options):
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, COLUMNS, FORMATS, **options)
    return caught.value


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("amuont < 0", "amuont", "there is no column 'amuont'; did you mean 'amount'?"),
        ("zzz < 0", "zzz", "there is no column 'zzz'; the columns are amount, qty,"),
        ("a.status = 'A'", "a.", "write a column without its table"),
        ("qty = 1 OR COALESC(status, '') = ''", "COALESC", "there is no function COALESC; did you mean COALESCE?"),
        ("ISNULL(status, '')", "ISNULL", "did you mean COALESCE(a, b)"),
        ("SUM(qty)", "SUM", "there is no function SUM"),
        ("LEFT(status)", "LEFT", "LEFT does not take 1 argument: LEFT(text, length)"),
        ("ROUND(qty, 1, 2)", "ROUND", "ROUND does not take 3 arguments: ROUND(number [, places])"),
        ("COALESCE()", "COALESCE", "does not take 0 arguments"),
        ("UPPER(amount)", "amount", "UPPER takes text, and amount is decimal(18,2); write CAST(amount AS text)"),
        ("ROUND([a], 2)", "[a]", "ROUND takes number, and [a] is text; write CAST([a] AS decimal(18,2))"),
        ("LEFT(status, 1.5)", "1.5", "LEFT takes integer, and 1.5 is decimal"),
        ("YEAR(status)", "status", "write CAST(status AS date)"),
        ("HOUR(booked)", "booked", "HOUR takes a value with a time of day"),
        ("YEAR('soon')", "'soon'", "'soon' is not a date that YEAR accepts"),
        ("DATEADD(fortnight, 1, booked)", "fortnight", "'fortnight' is not a unit; the units are year, quarter,"),
        ("DATEADD(hour, 1, booked)", "booked", "write CAST(booked AS datetime)"),
        ("EXTRACT(epoch FROM booked)", "booked", "'epoch' is not a part of a date"),
        ("STRPTIME(status, status)", "status)", "there is no list 'status' under `formats`; known: us_dates"),
        ("STRPTIME(status, us_date)", "us_date", "under `formats`; did you mean 'us_dates'?"),
        ("STRPTIME(status, [us_dates])", "[us_dates]", "the format must be a literal, such as '%d/%m/%Y', or the name"),
        ("STRPTIME(status, 1)", "1", "the format must be a literal"),
        ("STRPTIME(status, UPPER('%Y'))", "UPPER", "the format must be a literal"),
        ("us_dates || 'x'", "us_dates", "there is no column 'us_dates'"),
        ("STRPTIME(status, '%Q')", "'%Q'", "is not a date format of strptime"),
    ],
)
def test_names_and_arguments(text, at, message):
    error = refused(text)
    assert error.position == text.index(at)
    assert message in error.message


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        (
            "[Amt] > 100",
            "100",
            "[Amt] is text and 100 is int: they cannot be compared; write CAST([Amt] AS decimal(18,2))",
        ),
        ("100.5 < [Amt]", "[Amt]", "write CAST([Amt] AS decimal(18,2))"),
        ("status = qty", "qty", "status is text(3) and qty is int: they cannot be compared; write CAST(status AS int)"),
        ("booked = [Dt]", "[Dt]", "write CAST([Dt] AS date)"),
        ("status IN ('A', 1)", "1", "status is text(3) and 1 is int"),
        ("qty BETWEEN 1 AND [n]", "[n]", "write CAST([n] AS int)"),
        ("CASE qty WHEN [n] THEN 1 END", "[n]", "they cannot be compared"),
        ("NULLIF(qty, booked)", "booked", "qty is int and booked is date: they cannot be compared"),
        ("flag = status", "status", "write CAST(status AS bool)"),
        ("flag = 2", "2", "flag is bool and 2 is int"),
        ("created = sent", "sent", "created is datetime and sent is datetimetz"),
        ("photo = 'x'", "'x'", "photo is binary and 'x' is text"),
        ("amount > 'many'", "'many'", "'many' is not a value of type decimal(18,2), and amount is decimal(18,2)"),
        ("booked >= '2024-02-30'", "'2024-02-30'", "'2024-02-30' is not a value of type date, and booked is date"),
        ("CASE WHEN flag THEN 1 ELSE 'x' END", "'x'", "'x' is not a value of type int"),
        (
            "CASE WHEN flag THEN qty ELSE status END",
            "status",
            "they cannot be results of one CASE; write CAST(status AS int)",
        ),
        ("COALESCE(status, booked)", "booked", "they cannot be values of one COALESCE"),
        ("[a] * 2", "[a]", "[a] is text; write CAST([a] AS decimal(18,2))"),
        ("status + 'x'", "status", "texts are joined by ||"),
        ("booked + 1", "booked", "booked is date; use DATEADD or DATEDIFF"),
        ("-flag", "flag", "flag is bool; - computes with numbers"),
        ("qty LIKE '1%'", "qty", "LIKE takes text, and qty is int; write CAST(qty AS text)"),
        ("status LIKE '1!' ESCAPE '!'", "'1!'", "ends in its escape character"),
        ("status LIKE '1' ESCAPE '!!'", "'!!'", "ESCAPE takes one character"),
        ("NOT qty", "qty", "a condition is expected, and qty is int; compare it with something"),
        ("CASE WHEN status THEN 1 END", "status", "a condition is expected, and status is text(3)"),
        ("flag AND 1", "1", "a condition is expected, and 1 is int"),
        ("CAST(status AS varchar(10))", "varchar", "did you mean text(n)?"),
        ("CAST(status AS decmal(5,2))", "decmal", "did you mean decimal?"),
        ("CAST(status AS decimal)", "decimal", "decimal needs its number of digits"),
        ("CAST('x' AS int)", "'x'", "'x' is not a whole number"),
        ("CAST(photo AS text)", "photo", "photo is binary, which cannot be cast to text"),
        ("CAST(booked AS int)", "booked", "booked is date, which cannot be cast to int"),
        ("DATE '2024-02-30'", "'2024-02-30'", "is not a date that exists"),
    ],
)
def test_types(text, at, message):
    error = refused(text)
    assert error.position == text.index(at)
    assert message in error.message


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 0, "the expression is empty"),
        ("qty +", 5, "the expression ends too early"),
        ("(qty", 4, "expecting )"),
        ("qty)", 3, "')' does not fit here"),
        ("qty qty", 4, "'qty' does not fit here"),
        ("qty; qty", 3, "without ';'"),
        ("qty = 'a", 6, "the quote ' is not closed"),
        ('"qty', 0, 'the quote " is not closed'),
        ("qty = [a[b]", 6, "the bracket [ of a path is not closed"),
        ("qty = []", 6, "the brackets hold no path"),
        ("qty BETWEEN 1 2", 14, "expecting AND between the bounds of BETWEEN"),
        ("CASE WHEN flag 1 END", 15, "expecting THEN"),
        ("CASE WHEN flag THEN 1", 21, "expecting END"),
        ("CASE qty END", 9, "expecting WHEN"),
        ("(CASE WHEN flag THEN 1 ELSE )", 28, "')' does not fit here"),
        ("COALESCE(qty,)", 13, "expecting a value beside the comma"),
        ("qty IN (1,,2)", 10, "expecting a value beside the comma"),
        ("CAST(qty int)", 9, "expecting AS"),
        ("qty::int", 3, "does not fit here"),
        ("flag XOR flag", 5, "does not fit here"),
    ],
)
def test_syntax(text, position, message):
    error = refused(text)
    assert (error.position, message in error.message) == (position, True), error


@pytest.mark.parametrize(
    "text",
    [
        "(SELECT 1)",
        "qty IN (SELECT 1)",
        "qty IN ()",
        "EXISTS (SELECT 1)",
        "SUM(qty) OVER ()",
        "qty IS DISTINCT FROM 1",
        "status IS 'A'",
        "INTERVAL '1' DAY",
        "*",
        "COUNT(*)",
        "(qty, qty)",
        "'a' 'b'",
        "N'a'",
        ":name",
        "@name",
        "qty & 1",
        "qty DIV 2",
        "qty = ANY(1)",
        "status LIKE ANY ('A')",
        "status COLLATE x",
        "created AT TIME ZONE 'utc'",
        "COALESCE(qty AS x)",
        "COALESCE(DISTINCT qty)",
        "qty[1]",
        "status SIMILAR TO 'a'",
        "TRIM(status COLLATE x)",
        "CAST(qty AS int FORMAT 'x')",
        "INT '5'",
        "GLOB(status)",
        "COALESCE(qty ORDER BY qty)",
        "qty NOT",
        "CURRENT_USER",
        "status RLIKE 'a'",
        "x -> 1",
        "DATEADD(1 + 1, 1, booked)",
    ],
)
def test_sql_outside_the_language_is_refused_with_a_position(text):
    error = refused(text)
    assert 0 <= error.position <= len(text)
    assert "sqlglot" not in error.message


def test_part_of_a_node_that_nobody_reads_is_refused():
    # sqlglot may put a NOT, or anything else it learns to read, into an argument of a node that we know.
    syntax = parse("qty = 1")
    syntax.root.set("negate", True)
    with pytest.raises(ExpressionError, match="EQ cannot have negate"):
        Visitor(CodeBuilder(syntax, {}), COLUMNS, paths=True).visit(syntax.root)


def test_path_where_none_can_stand():
    error = refused("qty = 1 OR [@id] = '1'", paths=False)
    assert error.position == 11
    assert "a path is not allowed here" in error.message


def test_position_counts_from_the_start_of_a_text_of_many_lines():
    error = refused("CASE\n  WHEN [Bal[Tp='x']] = 'a' -- a comment\n  THEN amuont\nEND")
    assert error.text[error.position :].startswith("amuont")
    assert str(error) == (
        "line 3, column 8: there is no column 'amuont'; did you mean 'amount'?\n"
        "      THEN amuont\n"
        "           ^"
    )  # fmt: skip


def test_condition_must_be_a_condition():
    with pytest.raises(ExpressionError, match="a condition is expected, and this is int"):
        compile_expression("qty", COLUMNS).compile_condition(lambda kind, name: 0)


def test_nesting_without_end_is_an_error_not_a_crash():
    assert "nested too deeply" in refused("(" * 5000 + "1" + ")" * 5000).message
    assert "nested too deeply" in refused(" + ".join(["qty"] * 3000)).message


def test_errors_survive_pickling():
    error = pickle.loads(pickle.dumps(refused("amuont")))
    assert (error.message, error.position, error.text, error.rule) == (
        refused("amuont").message,
        0,
        "amuont",
        "expression",
    )
