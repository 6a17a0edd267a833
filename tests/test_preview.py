"""--preview shows the rows that the mapper makes, what was done to reach them, and writes nothing."""

from __future__ import annotations

import gzip
import json
import sqlite3
from pathlib import Path

import pytest

from pipeline.command import main

CONTRACT = """\
contract: orders
record:
  path: /orders/order
  key: {order_id: {from: "@id", type: int}}
tables:
  orders:
    columns:
      customer: {from: Name, type: text(5), on_error: truncate}
      channel: {from: "@channel", default: web}
      size: {from: Size, type: int, on_error: null}
      total: {from: Total, type: "decimal(9, 2)"}
      note: {from: Note, omit: true}
    warn_when:
      - {when: total > 100, message: a large order}
  line:
    parent: orders
    rows: Line
    key: n
    columns:
      n: $position
      article: .
"""
ORDERS = """\
<orders>
  <order id="1"><Name>Annabel</Name><Size>big</Size><Total>120</Total><Line>book</Line><Line/></order>
  <order id="2" channel="shop"><Total>1.50</Total></order>
  <order id="3"><Total>lots</Total></order>
  <order id="4"><Total>4</Total></order>
</orders>
"""


@pytest.fixture
def flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    (tmp_path / "contract.yaml").write_text(CONTRACT)
    (tmp_path / "orders.xml").write_text(ORDERS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return ["--input", "orders.xml", "--contract", "contract.yaml"]


def _json(flags: list[str], capsys: pytest.CaptureFixture[str], records: str = "9") -> dict:
    main([*flags, "--preview", records, "--preview_format", "json"])
    return json.loads(capsys.readouterr().out)


def test_rows_are_those_of_the_mapper(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    tables = _json(flags, capsys)["tables"]
    assert tables["orders"][0] == {
        "order_id": 1, "customer": "Annab", "channel": "web", "size": None, "total": "120.00"
    }  # fmt: skip
    assert tables["line"] == [{"order_id": 1, "n": 1, "article": "book"}, {"order_id": 1, "n": 2, "article": ""}]


def test_rules_that_fired_are_counted(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    rules = {(rule["place"], rule["rule"].partition(":")[0]): rule["count"] for rule in _json(flags, capsys)["rules"]}
    assert rules[("orders.customer", "cut")] == 1
    assert rules[("orders.size", "type")] == 1
    assert rules[("orders.channel", "default")] == 2  # the rejected record has no row
    assert sum(count for (place, _), count in rules.items() if "a large order" in place) == 1


def test_rejects_are_shown_with_their_place(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    [reject] = _json(flags, capsys)["rejects"]
    assert (reject["ordinal"], reject["key"], reject["rule"]) == (2, "3", "type")
    assert "orders.total: 'lots'" in reject["message"]


def test_only_so_many_records(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(flags, capsys, "2")
    assert (found["records"], len(found["tables"]["orders"])) == (2, 2)


def test_exit_code_tells_of_rejects(flags: list[str]) -> None:
    assert main([*flags, "--preview", "2"]) == 0
    assert main([*flags, "--preview"]) == 3


def test_terminal_shows_tables_rules_and_rejects(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([*flags, "--preview"])
    shown = capsys.readouterr().out
    for words in ("Annab", "NULL", "DEFAULT", "''", "book", "lots", "a large order", "4 records, 1 of them rejected"):
        assert words in shown, words


def test_narrow_terminal_shows_rows_from_top_to_bottom(
    flags: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    main([*flags, "--preview"])
    shown = capsys.readouterr().out
    assert "row 1" in shown
    assert "120.00" in shown


def test_csv_has_all_tables(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([*flags, "--preview", "2", "--preview_format", "csv"])
    assert capsys.readouterr().out == (
        "# orders\norder_id,customer,channel,size,total,note\n1,Annab,web,,120.00,\n2,,shop,,1.50,\n"
        "\n# line\norder_id,n,article\n1,1,book\n1,2,\n"
    )


def test_nothing_is_written(flags: list[str], tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    main([*flags, "--preview", "--target", "sqlite:///x.db"])
    assert sorted(tmp_path.rglob("*")) == before


def test_damaged_document_is_a_reject(flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "orders.xml").write_text('<orders><order id="1"><Total>1</Total></order><order id="2"><Tot')
    found = _json(flags, capsys)
    assert len(found["tables"]["orders"]) == 1
    assert len(found["rejects"]) == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--preview", "0"], "at least 1"),
        (["--preview", "--preveiw_format", "csv"], "did you mean"),
        (["--preview", "--input", "nowhere.xml"], "matches no file"),
    ],
)
def test_what_is_wrong_is_said(
    flags: list[str], more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*flags, *more]) == 2
    assert said in capsys.readouterr().err


def test_contract_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--preview", "--input", "x.xml"]) == 2
    assert "--contract is missing" in capsys.readouterr().err


def test_documents_of_a_table(flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(tmp_path / "in.db") as database:
        database.execute("CREATE TABLE docs (id INTEGER PRIMARY KEY, doc TEXT)")
        database.execute("INSERT INTO docs VALUES (7, ?)", (ORDERS,))
    column = ["--input_table", "docs", "--input_key", "id", "--input_column", "doc"]
    found = _json(["--input", "sqlite:///in.db", *flags[2:], *column], capsys, "2")
    assert [row["order_id"] for row in found["tables"]["orders"]] == [1, 2]


def test_compressed_file_leaves_nothing_behind(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "o.xml.gz").write_bytes(gzip.compress(ORDERS.encode()))
    found = _json(["--input", "o.xml.gz", *flags[2:]], capsys, "2")
    assert found["records"] == 2
