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

from pipeline.report import counters_of
from transforms import counted

Build = Callable[[beam.Pipeline], None]


class PipelineFailed(Exception):
    """A pipeline failed: ``message`` is for people, ``details`` the traceback, ``counters`` what it had counted."""

    def __init__(self, message: str, details: str, counters: Counter[str]):
        super().__init__(message, details)
        self.message = message
        self.details = details
        self.counters = counters


def run(build: Build, options: dict[str, Any]) -> Counter[str]:
    """Run the pipeline that ``build`` makes, all of it in this process; give our counters.

    Raises :class:`PipelineFailed`.
    """
    pipeline_options = PipelineOptions([], **options)
    direct = pipeline_options.view_as(DirectOptions)
    direct.direct_num_workers = 1  # the workers are above: each runs one such pipeline at a time
    direct.direct_running_mode = "in_memory"
    before = Counter(counted)
    try:
        pipeline = beam.Pipeline(FnApiRunner(), options=pipeline_options)
        build(pipeline)
        return counters_of(pipeline.run())
    except Exception as error:
        raise PipelineFailed(reason(error), traceback.format_exc(), Counter(counted) - before) from None


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
