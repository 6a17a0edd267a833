"""Paths: each construct, its errors, and that both ways of serving a path agree with XPath."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from transforms.contract.paths import PathError, parse_path
from transforms.map.collect import Walk, indented
from transforms.map.select import compile_path
from transforms.map.texts import text_of

DOCUMENT = etree.fromstring("""
<root date="d0">
  <row id="r1" xml:lang="nl" score_a="1" score_b="2" xmlns:p="urn:p" p:id="pr1">
    <Acct><Id><IBAN>NL01</IBAN></Id><Ccy>EUR</Ccy></Acct>
    <Bal n="1"><Tp><Cd>OPBD</Cd></Tp></Bal>
    <Bal n="2"><Tp><Cd>CLBD</Cd></Tp></Bal>
    <p:Bal n="3"><Tp><Cd>PRCD</Cd></Tp></p:Bal>
    <Tx id="t1"/><Tx/><Tx id="t2"><Rvsl/></Tx>
    <info name="serial" value="123"/><info name="other" value="456"/>
    <Amt>1<!-- x -->2<b>3</b>4</Amt><Empty/>
    <tree n="1"><tree n="2"><leaf n="a"/></tree><leaf n="b"/></tree>
  </row>
</root>""")
ROW = DOCUMENT[0]


def found(text: str, element: etree._Element = ROW, **options: Any) -> list[str]:
    """What a path selects: attributes as they are, elements as their ``n`` or text."""
    nodes = compile_path(parse_path(text, {"p": "urn:p"}, **options))(element)
    return [node if isinstance(node, str) else node.get("n") or text_of(node) for node in nodes]


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("Acct/Id/IBAN", ["NL01"]),
        ("Acct", ["NL01EUR"]),
        (" Acct / Ccy ", ["EUR"]),
        ("Amt", ["1234"]),
        ("Empty", [""]),
        ("none/Ccy", []),
        ("@id", ["r1"]),
        ("@xml:lang", ["nl"]),
        ("@p:id", ["pr1"]),
        ("@{urn:p}id", ["pr1"]),
        ("@{}id", ["r1"]),
        ("@none", []),
        ("Bal/@n", ["1", "2", "3"]),
        ("@score_*", ["1", "2"]),
        ("Tx/@*", ["t1", "t2"]),
        ("../@date", ["d0"]),
        ("Acct/../../@date", ["d0"]),
        ("../../@date", []),
        ("Tx/../@id", ["r1"]),
        ("*/Ccy", ["EUR"]),
        ("./Acct/./Ccy", ["EUR"]),
        ("p:Bal", ["3"]),
        ("{urn:p}Bal", ["3"]),
        ("{}Bal", ["1", "2"]),
        ("{urn:p}*", ["3"]),
        ("{}*/Ccy", ["EUR"]),
        (".//leaf", ["a", "b"]),
        (".//tree/leaf", ["a", "b"]),
        (".//leaf/..", ["1", "2"]),
        (".//tree//leaf", ["a", "b"]),
        ("tree//leaf", ["a", "b"]),
        ("Bal[1]", ["1"]),
        ("Bal[last()]", ["3"]),
        ("Bal[4]", []),
        ("Bal[@n!='1'][1]", ["2"]),
        (".//leaf[1]", ["a", "b"]),
        (".//tree[last()]", ["1", "2"]),
        ("info[@name='serial']/@value", ["123"]),
        ('info[@name="serial"]/@value', ["123"]),
        ("info[@name!='serial']/@value", ["456"]),
        ("info[@value=123]/@name", ["serial"]),
        ("Bal[Tp/Cd='CLBD']", ["2"]),
        ("Bal[Tp/Cd in ('OPBD', 'PRCD')]", ["1", "3"]),
        ("Tx[@id]/@id", ["t1", "t2"]),
        ("Tx[@id and not(Rvsl)]/@id", ["t1"]),
        ("Tx[not(@id) or Rvsl]/@id", ["t2"]),
        ("Tx[(not(@id) or Rvsl) and @id]/@id", ["t2"]),
        ("Bal[../@id='r1'][@n | none]", ["1", "2", "3"]),
        ("Tx/@id | Bal/@n", ["1", "2", "3", "t1", "t2"]),
        ("Bal[3] | Bal[1] | Bal", ["1", "2", "3"]),
        ("tree/leaf | .//leaf", ["a", "b"]),
    ],
)
def test_path(path: str, values: list[str]) -> None:
    assert found(path) == values


def test_dot_is_the_element_itself() -> None:
    assert compile_path(parse_path("."))(ROW) == [ROW]
    assert compile_path(parse_path(".."))(ROW) == [DOCUMENT]


def test_words_of_the_grammar_are_names_too() -> None:
    element = etree.fromstring("<r><and n='1'><or/><in/></and><not n='2'/><last n='3'><not/></last></r>")
    assert found("and[or and in]", element) == ["1"]
    assert found("not | last[not]", element) == ["2", "3"]
    assert found("*[last]", element) == []


def test_names_in_any_case() -> None:
    element = etree.fromstring("<r><AMT Ccy='x'/><amt CCY='y'/></r>")
    assert found("amt/@ccy", element, ignore_case=True) == ["x", "y"]
    assert found("amt/@ccy", element) == []


def test_equal_attributes_of_a_union_are_not_one() -> None:
    # CPython keeps one object for every text of one character.
    assert found("@x | @y", etree.fromstring("<r x='1' y='1'/>")) == ["1", "1"]
    assert found("@x | @x | @*", etree.fromstring("<r x='1' y='1'/>")) == ["1", "1"]


def test_union_of_many_is_not_quadratic() -> None:
    element = etree.fromstring("<r>" + "<a/><b/>" * 20_000 + "</r>")
    assert len(compile_path(parse_path(".//a | .//b"))(element)) == 40_000


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "the name of an element expected before its end"),
        ("a/", "the name of an element expected before its end"),
        ("/a", "without a slash, but here is '/' at character 1"),
        ("//a", "without a slash, but here is '//' at character 1"),
        ("a b", "the path ends before 'b' at character 3"),
        ("a//@b", "the name of an element expected before '@' at character 4"),
        ("a//..", "expected before '..' at character 4"),
        ("@", "the name of an attribute expected before its end"),
        ("@a/b", "the path ends before '/' at character 3"),
        ("@p:*", "attributes by pattern have no namespace, but here is 'p:*' at character 2"),
        ("a[0]", "positions count from 1, but here is '0' at character 3"),
        ("a[1", "']' expected before its end"),
        ("a[1.5]", "']' expected before '.' at character 4"),
        ("a[@b=c]", "a quoted text expected before 'c' at character 6"),
        ("a[@b='c]", '"\'" at character 6 does not belong into a path'),
        ("a[b in 'c']", "'(' expected before \"'c'\" at character 8"),
        ("a[b in ('c' 'd')]", "')' expected before \"'d'\" at character 13"),
        ("a[(b]", "')' expected before ']' at character 5"),
        ("a[]", "the name of an element expected before ']' at character 3"),
        ("a | ", "the name of an element expected before its end"),
        ("a + b", "'+' at character 3 does not belong into a path"),
        ("text()", "the path ends before '(' at character 5"),
        ("a[q:b]", "the prefix 'q' of 'q:b' is not declared"),
        ("@q:b", "the prefix 'q' of 'q:b' is not declared"),
    ],
)
def test_error(path: str, message: str) -> None:
    with pytest.raises(PathError) as caught:
        parse_path(path, {"p": "urn:p"})
    assert str(caught.value).startswith(repr(path) + ": ")
    assert message in str(caught.value)


NAMES = ["a", "b", "c"]
URIS = ["", "urn:x"]


def _trees() -> st.SearchStrategy[etree._Element]:
    attributes = st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from(["1", "2", "long"]))
    tag = st.builds(
        lambda uri, name: f"{{{uri}}}{name}" if uri else name, st.sampled_from(URIS), st.sampled_from(NAMES)
    )
    text = st.sampled_from(["", "1", "t"])
    leaf = st.tuples(tag, attributes, text, text, st.just(()))
    node = st.recursive(
        leaf, lambda below: st.tuples(tag, attributes, text, text, st.lists(below, max_size=4)), max_leaves=14
    )

    def build(spec: tuple[Any, ...]) -> etree._Element:
        name, attrs, inner, tail, children = spec
        element = etree.Element(name, attrs)
        element.text, element.tail = inner, tail
        element.extend(build(child) for child in children)
        return element

    def rooted(spec: tuple[Any, ...]) -> etree._Element:
        # Deep enough for all `..`: in XPath, the document element has a parent too.
        above = etree.fromstring("<a x='top'><b><c y='1'><a/></c></b></a>")[0][0][0]
        above.append(build(spec))
        return above[0]

    return node.map(rooted)


Both = tuple[str, str]
"""A piece of a path in our words and in XPath's."""


