"""Paths: one of all that brackets select, and texts that are not blank."""

from __future__ import annotations

import pytest
from lxml import etree

from tests.test_paths import walked
from transforms.contract.paths import PathError, parse_path
from transforms.map.collect import Walk
from transforms.map.select import compile_path
from transforms.map.take import compile_take

TREE = etree.fromstring(
    "<r><a n='1'><b x='1' id='p'/><b x='2' id='q'/></a><a n='2'><b X='3' id=' '/></a><a n='3'/><c> </c><c>v  w </c></r>"
)


def found(text: str, ignore_case: bool = False) -> list[str]:
    nodes = compile_path(parse_path(text, {}, ignore_case))(TREE)
    return [node if isinstance(node, str) else node.get("id", node.get("n", "")) for node in nodes]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b[last()]/@id", ["q", " "]),
        ("(a/b)[last()]/@id", [" "]),
        ("(a/b)[1]/@id", ["p"]),
        ("(a/b)[4]/@id", []),
        ("(a/b)[last()]/@x", []),
        ("((a)[1]/b)[last()]/@id", ["q"]),
        ("(a)[2]/b/@id", [" "]),
        ("(a[@n = '1']/b)[last()]", ["q"]),
        ("(a/b)[last()]/../@n", ["2"]),
        ("a/b[normalize-space(@id)]/@id", ["p", "q"]),
        ("a/b[not(normalize-space(@id))]/@id", [" "]),
        ("a/b[normalize-space(@id) = '']/@id", [" "]),
        ("c[normalize-space(.) = 'v w']", [""]),
        ("a[normalize-space(b/@id)]", ["1"]),
    ],
)
def test_brackets_and_blanks(path: str, expected: list[str]) -> None:
    assert found(path) == expected


def test_names_in_any_case() -> None:
    assert found("(a/b)[last()]/@x", ignore_case=True) == ["3"]


@pytest.mark.parametrize("ignore_case", [False, True])
@pytest.mark.parametrize("path", ["(a/b)[last()]/@x", "(a/b)[last()]/@id", "(a)[last()]/@n", "(z)[last()]/@n"])
def test_a_walk_finds_the_last_elements_attribute_too(path: str, ignore_case: bool) -> None:
    parsed, walk = parse_path(path, {}, ignore_case), Walk()
    assert walk.add_value(parsed, "first", 0)
    assert walked(walk, TREE, 1) == [compile_take(compile_path(parsed), "first")(TREE)]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("(a/b)/@x", "'[' expected before '/' at character 6"),
        ("(a/b)[@x]/@x", "after a path in brackets a position must follow"),
        ("(a/@x)[1]", "brackets are about elements"),
        ("(a[1]", "')' expected before its end"),
    ],
)
def test_brackets_that_make_no_sense(path: str, message: str) -> None:
    with pytest.raises(PathError) as error:
        parse_path(path)
    assert message in str(error.value)
