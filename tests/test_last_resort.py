"""No error of a value leaves a stage as anything but a reject of its record."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.jobs import Folder, order, orders
from transforms import MapDoFn, ParsedRecord, Reject, XmlRecord, parse_contract
from transforms.map.mapper import Mapper
from transforms.records import MappedRecord

TYPES = ["text(5)", "int", "bigint", "decimal(5, 2)", "float", "bool", "date", "time", "datetime", "datetimetz"]
EXPRESSIONS = [
    ("datetime", "CAST(d AS datetime)", "datetimetz"),
    ("date", "d", "datetimetz"),
    ("datetime", "d", "datetimetz"),
    ("datetime", "DATEADD(day, 1, d)", "datetime"),
    ("int", "YEAR(d)", "datetimetz"),
    ("decimal(5, 2)", "d * d", "decimal(38, 10)"),
    ("int", "d * d * d", "bigint"),
    ("decimal(5, 2)", "1 / d", "decimal(10, 4)"),
]
EDGES = [
    "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00Z", "9999-12-31", "9" * 5000, "-0",
    "1e999999999", "nan", "inf", "1" * 400, "0.00000000000000000001", "24:00:00", "2024-02-30", "-9223372036854775808",
    "0000-00-00", "٣", "1_000", "0x10", "-0001-01-01", "2024-01-01T00:00:00+99:59", "0",
]  # fmt: skip


def mapper(columns: str) -> Mapper:
    contract = f"contract: c\nrecord: {{path: /r, key: {{id: '@id'}}}}\ntables:\n  t: {{columns: {{{columns}}}}}\n"
    return Mapper(parse_contract(contract), "run", datetime.now(timezone.utc))


def record_of(value: str) -> ParsedRecord:
    root = etree.Element("r", id="1")
    etree.SubElement(root, "v").text = value
    payload = etree.tostring(root)
    return ParsedRecord(XmlRecord("s", 0, 0, len(payload), payload), root)


MAPPERS = [mapper(f"x: {{from: v, type: '{type_}'}}") for type_ in TYPES] + [
    mapper(f"d: {{from: v, type: '{source}'}}, x: {{expression: '{expression}', type: '{type_}'}}")
    for type_, expression, source in EXPRESSIONS
]


@pytest.mark.parametrize("value", EDGES)
def test_edges_of_values(value: str) -> None:
    for each in MAPPERS:
        assert isinstance(each.map(record_of(value)), (MappedRecord, Reject))


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cn"]), max_size=40) | st.from_regex(
    r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\.[0-9]{1,9})?([+-][01][0-9]:[0-5][0-9]|Z)?",
    fullmatch=True,
))  # fmt: skip
def test_any_text_is_a_value_or_a_reject(value: str) -> None:
    for each in MAPPERS:
        assert isinstance(each.map(record_of(value)), (MappedRecord, Reject))


def test_a_bug_costs_one_record_and_not_the_run(
    tmp_path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from transforms.records import Reject as Rejected

    stage = MapDoFn(parse_contract("contract: c\nrecord: {path: /r, key: {id: '@id'}}\ntables: {t: {columns: {v: v}}}"))
    stage.setup()
    monkeypatch.setattr(stage._mapper, "map", lambda parsed: 1 // 0)
    [output] = stage.process(record_of("x"))
    reject = output.value
    assert isinstance(reject, Rejected)
    assert (reject.stage, reject.rule, reject.payload) == ("map", "internal", b'<r id="1"><v>x</v></r>')
    assert "ZeroDivisionError" in reject.message
    assert "Traceback" in (reject.details or "")


def test_datetime_in_the_year_0_of_utc_is_a_reject_of_its_record(tmp_path) -> None:
    folder = Folder(tmp_path)
    folder.contract.write_text("""
contract: orders
record: {path: /orders/order, key: {id: {from: "@id", type: int}}}
tables:
  orders:
    columns:
      moment: {from: name, type: datetimetz}
      utc: {expression: moment, type: datetime}
""")
    folder.write("a.xml", orders([order(1, "0001-01-01T00:00:00+01:00"), order(2, "2024-01-01T00:00:00+01:00")]))
    assert folder.run() == 3
    assert folder.report["rejects"] == {"map.overflow": 1}
    assert folder.rows("SELECT id FROM orders") == [(2,)]
