"""An error that nobody foresaw is shown as a bug of ours, and never as a wrong flag."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.command import main
from tests.jobs import Folder, order, orders
from transforms.user_errors import UserError

PLACES = ["pipeline.job.make_input", "pipeline.run.prepare_target", "pipeline.run.run_local"]


def surprise(*_: object, **__: object) -> None:
    raise ValueError("the sum of nothing")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1)]))
    return folder


@pytest.mark.parametrize("place", PLACES)
def test_bug_is_told_with_its_traceback(
    folder: Folder, place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(place, surprise)
    assert folder.run() == 1
    said = capsys.readouterr().err
    assert "internal error, please report it with all of this: ValueError: the sum of nothing" in said
    assert "Traceback (most recent call last)" in said
    assert "in surprise" in said


def test_bug_of_a_tool_is_told_the_same_way(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("beamshred.show_coverage.load_contract", surprise)
    assert main(["--coverage", "--input", "x.xml", "--contract", str(folder.contract)]) == 1
    assert "internal error, please report it" in capsys.readouterr().err


def test_bug_is_a_line_of_json_where_all_is(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(PLACES[0], surprise)
    assert folder.run("--log-format", "json") == 1
    *_, last = map(json.loads, capsys.readouterr().err.splitlines())
    assert last["level"] == "ERROR"
    assert "ValueError: the sum of nothing" in last["message"]
    assert "in surprise" in last["traceback"]


def test_bug_shows_no_password(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(flags: object, contract: object) -> None:
        raise KeyError("postgresql://u:s3cret@h/d")

    monkeypatch.setattr("pipeline.job.make_input", told)
    target = "--target=postgresql+psycopg://u:s3cret@127.0.0.1:1/d"
    assert main(["--input", "x", "--contract", str(folder.contract), target, "--retry_seconds", "0"]) == 1
    said = capsys.readouterr().err
    assert "KeyError: 'postgresql://u:***@h/d'" in said
    assert "s3cret" not in said


@pytest.mark.parametrize("place", PLACES[:2])
def test_error_of_a_user_is_told_alone(
    folder: Folder, place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(*_: object, **__: object) -> None:
        raise UserError("the flag is wrong")

    monkeypatch.setattr(place, wrong)
    assert folder.run() == 2
    said = capsys.readouterr().err
    assert "the flag is wrong" in said
    assert "Traceback" not in said
    assert "internal error" not in said
