"""Turns of processes that write to one SQLite file.

SQLite lets a process that finds another one writing sleep and try again, longer each time: the file is idle
meanwhile, and who sleeps longest starves. Here they queue, and the next is woken when the last has committed.
The system gives a turn back when its process ends, however it does.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from time import monotonic

from transforms.metrics import spent


class Turn:
    """The turn to write to a file, among the processes of one user on one machine.

    Two locks: who waits for ``turn`` holds ``door``, so that a process that has just written cannot be the next one
    again while another waits. The turn only saves time; where it cannot be had, SQLite's own locks do alone.
    """

    def __init__(self, database: str):
        self._files: list[int] = []
        try:
            status = os.stat(database)
            name = f"beamshred-{os.getuid()}-{status.st_dev:x}-{status.st_ino:x}"
            for lock in ("door", "turn"):
                path = os.path.join(tempfile.gettempdir(), f"{name}.{lock}")
                self._files.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        except OSError:
            self.close()

    def take(self) -> None:
        """Wait for the turn."""
        if self._files:
            door, turn = self._files
            began = monotonic()
            fcntl.flock(door, fcntl.LOCK_EX)
            try:
                fcntl.flock(turn, fcntl.LOCK_EX)
            finally:
                fcntl.flock(door, fcntl.LOCK_UN)
            spent["wait"] += monotonic() - began

    def give_back(self) -> None:
        """Let the next one write; nothing, if it was not this process's turn."""
        if self._files:
            fcntl.flock(self._files[1], fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the turn back, and want no more."""
        for file in self._files:
            os.close(file)
        self._files = []
