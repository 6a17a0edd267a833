"""Parsing: what is refused and why, what stands above a record, and the coder of parsed records."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import pytest
from apache_beam import coders
from apache_beam.metrics import MetricsFilter
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from transforms.parse.dofn import ParseDoFn
from transforms.parse.parser import RecordParser
from transforms.records import REJECTS, Context, ParsedRecord, Reject, XmlRecord


def record(payload: bytes, **context: Any) -> XmlRecord:
    return XmlRecord("a.xml", 3, 10, 10 + len(payload), payload, Context(**context))


def parsed(payload: bytes, **context: Any) -> etree._Element:
    result = RecordParser().parse(record(payload, **context))
    assert isinstance(result, ParsedRecord), result
    return result.root


def refused(payload: bytes, max_record_bytes: int = 10**9, max_depth: int = 256, **context: Any) -> Reject:
    result = RecordParser(max_record_bytes, max_depth).parse(record(payload, **context))
    assert isinstance(result, Reject), result
    return result


def test_reject_says_where_and_what() -> None:
    reject = refused(b"<a>\n<b></a>")
    assert (reject.stage, reject.rule) == ("parse", "not_well_formed")
    assert (reject.source, reject.ordinal, reject.start, reject.end) == ("a.xml", 3, 10, 21)
    assert "mismatch" in reject.message
    assert "\n" not in reject.message
    assert reject.payload == b"<a>\n<b></a>"


@pytest.mark.parametrize(
    "payload",
    [
        b"", b" ", b"no xml", b"<a>", b"<a/><b/>", b"<a b=1/>", b"<a b='1' b='2'/>", b"<p:a/>", b"<a>&b;</a>",
        b"<a>\0</a>", b"<a>\x01</a>", b"<a>&#1;</a>", b"<a>\xff</a>", b"<a>\xed\xa0\x80</a>", b"<a><b></a></b>",
        b'<?xml version="1.0" encoding="none"?><a/>', b"\xff\xfe<a/>",
    ],
)  # fmt: skip
def test_what_is_not_well_formed_is_a_reject(payload: bytes) -> None:
    assert refused(payload).rule == "not_well_formed"


# Limits


def test_max_record_bytes_is_the_last_size_that_is_parsed() -> None:
    assert isinstance(RecordParser(max_record_bytes=4).parse(record(b"<a/>")), ParsedRecord)
    reject = refused(b"<aa/>", max_record_bytes=4)
    assert reject.rule == "max_record_bytes"
    assert reject.message == "the record has 5 bytes, --max_record_bytes allows 4"


@pytest.mark.parametrize("max_depth", [1, 5, 255, 256, 257, 2047, 2048])
def test_max_depth_is_the_last_depth_that_is_parsed(max_depth: int) -> None:
    nested = [b"<a>" * depth + b"</a>" * depth for depth in (max_depth, max_depth + 1)]
    parser = RecordParser(max_depth=max_depth)
    assert isinstance(parser.parse(record(nested[0])), ParsedRecord)
    reject = parser.parse(record(nested[1]))
    assert isinstance(reject, Reject)
    assert reject.rule == "max_depth"
    assert f"--max_depth {max_depth} allows" in reject.message


def test_depth_counts_the_ancestors() -> None:
    above = {"open_tags": b"<r><s>", "close_tags": b"</s></r>", "depth": 2}
    parser = RecordParser(max_depth=3)
    assert isinstance(parser.parse(record(b"<a/>", **above)), ParsedRecord)
    assert refused(b"<a><b/></a>", max_depth=3, **above).rule == "max_depth"


@pytest.mark.parametrize("size", [9_999_999, 10_000_001, 21_000_000])
def test_long_texts_are_no_limit(size: int) -> None:
    assert len(parsed(b"<a>" + b"x" * size + b"</a>").text) == size
    assert len(parsed(b"<a b='" + b"x" * size + b"'/>").get("b")) == size


def test_long_text_that_grows_when_it_becomes_utf8() -> None:
    text = "日" * 4_000_000
    assert parsed(f'<?xml version="1.0" encoding="utf-16"?><a>{text}</a>'.encode("utf-16")).text == text


def test_long_text_with_a_doctype_is_a_reject() -> None:
    assert refused(b"<!DOCTYPE a><a>" + b"x" * 10_000_001 + b"</a>").rule == "max_text"


@pytest.mark.parametrize("options", [{"max_record_bytes": 0}, {"max_depth": 0}, {"max_depth": 2049}])
def test_limit_that_makes_no_sense(options: dict[str, int]) -> None:
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match=f"^{name} must be .*not {value}$"):
        ParseDoFn(**options)


# Entities


def bomb(levels: int = 9) -> str:
    entities = ['<!ENTITY e0 "ha">']
    entities += [f'<!ENTITY e{level} "{f"&e{level - 1};" * 10}">' for level in range(1, levels + 1)]
    return f"<!DOCTYPE a [{''.join(entities)}]><a>&e{levels};</a>"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
def test_entity_bomb(encoding: str) -> None:
    assert refused(bomb().encode(encoding)).rule == "entities"


def test_entity_bomb_in_an_attribute() -> None:
    assert refused(bomb().replace("<a>&e9;</a>", "<a b='&e9;'/>").encode()).rule == "entities"


def test_quadratic_entity_bomb() -> None:
    payload = f"<!DOCTYPE a [<!ENTITY e '{'x' * 100_000}'>]><a>{'&e;' * 10_000}</a>"
    assert refused(payload.encode()).rule == "entities"


def test_entity_bomb_of_the_prolog() -> None:
    payload = bomb()
    prolog, tail = payload[: payload.index("<a>")], payload[payload.index("<a>") :]
    assert (
        refused(tail.encode(), prolog=prolog.encode(), open_tags=b"<r>", close_tags=b"</r>", depth=1).rule == "entities"
    )


def test_entities_in_a_circle() -> None:
    assert refused(b"<!DOCTYPE a [<!ENTITY e '&f;'><!ENTITY f '&e;'>]><a>&e;</a>").rule == "entities"


@pytest.mark.parametrize("system", ["SYSTEM", "PUBLIC 'x'"])
def test_external_entities_are_not_read(system: str, tmp_path: Any) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    document = f"<!DOCTYPE a [<!ENTITY e {system} '{secret.as_uri()}'>]><a>x&e;y</a>"
    assert refused(document.encode()).rule == "not_well_formed"


def test_external_dtd_is_not_read(tmp_path: Any) -> None:
    dtd = tmp_path / "a.dtd"
    dtd.write_text("<!ATTLIST a b CDATA 'from outside'> <!ENTITY e 'x'>")
    assert parsed(f"<!DOCTYPE a SYSTEM '{dtd.as_uri()}'><a/>".encode()).attrib == {}
    assert refused(f"<!DOCTYPE a SYSTEM '{dtd.as_uri()}'><a>&e;</a>".encode()).rule == "not_well_formed"
    parameter = f"<!DOCTYPE a [<!ENTITY % p SYSTEM '{dtd.as_uri()}'> %p;]><a>x</a>"
    result = RecordParser().parse(record(parameter.encode()))
    assert isinstance(result, Reject) or (result.root.attrib, result.root.text) == ({}, "x")


def test_defaults_of_a_dtd_are_not_applied() -> None:
    # libxml2 would fetch external DTDs for them.
    assert parsed(b"<!DOCTYPE a [<!ATTLIST a c CDATA '1'>]><a/>").attrib == {}


def test_xinclude_is_an_element_like_any_other() -> None:
    root = parsed(
        b"<a xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='file:///etc/hostname' parse='text'/></a>"
    )
    assert len(root) == 1


def test_internal_entities_are_texts() -> None:
    root = parsed(b"<!DOCTYPE a [<!ENTITY e 'x&#228;y'>]><a b='&e;'>1&e;2<c/>&e;</a>")
    assert (root.text, root.get("b"), root[0].tail) == ("1xäy2", "xäy", "xäy")


def test_entities_of_the_prolog() -> None:
    root = parsed(
        b"<a>&e;</a>", prolog=b"<!DOCTYPE r [<!ENTITY e 'x'>]>", open_tags=b"<r>", close_tags=b"</r>", depth=1
    )
    assert root.text == "x"


# What a record is


def test_comments_and_instructions_do_not_split_texts() -> None:
    root = parsed(b"<!-- 0 --><?x?><a>1<!-- 2 -->3<?pi 4?>5<![CDATA[<6>]]>7</a><!-- 8 -->")
    assert (root.text, len(root)) == ("135<6>7", 0)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252", "ascii"])
def test_encodings(encoding: str) -> None:
    text = "abc" if encoding == "ascii" else "äé"
    name = encoding.replace("-sig", "")
    assert parsed(f'<?xml version="1.0" encoding="{name}"?><a>{text}</a>'.encode(encoding)).text == text


def test_root_stands_below_its_ancestors() -> None:
    above = {"open_tags": b"<r xmlns='urn:r' xmlns:p='urn:p' d='1'><s n='2'>", "close_tags": b"</s></r>", "depth": 2}
    root = parsed(b"<p:a b='3'/>", **above)
    assert root.tag == "{urn:p}a"
    assert root.getparent().attrib == {"n": "2"}
    assert root.getparent().getparent().attrib == {"d": "1"}


def test_context_has_the_encoding_of_the_document() -> None:
    prolog = b'<?xml version="1.0" encoding="iso-8859-1"?>'
    root = parsed(
        "<a>ä</a>".encode("latin-1"),
        prolog=prolog,
        open_tags="<r n='é'>".encode("latin-1"),
        close_tags=b"</r>",
        depth=1,
    )
    assert (root.text, root.getparent().get("n")) == ("ä", "é")


@pytest.mark.parametrize("payload", [b"", b"text", b"<!-- x -->"])
def test_no_element_below_the_ancestors_is_a_reject(payload: bytes) -> None:
    assert refused(payload, open_tags=b"<r>", close_tags=b"</r>", depth=1).rule == "not_well_formed"


# The coder


def round_trip(value: ParsedRecord) -> ParsedRecord:
    coder = coders.registry.get_coder(ParsedRecord)
    assert coder.estimate_size(value) == len(value.record.payload)
    return coder.decode(coder.encode(value))


texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.sampled_from("\n\t\r"),
    max_size=5,
)


@settings(deadline=None)
@given(st.lists(st.tuples(texts, texts, texts), max_size=4), st.integers(0, 2))
def test_coder_gives_the_same_element_back(children: list[tuple[str, str, str]], depth: int) -> None:
    element = etree.Element("{urn:x}a", {"b": "1", "{urn:y}c": "2"})
    for attribute, text, tail in children:
        child = etree.SubElement(element, "c", {"d": attribute})
        child.text, child.tail = text, tail
    payload = etree.tostring(element)
    above = {"open_tags": b"<r n='1'>" * depth, "close_tags": b"</r>" * depth, "depth": depth}
    value = ParsedRecord(record(payload, **above), parsed(payload, **above))
    again = round_trip(value)
    assert again.record == value.record
    assert etree.tostring(again.root, method="c14n") == etree.tostring(value.root, method="c14n")
    assert len(list(again.root.iterancestors())) == depth


def test_coder_keeps_texts_of_entities() -> None:
    payload = b"<!DOCTYPE a [<!ENTITY e 'x'>]><a b='&e;'>1&e;2</a>"
    again = round_trip(ParsedRecord(record(payload), parsed(payload))).root
    assert (again.text, again.get("b")) == ("1x2", "x")


# The stage


def _tags(value: ParsedRecord) -> str:
    return value.root.tag


def test_dofn_tags_rejects() -> None:
    pipeline = beam.Pipeline(FnApiRunner())
    results = (
        pipeline
        | beam.Create([record(b"<a/>"), record(b"<b>"), record(b"<c/>")])
        | beam.ParDo(ParseDoFn()).with_outputs(REJECTS, main="parsed")
    )
    assert_that(results.parsed | beam.Reshuffle() | beam.Map(_tags), equal_to(["a", "c"]), "parsed")
    assert_that(results[REJECTS] | beam.Map(lambda reject: reject.rule), equal_to(["not_well_formed"]), "rejects")
    result = pipeline.run()
    counters = result.metrics().query(MetricsFilter().with_namespace("beamshred"))["counters"]
    assert {counter.key.metric.name: counter.committed for counter in counters} == {
        "parsed": 2,
        "rejects.parse.not_well_formed": 1,
    }
