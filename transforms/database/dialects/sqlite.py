"""SQLite.

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

from collections.abc import Sequence
from datetime import datetime, timezone
from decimal import Context, Decimal
from functools import partial
from operator import methodcaller
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from transforms.database.dialects.dialect import Adapter, Ask, Dialect
from transforms.database.errors import Fault
from transforms.schema import Column, ColumnType, Table

EXACT_DIGITS = 15
BUSY_SECONDS = 10
"""How long to wait for another writer before the wait is an error (that is tried again)."""

PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "foreign_keys = ON",
    "cache_size = -65536",  # KiB; text keys need the inner pages of many trees in memory
    "wal_autocheckpoint = 8000",  # pages; fewer checkpoints rewrite fewer pages twice
)
"""What a connection that writes is set to."""

_TRANSIENT = ("locked", "locking protocol", "schema has changed", "interrupted")
# What a trigger, a check or a computed column says of a value.
_OF_VALUES = ("integer overflow", "malformed JSON", "bad JSON path", "string or blob too big")
_RULES = {
    "NOT NULL constraint": "not_null",
    "FOREIGN KEY constraint": "foreign_key",
    "UNIQUE constraint": "unique",
    "CHECK constraint": "check",
}


class SQLite(Dialect):
    """SQLite's SQL."""

    max_writers = 1
    # SQLite takes 32,766 parameters.
    values_per_select = 10_000
    # A transaction that reads first and then writes could not wait for another writer.
    begin = "BEGIN IMMEDIATE"

    def table_options(self, table: Table) -> dict[str, Any]:
        # A key of several columns would be a second tree beside the table's own: a third more to write.
        return {"sqlite_with_rowid": len(table.primary_key) < 2}

    def primary_key(self, table: Table, ask: Ask) -> Sequence[str]:
        return [name for (name,) in ask("SELECT name FROM pragma_table_info(?) WHERE pk > 0", (table.name,))]

    def schema_name(self, table: Table) -> None:
        return None

    def select(self, table: Table, columns: Sequence[str], conditions: Sequence[str], lock: bool = False) -> str:
        # BEGIN IMMEDIATE has locked everything.
        return super().select(table, columns, conditions, lock=False)

    def quoted(self, *names: str) -> str:
        # SQLite takes a "name" that it does not know for a text, and no other kind of quotes.
        return ", ".join("`" + name.replace("`", "``") + "`" for name in names)

    def sql_type(self, column_type: ColumnType) -> sa.types.TypeEngine[Any]:
        name, digits = column_type.name, column_type.precision or 0
        if column_type.is_integer:
            return sa.INTEGER()
        if name == "decimal":
            return (sa.DECIMAL if digits <= EXACT_DIGITS else _NumberOrText)(digits, column_type.scale)
        return _SQL_TYPES.get(name) or super().sql_type(column_type)

    def column_type(self, table: Table, column: Column, ask: Ask | None) -> sa.types.TypeEngine[Any]:
        # A child's key is that of its parent, which an earlier version may have made.
        if column.type.name == "decimal" and ask is not None and _affinity_of(table, column, ask) == "TEXT":
            return sa.TEXT()
        return super().column_type(table, column, ask)

    def adapter(self, table: Table, column: Column, ask: Ask) -> Adapter | None:
        if column.type.name != "decimal":
            return _ADAPTERS.get(column.type.name)
        scale = column.type.scale or 0
        adapters: dict[str, Adapter] = {"TEXT": partial(_plain, scale), "BLOB": partial(_number_or_text, scale)}
        return adapters.get(_affinity_of(table, column, ask), str)

    def fault(self, state: str, message: str) -> Fault:
        """What a message means: SQLite has no SQLSTATE."""
        if any(words in message for words in _TRANSIENT):
            return Fault("transient")
        return Fault("data" if message.startswith(_OF_VALUES) else "fatal")

    def fault_of_constraint(self, message: str) -> Fault:
        """What is meant where it is known to be of a constraint."""
        return Fault("data", _RULES.get(message.partition(" failed")[0], "database"))


def _affinity_of(table: Table, column: Column, ask: Ask) -> str:
    """That of the column that is there."""
    sql = "SELECT type FROM pragma_table_info(?) WHERE lower(name) = lower(?)"
    return affinity("".join(declared for (declared,) in ask(sql, (table.name, column.name))))


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


_SQL_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "float": sa.REAL(),
    "datetime": sa.DATETIME(),
    "datetimetz": sa.DATETIME(),
}
_ADAPTERS: dict[str, Adapter] = {
    **dict.fromkeys(("date", "time", "datetime"), methodcaller("isoformat")),
    "datetimetz": _utc,
}
