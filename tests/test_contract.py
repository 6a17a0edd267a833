"""Reading contracts: every mistake with its place, all at once; and what YAML must not change."""

from __future__ import annotations

import importlib.util
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from transforms.contract.document import ContractError, Document, Problem
from transforms.contract.model import ContractModel
from transforms.contract.plan import schema_of
from transforms.contract.read import load_contract, parse_contract

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*/contract.yaml"))

GOOD = """\
contract: orders
namespaces: {p: "urn:p"}
record:
  path: /orders/order
  key:
    order_id: {from: "@id", type: bigint}
lookups:
  status: {A: active}
tables:
  orders:
    columns:
      placed_at: {from: Placed, type: datetime}
      status: {from: Status, lookup: status}
  line:
    parent: orders
    rows: Lines/Line
    key: line_no
    columns:
      line_no: $position
      amount: {from: Amount, type: "decimal(18, 2)", required: true}
"""


def problems(text: str, file: str = "orders.yaml") -> list[Problem]:
    with pytest.raises(ContractError) as caught:
        parse_contract(text, file)
    return caught.value.problems


def problem_of(*changes: tuple[str, str]) -> Problem:
    """The one mistake of the good contract with these changes."""
    text = GOOD
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (problem,) = problems(text)
    return problem


# Mistakes


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("contract: orders", "contract: -x", "orders.yaml:1 contract: a name is letters, digits, dots"),
        ("contract: orders", "contract: 5", "orders.yaml:1 contract: this should be a text (here: 5)"),
        ("/orders/order", "orders/order", "orders.yaml:4 record.path: 'orders/order' is not an absolute path"),
        ("/orders/order", "/q:orders", "orders.yaml:4 record.path: the prefix 'q' of 'q:orders' is not declared"),
        ("record:\n  path:", "record:\n  paths:", "orders.yaml:3 record.path: this key is missing"),
        (
            "type: bigint",
            "type: bigin",
            "orders.yaml:6 record.key.order_id.type: 'bigin' is not a type; the types are text",
        ),
        ('"@id"', "$position", "orders.yaml:6 record.key.order_id.from: a record has no position"),
        (
            "type: datetime",
            "typ: datetime",
            "orders.yaml:12 tables.orders.columns.placed_at.typ: unknown key; did you mean 'type'?",
        ),
        ("type: datetime", "type: datetime(3)", "datetime takes no length"),
        (
            "type: datetime",
            "type: [date]",
            "orders.yaml:12 tables.orders.columns.placed_at.type: this should be a text",
        ),
        ("from: Placed", "from: 'Placed['", "orders.yaml:12 tables.orders.columns.placed_at.from: 'Placed[': the name"),
        ("from: Placed", "from: q:Placed", "the prefix 'q' of 'q:Placed' is not declared"),
        (
            "from: Placed",
            "from: $positon",
            "there is no such system value (here: '$positon'); did you mean '$position'?",
        ),
        (
            "from: Placed",
            "from: [Placed, $file]",
            "a system value is always there, so it must be the only source (here: '$file')",
        ),
        ("from: Placed", "from: ../../../a/b", "above the record only the attributes of its ancestors are read"),
        ("from: Placed", "from: 'a[../../../b]'", "above the record only the attributes of its ancestors are read"),
        ("from: Placed", "from: []", "orders.yaml:12 tables.orders.columns.placed_at.from: "),
        ("from: Placed", "value: 2024-13-01T00:00:00", "placed_at.value: not a value of type datetime: "),
        ("type: datetime}", "type: datetime, default: now}", "placed_at.default: not a value of type datetime: "),
        ("type: datetime}", "type: datetime, zone: Mars}", "'Mars' is not a time zone"),
        ("type: datetime}", "type: datetime, format: '%d %d'}", "'%d %d' is not a date format"),
        ("type: datetime}", "type: datetime, take: frist}", "placed_at.take: not one of 'first', 'last'"),
        ("type: datetime}", "type: datetime, clean: [trimm]}", "'trimm' is not one of trim, collapse"),
        (
            "type: datetime}",
            "type: datetime, clean: {find: '('}}",
            "orders.yaml:12 tables.orders.columns.placed_at.clean",
        ),
        (
            "type: datetime}",
            "type: datetime, required: 'yes'}",
            "placed_at.required: this should be true or false (here: 'yes')",
        ),
        ("type: datetime}", "type: datetime, on_error: default}", "`on_error: default` needs a `default`"),
        ("type: datetime}", "type: datetime, on_error: truncate}", "`on_error: truncate` is for texts"),
        (
            "type: datetime}",
            "type: datetime, default: {a: b}}",
            "placed_at.default: this should be a text, a number, true or false",
        ),
        ("from: Placed, ", "", "a column has "),
        ("from: Placed", "from: '@a', take: name", "selects attributes"),
        ("lookup: status", "lookup: statis", "there is no such lookup (here: 'statis'); did you mean 'status'?"),
        ("{A: active}", "{A: [active]}", "orders.yaml:8 lookups.status"),
        ("lookup: status}", "lookup: status, type: int}", "orders.yaml:8 lookups.status.A: not a value of type int"),
        (
            "parent: orders",
            "parent: order",
            "orders.yaml:15 tables.line.parent: there is no such table (here: 'order'); did you mean 'orders'?",
        ),
        (
            "parent: orders",
            "parent: line",
            "orders.yaml:15 tables.line.parent: the parents of this table form a cycle",
        ),
        ("rows: Lines/Line", "rows: Lines/@n", "orders.yaml:16 tables.line.rows: rows are elements"),
        ("rows: Lines/Line", "rows: ../Line", "orders.yaml:16 tables.line.rows: rows stand below their parent's row"),
        (
            "rows: Lines/Line",
            "rows: /Line",
            "orders.yaml:16 tables.line.rows: '/Line': a path starts at the current element",
        ),
        (
            "key: line_no",
            "key: line_number",
            "orders.yaml:17 tables.line.key: there is no such column in this table (here: 'line_number')",
        ),
        (
            "key: line_no",
            "inherit: {order: o}\n    key: line_no",
            "tables.line.inherit.order: the parent has no such key column",
        ),
        (
            "line_no: $position",
            "line_no: $position\n      order_id: a",
            "orders.yaml:20 tables.line.columns.order_id: every row has this column already",
        ),
        (
            "line_no: $position",
            "line_no: {from: $position, type: date}",
            "$position is of type int and is taken as it is",
        ),
        ("tables:\n  orders:", "tables:\n  '':", "tables"),
    ],
)
def test_mistake(old: str, new: str, said: str) -> None:
    changed = GOOD.replace(old, new)
    assert changed != GOOD
    assert any(said in str(problem) for problem in problems(changed)), "\n".join(map(str, problems(changed)))


