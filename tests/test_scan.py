"""The scanner at its edges. Random documents are in test_scan_property.py."""

from __future__ import annotations

import io
import tracemalloc
from typing import Any

import pytest

from transforms.names import RecordPath
from transforms.read.encoding import BrokenInput
from transforms.read.scan import Damage, Span, scan
from transforms.read.window import SAMPLE_BYTES
from transforms.records import NO_CONTEXT, Context


def scanned(document: bytes, path: str = "/root/rec", chunk_bytes: int = 7) -> list[Any]:
    """The records' bytes and, for damage, ``rule@start``; what is kept must be what stands at the offsets."""
    result: list[Any] = []
    for item in scan(io.BytesIO(document).read, RecordPath.parse(path), chunk_bytes, keep_bytes=1 << 20):
        if isinstance(item, Damage):
            result.append(f"{item.rule}@{item.start}")
            assert document[item.start :].startswith(item.sample)
        else:
            result.append(document[item.start : item.end])
            assert item.payload == result[-1]
    return result


@pytest.mark.parametrize(
    "record",
    [
        b"<rec/>",
        b"<rec />",
        b"<rec></rec>",
        b"<rec\n>text</rec\n\t>",
        b"<rec\na='1'/>",
        b"<rec a='>' b=\"/>\">x</rec>",
        b"<rec><rec><rec/></rec><rec a='/'></rec></rec>",
        b"<rec><!-- </rec> --></rec>",
        b"<rec><!----></rec>",
        b"<rec><![CDATA[</rec>]]]]><![CDATA[>]]></rec>",
        b"<rec><?pi </rec> ??></rec>",
        b"<rec><recs></recs><re></re><rec-x/><rec.y/><rec:z/></rec>",
        "<rec ä='日本'>𝄞</rec>".encode(),
    ],
)
@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 5, 1 << 20])
def test_record_is_found_whole_however_buffers_cut_it(record: bytes, chunk_bytes: int) -> None:
    document = b"<root>" + record + b"\n" + record + b"</root>"
    assert scanned(document, chunk_bytes=chunk_bytes) == [record, record]


@pytest.mark.parametrize(
    "between",
    [
        b"<!-- <rec/> -->",
        b"<![CDATA[<rec/>]]>",
        b"<?pi <rec/> ?>",
        b"<other><rec/></other>",
        b"<recs/><re/><rec-x/>",
        b"<other a='>'/>",
        b"text &amp; more &#65;",
        b"<a><a><rec/></a></a>",
    ],
)
def test_what_is_no_record_is_passed_over(between: bytes) -> None:
    assert scanned(b"<root>" + between + b"<rec/>" + between + b"</root>") == [b"<rec/>"]


def test_prefix_declared_only_at_the_root_is_resolved() -> None:
    document = b"<p:root xmlns:p='urn:&#97;'><p:rec/><rec/><q:rec xmlns:q='urn:a'/><rec xmlns='urn:a'/></p:root>"
    assert scanned(document, "/{urn:a}root/{urn:a}rec") == [
        b"<p:rec/>", b"<q:rec xmlns:q='urn:a'/>", b"<rec xmlns='urn:a'/>",
    ]  # fmt: skip


def test_bare_name_and_star_take_any_namespace() -> None:
    document = b"<p:root xmlns:p='urn:a'><p:rec/><rec/><b/></p:root>"
    assert scanned(document) == [b"<p:rec/>", b"<rec/>"]
    assert scanned(document, "/*/*") == [b"<p:rec/>", b"<rec/>", b"<b/>"]
    assert scanned(document, "/root/{}rec") == [b"<rec/>"]


