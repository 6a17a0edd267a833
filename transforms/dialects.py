"""SQLAlchemy's dialects for databases behind ODBC, where it has none of its own: to reflect tables and to read.

They are URLs without a place, as ``beamshred+sqlite://``: whoever makes an engine gives the connection. And the
driver of a SQL Server's URL, where it names none; and how names are quoted, in all databases: always.
"""

from __future__ import annotations

import csv
import importlib.util
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.connectors.pyodbc import PyODBCConnector
from sqlalchemy.dialects import postgresql, registry
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.base import SQLiteDialect


class _Text(sa.types.String):
    # PostgreSQL must be told the type of a parameter that stands where any could.
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


class PostgreSQLByODBC(PyODBCConnector, PGDialect):
    """PostgreSQL's SQL through psqlODBC."""

    default_paramstyle = "qmark"
    supports_statement_cache = True
    colspecs = PGDialect.colspecs | {sa.types.String: _Text, sa.types.Boolean: _Boolean, sa.types.ARRAY: _Array}


class PostgreSQLByPsycopg(PGDialect_psycopg):
    """PostgreSQL's SQL through psycopg; what SQLAlchemy would ask a server first, the driver knows."""

    supports_statement_cache = True

    def initialize(self, connection: sa.Connection) -> None:
        info: Any = connection.connection.driver_connection.info  # type: ignore[union-attr]
        self.server_version_info = divmod(info.server_version, 10_000)
        self.supports_identity_columns = self.server_version_info >= (10,)
        self._backslash_escapes = info.parameter_status("standard_conforming_strings") == "off"


class SQLiteByODBC(PyODBCConnector, SQLiteDialect):
    """SQLite's SQL through sqliteodbc."""

    default_paramstyle = "qmark"
    supports_statement_cache = True

    def __init__(self, dbapi: Any = None, **options: Any) -> None:
        # SQLiteDialect would ask the driver for the version of the library, as only Python's own can tell.
        super().__init__(**options)
        self.dbapi = dbapi


registry.register("beamshred.postgresql", __name__, PostgreSQLByODBC.__name__)
registry.register("beamshred.psycopg", __name__, PostgreSQLByPsycopg.__name__)
registry.register("beamshred.sqlite", __name__, SQLiteByODBC.__name__)

BY_DBMS = {
    "Microsoft SQL Server": "mssql+pyodbc",
    "PostgreSQL": "beamshred+postgresql",
    "SQLite": "beamshred+sqlite",
    "MySQL": "mysql+pyodbc",
    "MariaDB": "mysql+pyodbc",
}
"""The dialect of a database by the name that its ODBC driver gives."""


def quote_always(dialect: sa.Dialect) -> sa.Dialect:
    """The same dialect, which quotes every name from now on.

    SQLAlchemy quotes the reserved words that it knows, and databases add others. A name of small letters means the same
    with and without quotes, in all databases that we know by name, and SQLAlchemy has always quoted all others.
    """
    preparer: Any = dialect.preparer

    class Always(preparer):  # type: ignore[misc]
        def quote(self, ident: str, force: Any = None) -> str:
            # SQLAlchemy says False of what it has quoted itself.
            return ident if getattr(ident, "quote", None) is False else self.quote_identifier(ident)

    # MySQL's dialect makes another preparer when it connects.
    dialect.preparer = Always
    dialect.identifier_preparer = Always(dialect)
    return dialect


def with_driver(url: sa.URL, installed: Callable[[], Iterable[str]]) -> sa.URL:
    """The URL of a SQL Server with the best driver there is, where it names none: Microsoft's newest, or FreeTDS.

    ``installed`` gives the names of the drivers; the wheel ``mssql-python`` brings one without a name, as a file.
    """
    if {"driver", "dsn", "odbc_connect"} & {name.lower() for name in url.query} or not url.database:
        return url
    drivers = list(installed())
    named = [name for name in drivers if re.fullmatch(r"ODBC Driver \d+ for SQL Server", name)]
    wheel = importlib.util.find_spec("mssql_python_odbc")
    folders = [] if wheel is None else wheel.submodule_search_locations or []
    files = sorted(str(file) for folder in folders for file in Path(folder).glob("libs/linux/*/*/lib/libmsodbcsql-*"))
    free = [name for name in drivers if "freetds" in name.lower()]
    best = next(iter([*sorted(named, reverse=True), *files, *free]), "ODBC Driver 18 for SQL Server")
    return url.update_query_dict({"driver": best})
