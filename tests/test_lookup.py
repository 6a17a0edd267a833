"""What a launcher asks the target: what a run has loaded, and how many connections are free."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.databases import SCHEMA, TARGETS, order, postgresql, sqlite
from transforms import Target, TargetError, prepare_target
from transforms.insert import LoadPolicy, load_batch, open_database
from transforms.insert.lookup import free_connections, loaded_by


@pytest.mark.parametrize("name", TARGETS)
def test_what_a_run_has_loaded(name: str, tmp_path: Path) -> None:
    target, _ = TARGETS[name](tmp_path)
    prepare_target(target, SCHEMA)
    database = open_database(Target.parse(target))
    database.connect()
    for run, families in (("one", [order("1", 0), order("2", 1)]), ("two", [order("3", 2)])):
        load_batch(database, SCHEMA, families, LoadPolicy(run))
    database.close()
    assert loaded_by(target, "one") == {"loaded": 2, "replaced": 0}
    assert loaded_by(target, "two") == {"loaded": 1, "replaced": 0}
    assert loaded_by(target, "none") == {"loaded": 0, "replaced": 0}


def test_postgresql_says_how_many_connections_are_free(tmp_path: Path) -> None:
    target, url = postgresql(tmp_path)
    free = free_connections(target)
    assert free is not None
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as one, engine.connect():
        [[most]] = one.exec_driver_sql("SHOW max_connections")
        assert free < int(most)
    assert free > 2


def test_sqlite_has_no_limit_and_no_file_is_made(tmp_path: Path) -> None:
    target, _ = sqlite(tmp_path)
    assert free_connections(target) is None
    assert not list(tmp_path.iterdir())


def test_target_that_cannot_be_asked(tmp_path: Path) -> None:
    target, _ = sqlite(tmp_path)
    with pytest.raises(TargetError, match="cannot be queried"):
        loaded_by(target, "run")
