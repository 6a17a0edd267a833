"""All children but some, rows of all leaves, and a union in the order of the document."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.language import all_rows, column, mapper, mistake, rows
from transforms import parse_contract, reach_of
from transforms.map.mapper import Mapper
from transforms.parse import projection
from transforms.parse.parser import RecordParser
from transforms.records import ParsedRecord, XmlRecord

NAMES = "<r id='1'><a>1</a><b>2</b><x:a xmlns:x='u'>3</x:a><c>4<b>5</b></c><except>6</except></r>"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("* except (a)", ["2", "45", "6"]),
        ("* except (a, b)", ["45", "6"]),
        ("*except(a,b)", ["45", "6"]),
        ("* except ({u}a)", ["1", "2", "45", "6"]),
        ("* except (except)", ["1", "2", "3", "45"]),
        ("* except (a)[2]", ["45"]),
        ("* except (a)[b]/b", ["5"]),
        ("* except (a)/* except (c)", ["5"]),
        (".//* except (a, c)", ["2", "5", "6"]),
        ("except", ["6"]),
        ("* except (a) | a", ["1", "2", "3", "45", "6"]),
        ("* except (*)", []),
    ],
)
def test_all_but_some(path: str, found: list[str]) -> None:
    assert column(f"tables: {{t: {{rows: '{path}', columns: {{v: .}}}}}}", NAMES) == found


def test_case_is_ignored_among_the_names_that_are_left_out() -> None:
    contract = "defaults: {ignore_case: true}\ntables: {t: {rows: '* except (A, B)', columns: {v: .}}}"
    assert column(contract, NAMES) == ["45", "6"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("* except a", "'* except a': the path ends before 'except' at character 3"),
        ("* except ()", "'* except ()': the name of an element expected before ')' at character 11"),
        ("* except (a", "'* except (a': ')' expected before its end"),
        ("* except (a/b)", "'* except (a/b)': ')' expected before '/' at character 12"),
        ("a except (b)", "'a except (b)': the path ends before 'except' at character 3"),
    ],
)
def test_wrong_exceptions(path: str, message: str) -> None:
    assert mistake(f"tables: {{t: {{columns: {{v: '{path}'}}}}}}") == f"tables.t.columns.v.from: {message}"


LEAVES = "tables: {t: {unpivot: $leaves, columns: {n: $position, path: $name, value: $value}}}"


def test_all_leaves_by_their_paths() -> None:
    xml = "<r id='1' x:k='v' xmlns:x='u'><a>1</a><a n='2'><b/>tail</a><x:c> <d>3</d> </x:c></r>"
    assert rows(LEAVES, xml) == [
        (1, "@id", "1"),
        (2, "@k", "v"),
        (3, "a", "1"),
        (4, "a/@n", "2"),
        (5, "a", "tail"),
        (6, "a/b", ""),
        (7, "c/d", "3"),
    ]


def test_leaves_below_rows_and_beside_paths_and_split() -> None:
    contract = """
tables:
  t: {rows: a, unpivot: $leaves, where: "path <> '@skip'", columns: {path: $name, value: $value}}
  u: {rows: a, unpivot: ["@skip", $leaves], split: " ", columns: {path: $name, value: $value}}
"""
    assert all_rows(contract, "<r id='1'><a skip='x'>1 2</a><a/></r>") == {
        "t": [(".", "1 2"), (".", "")],
        "u": [("skip", "x"), ("@skip", "x"), (".", "1"), (".", "2")],
    }


trees = st.recursive(
    st.text("ab ", max_size=2),
    lambda below: st.lists(st.builds("<{0} k='{1}'>{2}</{0}>".format, st.sampled_from("xy"), st.text("ab"), below)).map(
        "".join
    ),
    max_leaves=8,
)


@given(trees)
def test_no_attribute_and_no_text_is_lost_among_the_leaves(xml: str) -> None:
    document = f"<r id='1'>{xml}</r>"
    found = rows(LEAVES, document)
    root = etree.fromstring(document)
    assert [value for _, path, value in found if "@" in path] == root.xpath("//@*")
    assert "".join(value for _, path, value in found if "@" not in path).split() == root.xpath("string()").split()
    for _, path, value in found:
        texts = [node if isinstance(node, str) else node.xpath("string()") for node in root.xpath(path)]
        assert value in texts


def test_a_union_in_the_order_of_the_document() -> None:
    contract = """
