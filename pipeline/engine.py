"""Beam's DirectRunner in this process, and its failures in words for people.

`--runner=DirectRunner` means FnApiRunner here: Beam's own choice for that name falls back, in silence, to an engine
of one thread as soon as a pipeline has GroupIntoBatches in it.
"""

from __future__ import annotations

import re
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.runner import PipelineResult
from apache_beam.transforms.environments import EmbeddedPythonEnvironment

from transforms import NAMESPACE, counted

Build = Callable[[beam.Pipeline], None]


class PipelineFailed(Exception):
    """A pipeline failed: ``message`` is for people, ``details`` the traceback, ``counters`` what it had counted."""

    def __init__(self, message: str, details: str, counters: Counter[str]):
        super().__init__(message, details)
        self.message = message
        self.details = details
        self.counters = counters


class Engine:
    """The pipeline that ``build`` makes: built once, run as often as wanted, all of it in this process.

    Building one costs twice what running it costs before its first record.
    """

    def __init__(self, build: Build, options: dict[str, Any]):
        self._options = PipelineOptions([], **options)
        direct = self._options.view_as(DirectOptions)
        direct.direct_num_workers = 1  # the workers are above: each runs one such pipeline at a time
        direct.direct_running_mode = "in_memory"
        pipeline = beam.Pipeline(FnApiRunner(), options=self._options)
        build(pipeline)
        self._proto = pipeline.to_runner_api(default_environment=EmbeddedPythonEnvironment.default())

    def run(self) -> Counter[str]:
        """Run it; give our counters. Raises :class:`PipelineFailed`."""
        before = Counter(counted)
        try:
            return counters_of(FnApiRunner().run_via_runner_api(self._proto, self._options))
        except Exception as error:
            raise PipelineFailed(reason(error), traceback.format_exc(), Counter(counted) - before) from None


def counters_of(result: PipelineResult) -> Counter[str]:
    """The counters of our stages, summed over the steps of a pipeline."""
    counters: Counter[str] = Counter()
    for counter in result.metrics().query()["counters"]:
        if counter.key.metric.namespace == NAMESPACE:
            counters[counter.key.metric.name] += counter.result
    return counters


_FAILURE = re.compile(r"^(?:[\w.]+\.)?(\w+): (.+)$", re.DOTALL)
_FOR_PEOPLE = ("InputError", "LoadError", "OSError", "TransientError", "TargetError")
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
