"""Every type, at its edges, in every database: stored exactly, or rejected; never changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from tests.databases import TargetDatabase, column
from transforms.insert import LoadPolicy, Target, load_batch, open_database, prepare_target
from transforms.records import MappedRecord, Reject
from transforms.schema import Schema, Table

WEST, UTC = timezone(timedelta(hours=-5)), timezone.utc

EDGES = [
    ("text", ""),
    ("text", " a b "),
    ("text", "NULL"),
    ("text", "\\N"),
    ("text", "\\t \\\\ %s %% ? $1 :a {b}"),
    ("text", "tab\tnew\nline\r\nreturn\r"),
    ("text", "quo'tes \" `back` 🐘 e\u0301 \ufeff \ufffd \U0010ffff"),
    ("text", "x" * 1_000_000),
    ("text", "🐘" * 100_000),
    ("text(10)", "x" * 10),
    ("text(10)", "🐘" * 10),
    ("tinyint", 0),
    ("tinyint", 255),
    ("smallint", -(2**15)),
    ("smallint", 2**15 - 1),
    ("int", -(2**31)),
    ("int", 2**31 - 1),
    ("bigint", -(2**63)),
    ("bigint", 2**63 - 1),
    ("decimal(5)", Decimal("-99999")),
    ("decimal(15,2)", Decimal("9999999999999.99")),
    ("decimal(18,5)", Decimal("1")),
    ("decimal(38,10)", Decimal("-9999999999999999999999999999.0000000001")),
    ("decimal(38,38)", Decimal("1E-38")),
    ("decimal(38)", Decimal("1E+37")),
    ("float", 1.7976931348623157e308),
    ("float", -2.2250738585072014e-308),
    ("float", 0.1),
    ("bool", True),
    ("bool", False),
    ("date", date(1, 1, 1)),
    ("date", date(9999, 12, 31)),
    ("time", time(0)),
    ("time", time(23, 59, 59, 999999)),
    ("datetime", datetime(1, 1, 1)),
    ("datetime", datetime(9999, 12, 31, 23, 59, 59, 999999)),
    ("datetimetz", datetime(1, 1, 1, tzinfo=UTC)),
    ("datetimetz", datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)),
    ("datetimetz", datetime(2024, 5, 31, 23, 0, 0, 1, WEST)),
    ("json", '{"a": [1.50, "\\u00e9 🐘 \\\\ \\"", null, true], "b": {}}'),
    ("json", "123"),
    ("binary", b""),
    ("binary", bytes(range(256)) * 100),
    ("binary(4)", b"\\x00"),
]
HOSTILE = [
    ("text", "a\0b"),
    ("text", "\0"),
    ("text", "\ud800"),
    ("text(3)", "xxxx"),
    ("text(3)", "🐘🐘🐘🐘"),
    ("smallint", 2**15),
    ("bigint", 2**63),
    ("decimal(5,2)", Decimal("1000.00")),
    ("float", float("-inf")),
    ("json", '{"a": "\\u0000"}'),
    ("binary(2)", b"123"),
]
READ: dict[str, Callable[[Any], Any]] = {
    "decimal": lambda value: Decimal(str(value)),
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "datetime": datetime.fromisoformat,
    "datetimetz": datetime.fromisoformat,
    "json": json.loads,
}


def read(type_: str, value: Any) -> Any:
    """What a driver gives, as the contract's type: SQLite keeps many as text or as numbers."""
    name = type_.partition("(")[0]
    if name == "binary":
        return bytes(value)
    return READ[name](value) if name == "decimal" or (name in READ and isinstance(value, str)) else value


def load_values(
    database: TargetDatabase, types: list[str], rows: list[tuple], way: str | None = None
) -> tuple[list[tuple], list[Reject]]:
    """Load rows into a table of columns of these types; return what it holds then, and the rejects."""
    columns = (column("id", "int", nullable=False), *(column(f"c{n}", type_) for n, type_ in enumerate(types)))
    schema = Schema("types", (Table("t", "t", None, columns, ("id",), None, ("id",)),))
    prepare_target(database.target, schema)
    loader = open_database(Target.parse(database.target), way)
    families = [
        MappedRecord(str(n), (n,), "a.xml", n, 0, 1, b"", {"t": [(n, *values)]}) for n, values in enumerate(rows)
    ]
    _, rejects = load_batch(loader, schema, families, LoadPolicy("run"))
    loader.close()
    stored = database.query("SELECT * FROM t ORDER BY id")
    assert len(stored) + len(rejects) == len(rows)
    return stored, rejects


@pytest.mark.parametrize("way", [None, "plain"])
def test_edges_are_stored_exactly(empty_database, way):
    if way and not empty_database.target.startswith("odbc:"):
        pytest.skip("there is one way without ODBC")
    types, values = (list(part) for part in zip(*EDGES, strict=True))
    # A first row of NULL or of short values must not size the others.
    nothing = (None,) * len(types)
    stored, rejects = load_values(empty_database, types, [nothing, tuple(values), nothing, tuple(values)], way)
    assert rejects == []
    assert [row[1:] for row in stored[::2]] == [nothing, nothing]
    for row in stored[1::2]:
        for type_, value, got in zip(types, values, row[1:], strict=True):
            want = json.loads(value) if type_ == "json" else value
            assert read(type_, got) == want, f"{type_}: {str(value)[:80]!r} became {str(got)[:80]!r}"


@pytest.mark.parametrize(("type_", "value"), HOSTILE, ids=[f"{type_}-{value!r:.12}" for type_, value in HOSTILE])
def test_what_a_database_cannot_hold_is_rejected_and_nothing_else(empty_database, type_, value):
    stored, rejects = load_values(empty_database, [type_], [(None,), (value,), (None,)])
    if rejects:
        assert [(reject.ordinal, reject.path, reject.rule) for reject in rejects] == [(1, "t", "database")]
    else:
        want = json.loads(value) if type_ == "json" else value
        assert read(type_, stored[1][1]) == want


def test_nul_is_rejected_with_a_clear_message(empty_database):
    if empty_database.target.startswith("sqlite:"):
        pytest.skip("SQLite holds it")
    _, [reject] = load_values(empty_database, ["text"], [("a\0b",)])
    assert "NUL (U+0000)" in reject.message
