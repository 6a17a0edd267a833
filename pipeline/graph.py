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
    WriteRejects,
)

if TYPE_CHECKING:
    from pipeline.job import Job


def load(pipeline: beam.Pipeline, job: Job, read: beam.PTransform, rejects_name: str) -> None:
    """Add to ``pipeline`` all that reads by ``read``, loads, and writes rejects under ``rejects_name``.

    ``read`` gives records and, tagged ``rejects``, what could not be read.
    """
    records = pipeline | "ReadXML" >> read
    parsed = records.records | "ParseDoFn" >> _stage(job.parse(), ParsedRecord)
    mapped = parsed.records | "MapDoFn" >> _stage(MapDoFn(job.contract, job.run_id, job.started), MappedRecord)
    batches = mapped.records | "GroupIntoBatches" >> GroupIntoBatches(job.batch_size, job.batch_bytes, job.shards)
    results = batches | "BulkInsertDoFn" >> _stage(
        BulkInsertDoFn(
            job.target, job.schema, job.run_id, job.batch_size, job.on_existing, odbc_insert=job.odbc_insert
        ),
        BatchResult,
    )
    rejects = (records.rejects, parsed.rejects, mapped.rejects, results.rejects)
    (
        rejects
        | "Rejects" >> beam.Flatten()
        | "WriteRejects" >> WriteRejects(job.run_dir.rejects, rejects_name, job.input.fetch)
    )


def _stage(function: beam.DoFn, gives: type) -> beam.PTransform:
    return beam.ParDo(function).with_output_types(gives, **{REJECTS: Reject}).with_outputs(REJECTS, main="records")
