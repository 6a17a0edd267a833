"""Fixtures that several files of tests use."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
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


_seen: set[object] = set()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure coverage, which costs a third more time, where a test shows something new: once for each function."""
    function = getattr(item, "function", None)
    is_long = getattr(function, "is_hypothesis_test", False) or item.get_closest_marker("slow") is not None
    trace = sys.gettrace() if is_long or function in _seen else None
    _seen.add(function)
    if trace is None:
        return (yield)
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(trace)
