"""--coverage shows what a contract reads and what not, never a value, and writes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.command import main
from tests.jobs import CONTRACT, Folder, order, orders


def shown(folder: Folder, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str]:
    code = main(["--coverage", "--input", str(folder.path / "*.xml"), "--contract", str(folder.contract), *more])
    return code, capsys.readouterr().out


def test_read_and_unread_paths_and_typos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Folder(tmp_path)
    folder.write("a.xml", orders(order(number, name="Smith") for number in range(3)))
    folder.contract.write_text(CONTRACT.replace("name: name", "name: nmae"))
    before = sorted(tmp_path.iterdir())
    code, text = shown(folder, capsys)
    assert code == 0
    rows = [line.replace("│", "").split() for line in text.splitlines() if "│" in line]
    assert ["name", "3", "0", "Aaaaa"] in rows
    assert ["line/@item", "6", "6", "a9"] in rows
    assert "never found: orders.name: nmae (did you mean name?)" in text
    assert "Smith" not in text
    assert sorted(tmp_path.iterdir()) == before


def test_sample_bounds_the_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Folder(tmp_path)
    folder.write("a.xml", orders(map(order, range(30))))
    assert shown(folder, capsys, "--sample", "7")[1].startswith("7 records")


def test_damaged_record_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1), "<order id='2'><name></nmae></order>"]))
    code, text = shown(folder, capsys)
    assert code == 3
    assert "1 damaged record left out" in text


def test_contract_that_is_missing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--coverage", "--input", str(tmp_path), "--contract", str(tmp_path / "no.yaml")]) == 2
    assert "no coverage" in capsys.readouterr().err
