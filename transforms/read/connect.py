"""Connections for reading from a database: whatever can be a target can be a source too.

SQLAlchemy's dialects know how names are quoted, parameters marked and results streamed; the statements of
:mod:`transforms.read.columns` need nothing else of them. An ODBC source is asked which database it is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from transforms.dialects import BY_DBMS, quote_always, with_driver
from transforms.drivers import DriverMissing, drivers_needed
from transforms.target import Target
from transforms.user_errors import InputError


@lru_cache(maxsize=8)
def engine_of(url: str) -> sa.Engine:
    """The engine for a source, one in each process: a worker keeps its connection from range to range.

    ``url`` takes all forms of :mod:`transforms.target`. Raises :class:`InputError` where there is no such source or
    a driver is missing.
    """
    try:
        target = Target.parse(url)
    except ValueError as error:
        raise InputError(f"--input: {error}") from None
    with reading(target):
        engine = _engine_of(target)
        quote_always(engine.dialect)
        return engine


def _engine_of(target: Target) -> sa.Engine:
    if target.url is None:
        return _odbc_engine(target.odbc or "")
    if target.scheme == "sqlite":
        return _sqlite_engine(target)
    if target.scheme == "mssql":
        import pyodbc

        return sa.create_engine(with_driver(target.url, pyodbc.drivers))
    return sa.create_engine(target.url)


@contextmanager
def reading(target: Target) -> Iterator[None]:
    """Make :class:`InputError` of what drivers raise inside: their own errors may show secrets."""
    try:
        with drivers_needed(target):
            yield
    except sa.exc.DBAPIError as error:
        message = target.mask(f"{type(error.orig).__name__}: {error.orig}")
        raise InputError(f"{target} cannot be read: {message}") from None
    except sa.exc.SQLAlchemyError as error:
        raise InputError(f"{target} cannot be read: {target.mask(str(error))}") from None
    except DriverMissing as error:
        raise InputError(str(error)) from None


def _sqlite_engine(target: Target) -> sa.Engine:
    assert target.url is not None
    path = target.url.database or ""
    if not path.startswith("file:") and not Path(path).is_file():
        raise InputError(f"{target}: there is no file {path!r}")  # SQLite would make an empty one.
    engine = sa.create_engine(target.url)
    sa.event.listen(engine, "connect", _take_any_text)
    return engine


def _take_any_text(connection: sqlite3.Connection, _: object) -> None:
    # SQLite does not check that text is UTF-8, and its driver would fail at the first row where it is not.
    connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")


def _odbc_engine(connection_string: str) -> sa.Engine:
    import pyodbc

    def connect() -> Any:
        return pyodbc.connect(connection_string)

    try:
        with closing(connect()) as connection:
            name = connection.getinfo(pyodbc.SQL_DBMS_NAME)
    except pyodbc.Error as error:
        raise sa.exc.DBAPIError(None, None, error) from None
    if name not in BY_DBMS:
        raise InputError(f"the ODBC source is {name!r}; what can be read is {', '.join(BY_DBMS)}")
    return sa.create_engine(f"{BY_DBMS[name]}://", creator=connect)
