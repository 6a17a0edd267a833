"""The folder of a run: what others left there, and who may use it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.options import OptionsError
from pipeline.run_folder import RUNS, RunFolder


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(name: str) -> RunFolder:
    folder = RunFolder.named(None, name)
    folder.create()
    folder.unpacked.mkdir()
    (folder.unpacked / "a.xml").write_text("<a/>")
    return folder


def test_unpacked_files_of_a_killed_run_are_removed_by_the_next(in_folder: Path) -> None:
    killed, ours = made("killed"), made("ours")
    with ours.owned():
        assert not killed.unpacked.exists()


def test_unpacked_files_of_a_run_that_goes_on_stay(in_folder: Path) -> None:
    running, ours = made("running"), made("ours")
    with running.owned():
        running.unpacked.mkdir()
        with ours.owned():
            assert running.unpacked.exists()
    assert not running.unpacked.exists()


def test_folder_of_this_name_that_is_no_run_is_left_alone(in_folder: Path) -> None:
    other = in_folder / RUNS / "mine" / "unpacked"
    other.mkdir(parents=True)
    with made("ours").owned():
        assert other.exists()


def test_folder_that_another_run_uses_is_refused(in_folder: Path) -> None:
    folder = made("ours")
    with folder.owned(), pytest.raises(OptionsError, match="in use by another run"), RunFolder(folder.path).owned():
        pass


def test_rejects_of_an_attempt_that_was_given_up_are_removed(in_folder: Path) -> None:
    folder = made("ours")
    names = ("slice-000001-map.jsonl", "slice-000001-insert.jsonl.partial", "slice-000002-map.jsonl")
    for name in names:
        (Path(folder.rejects) / name).write_text("{}")
    folder.remove_rejects("slice-000001")
    assert [file.name for file in Path(folder.rejects).iterdir()] == [names[2]]
