"""A target that is away, locked or busy is waited for before the run as in it; one that is wrong is said at once."""

from __future__ import annotations

import logging
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from pipeline.command import main
from pipeline.preflight import check_target
from tests.databases import SCHEMA
from tests.jobs import ROOT, Folder, order, orders
from tests.servers import need_odbc, new_schema, postgresql_by_odbc
from transforms.database.database import Database
from transforms.database.errors import fault_of_connecting
from transforms.insert import TargetError, prepare_target, writers


@pytest.fixture
def at_first_failure() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Calls a function when the log first says that a try has failed."""
    logger = logging.getLogger("transforms.insert.retry")
    with ExitStack() as stack:

        def call(action: Callable[[], None]) -> None:
            class Handler(logging.Handler):
                def emit(self, record: logging.LogRecord) -> None:
                    logger.removeHandler(self)
                    action()

            handler = Handler(logging.WARNING)
            logger.addHandler(handler)
            stack.callback(logger.removeHandler, handler)

        yield call


@pytest.fixture
def never_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(state: Any) -> float:
        raise AssertionError("it waits for what is wrong")

    monkeypatch.setattr("tenacity.wait_random_exponential", lambda **_: wait)


class Door:
    """A port that leads to a Unix socket, once it is opened; until then connections to it are refused.

    It is a process of its own: pyodbc keeps the interpreter's lock while it asks a server what a parameter is.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        with closing(socket.socket()) as reserved:
            reserved.bind(("127.0.0.1", 0))
            self.port = reserved.getsockname()[1]
        self.server: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        # Not forked: this process may have threads of gRPC, and a child of it then dies now and then.
        command = [sys.executable, "-m", "benchmarks.delay", str(self.port), "0", self.path]
        self.server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        assert self.server.stdout is not None
        self.server.stdout.readline()

    def close(self) -> None:
        if self.server is not None:
            self.server.kill()
            self.server.communicate()


@pytest.fixture(params=["postgresql", "postgresql by odbc"])
def late(request: pytest.FixtureRequest) -> Iterator[tuple[str, Door]]:
    """A target on a server that is not there yet, and the door that opens it."""
    url, schema = new_schema()
    if not str(url.query.get("host", "")).startswith("/"):
        pytest.skip("the server listens on no Unix socket here")
    door = Door(f"{url.query['host']}/.s.PGSQL.{url.port or 5432}")
    options = {name: value for name, value in url.query.items() if name != "host"}
    there = url.set(host="127.0.0.1", port=door.port, query={**options, "gssencmode": "disable"})
    if request.param == "postgresql":
        yield there.render_as_string(hide_password=False), door
    else:
        yield postgresql_by_odbc(there, schema), door
    door.close()


@pytest.mark.parametrize("ask", [prepare_target, check_target])
def test_server_that_comes_up_later(
    late: tuple[str, Door], ask: Callable[..., Any], at_first_failure: Any, caplog: pytest.LogCaptureFixture
) -> None:
    target, door = late
    at_first_failure(door.open)
    ask(target, SCHEMA)
    assert "trying again for up to 120 seconds" in caplog.text
    assert "refused" in caplog.text


def test_odbc_source_that_is_asked_for_its_kind_is_waited_for(late: tuple[str, Door], at_first_failure: Any) -> None:
    target, door = late
    at_first_failure(door.open)
    assert writers(target, 3) == 3
    assert (door.server is not None) is target.startswith("odbc:")  # the others are known by their URL


def test_command_waits_and_says_for_what(
    tmp_path: Path, late: tuple[str, Door], at_first_failure: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    target, door = late
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1)]))
    at_first_failure(door.open)
    assert main([*folder.arguments("--check"), "--target", target]) == 0
    assert "trying again for up to 120 seconds" in " ".join(capsys.readouterr().err.split())


def test_wait_is_as_long_as_asked(tmp_path: Path, late: tuple[str, Door], capsys: pytest.CaptureFixture[str]) -> None:
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1)]))
    assert main([*folder.arguments("--retry_seconds", "0"), "--target", late[0]]) == 2
    assert "still fails after 0 seconds" in " ".join(capsys.readouterr().err.split())
    assert not folder.run_dir.exists()


