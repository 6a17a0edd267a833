"""pyodbc: PostgreSQL by psqlODBC, SQLite by sqliteodbc, and any other ODBC source.

Rows are inserted in one of these ways (``--odbc_insert``):

=========  ================================================================================================
``fast``   ``executemany`` with arrays of parameters, where the driver is known to do it right
``plain``  ``executemany``, a call to the server for each row, with any driver
=========  ================================================================================================

A text with a NUL character is rejected: drivers end it there. Dates, times and decimals go as text to PostgreSQL and
SQLite: their drivers lose fractions of seconds, and digits.

pyodbc needs a driver manager (Debian: ``libodbc2``) and the driver of the database; it is imported when it is used.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from operator import methodcaller
from typing import TYPE_CHECKING, Any, ClassVar

from transforms.database.dialects.dialect import DELETE, INSERT, Adapter, Dialect
from transforms.database.dialects.sqlite import BUSY_SECONDS, PRAGMAS, SQLite
from transforms.database.drivers.driver import Driver
from transforms.database.engines import DIALECTS
from transforms.database.errors import Fault, LoadError, fault_of_connecting
from transforms.database.packages import import_pyodbc
from transforms.database.target import Target
from transforms.records import Row
from transforms.schema import ColumnType, Table

if TYPE_CHECKING:
    import pyodbc

FAST, PLAIN = "fast", "plain"

# Arrays of parameters crash the process in sqliteodbc and FreeTDS: a driver must be known to do them right.
_FAST_DRIVERS = ("msodbcsql", "psqlodbc")
_FAST_ROWS, _FAST_BYTES = 1000, 8 * 2**20
_KEYS_PER_DELETE = 100

_PACKAGES = {
    "postgres": "Debian's package odbc-postgresql",
    "sqlite": "Debian's package libsqliteodbc",
    "freetds": "Debian's package tdsodbc",
    "sql server": "Microsoft's package msodbcsql18, or pip install mssql-python",
}
_NO_DRIVER = ("IM002", "IM003", "01000")


class NulError(ValueError):
    """A text that ODBC would end at its NUL character."""


class ODBC(Driver):
    """A connection by a driver of ODBC."""

    insert_ways: ClassVar[tuple[str, ...]] = (FAST, PLAIN)
    options: ClassVar[str] = ""
    """What is added to the connection string."""
    autocommit: ClassVar[bool] = False
    """Whether the driver is kept from beginning transactions of its own."""

    def __init__(self, target: Target, dialect: Dialect, odbc_insert: str | None = None) -> None:
        super().__init__(target, dialect, odbc_insert)
        self.way = PLAIN
        self.library = ""
        """The name of the driver's file, in lower case."""

    def connection_string(self) -> str:
        return (self.target.odbc or "").rstrip("; ") + self.options

    def open_connection(self) -> pyodbc.Connection:
        driver_manager = import_pyodbc(self.target)
        try:
            connection = driver_manager.connect(self.connection_string(), autocommit=self.autocommit)
        except driver_manager.Error as error:
            # FreeTDS gives 01000 for a connection that ends, too.
            if error.args[0] not in _NO_DRIVER or "[FreeTDS]" in error.args[1]:
                raise
            raise LoadError(f"{self.target}: {self._no_driver()} ({self.target.mask(error.args[1])})") from None
        try:
            self.library = str(connection.getinfo(driver_manager.SQL_DRIVER_NAME)).lower()
            self.way = self.choose_way(connection)
            if type(self.dialect) is Dialect:
                self.dialect.quote_by(connection.getinfo(driver_manager.SQL_IDENTIFIER_QUOTE_CHAR).strip())
        except BaseException:
            connection.close()
            raise
        return connection

    def choose_way(self, connection: pyodbc.Connection) -> str:
        """How rows are inserted: as asked, or the best that this driver and server do."""
        fast = FAST in self.insert_ways and any(name in self.library for name in _FAST_DRIVERS)
        if self.odbc_insert == FAST and not fast:
            raise LoadError(f"{self.target}: the driver {self.library} cannot do --odbc_insert fast; choose {PLAIN}")
        return self.odbc_insert or (FAST if fast else PLAIN)

    def _no_driver(self) -> str:
        asked = self.connection_string().lower()
        packages = [package for name, package in _PACKAGES.items() if name in asked] or _PACKAGES.values()
        return f"there is no such ODBC driver or data source here; install {', or '.join(packages)}"

    def existing(self, tables: Sequence[Table]) -> set[str]:
        return {table.label for table in tables if self._exists(table)}

    def _exists(self, table: Table) -> bool:
        # The names are patterns, in which _ stands for any character.
        schema = self.dialect.schema_name(table)
        found = self.cursor.tables(table=table.name, schema=schema).fetchall()
        return any(row.table_name == table.name and schema in (None, row.table_schem) for row in found)

    @property
    def reflection(self) -> str:
        name = dbms_of(self.connection)
        if name not in DIALECTS:
            raise NotImplementedError(f"the tables of {name} cannot be reflected by ODBC")
        return DIALECTS[name]

    def insert(self, table: Table, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
        statement = self.prepared(INSERT, table, columns)
        rows = statement.adapt(rows)
        types = [table[name].type for name in columns]
        step = len(rows)
        if self.way == FAST:
            sizes = list(map(self.input_size, types, zip(*rows, strict=True)))
            # So many rows of these sizes are in memory at once.
            step = min(_FAST_ROWS, max(1, _FAST_BYTES // sum(max(size, 8) for _, size, _ in sizes)))
            self.cursor.setinputsizes(sizes)
        else:
            self.cursor.setinputsizes(self.plain_sizes(types))
        self.cursor.fast_executemany = self.way == FAST
        try:
            for start in range(0, len(rows), step):
                self.cursor.executemany(statement.sql, rows[start : start + step])
        finally:
            # The sizes would be those of the next statement, too.
            self.cursor.setinputsizes(None)
            self.cursor.fast_executemany = False

    def update(self, table: Table, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
        self.cursor.setinputsizes(self.plain_sizes([table[name].type for name in (*columns, *table.record_key)]))
        try:
            super().update(table, columns, rows)
        finally:
            self.cursor.setinputsizes(None)

    def plain_sizes(self, types: Sequence[ColumnType]) -> list[tuple[int, int, int] | None] | None:
        """The ODBC types, sizes and decimals of parameters, where they cannot be left to the values."""
        return None

    def input_size(self, column_type: ColumnType, values: Sequence[Any]) -> tuple[int, int, int]:
        """The ODBC type, size and decimals of a parameter that holds these values."""
        odbc = import_pyodbc()
        if column_type.is_integer:
            return odbc.SQL_BIGINT, 0, 0
        if column_type.name == "float":
            return odbc.SQL_DOUBLE, 0, 0
        if column_type.name == "bool":
            return odbc.SQL_BIT, 0, 0
        longest = max((len(value) for value in values if value is not None), default=1) or 1
        if column_type.name == "binary":
            return odbc.SQL_VARBINARY, longest, 0
        # UTF-16: a character may take two.
        return odbc.SQL_WVARCHAR, 2 * longest, 0

    def delete(self, table: Table, keys: Sequence[Row]) -> int:
        # What a driver counts for executemany is its last row, or nothing.
        keys = self.prepared(DELETE, table, ()).adapt(keys)
        removed = 0
        for start in range(0, len(keys), _KEYS_PER_DELETE):
            part = keys[start : start + _KEYS_PER_DELETE]
            sql = self.dialect.delete_many(table, len(part), self.parameter)
            self.cursor.execute(sql, [value for key in part for value in key])
            removed += self.cursor.rowcount
        return removed

    def adapter(self, verb: str, column_type: ColumnType) -> Adapter | None:
        return text if column_type.name in ("text", "json") else None

    def diagnose(self, error: Exception) -> Fault | None:
        if isinstance(error, (NulError, UnicodeError, OverflowError)):
            return Fault("data")
        # An error of pyodbc exists only where pyodbc does.
        if type(error).__module__ != "pyodbc":
            return None
        return self.fault(str(error.args[0]), str(error.args[-1]))

    def fault(self, state: str, message: str) -> Fault:
        """What an SQLSTATE and the driver's message mean."""
        return self.dialect.fault(state, message)


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

    def fault(self, state: str, message: str) -> Fault:
        said = message.rpartition("[SQLite]")[2]
        if "constraint failed" in said:
            return self.dialect.fault_of_constraint(said)
        fault = super().fault(state, said)
        # SQLite's own number: of a constraint, which a trigger may have raised, of a type, or of the length.
        of_row = fault.kind == "fatal" and re.search(r"\((?:18|19|20)\)", said)
        return Fault("data") if of_row else fault


def dbms_of(connection: pyodbc.Connection) -> str:
    """The name that the driver gives the database."""
    return str(connection.getinfo(import_pyodbc().SQL_DBMS_NAME))


def text(value: str) -> str:
    """The text, if ODBC can hold it."""
    if "\0" in value:
        raise NulError("a text holds the character NUL (U+0000), at which ODBC drivers end a text")
    return value


def exact(value: Decimal) -> str:
    """A decimal as a text, without an exponent."""
    return f"{value:f}"


_AS_TEXT: dict[str, Adapter] = {
    **dict.fromkeys(("text", "json"), text),
    **dict.fromkeys(("date", "time", "datetime", "datetimetz"), methodcaller("isoformat")),
    "decimal": exact,
}
