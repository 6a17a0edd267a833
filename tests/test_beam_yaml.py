"""The stages in a pipeline that is a file of Beam YAML."""

from __future__ import annotations

import re
from pathlib import Path

import apache_beam as beam
import pytest
import sqlalchemy as sa
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from tests.jobs import Folder, order, orders
from transforms import beam_yaml

yaml_transform = pytest.importorskip("apache_beam.yaml.yaml_transform", reason="needs apache-beam[yaml]")


def shown_pipeline() -> str:
    """The pipeline that the documentation shows."""
    shown = beam_yaml.__doc__ or ""
    return shown[shown.index("    pipeline:") : shown.index("Each stage")].replace("\n    ", "\n")[4:]


def run(text: str) -> None:
    with beam.Pipeline(FnApiRunner()) as pipeline:
        yaml_transform.expand_pipeline(pipeline, text)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    folder = Folder(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORDERS_DB", f"sqlite:///{folder.database}")
    return folder


def test_pipeline_of_the_documentation(folder: Folder) -> None:
    (folder.path / "orders").mkdir()
    folder.write("orders/a.xml", orders([order(1), order(2, amount="x"), order(3)]) + "?")
    run(shown_pipeline())
    assert folder.rows("SELECT id FROM orders ORDER BY id") == [(1,), (3,)]
    assert folder.rows("SELECT count(*) FROM line") == [(4,)]
    written = {path.name: path.read_text() for path in (folder.path / "rejects").iterdir()}
    assert set(written) == {"rejects-map.jsonl", "rejects-read.jsonl"}
    assert '"key":"2"' in written["rejects-map.jsonl"]
    run(shown_pipeline())
    assert folder.rows("SELECT count(*) FROM orders") == [(2,)]


def test_documents_of_a_table(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCUMENTS", f"sqlite:///{folder.path}/in.db")
    with sa.create_engine(f"sqlite:///{folder.path}/in.db").begin() as connection:
        connection.exec_driver_sql("CREATE TABLE doc (id INTEGER PRIMARY KEY, xml TEXT)")
        connection.exec_driver_sql("INSERT INTO doc VALUES (1, ?)", (orders([order(7)]),))
    column = '{path: "env:DOCUMENTS", table: doc, key: id, column: xml, contract: contract.yaml}'
    run(re.sub(r'\{path: "orders/\*\.xml", contract: contract\.yaml\}', column, shown_pipeline()))
    assert folder.rows("SELECT id FROM orders") == [(7,)]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: beam_yaml.ReadXml("x.xml", "contract.yaml", table="doc"), "give path"),
        (lambda: beam_yaml.ParseXml("contract.yaml", projection="maybe"), "not 'maybe'"),
        (
            lambda: beam_yaml.LoadToDatabase("contract.yaml", "env:ORDERS_DB", on_existing="drop"),
            "on_existing is 'drop'",
        ),
        (lambda: beam_yaml.LoadToDatabase("contract.yaml", "env:ORDERS_DB", shards=0), "shards must be at least 1"),
    ],
)
def test_wrong_option(folder: Folder, make, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
