"""A PostgreSQL far away: how often a batch waits for it, and that what is sent in one go does what COPY does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import SCHEMA, TargetDatabase, column, order
from tests.servers import new_schema
from transforms.insert import LoadPolicy, Target, load_batch, open_database, prepare_target
from transforms.records import MappedRecord
from transforms.schema import ABSENT, Schema, Table


@pytest.fixture
def database(monkeypatch) -> Iterator[TargetDatabase]:
    monkeypatch.setattr("transforms.database.drivers.psycopg.FAR_SECONDS", 0.0)
    url = new_schema()[0].render_as_string(hide_password=False)
    database = TargetDatabase(url, url)
    yield database
    database.close()


class Way:
    """A way to the server that counts how often the one side speaks after the other: round trips."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.round_trips = 0
        self._is_answered = True
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        ours, _ = self._listening.accept()
        theirs = socket.socket(socket.AF_UNIX)
        theirs.connect(self.server)
        threading.Thread(target=self._pass_on, args=(theirs, ours, False), daemon=True).start()
        self._pass_on(ours, theirs, True)

    def _pass_on(self, source: socket.socket, sink: socket.socket, is_ours: bool) -> None:
        while data := source.recv(1 << 20):
            self.round_trips += is_ours and self._is_answered
            self._is_answered = not is_ours
            sink.sendall(data)
        sink.close()

    def close(self) -> None:
        self._listening.close()


def test_batch_of_new_records_takes_one_round_trip(database):
    prepare_target(database.target, SCHEMA)
    near = database.open()
    near.connect()
    info = near.connection.info
    way = Way(str(Path(info.host) / f".s.PGSQL.{info.port}"))
    near.close()
    query = {name: value for name, value in near.target.url.query.items() if name not in ("host", "port")}
    far = open_database(Target(url=near.target.url.set(host="127.0.0.1", port=way.port, query=query)))
    far.connect()
    counts = []
    for first in range(0, 100, 20):
        began = way.round_trips
        result, _ = load_batch(far, SCHEMA, [order(f"{n:03}", n) for n in range(first, first + 20)], LoadPolicy("run"))
        assert result.loaded == 20
        counts.append(way.round_trips - began)
    far.close()
    way.close()
    # At first: BEGIN, is it far, look, the ledger's key, the columns' types, all else.
    assert counts[0] in (6, 7)  # the last answer may be counted a moment later
    assert sum(counts) <= 6 + 4 + 1
    assert len(database.orders()) == 100


def load(database, table: Table, *rows: tuple, ways: list[str] | None = None) -> tuple[int, list]:
    """Load rows, each a record; in ``ways`` is then how they went."""
    schema = Schema("shop", (table,))
    prepare_target(database.target, schema)
    loader = database.open()
    write = loader.driver.statement

    def noted(verb, one, columns):
        if one is table and ways is not None:
            ways.append(verb)
        return write(verb, one, columns)

    loader.driver.statement = noted
    records = [MappedRecord(str(n), row[:1], "a.xml", n, 0, 9, b"c", {"t": [row]}) for n, row in enumerate(rows)]
    result, rejects = load_batch(loader, schema, records, LoadPolicy("run"))
    loader.close()
    return result.loaded, [(one.key, one.rule, one.path) for one in rejects]


def table(*columns, name: str = "t") -> Table:
    columns = (column("id", "int", nullable=False), *columns)
    return Table("t", name, None, columns, ("id",), None, ("id",))


