"""Contracts that are small as a text and huge as a value, or nested without end: told with their line, and soon."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest

from beamshred.legacy import LegacyError, convert_legacy, read_legacy
from transforms import ContractError, load_contract, parse_contract
from transforms.contract.document import Document
from transforms.map.mapper import Mapper

CONTRACT = """contract: orders
record:
  path: {record}
  key: {{id: {{from: "@id", type: int}}}}
tables:
  orders:
    columns:
      name: {{{column}}}
"""
DEEP = 20_000


def contract(column: str = "from: name", record: str = "/orders/order") -> str:
    return CONTRACT.format(column=column, record=record)


LAUGH = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{at}: &a{at} [{', '.join(9 * [f'*a{at - 1}'])}]\n" for at in range(1, 10)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{at}: &a{at} {{<<: [*a{at - 1}, *a{at - 1}], k{at}: 1}}\n" for at in range(1, 40)
)


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        (LAUGH + contract(), 6, "more than 200,000 values"),
        (MERGES + contract(), 15, "more than 200,000 values"),
        (contract() + "x: &a [*a]\n", 9, "*a is inside the value that it refers to"),
        (contract() + "x: " + DEEP * "[" + DEEP * "]", 9, "deeper than 50 levels"),
        ("{a: " * DEEP, 1, "deeper than 50 levels"),
        ("- " * DEEP + "x", 1, "deeper than 50 levels"),
        ("".join(at * " " + "k:\n" for at in range(500)), 50, "deeper than 50 levels"),
        ('{"contract": ' + DEEP * "[" + DEEP * "]" + "}", 1, "deeper than 50 levels"),
    ],
)
def test_yaml_and_json_without_bounds(tmp_path: Path, text: str, line: int, told: str) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(text)
    with pytest.raises(ContractError) as error:
        load_contract(file)
    assert str(error.value).startswith(f"{file}:{line} ")
    assert told in str(error.value)
    file.rename(tmp_path / "base.yaml")
    file.write_text("extends: base.yaml")
    with pytest.raises(ContractError, match=r"base\.yaml"):
        load_contract(file)


def test_aliases_within_bounds_are_values() -> None:
    text = (
        "defaults: &d {clean: trim}\n" + contract("from: name, <<: {}") + "column_groups: {a: {b: &c {from: b}, e: *c}}"
    )
    assert parse_contract(text)
    groups = Document(text, "contract.yaml").data["column_groups"]
    assert groups["a"]["e"] == groups["a"]["b"]


@pytest.mark.parametrize("count", [100, 300, DEEP])
@pytest.mark.parametrize(
    "column",
    [
        "from: '{}'".format("a[" + "(%s" + "b" + ")%s" + "]"),
        "from: '{}'".format("a[" + "not(%s" + "b" + ")%s" + "]"),
        "from: '{}'".format("a[%s" + "b" + "]%s"),
        "from: '{}'".format("(%s" + "a" + ")%s"),
        "from: '{}'".format("a/%s" + "a"),
        "from: '{}'".format("../%s" + "@a"),
        "from: 'a[{}]'".format("9%s"),
        "from: name, clean: {find: '(%sa)%s'}",
        "expression: '(%s1)%s'",
        "expression: '{}'".format("1+%s" + "1"),
        "expression: '{}'".format("- %s" + "1"),
        "expression: 'upper(%s[a])%s'",
        "expression: '{}'".format("case when 1=1 then %s1 end%s"),
    ],
)
def test_paths_and_expressions_nested_without_end(column: str, count: int) -> None:
    """A few are fine; more are told with the line, at the latest before the load begins: nobody sees a traceback."""
    text = contract(_repeated(column, count))
    if count == DEEP:
        with pytest.raises(ContractError, match=r"^c.yaml:8 tables.orders.columns.name"):
            parse_contract(text, "c.yaml")
        return
    with suppress(ContractError):
        Mapper(parse_contract(text, "c.yaml"))


def _repeated(column: str, count: int) -> str:
    """What stands directly before each %s, back to the last quote, bracket or blank group, as often as ``count``."""
    for opener in ("case when 1=1 then ", "upper(", "not(", "../", "a/", "1+", "- ", "a[", "(", "9"):
        column = column.replace(f"{opener}%s", count * opener, 1) if f"{opener}%s" in column else column
    for closer in (" end", "]", ")"):
        column = column.replace(f"{closer}%s", count * closer, 1) if f"{closer}%s" in column else column
    return column


@pytest.mark.parametrize("record", ["/" + "{" * 100_000, "/" + "a" * 100_000])
def test_record_path_without_end(record: str) -> None:
    with pytest.raises(ContractError, match=r"c.yaml:3 record.path: .* a path has at most 65,536"):
        parse_contract(contract(record=f"'{record}' "), "c.yaml")


@pytest.mark.parametrize("text", [DEEP * "[", '{"mappings": ' + DEEP * "[" + DEEP * "]" + "}"])
def test_legacy_contract_nested_without_end(tmp_path: Path, text: str) -> None:
    file = tmp_path / "legacy.json"
    file.write_text(text)
    with pytest.raises(LegacyError, match=r"legacy.json is not JSON"):
        read_legacy(file)


def test_legacy_expression_nested_without_end(tmp_path: Path) -> None:
    mapping = {
        "xml_path": "/Root/Request/CustData/application", "xml_attribute": "a", "target_table": "t",
        "target_column": "c", "data_type": "int", "mapping_type": ["calculated_field"],
        "expression": DEEP * "(" + "1" + DEEP * ")",
    }  # fmt: skip
    file = tmp_path / "legacy.json"
    file.write_text(json.dumps({"mappings": [mapping]}))
    with suppress(LegacyError, ContractError):
        convert_legacy(read_legacy(file))
