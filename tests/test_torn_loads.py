"""Loads that are hit while they run end in the tables, the ledger and the rejects of one that was left alone.

The short form; `make test-faults` is the long one.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import trials
from tests.faults.proxy import MODES
from tests.faults.targets import PostgreSQLServer
from tests.faults.trials import Lab

pytestmark = pytest.mark.slow
RECORDS = 200


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(tmp_path_factory.mktemp("sqlite"), records=RECORDS)


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    # Not below pytest's folder, where another user, whom root's server belongs to, may not go.
    with tempfile.TemporaryDirectory(prefix="beamshred-faults-") as folder:
        Path(folder).chmod(0o755)
        server = PostgreSQLServer(Path(folder) / "server")
        yield Lab(tmp_path_factory.mktemp("postgresql"), server, RECORDS)
        server.close()


def test_killed_processes_change_nothing(sqlite: Lab) -> None:
    victims = ("parent", "worker", "fork server")
    result = trials.killed(sqlite, "conflicts", 1, random.Random(1), kills=3, victims=victims)
    assert not result.differences
    assert result.hits


def test_killed_database_and_processes_change_nothing(postgresql: Lab) -> None:
    victims = ("parent", "worker", "database", "database")
    result = trials.killed(postgresql, "unique", 1, random.Random(2), kills=3, victims=victims)
    assert not result.differences
    assert result.hits


def test_connections_cut_around_commit_change_nothing(postgresql: Lab) -> None:
    result = trials.cut(postgresql, "unique", 1, random.Random(3), cuts=15, modes=MODES)
    assert not result.differences
    assert result.hits


def test_full_disk_is_told_and_a_rerun_ends_the_load(sqlite: Lab) -> None:
    result = trials.full(sqlite, "conflicts", 1, random.Random(4), what="target", by_limit=True)
    assert not result.differences
    assert result.hits
