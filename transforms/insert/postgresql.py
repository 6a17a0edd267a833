"""PostgreSQL, through psycopg 3.

Rows go by COPY straight into the tables: rows that are replaced have been deleted before, and COPY writes identity
columns as they are given, GENERATED ALWAYS or BY DEFAULT. A table without a schema is found by the ``search_path``.

COPY waits for the server twice at each table. Where the way there is long (a round trip of a millisecond or more), a
batch of new records goes in one: BEGIN, an INSERT for each table and COMMIT are sent without waiting for answers. The
columns are then sent as arrays of the columns' own types, so that the server reads each value as COPY would. It costs
the server about twice as much as COPY.

How the types are stored:

===========================  ===========================================================================
contract                     column
===========================  ===========================================================================
``text``, ``text(n)``        text, varchar(n); PostgreSQL holds no NUL character: such a record is rejected
``tinyint``, ``smallint``    smallint
``int``, ``bigint``          integer, bigint
``decimal(p, s)``            numeric(p, s)
``float``                    double precision
``bool``                     boolean
``date``, ``time``           date, time
``datetime``                 timestamp
``datetimetz``               timestamptz: the moment; the zone it was written in is not kept
``json``                     jsonb: the value; spaces, the order of keys and all but the last of equal keys are not kept
``binary``                   bytea
===========================  ===========================================================================
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from operator import methodcaller
from time import monotonic
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from transforms.dialects import quote_always
from transforms.insert.database import Adapter, Database, Fault, Statement, fault_of_connecting
from transforms.records import Row
from transforms.schema import ColumnType, Table
from transforms.target import Target

if TYPE_CHECKING:
    import psycopg

_RULES = {"23502": "not_null", "23503": "foreign_key", "23505": "unique", "23514": "check"}
# Values, constraints, limits such as the longest index entry, errors that a trigger raises or runs into, views with a
# check.
_DATA = ("22", "23", "54", "P0", "44", "09", "20", "21", "27", "38", "39")
# RAISE may give a state of its own, and by the standard those begin so; a few are PostgreSQL's.
_RAISED = re.compile(r"(?!5[3-8]|72|F0|HV|P0|XX)[5-9I-Z]")
# Connections, deadlocks and serialization, resources but for a full disk, a statement that took too long or waited
# for a lock, a transaction or session that did, a server that is stopping, a snapshot that is too old.
_TRANSIENT = ("08", "40", "53", "55P03", "57014", "57P01", "57P02", "57P03", "57P05", "25P03", "25P04", "72000")
_DISK_FULL = "53100"

_PIECE = 500
"""Rows that COPY is given at once."""
FAR_SECONDS = 0.001
"""From such a round trip on the waits of COPY cost more than the server's work for INSERT."""


class SpeaksPostgreSQL(Database):
    """PostgreSQL by whatever driver."""

    def folded(self, name: str) -> str:
        # Quoted names differ by their case.
        return name

    def exists(self, table: Table) -> bool:
        return bool(self.existing([table]))

    def existing(self, tables: Sequence[Table]) -> set[str]:
        return {table.label for table, (exists, _) in zip(tables, self._found(tables), strict=True) if exists}

    def full_name(self, table: Table) -> str:
        return self.full_names([table])[0]

    def full_names(self, tables: Sequence[Table]) -> list[str]:
        found = zip(tables, self._found(tables), strict=True)
        return [super(SpeaksPostgreSQL, self).full_name(table) if table.schema else f"{schema}.{table.name}"
                for table, (_, schema) in found]  # fmt: skip

    def _found(self, tables: Sequence[Table]) -> list[tuple[bool, str]]:
        """Of each table: whether it is there, and the schema that it is in or would be created in; in one question."""
        if not tables:
            return []
        names = [self.name_as_value(table) for table in tables]
        values = ", ".join(f"({at}, CAST({self.placeholder} AS text))" for at in range(len(names)))
        self.cursor.execute(
            f"SELECT c.relkind IS NOT NULL, COALESCE(n.nspname, current_schema()) FROM (VALUES {values}) AS t(at, name)"
            " LEFT JOIN pg_catalog.pg_class c ON c.oid = to_regclass(t.name) AND c.relkind IN ('r', 'p', 'f', 'v', 'm')"
            " LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ORDER BY t.at",
            names,
        )
        # By ODBC a truth is a text.
        return [(exists in (True, "1"), schema) for exists, schema in self.cursor.fetchall()]

    def sql_type(self, column_type: ColumnType) -> sa.types.TypeEngine[Any]:
        if column_type.name == "text":
            return sa.TEXT() if column_type.length is None else sa.VARCHAR(column_type.length)
        if column_type.name == "decimal":
            return sa.NUMERIC(column_type.precision, column_type.scale)
        return _SQL_TYPES[column_type.name]

    def primary_key(self, table: Table) -> Sequence[str]:
        self.cursor.execute(
            "SELECT a.attname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid"
            " AND a.attnum = ANY(i.indkey)"
            f" WHERE i.indisprimary AND i.indisvalid AND i.indrelid = to_regclass({self.placeholder})",
            (self.name_as_value(table),),
        )
        return [name for (name,) in self.cursor.fetchall()]

    def name_as_value(self, table: Table) -> str:
        """The name of a table where it is a parameter: %% is doubled only for a statement."""
        name = self.table_name(table)
        return name.replace("%%", "%") if self.placeholder == "%s" else name

    def free_connections(self) -> int | None:
        self.cursor.execute(
            "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
            " - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')",
            (),
        )
        [(free,)] = self.cursor.fetchall()
        self.commit()
        return int(free) + 1  # ours is about to end


