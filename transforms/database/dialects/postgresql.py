"""PostgreSQL. A table without a schema is found by the ``search_path``.

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
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from transforms.database.dialects.dialect import Ask, Dialect
from transforms.database.errors import Fault
from transforms.schema import ColumnType, Table

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


class PostgreSQL(Dialect):
    """PostgreSQL's SQL."""

    def folded(self, name: str) -> str:
        # Quoted names differ by their case.
        return name

    def sql_type(self, column_type: ColumnType) -> sa.types.TypeEngine[Any]:
        if column_type.name == "decimal":
            return sa.NUMERIC(column_type.precision, column_type.scale)
        return _SQL_TYPES.get(column_type.name) or super().sql_type(column_type)

    def among(self, column: str, values: Sequence[str]) -> Iterator[tuple[str, tuple[Any, ...]]]:
        if not self.sqlalchemy.driver.startswith("psycopg"):
            return super().among(column, values)
        # A list is a value there: whatever the number of values, it is one statement to prepare.
        return iter([(f"{self.quoted(column)} = ANY({self.placeholder})", (list(values),))])

    def existing(self, tables: Sequence[Table], ask: Ask) -> set[str]:
        return {table.label for table, (exists, _) in zip(tables, self._found(tables, ask), strict=True) if exists}

    def full_names(self, tables: Sequence[Table], ask: Ask) -> list[str]:
        found = zip(tables, self._found(tables, ask), strict=True)
        return [self.full_name(table) if table.schema else f"{schema}.{table.name}" for table, (_, schema) in found]

    def _found(self, tables: Sequence[Table], ask: Ask) -> list[tuple[bool, str]]:
        """Of each table: whether it is there, and the schema that it is in or would be created in; by one query."""
        if not tables:
            return []
        values = ", ".join(f"({at}, CAST({self.placeholder} AS text))" for at in range(len(tables)))
        found = ask(
            f"SELECT c.relkind IS NOT NULL, COALESCE(n.nspname, current_schema()) FROM (VALUES {values}) AS t(at, name)"
            " LEFT JOIN pg_catalog.pg_class c ON c.oid = to_regclass(t.name) AND c.relkind IN ('r', 'p', 'f', 'v', 'm')"
            " LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ORDER BY t.at",
            [self.name_as_value(table) for table in tables],
        )
        # By ODBC a truth is a text.
        return [(exists in (True, "1"), schema) for exists, schema in found]

    def primary_key(self, table: Table, ask: Ask) -> Sequence[str]:
        found = ask(
            "SELECT a.attname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid"
            " AND a.attnum = ANY(i.indkey)"
            f" WHERE i.indisprimary AND i.indisvalid AND i.indrelid = to_regclass({self.placeholder})",
            (self.name_as_value(table),),
        )
        return [name for (name,) in found]

    def name_as_value(self, table: Table) -> str:
        """The name of a table where it is a parameter."""
        return self.without_parameters(self.table_name(table))

    def free_connections(self, ask: Ask) -> int:
        [(free,)] = ask(
            "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
            " - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')",
            (),
        )
        return int(free) + 1  # ours is about to end

    def fault(self, state: str, message: str) -> Fault:
        return fault_of_state(state)


def fault_of_state(state: str) -> Fault:
    """What an SQLSTATE of PostgreSQL means."""
    if state.startswith(_DATA) or _RAISED.match(state):
        return Fault("data", _RULES.get(state, "database"))
    return Fault("transient" if state.startswith(_TRANSIENT) and state != _DISK_FULL else "fatal")


_SQL_TYPES: dict[str, sa.types.TypeEngine[Any]] = {"json": postgresql.JSONB(), "binary": postgresql.BYTEA()}
