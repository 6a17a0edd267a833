"""The JSON Schema for editors: up to date, and of the same opinion as the contract's model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from transforms.contract.schema_file import schema_text

ROOT = Path(__file__).parent.parent
SCHEMA = json.loads(schema_text())


def test_file_is_up_to_date() -> None:
    assert (ROOT / "docs/contract.schema.json").read_text(encoding="utf-8") == schema_text(), "run `make schema`"


def errors(contract: str) -> list[Any]:
    validator = pytest.importorskip("jsonschema").Draft202012Validator(SCHEMA)
    return list(validator.iter_errors(YAML(typ="safe").load(contract)))


def test_file_is_a_json_schema() -> None:
    pytest.importorskip("jsonschema").Draft202012Validator.check_schema(SCHEMA)


HEAD = "contract: a\nrecord: {path: /r, key: {id: '@id'}}\n"


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/*/contract.yaml")), ids=lambda path: path.parent.name)
def test_examples(path: Path) -> None:
    assert errors(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "contract",
    [
        f"{HEAD}tables: {{t: {{key: v, include: g, unpivot: '@a', unique: {{by: v}}, columns: {{v: '@v'}}}}}}",
        f"{HEAD}tables: {{t: {{columns: {{v: {{from: [a, b], clean: [trim, {{find: x}}], on_error: null}}}}}}}}",
        f"{HEAD}lookups: {{s: {{A: 1}}, l: {{values: {{A: 1}}, otherwise: 0}}}}\ntables: {{t: {{}}}}",
        "extends: base.yaml\ntables: {t: {columns: {v: {required: true}}}}",
        "extends: base.yaml\nrecord: {path: /other}",
    ],
)
def test_short_forms_and_partial_contracts_are_right(contract: str) -> None:
    assert errors(contract) == []


@pytest.mark.parametrize(
    "contract",
    [
        "contract: a\ntables: {t: {rows: a}}",
        "contract: a\nrecord: {path: /r}\ntables: {t: {rows: a}}",
        f"{HEAD}tables: {{t: {{row: a}}}}",
        f"{HEAD}tables: {{t: {{columns: {{v: {{frm: a}}}}}}}}",
        f"{HEAD}tables: {{t: {{columns: {{v: {{from: a, take: frist}}}}}}}}",
        f"{HEAD}tables: {{t: {{columns: {{v: {{from: a, clean: shout}}}}}}}}",
        f"{HEAD}tables: {{t: {{columns: {{v: {{from: a, clean: {{replace: x}}}}}}}}}}",
        f"{HEAD}tables: {{t: {{unique: {{keep: last}}}}}}",
    ],
)
def test_mistakes_are_mistakes(contract: str) -> None:
    assert errors(contract)
