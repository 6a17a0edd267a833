"""Running a job: here, slice by slice on worker processes, or elsewhere in one submission."""

from __future__ import annotations

import logging
import shutil
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, SetupOptions
from apache_beam.pvalue import PBegin

from pipeline import engine, graph, processes
from pipeline.job import Job
from pipeline.report import Report, counters_of
from pipeline.signals import Interrupts
from pipeline.slices import Part, Slice, Slicer
from pipeline.terminal import set_up_logging
from transforms import ReadResult, RecordPath

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
"""Times that a slice is run when its workers die. A rerun is exact: the ledger knows what was committed."""


class JobError(Exception):
    """The job failed: the message says why, for people; ``details`` may hold a traceback."""

    def __init__(self, message: str, details: str | None = None):
        super().__init__(message)
        self.details = details


class ReadSlice(beam.PTransform):
    """Reads what the launcher has planned."""

    def __init__(self, splits: tuple[Part, ...], read: beam.PTransform):
        super().__init__()
        self.splits = splits
        self.read = read

    def expand(self, pbegin: PBegin) -> ReadResult:
        return pbegin | beam.Create(self.splits) | "Spread" >> beam.Reshuffle() | "Read" >> self.read


def run_local(job: Job, report: Report, progress: Callable[[int], None]) -> None:
    """Run a job on this machine, slice by slice; the report is written after each.

    Raises:
      JobError: a slice failed, or too many records were rejected.
    """
    logger.info("Engine: Beam's FnApiRunner on %d worker process%s.", job.workers, "" if job.workers == 1 else "es")
    path = RecordPath.parse(job.contract.record.path, job.contract.namespaces)
    slices = job.input.slices(Slicer(path, job.slice_bytes, job.run_dir.unpacked, job.limit))
    try:
        with Interrupts() as interrupts:
            for number, part in enumerate(slices, 1):
                if interrupts.requested:
                    report.state = "interrupted"
                    break
                report.add(_run_slice(job, part, number))
                report.write(job.run_dir)
                progress(part.input_bytes)
                check_rejects(job, report)
    except KeyboardInterrupt:
        report.state = "interrupted"
    finally:
        slices.close()
        shutil.rmtree(job.run_dir.unpacked, ignore_errors=True)
        job.run_dir.protect()


def _run_slice(job: Job, part: Slice, number: int) -> Counter[str]:
    attempt = 1
    while True:
        try:
            return processes.call(_load_slice, job, part.splits, number)
        except engine.PipelineFailed as error:
            raise JobError(error.message, error.details) from None
        except processes.ProcessDied as error:
            if attempt == MOST_ATTEMPTS:
                remedy = "it may need more memory: try a smaller --slice_bytes"
                raise JobError(f"a worker process died {attempt} times ({error}); {remedy}") from None
            attempt += 1
            logger.warning(
                "A worker process died (%s); the slice is run again, attempt %d of %d.", error, attempt, MOST_ATTEMPTS
            )


def _load_slice(job: Job, splits: tuple[Part, ...], number: int) -> Counter[str]:
    """Run in a process of its own."""
    set_up_logging(job.log_level)
    read = ReadSlice(splits, job.input.read_parts(job.contract, job.max_record_bytes))
    return engine.run(lambda pipeline: graph.load(pipeline, job, read, f"slice-{number:06d}"), job.options, job.workers)


def run_remote(job: Job, report: Report) -> None:
    """Submit a job to another runner as one pipeline, and wait for it.

    Raises:
      JobError: the pipeline failed, or too many records were rejected.
    """
    options = PipelineOptions([], **job.options)
    setup = options.view_as(SetupOptions)
    setup.setup_file = setup.setup_file or str(Path(__file__).resolve().parent.parent / "setup.py")
    read = job.input.read_all(job.contract, job.max_record_bytes)
    try:
        pipeline = beam.Pipeline(options=options)
        graph.load(pipeline, job, read, "rejects")
        result = pipeline.run()
        result.wait_until_finish()
    except Exception as error:
        raise JobError(engine.reason(error), traceback.format_exc()) from None
    report.add(counters_of(result))
    check_rejects(job, report)


def check_rejects(job: Job, report: Report) -> None:
    """Raise :class:`JobError` where more was rejected than ``--max_rejects`` allows."""
    if job.max_rejects is None:
        return
    records = report.records
    if job.max_rejects.endswith("%"):
        allowed = float(job.max_rejects[:-1]) / 100 * records["read"]
    else:
        allowed = float(job.max_rejects)
    if records["rejected"] > allowed:
        raise JobError(
            f"{records['rejected']:,} of {records['read']:,} records were rejected, --max_rejects is {job.max_rejects}"
        )
