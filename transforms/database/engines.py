"""SQLAlchemy's engines: to reflect tables over a connection that is open, and to read from a database."""

from __future__ import annotations

import importlib.util
import re
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import registry

from transforms.database.dialects.dialect import quote_always
from transforms.database.errors import LoadError
from transforms.database.packages import import_pyodbc
from transforms.database.target import Target

_OURS = "transforms.database.dialects.sqlalchemy_dialects"
registry.register("postgresql.odbc", _OURS, "PGDialectODBC")
registry.register("postgresql.psycopg_informed", _OURS, "PGDialectInformed")
registry.register("sqlite.odbc", _OURS, "SQLiteDialectODBC")

DIALECTS = {
    "Microsoft SQL Server": "mssql+pyodbc",
    "PostgreSQL": "postgresql+odbc",
    "SQLite": "sqlite+odbc",
    "MySQL": "mysql+pyodbc",
    "MariaDB": "mysql+pyodbc",
}
"""The dialect of a database by the name that its ODBC driver gives."""


def inspector_over(connection: Any, dialect: str) -> sa.Inspector:
    """The reflection of tables over an open connection, outside of a transaction; ``dialect``: ``mssql+pyodbc`` say."""
    return sa.inspect(_engine_over(lambda: connection, dialect, poolclass=sa.StaticPool))


def reading_engine(target: Target) -> sa.Engine:
    """The engine to read from a database.

    Raises :class:`LoadError` where there is no such database, or none that can be read, and what SQLAlchemy raises.
    """
    url = target.url
    if url is None:
        return _odbc_engine(target)
    if target.scheme == "sqlite":
        return _quoting(_sqlite_engine(target, url))
    if target.scheme == "mssql":
        url = with_driver(url, import_pyodbc(target).drivers)
    elif target.scheme == "postgresql":
        # Before version 2.1 SQLAlchemy would take psycopg2.
        url = url.set(drivername="postgresql+psycopg")
    return _quoting(sa.create_engine(url))


def _engine_over(connect: Callable[[], Any], dialect: str, **options: Any) -> sa.Engine:
    return _quoting(sa.create_engine(f"{dialect}://", creator=connect, **options))


def _quoting(engine: sa.Engine) -> sa.Engine:
    quote_always(engine.dialect)
    return engine


def _sqlite_engine(target: Target, url: sa.URL) -> sa.Engine:
    path = url.database or ""
    if not path.startswith("file:") and not Path(path).is_file():
        raise LoadError(f"{target}: there is no file {path!r}")  # SQLite would make an empty one.
    engine = sa.create_engine(url)
    sa.event.listen(engine, "connect", _take_any_text)
    return engine


def _take_any_text(connection: sqlite3.Connection, _: object) -> None:
    # SQLite does not check that text is UTF-8, and its driver would fail at the first row where it is not.
    connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")


def _odbc_engine(target: Target) -> sa.Engine:
    pyodbc = import_pyodbc(target)

    def connect() -> Any:
        return pyodbc.connect(target.odbc)

    try:
        with closing(connect()) as connection:
            name = connection.getinfo(pyodbc.SQL_DBMS_NAME)
    except pyodbc.Error as error:
        raise sa.exc.DBAPIError(None, None, error) from None
    if name not in DIALECTS:
        raise LoadError(f"the ODBC source is {name!r}; those that can be read are {', '.join(DIALECTS)}")
    return _engine_over(connect, DIALECTS[name])


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
