"""Beam's local engine: started so that it really uses its workers, and its failures in words for people."""

from __future__ import annotations

import os
import re
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, WorkerOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.environments import SubprocessSDKEnvironment

from pipeline.report import counters_of

ROOT = Path(__file__).resolve().parent.parent

Build = Callable[[beam.Pipeline], None]


class WorkerDied(Exception):
    """A worker process ended before its work did: killed, or out of memory."""


class PipelineFailed(Exception):
    """The pipeline failed: the message is for people, ``details`` is the traceback."""

    def __init__(self, message: str, details: str):
        super().__init__(message)
        self.details = details


class Engine:
    """Runs pipelines on ``workers`` processes of this machine; one worker is this process itself.

    `--runner=DirectRunner` means this: Beam's own choice for that name falls back, in silence, to a single
    process as soon as a pipeline has GroupIntoBatches in it.
    """

    def __init__(self, options: PipelineOptions, workers: int):
        self.workers = workers
        self.options = PipelineOptions([], **options.get_all_options(drop_default=True))
        direct = self.options.view_as(DirectOptions)
        direct.direct_num_workers = workers
        # With `multi_processing` Beam would replace our worker's command by its own; of `in_memory` it would warn.
        direct.direct_running_mode = None
        self.options.view_as(WorkerOptions).default_sdk_harness_log_level = "WARNING"

    def __str__(self) -> str:
        place = "in this process" if self.workers == 1 else f"on {self.workers} worker processes"
        return f"Beam's FnApiRunner, {place}"

    def run(self, build: Build) -> Counter[str]:
        """Run the pipeline that ``build`` makes; give our counters.

        Raises:
          WorkerDied: it can be run again.
          PipelineFailed: it would fail again.
        """
        with _WatchedWorkers() as workers:
            pipeline = beam.Pipeline(self._runner(), options=self.options)
            build(pipeline)
            try:
                return counters_of(pipeline.run())
            except Exception as error:
                if workers.died:
                    raise WorkerDied(workers.died) from None
                raise PipelineFailed(_reason(error), traceback.format_exc()) from None

    def _runner(self) -> FnApiRunner:
        if self.workers == 1:
            return FnApiRunner()
        # The workers import our modules from here, wherever the command was called.
        paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        if str(ROOT) not in paths:
            os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), *paths]))
        command = f"exec {sys.executable} -m pipeline.worker"
        return FnApiRunner(default_environment=SubprocessSDKEnvironment.from_command_string(command))


class _WatchedWorkers:
    """While entered, notes when a worker process dies: Beam tells it by an exception in one of its threads."""

    def __init__(self) -> None:
        self.died = ""

    def __enter__(self) -> _WatchedWorkers:
        self._before = threading.excepthook
        threading.excepthook = self._hook
        return self

    def __exit__(self, *_: object) -> None:
        threading.excepthook = self._before

    def _hook(self, args: threading.ExceptHookArgs) -> None:
        if "Worker subprocess exited" in str(args.exc_value):
            self.died = str(args.exc_value)
        elif args.thread is None or not args.thread.name.startswith(("read_grpc", "beam_control", "run_worker")):
            self._before(args)


_FAILURE = re.compile(r"^(?:[\w.]+\.)?(\w+): (.+?)(?: \[while running '.*)?$", re.DOTALL)
_OURS = ("LoadError", "TransientError", "TargetError")


def _reason(error: Exception) -> str:
    """The error of a stage, which comes from a worker as the text of its traceback."""
    last = [line for line in str(error).split("\n\n")[0].splitlines() if line and not line.startswith((" ", "\t"))]
    match = _FAILURE.match(last[-1]) if last else None
    if match and match[1] in _OURS:
        return match[2]
    text = last[-1] if last else type(error).__name__
    return re.sub(r" \[while running '.*", "", text)
