"""ODBC for PostgreSQL (psqlODBC) and SQLite (sqliteodbc)."""

from __future__ import annotations

import re
from contextlib import suppress
from decimal import Decimal
from operator import methodcaller
from typing import TYPE_CHECKING

from transforms.database.dialects.dialect import Adapter
from transforms.database.dialects.sqlite import PRAGMAS, SQLite
from transforms.database.drivers.odbc import ODBC, PLAIN, text
from transforms.database.errors import Fault, fault_of_connecting
from transforms.schema import ColumnType

if TYPE_CHECKING:
    import pyodbc

_BUSY_MILLISECONDS = 10_000


class PsqlODBC(ODBC):
    """A connection to PostgreSQL."""

    # An error is the end of our transaction: without a savepoint for each statement rows go in half the time.
    options = ";Protocol=7.4-1"

    def adapter(self, verb: str, column_type: ColumnType) -> Adapter | None:
        return _AS_TEXT.get(column_type.name)

    def fault(self, state: str, message: str) -> Fault:
        return fault_of_connecting(message) if state == "08001" else super().fault(state, message)

    def recover(self) -> None:
        super().recover()
        # psqlODBC says that it has rolled back on a connection that is lost, too: it would be tried again for ever.
        if self.connection is not None:
            try:
                self.ask("SELECT 1")
                self.connection.rollback()
            except Exception:
                with suppress(Exception):
                    self.close()


class SQLiteODBC(ODBC):
    """A connection to a SQLite file."""

    dialect: SQLite
    insert_ways = (PLAIN,)
    options = f";BigInt=Yes;Timeout={_BUSY_MILLISECONDS}"
    autocommit = True

    def open_connection(self) -> pyodbc.Connection:
        connection = super().open_connection()
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def commit(self) -> None:
        self.cursor.execute("COMMIT")

    def rollback(self) -> None:
        self.cursor.execute("ROLLBACK")

    def fault(self, state: str, message: str) -> Fault:
        said = message.rpartition("[SQLite]")[2]
        if "constraint failed" in said:
            return self.dialect.fault_of_constraint(said)
        fault = super().fault(state, said)
        # SQLite's own number: of a constraint, which a trigger may have raised, of a type, or of the length.
        of_row = fault.kind == "fatal" and re.search(r"\((?:18|19|20)\)", said)
        return Fault("data") if of_row else fault


def _plain(value: Decimal) -> str:
    return f"{value:f}"


_AS_TEXT: dict[str, Adapter] = {
    **dict.fromkeys(("text", "json"), text),
    **dict.fromkeys(("date", "time", "datetime", "datetimetz"), methodcaller("isoformat")),
    "decimal": _plain,
}
