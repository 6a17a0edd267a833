"""The folder of a run: what others left there, and who may use it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.command import main
from pipeline.options import OptionsError
from pipeline.report import FILES, RUNS, RunFolder
from tests.jobs import Folder, order, orders


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


def test_folder_of_a_run_is_for_its_owner_alone(in_folder: Path) -> None:
    folder = made("ours")
    folder.write("report.json", "{}")
    for path in (Path(folder.path), Path(folder.rejects)):
        assert path.stat().st_mode & 0o777 == 0o700
    assert (Path(folder.path) / "report.json").stat().st_mode & 0o777 == 0o600
    given = in_folder / "given"
    given.mkdir(mode=0o755)
    RunFolder(str(given)).create()  # what others made they share as they like
    assert given.stat().st_mode & 0o777 == 0o755


def test_full_disk_ends_the_run_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1)]))
    folder.run_dir.mkdir()
    (folder.run_dir / "report.json.partial").symlink_to("/dev/full")
    assert folder.run() == 1
    error = " ".join(capsys.readouterr().err.split())
    assert f"{folder.run_dir}/report.json cannot be written: No space left on device" in error
    assert "give another --run_dir" in error
    assert "Traceback" not in error


def test_check_that_fails_leaves_no_folder(in_folder: Path) -> None:
    folder = Folder(in_folder)
    folder.write("a.xml", orders([order(1)]))
    arguments = [word for word in folder.arguments(inputs=["a.xml"]) if word not in ("--run_dir", str(folder.run_dir))]
    assert main([*arguments, "--create_disposition", "CREATE_NEVER", "--check"]) == 2
    assert main([*arguments, "--create_disposition", "CREATE_NEVER"]) == 2
    assert not (in_folder / RUNS).exists()


def test_what_an_earlier_run_left_in_the_folder_goes(in_folder: Path) -> None:
    folder = RunFolder("kept")
    folder.create()
    left = [Path("kept", name) for name in FILES]
    left += [Path("kept/rejects", name) for name in ("slice-000001-map.jsonl", "slice-000002-map.jsonl.partial")]
    for file in (*left, Path("kept", "own.txt")):
        file.write_text("old")
    folder.create()
    assert [file for file in left if file.exists()] == []
    assert Path("kept", "own.txt").read_text() == "old"
