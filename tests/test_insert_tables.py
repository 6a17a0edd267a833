"""Making the target ready: what is created, what is missing, what cannot be reached."""

from __future__ import annotations

import multiprocessing
import re
from dataclasses import replace

import pytest
import sqlalchemy as sa

from tests.databases import LINES, ORDERS, SCHEMA, column, order
from transforms.insert import LoadPolicy, TargetError, load_batch, prepare_target
from transforms.insert.prepare import CREATE_NEVER
from transforms.records import MappedRecord
from transforms.schema import ForeignKey, Schema, Table


def inspector(database) -> sa.Inspector:
    return sa.inspect(sa.create_engine(database.url))


def test_tables_have_keys_types_and_lengths(database):
    found = inspector(database)
    orders = {column["name"]: column for column in found.get_columns("orders")}
    assert orders["customer"]["nullable"] is False
    assert orders["customer"]["type"].length == 10
    lines = {column["name"]: column for column in found.get_columns("order_lines")}
    assert (lines["price"]["type"].precision, lines["price"]["type"].scale, lines["price"]["nullable"]) == (10, 2, True)
    assert found.get_pk_constraint("order_lines")["constrained_columns"] == ["order_id", "line"]
    [foreign_key] = found.get_foreign_keys("order_lines")
    assert (foreign_key["constrained_columns"], foreign_key["referred_table"]) == (["order_id"], "orders")
    assert found.get_pk_constraint("beamshred_ledger")["constrained_columns"] == ["contract", "record_key"]


def test_foreign_key_is_indexed_unless_the_primary_key_serves(empty_database):
    keyless = replace(LINES, label="keyless", name="keyless", primary_key=())
    prepare_target(empty_database.target, Schema("shop", (ORDERS, LINES, keyless)))
    found = inspector(empty_database)
    assert [index["column_names"] for index in found.get_indexes("keyless")] == [["order_id"]]
    assert found.get_indexes("order_lines") == []


def test_record_key_is_indexed_where_the_foreign_key_does_not_begin_with_it(empty_database):
    columns = (column("entry", "int", nullable=False), column("order_id", "text(20)", nullable=False))
    entries = Table("entries", "entries", None, columns, ("entry",), None, ("order_id",))
    key = ForeignKey(("entry",), "entries", ("entry",))
    details = Table("details", "details", None, columns, (), key, ("order_id",))
    prepare_target(empty_database.target, Schema("shop", (entries, details)))
    found = inspector(empty_database)
    assert [index["column_names"] for index in found.get_indexes("entries")] == [["order_id"]]
    assert sorted(index["column_names"] for index in found.get_indexes("details")) == [["entry"], ["order_id"]]


def test_names_are_quoted(empty_database):
    odd = Table(
        'or"der',
        "select",
        None,
        (column("from", "int", nullable=False), column("a b", "text")),
        ("from",),
        None,
        ("from",),
    )
    prepare_target(empty_database.target, Schema("shop", (odd,)))
    assert [column["name"] for column in inspector(empty_database).get_columns("select")] == ["from", "a b"]


def test_words_that_only_some_databases_reserve_are_quoted(empty_database):
    """SQLAlchemy does not know WITHIN and TRY_CONVERT of SQL Server, nor what versions to come will reserve."""
    names = ["within", "try_convert", "system_user", "WITHIN GROUP", "Name", "name%s"]
    columns = tuple(column(name, "int", nullable=False) for name in names)
    table = Table("within", "within", None, columns, ("within",), None, ("within",))
    prepare_target(empty_database.target, Schema("shop", (table,)))
    loader = empty_database.open()
    loader.connect()
    for statement in loader.driver.prepared("insert", table, tuple(names)), loader.driver.prepared("delete", table, ()):
        assert not re.search(r"""[ (](within|try_convert|name)""", statement.sql, re.IGNORECASE), statement.sql
    loader.close()
    for number in 1, 2:
        record = MappedRecord("1", (1,), "a.xml", 0, 0, 9, bytes([number]), {"within": [(1, *[number] * 5)]})
        loader = empty_database.open()
        load_batch(loader, Schema("shop", (table,)), [record], LoadPolicy(f"run {number}", "replace"))
        loader.close()
    assert empty_database.query('SELECT * FROM "within"') == [(1, 2, 2, 2, 2, 2)]


