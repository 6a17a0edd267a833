"""Which dialect and which driver a target has: what to add to for another database."""

from __future__ import annotations

import pkgutil
from contextlib import closing
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect

from transforms.database.database import Database, translated
from transforms.database.engines import DIALECTS
from transforms.database.packages import drivers_needed
from transforms.database.target import Target


@dataclass(frozen=True)
class Parts:
    """The dialect, below ``dialects``, the driver, below ``drivers``, and SQLAlchemy's dialect: standard SQL if none.

    Their modules are imported when they are used, and so are the packages that these need.
    """

    dialect: str
    driver: str
    sqlalchemy: str | None

    def database(self, target: Target, odbc_insert: str | None) -> Database:
        sql = DefaultDialect(paramstyle="qmark") if self.sqlalchemy is None else _dialect(self.sqlalchemy)
        dialect = pkgutil.resolve_name(f"transforms.database.dialects.{self.dialect}")(sql)
        driver = pkgutil.resolve_name(f"transforms.database.drivers.{self.driver}")(target, dialect, odbc_insert)
        return Database(target, dialect, driver)


SQL_SERVER = Parts("mssql:SQLServer", "sqlserver_odbc:SQLServerODBC", "mssql+pyodbc")
BY_SCHEME = {
    "sqlite": Parts("sqlite:SQLite", "pysqlite:PySQLite", "sqlite+pysqlite"),
    "postgresql": Parts("postgresql:PostgreSQL", "psycopg:Psycopg", "postgresql+psycopg_informed"),
    "mssql": SQL_SERVER,
}
"""By the backend of the URL (:data:`transforms.database.target.SCHEMES`)."""

BY_DBMS = {
    "Microsoft SQL Server": SQL_SERVER,
    "PostgreSQL": Parts("postgresql:PostgreSQL", "odbc:PsqlODBC", DIALECTS["PostgreSQL"]),
    "SQLite": Parts("sqlite:SQLite", "odbc:SQLiteODBC", DIALECTS["SQLite"]),
}
"""By the name that an ODBC driver gives its database."""

STANDARD = Parts("dialect:Dialect", "odbc:ODBC", None)
"""Any other database behind ODBC."""


def open_database(target: Target, odbc_insert: str | None = None) -> Database:
    """The database of a target, not yet connected; only ``odbc:`` is asked first what database it is.

    Raises ``ValueError`` where the target, or this way to insert into it, cannot be, :class:`DriverMissing` where a
    package is not installed, and for ``odbc:`` as :func:`translated` does.
    """
    with drivers_needed(target):
        parts = _parts_behind(target) if target.url is None else BY_SCHEME[target.scheme]
        return parts.database(target, odbc_insert)


def _parts_behind(target: Target) -> Parts:
    from transforms.database.drivers.odbc import dbms_of

    unknown = STANDARD.database(target, None)
    with translated(unknown), closing(unknown):
        unknown.connect()
        return BY_DBMS.get(dbms_of(unknown.connection), STANDARD)


def _dialect(name: str) -> sa.Dialect:
    dialect: sa.Dialect = sa.make_url(f"{name}://").get_dialect()()
    return dialect
