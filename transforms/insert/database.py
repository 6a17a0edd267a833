"""The one interface to all databases, and what they share.

A :class:`Database` is a connection that can begin, write and commit. SQLAlchemy gives the URLs, the quoting, the
DDL and the reflection; rows go through the driver's own cursor, with statements made once for each table and set
of columns. A module for a database overrides what differs there: how to connect, what a type is called
(:meth:`Database.sql_type`), what a driver must be given for a value (:meth:`Database.adapter`), the bulk path
(:meth:`Database.insert_rows`), what an error means (:meth:`Database.diagnose`).
"""

from __future__ import annotations

import pkgutil
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, ClassVar

import sqlalchemy as sa

from transforms.dialects import quote_always
from transforms.drivers import drivers_needed
from transforms.insert import ddl
from transforms.insert.ledger import ADDED_COLUMNS, BOOKKEEPING, LEDGER
from transforms.records import Row
from transforms.schema import Column, ColumnType, Schema, Table
from transforms.target import SCHEMES, Target
from transforms.user_errors import UserError

Adapter = Callable[[Any], Any]


class LoadError(Exception):
    """The load cannot go on; the message is for people and shows no secret."""


class TransientError(Exception):
    """What failed may succeed when it is tried again: a deadlock, a timeout, a lost connection."""


class RefusedError(Exception):
    """The database refused a value or a row: ``rule`` is what it broke, ``table`` the label where it is known."""

    def __init__(self, rule: str, message: str, table: str | None = None) -> None:
        super().__init__(rule, message, table)
        self.rule, self.message, self.table = rule, message, table

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Fault:
    """What a driver's error means.

    ``kind`` is ``transient``, ``data`` (the row is at fault) or ``fatal``; ``rule`` of a data error is ``not_null``,
    ``foreign_key``, ``unique``, ``check`` or, for all others, ``database``.
    """

    kind: str
    rule: str = "database"


