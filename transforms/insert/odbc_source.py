"""What is behind an ODBC connection string: the DBMS names itself, and has a class here or the general one."""

from __future__ import annotations

import re
from contextlib import closing, suppress
from decimal import Decimal
from operator import methodcaller
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGDialect

from transforms.insert.database import Adapter, Fault, translated
from transforms.insert.mssql import SQLServer
from transforms.insert.odbc import ODBC, PLAIN, import_pyodbc, text
from transforms.insert.postgresql import SpeaksPostgreSQL, fault_of_state
from transforms.insert.sqlite import BUSY_SECONDS, OF_VALUES, PRAGMAS, TRANSIENT, SpeaksSQLite
from transforms.schema import ColumnType
from transforms.target import Target

if TYPE_CHECKING:
    import pyodbc


class PostgreSQLByODBC(SpeaksPostgreSQL, ODBC):
    """PostgreSQL by psqlODBC."""

    # An error is the end of our transaction: without a savepoint for each statement rows go in half the time.
    options = ";Protocol=7.4-1"

    def make_dialect(self) -> sa.Dialect:
        return PGDialect(paramstyle="qmark")

    def adapter(self, column_type: ColumnType) -> Adapter | None:
        return _AS_TEXT.get(column_type.name)

    def fault(self, state: str, message: str) -> Fault:
        return super().fault(state, message) if state == "08001" else fault_of_state(state)

    def recover(self) -> None:
        super().recover()
        # psqlODBC says that it has rolled back on a connection that is lost, too: it would be tried again for ever.
        if self.connection is not None:
            try:
                self.cursor.execute("SELECT 1").fetchall()
                self.connection.rollback()
            except Exception:
                with suppress(Exception):
                    self.close()


class SQLiteByODBC(SpeaksSQLite, ODBC):
    """SQLite by sqliteodbc."""

    insert_ways = (PLAIN,)
    options = f";BigInt=Yes;Timeout={1000 * BUSY_SECONDS}"
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

    def adapter(self, column_type: ColumnType) -> Adapter | None:
        return text if column_type.name in ("text", "json") else super().adapter(column_type)

    def fault(self, state: str, message: str) -> Fault:
        if "constraint failed" in message:
            return super().fault("23000", message)
        if any(words in message for words in TRANSIENT):
            return Fault("transient")
        # SQLite's own number: of a constraint, which a trigger may have raised, of a type, or of the length.
        of_row = re.search(r"\((?:18|19|20)\)", message) or any(words in message for words in OF_VALUES)
        return Fault("data" if of_row else "fatal")


def open_source(target: Target, odbc_insert: str | None = None) -> ODBC:
    """The database behind a connection string; connects to ask what it is, and raises as :func:`translated` does."""
    kinds = {"PostgreSQL": PostgreSQLByODBC, "SQLite": SQLiteByODBC, "Microsoft SQL Server": SQLServer}
    unknown = ODBC(target)
    with translated(unknown), closing(unknown):
        unknown.connect()
        name = unknown.connection.getinfo(import_pyodbc().SQL_DBMS_NAME)
    return kinds.get(name, ODBC)(target, odbc_insert)


def _plain(value: Decimal) -> str:
    return f"{value:f}"


_AS_TEXT: dict[str, Adapter] = {
    **dict.fromkeys(("text", "json"), text),
    **dict.fromkeys(("date", "time", "datetime", "datetimetz"), methodcaller("isoformat")),
    "decimal": _plain,
}
