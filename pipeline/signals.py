"""Ctrl-C and SIGTERM: the first finishes the slice under way, the second ends at once.

Either way nothing is half-done: a batch is one transaction, and a rerun goes on from the ledger.
"""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType, TracebackType

import psutil

logger = logging.getLogger(__name__)


class Interrupts:
    """While entered, ``requested`` says whether the user asked to stop, ``ended`` whether they asked again:
    then the workers are ended and KeyboardInterrupt is raised."""

    def __init__(self) -> None:
        self.requested = False
        self.ended = False
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Interrupts:
        # Only a main thread may set handlers; elsewhere (a notebook's thread) the caller's stay.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            self.ended = True
            end_workers()
            raise KeyboardInterrupt
        self.requested = True
        logger.warning("Stopping after the slice under way is committed; once more to stop at once.")


def end_workers() -> None:
    """Kill the processes below this one: their open transactions are rolled back by the database."""
    for process in psutil.Process().children(recursive=True):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