def test_name_of_small_letters_means_the_same_with_and_without_quotes(empty_database):
    """Earlier versions quoted only what SQLAlchemy takes for reserved or odd: their tables are found again."""
    mixed = replace(ORDERS, label="Mixed", name="Order", columns=(ORDERS.columns[0], column("Customer", "text")))
    old = "order_id varchar(20) NOT NULL PRIMARY KEY"
    empty_database.execute(
        f"CREATE TABLE orders ({old}, customer varchar(10))", f'CREATE TABLE "Order" ({old}, "Customer" varchar(10))'
    )
    prepare_target(empty_database.target, Schema("shop", (ORDERS, mixed)))
    loader = empty_database.open()
    record = replace(order("A", 0, lines=0), rows={"orders": [("A", "ann")], "Mixed": [("A", "bob")]})
    assert load_batch(loader, Schema("shop", (ORDERS, mixed)), [record], LoadPolicy("run"))[0].loaded == 1
    loader.close()
    assert empty_database.query("SELECT * FROM orders") == [("A", "ann")]
    assert empty_database.query('SELECT * FROM "Order"') == [("A", "bob")]
    found = inspector(empty_database).get_table_names()
    assert sorted(name for name in found if not name.startswith("beamshred")) == ["Order", "orders"]


def test_second_call_changes_nothing(database):
    database.execute("INSERT INTO orders VALUES ('A', 'ann')")
    prepare_target(database.target, SCHEMA)
    assert database.query("SELECT * FROM orders") == [("A", "ann")]


def test_only_missing_tables_are_created(empty_database):
    empty_database.execute("CREATE TABLE orders (order_id varchar(20) PRIMARY KEY, mine int)")
    prepare_target(empty_database.target, SCHEMA)
    assert [column["name"] for column in inspector(empty_database).get_columns("orders")] == ["order_id", "mine"]
    assert inspector(empty_database).has_table("order_lines")


def test_two_creators_at_once(empty_database):
    # Processes: pyodbc keeps the interpreter's lock in some calls, and what they wait for may be another thread's. Not
    # forked: this process may have threads of gRPC, and a child of it then dies now and then.
    context = multiprocessing.get_context("spawn")
    creators = [context.Process(target=prepare_target, args=(empty_database.target, SCHEMA)) for _ in range(4)]
    for creator in creators:
        creator.start()
    for creator in creators:
        creator.join(60)
    assert [creator.exitcode for creator in creators] == [0] * 4
    assert empty_database.orders() == {}


def test_create_never_names_all_missing_tables(empty_database):
    empty_database.execute("CREATE TABLE orders (order_id varchar(20) PRIMARY KEY)")
    with pytest.raises(TargetError, match=r"has no table order_lines, beamshred_ledger, .*; .* CREATE_IF_NEEDED"):
        prepare_target(empty_database.target, SCHEMA, CREATE_NEVER)
    assert not inspector(empty_database).has_table("order_lines")


def test_create_never_is_content_with_complete_tables(database):
    prepare_target(database.target, SCHEMA, CREATE_NEVER)


def test_unknown_create_disposition(empty_database):
    with pytest.raises(ValueError, match="create_disposition is 'ALWAYS'; it must be CREATE_IF_NEEDED or CREATE_NEVER"):
        prepare_target(empty_database.target, SCHEMA, "ALWAYS")


def test_indexes_whose_names_would_be_alike(empty_database):
    """Of all tables of a schema, and in SQLite of those that differ in case only."""

    def table(name: str, key: str) -> Table:
        columns = column("n", "int", nullable=False), column(key, "int", nullable=False)
        return Table(name, name, None, columns, ("n",), None, (key,))

    tables = [table("a_b", "c"), table("a", "b_c"), table("x", "y_Z"), table("X_y", "z")]
    prepare_target(empty_database.target, Schema("shop", tuple(tables)))
    found = [index for table in tables for index in inspector(empty_database).get_indexes(table.name)]
    assert [index["column_names"] for index in found] == [["c"], ["b_c"], ["y_Z"], ["z"]]
    assert len({index["name"].lower() for index in found}) == 4


def test_tables_that_differ_in_case_only(empty_database):
    schema = Schema("shop", (ORDERS, replace(ORDERS, label="copies", name="Orders")))
    if "postgresql" in empty_database.url:
        prepare_target(empty_database.target, schema)
        assert {"orders", "Orders"} <= set(inspector(empty_database).get_table_names())
    else:
        with pytest.raises(TargetError, match="tables orders, copies would all be orders in "):
            prepare_target(empty_database.target, schema)


def test_two_tables_of_one_name(empty_database):
    with pytest.raises(TargetError, match="tables orders, copies would all be orders in "):
        prepare_target(empty_database.target, Schema("shop", (ORDERS, replace(ORDERS, label="copies"))))
