"""Encodings: which are scanned as they are, which are read as UTF-8, and that offsets stay those of the source."""

from __future__ import annotations

import io
from typing import Any

import pytest
from lxml import etree

from transforms.names import RecordPath
from transforms.read.encoding import UTF8, BrokenInput, Encoding, detect
from transforms.read.scan import Span, scan
from transforms.records import XmlRecord

TEXT = "<rec a='{0}'>{0}</rec>"


def spans_of(document: bytes, path: str = "/root/rec", chunk_bytes: int = 64) -> list[Any]:
    return list(scan(io.BytesIO(document).read, RecordPath.parse(path), chunk_bytes, keep_bytes=1 << 20))


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"<a/>", UTF8),
        (b"\xef\xbb\xbf<?xml version='1.0' encoding='iso-8859-1'?>", Encoding("utf-8", True, bom=3)),
        (b"<?xml version='1.0' encoding='UTF8'?>", UTF8),
        (b"<?xml version='1.0' standalone='yes'?>", UTF8),
        (b"<!-- <?xml version='1.0' encoding='big5'?> -->", UTF8),
        (b"<?xml version='1.0' encoding='utf-16'?>", Encoding("utf-8", False)),
        ("<a/>".encode("utf-16"), Encoding("utf-16", False)),
        ("<a/>".encode("utf-32"), Encoding("utf-32", False)),
        ("<?xml".encode("utf-16-be"), Encoding("utf-16-be", False)),
        ("<?xml".encode("utf-32-le"), Encoding("utf-32-le", False)),
    ],
)
def test_mark_and_declaration_decide(head: bytes, expected: Encoding) -> None:
    assert detect(head) == expected


@pytest.mark.parametrize("name", ["klingon", "base64", "rot13", "utf-7", "unicode_escape", "punycode"])
def test_unknown_encoding_is_damage(name: str) -> None:
    [damage] = spans_of(f"<?xml version='1.0' encoding='{name}'?><root><rec/></root>".encode())
    assert damage.rule == "encoding"
    assert repr(name) in damage.message
    with pytest.raises(BrokenInput):
        detect(f"<?xml version='1.0' encoding='{name}'?>".encode())


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("us-ascii", "a"),
        ("ISO-8859-1", "é"),
        ("iso-8859-15", "€"),
        ("windows-1252", "€"),
        ("windows-1251", "Ж"),
        ("KOI8-R", "Ж"),
        ("koi8-u", "Ж"),
        ("EUC-JP", "日ソ"),
        ("euc-kr", "한"),
        ("iso-8859-7", "λ"),
    ],
)
def test_superset_of_ascii_is_scanned_as_it_is_below_its_declaration(encoding: str, text: str) -> None:
    record = TEXT.format(text).encode(encoding)
    document = f"<?xml version='1.0' encoding='{encoding}'?><root>".encode() + record + b"</root>"
    [span] = spans_of(document)
    assert span.payload == record == document[span.start : span.end]
    assert etree.fromstring(XmlRecord("", 0, *span[:2], span.payload, span.context).document())[0].text == text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-16", "é𝄞"),
        ("utf-16-le", "日"),
        ("utf-16-be", "㸼"),
        ("utf-32", "𝄞"),
        ("Shift_JIS", "ソ表|"),
        ("cp932", "①ソ"),
        ("GBK", "峔誠"),
        ("gb18030", "𝄞㐀"),
        ("Big5", "功許"),
        ("iso-2022-jp", "日本 <x/> 表"),
        ("cp037", "é"),
        ("macintosh", "é"),
    ],
)
@pytest.mark.parametrize("chunk_bytes", [1, 10_000])
def test_other_encodings_are_read_as_utf8_with_offsets_of_the_source(
    encoding: str, text: str, chunk_bytes: int
) -> None:
    record = TEXT.format(text.replace("<x/>", "&lt;x"))
    declaration = f"<?xml version='1.0' encoding='{encoding.removesuffix('-le').removesuffix('-be')}'?>"
    document = f"{declaration}<root><!-- {text * 3000} -->{record}{record}</root>".encode(encoding)
    codec = {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(encoding, encoding)
    for span in (spans := spans_of(document, chunk_bytes=chunk_bytes)):
        assert span.payload == record.encode()
        assert document[span.start : span.end].decode(codec) == record
    assert len(spans) == 2


def test_document_record_is_utf8_without_the_declaration_of_another_encoding() -> None:
    document = "<?xml version='1.0' encoding='utf-16'?><!-- c --><a>é</a>".encode("utf-16")
    [span] = spans_of(document, "/*")
    assert (span.start, span.end, span.payload) == (0, len(document), "<!-- c --><a>é</a>".encode())


def test_utf8_that_says_it_were_utf16_is_read() -> None:
    document = "<?xml version='1.0' encoding='utf-16'?><root>é<rec>é</rec></root>".encode()
    [span] = spans_of(document)
    assert document[span.start : span.end] == span.payload == "<rec>é</rec>".encode()
    [span] = spans_of(document, "/*")
    assert span.payload == "<root>é<rec>é</rec></root>".encode()


@pytest.mark.parametrize("size", [0, 3000])
def test_undecodable_byte_is_damage_after_the_records_before_it(size: int) -> None:
    head = f"<?xml version='1.0' encoding='shift_jis'?><root><rec>ソ{'x' * size}</rec>".encode("shift_jis")
    record, damage = spans_of(head + b"<rec>\x81\x20</rec><rec/></root>", chunk_bytes=1 << 20)
    assert record.end == len(head)
    assert (damage.rule, damage.start) == ("encoding", len(head))
    assert f"byte 0x81 at offset {len(head) + 5} is not shift_jis" in damage.message


def test_undecodable_byte_in_a_shifted_state_does_not_garble_what_is_before_it() -> None:
    document = b"<?xml version='1.0' encoding='iso-2022-jp'?><root><rec/>" + b"<rec>\x1b$B\xff"
    record, damage = spans_of(document)
    assert record.payload == b"<rec/>"
    assert (damage.rule, damage.start, damage.sample) == ("encoding", document.index(b"<rec>"), b"<rec>")


def test_character_cut_off_at_the_end_is_damage() -> None:
    document = "<root><rec/></root>".encode("utf-16")[:-1]
    record, damage = spans_of(document)
    assert isinstance(record, Span)
    assert damage.rule == "encoding"
