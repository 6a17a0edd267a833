"""`$content`: a key for records that hold no id, from what they say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.language import column
from transforms import parse_contract, reach_of
from transforms.map.current_record import content_hash

CONTRACT = "tables: {t: {rows: a, columns: {v: $content}}}"
ONE = "<r id='1' k='v'><a>x y</a><b>1<c/>2</b></r>"


def content(xml: str) -> str:
    return content_hash(etree.fromstring(xml, etree.XMLParser(remove_comments=True, remove_pis=True)))


@pytest.mark.parametrize(
    "xml",
    [
        '<r k="v"   id="1">\n  <a>x y</a>\r\n  <b> 1<c></c>2\t</b>\n</r>',
        "<r id='1' k='v'><!-- new --><a>x y</a><b>1<c/>2</b></r>",
        "<r id='1' k='v'><a><![CDATA[x y]]></a><b>1<c/>&#50;</b></r>",
        "<?xml version='1.0'?><r id='1' k='v' xmlns:p='u'><a>x y</a><b>1<c/>2</b></r>",
    ],
)
def test_the_same_in_another_layout(xml: str) -> None:
    assert content(xml) == content(ONE)


@pytest.mark.parametrize(
    "xml",
    [
        "<r id='1' k='w'><a>x y</a><b>1<c/>2</b></r>",
        "<r id='1' k='v'><a>x  y</a><b>1<c/>2</b></r>",
        "<r id='1' k='v'><b>1<c/>2</b><a>x y</a></r>",
        "<r id='1' k='v'><a>x y</a><b>12<c/></b></r>",
        "<r id='1' k='v'><a>x y</a><b>1<c>2</c></b></r>",
        "<r id='1' k='v'><a>x y</a><b>1<c/>2</b><b/></r>",
        "<r id='1' k='v' xmlns='u'><a>x y</a><b>1<c/>2</b></r>",
        "<r id='1' k='v' p:k='v' xmlns:p='u'><a>x y</a><b>1<c/>2</b></r>",
    ],
)
def test_another_where_the_record_says_something_else(xml: str) -> None:
    assert content(xml) != content(ONE)


def test_it_does_not_change_between_versions() -> None:
    assert column(CONTRACT, ONE) == [content(ONE)] == ["a3efa9603ae81e8b200ee45f8d34057f"]


def test_all_of_the_record_is_read_for_it() -> None:
    head = "contract: test\nrecord: {path: /r, key: {id: $content}}\n"
    assert reach_of(parse_contract(head + "tables: {t: {rows: a, columns: {v: '@x'}}}")).whole
    contract = CONTRACT.replace("$content", '{expression: "[$content]"}')
    assert reach_of(parse_contract("contract: test\nrecord: {path: /r, key: {id: '@id'}}\n" + contract)).whole


trees = st.recursive(
    st.text("ab", max_size=2),
    lambda below: st.lists(st.builds("<{0} k='{1}'>{2}</{0}>".format, st.sampled_from("xy"), st.text("ab"), below)).map(
        "".join
    ),
    max_leaves=6,
)


@given(trees, trees)
def test_two_records_have_one_hash_only_where_they_are_one(one: str, other: str) -> None:
    canonical = [etree.tostring(etree.fromstring(f"<r>{xml}</r>"), method="c14n") for xml in (one, other)]
    assert (content(f"<r>{one}</r>") == content(f"<r>{other}</r>")) == (canonical[0] == canonical[1])