def test_column_of_another_type_than_the_contracts(database):
    """What the column's own type makes of a text: an INSERT of texts would be refused."""
    database.execute(
        "CREATE TYPE mood AS ENUM ('fine', 'so,so \"\\')",
        "CREATE DOMAIN short AS varchar(3)",
        "CREATE TABLE t (id int PRIMARY KEY, a uuid, b mood, c inet, d char(5), e bit(3), f short, g jsonb)",
    )
    values = ("0" * 32, 'so,so "\\', "10.0.0.1", "ab", "101", "xyz", '{"a": [1.0]}')
    ways: list[str] = []
    assert load(database, table(*(column(name, "text") for name in "abcdefg")), (1, *values), ways=ways) == (1, [])
    assert ways == ["arrays"]
    assert database.query("SELECT a::text, b::text, host(c), d, e::text, f, g::text FROM t") == [
        ("00000000-0000-0000-0000-000000000000", 'so,so "\\', "10.0.0.1", "ab   ", "101", "xyz", '{"a": [1.0]}')
    ]


@pytest.mark.parametrize("type_", ["varchar(3)", "char(3)", "bit(3)", "smallint"])
def test_what_is_too_long_is_refused_and_never_cut(database, type_):
    database.execute(f"CREATE TABLE t (id int PRIMARY KEY, a {type_})")
    good, bad = ("101", "10101") if type_ != "smallint" else ("101", "101010")
    assert load(database, table(column("a", "text")), (0, good), (1, bad), (2, good)) == (2, [("1", "database", "t")])
    assert database.query("SELECT id FROM t ORDER BY id") == [(0,), (2,)]


def test_table_of_a_refused_row_is_found(database):
    assert load(database, table(column("a", "text(3)")), (0, "long")) == (0, [("0", "database", "t")])


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE t (id int PRIMARY KEY, a text[])"],
        [
            "CREATE TABLE t (id int PRIMARY KEY, a text)",
            "CREATE RULE r AS ON INSERT TO t WHERE new.id > 0 DO INSTEAD NOTHING",
        ],
    ],
)
def test_what_an_insert_would_do_otherwise_goes_by_copy(database, statements):
    database.execute(*statements)
    ways: list[str] = []
    assert load(database, table(column("a", "text")), (1, "{x}"), ways=ways) == (1, [])
    assert ways == ["insert"]
    assert database.query("SELECT id, a::text FROM t") == [(1, "{x}")]


def test_numbers_for_an_identity_column_and_names_of_any_kind(database):
    name = 'a "%s" b%'
    quoted = name.replace('"', '""').replace("%", "%%")
    database.execute(
        f'CREATE TABLE "{quoted}" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "{quoted}" text,'
        " b text DEFAULT 'x')"
    )
    made = table(column(name, "text"), column("b", "text", may_be_absent=True), name=name)
    ways: list[str] = []
    assert load(database, made, (7, "y", ABSENT), (8, None, None), ways=ways) == (2, [])
    assert ways == ["arrays", "arrays"]
    assert database.query(f'SELECT * FROM "{quoted}" ORDER BY id') == [(7, "y", "x"), (8, None, None)]


def test_row_that_is_refused_at_the_commit(database):
    """By then all was sent: nothing of it stays, and the record is found by loading it without."""
    database.execute(
        "CREATE TABLE u (id int PRIMARY KEY)",
        "CREATE TABLE t (id int PRIMARY KEY, a int REFERENCES u DEFERRABLE INITIALLY DEFERRED)",
        "INSERT INTO u VALUES (1)",
    )
    loaded, rejects = load(database, table(column("a", "int")), (0, 1), (1, 5), (2, 1))
    assert (loaded, [reject[:2] for reject in rejects]) == (2, [("1", "foreign_key")])
    assert database.query("SELECT id FROM t ORDER BY id") == [(0,), (2,)]
    assert database.ledger("record_key") == [("0",), ("2",)]


def test_connection_that_is_lost_in_between(database):
    prepare_target(database.target, SCHEMA)
    loader = database.open()
    policy = LoadPolicy("run", retry_seconds=10)
    load_batch(loader, SCHEMA, [order("A", 0)], policy)
    database.query(f"SELECT pg_terminate_backend({loader.connection.info.backend_pid})")
    result, _ = load_batch(loader, SCHEMA, [order("B", 1), order("C", 2)], policy)
    assert result.loaded == 2
    assert set(database.orders()) == {"A", "B", "C"}
    loader.close()
