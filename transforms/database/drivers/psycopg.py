"""psycopg 3, for PostgreSQL.

Rows go by COPY straight into the tables: rows that are replaced have been deleted before, and COPY writes identity
columns as they are given, GENERATED ALWAYS or BY DEFAULT.

COPY waits for the server twice at each table. Where the way there is long (a round trip of a millisecond or more), a
batch of new records takes one: BEGIN, an INSERT for each table and COMMIT are sent without waiting for answers. The
columns are then sent as arrays of the columns' own types, so that the server reads each value as COPY would. It costs
the server about twice as much as COPY.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import methodcaller
from time import monotonic
from typing import TYPE_CHECKING, Any

from transforms.database.dialects.dialect import INSERT, Adapter, Dialect
from transforms.database.dialects.postgresql import PostgreSQL, fault_of_state
from transforms.database.drivers.driver import Driver
from transforms.database.errors import Fault, fault_of_connecting
from transforms.database.target import Target
from transforms.records import Row
from transforms.schema import ColumnType, Table

if TYPE_CHECKING:
    import psycopg

ARRAYS = "arrays"
_PIECE = 500
"""Rows that COPY is given at once."""
FAR_SECONDS = 0.001
"""From such a round trip on the waits of COPY cost more than the server's work for INSERT."""


