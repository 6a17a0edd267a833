"""The command `beamshred`: words that stand for flags."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import pipeline.command
from beamshred import cli
from tests.jobs import ROOT, Folder, order, orders


def meant(monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    """The flags that the words stand for."""
    given: list[list[str]] = []
    monkeypatch.setattr(pipeline.command, "main", lambda argv: given.append(list(argv)) or 0)
    assert cli.main(words) == 0
    return given[0]


@pytest.mark.parametrize(
    ("words", "flags"),
    [
        ("run --input a.xml --batch-size 5", "--input a.xml --batch_size 5"),
        ("check --contract c.yaml --target t", "--check --contract c.yaml --target t"),
        ("import old.json", "--import_contract old.json"),
        ("report runs/1", "--report runs/1"),
        ("rejects runs/1 --rule map.type", "--rejects runs/1 --rule map.type"),
        ("compare runs/1 runs/2", "--compare runs/1 runs/2"),
        ("infer a.xml b --record /a/b", "--infer a.xml b --record /a/b"),
        ("infer --infer-xsd a.xsd", "--infer_xsd a.xsd"),
        ("preview 3 --input a.xml", "--preview 3 --input a.xml"),
        ("preview --input a.xml", "--preview --input a.xml"),
        ("replay runs/1 --contract c.yaml", "--input runs/1 --contract c.yaml"),
    ],
)
def test_words_stand_for_flags(monkeypatch: pytest.MonkeyPatch, words: str, flags: str) -> None:
    assert meant(monkeypatch, *words.split()) == flags.split()


def test_replay_takes_contract_and_target_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rejects").mkdir()
    options = {"contract": "c.yaml", "target": "sqlite:///x.db"}
    (tmp_path / "report.json").write_text(json.dumps({"options": options}))
    rejects = ["--input", str(tmp_path / "rejects")]
    assert meant(monkeypatch, "replay", str(tmp_path)) == [
        *rejects, "--contract", "c.yaml", "--target", "sqlite:///x.db",
    ]  # fmt: skip
    (tmp_path / "report.json").write_text(json.dumps({"options": options | {"target": "postgresql://u:***@h/d"}}))
    assert meant(monkeypatch, "replay", str(tmp_path), "--contract=d.yaml") == [*rejects, "--contract=d.yaml"]


def test_every_command_has_a_help_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    overview = capsys.readouterr().out
    for name in cli._known():
        assert f"  {name} " in overview
        assert cli.main([name, "--help"]) == 0
        said = capsys.readouterr().out
        assert said.startswith(f"usage: beamshred {name}")
        assert " ".join(cli.COMMANDS[name].says.split()) in " ".join(said.split())
    assert cli.main(["check", "--help"]) == 0
    said = capsys.readouterr().out
    assert "--create_disposition" in said
    assert "--batch_size" not in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["chekc"], "did you mean 'check'?"),
        (["--input", "x"], "beamshred run --input ..."),
        (["compare", "one"], "write beamshred compare RUN RUN ..."),
        (["replay", "--contract", "c.yaml"], "write beamshred replay RUN ..."),
        (["run", "--bacth_size", "5"], "did you mean"),
    ],
)
def test_mistakes_are_told(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert cli.main(words) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_run_is_the_same_as_run_pipeline(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1), order(2)]))
    command = [sys.executable, "-m", "beamshred", "run", *folder.arguments("--workers", "1")]
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0
    assert folder.rows("SELECT count(*) FROM orders") == [(2,)]