def _test(name: str) -> str:
    return "*" if name == "*" else f"*[local-name()='{name}']"


names = st.sampled_from([*NAMES, "*"])
attributes = st.sampled_from(["@x", "@y", "@*"]).map(lambda name: (name, name))


@st.composite
def _children(draw: Callable[..., Any]) -> Both:
    steps = draw(st.lists(names, min_size=1, max_size=3))
    return "/".join(steps), "/".join(map(_test, steps))


@st.composite
def _step(draw: Callable[..., Any]) -> Both:
    name = draw(names)
    ours, xpath = name, _test(name)
    for _ in range(draw(st.integers(0, 2))):
        condition = draw(conditions)
        ours, xpath = f"{ours}[{condition[0]}]", f"{xpath}[{condition[1]}]"
    return ours, xpath


values = st.sampled_from(["1", "t", ""])
compared = st.one_of(attributes, _children(), st.just((".", ".")))
comparisons = st.one_of(
    compared.filter(lambda path: path[0] != "."),
    st.builds(lambda p, v: (f"{p[0]}='{v}'", f"{p[1]}='{v}'"), compared, values),
    st.builds(lambda p, v: (f"{p[0]} != '{v}'", f"{p[1]}!='{v}'"), compared, values),
    st.builds(
        lambda p, v, w: (f"{p[0]} in ('{v}', '{w}')", f"({p[1]}='{v}' or {p[1]}='{w}')"), compared, values, values
    ),
)
logic = st.recursive(
    comparisons,
    lambda terms: st.one_of(
        st.builds(lambda a, b: (f"{a[0]} and {b[0]}", f"{a[1]} and {b[1]}"), comparisons, comparisons),
        st.builds(lambda a, b: (f"({a[0]} or {b[0]})", f"({a[1]} or {b[1]})"), terms, terms),
        st.builds(lambda a: (f"not({a[0]})", f"not({a[1]})"), terms),
    ),
    max_leaves=4,
)
positions = st.sampled_from(["1", "2", "last()"]).map(lambda position: (position, position))
conditions = st.one_of(positions, logic)


