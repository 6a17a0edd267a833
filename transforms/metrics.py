"""The Beam metrics of the stages: all in one namespace, so that a report can be made of them.

Counters: ``read``, ``loaded``, ``skipped``, ``replaced``, and of those skipped :data:`SKIPPED`;
``rows.<table>``; ``rejects.<stage>.<rule>``; ``failures.<table>.<column>.<rule>``; ``found.<table>`` and
``found.<table>.<column>``, once or more where one had a row or value. Distributions are named
``<stage>.<what>_<unit>``.
"""

from __future__ import annotations

import heapq
from collections import Counter as Tally
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any

from transforms.records import Reject, XmlRecord

if TYPE_CHECKING:
    from apache_beam.metrics.metricbase import Counter

NAMESPACE = "beamshred"

SKIPPED = ("changed", "contract_changed", "duplicates", "superseded")
"""Why records are skipped that are not the very ones that were loaded."""

counted: Tally[str] = Tally()
"""All that was counted in this process. A pipeline that fails gives no metrics: this says how far it came."""

spent: defaultdict[str, float] = defaultdict(float)
"""Seconds that the stages of this process have taken, by their names; ``wait`` is part of ``insert``."""


def count(name: str, by: int = 1) -> None:
    """Add to a counter."""
    counted[name] += by
    _counter(name).inc(by)


@cache
def _counter(name: str) -> Counter:
    # Making one costs more than counting; and the names of the counters are of use without Beam.
    from apache_beam.metrics import Metrics

    return Metrics.counter(NAMESPACE, name)


def count_reject(reject: Reject) -> None:
    """Count a reject by its stage and rule."""
    count(f"rejects.{reject.stage}.{reject.rule}")


class Slowest:
    """The records of this process that a stage took longest for, since it was emptied."""

    MOST = 10

    def __init__(self) -> None:
        self.empty()

    def empty(self) -> None:
        self.least = 0.001
        """Seconds; whatever took less is not among them."""
        self._heap: list[tuple[float, str, str, int, int, int]] = []

    def add(self, seconds: float, stage: str, record: XmlRecord) -> None:
        item = (seconds, stage, record.source, record.ordinal, record.start, len(record.payload))
        if len(self._heap) < self.MOST:
            heapq.heappush(self._heap, item)
        else:
            heapq.heappushpop(self._heap, item)
        if len(self._heap) == self.MOST:
            self.least = self._heap[0][0]

    @property
    def records(self) -> list[dict[str, Any]]:
        """The slowest first."""
        names = ("seconds", "stage", "source", "ordinal", "start", "bytes")
        return [dict(zip(names, item, strict=True)) for item in sorted(self._heap, reverse=True)]


slowest = Slowest()
