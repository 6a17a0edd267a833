"""The one interface to all databases.

A :class:`Database` has a dialect, the SQL that it understands, and a driver, the connection through which rows go in.
So PostgreSQL is one dialect, by psycopg and by ODBC, and ODBC one way to connect, to PostgreSQL and to SQL Server.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import sqlalchemy as sa

from transforms.database import ddl
from transforms.database.dialects.dialect import INSERT, Dialect
from transforms.database.drivers.driver import Driver
from transforms.database.engines import inspector_over
from transforms.database.errors import LoadError, RefusedError, TransientError
from transforms.database.target import Target
from transforms.records import Row
from transforms.schema import Table


class Database:
    """A target database. What asks it or writes to it needs :meth:`connect` to have been called.

    Errors of the driver come out as they are: :func:`translated` is for callers.
    """

    def __init__(self, target: Target, dialect: Dialect, driver: Driver) -> None:
        self.target = target
        self.dialect = dialect
        self.driver = driver
        self.max_writers = dialect.max_writers
        # The connection, and how rows go in, is the driver's part alone.
        self.connect, self.close, self.recover = driver.connect, driver.close, driver.recover
        self.diagnose, self.ask = driver.diagnose, driver.ask
        self.begin, self.commit, self.rollback = driver.begin, driver.commit, driver.rollback
        self.reading, self.pipelined = driver.reading, driver.pipelined
        self.insert_rows, self.update_rows, self.delete_rows = driver.insert, driver.update, driver.delete
        self._refuses_twice: dict[Table, bool] = {}

    @property
    def connection(self) -> Any:
        """The driver's connection; ``None``: there is none."""
        return self.driver.connection

    @property
    def cursor(self) -> Any:
        """The driver's cursor."""
        return self.driver.cursor

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
        rows before this one ends.
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

    def insert_sql(self, table: Table) -> str:
        """The statement by which the rows of a table are inserted, for people."""
        return self.dialect.without_parameters(self.driver.statement(INSERT, table, table.column_names))

    def _define(self, statements: Sequence[str], is_done: Callable[[], object]) -> None:
        """Execute DDL in one transaction; an error does not matter where another program has done the same."""
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


@contextmanager
def session(database: Database, table: str | None = None) -> Iterator[None]:
    """Connected inside; what fails is rolled back, and raised as :func:`translated` does."""
    try:
        with translated(database, table):
            database.connect()
            yield
    except BaseException:
        database.recover()
        raise