@st.composite
def _paths(draw: Callable[..., Any]) -> Both:
    steps: list[Both] = draw(st.lists(st.one_of(_step(), st.just(("..", ".."))), min_size=1, max_size=3))
    ours, xpath = ("." + "//" * draw(st.booleans()),) * 2 if steps[0][0] != ".." else (".", ".")
    for number, step in enumerate(steps):
        slash = "//" if number and step[0] != ".." and draw(st.booleans()) else "/"
        if number or ours == ".":
            ours, xpath = ours + slash, xpath + slash
        ours, xpath = ours + step[0], xpath + step[1]
    if draw(st.booleans()):
        last = draw(attributes)
        ours, xpath = f"{ours}/{last[0]}", f"{xpath}/{last[1]}"
    return ours, xpath


unions = st.lists(_paths(), min_size=1, max_size=3).map(
    lambda paths: (" | ".join(p[0] for p in paths), "|".join(p[1] for p in paths))
)


@settings(max_examples=150, deadline=None)
@given(_trees(), unions)
def test_equals_xpath(element: etree._Element, path: Both) -> None:
    assert compile_path(parse_path(path[0]))(element) == element.xpath(path[1])


plain = st.lists(
    st.builds(
        lambda steps, last: "/".join([*steps, *last]) or ".",
        st.lists(names, max_size=3),
        st.one_of(st.just([]), st.sampled_from([["@x"], ["@y"]])),
    ),
    min_size=1,
    max_size=3,
).map(" | ".join)


def walked(walk: Walk, element: etree._Element, slots: int) -> list[Any]:
    """What a walk puts into its slots."""
    found = ", ".join(f"found_{slot}" for slot in range(slots))
    global_names: dict[str, Any] = {}
    lines = [f"{found} = {', '.join(['None'] * slots)}", *walk.source("element", global_names), f"return [{found}]"]
    exec("\n".join(["def visit(element):", *indented(lines)]), global_names)
    return global_names["visit"](element)