class Psycopg(Driver):
    """A connection to a PostgreSQL server."""

    dialect: PostgreSQL

    def __init__(self, target: Target, dialect: Dialect, odbc_insert: str | None = None) -> None:
        import psycopg  # where it is missing, it is said before anything is begun

        self._psycopg = psycopg
        super().__init__(target, dialect, odbc_insert)
        self._round_trip: float | None = None
        self._is_pipelined = False
        self._array_types: dict[Table, dict[str, str]] = {}

    def open_connection(self) -> psycopg.Connection[Any]:
        assert self.target.url is not None, "the scheme is that of a URL"
        arguments, options = self.dialect.sqlalchemy.create_connect_args(self.target.url)
        # Where nothing is begun, a statement is a transaction of its own: what only reads is asked at once.
        return self._psycopg.connect(*arguments, **{**options, "autocommit": True})

    # psycopg would begin transactions by itself, and wait for it.

    def begin(self) -> None:
        if self._is_pipelined:
            self.cursor.execute("BEGIN", prepare=False)
            return
        began = monotonic()
        self.cursor.execute("BEGIN", prepare=False)
        if self._round_trip is None:
            self._round_trip = monotonic() - began
            if self._round_trip >= FAR_SECONDS:
                # Or the machine was busy.
                began = monotonic()
                self.cursor.execute("SELECT 1", prepare=False)
                self._round_trip = min(self._round_trip, monotonic() - began)

    def commit(self) -> None:
        if self._is_pipelined:
            self.cursor.execute("COMMIT", prepare=False)
        else:
            super().commit()

    @contextmanager
    def pipelined(self, tables: Sequence[Table]) -> Iterator[bool]:
        if self._round_trip is None or self._round_trip < FAR_SECONDS or not self._takes_arrays(tables):
            yield False
            return
        self._is_pipelined = True
        try:
            with self.connection.pipeline():
                yield True
        finally:
            self._is_pipelined = False

    def _takes_arrays(self, tables: Sequence[Table]) -> bool:
        """Whether an INSERT of arrays does to all of these tables what COPY does; find their columns' types."""
        missing = [table for table in tables if table not in self._array_types]
        if missing:
            found = self.ask(_COLUMNS, ([self.dialect.name_as_value(table) for table in missing],))
            self._array_types |= {table: {} for table in missing}
            for number, column, array_type in found:
                self._array_types[missing[number - 1]][column] = array_type
        # Of the columns of a view, a table with rules, or an array nothing is found.
        return all(set(table.column_names) <= self._array_types[table].keys() for table in tables)

    @contextmanager
    def reading(self) -> Iterator[None]:
        yield

    def create(self, statements: Sequence[str]) -> bool:
        # One script is one transaction, and one message.
        try:
            self.cursor.execute(self.dialect.without_parameters(";\n".join(statements)))
        except self._psycopg.Error:
            self.recover()
            self.connect()
            return False
        return True

    # The rows.

    def statement(self, verb: str, table: Table, columns: tuple[str, ...]) -> str:
        if verb == ARRAYS:
            types = ("%s::" + self._array_types[table][name].replace("%", "%%") for name in columns)
            return (
                f"INSERT INTO {self.dialect.table_name(table)} ({self.dialect.quoted(*columns)})"
                f" OVERRIDING SYSTEM VALUE SELECT * FROM unnest({', '.join(types)})"
            )
        if verb != INSERT:
            return super().statement(verb, table, columns)
        copy = f"COPY {self.dialect.table_name(table)} ({self.dialect.quoted(*columns)}) FROM STDIN"
        return self.dialect.without_parameters(copy)

    def insert(self, table: Table, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
        statement = self.prepared(ARRAYS if self._is_pipelined else INSERT, table, columns)
        adapters = dict(statement.adapters)
        if self._is_pipelined:
            by_column = enumerate(zip(*rows, strict=True))
            self.cursor.execute(statement.sql, [_array(column, adapters.get(index)) for index, column in by_column])
            return
        with self.cursor.copy(statement.sql) as copy:
            # Text built by column costs no more than the driver's own, and a piece is built while the server takes in
            # the one before.
            for start in range(0, len(rows), _PIECE):
                by_column = enumerate(zip(*rows[start : start + _PIECE], strict=True))
                fields = [_copied(column, adapters.get(index)) for index, column in by_column]
                text = "\n".join(map("\t".join, zip(*fields, strict=True))) + "\n"
                if "\0" in text:
                    raise self._psycopg.DataError(
                        "a text holds the character NUL (U+0000), which PostgreSQL cannot store"
                    )
                copy.write(text)

    def adapter(self, verb: str, column_type: ColumnType) -> Adapter | None:
        return _ADAPTERS.get(column_type.name)

    def diagnose(self, error: Exception) -> Fault | None:
        if isinstance(error, (UnicodeError, OverflowError)):
            return Fault("data")
        if not isinstance(error, self._psycopg.Error):
            return None
        if isinstance(error, self._psycopg.errors.PipelineAborted):
            # Something sent before was refused: what is not pipelined says what.
            return Fault("data")
        if error.sqlstate is not None:
            return fault_of_state(error.sqlstate)
        if isinstance(error, self._psycopg.DataError):
            return Fault("data")
        # Without a state it is the client's own: it lost the connection, or could not make one.
        lost = isinstance(error, (self._psycopg.OperationalError, self._psycopg.InterfaceError))
        return fault_of_connecting(str(error)) if lost else Fault("fatal")


def _copied(column: Sequence[Any], adapt: Adapter | None) -> Sequence[str]:
    """A column's values in COPY's text format."""
    if adapt is not None:
        # Nothing that must be escaped comes out of an adapter, but for the backslash before binary's digits.
        adapt = _escaped_hex if adapt is _hex else adapt
        return ["\\N" if value is None else adapt(value) for value in column]
    text = "".join(filter(None, column))
    if any(character in text for character in "\\\t\n\r"):
        return ["\\N" if value is None else value.translate(_ESCAPES) for value in column]
    return ["\\N" if value is None else value for value in column]


def _array(column: Sequence[Any], adapt: Adapter | None) -> str:
    """A column's values as an array in PostgreSQL's text format."""
    if adapt is _hex:
        values = ["NULL" if value is None else f'"\\\\x{value.hex()}"' for value in column]
    elif adapt is not None:
        values = ["NULL" if value is None else adapt(value) for value in column]
    else:
        text = "".join(filter(None, column))
        if '"' in text or "\\" in text:
            column = [value and value.replace("\\", "\\\\").replace('"', '\\"') for value in column]
        values = ["NULL" if value is None else f'"{value}"' for value in column]
    return f"{{{','.join(values)}}}"


def _escaped_hex(value: bytes) -> str:
    return "\\" + _hex(value)


def _hex(value: bytes) -> str:
    return "\\x" + value.hex()


# Of a type with a length the array's cast would cut what is too long: it is named without. COPY knows no rules.
_COLUMNS = """
SELECT t.number, a.attname, format_type(a.atttypid, -1) || '[]'
FROM unnest(%s::text[]) WITH ORDINALITY AS t (name, number)
JOIN pg_catalog.pg_class c ON c.oid = to_regclass(t.name) AND c.relkind IN ('r', 'p') AND NOT c.relhasrules
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type y ON y.oid = a.atttypid AND y.typcategory <> 'A' AND y.typarray <> 0
"""
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_ADAPTERS: dict[str, Adapter] = {
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint", "decimal", "float", "bool"), str),
    **dict.fromkeys(("date", "time", "datetime", "datetimetz"), methodcaller("isoformat")),
    "binary": _hex,
}