def test_mistake_is_one_problem() -> None:
    problem = problem_of(("type: datetime", "type: datetimes"))
    assert (problem.file, problem.line) == ("orders.yaml", 12)
    assert problem.location == ("tables", "orders", "columns", "placed_at", "type")


def test_value_of_the_wrong_kind_is_one_problem() -> None:
    problem = problem_of(("from: Placed, type: datetime", "value: [1, 2]"))
    assert (problem.value, problem.line) == ([1, 2], 12)


def test_all_mistakes_at_once_in_the_order_of_the_file() -> None:
    text = GOOD.replace("/orders/order", "orders").replace("bigint", "bigin").replace("from: Placed", "form: Placed")
    text = (
        text.replace("lookup: status", "lookup: x")
        .replace("parent: orders", "parent: x")
        .replace("from: Amount", "from: 'A['")
    )
    found = problems(text)
    assert [problem.line for problem in found] == sorted(problem.line or 0 for problem in found)
    assert {problem.line for problem in found} == {4, 6, 12, 13, 15, 20}


def test_mistake_hides_no_other_of_another_column() -> None:
    # The first is found by the model, the second only in what the model has made.
    found = problems(GOOD.replace("type: datetime", "type: x").replace("from: Amount", "from: 'Amount['"))
    assert [problem.line for problem in found] == [12, 20]


