"""Rejects as lines of JSON, and the files that hold them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam import coders
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from transforms import rejects
from transforms.records import Context, MappedRecord, Reject, XmlRecord
from transforms.rejects import reject_to_json, write_group
from transforms.sink import WriteRejects

FULL = Reject("map", "date", "no date", "orders.xml", 17, 9120, 9733, "order.placed", "4711", "<a>é</a>".encode())


def with_payload(payload: bytes, context: Context | None = None) -> Reject:
    return replace(FULL, payload=payload, context=context)


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
    assert b"\n" not in reject_to_json(with_payload(b"<a>\n\r\n</a>\xe2\x80\xa8"))


@pytest.mark.parametrize("payload", [b"<a>\xe9</a>", "<a/>".encode("utf-16"), bytes(range(256))])
def test_payload_that_is_no_utf8_is_base64(payload: bytes) -> None:
    line = json.loads(reject_to_json(with_payload(payload)))
    assert base64.b64decode(line["payload_base64"]) == payload
    assert "payload" not in line


def test_source_whose_name_is_no_utf8() -> None:
    name = b"caf\xe9.xml".decode("utf-8", "surrogateescape")
    line = json.loads(reject_to_json(Reject("read", "empty", "no bytes", name, payload=b"\xff")))
    assert (line["source"], line["payload_base64"]) == (name, "/w==")


def test_reject_of_a_record() -> None:
    record = XmlRecord("a.xml", 3, 10, 14, b"<a/>")
    assert Reject.of(record, "parse", "rule", "message") == Reject(
        "parse", "rule", "message", "a.xml", 3, 10, 14, payload=b"<a/>", context=Context()
    )
    mapped = MappedRecord("k", ("k",), "a.xml", 3, 10, 14, b"", {})
    assert Reject.of(mapped, "load", "rule", "message", "t.c") == Reject(
        "load", "rule", "message", "a.xml", 3, 10, 14, "t.c", "k"
    )


def test_coder_round_trip() -> None:
    coder = coders.registry.get_coder(Reject)
    assert coder.decode(coder.encode(FULL)) == FULL


def test_context_and_encoding_stand_beside_the_payload() -> None:
    context = Context(b"<?xml version='1.0' encoding='ISO-8859-1'?>", "<é>".encode("latin-1"), b"</x>", 1)
    line = json.loads(reject_to_json(with_payload("<a>ü</a>".encode("latin-1"), context)))
    assert (line["encoding"], line["payload"]) == ("iso-8859-1", "<a>ü</a>")
    assert line["context"] == {
        "prolog": "<?xml version='1.0' encoding='ISO-8859-1'?>", "open_tags": "<é>", "close_tags": "</x>", "depth": 1,
    }  # fmt: skip


def test_sample_of_a_rest_is_no_payload() -> None:
    line = json.loads(reject_to_json(replace(FULL, stage="read", is_rest=True)))
    assert (line["rest"], line["sample"], "payload" in line) == (True, "<a>é</a>", False)


# What is kept, and records that are read again


WITHOUT = Reject("insert", "unique", "twice", "a.xml", 0, 5, 9)


def written(folder: Path, rejects: list[Reject], keep: str = "full", read_again: Any = None) -> list[dict[str, Any]]:
    with beam.Pipeline(FnApiRunner()) as pipeline:
        pipeline | beam.Create(rejects) | WriteRejects(str(folder), "slice-1", read_again, keep)
    return [json.loads(line) for path in sorted(folder.iterdir()) for line in path.read_text().splitlines()]


def test_records_are_read_again_only_where_they_are_missing(tmp_path: Path) -> None:
    asked = []

    def again(places: frozenset[tuple[str, int]]) -> Iterator[XmlRecord]:
        asked.append(places)
        yield XmlRecord("a.xml", 0, 5, 9, b"<b/>", Context(depth=1))
        raise FileNotFoundError("gone.xml cannot be read")

    given = [WITHOUT, replace(WITHOUT, ordinal=1), replace(FULL, stage="insert")]
    path = Path(write_group(("insert", given), str(tmp_path), "s", again))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["payload"] for line in lines] == ["<a>é</a>", "<b/>", None]
    assert lines[1]["context"]["depth"] == 1
    assert asked == [{("a.xml", 0), ("a.xml", 1)}]


def test_many_rejects_are_read_again_in_few_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejects, "_MOST_WAITING", 4)
    passes = []

    def again(places: frozenset[tuple[str, int]]) -> Iterator[XmlRecord]:
        passes.append(len(places))
        return (XmlRecord(source, ordinal, 5, 9, b"<b/>") for source, ordinal in places)

    given = [replace(WITHOUT, ordinal=at) for at in range(10)]
    lines = Path(write_group(("insert", given), str(tmp_path), "s", again)).read_text().splitlines()
    assert passes == [4, 4, 2]
    assert sorted(json.loads(line)["ordinal"] for line in lines if "<b/>" in line) == list(range(10))


@pytest.mark.parametrize(
    ("keep", "payload", "span"),
    [("full", "<a>é</a>", [9120, 9733]), ("span", None, [9120, 9733]), ("none", None, None)],
)
def test_what_is_kept(tmp_path: Path, keep: str, payload: str | None, span: list[int] | None) -> None:
    [line] = written(tmp_path, [FULL], keep)
    assert (line["payload"], line["span"], line["ordinal"]) == (payload, span, 17)


def test_files_are_for_their_owner_alone_from_the_first_byte_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []
    exact = rejects.reject_to_json

    def look(reject: Reject) -> bytes:
        [partial] = (tmp_path / "made").iterdir()
        modes.append((partial.suffix, partial.stat().st_mode & 0o777))
        return exact(reject)

    monkeypatch.setattr(rejects, "reject_to_json", look)
    made = Path(write_group(("map", [FULL]), str(tmp_path / "made"), "slice-1"))
    assert modes == [(".partial", 0o600)]
    assert (made.stat().st_mode & 0o777, made.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_full_disk_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "slice-1-map.jsonl.partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match=f"rejects cannot be written to {tmp_path}: No space left on device"):
        write_group(("map", [FULL]), str(tmp_path), "slice-1")
    assert list(tmp_path.iterdir()) == []


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
        path = write_group(("map", [FULL]), str(tmp_path), "slice-1")
    assert Path(path).read_bytes() == reject_to_json(FULL) + b"\n"
    assert len(list(tmp_path.iterdir())) == 1
