"""Random hostile documents: the scanner gives exactly the records that lxml gives on the whole document."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from transforms.names import RecordPath
from transforms.read import SourceFile, Split, plan_splits, read_split
from transforms.read.scan import Damage, scan
from transforms.records import XmlRecord

DECOY = st.sampled_from(
    ["<rec>", "</rec>", "<rec/>", "<root>", "</grp>", "]]", "?", ">", "/>", '"', "'", "&", "é", "日", " "]
)
DECOYS = st.lists(DECOY, max_size=4).map("".join)
TEXT = st.lists(
    st.sampled_from(["a", " ", "\n", '"', "'", ">", "é", "表", "&amp;", "&#60;", "&e;", "&f;", "𝄞"]), max_size=3
).map("".join)
COMMENT = DECOYS.map("<!--{}-->".format)
OPAQUE = (
    COMMENT
    | DECOYS.map(lambda text: f"<![CDATA[{text.replace(']]>', ']]')}]]>")
    | DECOYS.map(lambda text: f"<?pi {text.replace('?', '')}?>")
)
SPACE = st.sampled_from([" ", "\n", "\t ", " \r\n"])
VALUE = st.lists(st.sampled_from(["x", ">", "/>", "é", "\n", "&lt;rec&gt;", "&e;", "''"]), max_size=3).map("".join)
NAMES = ["rec", "rec", "rec-x", "record", "grp", "a"]
PATHS = [
    "/*",
    "/root/rec",
    "/root/*",
    "/*/grp/rec",
    "/root/grp/*/rec",
    "/{urn:u}root/{urn:u}rec",
    "/*/{urn:v}rec",
    "/root/{}rec",
]
PROLOG = (
    """<!DOCTYPE root [<!-- ' ]> <rec> --> <!ENTITY e "]>'"> <!ENTITY f '<!-- ]> "<rec>" -->'> <?pi ]> " ?>"""
    """<!ATTLIST grp kind CDATA 'k>'>]>"""
)


@st.composite
def elements(draw: st.DrawFn, depth: int, prefixes: frozenset[str], name: str | None = None) -> str:
    declared = draw(st.sets(st.sampled_from(["", "p", "q"]), max_size=2)) if draw(st.integers(0, 3)) == 0 else set()
    prefixes = prefixes | {prefix for prefix in declared if prefix}
    prefix = draw(st.sampled_from(["", "", *sorted(prefixes)]))
    name = (f"{prefix}:" if prefix else "") + (name or draw(st.sampled_from(NAMES)))
    attributes = [f"xmlns{p and ':' + p}='{draw(st.sampled_from(['urn:u', 'urn:v']))}'" for p in sorted(declared)]
    attributes += [
        f'{key} = "{draw(VALUE)}"' for key in draw(st.sets(st.sampled_from(["k", "xmlnsx", "id"]), max_size=2))
    ]
    start = "".join(
        [name, *(draw(SPACE) + attribute for attribute in attributes), draw(st.sampled_from(["", " ", "\n"]))]
    )
    if draw(st.integers(0, 4)) == 0:
        return f"<{start}/>"
    inner = TEXT | OPAQUE
    if depth:
        inner = inner | elements(depth - 1, prefixes)
    return f"<{start}>{''.join(draw(st.lists(inner, max_size=4)))}</{name}{draw(st.sampled_from(['', ' ', chr(10)]))}>"


@st.composite
def documents(draw: st.DrawFn) -> str:
    before, after = draw(st.lists(COMMENT | SPACE, max_size=2)), draw(st.lists(COMMENT | SPACE, max_size=2))
    root = draw(elements(4, frozenset(), draw(st.sampled_from(["root", "root", "root", "other"]))))
    return "".join(["\n", *before, PROLOG, root, *after])


def canonical(element: etree._Element) -> tuple[bytes, list[tuple[str, dict[str, str]]]]:
    above = [(ancestor.tag, dict(ancestor.attrib)) for ancestor in element.iterancestors()]
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False, with_tail=False), above


def by_lxml(document: bytes, path: RecordPath) -> list[tuple[bytes, list[tuple[str, dict[str, str]]]]] | None:
    level = [etree.fromstring(document)]
    for depth, step in enumerate(path.steps):
        level = [element for element in level if isinstance(element.tag, str) and step.matches(element.tag)]
        if depth == 0 and not level:
            return None
        if depth < path.depth - 1:
            level = [child for element in level for child in element]
    return [canonical(element) for element in level]


def parsed(record: XmlRecord) -> tuple[bytes, list[tuple[str, dict[str, str]]]]:
    element = etree.fromstring(record.document())
    for _ in range(record.context.depth):
        element = element[0]
    return canonical(element)


ENCODINGS = ["utf-8", "utf-8-sig", "iso-8859-1", "euc-jp", "utf-16", "utf-16-be", "shift_jis", "iso2022_jp", "gb18030"]


def encode(text: str, encoding: str) -> bytes:
    declared = encoding.replace("utf-8-sig", "utf-8").replace("iso2022_jp", "iso-2022-jp").removesuffix("-be")
    return f'<?xml version="1.0" encoding="{declared}"?>{text}'.encode(encoding, "xmlcharrefreplace")


@settings(max_examples=80, deadline=None)
@given(
    text=documents(), steps=st.sampled_from(PATHS), encoding=st.sampled_from(ENCODINGS), chunk_bytes=st.integers(1, 80)
)
def test_records_are_those_of_lxml(text: str, steps: str, encoding: str, chunk_bytes: int) -> None:
    document, path = encode(text, encoding), RecordPath.parse(steps)
    items = list(scan(io.BytesIO(document).read, path, chunk_bytes, keep_bytes=1 << 20))
    expected = by_lxml(document, path)
    if expected is None:
        assert [isinstance(item, Damage) and item.rule for item in items] == ["root"]
        return
    records = [XmlRecord("", i, s.start, s.end, s.payload, s.context) for i, s in enumerate(items)]
    assert [parsed(record) for record in records] == expected
    for record in records if path.depth > 1 else ():
        original = document[record.start : record.end]
        codec = {"utf-16": "utf-16-le", "utf-8-sig": "utf-8"}.get(encoding, encoding)
        transcoded = encoding in ENCODINGS[4:]
        assert record.payload == (original.decode(codec).encode() if transcoded else original)


@settings(max_examples=50, deadline=None)
@given(
    text=documents(), steps=st.sampled_from(PATHS), encoding=st.sampled_from(ENCODINGS), split_bytes=st.integers(1, 300)
)
def test_any_splits_give_the_records_of_lxml(
    text: str, steps: str, encoding: str, split_bytes: int, folder: Path
) -> None:
    document, path = encode(text, encoding), RecordPath.parse(steps)
    name = folder / "document.xml"
    name.write_bytes(document)
    splits = list(plan_splits(SourceFile("d", str(name), len(document)), path, split_bytes))
    records = [item for split in splits if isinstance(split, Split) for item in read_split(split, path)]
    expected = by_lxml(document, path)
    if expected is None:
        [reject] = splits if not isinstance(splits[0], Split) else records
        assert reject.rule == "root"
        return
    assert [parsed(record) for record in records] == expected
    assert [record.ordinal for record in records] == list(range(len(expected)))
    assert sum(split.input_bytes for split in splits) <= len(document)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("documents")
