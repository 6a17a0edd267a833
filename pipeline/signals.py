"""Ctrl-C and SIGTERM: the first finishes the slice under way, the second ends at once.

Either way nothing is half-done: a batch is one transaction, and a rerun goes on from the ledger.
"""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType

logger = logging.getLogger(__name__)


class Interrupts:
    """While entered, ``requested`` says whether the user asked to stop; asked again, KeyboardInterrupt is raised."""

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Interrupts:
        # Only a main thread may set handlers; elsewhere (a notebook's thread) the caller's stay.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        logger.warning("Stopping after the slice under way is committed; once more to stop at once.")
