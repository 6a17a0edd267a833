"""Kills and signals, for real: nothing is lost or doubled, and a rerun goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.jobs import Folder, order, orders

RECORDS = 4000

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.write("a.xml", orders(order(number) for number in range(RECORDS)))
    return folder


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, f"the job ended early: {process.communicate()[1]}"
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def slices_done(folder: Folder) -> int:
    try:
        return json.loads((folder.run_dir / "report.json").read_text())["slices"]
    except FileNotFoundError:
        return 0


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes that load slices, the youngest last: those below the fork server."""
    command = psutil.Process(process.pid)
    below = [worker for server in command.children() for worker in server.children()]
    return sorted(below, key=lambda worker: worker.create_time())


def finished(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors


def assert_all_loaded_once(folder: Folder) -> None:
    assert folder.rows("SELECT count(*), count(DISTINCT id) FROM orders") == [(RECORDS, RECORDS)]
    assert folder.rows("SELECT count(*) FROM line") == [(2 * RECORDS,)]
    assert folder.rows("SELECT count(*) FROM beamshred_ledger") == [(RECORDS,)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_finishes_the_slice_and_a_rerun_goes_on(folder: Folder, number: signal.Signals) -> None:
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip("the tests were started so that they ignore it, as by nohup, and so does the command")
    process = folder.start("--workers", "2", "--slice_bytes", "4k")
    wait_for(lambda: slices_done(folder) >= 1, process)
    os.killpg(process.pid, number)  # as a terminal does, to all processes
    code, errors = finished(process)
    assert code == 1, errors
    assert "Traceback" not in errors
    report = folder.report
    assert report["state"] == "interrupted"
    assert report["reconciled"] is True
    loaded = report["records"]["loaded"]
    assert folder.rows("SELECT count(*) FROM orders") == [(loaded,)]
    assert loaded < RECORDS
    assert folder.run() == 0
    # The report is that of the whole run, as it goes on under its own id.
    assert folder.report["run_id"] == report["run_id"]
    assert folder.report["records"]["loaded"] == RECORDS
    assert folder.run() == 0
    assert folder.report["records"]["skipped"] == RECORDS
    assert_all_loaded_once(folder)


def test_second_signal_ends_at_once_and_a_third_changes_nothing(folder: Folder) -> None:
    process = folder.start("--workers", "2", "--slice_bytes", "1M")
    wait_for(lambda: len(workers_of(process)) >= 1, process)
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    code, errors = finished(process)
    assert code == 1, errors
    assert "Traceback" not in errors
    assert folder.report["state"] == "interrupted"
    assert folder.run() == 0
    assert_all_loaded_once(folder)


def test_killed_worker_costs_one_slice_a_second_run(folder: Folder) -> None:
    process = folder.start("--workers", "2", "--slice_bytes", "150k")
    wait_for(lambda: len(workers_of(process)) >= 1, process)
    workers_of(process)[-1].kill()  # it has just begun
    code, errors = finished(process)
    assert code == 0, errors
    assert "was killed by SIGKILL" in errors
    assert "attempt 2 of 3" in errors
    assert folder.report["records"]["loaded"] == RECORDS
    assert_all_loaded_once(folder)


def test_killed_command_takes_all_its_processes_with_it_and_a_rerun_goes_on(folder: Folder) -> None:
    process = folder.start("--workers", "2", "--slice_bytes", "10k")
    wait_for(lambda: slices_done(folder) >= 1, process)
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
    assert folder.run() == 0
    records = folder.report["records"]
    assert records["loaded"] + records["skipped"] == RECORDS
    assert_all_loaded_once(folder)
