"""What a database understands: its names, types, statements and catalogue, and what its errors mean.

:class:`Dialect` is standard SQL. A database has a subclass that overrides what differs there. It knows nothing of how
statements are sent: that is the driver's part (:mod:`transforms.database.drivers`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import sqlalchemy as sa

from transforms.database.errors import Fault, fault_of_connecting
from transforms.records import Row
from transforms.schema import Column, ColumnType, Table

Adapter = Callable[[Any], Any]
"""Makes of a value what the driver is given; it is not called for NULL."""

Ask = Callable[[str, Sequence[Any]], list[Row]]
"""Executes a query with its parameters, and returns all its rows."""

INSERT, UPDATE, DELETE = "insert", "update", "delete"

_TRANSIENT = ("08", "40", "HYT0")
_RULES = (
    ("unique", re.compile(r"unique|duplicate|primary key", re.IGNORECASE)),
    ("foreign_key", re.compile(r"foreign key|reference constraint", re.IGNORECASE)),
    ("check", re.compile(r"check constraint", re.IGNORECASE)),
    ("not_null", re.compile(r"\bnull\b", re.IGNORECASE)),
)


class Dialect:
    """Standard SQL.

    ``sqlalchemy`` is the dialect of SQLAlchemy that writes DDL and quotes names; how it marks parameters is how the
    driver reads them.
    """

    max_writers: ClassVar[int | None] = None
    """How many connections may usefully write at once; ``None``: as many as there are workers."""
    values_per_select: ClassVar[int] = 500
    begin: ClassVar[str | None] = None
    """Begins a transaction that writes; ``None``: drivers do so by themselves at the first statement."""

    def __init__(self, sqlalchemy: sa.Dialect) -> None:
        self.sqlalchemy = quote_always(sqlalchemy)
        self._doubles_percent = sqlalchemy.paramstyle in ("format", "pyformat")
        self.placeholder = "%s" if self._doubles_percent else "?"

    @property
    def name(self) -> str:
        """SQLAlchemy's name of the database."""
        return self.sqlalchemy.name

    # Names.

    def quoted(self, *names: str) -> str:
        return ", ".join(map(self.sqlalchemy.identifier_preparer.quote, names))

    def schema_name(self, table: Table) -> str | None:
        """The schema of a table, where the database has schemas."""
        return table.schema

    def table_name(self, table: Table) -> str:
        schema = self.schema_name(table)
        prefix = "" if schema is None else self.sqlalchemy.identifier_preparer.quote_schema(schema) + "."
        return prefix + self.quoted(table.name)

    def quote_by(self, mark: str) -> None:
        """Quote names by this mark: MySQL takes "name" for a text."""
        preparer = self.sqlalchemy.identifier_preparer
        preparer.initial_quote = preparer.final_quote = preparer.escape_quote = mark
        preparer.escape_to_quote = mark * 2

    def folded(self, name: str) -> str:
        """What names have in common that the database takes for the same."""
        return name.lower()

    def full_name(self, table: Table) -> str:
        """One name for all names of a table of this database."""
        schema = self.schema_name(table)
        return self.folded(table.name if schema is None else f"{schema}.{table.name}")

    def without_parameters(self, sql: str) -> str:
        """A statement as it is written where it has no parameters: only with them a driver reads %% as one %."""
        return sql.replace("%%", "%") if self._doubles_percent else sql

    # Types.

    def sql_type(self, column_type: ColumnType) -> sa.types.TypeEngine[Any]:
        """The type of a column in CREATE TABLE."""
        if column_type.name == "text":
            return sa.TEXT() if column_type.length is None else sa.VARCHAR(column_type.length)
        if column_type.name == "decimal":
            return sa.DECIMAL(column_type.precision, column_type.scale)
        return _SQL_TYPES[column_type.name]

    def column_type(self, table: Table, column: Column, ask: Ask | None) -> sa.types.TypeEngine[Any]:
        """The same for a column of a table. Without ``ask`` there is no connection to look at what is there."""
        return self.sql_type(column.type)

    def adapter(self, table: Table, column: Column, ask: Ask) -> Adapter | None:
        """How values of a column are stored; ``None``: as they are."""
        return None

    def table_options(self, table: Table) -> dict[str, Any]:
        """What SQLAlchemy's ``Table`` is to know about a table in this database besides its columns."""
        return {}

    def primary_key_options(self, table: Table) -> dict[str, Any]:
        """The same about its primary key."""
        return {}

    # Statements.

    def statement(
        self, verb: str, table: Table, columns: tuple[str, ...], parameter: Callable[[ColumnType], str]
    ) -> str:
        """INSERT of, UPDATE of or DELETE by columns; ``parameter`` is the place of a value of a type.

        What is updated or deleted is found by ``table.record_key``, whose values come last.
        """
        name = self.table_name(table)

        def given(names: Sequence[str]) -> list[str]:
            return [f"{self.quoted(column)} = {parameter(table[column].type)}" for column in names]

        if verb == INSERT:
            marks = ", ".join(parameter(table[column].type) for column in columns)
            return f"INSERT INTO {name} ({self.quoted(*columns)}) VALUES ({marks})"
        changed = f"UPDATE {name} SET {', '.join(given(columns))}" if verb == UPDATE else f"DELETE FROM {name}"
        return f"{changed} WHERE {' AND '.join(given(table.record_key))}"

    def delete_many(self, table: Table, records: int, parameter: Callable[[ColumnType], str]) -> str:
        """DELETE of the rows of so many records."""
        one = " AND ".join(f"{self.quoted(name)} = {parameter(table[name].type)}" for name in table.record_key)
        return f"DELETE FROM {self.table_name(table)} WHERE {' OR '.join([f'({one})'] * records)}"

    def select(self, table: Table, columns: Sequence[str], conditions: Sequence[str], lock: bool = False) -> str:
        """SELECT of columns; ``lock``: no other transaction changes the rows before this one ends."""
        return (
            f"SELECT {self.quoted(*columns)} FROM {self.table_name(table)} WHERE {' AND '.join(conditions)}"
            f"{' FOR UPDATE' if lock else ''}"
        )

    def among(self, column: str, values: Sequence[str]) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Conditions that a column has one of many values, with their parameters: each for one statement."""
        for start in range(0, len(values), self.values_per_select):
            part = tuple(values[start : start + self.values_per_select])
            yield f"{self.quoted(column)} IN ({', '.join([self.placeholder] * len(part))})", part

    # The catalogue.

    def existing(self, tables: Sequence[Table], ask: Ask) -> set[str] | None:
        """The labels of those tables that the database has; ``None``: only the driver can tell."""
        return None

    def full_names(self, tables: Sequence[Table], ask: Ask) -> list[str]:
        """:meth:`full_name` of each, whether it exists or will be created."""
        return [self.full_name(table) for table in tables]

    def primary_key(self, table: Table, ask: Ask) -> Sequence[str]:
        """The columns of the primary key that a table has in the database; none if unknown."""
        return ()

    def free_connections(self, ask: Ask) -> int | None:
        """How many more connections the server takes; ``None`` where it sets no limit that matters."""
        return None

    # Errors.

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


def quote_always(dialect: sa.Dialect) -> sa.Dialect:
    """The same dialect, which quotes every name from now on.

    SQLAlchemy quotes the reserved words that it knows, and databases add others. A name of small letters means the same
    with and without quotes, in all databases that we know by name, and SQLAlchemy has always quoted all others.
    """
    preparer: Any = dialect.preparer

    class Always(preparer):  # type: ignore[misc]
        def quote(self, ident: str, force: Any = None) -> str:
            # SQLAlchemy says False of what it has quoted itself.
            return ident if getattr(ident, "quote", None) is False else self.quote_identifier(ident)

    # MySQL's dialect makes another preparer when it connects.
    dialect.preparer = Always
    dialect.identifier_preparer = Always(dialect)
    return dialect


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
