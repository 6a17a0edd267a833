"""SQL Server, through pyodbc: ``mssql+pyodbc://...``, or ``odbc:`` with a connection string of it.

Rows are inserted in one of these ways (``--odbc_insert``), all in the batch's transaction:

=========  ================================================================================================
``json``   one JSON parameter for each table and batch, ``INSERT ... SELECT ... FROM OPENJSON``: the cheapest for
           the client; the default with Microsoft's driver and a database of compatibility level 130 (2016) or more
``fast``   ``executemany`` with arrays of parameters; the default with Microsoft's driver otherwise
``plain``  ``executemany``, a call to the server for each row; the default with all other drivers, FreeTDS among them
=========  ================================================================================================

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

Without a driver in the URL the newest of Microsoft's is taken, from the system or from the wheel ``mssql-python``, and
then FreeTDS.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from operator import methodcaller
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import mssql
from sqlalchemy.dialects.mssql.pyodbc import MSDialect_pyodbc

from transforms.dialects import with_driver
from transforms.insert.database import Adapter, Fault, Statement
from transforms.insert.ledger import BOOKKEEPING
from transforms.insert.odbc import FAST, ODBC, PLAIN, import_pyodbc, text
from transforms.records import Row
from transforms.schema import Column, ColumnType, Table
from transforms.target import Target

if TYPE_CHECKING:
    import pyodbc

JSON = "json"
_MICROSOFT = "msodbcsql"

_COLLATION = "Latin1_General_100_BIN2"
_MAX_NVARCHAR, _MAX_VARBINARY = 4000, 8000
_JSON_LEVEL = 130
# https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors
# Microsoft's driver gives SQLSTATE 42000 for most of them: the server's number tells them apart.
_FATAL = frozenset({544})  # IDENTITY_INSERT is off: a fault of ours, at every record
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


class SQLServer(ODBC):
    """A SQL Server as the target."""

    insert_ways = (JSON, FAST, PLAIN)

    def __init__(self, target: Target, odbc_insert: str | None = None) -> None:
        super().__init__(target, odbc_insert)
        self._identity_insert: str | None = None

    def make_dialect(self) -> sa.Dialect:
        return MSDialect_pyodbc()

    # The connection.

    def connection_string(self) -> str:
        url = self.target.url
        if url is None:
            return super().connection_string()
        (string,), _ = self.dialect.create_connect_args(with_driver(url, import_pyodbc(self.target).drivers))
        return string

    def choose_way(self, connection: pyodbc.Connection) -> str:
        best = super().choose_way(connection)
        if self.odbc_insert is not None or best != FAST:
            return best
        [(level,)] = connection.execute(
            "SELECT compatibility_level FROM sys.databases WHERE database_id = DB_ID()"
        ).fetchall()
        return JSON if level >= _JSON_LEVEL else FAST

    def close(self) -> None:
        self._identity_insert = None
        super().close()

    def commit(self) -> None:
        self._give_identity(None)
        super().commit()

    def rollback(self) -> None:
        super().rollback()
        # What SET has set outlives the transaction.
        self._give_identity(None)

    # The tables.

    def full_name(self, table: Table) -> str:
        if table.schema is not None:
            return super().full_name(table)
        self.cursor.execute(
            "SELECT COALESCE(OBJECT_SCHEMA_NAME(OBJECT_ID(?)), SCHEMA_NAME())", (self.table_name(table),)
        )
        [(schema,)] = self.cursor.fetchall()
        return self.folded(f"{schema}.{table.name}")

    def exists(self, table: Table) -> bool:
        self.cursor.execute("SELECT OBJECT_ID(?)", (self.table_name(table),))
        # All of it: FreeTDS takes no other statement while a result is open.
        [(found,)] = self.cursor.fetchall()
        return found is not None

    def primary_key(self, table: Table) -> Sequence[str]:
        self.cursor.execute(
            "SELECT c.name FROM sys.indexes i"
            " JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id"
            " JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id"
            # The other setting drops a second row without a word.
            " WHERE i.is_primary_key = 1 AND i.ignore_dup_key = 0 AND i.object_id = OBJECT_ID(?)",
            (self.table_name(table),),
        )
        return [name for (name,) in self.cursor.fetchall()]

    def sql_type(self, column_type: ColumnType) -> sa.types.TypeEngine[Any]:
        name, length = column_type.name, column_type.length
        if name == "text":
            return sa.NVARCHAR(length if length is not None and length <= _MAX_NVARCHAR else None)
        if name == "binary":
            return mssql.VARBINARY(length if length is not None and length <= _MAX_VARBINARY else "max")
        if name == "decimal":
            return sa.DECIMAL(column_type.precision, column_type.scale)
        return _SQL_TYPES[name]

    def column_type(self, table: Table, column: Column) -> sa.types.TypeEngine[Any]:
        if table in BOOKKEEPING and column.name in table.primary_key:
            # Keys that differ in case or accents are different records.
            return sa.NVARCHAR(column.type.length, collation=_COLLATION)
        return super().column_type(table, column)

    def primary_key_options(self, table: Table) -> dict[str, Any]:
        # The ledger's key has up to 1,000 bytes; a clustered one may have 900.
        return {"mssql_clustered": False} if table in BOOKKEEPING else {}

    # The rows.

    def find_sql(
        self, table: Table, columns: tuple[str, ...], equal: tuple[str, ...], among: str | None, count: int, lock: bool
    ) -> str:
        sql = super().find_sql(table, columns, equal, among, count, lock=False)
        return sql.replace(" WHERE ", " WITH (UPDLOCK, HOLDLOCK) WHERE ", 1) if lock else sql

    def insert_rows(self, table: Table, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
        identity = any(table[name].identity for name in columns)
        self._give_identity(self.table_name(table) if identity else None)
        if self.way != JSON:
            super().insert_rows(table, columns, rows)
            return
        statement = self.prepared(JSON, table, columns)
        document = orjson.dumps(statement.adapt(rows)).decode()
        odbc = import_pyodbc()
        # Without its size the parameter would be of another type for each length, and planned each time.
        text_type = odbc.SQL_WVARCHAR if _MICROSOFT in self.driver else odbc.SQL_WLONGVARCHAR
        self.cursor.setinputsizes([(text_type, 0, 0)])
        try:
            self.cursor.execute(statement.sql, (document,))
            # What a trigger says or raises comes after the first result.
            while self.cursor.nextset():
                pass
        finally:
            self.cursor.setinputsizes(None)

    def _prepare(self, verb: str, table: Table, columns: tuple[str, ...]) -> Statement:
        if verb != JSON:
            return super()._prepare(verb, table, columns)
        types = [table[name].type for name in columns]
        names = [self.quoted(name) for name in columns]
        fields = ", ".join(
            f"{name} {self._json_type(type_)} '$[{index}]'"
            for index, (name, type_) in enumerate(zip(names, types, strict=True))
        )
        values = ", ".join(
            f"CONVERT(varbinary(max), {name}, 2)" if type_.name == "binary" else name
            for name, type_ in zip(names, types, strict=True)
        )
        adapters = ((index, _JSON_ADAPTERS.get(type_.name)) for index, type_ in enumerate(types))
        return Statement(
            f"INSERT INTO {self.table_name(table)} ({', '.join(names)})"
            f" SELECT {values} FROM OPENJSON(?) WITH ({fields})",
            tuple((index, adapt) for index, adapt in adapters if adapt is not None),
        )

    def _json_type(self, column_type: ColumnType) -> str:
        # OPENJSON would cut a text to its declared length; INSERT refuses what is too long.
        if column_type.name in ("text", "json", "binary"):
            return "nvarchar(max)"
        return self.dialect.type_compiler_instance.process(self.sql_type(column_type)).lower()

    def _give_identity(self, table: str | None) -> None:
        """Let this table, and no other, take values for its identity column."""
        if table == self._identity_insert:
            return
        if self._identity_insert is not None:
            self.cursor.execute(f"SET IDENTITY_INSERT {self._identity_insert} OFF")
            self._identity_insert = None
        if table is not None:
            self.cursor.execute(f"SET IDENTITY_INSERT {table} ON")
            self._identity_insert = table

    def delete_sql(self, table: Table, count: int) -> str:
        # The columns' collation may take keys for equal that differ in case.
        names = [self.quoted(name) for name in table.record_key]
        one = ", ".join(self.parameter(table[key].type) for key in table.record_key)
        marks = ", ".join([f"({one})"] * count)
        same = " AND ".join(
            f"t.{name} = k.{name}"
            + (f" AND t.{name} = k.{name} COLLATE {_COLLATION}" if table[key].type.name == "text" else "")
            for key, name in zip(table.record_key, names, strict=True)
        )
        return f"DELETE t FROM {self.table_name(table)} AS t JOIN (VALUES {marks}) AS k ({', '.join(names)}) ON {same}"

    def adapter(self, column_type: ColumnType) -> Adapter | None:
        if column_type.name == "datetime" and self.way == PLAIN:
            return methodcaller("isoformat")
        return _ADAPTERS.get(column_type.name)

    def parameter(self, column_type: ColumnType) -> str:
        # Of a datetime, drivers may send three decimals; of a text, a column of the old type datetime takes three.
        cast = column_type.name == "datetime" and self.way == PLAIN
        return "CAST(? AS datetime2(6))" if cast else super().parameter(column_type)

    def plain_sizes(self, types: Sequence[ColumnType]) -> list[tuple[int, int, int] | None]:
        return [self._plain_size(type_) for type_ in types]

    def _plain_size(self, column_type: ColumnType) -> tuple[int, int, int] | None:
        odbc, name, length = import_pyodbc(), column_type.name, column_type.length
        if _MICROSOFT in self.driver:
            # NULL goes as a varchar where a driver cannot ask for the type, and a varchar is no varbinary.
            return self.input_size(column_type, ()) if name == "binary" else None
        # FreeTDS makes nothing of a varbinary without a size, cuts one after 8,000 bytes, and a text after 4,000
        # characters. Only its long types are (max) types; Microsoft's driver takes none of them.
        if name == "binary":
            return odbc.SQL_LONGVARBINARY, 0, 0
        is_long = name == "json" or (name == "text" and (length is None or 2 * length > _MAX_NVARCHAR))
        return (odbc.SQL_WLONGVARCHAR, 0, 0) if is_long else None

    def input_size(self, column_type: ColumnType, values: Sequence[Any]) -> tuple[int, int, int]:
        odbc = import_pyodbc()
        name, length = column_type.name, column_type.length
        if name == "decimal":
            return odbc.SQL_DECIMAL, column_type.precision or 0, column_type.scale or 0
        if name == "date":
            return odbc.SQL_TYPE_DATE, 10, 0
        if name == "datetime":
            return odbc.SQL_TYPE_TIMESTAMP, 26, 6
        if name in ("time", "datetimetz"):
            return odbc.SQL_WVARCHAR, 40, 0
        # No size: a (max) type, sent value by value, without a buffer of the longest for each row.
        if name == "binary":
            return odbc.SQL_VARBINARY, length if length is not None and length <= _MAX_VARBINARY else 0, 0
        if name in ("text", "json"):
            return odbc.SQL_WVARCHAR, 2 * length if length is not None and 2 * length <= _MAX_NVARCHAR else 0, 0
        return super().input_size(column_type, values)

    def diagnose(self, error: Exception) -> Fault | None:
        return Fault("data") if isinstance(error, orjson.JSONEncodeError) else super().diagnose(error)

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


def _exact(value: Decimal) -> str:
    return f"{value:f}"


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
# pyodbc would drop a time's fractions of a second and a datetime's zone.
_ADAPTERS: dict[str, Adapter] = {
    **dict.fromkeys(("text", "json"), text),
    **dict.fromkeys(("time", "datetimetz"), methodcaller("isoformat")),
}
_JSON_ADAPTERS: dict[str, Adapter] = {
    **dict.fromkeys(("text", "json"), text),
    "decimal": _exact,
    "binary": bytes.hex,
}
