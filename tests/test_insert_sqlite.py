"""What is SQLite's own: storage of the types, waiting for other writers, its files."""

from __future__ import annotations

import sqlite3
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest

from tests.databases import SCHEMA, column, order
from transforms.insert import LoadError, LoadPolicy, Target, TargetError, load_batch, open_database, prepare_target
from transforms.records import MappedRecord
from transforms.schema import Schema, Table

WEST = timezone(timedelta(hours=-5))

STORED = [
    ("text", "", ""),
    ("text", "a\0b 'quoted\" 🐘 \r\n\t", "a\0b 'quoted\" 🐘 \r\n\t"),
    ("text", "007", "007"),
    ("text(3)", "1e3", "1e3"),
    ("text", "x" * 1_000_000, "x" * 1_000_000),
    ("tinyint", 255, 255),
    ("smallint", -(2**15), -(2**15)),
    ("int", 2**31 - 1, 2**31 - 1),
    ("bigint", 2**63 - 1, 2**63 - 1),
    ("bigint", -(2**63), -(2**63)),
    ("decimal(15,2)", Decimal("9999999999999.99"), 9999999999999.99),
    ("decimal(15,15)", Decimal("0.000000000000001"), 1e-15),
    ("decimal(5)", Decimal("-99999"), -99999),
    ("decimal(16,2)", Decimal("99999999999999.99"), "99999999999999.99"),
    ("decimal(16,2)", Decimal("9999999999999.9"), 9999999999999.9),
    ("decimal(18,5)", Decimal("1.00000"), 1),
    ("decimal(18,5)", Decimal("-0.10000"), -0.1),
    ("decimal(18,5)", Decimal("1234567890123.12345"), "1234567890123.12345"),
    ("decimal(20)", Decimal(2**63 - 1), 2**63 - 1),
    ("decimal(20)", Decimal(-(2**63)), -(2**63)),
    ("decimal(20)", Decimal(2**63), str(2**63)),
    ("decimal(20)", Decimal("-9223372036854776000"), "-9223372036854776000"),
    ("decimal(38,10)", Decimal("-9999999999999999999999999999.0000000001"), "-9999999999999999999999999999.0000000001"),
    ("decimal(38,38)", Decimal("1E-38"), 1e-38),
    ("decimal(38)", Decimal("1E+37"), 1e37),
    ("decimal(38,1)", Decimal("1" + "0" * 35 + "1.0"), "1" + "0" * 35 + "1.0"),
    ("float", 1.7976931348623157e308, 1.7976931348623157e308),
    ("float", 5e-324, 5e-324),
    ("bool", True, 1),
    ("bool", False, 0),
    ("date", date(1, 1, 1), "0001-01-01"),
    ("date", date(9999, 12, 31), "9999-12-31"),
    ("time", time(23, 59, 59, 999999), "23:59:59.999999"),
    ("datetime", datetime(1, 1, 1), "0001-01-01T00:00:00"),
    ("datetimetz", datetime(2024, 5, 31, 23, 0, 0, 1, WEST), "2024-06-01T04:00:00.000001+00:00"),
    ("json", "123", "123"),
    ("json", '{"a": 1.0}', '{"a": 1.0}'),
    ("binary", bytes(range(256)), bytes(range(256))),
    ("binary(4)", b"1234", b"1234"),
]


def values_schema(types: list[str]) -> Schema:
    columns = (column("id", "text", nullable=False), *(column(f"c{n}", type_) for n, type_ in enumerate(types)))
    return Schema("types", (Table("t", "t", None, columns, ("id",), None, ("id",)),))


def load_values(folder, types, *rows):
    target, schema = f"sqlite:///{folder}/t.db", values_schema(types)
    prepare_target(target, schema)
    database = open_database(Target.parse(target))
    records = [MappedRecord(row[0], row[:1], "a.xml", n, 0, 1, b"", {"t": [row]}) for n, row in enumerate(rows)]
    result = load_batch(database, schema, records, LoadPolicy("run"))
    database.close()
    with sqlite3.connect(f"{folder}/t.db") as connection:
        return result, connection.execute("SELECT * FROM t ORDER BY id").fetchall()


