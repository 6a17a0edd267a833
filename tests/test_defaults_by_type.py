"""Contracts: defaults for the columns of a type, slots without a field, and identity of the record's key."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from transforms.contract.document import ContractError
from transforms.contract.read import parse_contract
from transforms.map.mapper import Mapper
from transforms.parse.parser import RecordParser
from transforms.records import MappedRecord, ParsedRecord, XmlRecord

HEAD = """
contract: test
record:
  path: /r
  key: {id: {from: "@id", type: int}}
"""


def rows(text: str, xml: str) -> Any:
    payload = xml.encode()
    parsed = RecordParser().parse(XmlRecord("a.xml", 0, 0, len(payload), payload))
    assert isinstance(parsed, ParsedRecord)
    mapped = Mapper(parse_contract(HEAD + text)).map(parsed)
    assert isinstance(mapped, MappedRecord), mapped
    return mapped.rows["t"]


def test_columns_of_a_type_are_read_as_its_defaults_say() -> None:
    text = """
defaults:
  on_error: "null"
  clean: trim
  types:
    int: {clean: {find: "[^0-9]"}}
    decimal: {format: "1.234,56"}
    date: {format: "%d/%m/%Y"}
    text: {on_error: truncate}
lookups: {word: {two 2: 2}}
tables:
  t:
    columns:
      a: {from: "@a", type: int}
      b: {from: "@b", type: "decimal(9, 2)"}
      c: {from: "@c", type: date}
      d: {from: "@d", type: text(2)}
      own: {from: "@a", type: int, clean: {find: "n.*"}}
      looked: {from: "@l", type: int, lookup: word}
"""
    found = rows(text, "<r id='1' a='n12' b='1.000,5' c='31/12/2024' d=' xyz ' l=' two 2'/>")
    assert found == [(1, 12, Decimal("1000.50"), date(2024, 12, 31), "xy", None, 2)]


def test_a_type_of_defaults_must_be_one() -> None:
    with pytest.raises(ContractError, match="'number' is not a type"):
        parse_contract(HEAD + "defaults: {types: {number: {rounding: half_up}}}\ntables: {t: {columns: {a: '@a'}}}")


def test_a_slot_may_lack_a_field() -> None:
    text = """
tables:
  t:
    slots: [{n: 1, a: "@a", b: "@b"}, {n: 2, a: "@c", b: ""}]
    skip_empty: true
    columns: {n: {value: "{n}", type: int}, a: "{a}", b: {from: "{b}", default: none}}
"""
    assert rows(text, "<r id='1' a='x' b='y' c='z'/>") == [(1, 1, "x", "y"), (1, 2, "z", "none")]


def test_a_default_for_errors_does_not_make_a_row() -> None:
    text = """
tables:
  t:
    skip_empty: true
    columns: {a: {from: "@a", type: int, on_error: default, default: 0}}
"""
    assert rows(text, "<r id='1' a='x'/>") == []


def test_identity_of_the_records_key_is_that_of_the_tables_at_the_top() -> None:
    text = """
contract: test
record: {path: /r, key: {id: {from: "@id", type: int, identity: true}}}
tables: {t: {columns: {a: "@a"}}, u: {parent: t, columns: {b: "@b"}}}
"""
    schema = Mapper(parse_contract(text)).schema
    assert [schema.by_label[name]["id"].identity for name in ("t", "u")] == [True, False]
