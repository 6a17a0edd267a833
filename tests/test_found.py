"""What records never gave is named: columns without a value, tables without a row."""

from __future__ import annotations

import pickle

import pytest

from tests.test_mapper import HEAD, parsed
from transforms.contract.read import parse_contract
from transforms.map.dofn import MapDoFn
from transforms.map.mapper import Mapper
from transforms.map.missing import never_found


def never(tables: str, *records: str) -> list[str]:
    contract = parse_contract(f"{HEAD}\n{tables}")
    mapper = Mapper(contract)
    for record in records:
        mapper.map(parsed(record))
    return never_found(contract, set(mapper.finder.found))


TABLES = """
tables:
  t: {columns: {a: a, b: {from: b, default: x}, typo: aa}}
  line: {rows: l, key: n, columns: {n: $position, v: "@v", w: "@w"}}
  below: {parent: line, rows: m, key: k, columns: {k: $position}}
"""


def test_typo_in_a_column_is_named() -> None:
    assert never(TABLES, "<r id='1'><a>1</a><b>2</b><l v='1' w='2'><m/></l></r>") == ["t.typo"]


def test_typo_in_rows_is_named_once_and_nothing_below_it() -> None:
    assert never(TABLES, "<r id='1'><a>1</a><b>2</b><aa>3</aa></r>") == ["rows of line"]


def test_column_of_which_only_the_default_was_seen_is_named() -> None:
    assert "t.b" in never(TABLES, "<r id='1'/>")


def test_found_in_any_row_of_any_record_is_found() -> None:
    records = "<r id='1'><l/><l v='1'/></r>", "<r id='2'><l/></r>", "<r id='3'><l/><l/><l w='1'><m/></l></r>"
    assert never(TABLES, *records) == ["t.a", "t.b", "t.typo"]


def test_false_and_zero_are_values() -> None:
    tables = "tables: {t: {columns: {a: {from: a, type: int}, b: {from: b, type: bool}}}}"
    assert never(tables, "<r id='1'><a>0</a><b>false</b></r>") == []


def test_what_the_document_has_no_say_in_is_not_named() -> None:
    assert never("tables: {t: {columns: {a: {value: x}, b: $file}}}", "<r id='1'/>") == []


def test_rejected_record_was_looked_at_too() -> None:
    tables = "tables: {t: {columns: {a: {from: a, required: true}, b: b, c: c}}}"
    assert never(tables, "<r id='1'><b>1</b></r>") == ["t.a", "t.c"]


def test_each_is_told_once() -> None:
    mapper = Mapper(parse_contract(f"{HEAD}\n{TABLES}"))
    for _ in range(3):
        mapper.map(parsed("<r id='1'><a>1</a><l v='2'/></r>"))
    assert sorted(mapper.finder.found) == ["line", "line.v", "t", "t.a"]


def test_column_of_several_sources_is_found_by_any() -> None:
    tables = """
tables:
  t:
    columns: {v: {from: "@v", default: x}}
    union: [{rows: a}, {rows: b, columns: {v: {from: "@w", default: y}}}]
"""
    assert never(tables, "<r id='1'><a/><b w='1'/></r>") == []
    assert never(tables, "<r id='1'/>") == ["rows of t"]


def test_stage_that_is_set_up_again_keeps_its_mapper_and_tells_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    contract = parse_contract("contract: c\nrecord: {path: /r, key: {id: '@id'}}\ntables: {t: {columns: {a: a}}}")
    stage = pickle.loads(pickle.dumps(MapDoFn(contract)))
    counted: list[str] = []
    monkeypatch.setattr("transforms.map.dofn.count", lambda name, by=1: counted.append(name))
    mappers = []
    for _ in range(2):
        again = pickle.loads(pickle.dumps(stage))
        again.setup()
        mappers.append(again._mapper)
        list(again.process(parsed("<r id='1'><a>1</a></r>")))
        again.teardown()
    assert mappers[0] is mappers[1]
    assert counted.count("found.t.a") == 2
    other = MapDoFn(contract)
    other.setup()
    assert other._mapper is not mappers[0]


def test_two_copies_of_a_stage_at_once_have_a_mapper_each() -> None:
    contract = parse_contract("contract: c\nrecord: {path: /r, key: {id: '@id'}}\ntables: {t: {columns: {a: a}}}")
    stage = MapDoFn(contract)
    one, other = pickle.loads(pickle.dumps(stage)), pickle.loads(pickle.dumps(stage))
    one.setup()
    other.setup()
    assert one._mapper is not other._mapper
