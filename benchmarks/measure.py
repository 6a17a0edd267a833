"""What a command costs: wall time, processor time of all its processes, and the peak of their memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, linux/prctl.h


@dataclass(frozen=True)
class Cost:
    """``cpu`` is exact, of all processes that the command has started; ``memory`` in MB is the largest sum of their
    proportional set sizes that was seen, ten times a second."""

    wall: float
    cpu: float
    memory: float


def cost_of(command: Sequence[str], codes: Sequence[int] = (0,), environment: dict[str, str] | None = None) -> Cost:
    """Run a command to its end; ``RuntimeError`` where it ends with another exit code than these."""
    # Processes whose parent ends before them (a fork server's tasks) become ours: their time is counted, too.
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    me = psutil.Process()
    others = {one.pid for one in me.children()}
    before, began = _cpu(), time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT, env={**os.environ, **(environment or {})}
    )
    watch = _Peak(process.pid)
    _, errors = process.communicate()
    wall = time.perf_counter() - began
    watch.stop()
    while left := [one for one in me.children() if one.pid not in others]:
        left[0].wait()
    if process.returncode not in codes:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {errors.decode()[-2000:]}")
    return Cost(wall, _cpu() - before, watch.peak / 2**20)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": model,
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GB",
        "python": platform.python_version(),
        "commit": _commit(),
        "load before": round(os.getloadavg()[0], 2),
    }


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _commit() -> str:
    git = ["git", "-C", str(ROOT)]
    commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True).stdout.strip()
    return commit + (" and changes" if changed else "")


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


class _Peak:
    """The largest sum of memory of a process and all below it, while it runs."""

    def __init__(self, pid: int):
        self.peak = 0
        self._pid = pid
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.1):
            with contextlib.suppress(psutil.Error):
                root = psutil.Process(self._pid)
                self.peak = max(self.peak, sum(_memory(one.pid) for one in [root, *root.children(recursive=True)]))


def _memory(pid: int) -> int:
    for line in _lines(f"/proc/{pid}/smaps_rollup"):
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def end(process: subprocess.Popen[Any]) -> None:
    """End a process of ours and wait for it."""
    process.send_signal(signal.SIGTERM)
    process.wait()
