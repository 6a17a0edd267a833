"""`--rejects`: what a run has rejected, for people."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from beamshred import cli
from beamshred import show_rejects as tool
from beamshred.excerpt import MOST_CHARACTERS, MOST_LINES, excerpt, visible
from pipeline.command import main
from tests.jobs import Folder, order, orders

BROKEN = '<order id="3">\n  <name>\n    n\n  </nmae>\n</order>'


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")


def line(message: str = "m", rule: str = "type", **changed: Any) -> str:
    context = {"prolog": "", "open_tags": "<a>", "close_tags": "</a>", "depth": 1}
    known = {
        "stage": "map", "rule": rule, "path": None, "message": message, "source": "/no/such.xml", "ordinal": 4,
        "span": [100, 200], "key": "k", "context": context, "payload": "<b>\n<c>x</c>\n</b>",
    }  # fmt: skip
    return json.dumps(known | changed) + "\n"


def run_of(path: Path, *lines: str) -> str:
    (path / "rejects").mkdir(parents=True)
    (path / "rejects" / "slice-1-map.jsonl").write_text("".join(lines))
    return str(path)


def shown(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(["--rejects", *words]) == code
    said = capsys.readouterr()
    return said.err if code else said.out


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Folder:
    """A run with three rejects."""
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1), order(2, amount="much"), BROKEN, order(4, amount="more")]))
    return folder


def test_rejects_are_grouped_by_rule(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert folder.run("--quiet") == 3
    capsys.readouterr()
    said = shown(capsys, str(folder.run_dir))
    [of_map] = [row for row in said.splitlines() if "map.type" in row]
    assert [cell.strip() for cell in of_map.split("│")][2:5:2] == ["2", "2"]
    assert "'much' is not" in of_map
    assert f"{folder.path / 'a.xml'}, record 1" in of_map
    assert "parse.not_well_formed" in said
    assert "3 rejects." in said
    assert shown(capsys, str(folder.run_dir / "rejects")) == said
    assert cli.main(["rejects", str(folder.run_dir)]) == 0


@pytest.mark.parametrize("keep", ["full", "span"])
@pytest.mark.parametrize("packed", [False, True])
def test_line_at_fault_is_marked(folder: Folder, capsys: pytest.CaptureFixture[str], keep: str, packed: bool) -> None:
    if packed:
        plain = folder.path / "a.xml"
        folder.write("a.xml.gz", gzip.compress(plain.read_bytes()))
        plain.unlink()
    assert folder.run("--quiet", "--reject_payload", keep, inputs=["a.xml*"]) == 3
    capsys.readouterr()
    said = shown(capsys, str(folder.run_dir), "--rule", "parse.not_well_formed")
    [marked] = [row for row in said.splitlines() if row.startswith(">")]
    assert marked == f"> {4 if packed else 8} |   </nmae>"
    assert ("read again" in said) == (keep == "span")
    assert ("line 8, byte" in said) != packed
    said = shown(capsys, str(folder.run_dir), "--rule", "map.type", "--number", "2")
    [marked] = [row for row in said.splitlines() if row.startswith(">")]
    assert "<amount>more</amount>" in marked
    caret = said.splitlines()[said.splitlines().index(marked) + 1]
    assert marked[caret.index("^") :].startswith("more")
    assert "2 of 2 of the rule map.type" in said
    assert "key      4" in said


def test_record_in_utf_16_is_read_again(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    text = orders([order(1), order(2, amount="müch")]).replace("<?xml version='1.0'?>", "")
    for codec, name in (("utf-16", "a.xml"), ("utf-16-be", "b.xml")):
        folder.write(name, (b"\xfe\xff" if codec == "utf-16-be" else b"") + text.encode(codec))
        assert folder.run("--quiet", "--reject_payload", "span", inputs=[name]) == 3
        capsys.readouterr()
        assert "<amount>müch</amount>" in shown(capsys, str(folder.run_dir), "--number", "1")


def test_source_that_was_changed_since_is_told(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert folder.run("--quiet", "--reject_payload", "span") == 3
    folder.write("a.xml", orders([]))
    capsys.readouterr()
    assert "has changed since then" in shown(capsys, str(folder.run_dir), "--number", "1")
    (folder.path / "a.xml").unlink()
    assert "not an existing file" in shown(capsys, str(folder.run_dir), "--number", "1")


def test_nothing_kept_is_told(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert folder.run("--quiet", "--reject_payload", "none") == 3
    capsys.readouterr()
    assert "neither the record nor its place was kept" in shown(capsys, str(folder.run_dir), "--number", "1")


def test_damaged_source_shows_its_sample(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.write("a.xml", orders([order(1)]).replace("</orders>", "<order><unfinished>"))
    assert folder.run("--quiet") == 3
    capsys.readouterr()
    said = shown(capsys, str(folder.run_dir), "--number", "1")
    assert any(row.startswith(">") and "<order><unfinished>" in row for row in said.splitlines())


def test_value_that_stands_twice_marks_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_of(tmp_path / "run", line("c: 'x' is bad", payload="<b>\n<c>x</c>\n<d>x</d></b>"))
    said = shown(capsys, run, "--number", "1")
    assert not [row for row in said.splitlines() if row.startswith(">")]
    assert "which of them is at fault is not known" in said
    assert "<d>x</d>" in said


def test_data_has_no_power_over_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b]0;x\x07[red]\u202e\x9b2J"
    fields = dict.fromkeys(("source", "key", "path", "payload"), evil)
    run = run_of(tmp_path / "run", line(evil, evil, **fields))
    for words in ([run], [run, "--number", "1"]):
        said = shown(capsys, *words)
        assert "\\x1b]0;x\\x07[red]\\u202e\\x9b2J" in said
        assert not set(said) & set("\x1b\x07\u202e\x9b")


@pytest.mark.parametrize("place", [None, 0, 5_000, 99_999])
def test_excerpt_is_bounded(place: int | None) -> None:
    for data in (b"x" * 100_000, b"x\n" * 50_000, "ü".encode() * 50_000, b"\x01" * 100_000, b"\n" * 100_000):
        lines = excerpt(data, place)
        assert 0 < len(lines) <= MOST_LINES
        assert all(len(line.text) <= MOST_CHARACTERS for line in lines)
        assert [line.at is not None for line in lines].count(True) == (place is not None)


def test_excerpt_of_a_long_line_is_around_the_place() -> None:
    data = b"a" * 5_000 + b"!" + b"b" * 5_000
    [line] = excerpt(data, 5_000)
    assert line.at is not None
    assert line.text[line.at] == "!"
    assert line.text.startswith("...a")
    assert line.text.endswith("b...")
    assert excerpt(b"a\r\nb\r\nc", 3)[1].text == "b"
    assert visible("\ta\\") == "    a\\"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rule", "map.tpye"], "did you mean 'map.type'?"),
        (["--rule", "map.type", "--number", "3"], "has 2"),
        (["--number", "4"], "has 3"),
        (["--number", "0"], "whole number"),
        (["--number"], "expected one argument"),
    ],
)
def test_reject_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    run = run_of(tmp_path / "run", line(), line(), line(rule="required"))
    assert said in shown(capsys, run, *words, code=2)


def test_damaged_lines_are_told_and_the_rest_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "MOST_LINE", 1_000)
    run = run_of(tmp_path / "run", line(), "no JSON\n", "[1]\n", "\n", line(key="k" * 2_000_000), line(), '{"stage"')
    assert main(["--rejects", run]) == 2
    said = capsys.readouterr()
    assert "2 rejects." in said.out
    assert "4 damaged lines left out, the first: " in said.err
    assert "slice-1-map.jsonl, line 2: " in said.err
    only_damaged = run_of(tmp_path / "other", "no JSON\n")
    assert main(["--rejects", only_damaged]) == 2
    said = capsys.readouterr()
    assert not said.out
    assert "1 damaged line left out" in said.err


def test_folder_that_is_no_run_and_run_without_rejects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is not the folder of a run" in shown(capsys, str(tmp_path), code=2)
    assert "is not the folder of a run" in shown(capsys, str(tmp_path / "none"), code=2)
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1)]))
    assert folder.run("--quiet") == 0
    capsys.readouterr()
    assert "has no rejects" in shown(capsys, str(folder.run_dir))
    assert "has no rejects" in shown(capsys, str(folder.run_dir), "--number", "1", code=2)
    report = folder.run_dir / "report.json"
    report.write_text(json.dumps(folder.report | {"rejects": {"map.type": 2}}))
    assert "its files of rejects were removed" in shown(capsys, str(folder.run_dir), code=2)


def test_messages_that_are_told_apart_are_bounded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "MOST_SHAPES", 2)
    messages = ["a: '1' is bad", "b", "c", "a: '2' is bad", "c", "c"]
    run = run_of(tmp_path / "run", *map(line, messages))
    found = tool.look(tool.files_of_run(run), None, None)
    assert list(found.groups["map.type"].messages.values()) == [("a: '1' is bad", 2), ("b", 1)]
    assert found.groups["map.type"].count == len(messages)


def test_remedy_is_told_where_a_parser_made_the_message(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.write("a.xml", "<orders><order id='1'><name>n</nmae></order></orders>")
    assert folder.run("--quiet") == 3
    capsys.readouterr()
    said = shown(capsys, str(folder.run_dir), "--number", "1")
    assert "remedy   have the document repaired and load it again" in said
