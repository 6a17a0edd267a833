"""The five stages, wired together.

ReadXML -> ParseDoFn -> MapDoFn -> GroupIntoBatches -> BulkInsertDoFn
    \\________\\___________\\______________________________\\___ rejects -> WriteRejects
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import apache_beam as beam

from transforms import (
    REJECTS,
    BatchResult,
    BulkInsertDoFn,
    GroupIntoBatches,
    MapDoFn,
    MappedRecord,
    ParsedRecord,
    Reject,
    SettleDoFn,
    WriteRejects,
)
from transforms.rejects import ReadAgain

if TYPE_CHECKING:
    from pipeline.job import Job


def load(
    pipeline: beam.Pipeline,
    job: Job,
    read: beam.PTransform,
    read_again: ReadAgain,
    rejects_name: str,
    is_whole: bool = False,
) -> None:
    """Add to ``pipeline`` all that reads by ``read``, loads, and writes rejects under ``rejects_name``.

    ``read`` gives records and, tagged ``rejects``, what could not be read; ``read_again`` the records of rejects.
    ``is_whole``: it gives all of the job, so that at the end can be said what becomes of records with one key.
    """
    records = pipeline | "ReadXML" >> read
    parsed = records.records | "ParseDoFn" >> _stage(job.parse(), ParsedRecord)
    mapped = parsed.records | "MapDoFn" >> _stage(MapDoFn(job.contract, job.run_id, job.run.started), MappedRecord)
    batches = mapped.records | "GroupIntoBatches" >> GroupIntoBatches(job.batch_size, job.batch_bytes, job.shards)
    results = batches | "BulkInsertDoFn" >> _stage(
        BulkInsertDoFn(
            job.target, job.schema, job.run_id, job.batch_size, job.on_existing, job.retry_seconds, job.odbc_insert
        ),
        BatchResult,
    )
    rejects = [records.rejects, parsed.rejects, mapped.rejects, results.rejects]
    if is_whole:
        settle = SettleDoFn(job.target, job.schema, job.run_id, job.on_existing, job.retry_seconds)
        all_loaded = results.records | "AllLoaded" >> beam.combiners.Count.Globally()
        rejects.append(all_loaded | "Settle" >> beam.ParDo(settle).with_output_types(Reject))
    (
        rejects
        | "Rejects" >> beam.Flatten()
        | "WriteRejects" >> WriteRejects(job.run_dir.rejects, rejects_name, read_again, job.reject_payload)
    )


def _stage(function: beam.DoFn, gives: type) -> beam.PTransform:
    return beam.ParDo(function).with_output_types(gives, **{REJECTS: Reject}).with_outputs(REJECTS, main="records")