@settings(max_examples=150, deadline=None)
@given(_trees(), st.lists(plain, min_size=1, max_size=12))
def test_walk_of_many_paths_gives_what_each_selects(element: etree._Element, texts: list[str]) -> None:
    walk, served = Walk(), []
    for text in texts:
        if walk.add_value(path := parse_path(text), "join", len(served)):
            served.append(compile_path(path))
    if not served:
        return
    expected = [[node if isinstance(node, str) else text_of(node) for node in select(element)] for select in served]
    assert walked(walk, element, len(served)) == [texts or None for texts in expected]


def test_element_of_many_children_is_walked_like_one_of_few() -> None:
    names = [f"c{number}" for number in range(30)]
    element = etree.fromstring("<r>" + "".join(f"<{name}>{name}</{name}><!-- -->" for name in names) + "</r>")
    walk = Walk()
    for slot, name in enumerate(reversed(names)):
        walk.add_value(parse_path(name), "first", slot)
    assert walked(walk, element, 30) == names[::-1]


@pytest.mark.parametrize("steps", [8, 9, 40])
def test_path_of_many_steps_is_walked_or_left(steps: int) -> None:
    element = etree.fromstring("<a>" * (steps + 1) + "x" + "</a>" * (steps + 1))
    walk = Walk()
    assert walk.add_value(parse_path("/".join("a" * steps)), "first", 0) == (steps <= 8)
    assert walked(walk, element, 1) == (["x"] if steps <= 8 else [None])


@settings(max_examples=150, deadline=None)
@given(_trees(), plain)
def test_walk_gives_what_the_path_selects(element: etree._Element, text: str) -> None:
    path = parse_path(text)
    walk = Walk()
    if not all(walk.add_value(path, take, slot) for slot, take in enumerate(("first", "last", "join"))):
        return
    if path.selects_elements:
        assert walk.add_rows(path, 3)
    found = walked(walk, element, 4)
    nodes = compile_path(path)(element)
    texts = [node if isinstance(node, str) else text_of(node) for node in nodes]
    assert found[:3] == ([texts[0], texts[-1], texts] if texts else [None] * 3)
    assert found[3] == ((nodes or None) if path.selects_elements else None)


WALKED = [
    ("@id", "first", "r1"),
    ("Bal/@n", "last", "3"),
    ("Bal/@n", "join", ["1", "2", "3"]),
    ("Bal/Tp/Cd", "first", "OPBD"),
    ("Bal/Tp/Cd", "last", "PRCD"),
    ("Bal/Tp/Cd", "join", ["OPBD", "CLBD", "PRCD"]),
    ("*/Ccy", "first", "EUR"),
    ("none", "first", None),
]


def test_walk_fills_many_slots_at_once() -> None:
    walk = Walk()
    for slot, (text, take, _) in enumerate(WALKED):
        assert walk.add_value(parse_path(text), take, slot)
    assert walk.add_rows(parse_path("Tx"), len(WALKED))
    slots = walked(walk, ROW, len(WALKED) + 1)
    assert slots[:-1] == [value for _, _, value in WALKED]
    assert [node.get("id") for node in slots[-1]] == ["t1", None, "t2"]


@pytest.mark.parametrize("text", ["..", "a[1]", ".//a", "a | a", "a | a/b", "*/b | a/c", "@*", "{urn:x}a/b | a/c"])
def test_walk_leaves_what_it_cannot_serve(text: str) -> None:
    assert not Walk().add_value(parse_path(text), "first", 0)


@pytest.mark.parametrize("text", [".", "a/b | a/c", "a/b | a/@x", "{urn:x}a/b | {urn:y}a/c", "a/b | c/d"])
def test_walk_serves(text: str) -> None:
    assert Walk().add_value(parse_path(text), "first", 0)


def test_comments_and_instructions_are_no_elements() -> None:
    element = etree.fromstring("<r><!-- c --><?pi?><a/><b/></r>")
    assert [node.tag for node in compile_path(parse_path("*"))(element)] == ["a", "b"]
    walk = Walk()
    walk.add_rows(parse_path("*"), 0)
    slots = walked(walk, element, 1)
    assert [node.tag for node in slots[0]] == ["a", "b"]
