"""Rejects as lines of JSON, and the files that hold them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam import coders
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from transforms.records import MappedRecord, Reject, XmlRecord
from transforms.rejects import WriteRejects, _to_line, _write, reject_to_json

FULL = Reject("map", "date", "no date", "orders.xml", 17, 9120, 9733, "order.placed", "4711", "<a>é</a>".encode())


def test_line_has_all_there_is() -> None:
    line = reject_to_json(FULL)
    assert json.loads(line) == {
        "stage": "map", "rule": "date", "path": "order.placed", "message": "no date", "source": "orders.xml",
        "ordinal": 17, "span": [9120, 9733], "key": "4711", "payload": "<a>é</a>",
    }  # fmt: skip
    assert "<a>é</a>".encode() in line


def test_what_is_not_known_is_null() -> None:
    line = json.loads(reject_to_json(Reject("read", "empty", "no bytes", "a.xml")))
    assert {name for name, value in line.items() if value is None} == {"path", "ordinal", "span", "key", "payload"}


def test_line_ends_in_text_stay_in_one_line() -> None:
    assert b"\n" not in reject_to_json(FULL.with_payload(b"<a>\n\r\n</a>\xe2\x80\xa8"))


@pytest.mark.parametrize("payload", [b"<a>\xe9</a>", "<a/>".encode("utf-16"), bytes(range(256))])
def test_payload_that_is_no_utf8_is_base64(payload: bytes) -> None:
    line = json.loads(reject_to_json(FULL.with_payload(payload)))
    assert base64.b64decode(line["payload_base64"]) == payload
    assert "payload" not in line


def test_source_whose_name_is_no_utf8() -> None:
    name = b"caf\xe9.xml".decode("utf-8", "surrogateescape")
    line = json.loads(reject_to_json(Reject("read", "empty", "no bytes", name, payload=b"\xff")))
    assert (line["source"], line["payload_base64"]) == (name, "/w==")


def test_reject_of_a_record() -> None:
    record = XmlRecord("a.xml", 3, 10, 14, b"<a/>")
    assert Reject.of(record, "parse", "rule", "message") == Reject(
        "parse", "rule", "message", "a.xml", 3, 10, 14, payload=b"<a/>"
    )
    mapped = MappedRecord("k", ("k",), "a.xml", 3, 10, 14, b"", {})
    assert Reject.of(mapped, "load", "rule", "message", "t.c") == Reject(
        "load", "rule", "message", "a.xml", 3, 10, 14, "t.c", "k"
    )


def test_coder_round_trip() -> None:
    coder = coders.registry.get_coder(Reject)
    assert coder.decode(coder.encode(FULL)) == FULL


# Fetching payloads again


def line(reject: Reject, fetch: Any) -> dict[str, Any]:
    return json.loads(_to_line(reject, fetch)[1])


def test_payload_is_fetched_again_only_when_it_is_missing() -> None:
    def fetch(source: str, start: int, end: int) -> bytes:
        return f"{source} {start} {end}".encode()

    without = Reject("load", "unique", "twice", "a.xml", 0, 5, 9)
    assert line(without, fetch)["payload"] == "a.xml 5 9"
    assert line(without, None)["payload"] is None
    assert line(FULL, fetch)["payload"] == "<a>é</a>"
    assert line(Reject("read", "empty", "no bytes", "a.xml"), fetch)["payload"] is None


def test_payload_that_cannot_be_fetched(caplog: pytest.LogCaptureFixture) -> None:
    def fetch(source: str, start: int, end: int) -> bytes:
        raise FileNotFoundError(source)

    assert line(Reject("load", "unique", "twice", "gone.xml", 0, 5, 9), fetch)["payload"] is None
    assert "gone.xml cannot be read again" in caplog.text


# Files


def files(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return {
        path.name: sorted(
            (json.loads(text) for text in path.read_text().splitlines()), key=lambda reject: reject["ordinal"]
        )
        for path in folder.iterdir()
    }


def write(folder: Path, rejects: list[Reject]) -> None:
    with beam.Pipeline(FnApiRunner()) as pipeline:
        pipeline | beam.Create(rejects) | WriteRejects(str(folder), "slice-1")


def test_file_of_each_stage(tmp_path: Path) -> None:
    rejects = [Reject(stage, "rule", "message", "a.xml", ordinal) for stage in ("parse", "map") for ordinal in range(3)]
    write(tmp_path, rejects)
    written = files(tmp_path)
    assert set(written) == {"slice-1-parse.jsonl", "slice-1-map.jsonl"}
    assert [reject["ordinal"] for reject in written["slice-1-map.jsonl"]] == [0, 1, 2]


def test_no_rejects_no_file(tmp_path: Path) -> None:
    write(tmp_path, [])
    assert list(tmp_path.iterdir()) == []


def test_bundle_that_runs_again_writes_no_reject_twice(tmp_path: Path) -> None:
    for _ in range(2):
        path = _write(("map", [reject_to_json(FULL)]), str(tmp_path), "slice-1")
    assert Path(path).read_bytes() == reject_to_json(FULL) + b"\n"
    assert len(list(tmp_path.iterdir())) == 1
