"""Any ODBC source, through pyodbc: ``odbc:<connection string>``.

What database it is, the driver says: PostgreSQL and SQLite get the tables that they get without ODBC, SQL Server is in
:mod:`transforms.insert.mssql`, all others get standard SQL. Rows are inserted in one of these ways (``--odbc_insert``):

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
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect

from transforms.dialects import BY_DBMS, quote_always
from transforms.drivers import drivers_needed
from transforms.insert.database import Adapter, Database, Fault, LoadError, fault_of_connecting
from transforms.records import Row
from transforms.schema import ColumnType, Table
from transforms.target import Target

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
_TRANSIENT = ("08", "40", "HYT0")
_RULES = (
    ("unique", re.compile(r"unique|duplicate|primary key", re.IGNORECASE)),
    ("foreign_key", re.compile(r"foreign key|reference constraint", re.IGNORECASE)),
    ("check", re.compile(r"check constraint", re.IGNORECASE)),
    ("not_null", re.compile(r"\bnull\b", re.IGNORECASE)),
)


class NulError(ValueError):
    """A text that ODBC would end at its NUL character."""


class ODBC(Database):
    """A database behind an ODBC driver that is none of those known by name."""

    insert_ways: ClassVar[tuple[str, ...]] = (FAST, PLAIN)
    options: ClassVar[str] = ""
    """What is added to the connection string."""
    autocommit: ClassVar[bool] = False
    """Whether the driver is kept from beginning transactions of its own."""

    def __init__(self, target: Target, odbc_insert: str | None = None) -> None:
        super().__init__(target, odbc_insert)
        self.way = PLAIN
        self.driver = ""

    def make_dialect(self) -> sa.Dialect:
        return DefaultDialect(paramstyle="qmark")

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
            self.driver = driver_of(connection)
            self.way = self.choose_way(connection)
            if type(self) is ODBC:
                self._quote_as(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def choose_way(self, connection: pyodbc.Connection) -> str:
        """How rows are inserted: as asked, or the best that this driver and server do."""
        fast = FAST in self.insert_ways and any(name in self.driver for name in _FAST_DRIVERS)
        if self.odbc_insert == FAST and not fast:
            raise LoadError(f"{self.target}: the driver {self.driver} cannot do --odbc_insert fast; choose {PLAIN}")
        return self.odbc_insert or (FAST if fast else PLAIN)

    def _quote_as(self, connection: pyodbc.Connection) -> None:
        """Quote names as the driver says: MySQL takes "name" for a text."""
        preparer = self.dialect.identifier_preparer
        preparer.initial_quote = preparer.final_quote = connection.getinfo(
            import_pyodbc().SQL_IDENTIFIER_QUOTE_CHAR
        ).strip()
        preparer.escape_quote = preparer.initial_quote
        preparer.escape_to_quote = preparer.escape_quote * 2

    def _no_driver(self) -> str:
        asked = self.connection_string().lower()
        packages = [package for name, package in _PACKAGES.items() if name in asked] or _PACKAGES.values()
        return f"there is no such ODBC driver or data source here; install {', or '.join(packages)}"

    def exists(self, table: Table) -> bool:
        # The names are patterns, in which _ stands for any character.
        schema = self.schema_name(table)
        found = self.cursor.tables(table=table.name, schema=schema).fetchall()
        return any(row.table_name == table.name and schema in (None, row.table_schem) for row in found)

    def inspector(self) -> sa.Inspector:
        name = self.connection.getinfo(import_pyodbc().SQL_DBMS_NAME)
        if name not in BY_DBMS:
            raise NotImplementedError(f"the tables of {name} cannot be reflected by ODBC")
        engine = sa.create_engine(f"{BY_DBMS[name]}://", creator=lambda: self.connection, poolclass=sa.StaticPool)
        quote_always(engine.dialect)
        return sa.inspect(engine)

    def insert_rows(self, table: Table, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
        statement = self.prepared("insert", table, columns)
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

    def update_rows(self, table: Table, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
        self.cursor.setinputsizes(self.plain_sizes([table[name].type for name in (*columns, *table.record_key)]))
        try:
            super().update_rows(table, columns, rows)
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

    def delete_rows(self, table: Table, keys: Sequence[Row]) -> int:
        # What a driver counts for executemany is its last row, or nothing.
        keys = self.prepared("delete", table, ()).adapt(keys)
        removed = 0
        for start in range(0, len(keys), _KEYS_PER_DELETE):
            part = keys[start : start + _KEYS_PER_DELETE]
            self.cursor.execute(self.delete_sql(table, len(part)), [value for key in part for value in key])
            removed += self.cursor.rowcount
        return removed

    def delete_sql(self, table: Table, count: int) -> str:
        """Deletes the rows of so many records."""
        one = " AND ".join(f"{self.quoted(column)} = ?" for column in table.record_key)
        return f"DELETE FROM {self.table_name(table)} WHERE {' OR '.join([f'({one})'] * count)}"

    def sql_type(self, column_type: ColumnType) -> sa.types.TypeEngine[Any]:
        if column_type.name == "text":
            return sa.TEXT() if column_type.length is None else sa.VARCHAR(column_type.length)
        if column_type.name == "decimal":
            return sa.DECIMAL(column_type.precision, column_type.scale)
        return _SQL_TYPES[column_type.name]

    def adapter(self, column_type: ColumnType) -> Adapter | None:
        return text if column_type.name in ("text", "json") else None

    def diagnose(self, error: Exception) -> Fault | None:
        if isinstance(error, (NulError, UnicodeError, OverflowError)):
            return Fault("data")
        # An error of pyodbc exists only where pyodbc does.
        if type(error).__module__ != "pyodbc":
            return None
        state, message = str(error.args[0]), str(error.args[-1])
        return self.fault(state, message)

    def fault(self, state: str, message: str) -> Fault:
        """What an SQLSTATE and its message mean."""
        if state.startswith("23"):
            rules = (rule for rule, pattern in _RULES if pattern.search(message))
            return Fault("data", next(rules, "database"))
        if state.startswith("22"):
            return Fault("data")
        if state == "08001":
            return fault_of_connecting(message)
        return Fault("transient" if state.startswith(_TRANSIENT) else "fatal")


def import_pyodbc(place: object = "ODBC") -> ModuleType:
    """pyodbc; raises :class:`LoadError` where it cannot be imported."""
    try:
        with drivers_needed(place):
            import pyodbc
    except ValueError as error:
        raise LoadError(str(error)) from None
    # A connection of the driver manager's pool may be one that was lost.
    pyodbc.pooling = False
    return pyodbc


def driver_of(connection: pyodbc.Connection) -> str:
    """The name of the driver's file, in lower case."""
    return str(connection.getinfo(import_pyodbc().SQL_DRIVER_NAME)).lower()


def text(value: str) -> str:
    """The text, if ODBC can hold it."""
    if "\0" in value:
        raise NulError("a text holds the character NUL (U+0000), at which ODBC drivers end a text")
    return value


_SQL_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "tinyint": sa.SMALLINT(),
    "smallint": sa.SMALLINT(),
    "int": sa.INTEGER(),
    "bigint": sa.BIGINT(),
    "float": sa.DOUBLE_PRECISION(),
    "bool": sa.BOOLEAN(),
    "date": sa.DATE(),
    "time": sa.TIME(),
    "datetime": sa.TIMESTAMP(),
    "datetimetz": sa.TIMESTAMP(timezone=True),
    "json": sa.TEXT(),
    "binary": sa.BLOB(),
}
