"""ODBC for SQL Server: Microsoft's driver, or FreeTDS.

Without a driver in the URL the newest of Microsoft's is taken, from the system or from the wheel ``mssql-python``, and
then FreeTDS.

Rows are inserted in one of these ways (``--odbc_insert``), all in the batch's transaction:

=========  ================================================================================================
``json``   one JSON parameter for each table and batch, ``INSERT ... SELECT ... FROM OPENJSON``: the cheapest for
           the client; the default with Microsoft's driver and a database of compatibility level 130 (2016) or more
``fast``   ``executemany`` with arrays of parameters; the default with Microsoft's driver otherwise
``plain``  ``executemany``, a call to the server for each row; the default with all other drivers, FreeTDS among them
=========  ================================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import methodcaller
from typing import TYPE_CHECKING, Any

import orjson

from transforms.database.dialects.dialect import Adapter, Dialect
from transforms.database.dialects.mssql import MAX_NVARCHAR, MAX_VARBINARY
from transforms.database.drivers.odbc import FAST, ODBC, PLAIN, exact, text
from transforms.database.engines import with_driver
from transforms.database.errors import Fault
from transforms.database.packages import import_pyodbc
from transforms.database.target import Target
from transforms.records import Row
from transforms.schema import ColumnType, Table

if TYPE_CHECKING:
    import pyodbc

JSON = "json"
_MICROSOFT = "msodbcsql"
_JSON_LEVEL = 130


class SQLServerODBC(ODBC):
    """A connection to a SQL Server."""

    insert_ways = (JSON, FAST, PLAIN)

    def __init__(self, target: Target, dialect: Dialect, odbc_insert: str | None = None) -> None:
        super().__init__(target, dialect, odbc_insert)
        self._identity_insert: str | None = None

    def connection_string(self) -> str:
        url = self.target.url
        if url is None:
            return super().connection_string()
        (string,), _ = self.dialect.sqlalchemy.create_connect_args(with_driver(url, import_pyodbc(self.target).drivers))
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

    # The rows.

    def insert(self, table: Table, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
        identity = any(table[name].identity for name in columns)
        self._give_identity(self.dialect.table_name(table) if identity else None)
        if self.way != JSON:
            super().insert(table, columns, rows)
            return
        statement = self.prepared(JSON, table, columns)
        document = orjson.dumps(statement.adapt(rows)).decode()
        odbc = import_pyodbc()
        # Without its size the parameter would be of another type for each length, and planned each time.
        text_type = odbc.SQL_WVARCHAR if _MICROSOFT in self.library else odbc.SQL_WLONGVARCHAR
        self.cursor.setinputsizes([(text_type, 0, 0)])
        try:
            self.cursor.execute(statement.sql, (document,))
            # What a trigger says or raises comes after the first result.
            while self.cursor.nextset():
                pass
        finally:
            self.cursor.setinputsizes(None)

    def statement(self, verb: str, table: Table, columns: tuple[str, ...]) -> str:
        if verb != JSON:
            return super().statement(verb, table, columns)
        types = [table[name].type for name in columns]
        names = [self.dialect.quoted(name) for name in columns]
        fields = ", ".join(
            f"{name} {self._json_type(type_)} '$[{index}]'"
            for index, (name, type_) in enumerate(zip(names, types, strict=True))
        )
        values = ", ".join(
            f"CONVERT(varbinary(max), {name}, 2)" if type_.name == "binary" else name
            for name, type_ in zip(names, types, strict=True)
        )
        return (
            f"INSERT INTO {self.dialect.table_name(table)} ({', '.join(names)})"
            f" SELECT {values} FROM OPENJSON(?) WITH ({fields})"
        )

    def _json_type(self, column_type: ColumnType) -> str:
        # OPENJSON would cut a text to its declared length; INSERT refuses what is too long.
        if column_type.name in ("text", "json", "binary"):
            return "nvarchar(max)"
        return self.dialect.sqlalchemy.type_compiler_instance.process(self.dialect.sql_type(column_type)).lower()

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

    def adapter(self, verb: str, column_type: ColumnType) -> Adapter | None:
        if verb == JSON:
            return _JSON_ADAPTERS.get(column_type.name)
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
        if _MICROSOFT in self.library:
            # NULL goes as a varchar where a driver cannot ask for the type, and a varchar is no varbinary.
            return self.input_size(column_type, ()) if name == "binary" else None
        # FreeTDS makes nothing of a varbinary without a size, cuts one after 8,000 bytes, and a text after 4,000
        # characters. Only its long types are (max) types; Microsoft's driver takes none of them.
        if name == "binary":
            return odbc.SQL_LONGVARBINARY, 0, 0
        is_long = name == "json" or (name == "text" and (length is None or 2 * length > MAX_NVARCHAR))
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
            return odbc.SQL_VARBINARY, length if length is not None and length <= MAX_VARBINARY else 0, 0
        if name in ("text", "json"):
            return odbc.SQL_WVARCHAR, 2 * length if length is not None and 2 * length <= MAX_NVARCHAR else 0, 0
        return super().input_size(column_type, values)

    def diagnose(self, error: Exception) -> Fault | None:
        return Fault("data") if isinstance(error, orjson.JSONEncodeError) else super().diagnose(error)


# pyodbc would drop a time's fractions of a second and a datetime's zone.
_ADAPTERS: dict[str, Adapter] = {
    **dict.fromkeys(("text", "json"), text),
    **dict.fromkeys(("time", "datetimetz"), methodcaller("isoformat")),
}
_JSON_ADAPTERS: dict[str, Adapter] = {
    **dict.fromkeys(("text", "json"), text),
    "decimal": exact,
    "binary": bytes.hex,
}
