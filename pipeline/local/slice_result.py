"""What a worker process answers for a slice."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SliceResult:
    """What a process says of its slice: what it counted, its time, its memory, its seconds by stage, its slowest
    records, and why it failed, if it did.

    Of the ``seconds`` it has ``worked`` so many on a core, and ``waited`` for the database, ``pause`` at a time; the
    others it queued.
    """

    counters: Counter[str]
    seconds: float
    worked: float
    waited: float
    pause: float
    memory: int
    stages: dict[str, float]
    slowest: list[dict[str, Any]]
    error: str | None = None
    details: str | None = None