class PostgreSQL(SpeaksPostgreSQL):
    """A PostgreSQL server as the target."""

    placeholder = "%s"

    def __init__(self, target: Target, odbc_insert: str | None = None) -> None:
        import psycopg  # here, as ODBC, which needs what is above, does without it

        self._psycopg = psycopg
        super().__init__(target, odbc_insert)
        assert target.url is not None, "the scheme is that of a URL"
        self._url = target.url
        self._round_trip: float | None = None
        self._is_in_one_go = False
        self._array_types: dict[Table, dict[str, str]] = {}

    def make_dialect(self) -> sa.Dialect:
        return PGDialect_psycopg()

    def open_connection(self) -> psycopg.Connection[Any]:
        arguments, options = self.dialect.create_connect_args(self._url)
        # Where nothing is begun, a statement is a transaction of its own: what only reads is asked at once.
        return self._psycopg.connect(*arguments, **{**options, "autocommit": True})

    # psycopg would begin transactions by itself, and wait for it.

    def begin(self) -> None:
        if self._is_in_one_go:
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
        if self._is_in_one_go:
            self.cursor.execute("COMMIT", prepare=False)
        else:
            super().commit()

    @contextmanager
    def in_one_go(self, tables: Sequence[Table]) -> Iterator[bool]:
        if self._round_trip is None or self._round_trip < FAR_SECONDS or not self._takes_arrays(tables):
            yield False
            return
        self._is_in_one_go = True
        try:
            with self.connection.pipeline():
                yield True
        finally:
            self._is_in_one_go = False

    def _takes_arrays(self, tables: Sequence[Table]) -> bool:
        """Whether an INSERT of arrays does to all of these tables what COPY does; find their columns' types."""
        missing = [table for table in tables if table not in self._array_types]
        if missing:
            self.cursor.execute(_COLUMNS, ([self.name_as_value(table) for table in missing],))
            self._array_types |= {table: {} for table in missing}
            for number, column, array_type in self.cursor.fetchall():
                self._array_types[missing[number - 1]][column] = array_type
        # Of the columns of a view, a table with rules, or an array nothing is found.
        return all(set(table.column_names) <= self._array_types[table].keys() for table in tables)

    @contextmanager
    def reading(self) -> Iterator[None]:
        yield

    def inspector(self) -> sa.Inspector:
        engine = sa.create_engine(
            "beamshred+psycopg://", creator=lambda: self.connection, poolclass=sa.StaticPool, use_native_hstore=False
        )
        quote_always(engine.dialect)
        return sa.inspect(engine)

    def create_by(self, made: Sequence[tuple[Sequence[str], Table]]) -> None:
        # One script is one transaction, and one message. Without parameters %% is not one %.
        script = ";\n".join(chain.from_iterable(statements for statements, _ in made)).replace("%%", "%")
        try:
            self.cursor.execute(script)
        except self._psycopg.Error:
            # Others have created some of them meanwhile, or one cannot be: table by table it is found out.
            self.recover()
            self.connect()
            existing = self.existing([table for _, table in made])
            super().create_by([one for one in made if one[1].label not in existing])

    def find_sql(
        self, table: Table, columns: tuple[str, ...], equal: tuple[str, ...], among: str | None, count: int, lock: bool
    ) -> str:
        # Whatever the number of values: one statement to prepare.
        sql = super().find_sql(table, columns, equal, among, 1, lock)
        return sql if among is None else sql.replace(" IN (%s)", " = ANY(%s)")

    def find_rows(
        self,
        table: Table,
        columns: tuple[str, ...],
        equal: Mapping[str, Any],
        among: tuple[str, Sequence[str]] | None = None,
        between: tuple[str, str, str] | None = None,
        lock: bool = False,
    ) -> list[Row]:
        if among is None:
            return super().find_rows(table, columns, equal, None, between, lock)
        sql = self.find_sql(table, columns, tuple(equal), among[0], 1, lock)
        return list(self.cursor.execute(sql, (*equal.values(), list(among[1]))))

    def _prepare(self, verb: str, table: Table, columns: tuple[str, ...]) -> Statement:
        if verb == _ARRAYS:
            types = ("%s::" + self._array_types[table][name].replace("%", "%%") for name in columns)
            sql = (
                f"INSERT INTO {self.table_name(table)} ({self.quoted(*columns)}) OVERRIDING SYSTEM VALUE"
                f" SELECT * FROM unnest({', '.join(types)})"
            )
            return replace(super()._prepare("insert", table, columns), sql=sql)
        statement = super()._prepare(verb, table, columns)
        if verb != "insert":
            return statement
        # Names are quoted for a statement with parameters, that doubles %; COPY has none.
        sql = f"COPY {self.table_name(table)} ({self.quoted(*columns)}) FROM STDIN".replace("%%", "%")
        return replace(statement, sql=sql)

    def insert_rows(self, table: Table, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
        statement = self.prepared(_ARRAYS if self._is_in_one_go else "insert", table, columns)
        adapters = dict(statement.adapters)
        if self._is_in_one_go:
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

    def adapter(self, column_type: ColumnType) -> Adapter | None:
        return _ADAPTERS.get(column_type.name)

    def diagnose(self, error: Exception) -> Fault | None:
        if isinstance(error, (UnicodeError, OverflowError)):
            return Fault("data")
        if not isinstance(error, self._psycopg.Error):
            return None
        if isinstance(error, self._psycopg.errors.PipelineAborted):
            # Something sent before was refused: what is not sent in one go says what.
            return Fault("data")
        if error.sqlstate is not None:
            return fault_of_state(error.sqlstate)
        if isinstance(error, self._psycopg.DataError):
            return Fault("data")
        # Without a state it is the client's own: it lost the connection, or could not make one.
        lost = isinstance(error, (self._psycopg.OperationalError, self._psycopg.InterfaceError))
        return fault_of_connecting(str(error)) if lost else Fault("fatal")


def fault_of_state(state: str) -> Fault:
    """What an SQLSTATE of PostgreSQL means."""
    if state.startswith(_DATA) or _RAISED.match(state):
        return Fault("data", _RULES.get(state, "database"))
    return Fault("transient" if state.startswith(_TRANSIENT) and state != _DISK_FULL else "fatal")


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


_ARRAYS = "arrays"
# Of a type with a length the array's cast would cut what is too long: it is named without. COPY knows no rules.
_COLUMNS = """
SELECT t.number, a.attname, format_type(a.atttypid, -1) || '[]'
FROM unnest(%s::text[]) WITH ORDINALITY AS t (name, number)
JOIN pg_catalog.pg_class c ON c.oid = to_regclass(t.name) AND c.relkind IN ('r', 'p') AND NOT c.relhasrules
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type y ON y.oid = a.atttypid AND y.typcategory <> 'A' AND y.typarray <> 0
"""
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
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
    "json": postgresql.JSONB(),
    "binary": postgresql.BYTEA(),
}
_ADAPTERS: dict[str, Adapter] = {
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint", "decimal", "float", "bool"), str),
    **dict.fromkeys(("date", "time", "datetime", "datetimetz"), methodcaller("isoformat")),
    "binary": _hex,
}
