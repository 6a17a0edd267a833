"""Projection from a contract's paths: the rows are those of the whole record."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.documents import documents
from transforms import Context, MappedRecord, ParsedRecord, Reject, XmlRecord, load_contract, parse_contract, reach_of
from transforms.map.mapper import Mapper
from transforms.names import Reach
from transforms.parse import projection
from transforms.parse.parser import RecordParser

ROOT = Path(__file__).resolve().parent.parent

CONTRACT = """
contract: reach
record: {path: /app, key: {id: "@id"}}
tables:
"""


def long(document: bytes) -> bytes:
    """The document with so much in an element that no contract reads that it is projected; its lines are the same."""
    head, end, rest = document.partition(b">")
    return head + end + b"<filler>" + b"x" * projection.MIN_BYTES + b"</filler>" + rest


def rows(contract, document: bytes, **options):
    record = XmlRecord("s", 0, 0, len(document), document)
    mapped = Mapper(contract).map(RecordParser(**options).parse(record))
    assert isinstance(mapped, MappedRecord), mapped
    return mapped


def same_rows(tables: str, document: str, is_cut: bool | None = None) -> Reach:
    contract = parse_contract(CONTRACT + tables)
    reach = reach_of(contract)
    given = long(document.encode())
    cut = RecordParser(reach=reach).parse(XmlRecord("s", 0, 0, len(given), given))
    assert isinstance(cut, ParsedRecord)
    assert bool(cut.root.findtext("filler")) is (reach.whole if is_cut is None else not is_cut)
    assert rows(contract, given, reach=reach) == rows(contract, given)
    return reach


DOCUMENT = """<app id="1"><skip a="1"><b>no</b></skip><a x="1"><b>t</b><c><b>deep</b>tail</c></a>
<!-- <a> --><a x="2"><b>u</b><d>v</d></a><e><a><b>w</b></a></e></app>"""


@pytest.mark.parametrize(
    "tables",
    [
        "  t: {columns: {v: a/b}}",
        "  t: {columns: {v: 'a[2]/b'}}",
        "  t: {columns: {v: \"a[d='v']/@x\"}}",
        "  t: {columns: {v: 'a[last()]/@x', n: {from: a, take: count, type: int}}}",
        "  t: {rows: a, columns: {v: c, w: ../e/a/b, n: {from: c, take: name}}}",
        "  t: {rows: .//b, columns: {v: ., w: ../@x}}",
        "  t: {rows: '*/a | a', columns: {v: b}}",
        "  t: {rows: a, where: \"[d] = 'v' OR [../e/a/b] = 'w'\", columns: {v: b}}",
        "  t: {unpivot: ['a/*', 'a/@x'], columns: {n: $name, v: $value}}",
        "  t: {rows: a, columns: {v: {from: c, take: xml}, j: {from: c, take: json}}}",
        "  t: {columns: {v: {expression: 'COALESCE([x/y], [e/a/b])'}}}",
        "  t: {columns: {v: .}}",
    ],
)
def test_rows_of_what_is_left_are_those_of_the_whole(tables: str) -> None:
    same_rows(tables, DOCUMENT)


def test_what_no_path_reaches_is_left_out() -> None:
    reach = same_rows("  t: {columns: {v: a/b}}", DOCUMENT)
    cut = projection.Projection(reach).cut(DOCUMENT.encode())
    assert b"skip" not in cut
    assert b"<e>" not in cut


@pytest.mark.parametrize(
    ("document", "cut"),
    [
        ("<app id='1'><skip><b/></skip><a/></app>", True),
        ("<app id='1'><skip><aa/><b a='a>'/><!-- --></skip><a/><a></a></app>", True),
        ("<app id='1'><skip><b><a/></b></skip><a/></app>", False),
        ("<app id='1'><skip><p:a xmlns:p='u'></p:a></skip></app>", False),
        ("<app id='1'><skip><a\nx='1'></a></skip><a/></app>", False),
        ("<app id='1'><skip><!-- <a/> --><![CDATA[<a></a>]]><b>a/></b></skip><a/></app>", True),
        ("<app id='1'><skip><a-long-prefix-of-a-name:a xmlns:a-long-prefix-of-a-name='u'/></skip></app>", False),
        ("<app id='1'><skip><a-long-name-of-an-element/><ab c='a:b'/><ab>a</ab ></skip></app>", True),
        ("<app id='1'><skip><a></a\t></skip></app>", False),
    ],
)
def test_elements_that_are_counted_anywhere_leave_the_rest_to_be_cut(document: str, cut: bool) -> None:
    reach = same_rows("  t: {columns: {n: {from: .//a, take: count, type: int}, m: a}}", document, cut)
    assert not reach.whole
    found = projection.Projection(reach).cut(document.encode())
    assert (b"skip" not in found) is cut


def test_what_is_read_at_any_depth_leaves_nothing_to_be_cut() -> None:
    assert same_rows("  t: {columns: {n: .//a}}", DOCUMENT).whole
    assert same_rows("  t: {columns: {n: {from: './/a[b]', take: count, type: int}}}", DOCUMENT).whole
    assert same_rows("  t: {columns: {n: {from: .//a, take: count, type: int, ignore_case: true}}}", DOCUMENT).whole


def test_wide_documents_map_to_the_same_rows() -> None:
    contract = load_contract(ROOT / "benchmarks" / "contracts" / "applications.yaml")
    reach = reach_of(contract)
    for document in documents(12, seed=3):
        assert len(projection.Projection(reach).cut(document)) < len(document) / 4
        assert rows(contract, document, reach=reach) == rows(contract, document)


SHORT_BROKEN = b"<app id='1'><skip><b x=1></b></skip><a><b>t</b></a></app>"
BROKEN = long(SHORT_BROKEN)


def test_damage_in_what_is_cut_is_found_when_strict() -> None:
    contract = parse_contract(CONTRACT + "  t: {columns: {v: a/b}}")
    record = XmlRecord("s", 0, 0, len(BROKEN), BROKEN)
    assert rows(contract, BROKEN, reach=reach_of(contract)).rows == {"t": [("1", "t")]}
    for options in ({"reach": reach_of(contract), "strict": True}, {}):
        refused = RecordParser(**options).parse(record)
        assert isinstance(refused, Reject)
        assert refused.rule == "not_well_formed"
        assert refused.payload == BROKEN


NOT_WELL_FORMED_BY_NAMESPACE = [
    "<p:a/>",
    "<a p:x='1'/>",
    "<a xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/>",
    "<a xmlns:p='u'><p:b:c/></a>",
    "<a xmlns:p='u' p:b:c='1'/>",
    "<:a/>",
    "<a xmlns:p=''/>",
    "<a xmlns:xmlns='u'/>",
    "<?a:b c?>",
]


@pytest.mark.parametrize("damage", NOT_WELL_FORMED_BY_NAMESPACE)
def test_wrong_use_of_namespaces_in_what_is_cut_is_found_when_strict(damage: str) -> None:
    contract = parse_contract(CONTRACT + "  t: {columns: {v: a/b}}")
    document = long(f"<app id='1'><skip>{damage}</skip><a><b>t</b></a></app>".encode())
    assert rows(contract, document, reach=reach_of(contract)).rows == {"t": [("1", "t")]}
    parser = RecordParser(reach=reach_of(contract), strict=True)
    refused = parser.parse(XmlRecord("s", 0, 0, len(document), document))
    assert isinstance(refused, Reject)
    assert refused.rule == "not_well_formed"


def test_prefix_declared_above_the_record_is_right_when_strict() -> None:
    contract = parse_contract(CONTRACT + "  t: {columns: {v: a/b}}")
    document = long(b"<app id='1'><p:skip/><a><b>t</b></a></app>")
    context = Context(b"", b"<r xmlns:p='u'>", b"</r>", 1)
    parsed = RecordParser(reach=reach_of(contract), strict=True).parse(
        XmlRecord("s", 0, 0, len(document), document, context)
    )
    assert not isinstance(parsed, Reject)


def test_whether_a_record_is_cut_does_not_depend_on_those_before_it() -> None:
    contract = parse_contract(CONTRACT + "  t: {columns: {v: a/b}}")
    filler = b"<skip>" + b"<x>text</x>" * 4000 + b"</skip>"
    whole = BROKEN.replace(b"<skip>", filler + b"<skip>")
    parser = RecordParser(reach=reach_of(contract))
    verdicts = {type(parser.parse(XmlRecord("s", n, 0, len(whole), whole))) for n in range(50)}
    assert len(verdicts) == 1


@pytest.mark.parametrize(("size", "is_whole"), [(projection.MIN_BYTES - 1, True), (projection.MIN_BYTES, False)])
def test_short_record_is_parsed_whole(size: int, is_whole: bool) -> None:
    contract = parse_contract(CONTRACT + "  t: {columns: {v: a/b}}")
    document = SHORT_BROKEN.replace(b"<a>", b"<a>" + b" " * (size - len(SHORT_BROKEN)))
    parsed = RecordParser(reach=reach_of(contract)).parse(XmlRecord("s", 0, 0, size, document))
    assert isinstance(parsed, Reject) is is_whole


def test_damage_in_what_is_kept_is_told_of_the_whole() -> None:
    contract = parse_contract(CONTRACT + "  t: {columns: {v: a/b}}")
    document = long(b"<app id='1'>\n<skip>\n</skip><a><b x=1>t</b></a></app>")
    refused = RecordParser(reach=reach_of(contract)).parse(XmlRecord("s", 0, 0, len(document), document))
    assert isinstance(refused, Reject)
    assert "line 3" in refused.message


def test_record_below_a_prolog_is_not_cut() -> None:
    contract = parse_contract(CONTRACT + "  t: {columns: {v: a/b}}")
    payload = long(b"<app id='1'><skip/>&e;</app>")
    context = Context(b"<!DOCTYPE r [<!ENTITY e '<a><b>t</b></a>'>]>", b"<r>", b"</r>", 1)
    parsed = RecordParser(reach=reach_of(contract)).parse(XmlRecord("s", 0, 0, len(payload), payload, context))
    assert Mapper(contract).map(parsed).rows == {"t": [("1", "t")]}
