"""The stages of a load, each a transform whose result has ``records`` and ``rejects``, as :class:`ReadXML` has.

    read = pipeline | ReadXML("orders/*.xml", contract.record.path)
    parsed = read.records | ParseXML(contract)
    mapped = parsed.records | MapRecords(contract, run_id)
    loaded = mapped.records | LoadRecords("sqlite:///orders.db", contract, run_id)

They are around the DoFns, with what passes between them. What a stage refuses is an element of its ``rejects``: nothing
is dropped.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PCollection

from transforms.batch import GroupIntoBatches
from transforms.blocks import Batch
from transforms.contract.plan import Contract
from transforms.contract.reachable import reach_of
from transforms.insert.dofn import BulkInsertDoFn
from transforms.insert.retry import RETRY_SECONDS
from transforms.limits import (
    DEFAULT_BATCH_BYTES,
    DEFAULT_BATCH_SIZE,
    DEFAULT_MAX_DEPTH,
    DEFAULT_MAX_RECORD_BYTES,
)
from transforms.map.dofn import MapDoFn
from transforms.outputs import Outputs
from transforms.parse.dofn import ParseDoFn
from transforms.records import REJECTS, BatchResult, MappedRecord, ParsedRecord, Reject, XmlRecord
from transforms.sink import PackRejects, UnpackRejects

PROJECTIONS = ("on", "strict", "off")


class ParseXML(beam.PTransform):
    """Parses records: :class:`ParseDoFn`.

    Args:
      contract: of what it cannot reach in a long record no elements are made.
      projection: ``on``; ``strict``, damage is looked for there, too; ``off``, all is parsed.
      max_record_bytes: the longest record that is parsed.
      max_depth: how deep elements may nest.

    Raises:
      ValueError: a limit that makes no sense, or another projection.
    """

    def __init__(
        self,
        contract: Contract,
        projection: str = "on",
        max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
        max_depth: int = DEFAULT_MAX_DEPTH,
    ):
        super().__init__()
        if projection not in PROJECTIONS:
            raise ValueError(f"projection is on, strict or off, not {projection!r}")
        reach = None if projection == "off" else reach_of(contract)
        self.parse = ParseDoFn(max_record_bytes, max_depth, reach, strict=projection == "strict")

    def expand(self, records: PCollection[XmlRecord]) -> Outputs:
        return records | "ParseDoFn" >> _Stage(self.parse, ParsedRecord)


class MapRecords(beam.PTransform):
    """Maps parsed records to rows: :class:`MapDoFn`. The arguments are the same."""

    def __init__(self, contract: Contract, run_id: str = "", started: datetime | None = None):
        super().__init__()
        self.map = MapDoFn(contract, run_id, started)

    def expand(self, parsed: PCollection[ParsedRecord]) -> Outputs:
        return parsed | "MapDoFn" >> _Stage(self.map, MappedRecord)


class LoadRecords(beam.PTransform):
    """Loads mapped records in batches: :class:`GroupIntoBatches` and :class:`BulkInsertDoFn`.

    Its ``records`` are :class:`~transforms.records.BatchResult`, one for each transaction. The tables are there already
    (:func:`transforms.prepare_target`). It may be applied to a pair, the records and rejects of earlier stages: those
    then come out with its own, by the same shuffle.

    Args:
      target: as :class:`BulkInsertDoFn` takes it.
      contract: says which tables are loaded.
      run_id: names the run in the ledger.
      batch_size: records of one transaction, at the most; batch_bytes: bytes of their rows, about.
      shards: how many batches load at the same time, at the most; 1 for a database with one writer.
      on_existing, retry_seconds, odbc_insert: as :class:`BulkInsertDoFn` takes them.

    Raises:
      ValueError: an argument that makes no sense, or a wrong target.
    """

    def __init__(
        self,
        target: str,
        contract: Contract,
        run_id: str,
        batch_size: int = DEFAULT_BATCH_SIZE,
        batch_bytes: int = DEFAULT_BATCH_BYTES,
        shards: int = 1,
        on_existing: str = "skip",
        retry_seconds: float = RETRY_SECONDS,
        odbc_insert: str | None = None,
    ):
        super().__init__()
        self.group = GroupIntoBatches(batch_size, batch_bytes, shards)
        self.insert = BulkInsertDoFn(
            target, contract.schema, run_id, batch_size, on_existing, retry_seconds, odbc_insert
        )

    def expand(self, given: PCollection[MappedRecord] | tuple[PCollection[Any], ...]) -> Outputs:
        if not isinstance(given, tuple):
            return given | "GroupIntoBatches" >> self.group | "BulkInsertDoFn" >> _Stage(self.insert, BatchResult)
        records, early = given
        # In one shuffle: a stage with one output is written once, whatever the runner.
        batches = (records, early | "PackRejects" >> PackRejects()) | "GroupIntoBatches" >> self.group
        loaded = (
            batches | "Families" >> beam.Filter(_is_of_families) | "BulkInsertDoFn" >> _Stage(self.insert, BatchResult)
        )
        rejects = (batches | "UnpackRejects" >> UnpackRejects(), loaded.rejects) | "Rejects" >> beam.Flatten()
        return Outputs(loaded.records, rejects)


class _Stage(beam.PTransform):
    """A DoFn with an output of rejects."""

    def __init__(self, function: beam.DoFn, gives: type):
        super().__init__()
        self.function = function
        self.gives = gives

    def expand(self, given: PCollection[Any]) -> Outputs:
        stage = beam.ParDo(self.function).with_output_types(self.gives, **{REJECTS: Reject})
        results = given | stage.with_outputs(REJECTS, main="records")
        return Outputs(results["records"], results[REJECTS])


def _is_of_families(batch: Batch) -> bool:
    return batch.shard != REJECTS