def test_types_are_stored_exactly(tmp_path):
    types, values, stored = zip(*STORED, strict=True)
    result, rows = load_values(tmp_path, types, ("A", *values), ("B", *[None] * len(types)))
    assert result == (result[0], [])
    for type_, value, want, got in zip(types, values, stored, rows[0][1:], strict=True):
        assert (got, type(got)) == (want, type(want)), f"{type_}: {value!r}"
    assert rows[1][1:] == (None,) * len(types)


def test_every_15_digit_decimal_comes_back(tmp_path):
    values = [Decimal(f"{n * 987654321 % 10**15:015}").scaleb(-5) for n in range(1, 2000, 7)]
    _, rows = load_values(tmp_path, ["decimal(15,5)"], *[(f"{n:05}", value) for n, value in enumerate(values)])
    assert [Decimal(repr(row[1])).quantize(Decimal("0.00001")) for row in rows] == values


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("text", "\ud800"),
        ("bigint", 2**63),
        ("datetimetz", datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))),
    ],
)
def test_value_out_of_range_is_rejected_never_mangled(tmp_path, type_, value):
    (result, [reject]), rows = load_values(tmp_path, [type_], ("A", value), ("B", None))
    assert (result.loaded, reject.key, reject.rule, reject.path) == (1, "A", "database", "t")
    assert rows == [("B", None)]


def test_busy_database_is_waited_for_and_then_given_up(tmp_path):
    target = f"sqlite:///{tmp_path}/t.db?timeout=0.01"
    prepare_target(target, SCHEMA)
    loader = open_database(Target.parse(target))
    other = sqlite3.connect(tmp_path / "t.db")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LoadError, match="database is locked"):
        load_batch(loader, SCHEMA, [order("A", 0)], LoadPolicy("run", retry_seconds=0.2))
    other.rollback()
    assert load_batch(loader, SCHEMA, [order("A", 0)], LoadPolicy("run"))[0].loaded == 1
    loader.close()


def test_batch_is_the_only_writer_from_its_first_look_at_the_ledger(tmp_path):
    target = f"sqlite:///{tmp_path}/t.db"
    prepare_target(target, SCHEMA)
    loader = open_database(Target.parse(target))
    loader.connect()
    loader.begin()
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        sqlite3.connect(tmp_path / "t.db", timeout=0).execute("BEGIN IMMEDIATE")
    loader.close()


def test_readers_do_not_disturb_the_load(tmp_path):
    target = f"sqlite:///{tmp_path}/t.db?timeout=0.01"
    prepare_target(target, SCHEMA)
    reader = sqlite3.connect(tmp_path / "t.db")
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM orders").fetchall()
    loader = open_database(Target.parse(target))
    assert load_batch(loader, SCHEMA, [order("A", 0)], LoadPolicy("run", retry_seconds=0))[0].loaded == 1
    assert reader.execute("SELECT * FROM orders").fetchall() == []
    loader.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_database_in_memory_is_refused(url):
    with pytest.raises(ValueError, match="would end with its worker"):
        open_database(Target.parse(url))


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(TargetError, match=r"there is no folder .*nowhere'; create it"):
        prepare_target(f"sqlite:///{tmp_path}/nowhere/t.db", SCHEMA)


def test_file_that_is_no_database(tmp_path):
    (tmp_path / "t.db").write_text("no database at all, but long enough to be looked at" * 20)
    with pytest.raises(TargetError, match="file is not a database") as raised:
        prepare_target(f"sqlite:///{tmp_path}/t.db", SCHEMA)
    assert raised.value.__cause__ is None


def test_schema_is_left_out_of_the_name(tmp_path):
    target = f"sqlite:///{tmp_path}/t.db"
    prepare_target(target, Schema("c", (Table("t", "t", "dbo", (column("id", "int"),), ("id",), None, ("id",)),)))
    assert sqlite3.connect(tmp_path / "t.db").execute("SELECT * FROM t").fetchall() == []
