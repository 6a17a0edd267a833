"""Running a job: here, slice by slice in worker processes, or elsewhere in one submission."""

from __future__ import annotations

import logging
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, SetupOptions
from apache_beam.pvalue import PBegin

from pipeline import engine, graph
from pipeline.job import Job
from pipeline.processes import Died, Failure, Outcome, Pool
from pipeline.report import Report, counters_of
from pipeline.signals import Interrupts
from pipeline.slices import Part, Slice, Slicer, SliceSizes
from pipeline.terminal import set_up_logging
from transforms import (
    DUPLICATE_KEY,
    LoadError,
    ReadResult,
    RecordPath,
    Reject,
    Target,
    counters_of_tally,
    end_run,
    open_database,
    settle,
    write_rejects,
)

logger = logging.getLogger(__name__)


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
        return pbegin | beam.Create(self.splits, reshuffle=False) | "Read" >> self.read


def run_local(job: Job, report: Report, progress: Callable[[int], None], interrupts: Interrupts) -> None:
    """Run a job on this machine, as many slices at once as there are workers; the report is written after each.

    Raises:
      JobError: a slice failed, or too many records were rejected. Slices under way are finished first.
    """
    path = RecordPath.parse(job.contract.record.path, job.contract.namespaces)
    slicer = Slicer(path, SliceSizes(job.slice_bytes, job.workers, job.input.size()), job.run_dir.unpacked, job.limit)
    slices = job.input.slices(slicer)
    load = partial(_load_slice, replace(job, input=job.input.for_worker(), shards=1))
    pool = Pool(load, job.workers, before_retry=lambda part: job.run_dir.remove_rejects(part.name))
    interrupts.call(pool.stop)
    logger.info("Engine: Beam's FnApiRunner, one in each of %d worker processes.", job.workers)
    error: JobError | None = None
    outcomes = pool.run(slices)
    try:
        for part, outcome in outcomes:
            slicer.release(part)
            try:
                report.add(_loaded(part, outcome, slicer, report))
                check_rejects(job, report)
            except JobError as failed:
                error = error or failed
                pool.stop()
            report.write(job.run_dir)
            progress(part.input_bytes)
        if interrupts.requested:
            report.state = "interrupted"
        elif error is None:
            settle_duplicates(job, report)
            check_rejects(job, report)
            end(job)
    except KeyboardInterrupt:
        report.state = "interrupted"
    finally:
        outcomes.close()
        slices.close()
        slicer.close()
        job.run_dir.protect()
    if error is not None:
        raise error


@dataclass(frozen=True)
class _Loaded:
    """What a process says of its slice: what it counted, how long it took, and why it failed, if it did."""

    counters: Counter[str]
    seconds: float
    error: str | None = None
    details: str | None = None


def _loaded(part: Slice, outcome: Outcome, slicer: Slicer, report: Report) -> Counter[str]:
    """The counters of a slice; raise :class:`JobError` if it failed, and count what it had committed."""
    if isinstance(outcome, Failure):
        raise JobError(f"a bug, please report it: {outcome.message}", outcome.details)
    if isinstance(outcome, Died):
        raise JobError(outcome.message)
    loaded: _Loaded = outcome.value
    if loaded.error is not None:
        report.add(loaded.counters, complete=False)
        raise JobError(loaded.error, loaded.details)
    slicer.sizes.measured(part.weight, loaded.seconds)
    return loaded.counters


def _load_slice(job: Job, part: Slice) -> _Loaded:
    """Run in a process of its own."""
    set_up_logging(job.log_level)
    started = time.monotonic()
    read = ReadSlice(part.splits, job.input.read_parts(job.contract, job.max_record_bytes))
    again = job.input.read_again(job.contract, job.max_record_bytes, part.splits)
    try:
        counters = engine.run(lambda pipeline: graph.load(pipeline, job, read, again, part.name), job.options)
    except engine.PipelineFailed as error:
        return _Loaded(error.counters, time.monotonic() - started, error.message, error.details)
    return _Loaded(counters, time.monotonic() - started)


def run_remote(job: Job, report: Report) -> None:
    """Submit a job to another runner as one pipeline, and wait for it.

    Raises:
      JobError: the pipeline failed, or too many records were rejected.
    """
    options = PipelineOptions([], **job.options)
    setup = options.view_as(SetupOptions)
    setup.setup_file = setup.setup_file or str(Path(__file__).resolve().parent.parent / "setup.py")
    read = job.input.read_all(job.contract, job.max_record_bytes)
    again = job.input.read_again(job.contract, job.max_record_bytes)
    try:
        pipeline = beam.Pipeline(options=options)
        graph.load(pipeline, job, read, again, "rejects", is_whole=True)
        result = pipeline.run()
        result.wait_until_finish()
    except Exception as error:
        raise JobError(engine.reason(error), traceback.format_exc()) from None
    report.add(counters_of(result))
    check_rejects(job, report)
    end(job)


def settle_duplicates(job: Job, report: Report) -> None:
    """Count and reject the records whose keys others have, now that all have arrived."""
    rule = f"rejects.insert.{DUPLICATE_KEY}"

    def rejects() -> Iterator[Reject]:
        database = open_database(Target.parse(job.target))
        try:
            for tally, lost in settle(database, job.schema, job.policy):
                report.add(counters_of_tally(tally), complete=False)
                if lost:
                    report.add({rule: len(lost)}, complete=False)
                yield from lost
        finally:
            database.close()

    try:
        again = job.input.read_again(job.contract, job.max_record_bytes)
        write_rejects(rejects(), job.run_dir.rejects, "duplicates", "insert", again, job.reject_payload)
    except LoadError as error:
        raise JobError(str(error)) from None


def end(job: Job) -> None:
    """Say in the target that the run is done: the same command then begins a new one."""
    try:
        end_run(job.target, job.schema, job.input_id, job.run, job.retry_seconds)
    except LoadError as error:
        raise JobError(str(error)) from None


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