@dataclass(frozen=True)
class Statement:
    """A prepared statement: its SQL and the adapters of the parameters that need one, by index."""

    sql: str
    adapters: tuple[tuple[int, Adapter], ...]

    def adapt(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows as the driver takes them; the very same rows where no column needs an adapter."""
        if not self.adapters or not rows:
            return rows
        # By column: turning rows into columns and back costs far less than rebuilding each row in Python.
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for index, adapt in self.adapters:
            column = columns[index]
            first = column[0]
            if first is column[-1] and first is not None and all(value is first for value in column):
                # As the moment at which a batch is loaded.
                columns[index] = [adapt(first)] * len(column)
            else:
                columns[index] = [None if value is None else adapt(value) for value in column]
        return list(zip(*columns, strict=True))


# Errors of connecting come without a number that tells them apart. What passes: a server that starts or stops, or has
# too many connections. What does not, and is said at once: all else that a server answers, and a host that is none.
_PASSING = re.compile(
    r"starting up|shutting down|recovery mode|accepting connections|too many|connection slots|terminating connection"
    r"|no more connections|cannot connect to server|try again"
)
_WRONG = re.compile(
    r"FATAL: |not known|No address associated|certificate|SSL was required|not support SSL|no password supplied"
)


def fault_of_connecting(message: str) -> Fault:
    """What an error means that a server or the client gives while a connection is made, or when it is lost."""
    return Fault("fatal" if _WRONG.search(message) and not _PASSING.search(message) else "transient")


class Database(ABC):
    """A connection to a target database. All methods but the first four need :meth:`connect` to have been called.

    Errors of the driver come out as they are; :func:`translated` makes ours of them.
    """

    placeholder: ClassVar[str] = "?"
    max_writers: ClassVar[int | None] = None
    """How many connections may usefully write at once; ``None``: as many as there are workers."""
    keys_per_select: ClassVar[int] = 500
    insert_ways: ClassVar[tuple[str, ...]] = ()
    """What ``--odbc_insert`` may choose here."""

    def __init__(self, target: Target, odbc_insert: str | None = None) -> None:
        if odbc_insert is not None and odbc_insert not in self.insert_ways:
            ways = f"only {' or '.join(self.insert_ways)}" if self.insert_ways else "none: it is not an ODBC target"
            raise UserError(f"--odbc_insert is {odbc_insert!r}; the target {target} takes {ways}")
        self.target = target
        self.odbc_insert = odbc_insert
        self.dialect = quote_always(self.make_dialect())
        self.connection: Any = None
        self.cursor: Any = None
        self.expects_new = False
        """Whether the ledger knew nothing of the last batch, and refuses what it knows."""
        self._refuses_twice: dict[Table, bool] = {}
        self._statements: dict[tuple[Any, ...], Statement] = {}

    @abstractmethod
    def make_dialect(self) -> sa.Dialect:
        """SQLAlchemy's dialect, for DDL and quoting."""

    @abstractmethod
    def open_connection(self) -> Any:
        """A new connection of the driver, that commits only when it is told to."""

    @abstractmethod
    def diagnose(self, error: Exception) -> Fault | None:
        """What an error of the driver means; ``None``: it is not the driver's."""

    @abstractmethod
    def sql_type(self, column_type: ColumnType) -> sa.types.TypeEngine[Any]:
        """The type of a column in CREATE TABLE."""

    def column_type(self, table: Table, column: Column) -> sa.types.TypeEngine[Any]:
        """The same for a column of a table."""
        return self.sql_type(column.type)

    def adapter(self, column_type: ColumnType) -> Adapter | None:
        """The function that makes of a value what the driver is given; ``None``: the value itself."""
        return None

    def parameter(self, column_type: ColumnType) -> str:
        """The place of a value in a statement."""
        return self.placeholder

    def column_adapter(self, table: Table, column: Column) -> Adapter | None:
        """The same for a column of a table."""
        return self.adapter(column.type)

    # The connection.

    def connect(self) -> None:
        """Connect, unless connected."""
        if self.connection is None:
            self.connection = self.open_connection()
            self.cursor = self.connection.cursor()

    def close(self) -> None:
        """Close the connection; what was not committed is lost."""
        connection, self.connection, self.cursor = self.connection, None, None
        if connection is not None:
            connection.close()

    def begin(self) -> None:  # noqa: B027
        """Begin a transaction; drivers do so by themselves at the first statement."""

    def commit(self) -> None:
        self.connection.commit()

    def rollback(self) -> None:
        self.connection.rollback()

    def in_one_go(self, tables: Sequence[Table]) -> AbstractContextManager[bool | None]:
        """Where it pays, send BEGIN, COMMIT and what is inserted into these tables inside without waiting for answers.

        What fails may then fail at the end, and not say at which table: ``True`` says that it is so.
        """
        return nullcontext()

    def recover(self) -> None:
        """After any error: roll back, and give up a connection that cannot even do that."""
        try:
            if self.connection is not None:
                self.rollback()
        except Exception:
            with suppress(Exception):
                self.close()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """For statements that only read: a transaction, where the database does not do without one."""
        self.begin()
        yield
        self.commit()

    def free_connections(self) -> int | None:
        """How many more connections the server takes; ``None`` where it sets no limit that matters."""
        return None

    # The tables.

    def inspector(self) -> sa.Inspector:
        """SQLAlchemy's reflection over this connection, outside of a transaction."""
        engine = sa.create_engine(
            sa.URL.create(f"{self.dialect.name}+{self.dialect.driver}"),
            creator=lambda: self.connection,
            poolclass=sa.StaticPool,
        )
        quote_always(engine.dialect)
        return sa.inspect(engine)

    def schema_name(self, table: Table) -> str | None:
        """The schema of a table, where the database has schemas."""
        return table.schema

    def table_options(self, table: Table) -> dict[str, Any]:
        """What SQLAlchemy's ``Table`` is to know about a table in this database besides its columns."""
        return {}

    def primary_key_options(self, table: Table) -> dict[str, Any]:
        """The same about its primary key."""
        return {}

    def exists(self, table: Table) -> bool:
        return self.inspector().has_table(table.name, schema=self.schema_name(table))

    def existing(self, tables: Sequence[Table]) -> set[str]:
        """The labels of those tables that the database has."""
        return {table.label for table in tables if self.exists(table)}

    def missing_tables(self, schema: Schema) -> list[Table]:
        """The tables of the schema, and our own, that the database does not have."""
        tables = (*schema.tables, *BOOKKEEPING)
        existing = self.existing(tables)
        return [table for table in tables if table.label not in existing]

    def refuses_twice(self, table: Table) -> bool:
        """Whether the database itself refuses a second row with the primary key of ``table``, and says so.

        A table that somebody made by hand may lack that key.
        """
        if table not in self._refuses_twice:
            key = set(map(str.lower, self.primary_key(table)))
            self._refuses_twice[table] = key == set(table.primary_key)
        return self._refuses_twice[table]

    def primary_key(self, table: Table) -> Sequence[str]:
        """The columns of the primary key that a table has in the database, read in a transaction; none if unknown."""
        return ()

    def missing_ledger_columns(self) -> list[str]:
        """The columns that a ledger of an earlier version lacks."""
        with self.reading():
            self.cursor.execute(f"SELECT * FROM {self.table_name(LEDGER)} WHERE 1 = 0", ())
            found = {column[0].lower() for column in self.cursor.description}
            self.cursor.fetchall()
        return [name for name in ADDED_COLUMNS if name not in found]

    def add_ledger_columns(self) -> None:
        """Add them; others may do so meanwhile."""
        for name in self.missing_ledger_columns():
            sql_type = self.column_type(LEDGER, LEDGER[name]).compile(dialect=self.dialect)
            try:
                self.begin()
                self.cursor.execute(f"ALTER TABLE {self.table_name(LEDGER)} ADD {self.quoted(name)} {sql_type}", ())
                self.commit()
            except Exception:
                self.recover()
                self.connect()
                if name in self.missing_ledger_columns():
                    raise

    def create_tables(self, schema: Schema, tables: Collection[Table]) -> None:
        """Create these of its tables and our own, parents first, each with its indexes; others may do so meanwhile."""
        if tables:
            self.create_by([made for made in ddl.statements(schema, self) if made[1] in tables])

    def create_by(self, made: Sequence[tuple[Sequence[str], Table]]) -> None:
        """Create tables by these statements, each table as one."""
        for statements, table in made:
            try:
                self.begin()
                for statement in statements:
                    # With parameters, if none: only then a driver reads the %% that the dialect writes as one.
                    self.cursor.execute(statement, ())
                self.commit()
            except Exception:
                self.recover()
                self.connect()
                if not self.exists(table):
                    raise

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
        if among is None:
            sql = self.find_sql(table, columns, tuple(equal), None, 0, lock)
            parameters = tuple(equal.values())
            if between is not None:
                name = self.quoted(between[0])
                sql += f" AND {name} >= {self.placeholder} AND {name} < {self.placeholder}"
                parameters += between[1:]
            self.cursor.execute(sql, parameters)
            return list(self.cursor.fetchall())
        name, values = among
        found: list[Row] = []
        for start in range(0, len(values), self.keys_per_select):
            part = values[start : start + self.keys_per_select]
            sql = self.find_sql(table, columns, tuple(equal), name, len(part), lock)
            self.cursor.execute(sql, (*equal.values(), *part))
            found += self.cursor.fetchall()
        return found

    def find_sql(
        self, table: Table, columns: tuple[str, ...], equal: tuple[str, ...], among: str | None, count: int, lock: bool
    ) -> str:
        conditions = [f"{self.quoted(name)} = {self.placeholder}" for name in equal]
        if among is not None:
            conditions.append(f"{self.quoted(among)} IN ({', '.join([self.placeholder] * count)})")
        return (
            f"SELECT {self.quoted(*columns)} FROM {self.table_name(table)}"
            f" WHERE {' AND '.join(conditions)}{' FOR UPDATE' if lock else ''}"
        )

    def insert_rows(self, table: Table, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
        """Insert rows that hold a value for each of these columns."""
        statement = self.prepared("insert", table, columns)
        self.cursor.executemany(statement.sql, statement.adapt(rows))

    def update_rows(self, table: Table, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
        """Set columns of rows; a row holds these columns' values and then those of ``table.record_key``."""
        statement = self.prepared("update", table, columns)
        self.cursor.executemany(statement.sql, statement.adapt(rows))

    def delete_rows(self, table: Table, keys: Sequence[Row]) -> int:
        """Delete the rows of records, found by the values of ``table.record_key``; return how many."""
        statement = self.prepared("delete", table, ())
        self.cursor.executemany(statement.sql, statement.adapt(keys))
        return self.cursor.rowcount

    def prepared(self, verb: str, table: Table, columns: tuple[str, ...]) -> Statement:
        """The statement for this table and these columns, made at its first use."""
        name = (verb, table.schema, table.name, columns)
        if name not in self._statements:
            self._statements[name] = self._prepare(verb, table, columns)
        return self._statements[name]

    def _prepare(self, verb: str, table: Table, columns: tuple[str, ...]) -> Statement:
        name = self.table_name(table)

        def given(names: Sequence[str]) -> list[str]:
            return [f"{self.quoted(column)} = {self.parameter(table[column].type)}" for column in names]

        where = " AND ".join(given(table.record_key))
        if verb == "insert":
            parameters = columns
            marks = ", ".join(self.parameter(table[column].type) for column in columns)
            sql = f"INSERT INTO {name} ({self.quoted(*columns)}) VALUES ({marks})"
        elif verb == "update":
            parameters = columns + table.record_key
            sql = f"UPDATE {name} SET {', '.join(given(columns))} WHERE {where}"
        else:
            parameters = table.record_key
            sql = f"DELETE FROM {name} WHERE {where}"
        adapters = ((index, self.column_adapter(table, table[column])) for index, column in enumerate(parameters))
        return Statement(sql, tuple((index, adapt) for index, adapt in adapters if adapt is not None))

    def full_names(self, tables: Sequence[Table]) -> list[str]:
        """:meth:`full_name` of each."""
        return [self.full_name(table) for table in tables]

    def full_name(self, table: Table) -> str:
        """One name for all names of a table of this database, whether it exists or will be created."""
        schema = self.schema_name(table)
        return self.folded(table.name if schema is None else f"{schema}.{table.name}")

    def folded(self, name: str) -> str:
        """What names have in common that the database takes for the same."""
        return name.lower()

    def quoted(self, *names: str) -> str:
        return ", ".join(map(self.dialect.identifier_preparer.quote, names))

    def table_name(self, table: Table) -> str:
        schema = self.schema_name(table)
        prefix = "" if schema is None else self.dialect.identifier_preparer.quote_schema(schema) + "."
        return prefix + self.quoted(table.name)


def open_database(target: Target, odbc_insert: str | None = None) -> Database:
    """The database of a target, not yet connected; only ``odbc:`` is asked first what database it is.

    Raises ``ValueError`` where the target, or this way to insert into it, cannot be, :class:`DriverMissing` where a
    package is not installed, and for ``odbc:`` as :func:`translated` does.
    """
    with drivers_needed(target):
        return pkgutil.resolve_name(SCHEMES[target.scheme].database)(target, odbc_insert)


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
