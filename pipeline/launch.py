"""Running a job on this machine, slice by slice in worker processes. Beam is imported in those alone."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipeline.job import Job, JobError
from pipeline.processes import Died, Failure, Last, Outcome, Pool
from pipeline.progress import Progress
from pipeline.report import Report
from pipeline.signals import Interrupts
from pipeline.slices import Slice, Slicer, SliceSizes
from transforms import (
    DUPLICATE_KEY,
    LoadError,
    RecordPath,
    Reject,
    connected,
    counters_of_tally,
    end_run,
    settle,
    write_rejects,
)

if TYPE_CHECKING:
    from pipeline.pulse import News
    from pipeline.worker import Worker

logger = logging.getLogger(__name__)


@dataclass
class _Load:
    """Loads slice after slice, in a worker process: the pipeline is built for the first."""

    job: Job

    def __call__(self, part: Slice) -> Loaded | Last:
        loaded = self._worker.load(part)
        return loaded if loaded.error is None else Last(loaded)

    @cached_property
    def _worker(self) -> Worker:
        from pipeline.worker import Worker

        return Worker(self.job)


@dataclass(frozen=True)
class Loaded:
    """What a process says of its slice: what it counted, its time, its memory, its seconds by stage, its slowest
    records, and why it failed, if it did."""

    counters: Counter[str]
    seconds: float
    memory: int
    stages: dict[str, float]
    slowest: list[dict[str, Any]]
    error: str | None = None
    details: str | None = None


def run_local(job: Job, report: Report, progress: Progress, interrupts: Interrupts) -> None:
    """Run a job on this machine, as many slices at once as there are workers; the report is written after each.

    Raises:
      JobError: a slice failed, or too many records were rejected. Slices under way are finished first.
    """
    path = RecordPath.parse(job.contract.record.path, job.contract.namespaces)
    sizes = SliceSizes(job.slice_bytes, job.workers, job.slice_memory)
    slicer = Slicer(path, sizes, job.run_dir.unpacked, job.limit)
    slices = job.input.slices(slicer)
    load = _Load(job)

    def given_up(part: Slice) -> None:
        job.run_dir.remove_rejects(part.name)
        progress.given_up(part.number)

    def news(process: int, part: Slice, told: News) -> None:
        progress.told(process, part.number, part.input_bytes, part.weight, told)

    pool = Pool(load, job.workers, before_retry=given_up, most_bytes=job.worker_memory, on_news=news)
    interrupts.call(pool.stop, "Stopping after the slices under way are committed")
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
            progress.ended(part.number, part.input_bytes, sizes.total)
            report.write(job.run_dir)
        if interrupts.requested:
            report.state = "interrupted"
        elif error is None:
            progress.enter("settles records with one key")
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


def _loaded(part: Slice, outcome: Outcome, slicer: Slicer, report: Report) -> Counter[str]:
    """The counters of a slice; raise :class:`JobError` if it failed, and count what it had committed."""
    if isinstance(outcome, Failure):
        raise JobError(f"a bug, please report it: {outcome.message}", outcome.details)
    if isinstance(outcome, Died):
        raise JobError(outcome.message)
    loaded: Loaded = outcome.value
    if loaded.error is not None:
        report.add(loaded.counters, complete=False)
        raise JobError(loaded.error, loaded.details)
    slicer.sizes.measured(part.weight, loaded.seconds, loaded.memory)
    report.measured(part.weight, loaded.counters["read"], loaded.seconds, loaded.memory)
    report.spent(loaded.stages, loaded.slowest)
    return loaded.counters


def settle_duplicates(job: Job, report: Report) -> None:
    """Count and reject the records whose keys others have, now that all have arrived."""
    rule = f"rejects.insert.{DUPLICATE_KEY}"

    def rejects() -> Iterator[Reject]:
        with closing(connected(job.target, job.retry_seconds)) as database:
            for tally, lost in settle(database, job.schema, job.policy):
                report.add(counters_of_tally(tally), complete=False)
                if lost:
                    report.add({rule: len(lost)}, complete=False)
                yield from lost

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