def test_context_carries_the_tags_of_the_ancestors_and_the_internal_subset() -> None:
    doctype = b"<!DOCTYPE root [<!ENTITY e ']>'>]>"
    document = b"<?xml version='1.0'?>" + doctype + b"<root a='1'><!-- --><g b='>'><rec/></g\n><g/><g><rec/></g></root>"
    spans = list(scan(io.BytesIO(document).read, RecordPath.parse("/root/g/rec")))
    assert [span.context for span in spans] == [
        Context(doctype, b"<root a='1'><g b='>'>", b"</g></root>", 2),
        Context(doctype, b"<root a='1'><g>", b"</g></root>", 2),
    ]


def test_external_doctype_is_not_carried() -> None:
    document = b"<!DOCTYPE root SYSTEM 'a>b.dtd'><root><rec/></root>"
    assert next(scan(io.BytesIO(document).read, RecordPath.parse("/root/rec"))).context.prolog == b""


def test_document_record_is_the_whole_file() -> None:
    document = b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- c --><a><a/></a><!-- d -->\n"
    for path in "/*", "/a":
        [span] = scan(io.BytesIO(document).read, RecordPath.parse(path), 4, keep_bytes=1000)
        assert span == Span(0, len(document), NO_CONTEXT, document)
    assert scanned(document, "/b") == ["root@0"]


def test_payload_longer_than_kept_is_dropped_but_its_place_is_known() -> None:
    document = b"<root><rec>" + b"x" * 100_000 + b"</rec><rec/></root>"
    long, short = scan(io.BytesIO(document).read, RecordPath.parse("/root/rec"), 1000, keep_bytes=90_000)
    assert (long.start, long.end, long.payload) == (6, 100_017, None)
    assert short.payload == b"<rec/>"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (b"", ["empty@0"]),
        (b" \n", ["empty@2"]),
        (b"<?xml version='1.0'?><!-- -->", ["empty@29"]),
        (b"no xml", ["not_xml@0"]),
        (b'{"a": "<rec/>"}', ["not_xml@0"]),
        (b"\x89PNG\r\n\x1a\n\0\0", ["not_xml@0"]),
        (b"x<root/>", ["not_xml@0"]),
        (b"<![CDATA[]]><root/>", ["not_xml@0"]),
        (b"<other><rec/></other>", ["root@0"]),
        (b"<html><rec/></html>", ["root@0"]),
        (b"<root/>", []),
        (b"<root></root>\n<!-- --><?pi?> ", []),
        (b"<root><other/></root>", []),
        (b"<root><rec/></toor>", [b"<rec/>", "malformed@12"]),
        (b"<root><rec/></root><root/>", [b"<rec/>", "malformed@19"]),
        (b"<root><rec/></root>rest", [b"<rec/>", "malformed@19"]),
        (b"<root><rec/></root>\0", [b"<rec/>", "malformed@19"]),
        (b"<root><rec/></root></root>", [b"<rec/>", "malformed@19"]),
        (b"<root><rec/><!DOCTYPE a></root>", [b"<rec/>", "malformed@12"]),
        (b"<root><rec/>< rec/></root>", [b"<rec/>", "malformed@12"]),
        (b"<root><rec/><rec <rec/></root>", [b"<rec/>", "malformed@12"]),
        (b"<root><rec/><p:rec/></root>", [b"<rec/>", "malformed@12"]),
        (b"<root><rec/>a & b<rec/></root>", [b"<rec/>", "malformed@14"]),
        (b"<root><rec/>&nbsp;<rec/></root>", [b"<rec/>", "malformed@12"]),
        (b"<root><rec/>", [b"<rec/>", "truncated@12"]),
        (b"<root><rec/><rec>x</re", [b"<rec/>", "truncated@12"]),
        (b"<root><rec/><rec>x</rec", [b"<rec/>", "truncated@12"]),
        (b"<root><rec/><rec><rec></rec>", [b"<rec/>", "truncated@12"]),
        (b"<root><rec/><other><rec/>", [b"<rec/>", "truncated@12"]),
        (b"<root><rec/><!-- x", [b"<rec/>", "truncated@12"]),
        (b"<root><rec/></root><!-- x", [b"<rec/>", "truncated@19"]),
        (b"<root a='<'><rec/></root>", ["malformed@0"]),
        (b"<!DOCTYPE root [<root/>", ["truncated@0"]),
    ],
)
@pytest.mark.parametrize("chunk_bytes", [1, 4, 1000])
def test_damage_comes_after_the_records_before_it(
    document: bytes, expected: list[bytes | str], chunk_bytes: int
) -> None:
    assert scanned(document, chunk_bytes=chunk_bytes) == expected


