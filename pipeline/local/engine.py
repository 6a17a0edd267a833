"""Beam's DirectRunner in this process.

`--runner=DirectRunner` means FnApiRunner here: Beam's own choice for that name falls back, in silence, to an engine
of one thread as soon as a pipeline has GroupIntoBatches in it.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions

from pipeline.beam_results import counters_of, reason
from pipeline.private import BuiltPipeline
from transforms import counted


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

    def __init__(self, build: Callable[[beam.Pipeline], None], options: dict[str, Any]):
        given = PipelineOptions([], **options)
        direct = given.view_as(DirectOptions)
        direct.direct_num_workers = 1  # the workers are above: each runs one such pipeline at a time
        direct.direct_running_mode = "in_memory"
        self._pipeline = BuiltPipeline(build, given)

    def run(self) -> Counter[str]:
        """Run it; give our counters. Raises :class:`PipelineFailed`."""
        before = Counter(counted)
        try:
            return counters_of(self._pipeline.run())
        except Exception as error:
            raise PipelineFailed(reason(error), traceback.format_exc(), Counter(counted) - before) from None
