"""Beam's local engine: started so that it really uses its workers, and its failures in words for people.

`--runner=DirectRunner` means this engine, FnApiRunner: Beam's own choice for that name falls back, in
silence, to a single process as soon as a pipeline has GroupIntoBatches in it.
"""

from __future__ import annotations

import logging
import os
import re
import traceback
from collections import Counter
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, WorkerOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.portability.fn_api_runner.worker_handlers import GrpcWorkerHandler, WorkerHandler
from apache_beam.runners.worker import sdk_worker_main
from apache_beam.transforms.environments import Environment, python_sdk_capabilities
from google.protobuf import json_format, text_format

from pipeline import processes
from pipeline.report import counters_of
from pipeline.terminal import set_up_logging

LOOPBACK = "127.0.0.1"

Build = Callable[[beam.Pipeline], None]


class PipelineFailed(Exception):
    """A pipeline failed: ``message`` is for people, ``details`` is the traceback."""

    def __init__(self, message: str, details: str):
        super().__init__(message, details)
        self.message = message
        self.details = details


def run(build: Build, options: dict[str, Any], workers: int) -> Counter[str]:
    """Run the pipeline that ``build`` makes on ``workers`` processes; give our counters.

    One worker is this process itself. Raises :class:`PipelineFailed`.
    """
    pipeline_options = PipelineOptions([], **options)
    direct = pipeline_options.view_as(DirectOptions)
    direct.direct_num_workers = workers
    # With a mode, Beam would start its own workers in place of ours.
    direct.direct_running_mode = None
    pipeline_options.view_as(WorkerOptions).default_sdk_harness_log_level = "WARNING"
    runner = FnApiRunner() if workers == 1 else FnApiRunner(default_environment=ForkedEnvironment())
    grpc.server = _local_server
    try:
        pipeline = beam.Pipeline(runner, options=pipeline_options)
        build(pipeline)
        return counters_of(pipeline.run())
    except Exception as error:
        raise PipelineFailed(reason(error), traceback.format_exc()) from None


_URN = "beamshred:env:forked_process:v1"


@Environment.register_urn(_URN, bytes)
class ForkedEnvironment(Environment):
    """Worker processes that are forked off the server of :mod:`pipeline.processes`."""

    def __init__(self) -> None:
        super().__init__(capabilities=python_sdk_capabilities(), artifacts=())

    def to_runner_api_parameter(self, context: Any) -> tuple[str, bytes]:
        return _URN, b""

    @staticmethod
    def from_runner_api_parameter(
        payload: bytes, capabilities: Any, artifacts: Any, hints: Any, context: Any
    ) -> ForkedEnvironment:
        return ForkedEnvironment()

    @classmethod
    def from_options(cls, options: PipelineOptions) -> ForkedEnvironment:
        return cls()


@WorkerHandler.register_environment(_URN, bytes)
class ForkedWorkerHandler(GrpcWorkerHandler):
    """The engine's side of a forked worker."""

    def __init__(self, payload: bytes, *arguments: Any):
        super().__init__(*arguments)

    def host_from_worker(self) -> str:
        return LOOPBACK

    def start_worker(self) -> None:
        self.process: BaseProcess = processes.start(
            _run_worker,
            {
                "CONTROL_API_SERVICE_DESCRIPTOR": text_format.MessageToString(self.control_api_service_descriptor()),
                "PIPELINE_OPTIONS": json_format.MessageToJson(self.provision_info.provision_info.pipeline_options),
                "WORKER_ID": self.worker_id,
            },
            logging.getLogger("pipeline").level,
            daemon=True,
        )
        processes.watch_workers([self.process])

    def stop_worker(self) -> None:
        self.process.join()


def _run_worker(environment: dict[str, str], log_level: int) -> None:
    os.environ.update(environment)
    # Without Beam's own way of logging, which shows a message as ten lines of its protocol.
    set_up_logging(logging.getLevelName(log_level))
    sdk_worker_main.main([])


_server = grpc.server


def _local_server(*arguments: Any, **options: Any) -> grpc.Server:
    """Beam lets its servers listen on all interfaces; what they carry is nobody else's business."""
    server = _server(*arguments, **options)
    listen = server.add_insecure_port
    server.add_insecure_port = lambda address: listen(address.replace("[::]", LOOPBACK))
    return server


_FAILURE = re.compile(r"^(?:[\w.]+\.)?(\w+): (.+)$", re.DOTALL)
_FOR_PEOPLE = ("InputError", "LoadError", "TransientError", "TargetError")
"""Our errors that say what is wrong by themselves; others keep the name of their class."""


def reason(error: Exception) -> str:
    """What an error says to people. That of a stage comes from a worker as the text of its traceback."""
    text = re.sub(r" \[while running '.*", "", str(error), flags=re.DOTALL)
    lines = [line for line in text.splitlines() if line and not line.startswith((" ", "\t"))]
    last = lines[-1] if "Traceback" in text and lines else text
    match = _FAILURE.match(last)
    name, message = match.groups() if match else (type(error).__name__, last)
    if name in _FOR_PEOPLE:
        return message
    return last if match else f"{name}: {message}"
