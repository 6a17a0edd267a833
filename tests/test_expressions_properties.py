"""Expressions agree with what others compute: SQLite, on the SQL that means the same there, and decimal."""

import sqlite3
from decimal import Context, Decimal

from hypothesis import example, given, settings
from hypothesis import strategies as st

from transforms.contract.expressions import ExpressionError, compile_expression
from transforms.schema import ColumnType

COLUMNS = {
    **dict.fromkeys("abc", ColumnType("int")),
    **dict.fromkeys("st", ColumnType("text")),
    **dict.fromkeys("pq", ColumnType("bool")),
}
DATABASE = sqlite3.connect(":memory:")
DATABASE.execute("PRAGMA case_sensitive_like = ON")


def ours(text, row, method="compile"):
    expression = compile_expression(text, COLUMNS)
    function = getattr(expression, method)(lambda kind, name: list(COLUMNS).index(name))
    return function([row[name] for name in COLUMNS])


def sqlite(text, row):
    columns = ", ".join(f":{name} AS {name}" for name in COLUMNS)
    return DATABASE.execute(f"SELECT {text} FROM (SELECT {columns})", row).fetchone()[0]


numbers = st.one_of(st.none(), st.integers(-3, 3))
texts = st.one_of(st.none(), st.text("abA%_", max_size=3))
truths = st.sampled_from([None, True, False])
rows = st.fixed_dictionaries({
    **dict.fromkeys("abc", numbers), **dict.fromkeys("st", texts), **dict.fromkeys("pq", truths),
})  # fmt: skip


def template(pattern, *parts):
    return st.tuples(*parts).map(lambda values: pattern.format(*values))


NUMBERS = st.deferred(lambda: st.one_of(PLAIN_NUMBERS, PLAIN_NUMBERS, COMPOUND_NUMBERS))
PLAIN_NUMBERS = st.sampled_from(["a", "b", "c", "0", "1", "2", "-3", "NULL"])
COMPOUND_NUMBERS = st.one_of(
    template("{} {} {}", NUMBERS, st.sampled_from("+-*"), NUMBERS),
    template("({} {} {})", NUMBERS, st.sampled_from("+-*"), NUMBERS),
    template("- {}", PLAIN_NUMBERS),
    template("{} % 3", PLAIN_NUMBERS),
    template("COALESCE({}, {})", NUMBERS, NUMBERS),
    template("NULLIF({}, {})", NUMBERS, NUMBERS),
    template("ABS({})", NUMBERS),
    template("LENGTH({})", st.sampled_from("st")),
    template(
        "CASE WHEN {} THEN {} WHEN {} THEN {} ELSE {} END", *[st.deferred(lambda: CONDITIONS), NUMBERS] * 2, NUMBERS
    ),
    template("CASE {} WHEN {} THEN {} WHEN {} THEN 1 END", NUMBERS, NUMBERS, NUMBERS, NUMBERS),
)
TEXTS = st.one_of(
    st.sampled_from(["s", "t", "'a'", "'ab'", "''", "NULL"]),
    template("({} || {})", st.sampled_from("st"), st.sampled_from(["s", "t", "'a'"])),
    template("UPPER({})", st.sampled_from("st")),
    template("SUBSTR({}, {}, {})", st.sampled_from("st"), st.integers(1, 3), st.integers(0, 3)),
    template("REPLACE({}, 'a', 'bb')", st.sampled_from("st")),
)
PREDICATES = st.one_of(
    st.sampled_from(["p", "q", "NULL"]),
    template("{} {} {}", NUMBERS, st.sampled_from(["=", "<>", "!=", "<", "<=", ">", ">="]), NUMBERS),
    template("{} {} {}", TEXTS, st.sampled_from(["=", "<>", "<", ">="]), TEXTS),
    template("{} {}BETWEEN {} AND {}", NUMBERS, st.sampled_from(["", "NOT "]), NUMBERS, NUMBERS),
    template("{} {}IN ({}, {})", NUMBERS, st.sampled_from(["", "NOT "]), PLAIN_NUMBERS, NUMBERS),
    template("{} {}IN ({}, {})", TEXTS, st.sampled_from(["", "NOT "]), TEXTS, TEXTS),
    template(
        "{} {}LIKE {}", TEXTS, st.sampled_from(["", "NOT "]), st.one_of(TEXTS, st.text("abA%_", max_size=3).map(repr))
    ),
    template("{} IS {}NULL", st.one_of(NUMBERS, TEXTS), st.sampled_from(["", "NOT "])),
)
CONDITIONS = st.recursive(
    PREDICATES,
    lambda inner: st.one_of(
        template("{} {} {}", inner, st.sampled_from(["AND", "OR"]), inner),
        template("({} {} {})", inner, st.sampled_from(["AND", "OR"]), inner),
        template("NOT {}", inner),
        template("({}) IS {}", inner, st.sampled_from(["NULL", "NOT NULL", "TRUE", "NOT FALSE"])),
        template("({}) = ({})", inner, inner),
        template("CASE WHEN {} THEN {} ELSE {} END", inner, inner, inner),
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(CONDITIONS, rows)
@example("NOT s LIKE 'a%' OR p AND NOT q", {"a": 1, "b": 1, "c": 1, "s": "b", "t": None, "p": None, "q": None})
@example("a * 1 NOT BETWEEN NULL AND b", {"a": 2, "b": 1, "c": 1, "s": "b", "t": None, "p": None, "q": None})
def test_conditions_agree_with_sqlite(text, row):
    expected = sqlite(text, row)
    assert ours(text, row) == expected
    assert ours(text, row, "compile_condition") is (expected == 1)


@settings(deadline=None)
@given(NUMBERS, rows)
def test_numbers_agree_with_sqlite(text, row):
    assert ours(text, row) == sqlite(text, row)


@settings(deadline=None)
@given(TEXTS, rows)
def test_texts_agree_with_sqlite(text, row):
    assert ours(text, row) == sqlite(text, row)


WIDE = Context(prec=400)
decimals = st.integers(-(10**38) + 1, 10**38 - 1).flatmap(
    lambda digits: st.integers(0, 38).map(lambda scale: WIDE.scaleb(Decimal(digits), -scale))
)


@settings(deadline=None)
@given(decimals, decimals)
def test_decimal_arithmetic_is_exact(x, y):
    columns = {"x": ColumnType("decimal", precision=38), "y": ColumnType("decimal", precision=38)}

    def compute(text):
        return compile_expression(text, columns).compile(lambda kind, name: "xy".index(name))([x, y])

    assert compute("x + y") == WIDE.add(x, y)
    assert compute("x - y") == WIDE.subtract(x, y)
    assert compute("x * y") == WIDE.multiply(x, y)
    assert compute("-x") == WIDE.minus(x)
    if y:
        assert compute("x % y") == WIDE.remainder(x, y)
        quotient = compute("x / y")
        # Half a unit of the 38th digit.
        assert abs(WIDE.subtract(quotient, WIDE.divide(x, y))) <= WIDE.scaleb(Decimal(5), quotient.adjusted() - 38)


@settings(deadline=None)
@given(st.text("[]'\"ab=/ -*()\n;,.", max_size=25))
def test_any_text_compiles_or_is_refused_with_a_position(text):
    try:
        position = len(compile_expression(text, COLUMNS).text)
    except ExpressionError as error:
        position = error.position
        str(error)
    assert 0 <= position <= len(text)