@pytest.mark.parametrize("how", ["sqlite", "sqlite by odbc"])
@pytest.mark.parametrize("ask", [prepare_target, check_target])
def test_file_that_another_program_has_locked(
    tmp_path: Path, ask: Callable[..., Any], how: str, at_first_failure: Any
) -> None:
    target = f"sqlite:///{tmp_path}/t.db?timeout=0.01"
    if how == "sqlite by odbc":
        need_odbc("SQLite3")
        target = f"odbc:DRIVER=SQLite3;Database={tmp_path}/t.db;Timeout=1"
    with closing(sqlite3.connect(tmp_path / "t.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE t (a)")
        other.execute("BEGIN EXCLUSIVE")
        at_first_failure(lambda: other.execute("ROLLBACK"))
        ask(target, SCHEMA)
        assert not other.in_transaction


def test_table_that_is_locked(at_first_failure: Any, caplog: pytest.LogCaptureFixture) -> None:
    url, schema = new_schema()
    target = url.update_query_dict({"options": f"-csearch_path={schema} -clock_timeout=10"})
    prepare_target(target.render_as_string(hide_password=False), SCHEMA)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as other:
        other.exec_driver_sql("LOCK TABLE beamshred_ledger")
        at_first_failure(other.rollback)
        prepare_target(target.render_as_string(hide_password=False), SCHEMA)
    assert "lock timeout" in caplog.text


def test_deadlock_of_two_that_create_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []
    create = Database.create_tables

    def deadlocked(self: Database, *arguments: Any) -> None:
        tries.append(arguments)
        if len(tries) == 1:
            raise psycopg.errors.DeadlockDetected("deadlock detected")
        create(self, *arguments)

    monkeypatch.setattr(Database, "create_tables", deadlocked)
    prepare_target(new_schema()[0].render_as_string(hide_password=False), SCHEMA)
    assert len(tries) > 1


@pytest.mark.usefixtures("never_waits")
@pytest.mark.parametrize("by_odbc", [False, True])
@pytest.mark.parametrize("ask", [prepare_target, check_target])
@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"username": "nobody_of_this_name"}, "nobody_of_this_name"),
        ({"database": "no_such_database"}, "no_such_database"),
        ({"query": {"host": "nowhere.invalid"}}, "nowhere.invalid"),
    ],
)
def test_target_that_is_wrong_is_said_at_once(
    changed: dict[str, Any], says: str, ask: Callable[..., Any], by_odbc: bool
) -> None:
    if "query" in changed and not _is_known_to_be_none("nowhere.invalid"):
        pytest.skip("no name server is here that knows which names are none")
    url, schema = new_schema()
    url = url.set(password="s3cret", **changed)
    target = postgresql_by_odbc(url, schema) if by_odbc else url.render_as_string(hide_password=False)
    with pytest.raises(TargetError, match=says) as raised:
        ask(target, SCHEMA)
    assert "s3cret" not in str(raised.value)


def _is_known_to_be_none(host: str) -> bool:
    try:
        socket.getaddrinfo(host, 5432)
    except socket.gaierror as error:
        return error.errno == socket.EAI_NONAME
    return False


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("transient", "port 5432 failed: Connection refused"),
        ("transient", 'connection to server on socket "/run/.s.PGSQL.5432" failed: No such file or directory'),
        ("transient", "connection timeout expired"),
        ("transient", "failed: FATAL:  the database system is starting up"),
        ("transient", "failed: FATAL:  the database system is not yet accepting connections"),
        ("transient", "failed: FATAL:  sorry, too many clients already"),
        ("transient", "failed: FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute"),
        ("transient", "failed: FATAL:  terminating connection due to administrator command"),
        ("transient", "failed to resolve host 'h': [Errno -3] Temporary failure in name resolution"),
        ("transient", "consuming input failed: server closed the connection unexpectedly"),
        ("fatal", "failed to resolve host 'h': [Errno -2] Name or service not known"),
        ("fatal", 'could not translate host name "h" to address: Name or service not known'),
        ("fatal", 'failed: FATAL:  password authentication failed for user "ann"'),
        ("fatal", 'failed: FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "ann", database "x", no encryption'),
        ("fatal", "failed: fe_sendauth: no password supplied"),
        ("fatal", "failed: server does not support SSL, but SSL was required"),
        ("fatal", "failed: SSL error: certificate verify failed"),
        # What Microsoft's driver and FreeTDS say of a host that is away; and of one that is none, too.
        (
            "transient",
            "[Microsoft][ODBC Driver 18 for SQL Server]Client unable to establish connection because an error",
        ),
        ("transient", "[FreeTDS][SQL Server]Unable to connect to data source (0) (SQLDriverConnect)"),
    ],
)
def test_errors_of_connecting(kind: str, message: str) -> None:
    assert fault_of_connecting(message).kind == kind
