"""The databases that the load suite runs on, the schema and the records that it loads.

A database joins the suite with a line in ``TARGETS``: a function from the test's folder to a target, and to a URL by
which a test looks into the same database.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa

from tests.servers import need_odbc, new_schema
from tests.servers import postgresql_by_odbc as odbc_target
from transforms.database.database import Database
from transforms.insert import Target, open_database
from transforms.insert.ledger import BOOKKEEPING, LEDGER
from transforms.records import MappedRecord, Row
from transforms.schema import Column, ColumnType, ForeignKey, Schema, Table


def sqlite(folder: Path) -> tuple[str, str]:
    return (f"sqlite:///{folder}/test.db",) * 2


def postgresql(folder: Path) -> tuple[str, str]:
    url = new_schema()[0].render_as_string(hide_password=False)
    return url, url


def sqlite_by_odbc(folder: Path) -> tuple[str, str]:
    need_odbc("SQLite3")
    return f"odbc:DRIVER=SQLite3;Database={folder}/test.db", f"sqlite:///{folder}/test.db"


def postgresql_by_odbc(folder: Path) -> tuple[str, str]:
    url, schema = new_schema()
    return odbc_target(url, schema), url.render_as_string(hide_password=False)


FAR = "postgresql far away"
TARGETS: dict[str, Callable[[Path], tuple[str, str]]] = {
    "sqlite": sqlite,
    "postgresql": postgresql,
    FAR: postgresql,
    "sqlite by odbc": sqlite_by_odbc,
    "postgresql by odbc": postgresql_by_odbc,
}


def column(name: str, type_: str, **options: bool) -> Column:
    return Column(name, ColumnType.parse(type_), **options)


ORDERS = Table(
    label="orders",
    name="orders",
    schema=None,
    columns=(column("order_id", "text(20)", nullable=False), column("customer", "text(10)", nullable=False)),
    primary_key=("order_id",),
    foreign_key=None,
    record_key=("order_id",),
)
LINES = Table(
    label="lines",
    name="order_lines",
    schema=None,
    columns=(
        column("order_id", "text(20)", nullable=False),
        column("line", "int", nullable=False),
        column("price", "decimal(10,2)"),
    ),
    primary_key=("order_id", "line"),
    foreign_key=ForeignKey(("order_id",), "orders", ("order_id",)),
    record_key=("order_id",),
)
SCHEMA = Schema("shop", (ORDERS, LINES))


def order(
    key: str, ordinal: int, customer: str | None = "ann", lines: int | list[Row] = 2, source: str = "a.xml"
) -> MappedRecord:
    """An order at this place of its source, with so many lines, or these."""
    if isinstance(lines, int):
        lines = [(key, number, Decimal("1.50") * number) for number in range(1, lines + 1)]
    rows = {"orders": [(key, customer)], "lines": lines}
    checksum = repr((customer, lines)).encode()[:64]
    return MappedRecord(key, (key,), source, ordinal, 100 * ordinal, 100 * ordinal + 90, checksum, rows)


class TargetDatabase:
    """A target with the tables of :data:`SCHEMA`, and a look into it that is not ours."""

    def __init__(self, target: str, url: str) -> None:
        self.target = target
        self.url = url
        self._engine = sa.create_engine(url)

    def close(self) -> None:
        self._engine.dispose()

    def open(self) -> Database:
        return open_database(Target.parse(self.target))

    def execute(self, *statements: str) -> None:
        with self._engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def query(self, sql: str) -> list[tuple]:
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(sql)]

    def orders(self) -> dict[str, tuple[str, int]]:
        """{order: (customer, number of lines)}"""
        return {
            key: (customer, lines)
            for key, customer, lines in self.query(
                "SELECT o.order_id, o.customer, (SELECT COUNT(*) FROM order_lines l WHERE l.order_id = o.order_id)"
                " FROM orders o ORDER BY o.order_id"
            )
        }

    def ledger(self, *columns: str) -> list[tuple]:
        return self.query(f"SELECT {', '.join(columns)} FROM {LEDGER.name} ORDER BY record_key")

    def clear(self) -> None:
        self.execute(
            "DELETE FROM order_lines", "DELETE FROM orders", *(f"DELETE FROM {table.name}" for table in BOOKKEEPING)
        )
