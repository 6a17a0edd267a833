"""A connection by some driver: transactions, and how rows go in.

Rows go through the driver's own cursor, with statements made once for each table and set of columns. A driver has a
subclass that overrides what differs there: how to connect, what it must be given for a value, the bulk path, what its
errors are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, ClassVar

from transforms.database.dialects.dialect import DELETE, INSERT, UPDATE, Adapter, Dialect
from transforms.database.engines import inspector_over
from transforms.database.errors import Fault
from transforms.database.target import Target
from transforms.records import Row
from transforms.schema import ColumnType, Table
from transforms.user_errors import UserError


@dataclass(frozen=True)
class Statement:
    """A prepared statement: its SQL and the adapters of the parameters that need one, by index."""

    sql: str
    adapters: tuple[tuple[int, Adapter], ...]

    def adapt(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows as the driver takes them; the rows themselves where no column needs an adapter."""
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


class Driver(ABC):
    """A connection to a target. All methods but the first five need :meth:`connect` to have been called.

    Errors of the driver come out as they are; :meth:`diagnose` says what they mean.
    """

    insert_ways: ClassVar[tuple[str, ...]] = ()
    """What ``--odbc_insert`` may choose here."""

    def __init__(self, target: Target, dialect: Dialect, odbc_insert: str | None = None) -> None:
        if odbc_insert is not None and odbc_insert not in self.insert_ways:
            ways = f"only {' or '.join(self.insert_ways)}" if self.insert_ways else "none: it is not an ODBC target"
            raise UserError(f"--odbc_insert is {odbc_insert!r}; the target {target} takes {ways}")
        self.target = target
        self.dialect = dialect
        self.odbc_insert = odbc_insert
        self.connection: Any = None
        self.cursor: Any = None
        self._statements: dict[tuple[Any, ...], Statement] = {}

    @abstractmethod
    def open_connection(self) -> Any:
        """A new connection of the driver, that commits only when it is told to."""

    @abstractmethod
    def diagnose(self, error: Exception) -> Fault | None:
        """What an error of the driver means; ``None``: it is not the driver's."""

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

    def begin(self) -> None:
        """Begin a transaction."""
        if self.dialect.begin is not None:
            self.cursor.execute(self.dialect.begin)

    def commit(self) -> None:
        self.connection.commit()

    def rollback(self) -> None:
        self.connection.rollback()

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
        """For statements that only read: a transaction, where the driver does not do without one."""
        self.begin()
        yield
        self.commit()

    def pipelined(self, tables: Sequence[Table]) -> AbstractContextManager[bool | None]:
        """Where it pays, send BEGIN, COMMIT and what is inserted into these tables inside without waiting for answers.

        What fails may then fail at the end, and not say at which table: ``True`` says that it is so.
        """
        return nullcontext()

    def ask(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Execute a query, and return all its rows."""
        self.cursor.execute(sql, parameters)
        return list(self.cursor.fetchall())

    def create(self, statements: Sequence[str]) -> bool:
        """Create tables by one message, all or none; ``False``: none, as the driver cannot or as one failed."""
        return False

    @property
    def reflection(self) -> str:
        """SQLAlchemy's dialect that reflects tables over this connection, ``mssql+pyodbc`` say."""
        return f"{self.dialect.name}+{self.dialect.sqlalchemy.driver}"

    def existing(self, tables: Sequence[Table]) -> set[str]:
        """The labels of those tables that the database has, where its dialect has no query for them."""
        inspector = inspector_over(self.connection, self.reflection)
        return {one.label for one in tables if inspector.has_table(one.name, schema=self.dialect.schema_name(one))}

    # The rows.

    def adapter(self, verb: str, column_type: ColumnType) -> Adapter | None:
        """The function that makes of a value what the driver is given; ``None``: what the dialect stores."""
        return None

    def parameter(self, column_type: ColumnType) -> str:
        """The place of a value in a statement."""
        return self.dialect.placeholder

    def insert(self, table: Table, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
        """Insert rows that hold a value for each of these columns."""
        statement = self.prepared(INSERT, table, columns)
        self.cursor.executemany(statement.sql, statement.adapt(rows))

    def update(self, table: Table, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
        """Set columns of rows; a row holds these columns' values and then those of ``table.record_key``."""
        statement = self.prepared(UPDATE, table, columns)
        self.cursor.executemany(statement.sql, statement.adapt(rows))

    def delete(self, table: Table, keys: Sequence[Row]) -> int:
        """Delete the rows of records, found by the values of ``table.record_key``; return how many."""
        statement = self.prepared(DELETE, table, ())
        self.cursor.executemany(statement.sql, statement.adapt(keys))
        return int(self.cursor.rowcount)

    def prepared(self, verb: str, table: Table, columns: tuple[str, ...]) -> Statement:
        """The statement for this table and these columns, made at its first use."""
        name = (verb, table.schema, table.name, columns)
        if name not in self._statements:
            self._statements[name] = self._prepare(verb, table, columns)
        return self._statements[name]

    def _prepare(self, verb: str, table: Table, columns: tuple[str, ...]) -> Statement:
        parameters = columns if verb not in (UPDATE, DELETE) else columns + table.record_key
        adapters = ((index, self._column_adapter(verb, table, name)) for index, name in enumerate(parameters))
        found = tuple((index, adapt) for index, adapt in adapters if adapt is not None)
        return Statement(self.statement(verb, table, columns), found)

    def _column_adapter(self, verb: str, table: Table, name: str) -> Adapter | None:
        column = table[name]
        return self.adapter(verb, column.type) or self.dialect.adapter(table, column, self.ask)

    def statement(self, verb: str, table: Table, columns: tuple[str, ...]) -> str:
        """The SQL of a statement."""
        return self.dialect.statement(verb, table, columns, self.parameter)
