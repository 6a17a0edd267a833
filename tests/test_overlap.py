"""More workers than cores, where they wait for the database."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pipeline.command import main
from pipeline.command_line import parse_options
from pipeline.job import Job
from pipeline.local import launch
from pipeline.local.overlap import Overlap
from pipeline.options import OptionsError
from pipeline.slices import Slice
from tests.jobs import Folder, order, orders
from tests.round_trips import CountingProxy
from tests.servers import new_schema
from transforms import load_contract
from transforms.cores import Cores


def test_near_database_is_never_worth_another_worker() -> None:
    overlap = Overlap(cores=4, most=12)
    assert not any(overlap.measured(worked=1.0, waited=0.4) for _ in range(10))
    assert overlap.workers == 4


def test_small_slices_say_nothing() -> None:
    overlap = Overlap(cores=2, most=6)
    assert not any(overlap.measured(worked=0.1, waited=1.0) for _ in range(10))


def test_workers_are_as_many_as_keep_the_cores_busy() -> None:
    overlap = Overlap(cores=2, most=6)
    assert overlap.measured(worked=1.0, waited=1.0)
    assert overlap.workers == 4
    assert overlap.measured(worked=1.0, waited=30.0)
    assert overlap.workers == 6
    assert not overlap.measured(worked=5.0, waited=0.0)
    assert overlap.workers == 6


def job_of(folder: Folder, *more: str) -> Job:
    flags = parse_options(folder.arguments(*more))
    return Job.of(flags, load_contract(flags.contract))


POSTGRESQL = ("--target", "postgresql://nobody@nowhere/none")


@pytest.mark.parametrize(
    ("flags", "workers", "most"),
    [
        (("--workers", "2"), 2, 2),  # SQLite has one writer
        (("--workers", "2", "--connections", "1"), 1, 1),
        (("--workers", "2", *POSTGRESQL), 2, 6),
        (("--workers", "2", "--connections", "3", *POSTGRESQL), 2, 3),
        (("--workers", "4", "--connections", "3", *POSTGRESQL), 3, 3),
        (("--workers", "2", "--memory", "500M", *POSTGRESQL), 2, 3),
        (("--workers", "2", "--memory", "300M", *POSTGRESQL), 2, 2),
        (("--direct_running_mode", "in_memory", *POSTGRESQL), 1, 1),
    ],
)
def test_workers_are_bounded(tmp_path: Path, flags: tuple[str, ...], workers: int, most: int) -> None:
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1)]))
    job = job_of(folder, *flags)
    assert (job.workers, job.most_workers) == (workers, most)


def test_connections_are_a_whole_number(tmp_path: Path) -> None:
    with pytest.raises(OptionsError, match=r"--connections: '0' is not a whole number of at least 1"):
        parse_options(Folder(tmp_path).arguments("--connections", "0"))


class Far(Overlap):
    """Whatever is measured: all workers at once after the first slice."""

    def measured(self, worked: float, waited: float) -> bool:
        return super().measured(worked + 1, waited + 100)


@pytest.fixture
def proxy() -> Iterator[CountingProxy]:
    url, _ = new_schema()
    if not str(url.query.get("host", "")).startswith("/"):
        pytest.skip("the server listens on no Unix socket here")
    made = CountingProxy(url)
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.write("a.xml", orders(map(order, range(80))))
    return made


def rows(target: str, sql: str) -> list[Any]:
    with sa.create_engine(target, poolclass=sa.NullPool).connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(sql)]


def test_connections_are_no_more_than_allowed(
    folder: Folder, proxy: CountingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "Overlap", Far)
    flags = folder.arguments("--workers", "1", "--connections", "3", "--slice_bytes", "2k")
    assert main([*flags, "--target", proxy.target]) == 0
    assert 2 <= proxy.most_open <= 3
    assert rows(proxy.target, "SELECT count(*), sum(amount)::text FROM orders") == [(80, "120.00")]


def test_results_do_not_depend_on_how_many_load_at_once(
    folder: Folder, proxy: CountingProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Records with one key among slices that commit in any order."""
    twice = [order(number % 30, name=f"n{number // 7}") for number in range(80)]
    folder.write("a.xml", orders(twice))
    found = []
    for most, overlap in ((1, Overlap), (4, Far)):
        url, _ = new_schema()
        target = url.render_as_string(hide_password=False)
        monkeypatch.setattr(launch, "Overlap", overlap)
        run_dir = tmp_path / f"run-{most}"
        flags = ["--workers", "1", "--connections", str(most), "--slice_bytes", "2k", "--run_dir", str(run_dir)]
        main([*folder.arguments(*flags), "--target", target])
        report = json.loads((run_dir / "report.json").read_text())
        found.append((
            rows(target, "SELECT id, name FROM orders ORDER BY id"), rows(target, "SELECT count(*) FROM line"),
            {name: report[name] for name in ("records", "skipped", "rejects")},
        ))  # fmt: skip
    assert found[0] == found[1]


class Dying(launch._Load):
    """Kills its process with the core in hand, at the first slice that any loads."""

    def __call__(self, part: Slice) -> Any:
        assert self.shared is not None
        try:
            os.close(os.open(self.shared / "died", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return super().__call__(part)
        Cores(self.shared).take()
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def test_killed_worker_gives_its_core_back_and_its_slice_is_loaded_again(
    folder: Folder, proxy: CountingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "_Load", Dying)
    monkeypatch.setattr(launch, "Overlap", Far)
    monkeypatch.setattr("pipeline.local.processes.PAUSES", (0.1, 0.1))
    flags = folder.arguments("--workers", "1", "--connections", "3", "--slice_bytes", "2k")
    assert main([*flags, "--target", proxy.target]) == 0
    assert rows(proxy.target, "SELECT count(*) FROM orders") == [(80,)]
