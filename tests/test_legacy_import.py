"""The import of legacy contracts: the file, the command, what it tells, and large contracts whole."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest

from beamshred.legacy import LegacyError, convert_legacy, run_import
from beamshred.legacy.source import CONVERTERS, MAKERS, SELECTORS, parse_legacy, read_legacy
from pipeline.command import main
from tests.legacy_contracts import (
    ADDRESS,
    APP,
    CON_ID,
    CONTACT,
    EMPLOYMENT,
    FILTERS,
    KEY,
    converted,
    imported,
    mapping,
    request,
    rows_of,
)
from transforms.contract.document import Document
from transforms.contract.model import ContractModel
from transforms.contract.read import parse_contract

FOLDER = Path(__file__).parent / "legacy"
DOCS = Path(__file__).parents[1] / "docs"


def refused(data: Any) -> list[str]:
    with pytest.raises(LegacyError) as error:
        parse_legacy(data)
    return error.value.problems


def test_every_mistake_is_told_at_once_with_its_mapping() -> None:
    wrong = [
        mapping(f"{APP}/@a", "app_base.a", "string", "add_magic(1)"),
        mapping(f"{APP}/@b", "app_base.b", "money"),
        mapping(f"{APP}/@c", "app_base.c", "string", "add_score"),
        {"xml_path": APP, "target_table": "app_base", "target_column": "d"},
        mapping(f"{APP}/@e", "app_base.e", "string", "calculated_field"),
        mapping("application/@f", "app_base.f"),
        {"xml_path": APP, "xml_attribute": "g", "target_column": "g"},
        "h",
        mapping(f"{APP}/@i", "app_base.i", data_length="long"),
    ]
    expected = [
        "mapping 2 (app_base.a): there is no mapping type 'add_magic(1)'",
        "mapping 3 (app_base.b): the data_type 'money' is not one of",
        "mapping 4 (app_base.c): the mapping type add_score needs",
        "mapping 5 (app_base.d): `xml_attribute` is missing",
        "mapping 6 (app_base.e): `calculated_field` needs an `expression`",
        "mapping 7 (app_base.f): the xml_path 'application' is not an absolute path",
        "mapping 8 (None.g): `target_table` is missing",
        "mapping 9 (?): 'h' is not an object",
        "mapping 10 (app_base.i): the data_length 'long' is not a whole number",
    ]
    problems = refused({"mappings": [KEY, *wrong]})
    assert len(problems) == len(expected)
    for problem, beginning in zip(problems, expected, strict=True):
        assert problem.startswith(beginning)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ([], "a legacy contract is a JSON object with a list of `mappings`"),
        ({"mappings": []}, "a legacy contract is a JSON object with a list of `mappings`"),
        ({"mappings": [CON_ID]}, "no mapping fills app_base.app_id, which identifies a record"),
        ({"mappings": [KEY], "enum_mappings": {"a": 1}}, "`enum_mappings` is not an object of objects"),
        (
            {"mappings": [KEY], "element_filtering": {"filter_rules": [{"element_type": "pet"}]}},
            "filter rule 1: the element_type 'pet' is not one of contact, address, employment",
        ),
        ({"mappings": [KEY], "relationships": [{}]}, "relationship 1 has no `parent_table` and `child_table`"),
        ({"mappings": [KEY], "relationships": 1}, "`relationships` is not a list"),
        ({"mappings": [KEY], "table_insertion_order": [["a"]]}, "`table_insertion_order` is not a list of names"),
        (
            {"mappings": [KEY], "source_application_table": "a b"},
            "'a b', of the application, is not the name of an element",
        ),
        ({"mappings": [KEY], "element_filtering": {"filter_rules": 1}}, "`filter_rules` is not a list"),
        (
            {
                "mappings": [KEY],
                "element_filtering": {
                    "filter_rules": [{**FILTERS["filter_rules"][0], "required_attributes": {"1": True}}]
                },
            },
            "filter rule 1: '1' is not the name of an element or attribute",
        ),
        (
            {"mappings": [{**KEY, "data_type": "string"}]},
            "mapping 1, /Root/Request/@ID -> app_base.app_id: a key is a whole number, not a string",
        ),
    ],
)
def test_files_that_are_no_legacy_contract(data: Any, problem: str) -> None:
    assert refused(data) == [problem]


def test_tables_come_in_the_order_of_the_file_without_the_ledger() -> None:
    mappings = [mapping(f"{APP}/@{name}", f"{name}.x") for name in ("t3", "t1", "t2")]
    text, notes = converted(*mappings, table_insertion_order=["app_base", "t1", "t2", "empty", "processing_log"])
    assert list(parse_contract(text).tables) == ["app_base", "t1", "t2", "t3"]
    assert notes.not_taken == [
        "table empty: nothing is mapped to it",
        "table t3 is not in `table_insertion_order`: it comes last",
    ]


def test_what_the_top_level_says_is_kept() -> None:
    text, _ = converted(
        target_schema="cards", source_table="app_xml", source_column="doc", source_application_table="application"
    )
    contract = parse_contract(text)
    assert (contract.schema.tables[0].schema, contract.record.path) == ("cards", "/Root/Request")
    [rule] = contract.tables["app_base"].sources[0].rules.reject_when
    assert rule.message == "wrong product line: there is no application"
    assert "the table app_xml, column doc." in text.partition("contract:")[0]


def test_a_foreign_key_of_another_name_is_kept() -> None:
    relationships = [
        {"parent_table": "app_contact_base", "child_table": "app_contact_address", "foreign_key_column": "contact_id"}
    ]
    mapper = imported(CON_ID, mapping(f"{ADDRESS}/@city", "app_contact_address.city"), relationships=relationships)
    table = mapper.schema.by_label["app_contact_address"]
    assert table.column_names == ("app_id", "contact_id", "city")
    assert table.foreign_key is not None
    assert table.foreign_key.parent_columns == ("app_id", "con_id")


def test_keys_that_nobody_knows_are_told() -> None:
    _, notes = converted(mapping(f"{APP}/@a", "app_base.a", colour="red"), version=3)
    assert notes.not_taken == ["the key 'version' of the file is not known", "mapping 2: the key 'colour' is not known"]


def test_what_changed_is_told_by_mapping() -> None:
    _, notes = converted(
        mapping(f"{APP}/@zip", "app_base.zip", "string", "numbers_only", data_length=9),
        mapping(f"{APP}/@n", "app_base.n", "int", default_value="0", exclude_default_when_record_empty=True),
        mapping(f"{APP}/@free", "app_base.free", "string", data_length=-1),
        mapping(f"{APP}/@bit", "app_base.bit", "bit", "char_to_bit"),
        mapping(
            f"{APP}/@e",
            "app_base.e",
            "string",
            expression="CASE WHEN (a = 5 OR b = 'X') AND c = 1 THEN 'Y' END",
            data_length=1,
        ),
        mapping(f"{ADDRESS}/@m", "app_contact_address.m", "string", data_length=1, default_value="x"),
        bit_conversions={"char_to_bit": {"Y": 1}},
    )
    told = {what: [one.number for one in mappings] for what, mappings in notes.changed.items()}
    assert told == {
        "leading zeros of digits are kept": [2],
        "a minus sign and separators of thousands count: -1, 1,234.56": [3],
        "`exclude_default_when_record_empty`: the default never makes a row": [3],
        "text of unlimited length keeps its last character": [4],
        "`1`, `true` and `yes` are true as well": [5],
        "the expression is evaluated, though `calculated_field` is missing": [6],
        "AND binds stronger than OR; parentheses, NOT, IN and BETWEEN work": [6],
        "numbers in the expression need no quotes, and its literals keep their case": [6],
        "a row that would hold only defaults is not made": [7],
    }
    lines = list(notes.lines())
    assert lines[:2] == [
        "Values that differ because the old program was wrong:",
        "  leading zeros of digits are kept: 1 mapping, in app_base",
    ]
    assert lines.index("Rows that differ:") < lines.index("For all documents:")
    assert "  two records in one file are two records" in lines
    assert lines[-1] == "Every mapping is in the contract."


def test_what_was_not_taken_is_told_first_and_changes_by_their_number() -> None:
    numbers = [mapping(f"{APP}/@n{number}", f"app_{number % 6}.n{number}", "int") for number in range(300)]
    _, notes = converted(*numbers, mapping(f"{APP}/@a", "app_base.c", "int", "enum"))
    lines = list(notes.lines())
    assert lines[0] == "Not imported:"
    assert lines[1].startswith("  mapping 302, ")
    tables = "app_0, app_1, app_2, app_3, ..."
    assert f"  a minus sign and separators of thousands count: -1, 1,234.56: 300 mappings, in {tables}" in lines
    assert len(lines) < 20


def test_a_problem_of_many_mappings_is_told_once() -> None:
    enums = [mapping(f"{APP}/@n{n}", f"app_base.n{n}", "int", "enum", enum_name="kind") for n in range(300)]
    defaults = [mapping(f"{APP}/@d{n}", f"app_base.d{n}", "int", default_value="no" + "o" * n) for n in range(60)]
    _, notes = converted(*enums, *defaults)
    lines = list(notes.lines())
    assert lines[1] == (
        f"  there is no enum 'kind' in `enum_mappings`: 300 mappings, the first is mapping 2, {APP}/@n0 -> app_base.n0"
    )
    assert "  and 21 more like these" in lines
    assert len(lines) < 60


# The command


@pytest.mark.parametrize("argv", [["{}"], ["--import_contract", "{}"], ["--import-contract={}"]])
def test_the_command_takes_a_file(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_import([word.format(FOLDER / "loans.json") for word in argv]) == 0
    assert parse_contract(capsys.readouterr().out).contract == "loans"


@pytest.mark.parametrize("argv", [[], ["a.json", "--import_contract", "b.json"]])
def test_the_command_asks_for_one_file(argv: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run_import(argv)


def test_the_command_prints_a_contract_that_loads(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--import_contract", str(FOLDER / "loans.json")]) == 0
    output = capsys.readouterr()
    assert parse_contract(output.out).contract == "loans"
    assert output.err.startswith("Values that differ because the old program was wrong:")


def test_the_command_refuses_what_it_cannot_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "legacy.json"
    assert main([f"--import_contract={file}"]) == 2
    file.write_text("{", encoding="utf-8")
    assert main(["--import-contract", str(file)]) == 2
    file.write_text(json.dumps({"mappings": [mapping(f"{APP}/@a", "t.a", "string", "magic")]}), encoding="utf-8")
    assert main(["--import_contract", str(file)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert "cannot be read: No such file" in output.err
    assert "is not JSON" in output.err
    assert "mapping 1 (t.a): there is no mapping type 'magic'" in output.err


# Large contracts

CHAINS = [
    (), ("enum",), ("char_to_bit",), ("boolean_to_bit",), ("numbers_only",), ("extract_numeric",),
    ("calculated_field",), ("calculated_field", "enum"), ("default_getutcdate_if_null",), ("extract_date",),
    ("last_valid_pr_contact",), ("last_valid_sec_contact",), ("authu_contact",), ("last_valid_pr_contact", "enum"),
    ("numbers_only", "enum"),
]  # fmt: skip
TYPES = {
    "char_to_bit": "bit",
    "boolean_to_bit": "bit",
    "default_getutcdate_if_null": "datetime",
    "extract_date": "date",
}


def large(size: int) -> dict[str, Any]:
    """A legacy contract of so many mappings, with every mapping type in it."""
    pick = random.Random(size)
    mappings = [KEY, CON_ID]
    places = {"app_contact_base": CONTACT, "app_contact_address": ADDRESS, "app_contact_employment": EMPLOYMENT}
    for number in range(40):
        place, slot = pick.choice([APP, f"{APP}/product", f"{APP}/bureau"]), number % 4 + 1
        mappings += [
            mapping(f"{place}/@s{number}", "scores.score", "int", f"add_score(S{number})"),
            mapping(f"{place}/@i{number}", "indicators.value", "string", f"add_indicator(I{number})"),
        ][: number % 2 + 1]
        mappings.append(
            mapping(
                f"{APP}/@coll{slot}_c{number // 4}", f"collateral.c{number // 4}", "string", f"add_collateral({slot})"
            )
        )
    mappings += [
        mapping(f"{APP}/@w{n}_{name}", f"warranties.{name}", "string", f"warranty_field({n})")
        for n in range(6)
        for name in ("company", "term")
    ]
    mappings += [
        mapping(f"{APP}/@p{n}", "policy_exceptions.reason_code", "string", f"policy_exceptions({n})") for n in range(5)
    ]
    mappings += [mapping(f"{APP}/bureau/@r{n}", "reports.value", "string", "add_report_lookup(R)") for n in range(5)]
    mappings += [
        mapping(f"{CONTACT}/@h{n}", "history.value", "string", "last_valid_pr_contact", "add_history") for n in range(5)
    ]
    while len(mappings) < size:
        number = len(mappings)
        table = pick.choice(["app_base", *places, *(f"app_{n}" for n in range(6))])
        chain = pick.choice(CHAINS)
        place = CONTACT if any("contact" in step or "authu" in step for step in chain) else places.get(table, APP)
        data_type = next(
            (TYPES[step] for step in chain if step in TYPES),
            pick.choice(["string", "int", "smallint", "decimal", "float"]),
        )
        more: dict[str, Any] = (
            {"expression": f"CASE WHEN a{number} > 5 THEN 1 ELSE 2 END"} if "calculated_field" in chain else {}
        )
        mappings.append(
            mapping(f"{place}/@a{number}", f"{table}.c{number}_enum", data_type, *chain, enum_name="e", **more)
        )
    return {
        "xml_root_element": "Root", "xml_application_path": APP, "element_filtering": FILTERS, "mappings": mappings,
        "enum_mappings": {"e": {"x": 1, "y": 2, "": 0}},
        "bit_conversions": {"char_to_bit": {"Y": 1, "N": 0}, "boolean_to_bit": {"true": 1}},
    }  # fmt: skip


@pytest.mark.parametrize("size", [230, 360])
def test_a_large_contract_comes_out_whole(size: int) -> None:
    legacy = parse_legacy(large(size), "large")
    text, notes = convert_legacy(legacy)
    parse_contract(text)
    contract = ContractModel.model_validate(Document(text, "contract.yaml").data)
    assert notes.not_taken == []
    assert len(legacy.mappings) == size
    for one in legacy.mappings:
        if one.column == "app_id":
            assert one.attribute in text
            continue
        table = contract.tables[one.table]
        assert one.column in table.columns
        maker = one.maker
        if maker is None:
            assert one.attribute in str(table.columns[one.column].from_ or table.columns[one.column].expression), one
        else:
            argument = maker.argument or one.attribute
            slots = [
                slot
                for slot in table.slots
                if argument in {str(value) for value in slot.values()} or f"[{one.attribute}]" in slot.values()
            ]
            assert slots, one


def test_the_products_are_read_from_their_files() -> None:
    assert [len(read_legacy(FOLDER / f"{name}.json").mappings) for name in ("cards", "loans")] == [38, 33]


# The page


def test_the_example_of_the_page_is_what_the_import_makes() -> None:
    text, notes = convert_legacy(read_legacy(DOCS / "import/legacy.json"))
    assert (DOCS / "import/contract.yaml").read_text(encoding="utf-8") == text
    assert (DOCS / "import/notes.txt").read_text(encoding="utf-8").splitlines() == list(notes.lines())
    assert notes.not_taken == []


def test_the_example_of_the_page_has_every_mapping_type() -> None:
    text = (DOCS / "import/legacy.json").read_text(encoding="utf-8")
    assert [name for name in (*SELECTORS, *MAKERS, *CONVERTERS) if f'"{name}' not in text] == []


@pytest.mark.parametrize(("language", "file"), [("json", "legacy.json"), ("yaml", "contract.yaml")])
def test_the_page_shows_parts_of_the_example(language: str, file: str) -> None:
    whole = (DOCS / "import" / file).read_text(encoding="utf-8")
    page = (DOCS / "import.md").read_text(encoding="utf-8")
    shown = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    assert shown
    # What is shown of the file before may leave out what stands between its mappings.
    parts = shown if language == "yaml" else re.split(r"(?<=\},\n)", shown[0])
    assert [part for part in parts if part.rstrip() not in whole] == []


@pytest.mark.parametrize(
    "text",
    [
        "??",
        "?a",
        ":a",
        "- a",
        "a: b",
        "{x}",
        "[x]",
        "a\x85b",
        "#",
        "%",
        "null",
        "no",
        "1e3",
        "a'b",
        'a"b',
        "@a",
        "&a",
        "*",
    ],
)
def test_texts_that_yaml_reads_otherwise_stay_as_they_are(text: str) -> None:
    mapper = imported(
        mapping(f"{APP}/@a", "app_base.a", default_value=text),
        mapping(f"{APP}/@e", "app_base.e", "string", "enum", enum_name="e"),
        mapping(f"{APP}/@s", "scores.score", "string", f"add_score({text})"),
        mapping(f"{APP}/@t", "scores.score", "string", "add_score(other)"),
        enum_mappings={"e": {text: text, "b": "B"}},
    )
    found = rows_of(mapper, request("", f"e={quoteattr(text)} s='1'"))
    assert found["app_base"] == [{"app_id": 7, "a": text, "e": text}]
    assert found["scores"] == [{"app_id": 7, "score_identifier": text, "score": "1"}]


def test_a_length_beyond_all_is_none() -> None:
    text, _ = converted(mapping(f"{APP}/@a", "app_base.a", data_length=2147483647))
    assert str(parse_contract(text).tables["app_base"].columns["a"].type) == "text"


def test_values_of_enums_are_those_of_the_column() -> None:
    enums = {"e": {"a": "36.5", "b": True, "c": 3, "": False}}
    mapper = imported(mapping(f"{APP}/@a", "app_base.a", "int", "enum", enum_name="e"), enum_mappings=enums)
    found = [rows_of(mapper, request("", f"a='{text}'"))["app_base"][0]["a"] for text in "abc?"]
    assert found == [37, 1, 3, 0]


def test_a_column_whose_name_is_a_number_is_one() -> None:
    mapper = imported(
        mapping(f"{APP}/@a", "slots.1", "string", "add_collateral(1)"),
        mapping(f"{APP}/@b", "slots.2", "string", "add_collateral(1)"),
    )
    assert rows_of(mapper, request("", "a='x'"))["slots"] == [{"app_id": 7, "sort_order": 1, "1": "x"}]
