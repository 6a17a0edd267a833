"""What a worker process does: one pipeline, built once, run on slice after slice."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import apache_beam as beam
from apache_beam.pvalue import PBegin

from pipeline import graph
from pipeline.job import Job
from pipeline.local.engine import Engine, PipelineFailed
from pipeline.local.processes import tell
from pipeline.local.pulse import Pulse
from pipeline.local.slice_result import SliceResult
from pipeline.logs import set_up_logging
from pipeline.slices import Slice
from transforms import Outputs, Part, XmlRecord, cores
from transforms.cores import Cores
from transforms.metrics import slowest

_job: Job | None = None
_slice: Slice | None = None
"""What this process loads: its pipeline reads it from here, so that one pipeline serves all slices."""


class Worker:
    """Loads the slices of a job, one after another; ``shared`` is the folder by which workers share cores."""

    def __init__(self, job: Job, shared: Path | None = None):
        set_up_logging(job.flags.log_level, job.flags.log_format)
        global _job
        _job = job
        if shared is not None:
            cores.shared = Cores(shared)
        read = ReadSlice(graph.read_parts(job))
        self._engine = Engine(lambda pipeline: graph.load(pipeline, job, read, _read_again, _name), job.flags.beam)

    def load(self, part: Slice) -> SliceResult:
        global _slice
        _slice = part
        started, memory, mine = time.monotonic(), Memory(), cores.shared
        failed: PipelineFailed | None = None
        if mine is not None:
            mine.reset()
            mine.take()
        try:
            with Pulse(tell) as pulse:
                try:
                    counters = self._engine.run()
                except PipelineFailed as error:
                    failed, counters = error, error.counters
        finally:
            if mine is not None:
                mine.give_back()
        seconds = time.monotonic() - started
        loaded = SliceResult(counters, seconds, seconds, 0.0, 0.0, memory.peak(), pulse.stages, slowest.records)
        if mine is not None:
            pause = mine.waited / max(mine.times, 1)
            loaded = replace(loaded, worked=seconds - mine.waited - mine.queued, waited=mine.waited, pause=pause)
        return replace(loaded, error=failed.message, details=failed.details) if failed else loaded


class ReadSlice(beam.PTransform):
    """Reads the parts of the slice that this process loads."""

    def __init__(self, read: beam.PTransform):
        super().__init__()
        self.read = read

    def expand(self, pbegin: PBegin) -> Outputs:
        return pbegin | beam.Impulse() | "Parts" >> beam.FlatMap(_parts).with_output_types(Part) | "Read" >> self.read


class Memory:
    """What this process comes to hold at most, beyond what it held before; 0 where the system does not tell."""

    def __init__(self) -> None:
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        self._before = _status("VmRSS")

    def peak(self) -> int:
        return max(_status("VmHWM") - self._before, 0)


def _status(name: str) -> int:
    try:
        found = re.search(rf"{name}:\s*(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        return 0
    return 1024 * int(found[1]) if found else 0


def _parts(_: bytes) -> Iterator[Part]:
    assert _slice is not None, "a slice is set before its pipeline runs"
    yield from _slice.splits


def _read_again(places: frozenset[tuple[str, int]]) -> Iterable[XmlRecord]:
    assert _job is not None, "a worker has a job"
    assert _slice is not None, "a slice is set before its pipeline runs"
    return _job.input.read_again(_job.contract, _job.flags.max_record_bytes, _slice.splits)(places)


def _name() -> str:
    assert _slice is not None, "a slice is set before its pipeline runs"
    return _slice.name
