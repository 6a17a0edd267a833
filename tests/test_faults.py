"""What an error of PostgreSQL or SQLite means: the row is at fault, or it may pass, or the load cannot go on."""

from __future__ import annotations

import sqlite3

import pytest

from tests.databases import SCHEMA, order
from transforms.database.dialects.postgresql import fault_of_state
from transforms.insert import LoadPolicy, Target, load_batch, open_database


@pytest.mark.parametrize(
    ("kind", "states"),
    [
        ("data", "22001 22003 22021 22P02 23502 23503 23505 23514 23P01 54000 P0001 P0002 44000"),
        ("data", "09000 20000 21000 27000 38000 39000"),  # of triggers
        ("data", "U0001 IV001 99001 ZZ999 70001"),  # RAISE ... USING ERRCODE
        ("transient", "08006 40001 40P01 53200 53300 53400 55P03 57014 57P01 57P02 57P03 57P05 25P03 25P04 72000"),
        ("fatal", "53100 42P01 42703 42501 28P01 3D000 0A000 58030 XX000 XX001 F0001 HV000 57P04 55000 26000 25006"),
    ],
)
def test_states_of_postgresql(kind: str, states: str) -> None:
    assert {state: fault_of_state(state).kind for state in states.split()} == dict.fromkeys(states.split(), kind)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("transient", "database is locked"),
        ("transient", "database table is locked: t"),
        ("transient", "locking protocol"),
        ("transient", "database schema has changed"),
        ("data", "integer overflow"),
        ("data", "malformed JSON"),
        ("fatal", "no such table: malformed JSON"),
        ("fatal", "database or disk is full"),
        ("fatal", "disk I/O error"),
        ("fatal", "attempt to write a readonly database"),
    ],
)
def test_errors_of_sqlite(tmp_path, kind: str, message: str) -> None:
    database = open_database(Target.parse(f"sqlite:///{tmp_path}/t.db"))
    fault = database.diagnose(sqlite3.OperationalError(message))
    assert fault is not None
    assert fault.kind == kind


TRIGGERS = {
    "raises": ("SELECT RAISE(ABORT, 'no bob')", "RAISE EXCEPTION 'no bob'"),
    "raises a state of its own": ("SELECT RAISE(FAIL, 'no bob')", "RAISE 'no bob' USING ERRCODE = 'U0001'"),
    "overflows": ("SELECT abs(-9223372036854775807 - 1)", "PERFORM (-9223372036854775808)::bigint * 2"),
    "finds two": ("SELECT json('{')", "PERFORM (SELECT 1 UNION SELECT 2)"),
    "has no case": ("SELECT RAISE(ROLLBACK, 'no bob')", "CASE 1 WHEN 2 THEN NULL; END CASE"),
}


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_row_that_a_trigger_refuses_is_the_only_one_rejected(database, trigger: str) -> None:
    for_sqlite, for_postgresql = TRIGGERS[trigger]
    if database.url.startswith("sqlite"):
        database.execute(
            f"CREATE TRIGGER no_bob BEFORE INSERT ON orders WHEN NEW.customer = 'bob' BEGIN {for_sqlite}; END"
        )
    else:
        database.execute(
            "CREATE FUNCTION no_bob() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF NEW.customer = 'bob' THEN {for_postgresql}; END IF; RETURN NEW; END $$",
            "CREATE TRIGGER no_bob BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION no_bob()",
        )
    loader = database.open()
    families = [order("A", 0), order("B", 1, "bob"), order("C", 2)]
    result, rejects = load_batch(loader, SCHEMA, families, LoadPolicy("run"))
    loader.close()
    assert (result.loaded, [(one.key, one.path) for one in rejects]) == (2, [("B", "orders")])
