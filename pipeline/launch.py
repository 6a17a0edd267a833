"""Running a job: here, slice by slice on worker processes, or elsewhere in one submission."""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, SetupOptions, WorkerOptions
from apache_beam.pvalue import PBegin
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.environments import SubprocessSDKEnvironment

from pipeline import graph
from pipeline.job import Job
from pipeline.report import Report, counters_of
from pipeline.signals import Interrupts, end_workers
from pipeline.slices import Item, Slice, Slicer
from transforms import ReadResult, ReadSplits, ReadXML, RecordPath

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
"""Times that a slice is run when its workers die. A rerun is exact: the ledger knows what was committed."""


class JobError(Exception):
    """The job failed: the message says why, for people."""


class ReadSlice(beam.PTransform):
    """Reads what the launcher has planned."""

    def __init__(self, items: tuple[Item, ...], read: ReadSplits):
        super().__init__()
        self.items = items
        self.read = read

    def expand(self, pbegin: PBegin) -> ReadResult:
        return pbegin | beam.Create(self.items) | "Spread" >> beam.Reshuffle() | "Read" >> self.read


def run_local(job: Job, report: Report, progress: Callable[[Slice], None]) -> None:
    """Run a job on this machine, slice by slice; the report is written after each.

    Raises:
      JobError: a slice failed, or too many records were rejected.
    """
    engine = "in this process" if job.workers == 1 else f"on {job.workers} worker processes"
    logger.info("Engine: Beam's FnApiRunner, %s.", engine)
    spool = job.run_dir / "unpacked"
    slicer = Slicer(RecordPath.parse(job.record_path, job.contract.namespaces), job.slice_bytes, spool, job.limit)
    slices = slicer.slices(job.files)
    try:
        with Interrupts() as interrupts:
            for number, part in enumerate(slices, 1):
                try:
                    report.add(_run_slice(job, part, number, interrupts))
                except KeyboardInterrupt:
                    report.state = "interrupted"
                    return
                report.write(job.run_dir)
                progress(part)
                check_rejects(job, report)
                if interrupts.requested:
                    report.state = "interrupted"
                    return
    finally:
        slices.close()
        shutil.rmtree(spool, ignore_errors=True)
        _protect(Path(job.rejects_folder))


def _run_slice(job: Job, part: Slice, number: int, interrupts: Interrupts) -> dict[str, int]:
    read = ReadSplits(job.record_path, job.contract.namespaces, job.max_record_bytes)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        pipeline = beam.Pipeline(_engine(job.workers), options=_engine_options(job))
        graph.load(pipeline, job, ReadSlice(part.items, read), f"slice-{number:06d}")
        try:
            return counters_of(pipeline.run())
        except Exception as error:
            end_workers()
            if interrupts.ended:
                raise KeyboardInterrupt from None
            if not _workers_died(error) or attempt == MOST_ATTEMPTS:
                raise JobError(_reason(error)) from error
            logger.warning("A worker process died; slice %d is run again (%d of %d).", number, attempt + 1, MOST_ATTEMPTS)
    raise AssertionError("the loop returns or raises")


def run_remote(job: Job, report: Report) -> None:
    """Submit a job to another runner as one pipeline, and wait for it."""
    options = PipelineOptions([], **job.options.get_all_options(drop_default=True))
    setup = options.view_as(SetupOptions)
    setup.setup_file = setup.setup_file or str(_root() / "setup.py")
    pipeline = beam.Pipeline(options=options)
    read = ReadXML([file.path for file in job.files], job.record_path, job.contract.namespaces, job.max_record_bytes)
    graph.load(pipeline, job, read, "rejects")
    result = pipeline.run()
    result.wait_until_finish()
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
        raise JobError(f"{records['rejected']:,} of {records['read']:,} records were rejected, --max_rejects is {job.max_rejects}")


def _engine(workers: int) -> FnApiRunner:
    """The runner that really uses its workers: `DirectRunner` falls back to one process for GroupIntoBatches."""
    if workers == 1:
        return FnApiRunner()
    command = f"exec {sys.executable} -m pipeline.worker"
    return FnApiRunner(default_environment=SubprocessSDKEnvironment.from_command_string(command))


def _engine_options(job: Job) -> PipelineOptions:
    options = PipelineOptions([], **job.options.get_all_options(drop_default=True))
    direct = options.view_as(DirectOptions)
    direct.direct_num_workers = job.workers
    # Beam would replace our worker's command by its own for `multi_processing`, and warn of `in_memory`.
    direct.direct_running_mode = None
    options.view_as(WorkerOptions).default_sdk_harness_log_level = "WARNING"
    # The workers import our modules from here, wherever the command was called.
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(_root()) not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_root()), *paths]))
    return options


def _root() -> Path:
    return Path(__file__).resolve().parent.parent


def _protect(folder: Path) -> None:
    """Rejects hold personal data: their files are for the owner alone."""
    for file in folder.glob("*.jsonl*"):
        file.chmod(0o600)


def _workers_died(error: Exception) -> bool:
    print("DIED?", type(error), str(error)[-1500:])
    return False


def _reason(error: Exception) -> str:
    return str(error)
