"""Python's own ``sqlite3``, for SQLite."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from transforms.database.dialects.dialect import Dialect
from transforms.database.dialects.sqlite import BUSY_SECONDS, PRAGMAS, SQLite
from transforms.database.drivers.driver import Driver
from transforms.database.drivers.turn import Turn
from transforms.database.errors import Fault, LoadError
from transforms.database.target import Target
from transforms.user_errors import UserError


class PySQLite(Driver):
    """A connection to a SQLite file."""

    dialect: SQLite

    def __init__(self, target: Target, dialect: Dialect, odbc_insert: str | None = None) -> None:
        super().__init__(target, dialect, odbc_insert)
        if target.url is None or target.url.database in (None, "", ":memory:"):
            raise UserError("a SQLite target is a file, sqlite:///name.db: one in memory would end with its worker")
        self._url = target.url
        self._turn: Turn | None = None

    def open_connection(self) -> sqlite3.Connection:
        arguments, options = self.dialect.sqlalchemy.create_connect_args(self._url)
        folder = Path(arguments[0]).parent
        if not folder.is_dir():
            raise LoadError(f"{self.target}: there is no folder {str(folder)!r}; create it, or correct the path")
        # Beam may set a DoFn up in one thread and call it in another; it never does so at once.
        connection = sqlite3.connect(
            arguments[0], **{"timeout": BUSY_SECONDS, **options, "isolation_level": None, "check_same_thread": False}
        )
        try:
            for pragma in PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection

    def connect(self) -> None:
        super().connect()
        if self._turn is None:
            self._turn = Turn(str(self._url.database))

    def begin(self) -> None:
        if self._turn is not None:
            self._turn.take()
        super().begin()  # if it fails, the caller rolls back

    def commit(self) -> None:
        super().commit()
        self._give_back()

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self._give_back()

    def close(self) -> None:
        super().close()
        if self._turn is not None:
            self._turn.close()
            self._turn = None

    def _give_back(self) -> None:
        if self._turn is not None:
            self._turn.give_back()

    def diagnose(self, error: Exception) -> Fault | None:
        if isinstance(error, sqlite3.IntegrityError):
            return self.dialect.fault_of_constraint(str(error))
        if isinstance(error, (sqlite3.DataError, OverflowError, UnicodeError)):
            return Fault("data")
        if isinstance(error, (sqlite3.InterfaceError, sqlite3.ProgrammingError)) and "binding parameter" in str(error):
            return Fault("data")
        if isinstance(error, sqlite3.OperationalError):
            return self.dialect.fault("", str(error))
        return Fault("fatal") if isinstance(error, sqlite3.Error) else None
