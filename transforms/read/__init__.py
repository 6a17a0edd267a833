"""Read XML documents from files: :class:`ReadXML`.

    records, rejects = pipeline | ReadXML("orders/*.xml", "/orders/order")

``records`` are :class:`~transforms.records.XmlRecord`, one for each element at the record path, with its bytes, its
place, and what stands above it in its document. ``rejects`` are :class:`~transforms.records.Reject`: documents, or the
damaged rest of one, that cannot be read; the records before the damage are read. A path of ``/*`` makes every document
one record.

Big plain files are read by several workers: an exact index of their records is made first, and the places are
shuffled, never the bytes. Each step is also a plain function: :func:`expand`, :func:`plan_splits`, :func:`read_split`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import PCollection, TaggedOutput

from transforms.metrics import NAMESPACE, count, count_reject
from transforms.names import RecordPath
from transforms.read.files import SourceFile, expand, fetch_payload, unpack
from transforms.read.splits import MAX_RECORD_BYTES, SPLIT_BYTES, Split, plan_splits, read_split
from transforms.records import REJECTS, Reject, XmlRecord

__all__ = [
    "MAX_RECORD_BYTES", "SPLIT_BYTES", "ReadResult", "ReadSplits", "ReadXML", "SourceFile", "Split",
    "expand", "fetch_payload", "plan_splits", "read_split", "unpack",
]  # fmt: skip


class ReadResult(NamedTuple):
    """What reading gives: two collections."""

    records: PCollection[XmlRecord]
    rejects: PCollection[Reject]


class ReadXML(beam.PTransform):
    """The records of XML files.

    Args:
        patterns: a file, a folder or a glob, or several; see :mod:`transforms.read.files`.
        record_path: the absolute path of the elements that are records, as ``/orders/order``; ``/*`` for documents.
        namespaces: the URIs of the prefixes in ``record_path``.
        max_record_bytes: a longer record is a reject.
        split_bytes: about how many bytes of a big file one worker reads at once.

    Raises:
        ValueError: for an argument that can mean nothing; when the pipeline runs, for a pattern that matches no file.
    """

    def __init__(
        self,
        patterns: str | Sequence[str],
        record_path: str,
        namespaces: Mapping[str, str] | None = None,
        max_record_bytes: int = MAX_RECORD_BYTES,
        split_bytes: int = SPLIT_BYTES,
    ) -> None:
        super().__init__()
        self.patterns = (patterns,) if isinstance(patterns, str) else tuple(patterns)
        if not self.patterns or not all(self.patterns):
            raise ValueError(f"patterns must name at least one file, folder or glob, not {patterns!r}")
        self.split_bytes = _positive("split_bytes", split_bytes)
        self.read = ReadSplits(record_path, namespaces, max_record_bytes)

    def expand(self, pbegin: beam.pvalue.PBegin) -> ReadResult:
        return (
            pbegin
            | "Patterns" >> beam.Create([self.patterns])
            | "Files" >> beam.FlatMap(expand).with_output_types(SourceFile)
            | "SpreadFiles" >> beam.Reshuffle()
            | "Index" >> beam.FlatMap(plan_splits, self.read.path, self.split_bytes).with_output_types(Split)
            | "SpreadSplits" >> beam.Reshuffle()
            | "Read" >> self.read
        )

    def display_data(self) -> dict[str, Any]:
        return {
            "patterns": ", ".join(self.patterns),
            "split_bytes": self.split_bytes,
            **self.read.display_data(),
        }


class ReadSplits(beam.PTransform):
    """The records of :class:`Split` values. The arguments are those of :class:`ReadXML`."""

    def __init__(
        self,
        record_path: str,
        namespaces: Mapping[str, str] | None = None,
        max_record_bytes: int = MAX_RECORD_BYTES,
    ) -> None:
        super().__init__()
        self.path = RecordPath.parse(record_path, namespaces)
        self.max_record_bytes = _positive("max_record_bytes", max_record_bytes)

    def expand(self, splits: PCollection[Split]) -> ReadResult:
        read = splits | beam.ParDo(_Read(self.path, self.max_record_bytes)).with_output_types(
            XmlRecord, **{REJECTS: Reject}
        ).with_outputs(REJECTS, main="records")
        return ReadResult(read["records"], read[REJECTS])

    def display_data(self) -> dict[str, Any]:
        return {"record_path": str(self.path), "max_record_bytes": self.max_record_bytes}


class _Read(beam.DoFn):
    """Reads splits and counts. What is rejected was read: a damaged piece counts as one record."""

    def __init__(self, path: RecordPath, max_record_bytes: int) -> None:
        self._path = path
        self._max_record_bytes = max_record_bytes
        self._record_bytes = Metrics.distribution(NAMESPACE, "read.record_bytes")

    def process(self, split: Split) -> Iterator[XmlRecord | TaggedOutput]:
        # A metric's update costs about as much as reading a short record: counters wait for the end.
        records = size = 0
        for item in read_split(split, self._path, self._max_record_bytes):
            records += 1
            if isinstance(item, Reject):
                count_reject(item)
                yield TaggedOutput(REJECTS, item)
                continue
            size += len(item.payload)
            self._record_bytes.update(len(item.payload))
            yield item
        count("read", records)
        count("read_bytes", size)


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"{name} must be at least 1, not {value!r}")
    return value
