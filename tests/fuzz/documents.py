"""Documents of hostile layout, and what our reading must make of them: what libxml2 makes of the whole document."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from transforms.names import RecordPath
from transforms.parse.parser import RecordParser
from transforms.read import SourceFile, Split, plan_splits, read_split
from transforms.read.scan import scan
from transforms.read.splits import records_of
from transforms.records import ParsedRecord, Reject, XmlRecord

PATHS = (
    "/*", "/root/rec", "/root/rec", "/root/rec", "/root/*", "/*/grp/rec", "/root/grp/*/rec", "/{urn:u}root/{urn:u}rec",
    "/*/{urn:v}rec", "/root/{}rec",
)  # fmt: skip
ENCODINGS = (
    "utf-8", "utf-8", "utf-8", "utf-8-sig", "iso-8859-1", "windows-1252", "euc-jp", "utf-16", "utf-16-le", "utf-16-be",
    "shift_jis", "gb18030",
)  # fmt: skip
_NAMES = ("rec", "rec", "rec", "rec-x", "record", "re", "grp", "a", "réc")
_DECOYS = (
    "<rec>", "</rec>", "<rec/>", "<root>", "</root>", "</grp>", "]]", "]", "?", ">", "/>", '"', "'", "&", "<", "<!",
    "é", "日", " ", "<!DOCTYPE", "<![CDATA[", "<!-", "-",
)  # fmt: skip
_TEXTS = (
    "a", " ", "\n", "\r\n", '"', "'", ">", "]]", "é", "表", "𝄞", "&amp;", "&lt;rec&gt;", "&#60;", "&#x3c;", "&e;",
    "&f;",
)  # fmt: skip
_SPACES = (" ", "\n", "\t", " \r\n ", "\n\n")
_SUBSET = """[<!-- ' ]> <rec> "--> <!ENTITY e "]>'"> <!ENTITY f '<!-- ]> "<rec>" -->'>%s
 <?pi ]> " ?><!ATTLIST grp kind CDATA 'k>'><!ELEMENT rec ANY><!NOTATION n SYSTEM "]">]"""


class Builder:
    """Random documents; ``end`` is where the markup of the document element's start tag ends."""

    def __init__(self, chance: random.Random):
        self.chance = chance
        self.has_entities = chance.random() < 0.5
        self.end = 0

    def document(self) -> str:
        """Well-formed, without an XML declaration."""
        before = self._many(self._misc, 2)
        doctype = ""
        if self.has_entities:
            more = '<!ENTITY g "&e;&e;">' if self.chance.random() < 0.3 else ""
            doctype = f"<!DOCTYPE{self._space()}root {_SUBSET % more}{self.chance.choice(['', ' '])}>"
        elif self.chance.random() < 0.2:
            doctype = self.chance.choice(
                ["<!DOCTYPE root>", '<!DOCTYPE root SYSTEM "a>b.dtd">', "<!DOCTYPE root\n[ ]>"]
            )
        head = f"{before}{doctype}{self._many(self._misc, 1)}"
        root = self._element(self.chance.randrange(1, 5), frozenset(), self.chance.choice(["root"] * 5 + ["other"]))
        self.end = len(head) + root.index(">", _behind_start_tag(root)) + 1 if not root.endswith("/>") else 0
        return f"{head}{root}{self._many(self._misc, 2)}"

    def _many(self, make: Callable[[], str], most: int) -> str:
        return "".join(make() for _ in range(self.chance.randrange(most + 1)))

    def _space(self) -> str:
        return self.chance.choice(_SPACES)

    def _decoys(self, *without: str) -> str:
        text = self._many(lambda: self.chance.choice(_DECOYS), 4)
        for one in without:
            text = text.replace(one, "")
        return text

    def _misc(self) -> str:
        return self.chance.choice([self._comment, self._space, self._instruction])()

    def _comment(self) -> str:
        return f"<!--{self._decoys('-')}-->"

    def _instruction(self) -> str:
        return f"<?pi {self._decoys('?')}?>"

    def _cdata(self) -> str:
        return f"<![CDATA[{self._decoys(']')}]]>"

    def _text(self) -> str:
        text = self._many(lambda: self.chance.choice(_TEXTS), 3).replace("]]>", "")
        return text if self.has_entities else text.replace("&e;", "").replace("&f;", "")

    def _value(self) -> str:
        text = self._many(lambda: self.chance.choice(["x", ">", "/>", "é", "\n", "&lt;rec&gt;", "&e;", "''", "-->"]), 3)
        return text if self.has_entities else text.replace("&e;", "")

    def _element(self, depth: int, prefixes: frozenset[str], name: str | None = None) -> str:
        number = self.chance.randrange(3) if self.chance.random() < 0.3 else 0
        declared = sorted(self.chance.sample(["", "p", "q"], number))
        prefixes |= {prefix for prefix in declared if prefix}
        prefix = self.chance.choice(["", "", *sorted(prefixes)])
        name = (f"{prefix}:" if prefix else "") + (name or self.chance.choice(_NAMES))
        attributes = [f"xmlns{p and ':' + p}='{self.chance.choice(['urn:u', 'urn:v'])}'" for p in declared]
        for key in self.chance.sample(["k", "xmlnsx", "id", "rec"], self.chance.choice([0, 0, 1, 2])):
            attributes.append(f'{key}{self.chance.choice(["=", " = ", chr(10) + "="])}"{self._value()}"')
        self.chance.shuffle(attributes)
        start = name + "".join(self._space() + one for one in attributes) + self.chance.choice(["", "", " ", "\n"])
        if self.chance.random() < 0.2:
            return f"<{start}/>"
        kinds = [self._text, self._comment, self._cdata, self._instruction]
        if depth:
            kinds += [lambda: self._element(depth - 1, prefixes)] * 4
        inner = self._many(lambda: self.chance.choice(kinds)(), 8 if name == "root" else 5)
        return f"<{start}>{inner}</{name}{self.chance.choice(['', '', ' ', chr(10)])}>"


