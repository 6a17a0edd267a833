"""ParseDoFn: from the bytes of a record to its element tree."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput

from transforms import coders as coders
from transforms.limits import DEFAULT_MAX_DEPTH, DEFAULT_MAX_RECORD_BYTES, MAX_MAX_DEPTH
from transforms.metrics import NAMESPACE, count, count_reject, slowest, spent
from transforms.names import Reach
from transforms.parse.parser import RecordParser
from transforms.records import REJECTS, ParsedRecord, Reject, XmlRecord


@beam.typehints.with_input_types(XmlRecord)
@beam.typehints.with_output_types(ParsedRecord)
class ParseDoFn(beam.DoFn):
    """Parses records; what the parser refuses goes to the output tagged :data:`~transforms.records.REJECTS`.

    Args:
      max_record_bytes: the longest record that is parsed.
      max_depth: how deep elements may nest, the document element being at 1; at most 2048.
      reach: what will be read of a record, from :func:`transforms.reach_of`: the rest is not parsed, and what is
        not well-formed there may go unnoticed.
      strict: notice it.

    Raises:
      ValueError: a limit that makes no sense.
    """

    def __init__(
        self,
        max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
        max_depth: int = DEFAULT_MAX_DEPTH,
        reach: Reach | None = None,
        strict: bool = False,
    ):
        if max_record_bytes < 1:
            raise ValueError(f"max_record_bytes must be at least 1, not {max_record_bytes}")
        if not 1 <= max_depth <= MAX_MAX_DEPTH:
            raise ValueError(f"max_depth must be 1 to {MAX_MAX_DEPTH}, not {max_depth}")
        self.max_record_bytes = max_record_bytes
        self.max_depth = max_depth
        self.reach = reach
        self.strict = strict
        self._bytes = Metrics.distribution(NAMESPACE, "parse.record_bytes")

    def display_data(self) -> dict[str, Any]:
        projection = "off" if self.reach is None else "strict" if self.strict else "on"
        return {"max_record_bytes": self.max_record_bytes, "max_depth": self.max_depth, "projection": projection}

    def setup(self) -> None:
        self._parser = RecordParser(self.max_record_bytes, self.max_depth, self.reach, self.strict)

    def process(self, record: XmlRecord) -> Iterator[ParsedRecord | TaggedOutput]:
        self._bytes.update(len(record.payload))
        began = perf_counter()
        try:
            parsed = self._parser.parse(record)
        except Exception as error:
            parsed = Reject.of_bug(record, "parse", error)
        took = perf_counter() - began
        spent["parse"] += took
        if took > slowest.least:
            slowest.add(took, "parse", record)
        if isinstance(parsed, Reject):
            count_reject(parsed)
            yield TaggedOutput(REJECTS, parsed)
        else:
            count("parsed")
            yield parsed
