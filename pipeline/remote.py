"""One submission to another of Beam's runners: what is sent, waiting for it, and stopping it."""

from __future__ import annotations

import logging
import re
import signal
import tempfile
import threading
import time
import traceback
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    GoogleCloudOptions,
    PipelineOptions,
    PortableOptions,
    SetupOptions,
)
from apache_beam.runners.runner import PipelineResult, PipelineState

from pipeline import flink, graph
from pipeline.beam_results import counters_of, reason
from pipeline.job import Job, JobError
from pipeline.remote_flags import runner_name, workers_have_us
from pipeline.report import Report
from pipeline.signals import Interrupts
from pipeline.wheel import make_wheel
from transforms.insert.lookup import loaded_by
from transforms.user_errors import UserError

logger = logging.getLogger(__name__)

_POLL_SECONDS = 1.0
_FIRST_WORD_SECONDS = 15
_NEXT_WORD_SECONDS = 60
_SILENCE_SECONDS = 120
"""How long a job server may give no answer before the command gives up."""
_CANCEL_SECONDS = 60


def run_remote(job: Job, report: Report, interrupts: Interrupts) -> None:
    """Submit a job to another runner as one pipeline, and wait for it.

    A runner gives the counts of a finished job only: of any other they are unknown, and the report says what the
    ledger holds instead.

    Raises:
      JobError: the pipeline failed, or too many records were rejected.
    """
    stop = threading.Event()
    interrupts.call(stop.set, "Cancelling the job")
    name = job_name(job)
    marker = FileSystems.join(job.run_dir.path, f"started-{name}")
    report.is_counted = False
    try:
        result = _submit(job, name, marker, interrupts)
        if job.flags.detach and not stop.is_set():
            report.state = "detached"
            return
        done = _Watch(job, name, result, marker, stop).until_the_end()
        if done:
            report.add(_counters(result))
            report.is_counted = True
        else:
            report.state = "interrupted"
    except KeyboardInterrupt:
        report.error = f"not waited for: the job {name} may still run; cancel it on the runner"
        raise
    finally:
        if report.state != "detached":
            _remove(marker)
        if not report.is_counted:
            report.ledger = _ledger_of(job)
    if report.is_counted:
        job.check_rejects(report.records)


def options_for(job: Job, name: str) -> PipelineOptions:
    """What the runner is told: Beam's options, and none of ours. Everybody who can see the job can see them."""
    options = PipelineOptions([], **job.flags.beam, runner=job.flags.runner)
    options.view_as(GoogleCloudOptions).job_name = name
    return options


def job_name(job: Job) -> str:
    """A name that all runners take, by which the job is found there; a run that goes on is another job each time."""
    text = job.flags.beam.get("job_name") or f"beamshred {job.contract.contract} {job.run_id} {uuid.uuid4().hex[:4]}"
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def build(job: Job, options: PipelineOptions, marker: str | None = None) -> beam.Pipeline:
    """The pipeline that is submitted; the first worker of it writes the file ``marker``."""
    pipeline = beam.Pipeline(options=options)
    if marker is not None:
        pipeline | "FirstSign" >> beam.Create([marker]) | "Started" >> beam.Map(_write_marker)
    again = job.input.read_again(job.contract, job.flags.max_record_bytes)
    graph.load(pipeline, job, graph.read_all(job), again, "rejects", is_whole=True)
    return pipeline


def _submit(job: Job, name: str, marker: str, interrupts: Interrupts) -> PipelineResult:
    options = options_for(job, name)
    runner = runner_name(job.flags.runner)
    logger.info("Submitting %s to %s: %d shards.", name, runner, job.shards)
    with tempfile.TemporaryDirectory(prefix="beamshred-") as folder:
        try:
            if not workers_have_us(options):
                setup = options.view_as(SetupOptions)
                setup.extra_packages = [str(make_wheel(Path(folder)))]
            pipeline = build(job, options, marker)
            with _own_job_server_spared(options):
                result = pipeline.run()
        except Exception as error:
            raise JobError(f"the job was not submitted: {reason(error)}", traceback.format_exc()) from None
        finally:
            interrupts.again()
    logger.info("Submitted. Its state: %s", _state(result) or "not known yet")
    return result


