"""Where a parse reject says that the error is: in its source, if that can be looked at, or in the record."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import IO

import pytest

from transforms import lines
from transforms.names import RecordPath
from transforms.parse.parser import RecordParser
from transforms.read.files import SourceFile
from transforms.read.splits import plan_splits, read_split
from transforms.records import Context, Reject, XmlRecord
from transforms.rejects import write_rejects

DOCUMENT = """<?xml version="1.0"?>
<orders
   shop="Delft">
  <order id="1"/>
  <order id="2"><Name>é</Name>
    <Note>
      &nothing;</Note></order>
  <order id="3"/>
</orders>
"""
MESSAGE = "Entity 'nothing' not defined"
BYTE = DOCUMENT.encode().index(b"&nothing;")
IN_RECORD = f"line 3, byte {BYTE - DOCUMENT.index('<order id=' + chr(34) + '2')} of the record"


def rejects(path: Path, split_bytes: int = 1 << 20) -> list[Reject]:
    file, record_path = SourceFile(str(path), str(path), path.stat().st_size), RecordPath.parse("/orders/order")
    parsed = [
        RecordParser().parse(record)
        for split in plan_splits(file, record_path, split_bytes)
        for record in read_split(split, record_path)
        if isinstance(record, XmlRecord)
    ]
    return [reject for reject in parsed if isinstance(reject, Reject)]


def written(path: Path, keep: str = "full", found: list[Reject] | None = None) -> list[str]:
    folder = path.parent / "rejects"
    write_rejects(rejects(path) if found is None else found, str(folder), "a", "parse", keep=keep)
    return [json.loads(line)["message"] for line in (folder / "a-parse.jsonl").read_text().splitlines()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "orders.xml"
    path.write_text(DOCUMENT, encoding="utf-8")
    return path


@pytest.mark.parametrize("keep", ["full", "span"])
def test_line_and_byte_are_those_of_the_file(file: Path, keep: str) -> None:
    assert DOCUMENT.splitlines()[6].strip().startswith("&nothing;")
    assert written(file, keep) == [f"{MESSAGE}, line 7, byte {BYTE}"]


def test_what_is_not_kept_has_its_place_in_the_record(file: Path) -> None:
    assert written(file, "none") == [f"{MESSAGE}, {IN_RECORD}"]


def test_both_lines_of_a_tag_that_is_not_closed(file: Path) -> None:
    file.write_text("<orders>\n<order><a>\n<b>\n</a></b></order></orders>")
    assert written(file) == ["Opening and ending tag mismatch: b (line 3) and a, line 4, byte 26"]


def test_byte_in_a_file_of_one_line(file: Path) -> None:
    double = "a='2'"
    text = "<orders>" + "<order/>" * 1000 + f"<order a='1' {double}/></orders>"
    file.write_text(text)
    assert written(file) == [f"Attribute a redefined, line 1, byte {text.index(double)}"]


def test_every_line_of_a_file_of_many_blocks(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_BLOCK_BYTES", 7)
    text = "<orders>\n" + "".join(f"<order>{chr(10) * (n % 3)}&n{n};</order>\n" for n in range(40)) + "</orders>"
    file.write_text(text)
    wanted = [text.count("\n", 0, text.index(f"&n{n};")) + 1 for n in range(40)]
    found = rejects(file, split_bytes=20)
    for order in (found, found[::-1], found):
        told = [int(message.split("line ")[1].split(",")[0]) for message in written(file, found=order)]
        assert sorted(told) == wanted


def test_file_that_was_written_anew_is_counted_anew(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_BLOCK_BYTES", 7)
    assert "line 7," in written(file)[0]
    file.write_text("\n\n" + DOCUMENT.partition("\n")[2], encoding="utf-8")
    assert "line 8," in written(file)[0]


def test_document_that_is_one_record(file: Path) -> None:
    file.write_text("<order>\n<a>\n</order>")
    [split] = plan_splits(SourceFile(str(file), str(file), 1), RecordPath.parse("/*"))
    [record] = read_split(split, RecordPath.parse("/*"))
    assert isinstance(record, XmlRecord)
    reject = RecordParser().parse(record)
    assert isinstance(reject, Reject)
    assert written(file, found=[reject]) == ["Opening and ending tag mismatch: a (line 2) and order, line 3, byte 14"]


# Where the source is not there as it was read, places are those of the record, and say so.


@pytest.mark.parametrize("change", ["gone", "changed", "replaced", "far", "remote", "pipe"])
def test_source_that_cannot_be_looked_at(file: Path, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    [reject] = rejects(file)
    if change in ("gone", "pipe"):
        file.unlink()
    if change == "pipe":
        os.mkfifo(file)
    if change == "changed":
        file.write_text("\n" + DOCUMENT, encoding="utf-8")
    if change == "replaced":
        file.write_text("short")
    if change == "far":
        monkeypatch.setattr(lines, "MOST_BYTES", 10)
    if change == "remote":
        monkeypatch.setattr(lines, "is_local", lambda path: False)
    assert written(file, found=[reject]) == [f"{MESSAGE}, {IN_RECORD}"]


def test_compressed_file(tmp_path: Path) -> None:
    path = tmp_path / "orders.xml.gz"
    path.write_bytes(gzip.compress(DOCUMENT.encode()))
    assert written(path) == [f"{MESSAGE}, {IN_RECORD}"]


def test_file_in_utf16_has_no_bytes_of_its_own_to_name(file: Path) -> None:
    file.write_text(DOCUMENT.replace("?>", ' encoding="utf-16"?>'), encoding="utf-16")
    assert written(file) == [f"{MESSAGE}, {IN_RECORD}"]


# What the parser says


def told(payload: bytes, context: Context) -> str:
    reject = RecordParser().parse(XmlRecord("a.xml", 3, 10, 10 + len(payload), payload, context))
    assert isinstance(reject, Reject)
    return reject.message


def test_lines_and_bytes_above_the_record_do_not_count() -> None:
    message = told(b"<a>\n<b>\n</a></b>", Context(b"<?xml version='1.0'?>\n", b"<r\n>\n", b"\n\n</r>", 1))
    assert message == "Opening and ending tag mismatch: b (line 2 of the record) and a, line 3, byte 10 of the record"


def test_encoding_that_is_declared_and_is_not_there() -> None:
    message = told(b"<?xml version='1.0' encoding='utf-16'?><a>&b;</a>", Context())
    assert message.endswith(", line 1 of the record")


def test_what_is_missed_behind_the_record_is_told_at_its_end() -> None:
    message = told(b"<a>\n<!-- </a>", Context(b"", b"<r\n>\n", b"\n\n</r>", 1))
    assert message == "Comment not terminated, line 2 of the record"


def test_the_first_error_is_told_and_not_one_of_another_record() -> None:
    parser = RecordParser()
    messages = []
    for payload in (b"<a>&b;</a>", b"<a>\n<b x='1' x='2'></a>"):
        reject = parser.parse(XmlRecord("a.xml", 0, 0, len(payload), payload))
        assert isinstance(reject, Reject)
        messages.append(reject.message)
    assert messages == [
        "Entity 'b' not defined, line 1, byte 3 of the record",
        "Attribute x redefined, line 2, byte 13 of the record",
    ]


def test_place_in_a_document_with_a_doctype_has_no_byte() -> None:
    assert told(b"<!DOCTYPE a>\n<a><b></a>", Context()).endswith("and a, line 2 of the record")


@pytest.mark.parametrize("encoding", ["iso-8859-1", "koi8-r", "euc-jp", "utf-8"])
def test_byte_is_exact_or_not_told_in_any_encoding(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><a><b x="{"日本" if encoding[0] in "eu" else ""}"/>&c;</a>'
    payload = text.encode(encoding)
    byte = "" if encoding == "euc-jp" else f", byte {payload.index(b'&')}"  # expat does not know all encodings
    assert told(payload, Context()) == f"Entity 'c' not defined, line 1{byte} of the record"


def test_long_file_of_rejects_is_counted_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_BLOCK_BYTES", 100)
    file.write_text("<orders>\n" + "<order>&x;</order>\n" * 1000 + "</orders>")
    found, reads = rejects(file), []

    class Counted:
        def __init__(self, stream: IO[bytes]) -> None:
            self.stream = stream

        def read(self, size: int) -> bytes:
            reads.append(size)
            return self.stream.read(size)

        def seek(self, place: int) -> int:
            return self.stream.seek(place)

        def fileno(self) -> int:
            return self.stream.fileno()

    monkeypatch.setattr(lines, "_count", lambda stream, *place, count=lines._count: count(Counted(stream), *place))
    assert len(written(file, found=found)) == 1000
    assert sum(reads) < file.stat().st_size + 1000 * 100
