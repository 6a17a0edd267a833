"""Fixtures that several files of tests use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import FAR, SCHEMA, TARGETS, TargetDatabase
from transforms.database.database import Database
from transforms.insert.prepare import prepare_target


@pytest.fixture(params=TARGETS)
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TargetDatabase]:
    """A database without tables."""
    if request.param == FAR:
        request.getfixturevalue("monkeypatch").setattr("transforms.database.drivers.psycopg.FAR_SECONDS", 0.0)
    database = TargetDatabase(*TARGETS[request.param](tmp_path))
    yield database
    database.close()


@pytest.fixture
def database(empty_database: TargetDatabase) -> TargetDatabase:
    """A database with the tables of :data:`SCHEMA` and the ledger."""
    prepare_target(empty_database.target, SCHEMA)
    return empty_database


@pytest.fixture
def loader(database: TargetDatabase) -> Iterator[Database]:
    """An open connection to ``database``."""
    opened = database.open()
    opened.connect()
    yield opened
    opened.close()
