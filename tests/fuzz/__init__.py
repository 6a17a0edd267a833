"""Random cases, the same for the same seed. A target is a function that raises where a promise is broken."""

from __future__ import annotations

import random
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from tests.fuzz import contracts, documents, flags

Target = Callable[[random.Random, Path], None]
TARGETS: dict[str, Target] = {
    "layout": documents.layout,
    "damage": documents.damage,
    "noise": documents.noise,
    "contracts": contracts.contracts,
    "flags": flags.flags,
}
_SECONDS = 20.0
"""What takes longer than that hangs: a case takes milliseconds."""


def check(target: str, seed: int) -> None:
    """Raise where the case of this seed breaks the target's promise."""

    def hangs(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"it takes more than {_SECONDS:g} s")

    before = signal.signal(signal.SIGALRM, hangs)
    signal.setitimer(signal.ITIMER_REAL, _SECONDS)
    try:
        with tempfile.TemporaryDirectory(prefix="beamshred-fuzz-") as folder:
            TARGETS[target](random.Random(seed), Path(folder))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
