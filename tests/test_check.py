"""Contract against target, before anything is written: each finding, and none where all is well."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mssql, postgresql

from pipeline.command import main
from pipeline.preflight import Finding, check_target, compare
from tests.databases import LINES, ORDERS, SCHEMA, column
from tests.jobs import Folder, order, orders
from transforms import prepare_target
from transforms.database.capacity import narrower
from transforms.database.reflection import FoundColumn, FoundKey, FoundTable
from transforms.schema import TYPE_NAMES, ColumnType, Schema, Table

TEXT = sa.VARCHAR(20)
THERE_ORDERS = FoundTable(
    (FoundColumn("order_id", TEXT, False), FoundColumn("customer", sa.VARCHAR(10), False)), ("order_id",)
)
THERE_LINES = FoundTable(
    (
        FoundColumn("order_id", TEXT, False),
        FoundColumn("line", sa.Integer(), False),
        FoundColumn("price", sa.Numeric(10, 2)),
    ),
    ("order_id", "line"),
    (FoundKey(("order_id",), "orders"),),
)


def found(
    orders: FoundTable = THERE_ORDERS, lines: FoundTable = THERE_LINES, dialect: str = "postgresql"
) -> list[Finding]:
    """The findings, without those of our own tables, which are missing."""
    findings = compare(SCHEMA, {"orders": orders, "lines": lines}, dialect)
    return [finding for finding in findings if not finding.table.startswith("beamshred_")]


def one(**tables: Any) -> Finding:
    [finding] = found(**tables)
    return finding


def with_column(table: FoundTable, called: str, **changed: Any) -> FoundTable:
    columns = tuple(replace(one, **changed) if one.name == called else one for one in table.columns)
    return replace(table, columns=columns)


def plus(table: FoundTable, **column: Any) -> FoundTable:
    return replace(table, columns=(*table.columns, FoundColumn("extra", TEXT, **column)))


def test_table_that_is_as_the_contract_wants_has_no_findings() -> None:
    assert found() == []


@pytest.mark.parametrize(("create", "severity"), [(True, "note"), (False, "error")])
def test_missing_table_is_an_error_only_where_none_is_created(create: bool, severity: str) -> None:
    findings = compare(SCHEMA, {}, "sqlite", create)
    assert [(one.severity, one.table) for one in findings] == [
        (severity, "orders"), (severity, "order_lines"), (severity, "beamshred_ledger"),
        (severity, "beamshred_duplicates"), (severity, "beamshred_runs"), (severity, "beamshred_tables"),
    ]  # fmt: skip


def test_missing_column() -> None:
    finding = one(orders=replace(THERE_ORDERS, columns=THERE_ORDERS.columns[:1]))
    assert (finding.severity, finding.table, finding.column) == ("error", "orders", "customer")
    assert "text(10)" in finding.remedy


def test_case_of_a_column_counts_in_postgresql_only() -> None:
    there = with_column(THERE_ORDERS, "customer", name="Customer")
    assert found(orders=there, dialect="sqlite") == []
    finding = one(orders=there)
    assert (finding.severity, finding.remedy) == ("error", "write Customer in the contract")


def test_column_that_nothing_fills() -> None:
    assert one(orders=plus(THERE_ORDERS, nullable=False)).severity == "error"
    assert found(orders=plus(THERE_ORDERS, nullable=True)) == []
    assert found(orders=plus(THERE_ORDERS, nullable=False, filled=True)) == []


def test_not_null_column_of_values_that_may_be_missing() -> None:
    finding = one(lines=with_column(THERE_LINES, "price", nullable=False))
    assert (finding.severity, finding.column) == ("warning", "price")
    assert "required: true" in finding.remedy


def test_not_null_column_left_to_its_default() -> None:
    price = replace(LINES["price"], may_be_absent=True)
    schema = Schema("shop", (ORDERS, replace(LINES, columns=(*LINES.columns[:2], price))))
    for filled in (True, False):
        lines = with_column(THERE_LINES, "price", nullable=False, filled=filled)
        findings = compare(schema, {"orders": THERE_ORDERS, "lines": lines}, "postgresql")
        assert ("price" in {finding.column for finding in findings}) is not filled


def test_computed_column_takes_no_value() -> None:
    assert one(lines=with_column(THERE_LINES, "price", computed=True)).severity == "error"


@pytest.mark.parametrize(("there", "wanted"), [(True, False), (False, True)])
def test_identity_must_agree_in_sql_server(there: bool, wanted: bool) -> None:
    line = replace(LINES["line"], identity=wanted)
    schema = Schema("shop", (ORDERS, replace(LINES, columns=(LINES.columns[0], line, LINES.columns[2]))))
    lines = with_column(THERE_LINES, "line", identity=there)
    tables = {"orders": THERE_ORDERS, "lines": lines}
    [finding] = [one for one in compare(schema, tables, "mssql") if one.column == "line"]
    assert finding.severity == "error"
    assert [one for one in compare(schema, tables, "postgresql") if one.column == "line"] == []


@pytest.mark.parametrize(
    ("key", "severity"),
    [
        (("order_id",), "error"),
        (("price",), "warning"),
        (("LINE", "order_id"), None),
        (("order_id", "line", "price"), None),
        (("extra",), None),
        ((), "note"),
    ],
)
def test_primary_key_that_would_refuse_rows(key: tuple[str, ...], severity: str | None) -> None:
    lines = replace(plus(THERE_LINES, filled=True), primary_key=key)
    assert [finding.severity for finding in found(lines=lines)] == ([] if severity is None else [severity])


def test_foreign_key_to_a_table_that_is_loaded_later() -> None:
    later = replace(THERE_ORDERS, foreign_keys=(FoundKey(("customer",), "ORDER_LINES"),))
    finding = one(orders=later)
    assert (finding.severity, finding.column) == ("error", "customer")


def test_foreign_key_to_itself_or_to_others() -> None:
    own, other = FoundKey(("customer",), "orders"), FoundKey(("customer",), "customers")
    unfilled = FoundKey(("extra",), "customers")
    there = replace(plus(THERE_ORDERS), foreign_keys=(own, other, unfilled))
    finding = one(orders=there)
    assert (finding.severity, finding.column, "customers" in finding.message) == ("warning", "customer", True)


def test_missing_foreign_key_is_a_note() -> None:
    assert one(lines=replace(THERE_LINES, foreign_keys=())).severity == "note"


def test_worst_findings_come_first() -> None:
    there = replace(plus(with_column(THERE_LINES, "price", nullable=False), nullable=False), foreign_keys=())
    assert [finding.severity for finding in found(lines=there)] == ["error", "warning", "note"]


@pytest.mark.parametrize(
    ("wanted", "there", "dialect", "severity"),
    [
        ("text(20)", sa.VARCHAR(20), "postgresql", None),
        ("text(21)", sa.VARCHAR(20), "postgresql", "error"),
        ("text", sa.VARCHAR(20), "postgresql", "warning"),
        ("text", sa.TEXT(), "postgresql", None),
        ("text(5)", sa.Integer(), "postgresql", "error"),
        ("text(5)", sa.UUID(), "postgresql", "warning"),
        ("text(5)", mssql.VARCHAR(5), "mssql", "warning"),
        ("text(5)", mssql.NVARCHAR(5), "mssql", None),
        ("text", mssql.NVARCHAR("max"), "mssql", None),
        ("text(21)", sa.VARCHAR(20), "sqlite", None),
        ("text", sa.Integer(), "sqlite", "error"),
        ("text", sa.Date(), "sqlite", "error"),
        ("json", postgresql.JSONB(), "postgresql", None),
        ("json", sa.VARCHAR(100), "postgresql", "warning"),
        ("binary(9)", postgresql.BYTEA(), "postgresql", None),
        ("binary(9)", mssql.VARBINARY(8), "mssql", "error"),
        ("binary", sa.VARCHAR(9), "postgresql", "error"),
        ("int", sa.SmallInteger(), "postgresql", "error"),
        ("tinyint", sa.SmallInteger(), "postgresql", None),
        ("smallint", mssql.TINYINT(), "mssql", "error"),
        ("bigint", sa.Integer(), "sqlite", None),
        ("int", sa.Numeric(9, 0), "postgresql", "error"),
        ("int", sa.Numeric(10, 0), "postgresql", None),
        ("int", sa.Double(), "postgresql", None),
        ("bigint", sa.Double(), "postgresql", "error"),
        ("int", sa.VARCHAR(20), "postgresql", "warning"),
        ("decimal(10,2)", sa.Numeric(10, 2), "postgresql", None),
        ("decimal(10,2)", sa.Numeric(12, 4), "postgresql", None),
        ("decimal(10,2)", sa.Numeric(10, 3), "postgresql", "error"),
        ("decimal(10,2)", sa.Numeric(12, 1), "postgresql", "error"),
        ("decimal(38,10)", sa.Numeric(), "postgresql", None),
        ("decimal(10,2)", mssql.MONEY(), "mssql", None),
        ("decimal(18,5)", mssql.MONEY(), "mssql", "error"),
        ("decimal(9,0)", sa.Integer(), "postgresql", None),
        ("decimal(10,0)", sa.Integer(), "postgresql", "error"),
        ("decimal(9,1)", sa.BigInteger(), "postgresql", "error"),
        ("decimal(15,2)", sa.Double(), "postgresql", "warning"),
        ("decimal(16,2)", sa.Double(), "postgresql", "error"),
        ("decimal(16,2)", sa.Numeric(16, 2), "sqlite", "error"),
        ("decimal(15,2)", sa.Numeric(15, 2), "sqlite", None),
        ("decimal(16,2)", sa.types.NullType(), "sqlite", None),
        ("decimal(16,2)", sa.TEXT(), "sqlite", "warning"),
        ("float", sa.REAL(), "postgresql", "error"),
        ("float", sa.REAL(), "sqlite", None),
        ("float", sa.Double(), "postgresql", None),
        ("float", sa.Numeric(10, 2), "postgresql", "error"),
        ("bool", sa.Boolean(), "postgresql", None),
        ("bool", sa.Integer(), "postgresql", "error"),
        ("bool", sa.Integer(), "mssql", None),
        ("date", sa.DateTime(), "postgresql", None),
        ("datetime", sa.Date(), "postgresql", "error"),
        ("datetime", sa.DateTime(timezone=True), "postgresql", "warning"),
        ("datetime", mssql.DATETIME2(6), "mssql", None),
        ("datetime", mssql.DATETIME(), "mssql", "warning"),
        ("datetime", mssql.SMALLDATETIME(), "mssql", "error"),
        ("datetimetz", sa.DateTime(), "postgresql", "error"),
        ("datetimetz", mssql.DATETIMEOFFSET(6), "mssql", None),
        ("time", sa.DateTime(), "postgresql", "error"),
    ],
)
def test_types_that_narrow(wanted: str, there: Any, dialect: str, severity: str | None) -> None:
    problem = narrower(ColumnType.parse(wanted), there, dialect)
    assert (problem and problem[0]) == severity


def test_tables_that_a_run_creates_have_no_findings(empty_database: Any) -> None:
    """On every database: what CREATE TABLE makes of a type holds it."""
    types = [
        *(name for name in TYPE_NAMES if name != "decimal"),
        "text(35)",
        "binary(16)",
        "decimal(10,2)",
        "decimal(38,10)",
    ]
    columns = (column("k", "int", nullable=False), *(column(f"c{at}", type_) for at, type_ in enumerate(types)))
    schema = Schema("shop", (ORDERS, LINES, Table("t", "t", None, columns, ("k",), None, ("k",))))
    assert {finding.severity for finding in check_target(empty_database.target, schema)} == {"note"}
    prepare_target(empty_database.target, schema)
    assert check_target(empty_database.target, schema) == []


def test_reflected_table_that_differs(empty_database: Any) -> None:
    empty_database.execute(
        "CREATE TABLE orders (order_id VARCHAR(20) NOT NULL PRIMARY KEY, customer INTEGER, status VARCHAR(5) NOT NULL)",
        "CREATE TABLE order_lines (order_id VARCHAR(20) NOT NULL, line INTEGER NOT NULL, price NUMERIC(10, 2) NOT NULL,"
        " note VARCHAR(5) DEFAULT 'x' NOT NULL, PRIMARY KEY (order_id))",
    )
    findings = check_target(empty_database.target, SCHEMA)
    assert sorted((one.severity, one.table, one.column or "") for one in findings) == [
        ("error", "order_lines", ""),
        ("error", "orders", "customer"),
        ("error", "orders", "status"),
        ("note", "beamshred_duplicates", ""),
        ("note", "beamshred_ledger", ""),
        ("note", "beamshred_runs", ""),
        ("note", "beamshred_tables", ""),
        ("note", "order_lines", "order_id"),
        ("warning", "order_lines", "price"),
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.write("a.xml", orders([order(1)]))
    return made


def test_check_looks_and_writes_nothing(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(folder.arguments("--check")) == 0
    assert not folder.database.exists()
    assert not folder.run_dir.exists()
    said = capsys.readouterr().out
    assert said.splitlines()[0] == "The target takes all that the contract gives."
    assert "A run creates what is missing: orders, line, beamshred_ledger" in said.replace("\n", " ")


def test_run_stops_before_the_first_write(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(folder.database)) as connection, connection:
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, name INTEGER, amount TEXT)")
    assert main(folder.arguments("--check", inputs=())) == 2
    assert "007" in capsys.readouterr().out
    assert folder.run() == 2
    assert "nothing was written: orders.name: " in " ".join(capsys.readouterr().err.split())
    assert folder.rows("SELECT name FROM sqlite_master WHERE type = 'table'") == [("orders",)]


def test_check_after_a_run_finds_nothing(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert folder.run() == 0
    assert main(folder.arguments("--check")) == 0
    assert capsys.readouterr().out == "The target takes all that the contract gives.\n"


def test_check_of_a_target_that_cannot_be_reached(folder: Folder) -> None:
    assert main([*folder.arguments("--check"), "--target", "sqlite:///no/such/folder/x.db"]) == 2


@pytest.mark.parametrize("dialect", ["sqlite", "mssql", "mysql", "postgresql"])
def test_names_that_differ_in_case_only(dialect: str) -> None:
    twice = replace(ORDERS, label="copies", name="Orders", columns=(*ORDERS.columns, column("CUSTOMER", "text")))
    findings = compare(Schema("shop", (ORDERS, twice)), {}, dialect)
    errors = [(one.table, one.column) for one in findings if one.severity == "error"]
    assert errors == ([] if dialect == "postgresql" else [("Orders", None), ("Orders", "CUSTOMER")])


@pytest.mark.parametrize("dialect", ["sqlite", "mssql", "postgresql"])
def test_tables_that_differ_in_their_schema_only(dialect: str) -> None:
    tables = [replace(ORDERS, label=schema, schema=schema) for schema in ("dbo", "old")]
    findings = compare(Schema("shop", tuple(tables)), {}, dialect)
    errors = [one.table for one in findings if one.severity == "error"]
    assert errors == (["old.orders"] if dialect == "sqlite" else [])


def test_columns_that_differ_in_case_only_are_an_error_before_anything_is_written(folder: Folder) -> None:
    twice = "      name: name\n      Name: name\n"
    folder.contract.write_text(folder.contract.read_text().replace("      name: name\n", twice))
    folder.write("a.xml", orders([order(1)]))
    assert folder.run("--check", inputs=["*.xml"]) == 2
    assert folder.run(inputs=["*.xml"]) == 2
    assert not folder.database.exists()
