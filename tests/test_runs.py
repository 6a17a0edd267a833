"""Which run a command is: a new one, or one that was begun and did not end."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from tests.databases import SCHEMA
from transforms.database.errors import TransientError
from transforms.insert import Run, TargetError, begin_run, end_run
from transforms.schema import Schema

NOON = datetime(2026, 5, 31, 12, tzinfo=timezone.utc)
MONDAY, TUESDAY = Run("monday", NOON), Run("tuesday", NOON + timedelta(days=1))


def test_run_that_did_not_end_goes_on_as_it_was_begun(database):
    assert begin_run(database.target, SCHEMA, "in", MONDAY) == MONDAY
    for _ in range(2):
        assert begin_run(database.target, SCHEMA, "in", TUESDAY) == Run("monday", NOON, goes_on=True)


def test_after_a_run_that_ended_there_is_a_new_one(database):
    end_run(database.target, SCHEMA, "in", begin_run(database.target, SCHEMA, "in", MONDAY))
    assert begin_run(database.target, SCHEMA, "in", TUESDAY) == TUESDAY
    assert database.query("SELECT run_id, ended_at FROM beamshred_runs") == [("tuesday", None)]


@pytest.mark.parametrize(
    ("schema", "input_id"),
    [(SCHEMA, "other"), (Schema("other", SCHEMA.tables), "in"), (Schema("shop", SCHEMA.tables, "changed"), "in")],
    ids=["input", "contract", "fingerprint"],
)
def test_another_input_or_contract_is_another_run(database, schema, input_id):
    begin_run(database.target, SCHEMA, "in", MONDAY)
    assert begin_run(database.target, schema, input_id, TUESDAY) == TUESDAY


def test_run_whose_input_was_changed_does_not_go_on(database):
    begin_run(database.target, SCHEMA, "in", MONDAY)
    asked = []
    assert begin_run(database.target, SCHEMA, "in", TUESDAY, lambda moment: not asked.append(moment)) == TUESDAY
    assert asked == [NOON]


def test_end_of_a_run_that_another_has_followed_changes_nothing(database):
    begin_run(database.target, SCHEMA, "in", MONDAY)
    begin_run(database.target, SCHEMA, "in", TUESDAY, lambda moment: True)
    end_run(database.target, SCHEMA, "in", MONDAY)
    assert begin_run(database.target, SCHEMA, "in", MONDAY).run_id == "tuesday"


def test_target_without_the_table_is_said(empty_database):
    with pytest.raises(TargetError, match="beamshred_runs"):
        begin_run(empty_database.target, SCHEMA, "in", MONDAY)


def test_run_of_an_odbc_target_that_is_away_is_waited_for_and_told(monkeypatch):
    calls = []

    def away(*arguments):
        calls.append(arguments)
        raise TransientError("away")

    monkeypatch.setattr("transforms.insert.retry.open_database", away)
    with pytest.raises(TargetError, match=r"still fails after 0\.5 seconds: away"):
        begin_run("odbc:DSN=x", SCHEMA, "in", MONDAY, retry_seconds=0.5)
    assert len(calls) > 1
