"""Records with one key in one run, through the whole command: the same tables, ledger and rejects however it runs."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.jobs import Folder, order, orders

WAYS = [("--workers", "1"), ("--workers", "2", "--slice_bytes", "2k", "--batch_size", "3")]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1, "first"), *(order(number) for number in range(10, 60)), order(1, "second")]))
    folder.write("b.xml", orders([order(1, "third"), order(1, "first")]))
    return folder


@pytest.mark.parametrize("way", WAYS, ids=["one worker", "two workers"])
def test_skip_loads_the_first_and_rejects_what_differs(folder: Folder, way: tuple[str, ...]) -> None:
    for run in range(2):
        assert folder.run(*way) == 3
        assert folder.rows("SELECT name FROM orders WHERE id = 1") == [("first",)]
        assert folder.report["records"] == {
            "read": 54, "loaded": 0 if run else 51, "skipped": 52 if run else 1, "replaced": 0, "rejected": 2,
        }  # fmt: skip
        assert folder.report["tables"]["orders"] == (0 if run else 51)
        assert folder.report["rejects"] == {"insert.duplicate_key": 2}
        rejects = sorted(folder.rejects, key=lambda reject: reject["source"])
        assert [reject["payload"] for reject in rejects] == [order(1, "second"), order(1, "third")]
        for reject in rejects:
            assert reject["source"] in reject["message"]
            assert f"record 0 of {folder.path / 'a.xml'}" in reject["message"]


@pytest.mark.parametrize("way", WAYS, ids=["one worker", "two workers"])
def test_replace_loads_the_last(folder: Folder, way: tuple[str, ...]) -> None:
    folder.write("c.xml", orders([order(1, "last")]))
    for run in range(2):
        assert folder.run(*way, "--on_existing", "replace") == 0
        assert folder.rows("SELECT name FROM orders WHERE id = 1") == [("last",)]
        assert folder.report["records"]["loaded"] == (0 if run else 51)
        assert folder.report["records"]["replaced"] == 0
        assert folder.report["skipped"]["superseded"] == 4
        assert folder.report["reconciled"] is True


@pytest.mark.parametrize("way", WAYS, ids=["one worker", "two workers"])
def test_fail_names_both(folder: Folder, way: tuple[str, ...]) -> None:
    for _ in range(2):
        assert folder.run(*way, "--on_existing", "fail") == 1
        assert "two records have the key '1' and differ" in folder.report["error"]
    # The same command, but for what is to be done about it, goes on with the run.
    assert folder.run(*way) == 3
    assert folder.rows("SELECT name FROM orders WHERE id = 1") == [("first",)]


def test_rejects_of_one_key_count_for_max_rejects(folder: Folder) -> None:
    assert folder.run("--max_rejects", "1") == 1
    assert "2 of 54 records were rejected" in folder.report["error"]


def result(folder: Folder) -> dict[str, Any]:
    """All that a load leaves, but for when it was and the name of the run."""
    tables = {name: sorted(folder.rows(f"SELECT * FROM {name}")) for name in ("orders", "line")}
    ledger = "SELECT record_key, source, ordinal, checksum, status FROM beamshred_ledger ORDER BY record_key"
    rejects = sorted((reject["source"], reject["ordinal"], reject["payload"]) for reject in folder.rejects)
    return {**tables, "ledger": folder.rows(ledger), "rejects": rejects, "records": folder.report["records"]}


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["skip", "replace"])
def test_killed_run_ends_as_an_undisturbed_one(tmp_path: Path, policy: str) -> None:
    """Every key occurs twice, with other content, far apart."""
    records = [order(number % 1500, f"name {number}", lines=1) for number in range(3000)]
    folders = []
    for name in ("disturbed", "undisturbed"):
        (tmp_path / name).mkdir()
        folders.append(Folder(tmp_path / name))
    disturbed, undisturbed = folders
    # One input, so that its places are the same.
    disturbed.write("a.xml", orders(records))
    flags = ("--workers", "2", "--slice_bytes", "20k", "--on_existing", policy)
    code = 3 if policy == "skip" else 0
    source = str(disturbed.path / "*.xml")
    assert undisturbed.run(*flags, inputs=[source]) == code
    process = disturbed.start(*flags)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        time.sleep(0.05)
        try:
            if disturbed.rows("SELECT count(*) FROM beamshred_ledger")[0][0] > 300:
                break
        except Exception:
            continue
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    loaded = disturbed.rows("SELECT count(*) FROM beamshred_ledger")[0][0]
    assert 300 < loaded < 1500
    assert disturbed.run(*flags) == code
    assert result(disturbed) == result(undisturbed)


def test_input_that_was_changed_is_a_new_run(folder: Folder) -> None:
    assert folder.run("--max_rejects", "0") == 1
    first = folder.report["run_id"]
    assert folder.run("--max_rejects", "0") == 1
    assert folder.report["run_id"] == first
    folder.write("b.xml", orders([order(2, "mended")]))
    assert folder.run("--max_rejects", "50") == 3
    assert folder.report["run_id"] != first