@contextmanager
def _own_job_server_spared(options: PipelineOptions) -> Iterator[None]:
    """A job server that Beam starts below this process must outlive Ctrl-C, which a terminal sends to both: without it
    the job could not be cancelled. What is ignored when it starts, it ignores."""
    if options.view_as(PortableOptions).job_endpoint or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Watch:
    """Waits for a job, says what is waited for, and cancels it when it is told to or no worker begins."""

    def __init__(self, job: Job, name: str, result: PipelineResult, marker: str, stop: threading.Event):
        self.job = job
        self.name = name
        self.result = result
        self.marker = marker
        self.stop = stop
        self._began = time.monotonic()
        self._has_started = False
        self._next_word: float = _FIRST_WORD_SECONDS

    def until_the_end(self) -> bool:
        """Wait; whether the job is done (or was cancelled by us). Raises :class:`JobError` where it failed."""
        answered = time.monotonic()
        while True:
            state = _state(self.result)
            if state is not None:
                answered = time.monotonic()
                if PipelineState.is_terminal(state):
                    break
            elif time.monotonic() - answered > _SILENCE_SECONDS:
                raise JobError(f"the runner has not answered for {_SILENCE_SECONDS} s; the job {self.name} may go on")
            if self.stop.wait(_POLL_SECONDS):
                return self._cancelled()
            self._look_for_workers()
        return self._ended(state)

    def _ended(self, state: str) -> bool:
        try:
            self.result.wait_until_finish()
        except Exception as error:
            raise JobError(reason(error), traceback.format_exc()) from None
        if state != PipelineState.DONE:
            raise JobError(f"the job ended on the runner as {state}")
        return True

    def _cancelled(self) -> bool:
        self._cancel()
        if _state(self.result) != PipelineState.DONE:
            return False
        return self._ended(PipelineState.DONE)  # it was done before it could be cancelled

    def _cancel(self) -> None:
        try:
            self.result.cancel()
            self._cancel_on_flink()
        except Exception as error:
            raise JobError(
                f"the job {self.name} could not be cancelled and may go on: {reason(error)}; cancel it on the runner",
                traceback.format_exc(),
            ) from None
        end = time.monotonic() + _CANCEL_SECONDS
        while time.monotonic() < end:
            state = _state(self.result)
            if state is not None and PipelineState.is_terminal(state):
                return
            time.sleep(_POLL_SECONDS)
        logger.warning("The runner has been told to cancel the job, and has not done so yet.")

    def _cancel_on_flink(self) -> None:
        if runner_name(self.job.flags.runner) != "FlinkRunner":
            return
        master = PipelineOptions([], **self.job.flags.beam).view_as(FlinkRunnerOptions).flink_master
        if master.startswith("["):
            logger.warning(
                "Only Beam's job server is told to cancel the job, and it does not tell Flink: cancel %s there, or give"
                " --flink_master HOST:PORT next time.",
                self.name,
            )
            return
        state = flink.cancel(master, self.name)
        logger.info("Flink says of the job: %s.", state or "it has not been submitted")

    def _look_for_workers(self) -> None:
        waited = time.monotonic() - self._began
        if self._has_started:
            return
        if _exists(self.marker):
            self._has_started = True
            logger.info("The first worker has begun, after %.0f s.", waited)
            return
        if waited > self.job.flags.start_timeout:
            self._cancel()
            raise JobError(
                f"no worker has begun after {waited:.0f} s (--start_timeout): there is no free slot, no worker can be"
                " started (--environment_type, its image), or what they write to"
                f" {self.job.run_dir.path} is not seen here"
            )
        if waited > self._next_word:
            self._next_word = waited + _NEXT_WORD_SECONDS
            logger.warning("No worker has begun yet, after %.0f s; the job is %s.", waited, _state(self.result))


def _counters(result: PipelineResult) -> Counter[str]:
    try:
        return counters_of(result)
    except Exception as error:
        raise JobError(f"the job is done, but its counts cannot be read: {reason(error)}") from None


def _state(result: PipelineResult) -> str | None:
    """The state of a job; ``None`` while there is no answer."""
    try:
        return result.state
    except Exception as error:
        logger.debug("No answer about the job's state: %s", error)
        return None


def _ledger_of(job: Job) -> dict[str, Any]:
    try:
        return dict(loaded_by(job.flags.target, job.run_id))
    except UserError as error:
        return {"unknown": job.input.mask(str(error))}


def _write_marker(path: str) -> None:
    with FileSystems.create(path, "text/plain") as file:
        file.write(b"started\n")


def _exists(path: str) -> bool:
    try:
        return FileSystems.exists(path)
    except Exception as error:  # each filesystem has errors of its own
        logger.debug("cannot see whether %s exists: %s", path, error)
        return False


def _remove(path: str) -> None:
    if _exists(path):
        FileSystems.delete([path])
