"""What changed between two runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from beamshred.compare import Change, compare
from pipeline.command import main
from tests.jobs import Folder, order, orders

RUN = {"run_id": "1", "state": "done", "records": {"read": 4}, "rejects": {}, "seconds": 2.0, "timeline": [1]}


def test_what_differs_is_listed_in_order() -> None:
    other = RUN | {"run_id": "2", "seconds": 3.0, "records": {"read": 6}, "rejects": {"map.type": 2}, "timeline": []}
    assert compare(RUN, other) == [
        Change("records.read", 4, 6), Change("rejects.map.type", None, 2), Change("seconds", 2.0, 3.0),
    ]  # fmt: skip
    assert [change.by for change in compare(RUN, other)] == ["+2 (+50%)", "", "+1 (+50%)"]
    assert compare(RUN, RUN | {"run_id": "2"}) == []


def test_new_part_of_a_report_is_compared_too() -> None:
    assert compare(RUN, RUN | {"never_found": ["a"]}) == [Change("never_found", None, ["a"])]


def test_two_runs_on_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1)]))
    folders = [tmp_path / "one", tmp_path / "two"]
    for place in folders:
        assert main([*folder.arguments("--quiet", "--workers", "1"), "--run_dir", str(place)]) == 0
    capsys.readouterr()
    assert main(["--compare", *map(str, folders)]) == 0
    said = capsys.readouterr().out
    assert "records.skipped" in said
    assert "skipped.unchanged" in said
    assert main(["--compare", str(folders[0]), str(tmp_path)]) == 2
