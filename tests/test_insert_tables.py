"""Making the target ready: what is created, what is missing, what cannot be reached."""

# ruff: noqa: F401, F811 - fixtures are imported, and then named as arguments.

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa
from databases import LINES, ORDERS, SCHEMA, column, database, empty_database

from transforms.insert import TargetError, prepare_target
from transforms.insert.prepare import CREATE_NEVER
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
    errors = []

    def create() -> None:
        try:
            prepare_target(empty_database.target, SCHEMA)
        except Exception as error:
            errors.append(error)

    creators = [threading.Thread(target=create) for _ in range(4)]
    for creator in creators:
        creator.start()
    for creator in creators:
        creator.join()
    assert errors == []
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


def test_two_tables_of_one_name(empty_database):
    with pytest.raises(TargetError, match="tables orders, copies would all be orders in "):
        prepare_target(empty_database.target, Schema("shop", (ORDERS, replace(ORDERS, label="copies"))))