def _behind_start_tag(element: str) -> int:
    """An index inside the element's start tag, behind all ``>`` in its attributes' values."""
    at, quote = 1, ""
    while quote or element[at] != ">":
        if quote:
            quote = "" if element[at] == quote else quote
        elif element[at] in "\"'":
            quote = element[at]
        at += 1
    return at


def encode(text: str, encoding: str, declare: bool = True) -> bytes:
    """The document's bytes; what the encoding lacks becomes a reference, where one may stand."""
    name = encoding.replace("utf-8-sig", "utf-8").removesuffix("-le").removesuffix("-be")
    head = f'<?xml version="1.0" encoding="{name}"?>' if declare else ""
    return (head + text).encode(encoding, "xmlcharrefreplace")


def by_libxml2(document: bytes, path: RecordPath) -> list[str] | None:
    """The records in canonical form, by lxml's iterparse on the whole document; ``None``: it has another root."""
    found: list[str] = []
    level = 0
    matching = [True]
    parser = etree.iterparse(
        io.BytesIO(document), events=("start", "end"), resolve_entities="internal", no_network=True, remove_pis=True,
        remove_comments=True,
    )  # fmt: skip
    for event, element in parser:
        if event == "start":
            step = path.steps[level] if level < path.depth else None
            matching.append(matching[-1] and step is not None and step.matches(element.tag))
            level += 1
            if level == 1 and not matching[-1]:
                return None
            continue
        if matching.pop() and level == path.depth:
            found.append(canonical(element))
        level -= 1
    return found


def canonical(element: etree._Element) -> str:
    """All that an element says; not by C14N, which refuses namespaces that are no absolute URIs."""
    inner = [(canonical(child), child.tail) for child in element]
    return repr((element.tag, sorted(element.attrib.items()), element.text, inner))


def scanned(document: bytes, path: RecordPath, chunk_bytes: int) -> list[XmlRecord | Reject]:
    """The records by one scan that reads so many bytes at once."""
    items = scan(io.BytesIO(document).read, path, chunk_bytes, keep_bytes=1 << 20)
    return list(records_of(items, "d", 1 << 20))


def split(document: bytes, path: RecordPath, split_bytes: int, file: Path) -> list[XmlRecord | Reject]:
    """The records of a file that is cut into splits of about that size."""
    file.write_bytes(document)
    splits = list(plan_splits(SourceFile("d", str(file), len(document)), path, split_bytes))
    assert all(isinstance(one, Split) for one in splits)
    return [item for one in splits for item in read_split(one, path, 1 << 20)]


def verdicts(items: list[XmlRecord | Reject]) -> Iterator[tuple[Any, ...]]:
    """What becomes of each: where it starts, its number, and the element, or the stage and rule that refused it."""
    parser = RecordParser()
    for item in items:
        result = parser.parse(item) if isinstance(item, XmlRecord) else item
        if isinstance(result, ParsedRecord):
            yield item.start, item.ordinal, "record", canonical(result.root)
        else:
            yield result.start, result.ordinal, result.stage, result.rule


def layout(chance: random.Random, folder: Path) -> None:
    """Any chunks and splits of any document give libxml2's records."""
    text, encoding = Builder(chance).document(), chance.choice(ENCODINGS)
    declare = encoding not in ("utf-8", "utf-8-sig", "utf-16") or chance.random() < 0.6
    document, path = encode(text, encoding, declare), RecordPath.parse(chance.choice(PATHS))
    expected = _undamaged(document, path)
    if expected is None:
        return  # a name or a comment that cannot be written in this encoding
    chunk_bytes, split_bytes = chance.choice([1, 2, 7, 50, 1 << 16]), chance.choice([1, 10, 100, 1 << 20])
    for items in (scanned(document, path, chunk_bytes), split(document, path, split_bytes, folder / "d.xml")):
        found = [one[-1] for one in verdicts(items)]
        assert found == expected, (document, str(path), chunk_bytes, split_bytes)


