"""Read XML documents from files, :class:`ReadXML`, and from a column of a table, :class:`ReadXMLColumn`.

    records, rejects = pipeline | ReadXML("orders/*.xml", "/orders/order")

``records`` are :class:`~transforms.records.XmlRecord`, one for each element at the record path, with its bytes, its
place, and what is above it in its document. ``rejects`` are :class:`~transforms.records.Reject`: documents, or the
damaged rest of one, that cannot be read; the records before the damage are read. A path of ``/*`` makes every document
one record.

Big plain files are read by several workers: an exact index of their records is made first, and the places are
shuffled, never the bytes. Each step is also a plain function: :func:`expand`, :func:`plan_splits`, :func:`read_split`.

    column = XmlColumn("postgresql+psycopg://host/credit", "app_xml", ("app_id",), "xml")
    records, rejects = pipeline | ReadXMLColumn(column, "/*")

reads the same from a database, by ranges of the table's key: see :mod:`transforms.read.columns`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import Any

import apache_beam as beam
from apache_beam.coders import PickleCoder, registry
from apache_beam.metrics import Metrics
from apache_beam.pvalue import PCollection, TaggedOutput

from transforms import coders as coders
from transforms.metrics import NAMESPACE, count, count_reject, spent
from transforms.names import RecordPath
from transforms.outputs import Outputs
from transforms.read.columns import plan_ranges
from transforms.read.files import SourceFile, expand
from transforms.read.parts import Part, read_part
from transforms.read.reject_lines import RejectLines
from transforms.read.rows import KeyRange, RowsAgain, XmlColumn
from transforms.read.splits import MAX_RECORD_BYTES, SPLIT_BYTES, Split, plan_splits
from transforms.records import REJECTS, Reject, XmlRecord

for _value in (SourceFile, Split, KeyRange, RejectLines, RowsAgain):
    registry.register_coder(_value, PickleCoder)


class ReadXML(beam.PTransform):
    """The records of XML files.

    Args:
        patterns: a file, a folder or a glob, or several; see :mod:`transforms.read.files`.
        record_path: the absolute path of the elements that are records, as ``/orders/order``; ``/*`` for documents.
        namespaces: the URIs of the prefixes in ``record_path``.
        max_record_bytes: a longer record is a reject.
        split_bytes: about how many bytes of a big file one worker reads at once.
        max_unpacked: the most bytes of a compressed file; without it 1 GiB or 200 times its size, whichever is more.

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
        max_unpacked: int | None = None,
    ) -> None:
        super().__init__()
        self.max_unpacked = None if max_unpacked is None else _positive("max_unpacked", max_unpacked)
        self.patterns = (patterns,) if isinstance(patterns, str) else tuple(patterns)
        if not self.patterns or not all(self.patterns):
            raise ValueError(f"patterns must name at least one file, folder or glob, not {patterns!r}")
        self.split_bytes = _positive("split_bytes", split_bytes)
        self.read = ReadParts(record_path, namespaces, max_record_bytes)

    def expand(self, pbegin: beam.pvalue.PBegin) -> Outputs:
        return (
            pbegin
            | "Patterns" >> beam.Create([self.patterns])
            | "Files" >> beam.FlatMap(expand, self.max_unpacked).with_output_types(SourceFile)
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


class ReadXMLColumn(beam.PTransform):
    """The records of XML documents in a column of a table.

    Args:
        column: which documents.
        record_path: the absolute path of the elements that are records, as ``/orders/order``; ``/*`` for documents.
        namespaces: the URIs of the prefixes in ``record_path``.
        max_record_bytes: a longer record is a reject.
        range_bytes: about how many bytes of documents one worker reads at once.

    Raises:
        ValueError: for an argument that can mean nothing; when the pipeline runs, :class:`InputError` for a database
            that cannot be read.
    """

    def __init__(
        self,
        column: XmlColumn,
        record_path: str,
        namespaces: Mapping[str, str] | None = None,
        max_record_bytes: int = MAX_RECORD_BYTES,
        range_bytes: int = SPLIT_BYTES,
    ) -> None:
        super().__init__()
        self.range_bytes = _positive("range_bytes", range_bytes)
        self.column = column
        self.read = ReadParts(record_path, namespaces, max_record_bytes, column)

    def expand(self, pbegin: beam.pvalue.PBegin) -> Outputs:
        return (
            pbegin
            | "Column" >> beam.Create([self.column])
            | "Plan" >> beam.FlatMap(plan_ranges, self.range_bytes).with_output_types(KeyRange)
            | "SpreadRanges" >> beam.Reshuffle()
            | "Read" >> self.read
        )

    def display_data(self) -> dict[str, Any]:
        return {"range_bytes": self.range_bytes, **self.read.display_data()}


class ReadParts(beam.PTransform):
    """The records of parts of an input: of a file, of a table, or of rejects (:data:`~transforms.read.parts.Part`).

    Args:
      record_path: as in :class:`ReadXML`; so are the next two.
      column: where the rows of parts of a table are read.
    """

    def __init__(
        self,
        record_path: str,
        namespaces: Mapping[str, str] | None = None,
        max_record_bytes: int = MAX_RECORD_BYTES,
        column: XmlColumn | None = None,
    ) -> None:
        super().__init__()
        self.path = RecordPath.parse(record_path, namespaces)
        self.max_record_bytes = _positive("max_record_bytes", max_record_bytes)
        self.column = column

    def expand(self, parts: PCollection[Part]) -> Outputs:
        read = partial(read_part, path=self.path, max_record_bytes=self.max_record_bytes, column=self.column)
        result = parts | beam.ParDo(_Read(read)).with_output_types(XmlRecord, **{REJECTS: Reject}).with_outputs(
            REJECTS, main="records"
        )
        return Outputs(result["records"], result[REJECTS])

    def display_data(self) -> dict[str, Any]:
        of_table = {} if self.column is None else {"table": self.column.table, "column": self.column.column}
        return {**of_table, "record_path": str(self.path), "max_record_bytes": self.max_record_bytes}


class _Read(beam.DoFn):
    """Reads parts of the input and counts. What is rejected was read: a damaged piece counts as one record."""

    def __init__(self, read: Callable[[Any], Iterator[XmlRecord | Reject]]) -> None:
        self._read = read
        self._record_bytes = Metrics.distribution(NAMESPACE, "read.record_bytes")

    def process(self, part: Any) -> Iterator[XmlRecord | TaggedOutput]:
        # A metric's update costs about as much as reading a short record: counters wait for the end.
        records = size = 0
        began = perf_counter()
        for item in self._read(part):
            spent["read"] += perf_counter() - began
            records += 1
            if isinstance(item, Reject):
                count_reject(item)
                yield TaggedOutput(REJECTS, item)
            else:
                size += len(item.payload)
                self._record_bytes.update(len(item.payload))
                yield item
            began = perf_counter()
        spent["read"] += perf_counter() - began
        count("read", records)
        count("read_bytes", size)


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"{name} must be at least 1, not {value!r}")
    return value