def test_wrong_column_brings_no_complaint_that_only_follows() -> None:
    found = problems(GOOD.replace("line_no: $position", "line_no: {from: $position, typ: int}"))
    assert len(found) == 1


def test_error_is_a_list_for_people() -> None:
    with pytest.raises(ContractError) as caught:
        parse_contract(GOOD.replace("bigint", "x").replace("datetime", "y"), "a.yaml")
    assert [line.split(" ")[0] for line in str(caught.value).splitlines()] == ["a.yaml:6", "a.yaml:12"]


def test_error_survives_pickling() -> None:
    with pytest.raises(ContractError) as caught:
        parse_contract("[]", "a.yaml")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "5", "text", "---\n"])
def test_what_is_no_mapping(text: str) -> None:
    (problem,) = problems(text)
    assert "a contract is a mapping of keys" in problem.message


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("contract: a\n  b: c", 2),
        ("contract: [a", 1),
        ("a: 1\na: 2", 2),
        ("a: b\n\tc: d", 2),
        ("a: *b", 1),
        ("a: 1\n---\nb: 2", 2),
    ],
)
def test_what_is_no_yaml(text: str, line: int) -> None:
    (problem,) = problems(text)
    assert problem.message.startswith("not valid YAML: ")
    assert abs((problem.line or 0) - line) <= 1


@pytest.mark.parametrize("text", ["? {a: b}\n: c", "? [a]\n: c", "? {{a: b}: c}\n: d", "tables:\n  {{a}}: x"])
def test_key_that_is_no_text_is_told_with_its_line(text: str) -> None:
    with pytest.raises(ContractError) as caught:
        parse_contract(f"contract: x\n{text}\n")
    [problem] = caught.value.problems
    assert "a key must be a text" in problem.message
    assert problem.line >= 2


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"none\.yaml cannot be read: No such file"):
        load_contract(tmp_path / "none.yaml")
    with pytest.raises(ContractError, match="cannot be read: Is a directory"):
        load_contract(tmp_path)
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"contract: caf\xe9")
    with pytest.raises(ContractError, match="is not UTF-8 text: byte 13"):
        load_contract(path)


# What is read


def test_good_contract() -> None:
    contract = parse_contract(GOOD)
    assert contract.tables["orders"].columns["placed_at"].from_ == ["Placed"]
    assert contract.tables["line"].columns["line_no"].model.type == "int"
    assert str(contract.tables["line"].columns["amount"].type) == "decimal(18,2)"


def test_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(GOOD, encoding="utf-8-sig")
    assert load_contract(path) == parse_contract(GOOD)


@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_json_is_read_too(indent: Any) -> None:
    text = json.dumps(Document(GOOD, "").data, indent=indent)
    assert parse_contract(text) == parse_contract(GOOD)


def test_json_mistake_has_its_line() -> None:
    text = json.dumps(Document(GOOD.replace("bigint", "x"), "").data, indent=2)
    (problem,) = problems(text)
    assert '"type": "x"' in text.splitlines()[(problem.line or 0) - 1]


def data(text: str) -> Any:
    return Document(text, "").data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-1.5", -1.5),
        ("true", True),
        ("&anchor true", True),
        ("yes", "yes"),
        ("NO", "NO"),
        ("007", "007"),
        ("+5", "+5"),
        ("1.50", "1.50"),
        ("1e3", "1e3"),
        ("0x1F", "0x1F"),
        ("1234567890123456.78", "1234567890123456.78"),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("2024-01-31", "2024-01-31"),
        ("2024-01-31 10:00:00", "2024-01-31 10:00:00"),
        (".inf", ".inf"),
        ("null", None),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ("'1'", "1"),
    ],
)
def test_constants_are_what_is_written(text: str, value: Any) -> None:
    found = data(f"a: {text}")["a"]
    assert (found, type(found)) == (value, type(value))


