"""Decimals in SQLite: exact to the last digit, and numbers wherever a number holds them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.preflight import check_target
from tests.databases import TargetDatabase, column, sqlite, sqlite_by_odbc
from transforms.database.dialects.sqlite import _number_or_text, affinity
from transforms.insert import LoadPolicy, load_batch, prepare_target
from transforms.records import MappedRecord, Row
from transforms.schema import ForeignKey, Schema, Table

PRICES = Table("t", "t", None, (column("id", "int"), column("price", "decimal(18,5)")), ("id",), None, ("id",))


def keyed(type_: str) -> Schema:
    """A table whose key is a decimal, and a child of it."""
    key = column("k", type_, nullable=False)
    child = Table(
        "c", "c", None, (key, column("n", "int", nullable=False), column("v", type_)), ("k", "n"),
        ForeignKey(("k",), "p", ("k",)), ("k",),
    )  # fmt: skip
    return Schema("shop", (Table("p", "p", None, (key, column("v", "text")), ("k",), None, ("k",)), child))


@pytest.fixture(params=[sqlite, sqlite_by_odbc])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TargetDatabase]:
    with closing(TargetDatabase(*request.param(tmp_path))) as made:
        yield made


def load(target: TargetDatabase, schema: Schema, run: str, *families: dict[str, list[Row]]) -> tuple[int, int]:
    """Load families, each under the first value of its first row, and replace what is there."""
    prepare_target(target.target, schema)
    records = []
    for number, rows in enumerate(families):
        key = next(iter(rows.values()))[0][0]
        records.append(MappedRecord(f"{key:f}", (key,), "a.xml", number, 0, 1, run.encode(), rows))
    with closing(target.open()) as database:
        result, rejects = load_batch(database, schema, records, LoadPolicy(run, "replace"))
    assert rejects == []
    return result.loaded, result.replaced


@st.composite
def pairs(draw: st.DrawFn) -> tuple[int, Decimal, Decimal]:
    """Two decimals of one type, and its scale: often near to each other, often short."""
    scale = draw(st.integers(0, 38))
    digits = st.integers(-(10**38) + 1, 10**38 - 1) | st.integers(-(10**20), 10**20) | st.integers(-9999, 9999)
    first = draw(digits)
    power = draw(st.integers(0, 37))
    near = st.integers(-3, 3).map(lambda step: first + step * 10**power)
    second = draw(digits | near.filter(lambda number: abs(number) < 10**38))
    return scale, Decimal(first).scaleb(-scale), Decimal(second).scaleb(-scale)


@settings(deadline=None)
@given(pairs())
@example((0, Decimal(-(2**63)), Decimal("-9223372036854776000")))
@example((1, Decimal(2**53), Decimal(2**53) + Decimal("0.5")))
def test_every_decimal_comes_back_and_numbers_compare_as_decimals(pair: tuple[int, Decimal, Decimal]) -> None:
    scale, *values = pair
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (at INTEGER PRIMARY KEY, v DECIMAL_BLOB(38, 10))")
        stored = map(partial(_number_or_text, scale), values)
        connection.executemany("INSERT INTO t (v) VALUES (?)", [(value,) for value in stored])
        kinds, read = zip(*connection.execute("SELECT typeof(v), v FROM t ORDER BY at"), strict=True)
        # By the number itself, and by the 15 digits that most programs show.
        assert [Decimal(str(value)) for value in read] == values
        shown = connection.execute("SELECT CAST(v AS TEXT) FROM t ORDER BY at").fetchall()
        assert [Decimal(value) for (value,) in shown] == values
        [(less, equal)] = connection.execute(
            "SELECT a.v < b.v, a.v = b.v FROM t a JOIN t b ON a.at = 1 AND b.at = 2"
        ).fetchall()
        assert equal == (values[0] == values[1])
        if "text" not in kinds:
            assert less == (values[0] < values[1])


@pytest.mark.parametrize(
    "declared",
    ["INT", "text", "VarChar(3)", "CHARINT", "CLOB", "BLOB", "", "DECIMAL_BLOB(38, 2)", "REAL", "DECIMAL(9)"],
)
def test_affinity_is_that_of_sqlite(declared: str) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE t (a {declared})")
        connection.execute("INSERT INTO t VALUES ('1'), (1)")
        kinds = {kind for (kind,) in connection.execute("SELECT typeof(a) FROM t")}
    kind = {"TEXT": {"text"}, "BLOB": {"text", "integer"}}.get(affinity(declared))
    assert kinds == kind or (kind is None and kinds <= {"integer", "real"})


def test_questions_about_amounts_have_the_answers_of_numbers(target: TargetDatabase) -> None:
    amounts = ["999.99000", "1000.00001", "-5.00000", "20000.00000", "9.00000", "1234567.12345"]
    load(target, Schema("shop", (PRICES,)), "1", *({"t": [(at, Decimal(text))]} for at, text in enumerate(amounts)))
    assert target.query("SELECT id FROM t WHERE price > 1000 ORDER BY price") == [(1,), (3,), (5,)]
    assert target.query("SELECT max(price), min(price) FROM t") == [(1234567.12345, -5)]


@pytest.mark.parametrize("type_", ["decimal(9,2)", "decimal(18,5)", "decimal(38,2)"])
def test_keys_match_whether_they_are_numbers_or_texts(target: TargetDatabase, type_: str) -> None:
    schema = keyed(type_)
    texts = ["1.50", "7.00"] if type_ == "decimal(9,2)" else ["1.50", "7.00", "1234567890123.12", "99999999999999.99"]
    keys = [Decimal(text) for text in texts]
    families = [{"p": [(key, "x")], "c": [(key, 1, key), (key, 2, None)]} for key in keys]
    assert load(target, schema, "1", *families) == (len(keys), 0)
    assert load(target, schema, "2", *families) == (0, len(keys))
    joined = "SELECT count(*) FROM p JOIN c ON p.k = c.k WHERE c.n = 2 OR c.v = p.k"
    assert target.query(joined) == [(2 * len(keys),)]
    assert target.query("PRAGMA foreign_key_check") == []


@pytest.mark.parametrize("declared", ["TEXT", "BLOB", "VARCHAR(40)"])
@pytest.mark.parametrize("type_", ["decimal(18,5)", "decimal(38,2)"])
def test_columns_of_an_earlier_version_and_of_others_go_on(target: TargetDatabase, declared: str, type_: str) -> None:
    """A child that is missing is made anew: its key is compared as that of its parent."""
    schema = keyed(type_)
    scale = schema.tables[0]["k"].type.scale
    keys = ["7", "12345678901234567" if type_ == "decimal(38,2)" else "1.5"]
    texts = {key: f"{Decimal(key):.{scale}f}" for key in keys}
    target.execute(f"CREATE TABLE p (k {declared} NOT NULL PRIMARY KEY, v TEXT)")
    families = [{"p": [(Decimal(key), "x")], "c": [(Decimal(key), 1, None)]} for key in texts]
    assert load(target, schema, "1", *families) == (2, 0)
    if declared != "BLOB":
        assert sorted(target.query("SELECT k FROM p")) == sorted((text,) for text in texts.values())
    assert load(target, schema, "2", *families) == (0, 2)
    assert target.query("SELECT count(*) FROM p JOIN c ON p.k = c.k") == [(2,)]
    assert [one for one in check_target(target.target, schema) if one.severity == "error"] == []


def test_no_decimal_is_stored_in_a_column_that_would_round_it(target: TargetDatabase) -> None:
    target.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, price DECIMAL(18, 5))")
    [error] = [one for one in check_target(target.target, Schema("shop", (PRICES,))) if one.severity == "error"]
    assert error.column == "price"
    assert "DECIMAL_BLOB(18, 5)" in error.message