@pytest.mark.parametrize("value", ["<rec/>", "&#60;rec/>"])
def test_entity_that_brings_records_is_damage(value: str) -> None:
    document = f"<!DOCTYPE root [<!ENTITY e '{value}'><!ENTITY t 'text'>]><root><rec/>&t;&e;</root>".encode()
    assert scanned(document) == [b"<rec/>", f"entity@{document.index(b'&e;')}"]


def test_entity_bomb_between_records_is_damage() -> None:
    bomb = "".join(f"<!ENTITY e{i} '{f'&e{i - 1};' * 10}'>" for i in range(1, 12))
    document = f"<!DOCTYPE root [<!ENTITY e0 'x'>{bomb}]><root><rec/>&e11;</root>".encode()
    assert scanned(document) == [b"<rec/>", f"malformed@{document.index(b'&e11;')}"]


def test_truncation_at_every_byte_gives_the_records_before_it_and_one_damage() -> None:
    head = "<?xml version='1.0'?><!DOCTYPE root [<!ENTITY e ']>'>]><root a='>'><!-- <rec/> -->é<x><rec/></x>".encode()
    records = [b"<rec/>", b"<rec a='/>'>&e;<rec>\n</rec></rec >", "<rec><![CDATA[</rec>]]>日</rec>".encode()]
    document = head + b"\n".join(records) + b"</root>"
    ends = [document.index(record, len(head)) + len(record) for record in records]
    for cut in range(len(document)):
        *before, damage = scanned(document[:cut], chunk_bytes=16)
        assert before == records[: sum(end <= cut for end in ends)]
        assert damage.split("@")[0] in ("empty", "truncated", "not_xml")


def test_what_was_read_before_the_input_broke_is_scanned() -> None:
    pieces = iter([b"<root><rec/><re", b"c/><rec>"])

    def read(size: int) -> bytes:
        for piece in pieces:
            return piece
        raise BrokenInput("compression", "cut off")

    *records, damage = scan(read, RecordPath.parse("/root/rec"))
    assert [record[:2] for record in records] == [(6, 12), (12, 18)]
    assert damage == Damage(18, 23, "compression", "cut off", b"<rec>")


@pytest.mark.parametrize("filler", [b"<!--%s-->", b"<rec>%s</rec>", b"%s", b"<other>%s</other>"])
def test_memory_does_not_grow_with_what_is_not_kept(filler: bytes) -> None:
    parts = iter([b"<root>" + filler.split(b"%s")[0], *[b"x" * 100_000] * 100, filler.split(b"%s")[-1] + b"</root>"])
    tracemalloc.start()
    assert all(
        isinstance(item, Span) for item in scan(lambda size: next(parts, b""), RecordPath.parse("/root/rec"), 100_000)
    )
    assert tracemalloc.get_traced_memory()[1] < 1_500_000
    tracemalloc.stop()


def test_sample_of_damage_is_bounded() -> None:
    document = b"<root><rec>" + b"x" * 1_000_000
    [damage] = scan(io.BytesIO(document).read, RecordPath.parse("/root/rec"))
    assert damage.sample == document[6 : 6 + SAMPLE_BYTES]
    assert damage.end == len(document)


def test_document_that_one_read_gives_is_not_copied() -> None:
    document = b"<root>" + b"x" * 100_000 + b"</root>"
    answers = [document, b""]
    [span] = scan(lambda size: answers.pop(0), RecordPath.parse("/*"), keep_bytes=1 << 20)
    assert span.payload is document
