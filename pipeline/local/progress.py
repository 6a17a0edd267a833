"""How far a run has come: of what has ended, and of the slices under way.

All is called by one thread. Whoever shows it takes :attr:`Progress.snapshot`, which is replaced and never changed.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pipeline.local.pulse import News
from pipeline.report import Report

RECORDS = ("read", "parsed", "mapped", "loaded", "skipped", "replaced", "rejected")
NOW_SECONDS = 10.0
"""The rate now is that of so many seconds."""
LEFT_SECONDS = 60.0
"""The time left is told by the pace of so many."""


@dataclass(frozen=True)
class Working:
    """What a worker does: the process, the slice, the stage, and the records that it has read and settled."""

    process: int
    slice: int
    stage: str
    read: int
    settled: int


@dataclass(frozen=True)
class Snapshot:
    """What is shown. ``total_bytes`` and ``seconds_left`` are ``None`` until they can be known."""

    phase: str = "starts"
    seconds: float = 0.0
    records: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RECORDS, 0))
    input_bytes: int = 0
    total_bytes: int | None = None
    rate_now: float = 0.0
    rate: float = 0.0
    bytes_rate: float = 0.0
    seconds_left: float | None = None
    slowest_stage: str | None = None
    slowest_share: float = 0.0
    workers: tuple[Working, ...] = ()


@dataclass
class _Slice:
    process: int
    input_bytes: int
    weight: int
    news: News

    @property
    def settled(self) -> int:
        counts = self.news.counts
        return sum(counts[name] for name in ("loaded", "skipped", "replaced", "rejected"))

    @property
    def read(self) -> int:
        return max(self.news.counts["read"], self.news.counts["parsed"])  # what is read is counted later

    @property
    def done(self) -> float:
        """The share that is done: reading up to mapping is the first half, inserting the second."""
        read = min(1.0, self.news.counts["read_bytes"] / max(self.weight, 1))
        settled = min(1.0, self.settled / max(self.read, 1))
        return (read + min(settled, read)) / 2


class Progress:
    """Adds up what workers tell with what the report has of slices that have ended, and keeps its timeline."""

    def __init__(self, report: Report, clock: Callable[[], float] = time.monotonic):
        self._report = report
        self._clock = clock
        self._began = clock()
        self._slices: dict[int, _Slice] = {}
        self._ended_bytes = 0
        self._total: int | None = None
        self._past: deque[tuple[float, int, float]] = deque([(0.0, 0, 0.0)])
        self._snapshot = Snapshot()

    @property
    def snapshot(self) -> Snapshot:
        return replace(self._snapshot, seconds=self._clock() - self._began)

    def enter(self, phase: str) -> None:
        """Say what the command does now."""
        self._snapshot = replace(self._snapshot, phase=phase)

    def told(self, process: int, number: int, input_bytes: int, weight: int, news: News) -> None:
        """A worker has news of the slice ``number``."""
        self._slices[number] = _Slice(process, input_bytes, weight, news)
        self._update()

    def given_up(self, number: int) -> None:
        """The worker of a slice has died: what it told is not true of the next attempt."""
        self._slices.pop(number, None)
        self._update()

    def ended(self, number: int, input_bytes: int, total: int | None) -> None:
        """A slice has ended, and the report has its counts."""
        self._slices.pop(number, None)
        self._ended_bytes += input_bytes
        self._total = total
        self._update()

    def _update(self) -> None:
        now = self._clock() - self._began
        under_way = list(self._slices.values())
        counters = self._report.counters
        records = {name: counters[name] + sum(s.news.counts[name] for s in under_way) for name in RECORDS}
        records["read"] = counters["read"] + sum(s.read for s in under_way)
        records["rejected"] = self._report.records["rejected"] + sum(s.news.counts["rejected"] for s in under_way)
        done = self._ended_bytes + sum(s.input_bytes * s.done for s in under_way)
        stages = defaultdict(float, self._report.stages)
        for part in under_way:
            for stage, spent in part.news.stages.items():
                stages[stage] += spent
        slowest = max(stages, key=lambda stage: stages[stage], default=None)
        self._past.append((now, records["read"], done))
        while len(self._past) > 2 and self._past[1][0] <= now - LEFT_SECONDS:
            self._past.popleft()
        rate_now, pace = self._paces(now, records["read"], done)
        self._snapshot = Snapshot(
            phase="loads",
            records=records,
            input_bytes=round(done),
            total_bytes=self._total,
            rate_now=rate_now,
            rate=records["read"] / now if now else 0.0,
            bytes_rate=pace,
            seconds_left=(self._total - done) / pace if self._total is not None and pace > 0 else None,
            slowest_stage=slowest,
            slowest_share=stages[slowest] / (sum(stages.values()) or 1) if slowest else 0.0,
            workers=tuple(
                Working(part.process, number, part.news.stage, part.read, part.settled)
                for number, part in sorted(self._slices.items())
            ),
        )
        settled = sum(records[name] for name in ("loaded", "skipped", "replaced", "rejected"))
        self._report.timeline.add(now, records["read"], settled)

    def _paces(self, now: float, read: int, done: float) -> tuple[float, float]:
        """Records a second of late, and bytes a second of a longer while."""
        then, read_then, _ = max(
            (point for point in self._past if point[0] <= now - NOW_SECONDS), default=self._past[0]
        )
        first, _, done_first = self._past[0]
        rate = max(read - read_then, 0) / (now - then) if now > then else 0.0
        return rate, max(done - done_first, 0.0) / (now - first) if now > first else 0.0
