"""How often a far PostgreSQL is waited for, from the start of the command to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.command import main
from pipeline.preflight import check_target
from tests.databases import SCHEMA
from tests.jobs import CONTRACT, Folder, order, orders
from tests.round_trips import CountingProxy
from tests.servers import new_schema
from transforms.insert import prepare_target


@pytest.fixture
def proxy() -> Iterator[CountingProxy]:
    url, _ = new_schema()
    if not str(url.query.get("host", "")).startswith("/"):
        pytest.skip("the server listens on no Unix socket here")
    made = CountingProxy(url)
    yield made
    made.close()


@pytest.fixture
def run(tmp_path: Path, proxy: CountingProxy) -> Callable[..., list[int]]:
    """Runs the command; gives the round trips of each connection, in the order of their making."""
    folder = Folder(tmp_path)
    folder.write("a.xml", orders(map(order, range(5))))

    def run(*more: str) -> list[int]:
        proxy.connections.clear()
        assert main([*folder.arguments("--workers", "1"), "--target", proxy.target, *more]) == 0
        return [len(connection.trips) for connection in proxy.connections]

    return run


def test_command_with_a_new_target(run: Callable[..., Any]) -> None:
    planner, _, end = run()
    assert planner <= 17
    assert end <= 7


def test_command_with_tables_that_are_there(run: Callable[..., Any], proxy: CountingProxy) -> None:
    run()
    planner, worker, end = run()
    assert planner <= 17
    assert worker <= 5  # all is in the ledger
    assert end <= 7


def test_worker_keeps_its_connection_between_slices(run: Callable[..., Any]) -> None:
    planner, _, end = run("--slice_bytes", "100", "--connections", "1")
    assert planner > end


@pytest.mark.parametrize("ask", [prepare_target, check_target])
def test_more_tables_are_not_more_questions(ask: Callable[..., Any], proxy: CountingProxy, tmp_path: Path) -> None:
    ask(proxy.target, SCHEMA)
    few = proxy.trips
    wide = CONTRACT + "".join(f"  t{at}:\n    rows: x{at}\n    columns: {{c: c}}\n" for at in range(20))
    (tmp_path / "wide.yaml").write_text(wide)
    from transforms import load_contract, schema_of

    url, _ = new_schema()
    other = CountingProxy(url)
    ask(other.target, schema_of(load_contract(str(tmp_path / "wide.yaml"))))
    assert other.trips == few
    other.close()
