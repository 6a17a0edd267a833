"""A record that another form of the contract has loaded counts as changed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.jobs import Folder, order, orders
from transforms import load_contract


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1, "first", amount="1.50"), order(2, "second", amount="2.50")]))
    assert folder.run() == 0
    return folder


def change_contract(folder: Folder) -> None:
    folder.contract.write_text(folder.contract.read_text().replace("name: name", "name: amount"))


@pytest.mark.parametrize(
    ("policy", "code", "names"), [("skip", 0, ["first", "second"]), ("replace", 0, ["1.50", "2.50"]), ("fail", 1, None)]
)
def test_corrected_mapping(
    folder: Folder, policy: str, code: int, names: list[str] | None, capfd: pytest.CaptureFixture[str]
) -> None:
    change_contract(folder)
    assert folder.run("--on_existing", policy) == code
    if names is None:
        assert "the contract has changed" in folder.report["error"]
        return
    assert [name for (name,) in folder.rows("SELECT name FROM orders ORDER BY id")] == names
    if policy == "skip":
        assert folder.report["skipped"]["contract changed"] == 2
        assert "2 skipped: contract changed" in capfd.readouterr().err
    else:
        assert folder.report["records"]["replaced"] == 2
        assert folder.run("--on_existing", "replace") == 0
        assert folder.report["records"]["skipped"] == folder.report["skipped"]["unchanged"] == 2


def test_comments_spelling_and_descriptions_do_not_change_a_contract(folder: Folder) -> None:
    text = folder.contract.read_text()
    folder.contract.write_text(
        "# a comment\n" + text.replace("name: name", "name: {from: name, description: who it is}  # the name")
    )
    assert folder.run("--on_existing", "replace") == 0
    assert folder.report["skipped"]["unchanged"] == 2


def test_column_called_description_counts(tmp_path: Path) -> None:
    prints = set()
    for path in ("a", "b"):
        file = tmp_path / "c.yaml"
        file.write_text(
            "contract: c\nrecord: {path: /r, key: {id: '@id'}}\n"
            f"tables: {{t: {{columns: {{description: {{from: {path}}}}}}}}}"
        )
        prints.add(load_contract(str(file)).fingerprint())
    assert len(prints) == 2


@pytest.mark.parametrize(("policy", "replaced"), [("skip", 0), ("replace", 2)])
def test_ledger_of_an_earlier_version_is_given_the_column(folder: Folder, policy: str, replaced: int) -> None:
    with sqlite3.connect(folder.database) as connection:
        connection.execute("ALTER TABLE beamshred_ledger DROP COLUMN fingerprint")
    assert folder.run("--on_existing", policy) == 0
    # By which contract they were loaded is not known: skip leaves them, replace makes sure.
    assert folder.report["records"]["replaced"] == replaced
    assert folder.report["skipped"]["contract changed"] == 0
    assert folder.run("--on_existing", policy) == 0
    assert folder.report["skipped"]["unchanged"] == 2
