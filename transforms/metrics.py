"""The Beam metrics of the stages: all in one namespace, so that a report can be made of them.

Counters: ``read``, ``loaded``, ``skipped``, ``replaced``, and of those skipped :data:`SKIPPED`;
``rows.<table>``; ``rejects.<stage>.<rule>``; ``failures.<table>.<column>.<rule>``. Distributions are named
``<stage>.<what>_<unit>``.
"""

from __future__ import annotations

from collections import Counter as Tally
from functools import cache
from typing import TYPE_CHECKING

from transforms.records import Reject

if TYPE_CHECKING:
    from apache_beam.metrics.metricbase import Counter

NAMESPACE = "beamshred"

SKIPPED = ("changed", "contract_changed", "duplicates", "superseded")
"""Why records are skipped that are not the very ones that were loaded."""

counted: Tally[str] = Tally()
"""All that was counted in this process. A pipeline that fails gives no metrics: this says how far it came."""


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