_PIECES = (
    b"<", b">", b"&", b'"', b"'", b"\0", b"\xff", b"\xc3", b"<!--", b"-->", b"--", b"<![CDATA[", b"]]>", b"<?", b"?>",
    b"<rec>", b"</rec>", b"<rec", b"<rec/>", b"</root>", b"<root>", b"&nope;", b"&#0;", b"<!DOCTYPE x [", b"]>",
    b" a=b", b" k='1'", b"<a:b/>", b"\r", b"<xxxxxxxx", b"<?xml version='1.0'?>", b"\xef\xbb\xbf", b"<rec xmlns:p=''/>",
)  # fmt: skip


def mutate(data: bytes, chance: random.Random, most: int = 3) -> bytes:
    """Bytes flipped, left out, put in, doubled; now and then the end cut off."""
    for _ in range(chance.randrange(1, most + 1)):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(6)
        if kind == 0 and data[at:]:
            data = data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
        elif kind == 1:
            data = data[:at] + data[at + chance.randrange(1, 9) :]
        elif kind == 2:
            other = chance.randrange(len(data) + 1)
            data = data[:at] + data[other : other + chance.randrange(1, 30)] + data[at:]
        elif kind == 3 and chance.random() < 0.3:
            data = data[:at]
        else:
            data = data[:at] + chance.choice(_PIECES) + data[at:]
    return data


def damage(chance: random.Random, folder: Path) -> None:
    """Damage has the same verdict whatever the chunks and splits, and wherever it stands; never another error."""
    builder = Builder(chance)
    text = builder.document()
    encoding = chance.choice(ENCODINGS)
    path = RecordPath.parse(chance.choice(PATHS))
    declare = encoding not in ("utf-8", "utf-8-sig", "utf-16") or chance.random() < 0.6
    head, tail = encode(text[: builder.end], encoding, declare), _continued(text[builder.end :], encoding)
    is_inside = builder.end > 0 and chance.random() < 0.8
    document = head + mutate(tail, chance) if is_inside else mutate(head + tail, chance)
    expected = list(verdicts(scanned(document, path, 1 << 16)))
    where = (document, str(path))
    if (whole := _undamaged(document, path)) is not None:
        assert [one[-1] for one in expected] == whole, where
    for chunk_bytes in (1, chance.randrange(2, 60)):
        assert list(verdicts(scanned(document, path, chunk_bytes))) == expected, (*where, chunk_bytes)
    for split_bytes in (1, chance.randrange(2, 300)):
        found = list(verdicts(split(document, path, split_bytes, folder / "d.xml")))
        assert found == expected, (*where, "split", split_bytes)
    if is_inside and path.depth > 1:
        pad = _continued(f"<!--{'x' * chance.randrange(1, 300)}-->" + chance.choice(["", "\n", "<?x?>"]), encoding)
        found = list(verdicts(scanned(head + pad + document[len(head) :], path, 1 << 16)))
        shifted = [(start + len(pad) if start >= len(head) else start, *rest) for start, *rest in expected]
        assert found == shifted, (*where, "behind", pad)


def _undamaged(document: bytes, path: RecordPath) -> list[str] | None:
    """What must be read of it, if libxml2 finds nothing wrong with the whole."""
    try:
        etree.fromstring(document)  # iterparse takes a document that ends in its first tag for an empty one
        found = by_libxml2(document, path)
    except etree.XMLSyntaxError:
        return None
    return ["root"] if found is None else found


def _continued(text: str, encoding: str) -> bytes:
    """Text inside a document: without a byte order mark."""
    encoding = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(encoding, encoding)
    return text.encode(encoding, "xmlcharrefreplace")


def noise(chance: random.Random, folder: Path) -> None:
    """What is no XML at all: a verdict, and the same one whatever the chunks."""
    size = chance.choice([0, 1, 2, 3, 5, 20, 200])
    alphabet = chance.choice([bytes(range(256)), b"<>/!?-[]&;'\"= \nrectoxml:", b"\0<r\xfe\xff\xef\xbb\xbf"])
    document = bytes(chance.choice(alphabet) for _ in range(size))
    path = RecordPath.parse(chance.choice(PATHS))
    expected = list(verdicts(scanned(document, path, 1 << 16)))
    assert expected, document
    assert list(verdicts(scanned(document, path, 1))) == expected, (document, str(path))
    assert list(verdicts(split(document, path, 1, folder / "d.xml"))) == expected, (document, str(path))
