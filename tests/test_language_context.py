"""What stands around a row: above it at any depth within the record, before it, its place, and its parent's."""

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
from transforms.records import Context, MappedRecord, ParsedRecord, XmlRecord

XML = """<r id='1'>
  <code c='top'/>
  <part code='A'><code c='in A'/>
    <section code='S1'><head>One</head><item n='1'/><head>Two</head><note/><item n='2'/>
      <section code='S2'><item n='3'/></section></section>
  </part>
  <item n='4'/>
</r>"""


def values(path: str, take: str = "first", of: str = ".//item") -> list[Any]:
    return column(f'tables: {{t: {{rows: {of}, columns: {{v: {{from: "{path}", take: {take}}}}}}}}}', XML)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("../../code/@c", ["in A", "in A", None, None]),
        ("../../../code/@c", ["top", "top", "in A", None]),
        ("../../../../code/@c", [None, None, "top", None]),
        ("../../../@id", ["1", "1", None, None]),
        ("../../../item/@n", ["4", "4", None, None]),
        ("../..[code]", None),
        ("above(section)/@code", ["S1", "S1", "S2", None]),
        ("above(section)/head", ["One", "One", None, None]),
        ("above(section[head])/@code", ["S1", "S1", "S1", None]),
        ("above(*[@code='A'])/code/@c", ["in A", "in A", "in A", None]),
        ("above(section)/above(section)/@code", [None, None, "S1", None]),
        ("above(r)/@id", ["1", "1", "1", "1"]),
        ("above(r)/../code/@c", [None, None, None, None]),
        ("above(x)/@id", [None, None, None, None]),
        ("before(head)", ["One", "Two", None, None]),
        ("before(item)/@n", [None, "1", None, None]),
        ("before(*)/../@code", ["S1", "S1", None, None]),
        ("above(section)/before(*)/@c", ["in A", "in A", None, None]),
        ("before(head[.='One'])", ["One", "One", None, None]),
        (".[above(part)/@code='A']/@n", None),
    ],
)
def test_around_rows_at_any_depth(path: str, found: list[Any] | None) -> None:
    if found is None:
        assert "'['" in mistake(f'tables: {{t: {{rows: .//item, columns: {{v: "{path}"}}}}}}')
    else:
        assert values(path) == found


def test_case_is_ignored_around_rows_too() -> None:
    contract = "tables: {t: {rows: .//item, columns: {v: {from: above(SECTION)/@CODE, ignore_case: true}}}}"
    assert column(contract, XML) == ["S1", "S1", "S2", None]


def in_shop(contract: str) -> list[Any]:
    """The last column of a contract's rows of a record that stands below others."""
    text = "contract: test\nrecord: {path: /shop/r/r, key: {id: {from: '@id', type: int}}}\n" + contract
    payload = b"<r id='2' n='in'>text<a><b v='1'/></a></r>"
    record = XmlRecord(
        "a", 0, 10, 10 + len(payload), payload, Context(b"", b"<shop n='S'><r n='out'>", b"</r></shop>", 2)
    )
    parsed = RecordParser().parse(record)
    assert isinstance(parsed, ParsedRecord)
    mapped = Mapper(parse_contract(text)).map(parsed)
    assert isinstance(mapped, MappedRecord), mapped
    return [row[-1] for row in mapped.rows["t"]]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("../../../@n", "out"),
        ("../../../../@n", "S"),
        ("../../../../r/@n", None),
        ("../../../r/@id", None),
        ("../../..", None),
        ("above(r)/@n", "in"),
        ("above(shop)/@n", None),
        ("above(r)/above(r)/@n", None),
        ("../../*[../a]/../@n", "in"),
        ("../../../*[@n]/@n", None),
        ("../../*[../../@n='out']/b/@v", "1"),
    ],
)
def test_nothing_but_attributes_is_read_above_the_record(path: str, value: str | None) -> None:
    assert in_shop(f'tables: {{t: {{rows: .//b, columns: {{v: "{path}"}}}}}}') == [value]


def test_a_text_above_the_record_is_no_text_of_a_condition() -> None:
    assert in_shop("tables: {t: {rows: .//b, columns: {v: \"../../*[../..='text']/b/@v\"}}}") == [None]
    assert in_shop("tables: {t: {rows: .//b, columns: {v: \"../../*[..='text']/b/@v\"}}}") == ["1"]


def test_values_that_are_unpivoted_may_stand_above_the_row_within_the_record() -> None:
    assert in_shop("tables: {t: {rows: .//b, unpivot: ['../../@n', ../../../../r], columns: {v: $value}}}") == ["in"]


def test_depth_and_path() -> None:
    columns = "columns: {d: $depth, p: $path}"
    contract = f"tables: {{t: {{rows: .//*, where: '[$depth] <> 1', {columns}}}, u: {{{columns}}}}}"
    assert all_rows(contract, "<r id='1'><a><b/></a><x:c xmlns:x='u'><d><e/></d></x:c></r>") == {
        "t": [(2, "a/b"), (2, "c/d"), (3, "c/d/e")],
        "u": [(0, ".")],
    }


