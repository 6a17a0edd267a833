"""A run names what it never found, and what nobody reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.jobs import CONTRACT, Folder, order, orders


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    found = Folder(tmp_path)
    found.write("a.xml", orders(map(order, range(3))))
    return found


def test_typos_are_named_with_what_was_meant(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.contract.write_text(CONTRACT.replace("name: name", "name: nmae").replace("rows: line", "rows: lines"))
    assert folder.run() == 0
    report = folder.report
    assert report["never_found"] == {"orders.name": "name", "rows of line": "line"}
    assert report["coverage"]["paths"]["name"] == {"count": 3, "read": 0, "shape": "a"}
    assert report["coverage"]["never_matched"] == ["orders.name: nmae", "rows of line: lines"]
    told = " ".join(capsys.readouterr().err.split())
    assert "never found in 3 records: orders.name (did you mean name?) rows of line (did you mean line?)" in told
    assert "no column reads, in a sample of 3 records: line/@item (6) name (3)" in told


def test_of_records_that_are_skipped_it_is_said_as_well(folder: Folder) -> None:
    assert folder.run() == folder.run() == 0
    assert folder.report["records"]["skipped"] == 3
    assert folder.report["never_found"] == {}


def test_text_that_is_no_value_was_found(folder: Folder) -> None:
    folder.contract.write_text(CONTRACT.replace('"decimal(10, 2)"}', '"decimal(10, 2)", on_error: "null"}'))
    folder.write("a.xml", orders(order(number, amount="x") for number in range(3)))
    assert folder.run() == 0
    assert folder.report["never_found"] == {}


def test_found_in_one_slice_is_found(folder: Folder) -> None:
    folder.write("a.xml", orders(order(number, name="") for number in range(50)))
    folder.write("b.xml", orders([order(99)]))
    assert folder.run("--slice_bytes=2K", "--direct_num_workers=2") == 0
    assert folder.report["slices"] > 1
    assert folder.report["never_found"] == {}
