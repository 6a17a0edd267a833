"""What is ODBC's own: the driver manager, drivers and ways to insert; the load suite runs over it elsewhere."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.databases import SCHEMA, TargetDatabase, order, postgresql_by_odbc, sqlite_by_odbc
from tests.servers import need_odbc
from transforms.database.drivers.odbc import FAST, PLAIN
from transforms.database.opening import STANDARD
from transforms.insert import LoadPolicy, Target, TargetError, load_batch, open_database, prepare_target
from transforms.insert.duplicates import find_entries
from transforms.insert.prepare import CREATE_NEVER

DATABASES = pytest.mark.parametrize("place", [postgresql_by_odbc, sqlite_by_odbc])


def test_drivers_are_imported_when_they_are_used(tmp_path):
    code = (
        "import sys; from transforms import prepare_target; from transforms.schema import Schema;"
        f"prepare_target('sqlite:///{tmp_path}/x.db', Schema('shop', ()));"
        "print({'pyodbc', 'psycopg'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


@pytest.mark.parametrize("target", ["odbc:DSN=shop", "mssql+pyodbc://ann@host/shop"])
def test_missing_driver_manager_names_its_package(monkeypatch, tmp_path, target):
    (tmp_path / "pyodbc.py").write_text("raise ImportError('libodbc.so.2: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pyodbc", raising=False)
    with pytest.raises(TargetError, match=r"needs ODBC's driver manager: .* libodbc2 \(apt-get install libodbc2\)"):
        prepare_target(target, SCHEMA)


@pytest.mark.parametrize(
    ("string", "packages"),
    [
        ("DRIVER=PostgreSQL 99;Server=x;PWD=s3cret", "install Debian's package odbc-postgresql"),
        ("DRIVER=/lib/libsqlite99.so;Database=x", "install Debian's package libsqliteodbc"),
        ("DRIVER={ODBC Driver 99 for SQL Server};Server=x", "install Microsoft's package msodbcsql18, or pip install"),
        ("DSN=nowhere", "odbc-postgresql, .*libsqliteodbc, .*tdsodbc, .*msodbcsql18"),
    ],
)
def test_missing_driver_names_its_package(string, packages):
    need_odbc("SQLite3")
    with pytest.raises(TargetError, match=packages) as raised:
        prepare_target(f"odbc:{string}", SCHEMA)
    assert "s3cret" not in str(raised.value)


def test_error_of_the_driver_shows_no_password():
    need_odbc("PostgreSQL Unicode")
    string = "DRIVER=PostgreSQL Unicode;Servername=127.0.0.1;Port=1;Database=x;UID=ann;PWD=s3cret"
    with pytest.raises(TargetError, match=r"PWD=\*\*\*.* still fails .*Connection refused") as raised:
        prepare_target(f"odbc:{string}", SCHEMA, retry_seconds=0)
    assert "s3cret" not in str(raised.value)


def test_arrays_of_parameters_only_where_the_driver_can(tmp_path):
    target = Target.parse(postgresql_by_odbc(tmp_path)[0])
    for asked, way in (None, FAST), (FAST, FAST), (PLAIN, PLAIN):
        loader = open_database(target, asked)
        loader.connect()
        assert loader.driver.way == way
        loader.close()
    with pytest.raises(ValueError, match=r"--odbc_insert is 'fast'; .* takes only plain"):
        open_database(Target.parse(sqlite_by_odbc(tmp_path)[0]), FAST)


@DATABASES
def test_json_is_for_sql_server(tmp_path, place):
    with pytest.raises(ValueError, match=r"--odbc_insert is 'json'"):
        prepare_target(place(tmp_path)[0], SCHEMA, odbc_insert="json")


@DATABASES
def test_deleted_rows_are_counted_over_many_statements(tmp_path, place):
    target = place(tmp_path)[0]
    prepare_target(target, SCHEMA)
    loader = open_database(Target.parse(target))
    records = [order(f"{n:03}", n, lines=3) for n in range(150)]
    load_batch(loader, SCHEMA, records, LoadPolicy("run"))
    loader.begin()
    assert loader.delete_rows(SCHEMA.tables[1], [(record.key,) for record in [*records, order("999", 0)]]) == 450
    loader.rollback()
    loader.close()


def test_spans_beyond_two_gigabytes_come_back(tmp_path):
    target = sqlite_by_odbc(tmp_path)[0]
    prepare_target(target, SCHEMA)
    loader = open_database(Target.parse(target))
    load_batch(loader, SCHEMA, [order("A", 2**40)], LoadPolicy("run"))
    assert find_entries(loader, "shop", ["A"])["A"].span_end == 100 * 2**40 + 90
    loader.close()


def test_database_of_unknown_name_is_loaded_by_standard_sql(tmp_path):
    target, url = sqlite_by_odbc(tmp_path)
    loader = STANDARD.database(Target.parse(target), None)
    prepare_target(loader, SCHEMA)
    prepare_target(loader, SCHEMA, CREATE_NEVER)
    for run, customer in ("run 1", "ann"), ("run 2", "bob"):
        result, _ = load_batch(loader, SCHEMA, [order("A", 0, customer)], LoadPolicy(run))
        assert result.loaded + result.changed == 1
    loader.close()
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        assert connection.execute("SELECT * FROM orders").fetchall() == [("A", "ann")]


def test_connection_that_is_lost_is_given_up(tmp_path: Path) -> None:
    """psqlODBC rolls back on a lost connection without a word."""
    target = TargetDatabase(*postgresql_by_odbc(tmp_path))
    database = target.open()
    database.connect()
    database.cursor.execute("SELECT pg_backend_pid()")
    [(process,)] = database.cursor.fetchall()
    database.commit()
    target.query(f"SELECT pg_terminate_backend({process})")
    with pytest.raises(Exception, match=r"lost|terminat|connection"):
        database.cursor.execute("SELECT 1")
    database.recover()
    assert database.connection is None
    database.connect()
    database.cursor.execute("SELECT 1")
    database.close()
    target.close()
