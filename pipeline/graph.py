"""The five stages, wired together.

ReadXML -> ParseXML  -> MapRecords -> LoadRecords
           ParseDoFn    MapDoFn       GroupIntoBatches -> BulkInsertDoFn
    \\________\\____________\\__ rejects ___/___________________________\\__> WriteRejects
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import apache_beam as beam
from apache_beam.pvalue import PBegin

from pipeline.inputs import ColumnInput, FileInput
from transforms import (
    BatchResult,
    LoadRecords,
    MapRecords,
    Outputs,
    ParseXML,
    ReadParts,
    ReadXML,
    ReadXMLColumn,
    Reject,
    SettleDoFn,
    Split,
    WriteRejects,
    plan_splits,
)
from transforms.rejects import ReadAgain

if TYPE_CHECKING:
    from pipeline.job import Job
    from pipeline.replay import ReplayInput


def load(
    pipeline: beam.Pipeline,
    job: Job,
    read: beam.PTransform,
    read_again: ReadAgain,
    rejects_name: str | Callable[[], str],
    is_whole: bool = False,
) -> None:
    """Add to ``pipeline`` all that reads by ``read``, loads, and writes rejects under ``rejects_name``.

    ``read`` gives records and, tagged ``rejects``, what could not be read; ``read_again`` the records of rejects.
    ``is_whole``: it gives all of the job, so that at the end can be said what becomes of records with one key.
    """
    flags = job.flags
    read_records = pipeline | "ReadXML" >> read
    parsed = read_records.records | "ParseXML" >> ParseXML(
        job.contract, flags.projection, flags.max_record_bytes, flags.max_depth
    )
    mapped = parsed.records | "MapRecords" >> MapRecords(job.contract, job.run_id, job.run.started)
    early = (read_records.rejects, parsed.rejects, mapped.rejects) | "EarlyRejects" >> beam.Flatten()
    loaded = (mapped.records, early) | "LoadRecords" >> LoadRecords(
        flags.target, job.contract, job.run_id, flags.batch_size, flags.batch_bytes, job.shards, flags.on_existing,
        flags.retry_seconds, flags.odbc_insert,
    )  # fmt: skip
    rejects = [loaded.rejects]
    if is_whole:
        settle = SettleDoFn(flags.target, job.schema, job.run_id, flags.on_existing, flags.retry_seconds)
        # One more, so that there is always something to count: the default of a sum would be a side input, for which
        # Flink ends all workers and starts others.
        one_more = pipeline | "OneMore" >> beam.Create([BatchResult("")])
        all_loaded = (
            (loaded.records, one_more)
            | "Results" >> beam.Flatten()
            | "AllLoaded" >> beam.combiners.Count.Globally().without_defaults()
        )
        rejects.append(all_loaded | "Settle" >> beam.ParDo(settle).with_output_types(Reject))
    (
        rejects
        | "Rejects" >> beam.Flatten()
        | "WriteRejects" >> WriteRejects(job.run_dir.rejects, rejects_name, read_again, flags.reject_payload)
    )


def read_parts(job: Job) -> ReadParts:
    """The transform that reads the parts of slices."""
    contract, most = job.contract, job.flags.max_record_bytes
    return ReadParts(contract.record.path, contract.namespaces, most, job.input.column)


def read_all(job: Job) -> beam.PTransform:
    """The transform that plans and reads by itself."""
    record, namespaces, most = job.contract.record.path, job.contract.namespaces, job.flags.max_record_bytes
    if isinstance(job.input, FileInput):
        return ReadXML(job.input.patterns, record, namespaces, most, max_unpacked=job.input.max_unpacked)
    if isinstance(job.input, ColumnInput):
        return ReadXMLColumn(job.input.column, record, namespaces, most)
    return _ReplayAll(job.input, read_parts(job))


class _ReplayAll(beam.PTransform):
    """Plans and reads rejects by itself."""

    def __init__(self, given: ReplayInput, read: ReadParts):
        super().__init__()
        self.given = given
        self.read = read

    def expand(self, pbegin: PBegin) -> Outputs:
        files = pbegin | "Files" >> beam.Create(self.given.files)
        parts = (
            pbegin | "Parts" >> beam.Create(self.given.parts),
            files | "Index" >> beam.FlatMap(plan_splits, self.read.path).with_output_types(Split),
        )
        return parts | "AllParts" >> beam.Flatten() | "SpreadParts" >> beam.Reshuffle() | "Read" >> self.read
