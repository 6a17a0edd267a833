"""Dialects of SQLAlchemy for drivers for which it has none: to write DDL, to reflect tables and to read.

:mod:`transforms.database.engines` registers them.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.connectors.pyodbc import PyODBCConnector
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.base import SQLiteDialect


class _Text(sa.types.String):
    # PostgreSQL must be told the type of a parameter where a value of any type could be.
    render_bind_cast = True


class _Boolean(sa.types.Boolean):
    """A truth value, which psqlODBC gives as ``"0"`` or ``"1"``."""

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[Any], bool | None]:
        return lambda value: None if value is None else value in (True, "1")


class _Array(postgresql.ARRAY):
    """An array, which ODBC gives as its text: ``{a,"b c"}``."""

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[str | None], list[str] | None]:
        def parsed(text: str | None) -> list[str] | None:
            return None if text is None else next(csv.reader([text[1:-1]], escapechar="\\"), [])

        return parsed


class PGDialectODBC(PyODBCConnector, PGDialect):
    """``postgresql+odbc``: psqlODBC."""

    driver = "odbc"
    default_paramstyle = "qmark"
    supports_statement_cache = True
    colspecs = PGDialect.colspecs | {sa.types.String: _Text, sa.types.Boolean: _Boolean, sa.types.ARRAY: _Array}


class PGDialectInformed(PGDialect_psycopg):
    """``postgresql+psycopg_informed``: psycopg; what SQLAlchemy would ask a server first, the driver knows."""

    driver = "psycopg_informed"
    supports_statement_cache = True

    def __init__(self, **options: Any) -> None:
        super().__init__(use_native_hstore=False, **options)  # type: ignore[no-untyped-call]

    def initialize(self, connection: sa.Connection) -> None:
        info: Any = connection.connection.driver_connection.info  # type: ignore[union-attr]
        self.server_version_info = divmod(info.server_version, 10_000)
        self.supports_identity_columns = self.server_version_info >= (10,)
        self._backslash_escapes = info.parameter_status("standard_conforming_strings") == "off"


class SQLiteDialectODBC(PyODBCConnector, SQLiteDialect):
    """``sqlite+odbc``: sqliteodbc."""

    driver = "odbc"
    default_paramstyle = "qmark"
    supports_statement_cache = True

    def __init__(self, dbapi: Any = None, **options: Any) -> None:
        # SQLiteDialect would ask the driver for the version of the library, as only Python's own can tell.
        super().__init__(**options)
        self.dbapi = dbapi
