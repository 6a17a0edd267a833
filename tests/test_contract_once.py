"""A contract is parsed once, whoever asks: the tree that loading makes holds all of it."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.language import mapper, rows
from transforms import load_contract, reach_of, schema_of
from transforms.contract import build, build_column, read, references
from transforms.map.coverage import Coverage
from transforms.map.mapper import Mapper
from transforms.map.missing import never_found
from transforms.parse.parser import RecordParser

CONTRACT = Path(__file__).parent.parent / "benchmarks/contracts/imported.yaml"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[Any]:
    """How often each thing was parsed, while the test runs."""
    counted: Counter[Any] = Counter()

    def count(module: Any, name: str, by_text: bool) -> None:
        real = getattr(module, name)

        def counting(*arguments: Any, **options: Any) -> Any:
            rest = (arguments[2:] if name == "parse_path" else frozenset(arguments[1].items())) if by_text else ()
            counted[name, arguments[0] if by_text else "", rest] += 1
            return real(*arguments, **options)

        monkeypatch.setattr(module, name, counting)

    count(references, "parse_path", True)
    count(build_column, "compile_expression", True)
    count(build, "resolve", False)
    count(read, "build", False)
    return counted


def test_each_text_is_parsed_once(calls: Counter[Any]) -> None:
    contract = load_contract(CONTRACT)
    Mapper(contract)
    RecordParser(reach=reach_of(contract))
    schema_of(contract)
    Coverage(contract)
    never_found(contract, set())
    assert {name for name, *_ in calls} == {"parse_path", "compile_expression", "resolve", "build"}
    assert [call for call, number in calls.items() if number > 1] == []


def test_a_contract_that_was_pickled_maps_as_before() -> None:
    text = """
    lookups: {yn: {Y: 'yes', N: 'no'}}
    index: {i: {path: x, key: "@id"}}
    elements: {first: 'x[1]'}
    tables:
      t:
        rows: x
        where: n > 1 AND [@id] <> ''
        columns:
          n: {from: "@n", type: int}
          y: {from: "@y", lookup: yn}
          f: $first/@n
          r: '@ref -> i/@n'
          c: {expression: "CAST(n * 2 AS decimal(9, 2)) + YEAR(STRPTIME('2024', '%Y'))", type: "decimal(9, 2)"}
    """
    xml = "<r id='1'><x id='a' n='1' ref='b'/><x id='b' n='2' y='Y' ref='a'/><x id='c' n='3' y='N'/></r>"
    made = mapper(text)
    again = Mapper(pickle.loads(pickle.dumps(made.contract)))
    assert rows(again, xml) == rows(made, xml)
    assert len(rows(made, xml)) == 2


def test_unpickling_twice_gives_one_contract() -> None:
    pickled = pickle.dumps(load_contract(CONTRACT))
    assert pickle.loads(pickled) is pickle.loads(pickled)
