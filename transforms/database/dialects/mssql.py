"""SQL Server.

How the types are stored:

===========================  ===========================================================================
contract                     column
===========================  ===========================================================================
``text``, ``text(n)``        nvarchar(max), nvarchar(n); n above 4000: nvarchar(max). It counts UTF-16 units, so that
                             an emoji takes two: a text that is then too long is rejected
``tinyint`` to ``bigint``    the same
``decimal(p, s)``            decimal(p, s)
``float``                    float
``bool``                     bit
``date``, ``time``           date, time(6)
``datetime``                 datetime2(6)
``datetimetz``               datetimeoffset(6), in the zone it was written in
``json``                     nvarchar(max)
``binary``, ``binary(n)``    varbinary(max), varbinary(n); n above 8000: varbinary(max)
===========================  ===========================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mssql

from transforms.database.dialects.dialect import Ask, Dialect
from transforms.database.errors import Fault
from transforms.schema import Column, ColumnType, Table

EXACT_COLLATION = "Latin1_General_100_BIN2"
"""In which texts are equal that have the same characters."""
MAX_NVARCHAR, MAX_VARBINARY = 4000, 8000
# https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors
# Microsoft's driver gives SQLSTATE 42000 for most of them: the server's number tells them apart.
_FATAL = frozenset({544})  # IDENTITY_INSERT is off: a bug of the program, at every record
_TRANSIENT = frozenset({
    1204, 1205, 1222, 3960, 3961, 41301, 41302, 41305, 41325,  # locks, deadlock, timeout, snapshots
    10928, 10929, 40143, 40197, 40501, 40613, 49918, 49919, 49920,  # Azure: busy, failing over, out of resources
    6005, 921, 976, 983, 615,  # shutting down, or the database is not there yet
    701, 802, 845, 8645, 8651,  # out of memory
})  # fmt: skip
_DATA = frozenset({
    2628, 8152,  # a text or bytes too long
    8114, 8115, 8169, 220, 232, 241, 242, 245,  # conversion, overflow
    1946,  # a key too long for its index
    6355, 9402, 9420,  # XML
    515, 547, 2601, 2627,
})  # fmt: skip
_LOST = frozenset({20003, 20004, 20006, 20009, 20017, 20047})
"""FreeTDS: it cannot connect, write or read, or the connection is dead; some with the SQLSTATE of a warning."""
_RAISED = 50_000
"""From here on the numbers are those of RAISERROR and THROW, as triggers use them."""
_RULES = {515: "not_null", 2601: "unique", 2627: "unique"}
# The number stands before the name of the ODBC function, before the next message, or at the end; a value that a message
# quotes may hold anything.
_NUMBER = re.compile(r"\((\d{3,10})\)(?= \(SQL\w+\)|; \[|$)")


class SQLServer(Dialect):
    """SQL Server's SQL."""

    def full_names(self, tables: Sequence[Table], ask: Ask) -> list[str]:
        return [self.full_name(table) if table.schema else self._found_name(table, ask) for table in tables]

    def _found_name(self, table: Table, ask: Ask) -> str:
        [(schema,)] = ask("SELECT COALESCE(OBJECT_SCHEMA_NAME(OBJECT_ID(?)), SCHEMA_NAME())", (self.table_name(table),))
        return self.folded(f"{schema}.{table.name}")

    def existing(self, tables: Sequence[Table], ask: Ask) -> set[str]:
        found = {table.label: ask("SELECT OBJECT_ID(?)", (self.table_name(table),)) for table in tables}
        return {label for label, [(number,)] in found.items() if number is not None}

    def primary_key(self, table: Table, ask: Ask) -> Sequence[str]:
        found = ask(
            "SELECT c.name FROM sys.indexes i"
            " JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id"
            " JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id"
            # The other setting drops a second row without an error.
            " WHERE i.is_primary_key = 1 AND i.ignore_dup_key = 0 AND i.object_id = OBJECT_ID(?)",
            (self.table_name(table),),
        )
        return [name for (name,) in found]

    def sql_type(self, column_type: ColumnType) -> sa.types.TypeEngine[Any]:
        name, length = column_type.name, column_type.length
        if name == "text":
            return sa.NVARCHAR(length if length is not None and length <= MAX_NVARCHAR else None)
        if name == "binary":
            return mssql.VARBINARY(length if length is not None and length <= MAX_VARBINARY else "max")
        if name == "decimal":
            return sa.DECIMAL(column_type.precision, column_type.scale)
        return _SQL_TYPES[name]

    def column_type(self, table: Table, column: Column, ask: Ask | None) -> sa.types.TypeEngine[Any]:
        if column.exact:
            return sa.NVARCHAR(column.type.length, collation=EXACT_COLLATION)
        return super().column_type(table, column, ask)

    def primary_key_options(self, table: Table) -> dict[str, Any]:
        # A clustered key may have 900 bytes, which such texts may exceed; another has 1,700.
        return {"mssql_clustered": False} if any(table[name].exact for name in table.primary_key) else {}

    def select(self, table: Table, columns: Sequence[str], conditions: Sequence[str], lock: bool = False) -> str:
        sql = super().select(table, columns, conditions)
        return sql.replace(" WHERE ", " WITH (UPDLOCK, HOLDLOCK) WHERE ", 1) if lock else sql

    def delete_many(self, table: Table, records: int, parameter: Callable[[ColumnType], str]) -> str:
        # The columns' collation may take keys for equal that differ in case.
        names = [self.quoted(name) for name in table.record_key]
        one = ", ".join(parameter(table[key].type) for key in table.record_key)
        marks = ", ".join([f"({one})"] * records)
        same = " AND ".join(
            f"t.{name} = k.{name}"
            + (f" AND t.{name} = k.{name} COLLATE {EXACT_COLLATION}" if table[key].type.name == "text" else "")
            for key, name in zip(table.record_key, names, strict=True)
        )
        return f"DELETE t FROM {self.table_name(table)} AS t JOIN (VALUES {marks}) AS k ({', '.join(names)}) ON {same}"

    def fault(self, state: str, message: str) -> Fault:
        numbers = set(map(int, _NUMBER.findall(message)))
        if numbers & _FATAL:
            return Fault("fatal")
        if numbers & _TRANSIENT:
            return Fault("transient")
        for number in sorted(number for number in numbers if number in _DATA or number >= _RAISED):
            if number == 547:
                return Fault("data", "check" if "CHECK constraint" in message else "foreign_key")
            return Fault("data", _RULES.get(number, "database"))
        if "[FreeTDS]" in message and numbers & _LOST:
            return Fault("transient")
        if state == "HY019":  # FreeTDS, of a value that does not fit
            return Fault("data")
        return super().fault(state, message)


_SQL_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "tinyint": mssql.TINYINT(),
    "smallint": sa.SMALLINT(),
    "int": sa.INTEGER(),
    "bigint": sa.BIGINT(),
    "float": sa.FLOAT(53),
    "bool": mssql.BIT(),
    "date": sa.DATE(),
    "time": mssql.TIME(6),
    "datetime": mssql.DATETIME2(6),
    "datetimetz": mssql.DATETIMEOFFSET(6),
    "json": sa.NVARCHAR(),
}
