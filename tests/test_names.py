"""Name tests and the record path."""

from __future__ import annotations

import re

import pytest

from transforms.names import NameTest, RecordPath, split_tag


@pytest.mark.parametrize(
    ("text", "tag", "taken"),
    [
        ("a", "a", True),
        ("a", "{urn:x}a", True),
        ("a", "b", False),
        ("a", "A", False),
        ("{urn:x}a", "{urn:x}a", True),
        ("{urn:x}a", "{urn:y}a", False),
        ("{urn:x}a", "a", False),
        ("{}a", "a", True),
        ("{}a", "{urn:x}a", False),
        ("p:a", "{urn:p}a", True),
        ("p:a", "a", False),
        ("*", "{urn:x}a", True),
        ("{urn:x}*", "{urn:x}a", True),
        ("{urn:x}*", "a", False),
        ("p:*", "{urn:p}b", True),
    ],
)
def test_name_test(text: str, tag: str, taken: bool) -> None:
    assert NameTest.parse(text, {"p": "urn:p"}).matches(tag) is taken


@pytest.mark.parametrize("name", ["_", "a-b.c", "Ünïcode", "日本", "नाम", "e\u0301", "a·b", "x1"])
def test_names_of_xml_are_names_here(name: str) -> None:
    from lxml import etree

    assert NameTest.parse(name).matches(etree.fromstring(f"<{name}/>").tag)


@pytest.mark.parametrize("text", ["", "1a", "-a", "a b", "a/b", "@a", "a:b:c", ":a", "a:", "{urn:x}", "a*", "a\n"])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not an element name"):
        NameTest.parse(text, {"a": "urn:a"})


def test_undeclared_prefix_is_named() -> None:
    with pytest.raises(ValueError, match=r"the prefix 'q' of 'q:a' is not declared under `namespaces`"):
        NameTest.parse("q:a", {"p": "urn:p"})


def test_case_is_ignored_in_the_local_name_only() -> None:
    test = NameTest.parse("{urn:X}Amt", ignore_case=True)
    assert test.matches("{urn:X}AMT")
    assert not test.matches("{urn:x}Amt")
    assert NameTest.parse("*", ignore_case=True).matches("none")


def test_split_tag() -> None:
    assert split_tag("{urn:x}a") == ("urn:x", "a")
    assert split_tag("a") == ("", "a")
    assert split_tag("{}a") == ("", "a")


def test_record_path_steps() -> None:
    path = RecordPath.parse("/p:orders/{http://x/y/}*/order", {"p": "urn:p"})
    assert path.steps == (NameTest("orders", "urn:p"), NameTest(None, "http://x/y/"), NameTest("order"))
    assert path.depth == 3
    assert RecordPath.parse("/*").steps == (NameTest(None),)


@pytest.mark.parametrize("text", ["/a", "/*", "/{http://x/y/}a/b", "/{}a/*"])
def test_record_path_prints_as_it_reads(text: str) -> None:
    assert str(RecordPath.parse(text)) == text


@pytest.mark.parametrize("text", ["", "a", "a/b", "/", "/a/", "/a/ "])
def test_record_path_is_absolute(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an (absolute path|element name)"):
        RecordPath.parse(text)


@pytest.mark.parametrize("text", ["//a", "//*", "/a//b"])
def test_record_path_has_one_depth(text: str) -> None:
    with pytest.raises(ValueError, match=rf"^'{re.escape(text)}': records are at one depth, and // means any"):
        RecordPath.parse(text)


@pytest.mark.parametrize("text", ["/a/..", "/a/@b", "/a[1]", "/.", "/{urn:[@]}a/b[@c]"])
def test_record_path_has_only_names(text: str) -> None:
    with pytest.raises(ValueError, match="the path of records has only names of elements, not"):
        RecordPath.parse(text)


def test_record_path_takes_any_uri() -> None:
    assert RecordPath.parse("/{urn:[@]//x}a").steps[0].uri == "urn:[@]//x"
