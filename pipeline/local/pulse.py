"""What a worker tells of the slice that it loads: how far it has come, and where its time goes.

The stages keep clocks (:data:`transforms.metrics.spent`), which a thread reads twice a second. A profile by sampling
would be wrong: a thread that looks at others comes to its turn where these let go of the interpreter, as lxml does.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

from transforms.metrics import counted, slowest, spent

READ, PARSE, MAP, INSERT, WAIT, ENGINE = "read", "parse", "map", "insert", "wait", "engine"
STAGES = (READ, PARSE, MAP, INSERT, WAIT, ENGINE)
"""Where the time of a worker goes; ``wait``: for its turn; ``engine``: Beam, and the packing between the stages."""

_CODE = (
    ("transforms.database.drivers.turn", WAIT),
    ("transforms.insert.retry", WAIT),
    ("transforms.insert", INSERT),
    ("transforms.database", INSERT),
    ("transforms.map", MAP),
    ("transforms.parse", PARSE),
    ("transforms.read", READ),
)
_COUNTERS = ("read_bytes", "read", "parsed", "mapped", "loaded", "skipped", "replaced")


@dataclass(frozen=True)
class News:
    """Of a slice that is being loaded: the stage that runs, what was counted so far, and seconds by stage."""

    stage: str
    counts: dict[str, int]
    stages: dict[str, float]


class Pulse:
    """While entered, calls ``tell`` with the news of what the other threads of this process do."""

    TELL_SECONDS = 0.5

    def __init__(self, tell: Callable[[News], None]):
        self._tell = tell
        self._counted = dict(counted)
        self._spent = dict(spent)
        self._began = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="pulse", daemon=True)

    def __enter__(self) -> Pulse:
        slowest.empty()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.stages = self._stages()
        """Seconds by stage."""

    def _watch(self) -> None:
        before: dict[str, float] = {}
        while not self._stop.wait(self.TELL_SECONDS):
            stages = self._stages()
            grown = {stage: seconds - before.get(stage, 0.0) for stage, seconds in stages.items()}
            stage = max(grown, key=lambda stage: grown[stage])
            # What takes long has told no time yet: the code that runs says what it is.
            self._tell(News(_stage_that_runs() if stage == ENGINE else stage, self._counts(), stages))
            before = stages

    def _stages(self) -> dict[str, float]:
        now, total = dict(spent), time.monotonic() - self._began
        stages = {stage: now.get(stage, 0.0) - self._spent.get(stage, 0.0) for stage in STAGES}
        stages[INSERT] -= stages[WAIT]
        stages[ENGINE] = max(total - sum(stages.values()), 0.0)
        return {stage: round(max(seconds, 0.0), 3) for stage, seconds in stages.items()}

    def _counts(self) -> dict[str, int]:
        now = dict(counted)  # at once: other threads count
        counts = {name: now.get(name, 0) - self._counted.get(name, 0) for name in _COUNTERS}
        rejected = sum(n - self._counted.get(name, 0) for name, n in now.items() if name.startswith("rejects."))
        return {**counts, "rejected": rejected}


def _stage_that_runs() -> str:
    """The stage whose code is innermost in a thread; the engine where no stage's code runs."""
    for frame in sys._current_frames().values():
        if found := _stage_of(frame):
            return found
    return ENGINE


def _stage_of(frame: FrameType | None) -> str | None:
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("transforms."):
            for prefix, stage in _CODE:
                if module.startswith(prefix):
                    return stage
        frame = frame.f_back
    return None
