"""ReadXML in a pipeline, splits, and Beam's own kit for sources."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam import coders
from apache_beam.io import iobase, source_test_utils
from apache_beam.io.range_trackers import OffsetRangeTracker
from apache_beam.metrics import MetricsFilter
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.display import DisplayData

from transforms.names import RecordPath
from transforms.read import SourceFile, Split, expand, plan_splits, read_split
from transforms.read.transform import ReadParts, ReadXML
from transforms.records import Context, Reject, XmlRecord

PATH = RecordPath.parse("/root/group/rec")
DOCUMENT = (
    b"<root><group id='1'><rec>1</rec><!-- <rec/> --><rec a='>'>2<rec/></rec></group>\n"
    b"<group id='2'><rec\n/><other><rec/></other><rec><![CDATA[</rec>]]></rec></group><group/></root>"
)


@pytest.fixture
def file(tmp_path: Path) -> SourceFile:
    return written(tmp_path / "d.xml", DOCUMENT)


def written(path: Path, document: bytes) -> SourceFile:
    path.write_bytes(document)
    return SourceFile(path.name, str(path), len(document))


def read_all(file: SourceFile, split_bytes: int, **options: int) -> list[XmlRecord | Reject]:
    return [item for split in plan_splits(file, PATH, split_bytes) for item in read_split(split, PATH, **options)]


def test_any_split_size_gives_the_same_records(file: SourceFile) -> None:
    for split_bytes in range(1, len(DOCUMENT) + 1):
        assert read_all(file, split_bytes) == read_all(file, 1 << 20)


def test_record_knows_source_ordinal_span_and_context(file: SourceFile) -> None:
    records = read_all(file, 60)
    assert [record.ordinal for record in records] == [0, 1, 2, 3]
    for record in records:
        assert record.source == "d.xml"
        assert record.payload == DOCUMENT[record.start : record.end]
    assert records[2] == XmlRecord(
        "d.xml", 2, 94, 101, b"<rec\n/>", Context(b"", b"<root><group id='2'>", b"</group></root>", 2)
    )


def test_split_holds_records_of_several_contexts(file: SourceFile) -> None:
    [split] = plan_splits(file, PATH, len(DOCUMENT) - 1)
    assert [index for _, _, index in split.spans] == [0, 0, 1, 1]
    assert len(split.contexts) == 2
    assert split.input_bytes == len(DOCUMENT)


def test_splits_stand_for_all_bytes_of_the_file_and_are_small(tmp_path: Path) -> None:
    document = b"<root><group>" + b"<rec>%s</rec>" % (b"x" * 1000) * 1000 + b"</group></root>"
    splits = list(plan_splits(written(tmp_path / "d.xml", document), PATH, 100_000))
    assert len(splits) == 11
    assert sum(split.input_bytes for split in splits) == len(document)
    assert sum(len(pickle.dumps(split)) for split in splits) < len(document) / 50
    coder = coders.registry.get_coder(Split)
    assert [coder.decode(coder.encode(split)) for split in splits] == splits


def test_far_records_and_long_ones_are_read_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transforms.read.splits._READ_BYTES", 30)
    records = [b"<rec/>", b"<rec>" + b"x" * 40 + b"</rec>", b"<rec>y</rec>", b"<rec/>"]
    document = b"<root><group>" + (b"<!--" + b"c" * 25 + b"-->").join(records) + b"</group></root>"
    assert [record.payload for record in read_all(written(tmp_path / "d.xml", document), len(document) - 1)] == records


@pytest.mark.parametrize("split_bytes", [1, 1 << 20])
def test_record_longer_than_the_limit_is_a_reject_with_its_place(tmp_path: Path, split_bytes: int) -> None:
    document = b"<root><group><rec/><rec>" + b"x" * 100 + b"</rec><rec/></group></root>"
    first, reject, last = read_all(written(tmp_path / "d.xml", document), split_bytes, max_record_bytes=99)
    assert (first.payload, last.payload, last.ordinal) == (b"<rec/>", b"<rec/>", 2)
    assert (reject.rule, reject.ordinal, reject.payload) == ("max_record_bytes", 1, None)
    assert document[reject.start : reject.end] == b"<rec>" + b"x" * 100 + b"</rec>"
    assert "111 bytes, --max_record_bytes allows 99" in reject.message


def test_document_longer_than_the_limit_is_a_reject(file: SourceFile) -> None:
    path = RecordPath.parse("/*")
    [split] = plan_splits(file, path, 1)
    [reject] = read_split(split, path, max_record_bytes=len(DOCUMENT) - 1)
    assert (reject.rule, reject.start, reject.end) == ("max_record_bytes", 0, len(DOCUMENT))
    [record] = read_split(split, path, max_record_bytes=len(DOCUMENT))
    assert record.payload == DOCUMENT


@pytest.mark.parametrize("split_bytes", [1, 1 << 20])
def test_cut_at_every_byte_gives_the_records_before_it_and_one_reject(tmp_path: Path, split_bytes: int) -> None:
    whole = read_all(written(tmp_path / "d.xml", DOCUMENT), 1 << 20)
    for cut in range(len(DOCUMENT)):
        *records, reject = read_all(written(tmp_path / "d.xml", DOCUMENT[:cut]), split_bytes)
        assert records == [record for record in whole if record.end <= cut]
        assert isinstance(reject, Reject)
        assert (reject.stage, reject.ordinal, reject.end) == ("read", len(records), cut)
        assert reject.payload == DOCUMENT[reject.start : cut]


def test_file_that_became_shorter_is_an_error(file: SourceFile) -> None:
    splits = list(plan_splits(file, PATH, 1))
    Path(file.path).write_bytes(DOCUMENT[:100])
    with pytest.raises(OSError, match="changed while it was read"):
        [list(read_split(split, PATH)) for split in splits]


def test_records_and_rejects_of_a_pipeline(tmp_path: Path) -> None:
    for name, document in ("a.xml", DOCUMENT), ("b.xml", b""), ("c.xml", DOCUMENT[:50]), ("d.xml", b"no XML"):
        written(tmp_path / name, document)
    with beam.Pipeline(FnApiRunner()) as pipeline:
        read = pipeline | ReadXML(str(tmp_path), "/root/group/rec", max_record_bytes=20, split_bytes=60)
        assert read.records.element_type is XmlRecord
        assert read.rejects.element_type is Reject
        payloads = read.records | beam.Map(lambda record: (Path(record.source).name, record.payload))
        assert_that(
            payloads, equal_to([("a.xml", b"<rec>1</rec>"), ("a.xml", b"<rec\n/>"), ("c.xml", b"<rec>1</rec>")])
        )
        rules = read.rejects | beam.Map(lambda reject: (Path(reject.source).name, reject.rule))
        assert_that(
            rules,
            equal_to(
                [("a.xml", "max_record_bytes")] * 2 + [("b.xml", "empty"), ("c.xml", "truncated"), ("d.xml", "not_xml")]
            ),
            "rejects",
        )
    metrics = pipeline.result.metrics().query(MetricsFilter().with_namespace("beamshred"))
    assert {counter.key.metric.name: counter.committed for counter in metrics["counters"]} == {
        "read": 8, "read_bytes": 31, "rejects.read.max_record_bytes": 2, "rejects.read.empty": 1,
        "rejects.read.truncated": 1, "rejects.read.not_xml": 1,
    }  # fmt: skip
    [distribution] = metrics["distributions"]
    assert (distribution.key.metric.name, distribution.committed.count) == ("read.record_bytes", 3)


def test_splits_of_a_launcher_are_read(file: SourceFile) -> None:
    with beam.Pipeline(FnApiRunner()) as pipeline:
        splits = pipeline | beam.Create(list(plan_splits(file, PATH, 60)))
        records, _ = splits | ReadParts("/root/group/rec")
        assert_that(records | beam.Map(lambda record: record.ordinal), equal_to([0, 1, 2, 3]))


def test_pattern_that_matches_nothing_fails_the_pipeline(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="matches no file"), beam.Pipeline(FnApiRunner()) as pipeline:
        pipeline | ReadXML(f"{tmp_path}/*.xml", "/*")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patterns": []}, r"patterns must name at least one .* not \[\]"),
        ({"patterns": ["a", ""]}, "patterns must name"),
        ({"record_path": "rec"}, "'rec' is not an absolute path"),
        ({"record_path": "/p:rec"}, "prefix 'p'"),
        ({"max_record_bytes": 0}, "max_record_bytes must be at least 1, not 0"),
        ({"split_bytes": -1}, "split_bytes must be at least 1, not -1"),
    ],
)
def test_wrong_argument_is_refused_with_its_value(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ReadXML(**{"patterns": "a.xml", "record_path": "/a/b", **arguments})


def test_display_data_tells_what_is_read() -> None:
    transform = ReadXML(["a.xml", "b"], "/o:a/b", {"o": "urn:o"})
    data = {item.key: item.value for item in DisplayData.create_from(transform).items}
    assert (data["patterns"], data["record_path"]) == ("a.xml, b", "/{urn:o}a/b")


class RecordSource(iobase.BoundedSource):
    """The plain functions as a source whose positions are the bytes at which records start."""

    def __init__(self, file: SourceFile, start: int = 0, stop: int | None = None) -> None:
        self.file, self.start, self.stop = file, start, file.size if stop is None else stop

    def estimate_size(self) -> int:
        return self.stop - self.start

    def get_range_tracker(self, start: int | None, stop: int | None) -> OffsetRangeTracker:
        return OffsetRangeTracker(self.start if start is None else start, self.stop if stop is None else stop)

    def split(self, size: int, start: int | None = None, stop: int | None = None) -> Iterator[iobase.SourceBundle]:
        tracker = self.get_range_tracker(start, stop)
        for begin in range(tracker.start_position(), tracker.stop_position(), size):
            end = min(begin + size, tracker.stop_position())
            yield iobase.SourceBundle(end - begin, RecordSource(self.file, begin, end), begin, end)

    def read(self, tracker: OffsetRangeTracker) -> Iterator[bytes]:
        for split in plan_splits(self.file, PATH, 40):
            for record in read_split(split, PATH):
                if record.start < tracker.start_position():
                    continue
                if not tracker.try_claim(record.start):
                    return
                yield record.payload


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
def test_beam_kit_split_sources_equal_the_whole(file: SourceFile, size: int) -> None:
    source = RecordSource(file)
    bundles = [(bundle.source, bundle.start_position, bundle.stop_position) for bundle in source.split(size)]
    source_test_utils.assert_sources_equal_reference_source((source, None, None), bundles)
    assert len(source_test_utils.read_from_source(source)) == 4


def test_beam_kit_split_at_every_fraction(file: SourceFile) -> None:
    source_test_utils.assert_split_at_fraction_exhaustive(RecordSource(file), perform_multi_threaded_test=False)


def test_many_contexts_and_splits(tmp_path: Path) -> None:
    lists = b"".join(
        b"<list name='%d'><!-- <software/> --><software name='a'>%s</software><software/></list>" % (i, b"x" * 50)
        for i in range(500)
    )
    file = written(tmp_path / "lists.xml", b"<lists>" + lists + b"</lists>")
    path = RecordPath.parse("/lists/list/software")
    splits = list(plan_splits(file, path, 10_000))
    records = [record for split in splits for record in read_split(split, path)]
    assert [record.ordinal for record in records] == list(range(1000))
    assert records[-1].context.open_tags == b"<lists><list name='499'>"
    assert next(expand([file.path])).size == file.size
