"""Ctrl-C, SIGTERM and SIGHUP: the first lets the slices under way finish, the second ends at once, more change nothing.

Either way nothing is half-done: a batch is one transaction, and a rerun goes on from the ledger.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType

logger = logging.getLogger(__name__)

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """While entered, the command decides what a signal does.

    Before :meth:`call` has been given a function, the first signal raises KeyboardInterrupt. After it, the first
    calls that function, and the second raises KeyboardInterrupt. Nothing is raised after the first time, so that
    the report can be written.
    """

    def __init__(self) -> None:
        self.requested = False
        self._stop: Callable[[], None] | None = None
        self._says = ""
        self._raised = False
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Interrupts:
        # Only a main thread may set handlers; elsewhere (a notebook's thread) the caller's stay.
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                before = signal.signal(number, self._handle)
                self._before[number] = before
                if number == signal.SIGHUP and before == signal.SIG_IGN:
                    signal.signal(number, signal.SIG_IGN)  # nohup asked for that
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            # After a signal the command is about to end; one more must not kill it at its last step.
            signal.signal(number, signal.SIG_IGN if self.requested else handler)  # type: ignore[arg-type]

    def call(self, stop: Callable[[], None], says: str) -> None:
        """Let the first signal call ``stop``, which ends the work in good order, as ``says`` says."""
        self._stop, self._says = stop, says

    def again(self) -> None:
        """Handle signals after another library has taken them over."""
        for number in self._before:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._raised:
            return
        if self.requested or self._stop is None:
            self.requested = self._raised = True
            raise KeyboardInterrupt
        self.requested = True
        self._stop()
        logger.warning("%s; once more to stop at once.", self._says)
