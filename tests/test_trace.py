"""--explain_value says how a value came about, and what it says is what the mapper did."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.command import main

CONTRACT = """\
contract: orders
elements:
  buyer: Parties/Party[@role='buyer']
index:
  party: {path: Parties/Party, key: "@role"}
lookups:
  kinds: {B: book}
record:
  path: /orders/order
  key: {shop: ../@name, order_id: {from: "@id", type: int}}
tables:
  orders:
    columns:
      total: {from: [Total, Sum], clean: [trim, {find: EUR}], type: "decimal(9, 2)"}
      channel: {from: "@channel", default: web}
      buyer: $buyer/Name
      size: {from: Size, type: int, on_error: null}
      notes: {from: Note, take: join, separator: "; "}
      count: {from: Note, take: count, type: int}
      double: {expression: total * 2, type: "decimal(9, 2)"}
      paid_by: Mail/@by -> party/Name
      file: $file
      system: {value: x}
  line:
    parent: orders
    rows: Lines/Line
    where: kind = 'book'
    key: n
    columns:
      n: $position
      kind: {from: "@k", lookup: kinds, default: none}
  discount:
    parent: line
    rows: Discount
    columns: {code: "@code"}
  contact:
    union:
      - {rows: Mail}
      - {rows: Phone, columns: {text: "@no"}}
    columns: {text: .}
"""
ORDERS = """\
<orders name="s">
  <order id="1"><Total> </Total><Sum> 12.5 EUR</Sum><Size>big</Size><Note>a</Note><Note>b</Note>
    <Parties><Party role="seller"><Name>Bob</Name></Party><Party role="buyer"><Name>Ann</Name></Party></Parties>
    <Lines><Line k="B"><Discount code="X"/></Line><Line><Discount code="Y"/></Line></Lines>
    <Phone no="1"/><Mail by="#seller">m</Mail></order>
  <order id="2"><Total>lots</Total></order>
</orders>
"""


@pytest.fixture
def explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "contract.yaml").write_text(CONTRACT)
    (tmp_path / "orders.xml").write_text(ORDERS)
    monkeypatch.chdir(tmp_path)

    def explain(place: str, key: str = "s,1", code: int = 0) -> str:
        flags = ["--input", "orders.xml", "--contract", "contract.yaml"]
        assert main(["--explain_value", place, "--record_key", key, *flags]) == code
        said = capsys.readouterr()
        return said.out if code == 0 else said.err

    return explain


@pytest.mark.parametrize(
    ("place", "lines"),
    [
        (
            "orders.total",
            ["path Total: found ' '", "path Sum: found ' 12.5 EUR'", "clean trim: '12.5 EUR'",
             "clean {'find': 'EUR'}: '12.5 '",
             "as decimal(9,2): 12.50", "The table orders gets 1 row of this record: 12.50"],
        ),
        ("orders.channel", ["path @channel: nothing", "as text: 'web', the default"]),
        ("orders.buyer", ["path $buyer/Name: found 'Ann'", "as text: 'Ann'"]),
        ("orders.size", ["path Size: found 'big'", "as int: NULL; the rule type fired, on_error is null"]),
        ("orders.notes", ["path Note: found 'a', 'b' (2 of them)", "take join: ['a', 'b']", "as text: 'a; b'"]),
        ("orders.count", ["as int: 2"]),
        ("orders.double", ["computed: total * 2", "1 row of this record: 25.00"]),
        ("orders.paid_by", ["path Mail/@by -> party/Name: found 'Bob'", "as text: 'Bob'"]),
        ("orders.file", ["$file", "1 row of this record: 'orders.xml'"]),
        ("orders.system", ["the constant 'x'"]),
        ("orders.shop", ["a column of the record's key", "path ../@name: found 's'"]),
        ("line.kind", ["element 1: /orders/order/Lines/Line[1]", "as text: 'book', by the lookup kinds",
                       "element 2: /orders/order/Lines/Line[2]", "path @k: nothing",
                       "gets 1 row of this record: 'book'"]),
        ("discount.code", ["found 'X'", "found 'Y'", "gets 1 row of this record: 'X'"]),
        ("discount.n", ["a key column of the table line", "$position"]),
        ("contact.text", ["path .: found 'm'", "path @no: found '1'", "gets 2 rows of this record: 'm', '1'"]),
    ],
)  # fmt: skip
def test_steps_of_a_value(explained, place: str, lines: list[str]) -> None:
    said = explained(place)
    for line in lines:
        assert line in said, said


def test_error_and_reject_are_told(explained) -> None:
    said = explained("orders.total", "s,2")
    assert "an error of the rule type: 'lots' is not a" in said
    assert "The record is rejected by the rule type: orders.total" in said


def test_no_row_is_told(explained) -> None:
    (Path("orders.xml")).write_text('<orders name="s"><order id="3"/></orders>')
    assert "no element is a row: Lines/Line finds nothing" in explained("line.kind", "s,3")


def test_key_may_be_written_as_the_ledger_has_it(explained) -> None:
    assert "'Ann'" in explained("orders.buyer", '["s","1"]')


@pytest.mark.parametrize(
    ("place", "key", "said"),
    [
        ("order.total", "s,1", "did you mean 'orders'?"),
        ("orders.totl", "s,1", "has no column 'totl'; did you mean 'total'?"),
        ("total", "s,1", "not table.column"),
        ("orders.total", "s,9", "no record of the input has the key 's,9'; a key is: shop, order_id"),
    ],
)
def test_what_is_wrong_is_said(explained, place: str, key: str, said: str) -> None:
    assert said in explained(place, key, 2)