tables:
  t:
    key: n
    order: document
    union:
      - {rows: .//b, columns: {k: {value: b}}}
      - {rows: a, columns: {k: {value: a}}}
      - {rows: "a | c", where: "v <> '5'", columns: {k: {value: a2}}}
    columns: {n: $position, k: {value: ''}, v: "@v"}
  u: {parent: t, rows: b, columns: {v: "@v"}}
"""
    xml = "<r id='1'><a v='1'><b v='2'/></a><b v='3'/><c v='4'/><c v='5'/><a v='6'/></r>"
    assert all_rows(contract, xml) == {
        "t": [(1, "a", "1"), (2, "a2", "1"),
              (3, "b", "2"), (4, "b", "3"), (5, "a2", "4"), (7, "a", "6"), (8, "a2", "6")],
        "u": [(1, "2"), (2, "2")],
    }  # fmt: skip


def test_document_order_with_unique_named_elements_references_and_rows_below_a_parent() -> None:
    contract = """
index: {p: {path: p, key: "@id"}}
elements: {last: "(a)[last()]"}
tables:
  t:
    order: document
    unique: {by: v}
    union: [{rows: "@ref -> p"}, {rows: $last}, {rows: a}, {rows: .}]
    columns: {n: $position, v: "@v"}
  g: {rows: g, key: k, columns: {k: $position}}
  h: {parent: g, order: document, union: [{rows: y}, {rows: x}], columns: {n: $position, v: .}}
"""
    xml = (
        "<r id='1' v='0' ref='q'><a v='1'/><p id='q' v='2'/><a v='3'/>"
        "<g><x>4</x><y>5</y></g><g><y>6</y><x>7</x><y>8</y></g></r>"
    )
    assert all_rows(contract, xml) == {
        "t": [(1, "0"), (2, "1"), (3, "2"), (4, "3")],
        "g": [(1,), (2,)],
        "h": [(1, 1, "4"), (1, 2, "5"), (2, 1, "6"), (2, 2, "7"), (2, 3, "8")],
    }


@given(st.lists(st.sampled_from("abc"), max_size=8))
def test_document_order_is_that_of_one_path_with_all(names: list[str]) -> None:
    contract = mapper(
        "tables:\n  t: {order: document, union: [{rows: c}, {rows: a}, {rows: b}], columns: {n: $position, v: .}}\n"
        "  u: {rows: '*', columns: {n: $position, v: .}}"
    )
    found = all_rows(contract, f"<r id='1'>{''.join(f'<{n}>{i}</{n}>' for i, n in enumerate(names))}</r>")
    assert found["t"] == found["u"]


@pytest.mark.parametrize(
    ("contract", "message"),
    [
        ("{order: document}", "tables.t: `order: document` is about the sources of a `union`"),
        ("{order: by_name, union: [{}]}", "tables.t.order: not one of 'sources' or 'document' (here: 'by_name')"),
        (
            "{unpivot: $leafs}",
            "tables.t.unpivot.0: these paths start at the row's element (here: '$leafs')",
        ),
        ("{columns: {v: $leaves}}", "tables.t.columns.v.from: there is no such system value (here: '$leaves')"),
    ],
)
def test_wrong_use(contract: str, message: str) -> None:
    assert mistake(f"tables: {{t: {contract}}}").startswith(message)


@pytest.mark.parametrize(
    "tables",
    [
        "{t: {rows: '* except (a, c)', columns: {v: .}}}",
        "{t: {rows: c, unpivot: $leaves, columns: {n: $name, v: $value}}}",
        "{t: {order: document, union: [{rows: c/b}, {rows: a}], columns: {v: .}}}",
    ],
)
def test_the_parser_keeps_what_is_read(tables: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "MIN_BYTES", 0)
    text = f"contract: test\nrecord: {{path: /r, key: {{id: '@id'}}}}\ntables: {tables}"
    contract, xml = parse_contract(text), NAMES.encode()
    record = XmlRecord("a", 0, 0, len(xml), xml)
    found: list[Any] = [RecordParser(reach=reach).parse(record) for reach in (None, reach_of(contract))]
    assert all(isinstance(parsed, ParsedRecord) for parsed in found)
    whole, cut = (Mapper(contract).map(parsed) for parsed in found)
    assert cut == whole
