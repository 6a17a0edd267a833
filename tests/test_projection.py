"""Projection cuts what a contract cannot reach, to the byte, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from transforms.names import NameTest, Reach
from transforms.parse.projection import Projection

LEAF = Reach()
WHOLE = Reach(whole=True)


def reach(**children: Reach) -> Reach:
    return Reach(tuple((NameTest(name), below) for name, below in children.items()))


def cut(record: str, below: Reach) -> str:
    return Projection(below).cut(record.encode()).decode()


# Reaches


def test_reached_children_stay_with_their_attributes():
    assert cut('<r i="1"><a x="1"><c/></a><b/><d>t</d></r>', reach(a=LEAF, b=LEAF)) == '<r i="1"><a x="1"></a><b/></r>'


def test_nothing_below_an_element_without_children_in_reach():
    assert cut("<r>text<a/></r>", LEAF) == "<r></r>"


def test_whole_element_keeps_every_byte():
    assert cut("<r>\n<a> x <!-- c --><b/>\n</a >\n<b/></r>", reach(a=WHOLE)) == "<r><a> x <!-- c --><b/>\n</a ></r>"


def test_whole_record_is_the_same_object():
    record = b"<r><a/></r>"
    assert Projection(WHOLE).cut(record) is record


def test_same_name_elsewhere_is_not_reached():
    assert cut("<r><b><a/></b><a><a/></a></r>", reach(a=LEAF)) == "<r><a></a></r>"


def test_several_parents_of_one_level_reach_their_own():
    below = reach(a=reach(x=LEAF), b=reach(y=LEAF))
    record = "<r><a><x/><y/></a><c><x/></c><b><x/><y/></b><a><y/><x/></a></r>"
    assert cut(record, below) == "<r><a><x/></a><b><y/></b><a><x/></a></r>"


def test_a_name_of_several_tests_merges_their_reaches():
    tests = [(NameTest("a"), reach(x=LEAF)), (NameTest("a", "urn:1"), reach(y=LEAF)), (NameTest(None), reach(z=LEAF))]
    record = "<r><a><x/><y/><z/><o/></a><b><x/><z/></b></r>"
    assert cut(record, Reach(tuple(tests))) == "<r><a><x/><y/><z/></a><b><z/></b></r>"


def test_prefix_and_namespace_do_not_matter():
    record = '<r xmlns:p="urn:1"><p:a/><q:a xmlns:q="urn:2">t</q:a><a>t</a><p:b/></r>'
    below = Reach(((NameTest("a", "urn:1"), LEAF),))
    assert cut(record, below) == '<r xmlns:p="urn:1"><p:a/><q:a xmlns:q="urn:2"></q:a><a></a></r>'


def test_names_that_share_a_beginning_or_an_end():
    record = "<r><trainTags/><train/><train-x/><p:train/><xtrain>t</xtrain><train>t</train><rain/></r>"
    assert cut(record, reach(train=LEAF)) == "<r><train/><p:train/><train></train></r>"


def test_names_beyond_ascii():
    assert cut("<r><größe/><größer/><é>t</é></r>", reach(größe=LEAF, é=LEAF)) == "<r><größe/><é></é></r>"


def test_names_in_any_case():
    below = Reach(((NameTest("strasse", ignore_case=True), LEAF), (NameTest("k", ignore_case=True), LEAF)))
    record = "<r><STRASSE>t</STRASSE><Straße>t</Straße><p:K>t</p:K><\u212a>t</\u212a><str>t</str><kk>t</kk></r>"
    assert cut(record, below) == "<r><STRASSE></STRASSE><Straße></Straße><p:K></p:K><\u212a></\u212a></r>"


def test_union_of_reaches():
    record = "<r><a><x/><y/></a><b/></r>"
    assert cut(record, reach(a=reach(x=LEAF)) | reach(a=reach(y=LEAF))) == "<r><a><x/><y/></a></r>"


# Layout


@pytest.mark.parametrize(
    "unreached",
    [
        "<u><u><u/></u><a/></u>",
        "<u><ux></ux></u>",
        "<u\n x='>' y = \"/>\"\t><a/></u\n>",
        "<u x=\"a's > b\" y='\"/>'/>",
        '<u><!-- </u> <a/> " --><a/></u>',
        "<u><![CDATA[</u><a> ]] > <!-- ]]><a/></u>",
        "<u><?pi </u><a/> ?></u>",
        "<!-- <a/> --><?pi <a/> ?><![CDATA[<a/>]]>",
        "<!----><u/><!-- > -->",
        "<!--><a/>--><u/><!-- <?a --><![CDATA[<?a ]]><?b --> ]]> <!-- ?>",
        "<u>5 > 4 /> </u>",
        "text &amp; &#60; > more />",
    ],
)
def test_layout_of_what_is_cut(unreached):
    assert cut(f'<r i=">"><a/>{unreached}<a x="/>"></a></r>', reach(a=LEAF)) == '<r i=">"><a/><a x="/>"></a></r>'


@pytest.mark.parametrize("prolog", ["", "\ufeff", '<?xml version="1.0" encoding="utf-8"?>\n', "<!-- <r> > --><?pi?>\n"])
def test_what_stands_around_the_record_stays(prolog):
    assert cut(prolog + "<r><b/></r>\n<!-- end -->", LEAF) == prolog + "<r></r>\n<!-- end -->"


def test_record_that_is_one_tag():
    assert cut("<r x='>'/>", reach(a=LEAF)) == "<r x='>'/>"


# Where in doubt, parse all


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"text",
        b"<",
        b"<r>",
        b"<r><b></r>",
        b"<r><b></c></r>",
        b"<r></b></r>",
        b"<r/><r/>",
        b"</r><r>",
        b"<r><b x='<'/></r>",
        b"<r><!-- <b/></r>",
        b"<r><b/><![CDATA[</r>",
        b"<r><!b/></r>",
        b"<!DOCTYPE r [<!ENTITY e '<a/>'>]><r><b/>&e;</r>",
        b'<?xml version="1.0" encoding="iso-8859-1"?><r><b/></r>',
        "<r><b/></r>".encode("utf-16"),
        "<r><b/></r>".encode("utf-16-le"),
    ],
)
def test_what_cannot_be_judged_is_not_cut(record):
    assert Projection(reach(a=LEAF)).cut(record) is record


def test_element_lost_between_tags_that_cross_is_not_cut():
    record = b"<r><x><y></x><a/><z></y></z></r>"
    assert Projection(reach(a=LEAF)).cut(record) is record


def test_damage_behind_the_record_is_left_to_the_parser():
    assert cut("<r><b/></r>junk", LEAF) == "<r></r>junk"


# Any document

_PARSER = etree.XMLParser(remove_comments=True, remove_pis=True)
_NAMES = ["a", "b", "A", "ab", "aB", "a-b", "ba", "é", "\u212a", "k", "ass", "aß", "recorded"]
_BLANK = st.sampled_from(["", "", " ", "\n", "\t \r\n"])
_TEXT = st.sampled_from([
    "", "", "\n  ", "text", ">", "/>", "&lt;a>", "é&#60;", "'", '"', "-->", "?>",
    "<!---->", "<!-- <a> </b> ' -->", "<!-- <![CDATA[ -->", "<?a <a>?>", "<?a ??>",
    "<![CDATA[</a><a>]]>", "<![CDATA[<!-- ]]>", "<![CDATA[]]]>", "<!-- <?a -->", "<!--><a>-->", "<?a <![CDATA[ -->?>",
])  # fmt: skip
_VALUE = st.sampled_from(['""', "''", '">"', "'/>'", '"\'"', "'\"'", '"it\'s > 1"', "'&lt;!--'", '"]]>"', '"x="'])


@st.composite
def _tag_inside(draw: st.DrawFn) -> str:
    names = draw(st.lists(st.sampled_from(["x", "y", "p:z"]), unique=True, max_size=3))
    attributes = [f"{draw(_BLANK) or ' '}{n}{draw(_BLANK)}={draw(_BLANK)}{draw(_VALUE)}" for n in names]
    return "".join(attributes) + draw(_BLANK)


@st.composite
def _element(draw: st.DrawFn, content: st.SearchStrategy[str]) -> str:
    name = draw(st.sampled_from(["", "", "p:", "longer-prefix:"])) + draw(st.sampled_from(_NAMES))
    return f"<{name}{draw(_tag_inside())}>{draw(content)}</{name}{draw(_BLANK)}>"


_EMPTY = st.builds("<{}{}/>".format, st.sampled_from([*_NAMES, "p:a"]), _tag_inside())
_CONTENT = st.recursive(
    _TEXT, lambda content: st.lists(st.one_of(_element(content), _EMPTY, _TEXT), max_size=6).map("".join), max_leaves=25
)
_DOCUMENTS = st.builds(
    "{}<r xmlns:p='urn:p' xmlns:longer-prefix='urn:l'{}>{}</r>".format,
    st.sampled_from(["", "<?xml version='1.0'?>", "<!-- <r> -->\n"]),
    st.sampled_from(["", " xmlns='urn:d' x='>'"]),
    st.lists(st.one_of(_element(_CONTENT), _EMPTY, _TEXT), max_size=8).map("".join),
)
_TESTS = st.builds(NameTest, st.sampled_from([*_NAMES, None]), st.sampled_from([None, None, "urn:p"]), st.booleans())
_REACHES = st.recursive(
    st.sampled_from([LEAF, WHOLE]),
    lambda below: st.lists(st.tuples(_TESTS, below), max_size=4).map(lambda children: Reach(tuple(children))),
    max_leaves=12,
)


def pruned(element: etree._Element, below: Reach) -> etree._Element:
    """What projection should leave, made by lxml."""
    if below.whole:
        return element
    element.text = None
    for child in list(element):
        taking = [under for test, under in below.children if replace(test, uri=None).matches(child.tag)]
        if taking:
            pruned(child, _union(taking)).tail = None
        else:
            element.remove(child)
    return element


def _union(reaches: list[Reach]) -> Reach:
    return Reach(tuple(child for one in reaches for child in one.children), any(one.whole for one in reaches))


def canonical(element: etree._Element) -> tuple:
    """An element for comparison: C14N refuses some namespaces that the parser takes."""
    children = [canonical(child) for child in element]
    return element.tag, dict(element.attrib), element.nsmap, element.text, element.tail, children


@settings(max_examples=200, deadline=None)
@given(_DOCUMENTS, _REACHES)
def test_cut_bytes_are_the_pruned_tree(document, below):
    record = document.encode()
    expected = pruned(etree.fromstring(record, _PARSER), below)
    assert canonical(etree.fromstring(Projection(below).cut(record), _PARSER)) == canonical(expected)


@settings(max_examples=200, deadline=None)
@given(_DOCUMENTS, _REACHES, st.data())
def test_damaged_documents_never_raise_nor_lose_what_parses(document, below, data):
    record = bytearray(document.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(record) - 1))
        record[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from([b"", b"<", b">", b"/", b"'", b'"', b"!", b"\xff"])
        )
    damaged = bytes(record)
    left = Projection(below).cut(damaged)
    try:
        tree = etree.fromstring(damaged, _PARSER)
    except etree.XMLSyntaxError:
        return
    assert canonical(pruned(etree.fromstring(left, _PARSER), below)) == canonical(pruned(tree, below))
