"""What this process may use of the machine, within the limits of its control groups (v1 and v2), and what it uses."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil

_UNLIMITED = 1 << 60
"""More than this is how version 1 writes that there is no limit."""


def cores(root: Path = Path("/")) -> int:
    """The cores that this process may use, at least 1; a quota of 1.5 is two of them."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [_quota(folder) for folder in _groups(root, "cpu")]
    return max(1, min([found, *(math.ceil(quota) for quota in quotas if quota is not None)]))


def memory(root: Path = Path("/")) -> int:
    """Bytes of memory that this process may use, by itself and with those below it."""
    limits = [
        _number(folder / name)
        for folder in _groups(root, "memory")
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes")
    ]
    return min([psutil.virtual_memory().total, *(limit for limit in limits if limit is not None)])


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of the control groups that this process is in, from its own up."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, path = line.split(":", 2)
        mount = root / "sys/fs/cgroup"
        if number != "0":
            if controller not in controllers.split(","):
                continue
            mount /= controllers if (mount / controllers).is_dir() else controller
        group = mount / path.strip("/")
        yield group
        while group != mount:
            # In a container the path may be that of the host: only its mount is there.
            group = group.parent
            yield group


def _quota(group: Path) -> float | None:
    """Cores, as a part of each period."""
    try:
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text().split()
        else:
            quota, period = (group / "cpu.cfs_quota_us").read_text(), (group / "cpu.cfs_period_us").read_text()
        return int(quota) / int(period) if int(quota) > 0 else None
    except (OSError, ValueError):  # "max" is no number
        return None


def _number(file: Path) -> int | None:
    try:
        found = int(file.read_text())
    except (OSError, ValueError):
        return None
    return found if 0 < found < _UNLIMITED else None


class Usage:
    """Memory and processor time of this process and those below it, sampled while entered.

    ``peak_bytes`` is the largest sum of their memory; what forked processes share counts once where the system
    tells (the proportional set size of Linux). ``cpu_seconds`` misses what a process did after its last sample.
    """

    INTERVAL_SECONDS = 1.0

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._cpu: dict[int, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="usage", daemon=True)

    def __enter__(self) -> Usage:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def cpu_seconds(self) -> float:
        return sum(self._cpu.values())

    def _watch(self) -> None:
        me = psutil.Process()
        while True:
            self._sample([me, *me.children(recursive=True)])
            if self._stop.wait(self.INTERVAL_SECONDS):
                return

    def _sample(self, processes: list[psutil.Process]) -> None:
        total = 0
        for process in processes:
            try:
                times = process.cpu_times()
                self._cpu[process.pid] = times.user + times.system
                total += _memory(process)
            except psutil.Error:
                continue
        self.peak_bytes = max(self.peak_bytes, total)


def _memory(process: psutil.Process) -> int:
    try:
        with open(f"/proc/{process.pid}/smaps_rollup", encoding="ascii") as rollup:
            for line in rollup:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass  # another system, or a process that has just ended
    return int(process.memory_info().rss)
