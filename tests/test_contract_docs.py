"""docs/contract.md and docs/cookbook.md: their examples run; the first names every key and value of the language."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from tests.contract_examples import Example, examples, unused
from transforms.contract import column_model, model
from transforms.conversion.convert import BINARY_FORMATS, CLEANINGS, NUMBER_FORMATS, ROUNDINGS
from transforms.schema import TYPE_NAMES

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "contract.md").read_text(encoding="utf-8")
COOKBOOK = (DOCS / "cookbook.md").read_text(encoding="utf-8")
HEADINGS = {
    model.ContractModel: "The contract",
    model.RecordModel: "`record`",
    model.TableModel: "A table",
    model.Source: "A source of `union`",
    model.Index: "An index",
    model.Unique: "`unique`",
    model.Rule: "A rule",
    column_model.ColumnModel: "A column",
    column_model.Defaults: "`defaults`",
    model.Lookup: "A lookup",
}


@pytest.mark.parametrize("example", list(examples(PAGE)), ids=lambda example: f"{example.kind}-{example.line}")
def test_example(example: Example, tmp_path: Path) -> None:
    assert example.actual(tmp_path) == example.expected


@pytest.mark.parametrize("example", list(examples(COOKBOOK)), ids=lambda example: str(example.line))
def test_recipe(example: Example, tmp_path: Path) -> None:
    assert example.actual(tmp_path) == example.expected


@pytest.mark.parametrize("page", [PAGE, COOKBOOK], ids=["contract", "cookbook"])
def test_every_contract_on_the_page_is_run(page: str) -> None:
    assert unused(page) == []


def test_links_of_the_cookbook_lead_somewhere() -> None:
    links = re.findall(r"\]\((contract\.md)?#([^)]+)\)", COOKBOOK)
    assert links
    for page, anchor in links:
        headings = re.findall(r"^#+ (.+)$", PAGE if page else COOKBOOK, re.MULTILINE)
        assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


def test_every_model_has_its_part_of_the_page() -> None:
    models = {
        thing
        for module in (model, column_model)
        for name, thing in inspect.getmembers(module, inspect.isclass)
        if issubclass(thing, BaseModel)
        and thing.__module__ in (model.__name__, column_model.__name__)
        and not name.startswith("_")
        and thing is not column_model.ContractPart
    }
    assert models == set(HEADINGS)


def keys(heading: str) -> dict[str, str]:
    """The keys in the table below a heading of the last chapter: what is said of each."""
    part = PAGE.partition("\n## All keys\n")[2].partition(f"\n### {heading}\n")[2].split("\n#", 1)[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (.*) \|$", part, re.MULTILINE))


@pytest.mark.parametrize("described", HEADINGS, ids=lambda described: described.__name__)
def test_every_key_is_documented_in_the_words_of_the_model(described: type[BaseModel]) -> None:
    expected = {field.alias or name: field.description for name, field in described.model_fields.items()}
    assert keys(HEADINGS[described]) == expected


def test_system_values_are_documented_in_the_words_of_the_model() -> None:
    rows = re.findall(r"^\| `(\$\w+)` \| (\w+) \| (.*) \|$", PAGE, re.MULTILINE)
    assert {name: (type_, meaning) for name, type_, meaning in rows} == column_model.SYSTEM_VALUES


@pytest.mark.parametrize(
    "word",
    [
        *column_model.UNPIVOT_VALUES,
        *TYPE_NAMES,
        *CLEANINGS,
        *ROUNDINGS,
        *NUMBER_FORMATS,
        *BINARY_FORMATS,
        *column_model.Take.__args__,
        *column_model.OnError.__args__,
    ],
)
def test_every_word_is_documented(word: str) -> None:
    assert re.search(rf"`{re.escape(word)}(\(.*?\))?`", PAGE), word
