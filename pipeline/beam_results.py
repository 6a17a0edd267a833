"""What Beam says of a pipeline that ran: its counters, and its errors in words for people."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from transforms import NAMESPACE

if TYPE_CHECKING:
    from apache_beam.runners.runner import PipelineResult


def counters_of(result: PipelineResult) -> Counter[str]:
    """The counters of our stages, summed over the steps of a pipeline."""
    counters: Counter[str] = Counter()
    for counter in result.metrics().query()["counters"]:
        if counter.key.metric.namespace == NAMESPACE:
            counters[counter.key.metric.name] += counter.result
    return counters


_FAILURE = re.compile(r"^(?:[\w.]+\.)?(\w+): (.+)$", re.DOTALL)
_FOR_PEOPLE = ("InputError", "LoadError", "OSError", "TransientError", "TargetError", "UserError")
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
