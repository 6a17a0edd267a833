"""The drivers of databases: packages of their own, as most who load need one of them at most."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from transforms.database.errors import LoadError
from transforms.user_errors import UserError

EXTRAS = {"psycopg": "postgres", "pyodbc": "odbc"}
"""The extra of this package that installs a driver."""


class DriverMissing(LoadError, UserError):
    """A package that a database needs is not installed; the message says which, and how to get it."""


@contextmanager
def drivers_needed(place: object) -> Iterator[None]:
    """Make :class:`DriverMissing` of a driver that cannot be imported inside; ``place`` is the database."""
    try:
        yield
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        if isinstance(error, ModuleNotFoundError) and package in EXTRAS:
            extra = EXTRAS[package]
            if str(place).startswith("mssql"):
                extra = "mssql"
            raise DriverMissing(
                f"{place} needs the package {package}, which is not installed: pip install 'beamshred[{extra}]'"
            ) from None
        if "libodbc" in str(error):
            raise DriverMissing(
                f"{place} needs ODBC's driver manager: {error}; install Debian's package libodbc2 (apt-get install"
                " libodbc2)"
            ) from None
        raise


def import_pyodbc(place: object = "ODBC") -> ModuleType:
    """pyodbc, imported when it is used; raises :class:`DriverMissing`."""
    with drivers_needed(place):
        import pyodbc
    # A connection of the driver manager's pool may be one that was lost.
    pyodbc.pooling = False
    return pyodbc
