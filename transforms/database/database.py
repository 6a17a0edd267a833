"""The one interface to all databases.

A :class:`Database` has a dialect, which is the SQL that it understands, and a driver, which is the connection: the rows
go in by it. Neither knows the other's part, so that PostgreSQL, say, is the same by psycopg and by ODBC.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import sqlalchemy as sa

from transforms.database import ddl
from transforms.database.dialects.dialect import INSERT, Dialect
from transforms.database.drivers.driver import Driver
from transforms.database.engines import inspector_over
from transforms.database.errors import Fault, LoadError, RefusedError, TransientError
from transforms.database.target import Target
from transforms.records import Row
from transforms.schema import Table


class Database:
    """A target database. What asks it or writes to it needs :meth:`connect` to have been called.

    Errors of the driver come out as they are; :func:`translated` makes ours of them.
    """

    def __init__(self, target: Target, dialect: Dialect, driver: Driver) -> None:
        self.target = target
        self.dialect = dialect
        self.driver = driver
        self._refuses_twice: dict[Table, bool] = {}

    @property
    def connection(self) -> Any:
        """The driver's connection; ``None``: there is none."""
        return self.driver.connection

    @property
    def cursor(self) -> Any:
        """The driver's cursor: rows go through it, as nothing else is as fast."""
        return self.driver.cursor

    @property
    def max_writers(self) -> int | None:
        """How many connections may usefully write at once; ``None``: as many as there are workers."""
        return self.dialect.max_writers

    # The connection.

    def connect(self) -> None:
        """Connect, unless connected."""
        self.driver.connect()

    def close(self) -> None:
        """Close the connection; what was not committed is lost."""
        self.driver.close()

    def begin(self) -> None:
        """Begin a transaction."""
        self.driver.begin()

    def commit(self) -> None:
        self.driver.commit()

    def rollback(self) -> None:
        self.driver.rollback()

    def recover(self) -> None:
        """After any error: roll back, and give up a connection that cannot even do that."""
        self.driver.recover()

    def reading(self) -> AbstractContextManager[None]:
        """For statements that only read: a transaction, where the driver does not do without one."""
        return self.driver.reading()

    def pipelined(self, tables: Sequence[Table]) -> AbstractContextManager[bool | None]:
        """Where it pays, send BEGIN, COMMIT and what is inserted into these tables inside without waiting for answers.

        What fails may then fail at the end, and not say at which table: ``True`` says that it is so.
        """
        return self.driver.pipelined(tables)

    def diagnose(self, error: Exception) -> Fault | None:
        """What an error of the driver means; ``None``: it is not the driver's."""
        return self.driver.diagnose(error)

    def ask(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Execute a query, and return all its rows."""
        return self.driver.ask(sql, parameters)

    def free_connections(self) -> int | None:
        """How many more connections the server takes; ``None`` where it sets no limit that matters."""
        free = self.dialect.free_connections(self.ask)
        if free is not None:
            self.commit()
        return free

    # The tables.

    def inspector(self) -> sa.Inspector:
        """SQLAlchemy's reflection over this connection, outside of a transaction."""
        return inspector_over(self.connection, self.driver.reflection)

    def existing(self, tables: Sequence[Table]) -> set[str]:
        """The labels of those tables that the database has."""
        found = self.dialect.existing(tables, self.ask)
        return self.driver.existing(tables) if found is None else found

    def full_names(self, tables: Sequence[Table]) -> list[str]:
        """One name for all names of each table, whether it exists or will be created."""
        return self.dialect.full_names(tables, self.ask)

    def refuses_twice(self, table: Table) -> bool:
        """Whether the database itself refuses a second row with the primary key of ``table``, and says so.

        A table that somebody made by hand may lack that key.
        """
        if table not in self._refuses_twice:
            key = set(map(str.lower, self.dialect.primary_key(table, self.ask)))
            self._refuses_twice[table] = key == set(table.primary_key)
        return self._refuses_twice[table]

    def missing_columns(self, table: Table, names: Collection[str]) -> list[str]:
        """Those of these columns that a table lacks."""
        with self.reading():
            self.ask(f"SELECT * FROM {self.dialect.table_name(table)} WHERE 1 = 0")
            found = {column[0].lower() for column in self.cursor.description}
        return [name for name in names if name not in found]

    def add_columns(self, table: Table, names: Sequence[str]) -> None:
        """Add columns to a table; others may do so meanwhile."""
        for name in names:
            sql_type = self.dialect.column_type(table, table[name], self.ask).compile(dialect=self.dialect.sqlalchemy)
            add = f"ALTER TABLE {self.dialect.table_name(table)} ADD {self.dialect.quoted(name)} {sql_type}"
            self._define([add], partial(self._has_column, table, name))

    def _has_column(self, table: Table, name: str) -> bool:
        return not self.missing_columns(table, [name])

    def create_tables(self, tables: Sequence[Table], missing: Collection[Table]) -> None:
        """Create those of these tables that are missing, each with its indexes; others may do so meanwhile.

        Parents come before children.
        """
        made = [one for one in ddl.statements(tables, self.dialect, self.ask) if one[0] in missing]
        if made and not self.driver.create([statement for _, statements in made for statement in statements]):
            for table, statements in made:
                self._define(statements, partial(self.existing, [table]))

    # The rows.

    def find_rows(
        self,
        table: Table,
        columns: tuple[str, ...],
        equal: Mapping[str, Any],
        among: tuple[str, Sequence[str]] | None = None,
        between: tuple[str, str, str] | None = None,
        lock: bool = False,
    ) -> list[Row]:
        """Columns of the rows in which each column of ``equal`` has that value, and another column one of many texts.

        Or the other is ``between`` a text and another, the second excluded. ``lock``: no other transaction changes the
        rows before ours ends.
        """
        mark = self.dialect.placeholder
        conditions = [f"{self.dialect.quoted(name)} = {mark}" for name in equal]
        if among is not None:
            found: list[Row] = []
            for condition, values in self.dialect.among(*among):
                sql = self.dialect.select(table, columns, [*conditions, condition], lock)
                found += self.ask(sql, (*equal.values(), *values))
            return found
        bounds: tuple[str, ...] = ()
        if between is not None:
            name = self.dialect.quoted(between[0])
            conditions += [f"{name} >= {mark}", f"{name} < {mark}"]
            bounds = between[1:]
        return self.ask(self.dialect.select(table, columns, conditions, lock), (*equal.values(), *bounds))

    def insert_rows(self, table: Table, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
        """Insert rows that hold a value for each of these columns."""
        self.driver.insert(table, columns, rows)

    def update_rows(self, table: Table, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
        """Set columns of rows; a row holds these columns' values and then those of ``table.record_key``."""
        self.driver.update(table, columns, rows)

    def delete_rows(self, table: Table, keys: Sequence[Row]) -> int:
        """Delete the rows of records, found by the values of ``table.record_key``; return how many."""
        return self.driver.delete(table, keys)

    def insert_sql(self, table: Table) -> str:
        """The statement by which the rows of a table are inserted, for people."""
        return self.dialect.without_parameters(self.driver.statement(INSERT, table, table.column_names))

    def _define(self, statements: Sequence[str], is_done: Callable[[], object]) -> None:
        """Execute DDL in one transaction; what fails is well where another program has done it meanwhile."""
        try:
            self.begin()
            for statement in statements:
                # With parameters, if none: only then a driver reads the %% that the dialect writes as one.
                self.cursor.execute(statement, ())
            self.commit()
        except Exception:
            self.recover()
            self.connect()
            if not is_done():
                raise


@contextmanager
def translated(database: Database, table: str | None = None) -> Iterator[None]:
    """Make :class:`TransientError`, :class:`RefusedError` or :class:`LoadError` of the driver's errors inside.

    They carry the driver's message without secrets, and not the driver's exception: that may show them,
    and may not survive pickling. Any other error passes as it is.
    """
    try:
        yield
    except Exception as raised:
        error = raised.orig if isinstance(raised, sa.exc.DBAPIError) and raised.orig is not None else raised
        fault = database.diagnose(error)
        if fault is None:
            raise
        message = database.target.mask(f"{type(error).__name__}: {error}")
        if fault.kind == "transient":
            raise TransientError(message) from None
        if fault.kind == "data":
            raise RefusedError(fault.rule, message, table) from None
        raise LoadError(f"{database.target} failed{f' at the table {table}' if table else ''}: {message}") from None
