"""What sees input takes time that grows with it, not with its square: four times the input, far less than 16 times."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import pytest

from transforms import RecordPath
from transforms.contract.expressions.runtime import like_pattern
from transforms.conversion.convert import make_cleaning as cleaned
from transforms.read.scan import Damage, scan

SIZE = 30_000


def scan_all(document: bytes) -> None:
    for item in scan(io.BytesIO(document).read, RecordPath.parse("/r/a")):
        if isinstance(item, Damage):
            break


def name_run(size: int) -> None:
    scan_all(b"<r><a/><" + b"x" * size + b"<a/></r>")


def attribute_run(size: int) -> None:
    scan_all(b"<r><a/><b " + b"x" * size + b"><a/></b></r>")


def quotes(size: int) -> None:
    scan_all(b"<r><a/><b " + b"x='" * size + b"<a/></r>")


def doctype(size: int) -> None:
    scan_all(b"<!DOCTYPE r [" + b"<!-- " * (size // 10) + b"]><r><a/></r>")


def end_tag(size: int) -> None:
    scan_all(b"<r><a/></" + b"x" * size)


def like_of_many_parts(size: int) -> None:
    assert like_pattern("%a%a%a%b", None, False)("a" * (size // 10)) is None


def declarations(size: int) -> None:
    document = ("<r>" + "<?xml <?xml " * (size // 30) + "?></r>").encode("utf-16")
    list(scan(io.BytesIO(document).read, RecordPath.parse("/*"), keep_bytes=1 << 30))


def blanks_of_a_number(size: int) -> None:
    cleaned("number_or_digits")(" " * size + "x")


def blanks_and_signs(size: int) -> None:
    cleaned("first_number")("- " * size)


@pytest.mark.parametrize(
    "work",
    [
        name_run, attribute_run, quotes, doctype, end_tag, like_of_many_parts, declarations, blanks_of_a_number,
        blanks_and_signs,
    ],
)  # fmt: skip
def test_time_grows_with_the_input(work: Callable[[int], None]) -> None:
    def seconds(size: int) -> float:
        best = float("inf")
        for _ in range(3):
            began = time.process_time()
            work(size)
            best = min(best, time.process_time() - began)
        return best

    assert seconds(4 * SIZE) < 10 * seconds(SIZE) + 0.05


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("%", "", True), ("", "", True), ("", "x", False), ("a%", "abc", True), ("%c", "abc", True),
        ("a%b%c", "aXbYc", True), ("%b%b%", "abc", False), ("%b%b%", "abcb", True), ("a%a", "a", False),
        ("%ab", "aab", True), ("_%_", "x", False), ("_%_", "xy", True), ("%a_c%", "zabcz", True), ("%%", "x", True),
        ("%ab%b", "abb", True), ("%ab%b", "ab", False), ("A%c", "abc", False),
    ],
)  # fmt: skip
def test_like(pattern: str, text: str, matches: bool) -> None:
    assert (like_pattern(pattern, None, False)(text) is not None) is matches


def test_attribute_above_the_records_of_more_than_ten_million_bytes_is_told_in_words() -> None:
    document = b"<r><b x='" + b"x" * 10_000_001 + b"'><a/></b></r>"
    [damage] = list(scan(io.BytesIO(document).read, RecordPath.parse("/r/b/a")))
    assert isinstance(damage, Damage)
    assert "a tag above the records has 10,000,0" in damage.message


def test_declaration_inside_a_document_is_no_declaration() -> None:
    document = "<r><![CDATA[<?xml version='1.0'?>]]></r>"
    [span] = list(scan(io.BytesIO(document.encode("utf-16")).read, RecordPath.parse("/*"), keep_bytes=1000))
    assert not isinstance(span, Damage)
    assert span.payload == document.encode()
