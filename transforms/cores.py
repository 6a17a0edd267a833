"""Cores, shared by more processes than there are: who waits for a database lends its core to another.

A local run may have more workers than cores where the way to the database is long. Each holds one of as many locks as
there are cores while it reads, parses and maps, and gives it back while a batch is on its way:

    worker 1  ── map ──┐ insert . . . . . ├─ map ──┐ insert
    worker 2           └─ map ──┐ insert . . . . . └─ map ──
    worker 3                    └─ map ──┐ insert . . . . .

A core is taken again when the batch is committed, never inside of a transaction: a process that waits for a core holds
nothing that another could want. The system gives the locks of a process back when it ends, however it does.

Anywhere else, in another runner or in a pipeline of your own, no process shares its cores, and nothing happens here.
"""

from __future__ import annotations

import fcntl
import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LOOK_AGAIN_SECONDS = 0.5
"""How long a core stays idle at most that was held by a process that was killed: it cannot say so."""
_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


class Cores:
    """This process's part in the cores of ``folder``, that :meth:`make` has prepared.

    Who waits holds the lock ``door``: so one at a time looks for a core, in the order of their coming. Who gives a core
    back writes a byte into the pipe ``free``, by which the one at the door is woken.
    """

    def __init__(self, folder: Path):
        self._door = os.open(folder / "door", _FLAGS)
        self._free = os.open(folder / "free", _FLAGS | os.O_NONBLOCK)
        self._cores = [os.open(path, _FLAGS) for path in sorted(folder.glob("core-*"))]
        self._held: int | None = None
        self.reset()

    @staticmethod
    def make(folder: Path, number: int) -> None:
        """Prepare a folder, which must be on this machine, for so many cores."""
        for name in ("door", *(f"core-{at:04d}" for at in range(number))):
            (folder / name).touch(0o600)
        os.mkfifo(folder / "free", 0o600)

    def reset(self) -> None:
        """Begin anew to count."""
        self.times = 0
        """How often this process has lent its core."""
        self.waited = self.queued = 0.0
        """Seconds that it has waited then, and that it has waited for a core."""

    def take(self) -> None:
        """Wait for a core."""
        began = time.monotonic()
        fcntl.flock(self._door, fcntl.LOCK_EX)
        try:
            while not self._found():
                select.select([self._free], [], [], _LOOK_AGAIN_SECONDS)
                with suppress(BlockingIOError):
                    os.read(self._free, 1 << 16)
        finally:
            fcntl.flock(self._door, fcntl.LOCK_UN)
        self.queued += time.monotonic() - began

    def give_back(self) -> None:
        """Let another process have the core."""
        if self._held is not None:
            fcntl.flock(self._held, fcntl.LOCK_UN)
            self._held = None
            with suppress(BlockingIOError):  # it is full of tokens that no process has waited for
                os.write(self._free, b".")

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Give the core back, and take one again in the end."""
        self.give_back()
        # What is done meanwhile, such as making text of rows, is not waiting.
        began, worked = time.monotonic(), time.process_time()
        try:
            yield
        finally:
            waited = time.monotonic() - began - (time.process_time() - worked)
            self.waited += max(waited, 0.0)
            self.times += 1
            self.take()

    def close(self) -> None:
        for file in (*self._cores, self._door, self._free):
            os.close(file)

    def _found(self) -> bool:
        for core in self._cores:
            with suppress(BlockingIOError):
                fcntl.flock(core, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._held = core
                return True
        return False


shared: Cores | None = None
"""The cores that this process shares with others, if it does."""


@contextmanager
def lent() -> Iterator[None]:
    """For what waits for a database: this process lends its core meanwhile, if it shares any."""
    if shared is None:
        yield
    else:
        with shared.lent():
            yield
