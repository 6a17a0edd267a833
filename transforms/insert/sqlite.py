"""SQLite, through Python's own ``sqlite3``.

The file is in WAL mode: readers never wait for the load. There is one writer at a time; others wait for it.
A commit is safe when the program dies; when the machine loses power, the last ones may be lost as a whole, rows and
ledger together, and a rerun loads them again (``synchronous=NORMAL``).

How the types are stored:

===========================  ==================  ==============================================================
contract                     declared            stored
===========================  ==================  ==============================================================
``text``, ``text(n)``        TEXT, VARCHAR(n)    text; SQLite does not check n: mapping did
``tinyint`` to ``bigint``    INTEGER             integer
``decimal(p, s)``, p <= 15   DECIMAL(p, s)       number, exact: a double holds 15 digits
``decimal(p, s)``, p > 15    DECIMAL_BLOB(p, s)  number where it is exact, else text with exactly s decimals
``float``                    REAL                double
``bool``                     BOOLEAN             0 or 1
``date``, ``time``           DATE, TIME          ISO 8601 text
``datetime``                 DATETIME            ISO 8601 text: 2024-05-31T12:00:00
``datetimetz``               DATETIME            the same in UTC: 2024-05-31T10:00:00+00:00
``json``                     TEXT                text
``binary``                   BLOB                bytes
===========================  ==================  ==============================================================

A decimal is exact as a number where it is a whole number of 64 bits, or has at most 15 digits without its zeros at
both ends. A column that is declared as some BLOB keeps what it is given, number or text; any other would make an
inexact number of a text that looks like one. SQLite takes every text for greater than every number.
A column that is declared as text, as earlier versions did it, holds texts only, with exactly s decimals.

SQLite has no schemas: the schema of a table is left out of its name.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timezone
from decimal import Context, Decimal
from functools import partial
from operator import methodcaller
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.ext.compiler import compiles

from transforms.insert.database import Adapter, Database, Fault, LoadError
from transforms.insert.turn import Turn
from transforms.schema import Column, ColumnType, Table
from transforms.target import Target
from transforms.user_errors import UserError

BUSY_SECONDS = 10
"""How long to wait for another writer before the wait is an error (that is tried again)."""

EXACT_DIGITS = 15

PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "foreign_keys = ON",
    "cache_size = -65536",  # KiB; text keys need the inner pages of many trees at hand
    "wal_autocheckpoint = 8000",  # pages; fewer checkpoints rewrite fewer pages twice
)
TRANSIENT = ("locked", "locking protocol", "schema has changed", "interrupted")
OF_VALUES = ("integer overflow", "malformed JSON", "bad JSON path", "string or blob too big")
"""What a trigger, a check or a computed column says of a value."""

_RULES = {
    "NOT NULL constraint": "not_null",
    "FOREIGN KEY constraint": "foreign_key",
    "UNIQUE constraint": "unique",
    "CHECK constraint": "check",
}


class SpeaksSQLite(Database):
    """SQLite by whatever driver."""

    max_writers = 1
    # SQLite takes 32,766 parameters.
    keys_per_select = 10_000

    def make_dialect(self) -> sa.Dialect:
        return SQLiteDialect_pysqlite()

    def begin(self) -> None:
        # IMMEDIATE: a transaction that reads first and then writes could not wait for another writer.
        self.cursor.execute("BEGIN IMMEDIATE")

    def table_options(self, table: Table) -> dict[str, Any]:
        # A key of several columns would be a second tree beside the table's own: a third more to write.
        return {"sqlite_with_rowid": len(table.primary_key) < 2}

    def primary_key(self, table: Table) -> Sequence[str]:
        self.cursor.execute("SELECT name FROM pragma_table_info(?) WHERE pk > 0", (table.name,))
        return [name for (name,) in self.cursor.fetchall()]

    def schema_name(self, table: Table) -> None:
        return None

    def find_sql(
        self, table: Table, columns: tuple[str, ...], equal: tuple[str, ...], among: str | None, count: int, lock: bool
    ) -> str:
        # BEGIN IMMEDIATE has locked everything.
        return super().find_sql(table, columns, equal, among, count, lock=False)

    def quoted(self, *names: str) -> str:
        # SQLite takes a "name" that it does not know for a text, and no other kind of quotes.
        return ", ".join("`" + name.replace("`", "``") + "`" for name in names)

    def sql_type(self, column_type: ColumnType) -> sa.types.TypeEngine[Any]:
        name, digits = column_type.name, column_type.precision or 0
        if column_type.is_integer:
            return sa.INTEGER()
        if name == "text" and column_type.length is not None:
            return sa.VARCHAR(column_type.length)
        if name == "decimal":
            exact = digits <= EXACT_DIGITS
            return (sa.DECIMAL if exact else _NumberOrText)(digits, column_type.scale)
        return _SQL_TYPES[name]()

    def adapter(self, column_type: ColumnType) -> Adapter | None:
        return _ADAPTERS.get(column_type.name)

    def column_type(self, table: Table, column: Column) -> sa.types.TypeEngine[Any]:
        # A child's key is that of its parent, which an earlier version may have made.
        if column.type.name == "decimal" and self._affinity(table, column) == "TEXT":
            return sa.TEXT()
        return super().column_type(table, column)

    def column_adapter(self, table: Table, column: Column) -> Adapter | None:
        if column.type.name != "decimal":
            return super().column_adapter(table, column)
        scale = column.type.scale or 0
        adapters: dict[str, Adapter] = {"TEXT": partial(_plain, scale), "BLOB": partial(_number_or_text, scale)}
        return adapters.get(self._affinity(table, column), str)

    def _affinity(self, table: Table, column: Column) -> str:
        """That of the column that is there."""
        sql = "SELECT type FROM pragma_table_info(?) WHERE lower(name) = lower(?)"
        self.cursor.execute(sql, (table.name, column.name))
        return affinity("".join(declared for (declared,) in self.cursor.fetchall()))


class SQLite(SpeaksSQLite):
    """A SQLite file as the target."""

    def __init__(self, target: Target, odbc_insert: str | None = None) -> None:
        super().__init__(target, odbc_insert)
        if target.url is None or target.url.database in (None, "", ":memory:"):
            raise UserError("a SQLite target is a file, sqlite:///name.db: one in memory would end with its worker")
        self._url = target.url
        self._turn: Turn | None = None

    def connect(self) -> None:
        super().connect()
        if self._turn is None:
            self._turn = Turn(str(self._url.database))

    def begin(self) -> None:
        if self._turn is not None:
            self._turn.take()
        super().begin()  # if it fails, the caller rolls back

    def commit(self) -> None:
        super().commit()
        self._give_back()

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self._give_back()

    def close(self) -> None:
        super().close()
        if self._turn is not None:
            self._turn.close()
            self._turn = None

    def _give_back(self) -> None:
        if self._turn is not None:
            self._turn.give_back()

    def open_connection(self) -> sqlite3.Connection:
        arguments, options = self.dialect.create_connect_args(self._url)
        folder = Path(arguments[0]).parent
        if not folder.is_dir():
            raise LoadError(f"{self.target}: there is no folder {str(folder)!r}; create it, or correct the path")
        # Beam may set a DoFn up in one thread and call it in another; it never does so at once.
        connection = sqlite3.connect(
            arguments[0], **{"timeout": BUSY_SECONDS, **options, "isolation_level": None, "check_same_thread": False}
        )
        try:
            for pragma in PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection

    def diagnose(self, error: Exception) -> Fault | None:
        if isinstance(error, sqlite3.IntegrityError):
            return Fault("data", _RULES.get(str(error).partition(" failed")[0], "database"))
        if isinstance(error, (sqlite3.DataError, OverflowError, UnicodeError)):
            return Fault("data")
        if isinstance(error, (sqlite3.InterfaceError, sqlite3.ProgrammingError)) and "binding parameter" in str(error):
            return Fault("data")
        if isinstance(error, sqlite3.OperationalError):
            if any(words in str(error) for words in TRANSIENT):
                return Fault("transient")
            if str(error).startswith(OF_VALUES):
                return Fault("data")
        return Fault("fatal") if isinstance(error, sqlite3.Error) else None


def affinity(declared: str) -> str:
    """What a column that is declared so makes of values: ``TEXT``, ``NUMERIC``, or ``BLOB``, which is nothing."""
    # https://sqlite.org/datatype3.html#determination_of_column_affinity
    declared = declared.upper()
    if "INT" in declared:
        return "NUMERIC"
    if any(word in declared for word in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    return "BLOB" if "BLOB" in declared or not declared else "NUMERIC"


class _NumberOrText(sa.DECIMAL[Any]):
    """A decimal of more digits than a number of SQLite holds."""


@compiles(_NumberOrText)
def _declared(type_: _NumberOrText, compiler: Any, **options: Any) -> str:
    return f"DECIMAL_BLOB({type_.precision}, {type_.scale})"


_EXACT = Context(prec=EXACT_DIGITS)


def _number_or_text(scale: int, value: Decimal) -> int | float | str:
    whole = int(value)
    if whole == value and -(2**63) <= whole < 2**63:
        return whole
    return float(value) if _EXACT.plus(value) == value else _plain(scale, value)


def _plain(scale: int, value: Decimal) -> str:
    return f"{value:.{scale}f}"


def _utc(value: datetime) -> str:
    return (value if value.tzinfo is timezone.utc else value.astimezone(timezone.utc)).isoformat()


_SQL_TYPES: dict[str, type[sa.types.TypeEngine[Any]]] = {
    "text": sa.TEXT,
    "float": sa.REAL,
    "bool": sa.BOOLEAN,
    "date": sa.DATE,
    "time": sa.TIME,
    "datetime": sa.DATETIME,
    "datetimetz": sa.DATETIME,
    "json": sa.TEXT,
    "binary": sa.BLOB,
}
_ADAPTERS: dict[str, Adapter] = {
    "date": methodcaller("isoformat"),
    "time": methodcaller("isoformat"),
    "datetime": methodcaller("isoformat"),
    "datetimetz": _utc,
}