def test_the_position_of_the_parents_row() -> None:
    contract = """
tables:
  a: {rows: a, key: n, columns: {n: "@n"}}
  b: {parent: a, rows: b, key: p, columns: {p: $position, q: $parent_position}}
  c: {parent: b, rows: ., key: [], columns: {q: {expression: "[$parent_position] * 10", type: int}}}
  d: {parent: b, rows: d, where: "[$parent_position] = 2", columns: {q: $parent_position}}
"""
    xml = "<r id='1'><a n='x'><b/></a><a n='y'><b/><b><d/></b></a></r>"
    assert all_rows(contract, xml) == {
        "a": [("x",), ("y",)],
        "b": [("x", 1, 1), ("y", 1, 2), ("y", 2, 2)],
        "c": [("x", 1, 10), ("y", 1, 10), ("y", 2, 20)],
        "d": [("y", 2, 2)],
    }


def test_the_position_of_the_parents_row_counts_those_that_are_dropped() -> None:
    contract = """
tables:
  a: {rows: a, where: "n <> 'x'", key: n, columns: {n: "@n"}, unique: {by: n}}
  b: {parent: a, rows: b, columns: {q: $parent_position}}
"""
    assert rows(contract, "<r id='1'><a n='x'><b/></a><a n='y'><b/></a></r>", "b") == [("y", 2)]


@pytest.mark.parametrize(
    ("contract", "message"),
    [
        ("{columns: {v: $parent_position}}", "columns.v.from: only a table with a `parent` has $parent_position (here"),
        ("{columns: {v: above(a)/@b}}", "columns.v.from: above the record only the attributes of its ancestors"),
        ("{columns: {v: before(a)/@b}}", "columns.v.from: above the record only the attributes of its ancestors"),
        ("{rows: a, columns: {v: ../../b}}", "columns.v.from: above the record only the attributes of its ancestors"),
        ("{rows: a/b, columns: {v: above(c)/../@b, w: ../../../b}}", "columns.w.from: above the record only"),
        ("{rows: a, unpivot: ../../b}", "unpivot.0: above the record only the attributes of its ancestors are read"),
        ("{rows: above(a)}", "rows: rows stand below their parent's row, and `above(...)` leads out of it"),
        ("{rows: a/before(b)}", "rows: rows stand below their parent's row, and `before(...)` leads out of it"),
        ("{rows: a, columns: {v: 'before(b[1])'}}", "columns.v.from: 'before(b[1])': before(...) is the nearest"),
        ("{rows: a, columns: {v: 'above()'}}", "columns.v.from: 'above()': the name of an element expected"),
    ],
)  # fmt: skip
def test_wrong_use(contract: str, message: str) -> None:
    assert mistake(f"tables: {{t: {contract}}}").startswith(f"tables.t.{message}")


def test_elements_may_be_called_above_and_before() -> None:
    assert column("tables: {t: {columns: {v: above/before}}}", "<r id='1'><above><before>x</before></above></r>") == [
        "x"
    ]


trees = st.recursive(
    st.just(()), lambda below: st.lists(st.tuples(st.sampled_from("ab"), below), max_size=3), max_leaves=12
)


def _xml(children: Any) -> str:
    return "".join(f"<{name}>{_xml(below)}</{name}>" for name, below in children)


@given(trees, st.sampled_from("ab"))
def test_neighbours_are_those_of_xpath(tree: Any, name: str) -> None:
    root = etree.fromstring(f"<r id='1'>{_xml(tree)}</r>")
    for number, element in enumerate(root.iter(), 1):
        element.set("n", str(number))
    contract = mapper(
        f"tables: {{t: {{rows: .//*, columns: {{a: above({name})/@n, b: before({name})/@n, c: ../../../{name}/@n}}}}}}"
    )
    expected = [
        tuple(
            element.xpath(f"string(({path})[{index}]/@n)") or None
            for path, index in [
                (f"ancestor::{name}", "last()"),
                (f"preceding-sibling::{name}", "last()"),
                (f"../../../{name}", "1"),
            ]
        )
        for element in root.xpath(".//*")
    ]
    assert rows(contract, etree.tostring(root).decode()) == expected


@pytest.mark.parametrize(
    "columns",
    [
        "{v: before(head)}",
        "{v: above(part)/code/@c}",
        "{v: 'before(*[@n])/@n'}",
        "{v: ../../code/@c}",
        "{v: above(r)/x}",
    ],
)
@pytest.mark.parametrize("of", ["part/section/item", ".//item"])
def test_the_parser_keeps_what_stands_around(columns: str, of: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "MIN_BYTES", 0)
    contract = parse_contract(
        "contract: test\nrecord: {path: /r, key: {id: {from: '@id', type: int}}}\n"
        f"tables: {{t: {{rows: {of}, columns: {columns}}}}}"
    )
    xml = XML.replace("<note/>", "<skip><x>1</x></skip>").replace("</r>", "<x>y</x></r>").encode()
    record = XmlRecord("a", 0, 0, len(xml), xml)
    whole, cut = RecordParser().parse(record), RecordParser(reach=reach_of(contract)).parse(record)
    assert isinstance(whole, ParsedRecord)
    assert isinstance(cut, ParsedRecord)
    assert Mapper(contract).map(cut) == Mapper(contract).map(whole)
