"""The text of an element without some of those below it, and with something where elements meet."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.language import column, mistake, rows
from transforms.map.texts import make_text_of, text_of
from transforms.names import NameTest


def text(xml: str, spec: str) -> str | None:
    [found] = column(f"tables: {{t: {{columns: {{v: {{from: p, {spec}}}}}}}}}", f"<r id='1'>{xml}</r>")
    return found


@pytest.mark.parametrize(
    ("xml", "spec", "expected"),
    [
        ("<p>Who <stage>aside</stage>goes<note>1</note>?</p>", "except: [stage, note]", "Who goes?"),
        ("<p>Who <stage>aside <note>x</note></stage>goes</p>", "except: note", "Who aside goes"),
        ("<p>a<b>c<note>n</note><i>d</i></b>e</p>", "except: note", "acde"),
        ("<p>a<b>c<i>d</i></b>e</p>", "except: '*'", "ae"),
        ("<p><b>c</b></p>", "except: '*'", ""),
        ("<p><b>c</b></p>", "except: '*', blank: 'null'", None),
        ("<p>a<x:b xmlns:x='u'>b</x:b><b>c</b></p>", "except: '{u}b'", "ac"),
        ("<p>a<B>b</B></p>", "except: b", "ab"),
        ("<p>a<B>b</B></p>", "except: b, ignore_case: true", "a"),
        ("<p>a<p>b</p></p>", "except: p", "a"),
        ("<p><label>1</label><addr-line>Institut</addr-line></p>", "between: ' '", "1 Institut"),
        ("<p>\n <label>1</label>\n <line>A</line>\n</p>", "between: ', ', clean: trim", "1, A"),
        ("<p>Ann <b>Lee</b>! H<sub>2</sub>O <b>a</b> b</p>", "between: '|'", "Ann Lee! H2O a b"),
        ("<p><a><b>1</b></a><a><b>2</b><b/><b>3</b></a></p>", "between: '|'", "1|2|3"),
        ("<p><a/><b>1</b><a/><b/></p>", "between: '|'", "1"),
        ("<p>one<br/>two<br/> <br/>three</p>", "between: '|'", "one|two|three"),
        ("<p><a>1</a><note>n</note><b>2</b>x<note/>y</p>", "between: '|', except: note", "1|2xy"),
        ("<p>Ann <b>Lee</b> <i>Ray</i></p>", "between: ' '", "Ann Lee Ray"),
        ("<p>a</p>", "between: ' '", "a"),
        ("<p/>", "between: ' '", ""),
        ("<p> </p>", "between: '|'", " "),
        ("<p><!-- --><a>1</a><!-- x --><a>2</a></p>", "between: '|'", "1|2"),
        ("<p><a>1</a>&amp;<a>2</a></p>", "between: '|'", "1&2"),
        ("<p><a>1</a><a>2</a></p><p><a>3</a></p>", "between: '-', take: join, separator: '+'", "1-2+3"),
        ("<p><a>1</a></p><p><a>3</a><n>4</n></p>", "except: n, take: last", "3"),
    ],
)
def test_text(xml: str, spec: str, expected: str | None) -> None:
    assert text(xml, spec) == expected


def test_text_of_references_and_named_elements_and_attributes() -> None:
    contract = """
index: {p: {path: p, key: "@id"}}
elements: {first: p}
tables:
  t:
    columns:
      a: {from: "@ref -> p", except: n}
      b: {from: $first/., except: n}
      c: {from: ["@no", p], except: n}
      d: {from: ["@ref", p], except: n}
"""
    assert rows(contract, "<r id='1' ref='x'><p id='x'>a<n>b</n></p></r>") == [("a", "a", "a", "x")]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{from: p, except: a/b}", "v.except.0: 'a/b' is not an element name; name elements, without a path"),
        ("{from: p, except: 'x:b'}", "v.except.0: the prefix 'x' of 'x:b' is not declared under `namespaces`; name"),
        ("{from: '@p', except: a}", "v.except: this is about the texts of elements, and the path selects attributes"),
        ("{from: '@p', between: a}", "v.between: this is about the texts of elements, and the path selects attributes"),
        ("{from: p, take: xml, except: a}", "v.except: this is about texts, and `take: xml` gives none"),
        ("{from: p, take: count, between: a}", "v.between: this is about texts, and `take: count` gives none"),
        ("{value: p, except: a}", "v.except: this is about the texts of elements that are read"),
        ("{expression: '1', type: int, between: a}", "v.between: this is about the texts of elements that are read"),
        ("{from: $file, between: a}", "v.between: this is about the texts of elements that are read"),
        ("{from: p, except: {a: b}}", "v.except: this should be a text (here: {'a': 'b'})"),
    ],
)
def test_wrong_use(spec: str, message: str) -> None:
    assert mistake(f"tables: {{t: {{columns: {{v: {spec}}}}}}}").startswith(f"tables.t.columns.{message}")


ELEMENT = "<{0}>{1}</{0}>".format
some_text = st.text("ab ", max_size=3)
content = st.recursive(
    st.text("ab \n", max_size=3),
    lambda below: st.lists(st.one_of(some_text, st.builds(ELEMENT, st.sampled_from("xyz"), below))).map("".join),
    max_leaves=10,
)


@given(content)
def test_only_blanks_and_what_stands_between_may_differ(xml: str) -> None:
    element = etree.fromstring(f"<p>{xml}</p>")
    found = make_text_of([], "|")(element)
    assert re.sub(r"[|\s]", "", found) == re.sub(r"\s", "", text_of(element))
    assert not re.search(r"^\s*\||\|\s*$|\|\|", found)


@given(content)
def test_what_is_left_out_is_as_if_it_were_not_there(xml: str) -> None:
    element = etree.fromstring(f"<p>{xml}</p>")
    without = etree.fromstring(f"<p>{xml}</p>")
    etree.strip_elements(without, "x", with_tail=False)
    for between in (None, "|"):
        assert make_text_of([NameTest("x")], between)(element) == make_text_of([], between)(without)


@given(content)
def test_own_text_is_that_of_xpath(xml: str) -> None:
    element = etree.fromstring(f"<p>{xml}</p>")
    assert make_text_of([NameTest(None)], None)(element) == "".join(element.xpath("text()"))