def test_keys_are_texts() -> None:
    assert data("{1: a, 01: b, true: c, 1.0: d, 2024-01-31: e}") == {
        "1": "a",
        "01": "b",
        "true": "c",
        "1.0": "d",
        "2024-01-31": "e",
    }
    assert Document("a:\n  1: x\n  2: y", "").line(("a", "2")) == 3


def test_anchors_and_merges() -> None:
    assert data("a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: *a") == {"a": {"x": 1}, "b": {"x": 1, "y": 2}, "c": {"x": 1}}


def test_document_finds_lines() -> None:
    document = Document("a:\n  b:\n    - c\n    - d: e\n", "x.yaml")
    assert [document.line(place) for place in [("a",), ("a", "b"), ("a", "b", 0), ("a", "b", 1, "d")]] == [1, 2, 3, 4]
    assert document.line(("a", "b", 1, "none", "deeper")) == 4
    assert document.line(()) is None
    assert document.has(("a", "b", 1))
    assert not document.has(("a", "b", 2))
    assert not document.has(("a", "b", 0, "c"))


# What it means


def test_schema_of_keys() -> None:
    schema = schema_of(parse_contract(GOOD))
    line = schema.by_label["line"]
    assert line.column_names == ("order_id", "line_no", "amount")
    assert line.primary_key == ("order_id", "line_no")
    assert (line.foreign_key.columns, line.foreign_key.parent) == (("order_id",), "orders")  # type: ignore[union-attr]
    assert [column.nullable for column in line.columns] == [False, False, False]
    assert [column.nullable for column in schema.by_label["orders"].columns] == [False, True, True]


def test_schema_of_renamed_keys() -> None:
    text = GOOD.replace(
        "rows: Lines/Line", "rows: Lines/Line\n    inherit: {order_id: order}\n    name: LINE\n    schema: s"
    )
    line = schema_of(parse_contract(text)).by_label["line"]
    assert (line.schema, line.name, line.record_key, line.primary_key) == (
        "s",
        "LINE",
        ("order",),
        ("order", "line_no"),
    )
    assert line.foreign_key is not None
    assert (line.foreign_key.columns, line.foreign_key.parent_columns) == (("order",), ("order_id",))


def test_parents_come_first() -> None:
    head, tables = GOOD.split("  orders:\n")
    orders, line = tables.split("  line:\n")
    swapped = f"{head}  line:\n{line}  orders:\n{orders}"
    assert [table.label for table in schema_of(parse_contract(swapped)).tables] == ["orders", "line"]


def test_fingerprint_follows_the_meaning() -> None:
    fingerprint = parse_contract(GOOD).fingerprint()
    assert parse_contract("# a comment\n" + GOOD.replace('"@id"', "'@id'")).fingerprint() == fingerprint
    assert parse_contract(GOOD.replace("from: Placed", "from: placed")).fingerprint() != fingerprint


def test_contract_survives_pickling() -> None:
    contract = parse_contract(GOOD)
    again = pickle.loads(pickle.dumps(contract))
    assert again == contract
    assert again.fingerprint() == contract.fingerprint()


# For editors


def test_json_schema_describes_every_key() -> None:
    schema = ContractModel.model_json_schema(by_alias=True)
    assert {"contract", "record", "tables", "schema"} <= set(schema["properties"])
    column = next(model for name, model in schema["$defs"].items() if name.startswith("ColumnModel"))
    assert "from" in column["properties"]
    assert schema["additionalProperties"] is False
    json.dumps(schema)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_examples(path: Path) -> None:
    assert schema_of(load_contract(path)).tables
    if importlib.util.find_spec("jsonschema"):
        import jsonschema

        jsonschema.validate(Document.read(path).data, ContractModel.model_json_schema(by_alias=True))
