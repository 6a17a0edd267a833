"""What is PostgreSQL's own: COPY, identity columns, schemas, its errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.databases import SCHEMA, TargetDatabase, column, order
from tests.servers import new_schema, postgresql
from transforms.insert import LoadPolicy, Target, TargetError, load_batch, open_database, prepare_target
from transforms.records import MappedRecord
from transforms.schema import Schema, Table


@pytest.fixture
def database() -> Iterator[TargetDatabase]:
    url = new_schema()[0].render_as_string(hide_password=False)
    database = TargetDatabase(url, url)
    yield database
    database.close()


def load(database, schema, *rows):
    """Load these rows, each a record, into the only table of a schema."""
    loader = database.open()
    label = schema.tables[0].label
    records = [MappedRecord(str(n), row[:1], "a.xml", n, 0, 1, b"", {label: [row]}) for n, row in enumerate(rows)]
    try:
        return load_batch(loader, schema, records, LoadPolicy("run", retry_seconds=10))
    finally:
        loader.close()


def one_table(*columns, name="t", schema=None) -> Schema:
    return Schema("shop", (Table(name, name, schema, columns, (columns[0].name,), None, (columns[0].name,)),))


def types(database) -> dict[str, str]:
    rows = database.query(
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_name = 't' AND table_schema = current_schema()"
    )
    return dict(rows)


def test_types_of_created_columns(database):
    names = (
        "tinyint",
        "bigint",
        "float",
        "bool",
        "time",
        "datetime",
        "datetimetz",
        "json",
        "binary",
        "text",
        "text(9)",
    )
    prepare_target(database.target, one_table(*(column(f"c{n}", name) for n, name in enumerate(names))))
    assert list(types(database).values()) == [
        "smallint", "bigint", "double precision", "boolean", "time without time zone", "timestamp without time zone",
        "timestamp with time zone", "jsonb", "bytea", "text", "character varying",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["ALWAYS", "BY DEFAULT"])
def test_identity_column_takes_our_values(database, kind):
    database.execute(f"CREATE TABLE t (id int GENERATED {kind} AS IDENTITY PRIMARY KEY, name text)")
    schema = one_table(column("id", "int", nullable=False, identity=True), column("name", "text"))
    prepare_target(database.target, schema)
    load(database, schema, (41, "ann"), (7, "bob"))
    assert database.query("SELECT * FROM t ORDER BY id") == [(7, "bob"), (41, "ann")]


def test_defaults_and_generated_columns_are_left_alone(database):
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED,"
        " at date DEFAULT '2024-05-31')"
    )
    schema = one_table(column("id", "int", nullable=False))
    prepare_target(database.target, schema)
    load(database, schema, (21,))
    assert [(row[0], row[1], str(row[2])) for row in database.query("SELECT * FROM t")] == [(21, 42, "2024-05-31")]


def test_table_in_another_schema(database):
    _, other = new_schema()
    schema = one_table(column("id", "int", nullable=False), schema=other)
    for _ in range(2):
        prepare_target(database.target, schema)
    load(database, schema, (1,))
    assert database.query(f"SELECT * FROM {other}.t") == [(1,)]


def test_names_with_percent_and_quotes(database):
    schema = one_table(column('i"d %s', "int", nullable=False), column("50%%", "text"), name="a %(b)s % t")
    prepare_target(database.target, schema)
    load(database, schema, (1, "x"))
    loader = database.open()
    loader.connect()
    assert loader.delete_rows(schema.tables[0], [(1,), (2,)]) == 1
    loader.close()


def test_what_a_trigger_raises_rejects_the_record(database):
    schema = one_table(column("id", "int", nullable=False))
    prepare_target(database.target, schema)
    database.execute(
        "CREATE FUNCTION no_seven() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN IF NEW.id = 7 THEN RAISE EXCEPTION ''seven is refused''; END IF; RETURN NEW; END'",
        "CREATE TRIGGER t BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION no_seven()",
    )
    result, [reject] = load(database, schema, (6,), (7,), (8,))
    assert (result.loaded, reject.key) == (2, "1")
    assert "seven is refused" in reject.message


def test_connection_that_the_server_ends_is_opened_again(database):
    prepare_target(database.target, SCHEMA)
    loader = database.open()
    loader.connect()
    load_batch(loader, SCHEMA, [order("A", 0)], LoadPolicy("run"))
    [(ended,)] = database.query(f"SELECT pg_terminate_backend({loader.connection.info.backend_pid})")
    result, _ = load_batch(loader, SCHEMA, [order("A", 0), order("B", 1)], LoadPolicy("run"))
    loader.close()
    assert (ended, result.loaded) == (True, 2)
    assert database.orders() == {"A": ("ann", 2), "B": ("ann", 2)}


def test_deadlock_is_tried_again(database, caplog):
    prepare_target(database.target, SCHEMA)
    loader, results = database.open(), []
    with sa.create_engine(database.url).connect() as other:
        other.exec_driver_sql("LOCK TABLE orders IN EXCLUSIVE MODE")
        thread = threading.Thread(
            target=lambda: results.append(load_batch(loader, SCHEMA, [order("A", 0)], LoadPolicy("run")))
        )
        thread.start()
        while not database.query("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'orders'::regclass"):
            time.sleep(0.01)
        # The loader has the entry and waits for the table; this has the table and waits for the entry.
        other.exec_driver_sql(
            "INSERT INTO beamshred_ledger VALUES ('shop', 'A', 's', 'r', 'x', 0, 0, 0, '', 0, NULL, NULL, now())"
        )
        other.rollback()
        thread.join()
    loader.close()
    assert results[0][0].loaded == 1
    assert database.orders() == {"A": ("ann", 2)}
    assert "deadlock detected" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
        ({"query": {"host": "127.0.0.1", "port": "1"}}, "127.0.0.1.*port 1"),
    ],
)
def test_target_that_cannot_be_reached(change, message):
    url = postgresql().set(password="s3cret", **change).render_as_string(hide_password=False)
    with pytest.raises(TargetError, match=message) as raised:
        prepare_target(url, SCHEMA, retry_seconds=0)
    assert "s3cret" not in str(raised.value)


def test_schema_that_is_missing_is_named(database):
    with pytest.raises(TargetError, match='schema "nowhere" does not exist'):
        prepare_target(database.target, one_table(column("id", "int"), schema="nowhere"))


def test_odbc_insert_is_not_for_this_target(database):
    with pytest.raises(ValueError, match=r"--odbc_insert is 'fast'; .* takes none: it is not an ODBC target"):
        prepare_target(database.target, SCHEMA, odbc_insert="fast")


def test_keys_of_a_batch_are_one_value():
    """However many they are: a statement for each number of them would be prepared anew."""
    dialect = open_database(Target.parse("postgresql://host/shop")).dialect
    keys = [str(number) for number in range(2000)]
    assert list(dialect.among("key", keys)) == [('"key" = ANY(%s)', (keys,))]


def test_what_sqlalchemy_would_ask_a_server_is_what_the_driver_knows(database):
    """Our dialect sets what SQLAlchemy's sets, one attribute of them private: see PGDialect.initialize."""
    loader = database.open()
    loader.connect()
    ours = vars(loader.inspector().dialect)
    with sa.create_engine(sa.make_url(database.url).set(drivername="postgresql+psycopg")).connect() as connection:
        theirs = vars(connection.dialect)
    loader.close()
    names = ("supports_identity_columns", "_backslash_escapes")
    assert [ours[name] for name in names] == [theirs[name] for name in names]
    assert ours["server_version_info"][0] == theirs["server_version_info"][0]
