"""A table is one contract's alone: another contract that names it is refused before a run writes anything."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pipeline.command import main
from pipeline.preflight import check_target
from tests.databases import LINES, ORDERS, SCHEMA, TargetDatabase
from tests.jobs import CONTRACT, Folder, order, orders
from tests.servers import new_schema
from transforms.insert import TargetError, prepare_target
from transforms.insert.prepare import CREATE_NEVER
from transforms.schema import Schema

OTHER = replace(SCHEMA, contract="other")


def claims(database: TargetDatabase) -> list[tuple]:
    return database.query("SELECT table_name, contract FROM beamshred_tables ORDER BY 1")


def test_tables_are_claimed_once_for_a_contract(database):
    prepare_target(database.target, SCHEMA)
    prepare_target(database.target, SCHEMA, CREATE_NEVER)
    assert [(name.rpartition(".")[2], contract) for name, contract in claims(database)] == [
        ("order_lines", "shop"), ("orders", "shop"),
    ]  # fmt: skip


@pytest.mark.parametrize("disposition", ["CREATE_IF_NEEDED", "CREATE_NEVER"])
def test_contract_that_shares_a_table_is_refused_with_what_to_do(database, disposition):
    own = replace(ORDERS, label="own", name="own")
    schema = Schema("other", (own, replace(LINES, label="shared", foreign_key=None)))
    if disposition == CREATE_NEVER:
        database.execute("CREATE TABLE own (order_id varchar(20) PRIMARY KEY, customer varchar(10))")
    with pytest.raises(TargetError, match=r"shared \(of the contract 'shop'\); give .* delete its rows from") as raised:
        prepare_target(database.target, schema, disposition)
    assert "own (" not in str(raised.value)
    assert len(claims(database)) == 2
    # Nothing was created for it.
    assert sa.inspect(sa.create_engine(database.url)).has_table("own") is (disposition == CREATE_NEVER)
    [error] = [one for one in check_target(database.target, schema) if one.severity == "error"]
    assert (error.table, "'shop'" in error.message, "beamshred_tables" in error.remedy) == ("order_lines", True, True)


def test_contract_whose_tables_are_its_own_is_let_in(database):
    prepare_target(database.target, Schema("other", (replace(ORDERS, name="other_orders"),)))
    assert len(claims(database)) == 3


def test_claim_that_is_deleted_is_free(database):
    database.execute("DELETE FROM beamshred_tables WHERE contract = 'shop'")
    prepare_target(database.target, OTHER)
    with pytest.raises(TargetError, match="of the contract 'other'"):
        prepare_target(database.target, SCHEMA)


def test_target_of_an_earlier_version_is_claimed_by_the_next_contract(database):
    database.execute("DROP TABLE beamshred_tables")
    assert [one for one in check_target(database.target, OTHER) if one.severity == "error"] == []
    prepare_target(database.target, OTHER)
    assert {contract for _, contract in claims(database)} == {"other"}


def test_create_never_says_how_our_own_tables_are_made(database):
    database.execute("DROP TABLE beamshred_tables")
    with pytest.raises(
        TargetError, match=r"has no table beamshred_tables; .*CREATE TABLE .beamshred_tables. \("
    ) as raised:
        prepare_target(database.target, SCHEMA, CREATE_NEVER)
    database.execute(str(raised.value).partition("are made by: ")[2])
    prepare_target(database.target, SCHEMA, CREATE_NEVER)
    assert len(claims(database)) == 2


def _prepare(target: str, schema: Schema, start: Any, queue: Any) -> None:
    start.wait()
    try:
        prepare_target(target, schema)
        queue.put((schema.contract, "ready"))
    except TargetError as error:
        queue.put((schema.contract, str(error)))


def test_of_two_contracts_at_once_one_gets_all_tables(empty_database):
    reverse = Schema("reverse", (replace(LINES, foreign_key=None), ORDERS))
    prepare_target(empty_database.target, Schema("nobody", ()))
    # Processes: pyodbc keeps the interpreter's lock in some calls, and what they wait for may be another thread's. Not
    # forked: this process may have threads of gRPC, and a child of it then dies now and then.
    context = multiprocessing.get_context("spawn")
    start, queue = context.Barrier(4), context.Queue()
    contracts = [SCHEMA, OTHER, reverse, replace(reverse, contract="fourth")]
    processes = [
        context.Process(target=_prepare, args=(empty_database.target, schema, start, queue)) for schema in contracts
    ]
    for process in processes:
        process.start()
    outcomes = dict(queue.get(timeout=60) for _ in processes)
    for process in processes:
        process.join()
    [winner] = [contract for contract, outcome in outcomes.items() if outcome == "ready"]
    assert {contract for _, contract in claims(empty_database)} == {winner}
    assert sum("other contracts load into" in outcome for outcome in outcomes.values()) == 3


def test_schema_that_is_found_is_the_schema_that_is_named():
    url, schema = new_schema()
    target = url.render_as_string(hide_password=False)
    prepare_target(target, Schema("shop", (ORDERS,)))
    with pytest.raises(TargetError, match="of the contract 'shop'"):
        prepare_target(target, Schema("other", (replace(ORDERS, schema=schema),)))
    prepare_target(target, Schema("other", (replace(ORDERS, name="Orders", schema=schema),)))


@pytest.mark.parametrize("on", ["sqlite", "postgresql"])
def test_second_contract_cannot_delete_what_the_first_has_loaded(tmp_path: Path, on: str, capsys) -> None:
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1), order(2)]))
    target = f"sqlite:///{folder.database}"
    if on == "postgresql":
        target = new_schema()[0].render_as_string(hide_password=False)
    arguments = [*folder.arguments("--workers", "1"), "--target", target]
    assert main(arguments) == 0
    folder.contract.write_text(CONTRACT.replace("contract: orders", "contract: invoices"))
    for more in ["--on_existing", "replace"], ["--check"]:
        assert main([*arguments, *more]) == 2
        said = capsys.readouterr()
        assert "'orders'" in said.out + said.err
    with sa.create_engine(target).connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM line").scalar() == 4
        assert connection.exec_driver_sql("SELECT DISTINCT contract FROM beamshred_ledger").fetchall() == [("orders",)]
