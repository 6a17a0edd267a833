"""How many workers a local run has at once: as many as cores, and more where those wait for a far database.

A worker that waits for the database leaves its core idle. So others read, parse and map meanwhile, on the same cores:
:mod:`transforms.cores` sees that no more do so at once than there are. One more worker costs memory, a connection and
its start. None is started before it was measured that those that run wait: with a near database none is.
"""

from __future__ import annotations

_LITTLE = 0.5
"""So much waiting, as a part of the work, is not worth another worker: a near database on the same cores makes it."""


_ENOUGH_SECONDS = 1.0
"""A slice of less work says nothing of the others: its batch is small, and may be on its way as long as a large one."""


class Overlap:
    """How many workers there are to be, by what their slices have measured.

    Never fewer than there were: to start one is dear.

    Args:
      cores: how many of them work at once.
      most: workers at the most.
    """

    def __init__(self, cores: int, most: int):
        self.cores = cores
        self.most = most
        self.workers = cores
        self._worked = self._waited = 0.0

    @property
    def share(self) -> float:
        """Which part of their time workers wait for the database."""
        return self._waited / max(self._worked + self._waited, 0.001)

    def measured(self, worked: float, waited: float) -> bool:
        """A slice took so many seconds of work on a core, and of waiting for the database; is their number another?"""
        if worked < _ENOUGH_SECONDS:
            return False
        # The last slices count most: the first ones are small, and their batches too.
        self._worked = self._worked / 2 + worked
        self._waited = self._waited / 2 + waited
        ratio = self._waited / max(self._worked, 0.001)
        wanted = int(self.cores * (1 + ratio)) if ratio >= _LITTLE else self.cores
        before, self.workers = self.workers, min(max(wanted, self.workers), self.most)
        return self.workers != before
