"""Running a job on this machine, slice by slice in worker processes. Beam is imported in those alone."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pipeline.job import Job, JobError
from pipeline.local.overlap import Overlap
from pipeline.local.processes import Died, Failure, Last, Outcome, Pool
from pipeline.local.progress import Progress
from pipeline.local.slice_result import SliceResult
from pipeline.report import Report
from pipeline.signals import Interrupts
from pipeline.slices import Slice, Slicer, SliceSizes
from transforms import (
    DUPLICATE_KEY,
    LoadError,
    RecordPath,
    Reject,
    counters_of_tally,
    settle,
    write_rejects,
)
from transforms.cores import Cores
from transforms.database.database import Database
from transforms.insert.retry import opened

if TYPE_CHECKING:
    from pipeline.local.pulse import News
    from pipeline.local.worker import Worker

logger = logging.getLogger(__name__)


@dataclass
class _Load:
    """Loads slice after slice, in a worker process: the pipeline is built for the first."""

    job: Job
    shared: Path | None

    def __call__(self, part: Slice) -> SliceResult | Last:
        loaded = self._worker.load(part)
        return loaded if loaded.error is None else Last(loaded)

    @cached_property
    def _worker(self) -> Worker:
        from pipeline.local.worker import Worker

        return Worker(self.job, self.shared)


def run_local(
    job: Job, report: Report, progress: Progress, interrupts: Interrupts, at_end: ExitStack
) -> Database | None:
    """Run a job on this machine, as many slices at once as there are workers; the report is written after each.

    Where workers wait for the database there are more of them, which share the cores (:mod:`pipeline.local.overlap`).

    Returns:
      The database, connected, where all is loaded: it is closed with ``at_end``.

    Raises:
      JobError: a slice failed, or too many records were rejected. Slices under way are finished first.
    """
    path = RecordPath.parse(job.contract.record.path, job.contract.namespaces)
    sizes = SliceSizes(job.flags.slice_bytes, job.workers, job.slice_memory(job.workers))
    slicer = Slicer(path, sizes, job.run_dir.unpacked, job.flags.limit)
    slices = job.input.slices(slicer)
    overlap = Overlap(job.workers, job.most_workers)
    shared = _shared_cores(job)
    load = _Load(job, None if shared is None else Path(shared.name))

    def given_up(part: Slice) -> None:
        job.run_dir.remove_rejects(part.name)
        progress.given_up(part.number)

    def news(process: int, part: Slice, told: News) -> None:
        progress.told(process, part.number, part.input_bytes, part.weight, told)

    pool = Pool(load, job.workers, before_retry=given_up, most_bytes=job.worker_memory, on_news=news)
    interrupts.call(pool.stop, "Stopping after the slices under way are committed")
    logger.info("Engine: Beam's FnApiRunner, one in each of %d worker processes.", job.workers)
    error: JobError | None = None
    database: Database | None = None
    outcomes = pool.run(slices)
    try:
        for part, outcome in outcomes:
            slicer.release(part)
            try:
                loaded = _loaded(part, outcome, report)
                sizes.measured(part.weight, loaded.worked, loaded.memory, loaded.pause)
                if overlap.measured(loaded.worked, loaded.waited):
                    logger.info(
                        "Workers wait for the database %.0f %% of their time: %d of them take turns on %d cores.",
                        100 * overlap.share, overlap.workers, overlap.cores,
                    )  # fmt: skip
                    pool.workers = sizes.workers = overlap.workers
                    sizes.memory = job.slice_memory(overlap.workers)
                report.add(loaded.counters)
                job.check_rejects(report.records)
            except JobError as failed:
                error = error or failed
                pool.stop()
            progress.ended(part.number, part.input_bytes, sizes.total)
            report.write(job.run_dir)
        if interrupts.requested:
            report.state = "interrupted"
        elif error is None:
            progress.enter("settles records with one key")
            # To connect takes a far server as long as a batch: one connection for all that is left to do.
            database = at_end.enter_context(opened(job.flags.target, job.flags.retry_seconds))
            settle_duplicates(job, report, database)
            job.check_rejects(report.records)
    except LoadError as failed:
        raise JobError(str(failed)) from None
    except KeyboardInterrupt:
        report.state = "interrupted"
    finally:
        outcomes.close()
        slices.close()
        slicer.close()
        if shared is not None:
            shared.cleanup()
        job.run_dir.protect()
    if error is not None:
        raise error
    return database


def _shared_cores(job: Job) -> TemporaryDirectory[str] | None:
    """Where workers take turns on the cores, and measure how they wait for a target that takes several at once."""
    if job.one_writer:
        return None
    folder = TemporaryDirectory(prefix="beamshred-cores-")
    Cores.make(Path(folder.name), job.workers)
    return folder


def _loaded(part: Slice, outcome: Outcome, report: Report) -> SliceResult:
    """What a slice has done; raise :class:`JobError` if it failed, and count what it had committed."""
    if isinstance(outcome, Failure):
        raise JobError(f"a bug, please report it: {outcome.message}", outcome.details)
    if isinstance(outcome, Died):
        raise JobError(outcome.message)
    loaded: SliceResult = outcome.value
    if loaded.error is not None:
        report.add(loaded.counters, complete=False)
        raise JobError(loaded.error, loaded.details)
    report.measured(part.weight, loaded.counters["read"], loaded.seconds, loaded.memory)
    report.spent(loaded.stages, loaded.slowest)
    return loaded


def settle_duplicates(job: Job, report: Report, database: Database) -> None:
    """Count and reject the records whose keys others have, now that all have arrived."""
    rule = f"rejects.insert.{DUPLICATE_KEY}"

    def rejects() -> Iterator[Reject]:
        for tally, lost in settle(database, job.schema, job.policy):
            report.add(counters_of_tally(tally), complete=False)
            if lost:
                report.add({rule: len(lost)}, complete=False)
            yield from lost

    again = job.input.read_again(job.contract, job.flags.max_record_bytes)
    write_rejects(rejects(), job.run_dir.rejects, "duplicates", "insert", again, job.flags.reject_payload)
