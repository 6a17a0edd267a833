"""The job on a real Flink cluster, `make test-flink`: nothing lost, nothing doubled, whatever is killed.

The input is a real software list, several times under other names, with damage and duplicates in it; the target is
PostgreSQL. What a local run makes of it is what the cluster must make of it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pipeline.command import main
from tests.flink.cluster import Cluster
from tests.flink.fetch import NotHereError, fetch
from tests.servers import new_schema

ROOT = Path(__file__).resolve().parents[2]
LISTS = ROOT / "examples" / "software_lists"
COPIES = 6
SECRET = "swordfish-of-flink"
PARALLELISM = "4"
PATIENCE = 240
_WHEN = ("run_id", "loaded_at", "started_at", "ended_at", "history")

pytestmark = pytest.mark.skipif(
    "BEAMSHRED_TEST_FLINK" not in os.environ, reason="a real Flink cluster: make test-flink runs it"
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    try:
        jars = fetch()
    except NotHereError as error:
        pytest.skip(f"no Flink here: {error}")
    with Cluster(jars, tmp_path_factory.mktemp("cluster"), {"PYTHONPATH": str(ROOT)}) as made:
        yield made


@pytest.fixture(scope="module")
def input_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("input")
    given = (LISTS / "a2600.xml").read_text()
    for number in range(COPIES):
        (folder / f"{number}.xml").write_text(given.replace('name="a2600"', f'name="a2600-{number}"'))
    end = given.rindex("<software ")
    (folder / "cut_off.xml").write_text(given[: end + 20].replace('name="a2600"', 'name="cut off"'))
    long_name = given[:end].replace('<software name="', f'<software name="{"x" * 64}', 3)
    (folder / "too_long.xml").write_text(long_name.replace('name="a2600"', 'name="too long"') + "</softwarelist>")
    changed = given.replace("<year>2003</year>", "<year>1903</year>")
    (folder / "z_doubles.xml").write_text(changed.replace('name="a2600"', 'name="a2600-1"'))
    return folder


class Run:
    """A run of the command into a schema of its own; the password is one that the server does not ask for."""

    def __init__(self, folder: Path, input_folder: Path):
        url, self.schema = new_schema()
        self.url = url.set(password=SECRET)
        self.secret_file = folder / "target"
        self.secret_file.write_text(self.url.render_as_string(hide_password=False))
        self.run_dir = folder / "run"
        self.arguments = [
            "--input", str(input_folder), "--contract", str(LISTS / "contract.yaml"),
            "--target", f"file:{self.secret_file}", "--run_dir", str(self.run_dir),
        ]  # fmt: skip

    def start(self, *more: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(ROOT / "run_pipeline.py"), *self.arguments, *more]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)

    @property
    def report(self) -> dict[str, Any]:
        return json.loads((self.run_dir / "report.json").read_text())

    @property
    def rejects(self) -> list[str]:
        lines = [line for file in (self.run_dir / "rejects").glob("*.jsonl") for line in file.read_text().splitlines()]
        return sorted(lines)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with sa.create_engine(self.url, poolclass=sa.NullPool).connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(sql)]

    def loaded(self) -> int:
        return self.rows("SELECT count(*) FROM beamshred_ledger")[0][0]

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of all tables, without what says when they were written, and in what order they arrived."""
        inspector = sa.inspect(sa.create_engine(self.url, poolclass=sa.NullPool))
        found = {}
        for table in sorted(inspector.get_table_names(self.schema)):
            if table.startswith("beamshred") and table != "beamshred_ledger":
                continue  # notes of the run itself
            names = [column["name"] for column in inspector.get_columns(table, self.schema)]
            chosen = ", ".join(f'"{name}"' for name in names if not table.startswith("beamshred") or name not in _WHEN)
            found[table] = sorted(self.rows(f'SELECT {chosen} FROM "{table}"'), key=repr)
        return found


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, f"the job ended early: {process.communicate()[1]}"
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def jobs(cluster: Cluster) -> list[dict[str, Any]]:
    """The jobs of the cluster, the youngest last."""
    return sorted(cluster.rest("jobs/overview")["jobs"], key=lambda job: job["start-time"])


def test_killed_workers_change_nothing(cluster: Cluster, input_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    local, remote = Run(tmp_path / "local", input_folder), Run(tmp_path, input_folder)
    assert main([*local.arguments, "--workers", "2"]) == 3
    process = remote.start(*cluster.flags, "--parallelism", PARALLELISM, "--batch_size", "10")
    wait_for(lambda: any(remote.run_dir.glob("started-*")), process)
    cluster.kill_task_manager(1)
    cluster.start_task_manager(1)
    wait_for(lambda: remote.loaded() > 0, process)
    cluster.connected_workers()[-1].kill()
    in_the_middle = remote.loaded()
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3, said
    assert 0 < in_the_middle < remote.loaded()
    assert remote.tables() == local.tables()
    assert remote.rejects == local.rejects
    for what in ("records", "reconciled", "tables", "rejects", "skipped", "conversions", "warnings"):
        assert remote.report[what] == local.report[what], what
    assert remote.report["records"]["loaded"] == local.loaded() > 1000
    assert set(remote.report["rejects"]) == {"read.truncated", "map.length", "insert.duplicate_key"}

    # Of what the cluster shows to anybody.
    job = jobs(cluster)[-1]
    shown = json.dumps([cluster.rest(f"jobs/{job['jid']}{page}") for page in ("", "/config", "/plan", "/exceptions")])
    assert job["name"] in shown
    assert SECRET not in shown
    # What was read and mapped was written once, although rejects go with it.
    vertices = cluster.rest(f"jobs/{job['jid']}")["vertices"]
    maps = [vertex for vertex in vertices if "MapRecords" in vertex["name"]]
    loads = [vertex for vertex in vertices if "LoadRecords" in vertex["name"] and vertex not in maps]
    written = sum(vertex["metrics"]["write-bytes"] for vertex in maps)
    read = sum(vertex["metrics"]["read-bytes"] for vertex in loads)
    assert 0 < written < 1.5 * read, [(vertex["name"], vertex["metrics"]) for vertex in vertices]


def test_signal_cancels_the_job(cluster: Cluster, input_folder: Path, tmp_path: Path) -> None:
    run = Run(tmp_path, input_folder)
    before = len(jobs(cluster))
    process = run.start(*cluster.flags, "--parallelism", PARALLELISM, "--batch_size", "20")
    wait_for(lambda: len(jobs(cluster)) > before and jobs(cluster)[-1]["state"] == "RUNNING", process)
    wait_for(lambda: any((run.run_dir).glob("started-*")), process)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, said
    assert "Traceback" not in said
    assert jobs(cluster)[-1]["state"] == "CANCELED"
    report = run.report
    assert report["state"] == "interrupted"
    assert set(report["records"].values()) == {None}
    assert report["reconciled"] is None
    assert report["ledger"]["loaded"] == run.loaded()


def test_more_slots_than_there_are(cluster: Cluster, input_folder: Path, tmp_path: Path) -> None:
    run = Run(tmp_path, input_folder)
    process = run.start(*cluster.flags, "--parallelism", "16", "--start_timeout", "5")
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, said
    assert "no worker has begun after" in " ".join(said.split())
    assert run.report["state"] == "failed"
    assert jobs(cluster)[-1]["state"] == "CANCELED"
