"""What a run leaves: a folder with its rejects and ``report.json``, on any of Beam's filesystems."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from pipeline.options import OptionsError
from pipeline.prometheus import metrics_of
from pipeline.resources import Usage
from transforms.filesystems import is_local, join, need_filesystem
from transforms.metrics import SKIPPED, Slowest

RUNS = "runs"
"""The folder of the folders of runs, where none is given."""
FILES = ("report.json", "report.html", "metrics.prom", "error.txt")
"""What a run writes beside its rejects."""

RECORDS = ("read", "loaded", "skipped", "replaced", "rejected")
PACKAGES = ("beamshred", "apache-beam", "lxml", "SQLAlchemy", "pydantic")


@dataclass
class Size:
    """Of the slices of a run: the first, the smallest, the largest and the last."""

    first: float | None = None
    least: float = 0
    most: float = 0
    last: float = 0

    def add(self, value: float) -> None:
        if self.first is None:
            self.first = self.least = value
        self.least, self.most, self.last = min(self.least, value), max(self.most, value), value


class Timeline:
    """How many records were read and settled when: at most :data:`MOST` points, about evenly apart."""

    MOST = 240

    def __init__(self) -> None:
        self.points: list[tuple[float, int, int]] = []
        self._apart = 0.5

    def add(self, seconds: float, read: int, settled: int) -> None:
        """So it is after so many seconds; left out where it is too near to the last point but one."""
        point = (round(seconds, 1), read, settled)
        if len(self.points) > 1 and seconds - self.points[-2][0] < self._apart:
            self.points[-1] = point
            return
        self.points.append(point)
        if len(self.points) > self.MOST:
            del self.points[1:-1:2]
            self._apart *= 2


class Report:
    """Counts of a run, added up slice by slice.

    ``state`` is ``running``, ``done``, ``interrupted``, ``detached`` or ``failed``; ``error`` says why it failed.
    ``replay`` says of rejects that were loaded again how many there were, and which are still open. Where not
    ``is_counted``, another runner has told no counts: all are unknown, ``null`` in the report, and ``ledger`` is what
    the ledger of the target holds of this run. ``started`` is the time from which its seconds count: now, where it is
    not given.
    """

    def __init__(
        self,
        run_id: str,
        contract: Mapping[str, Any],
        tables: Iterable[str],
        options: Mapping[str, Any],
        started: datetime | None = None,
    ):
        self.run_id = run_id
        self.contract = dict(contract)
        self.tables = tuple(tables)
        self.options = dict(options)
        self.state = "running"
        self.error: str | None = None
        self.is_counted = True
        self.ledger: dict[str, Any] | None = None
        self.never_found: dict[str, str | None] | None = None
        self.coverage: dict[str, Any] | None = None
        self.slices = 0
        self.replay: dict[str, Any] | None = None
        self._sizes: dict[str, Size] = {}
        self.counters: Counter[str] = Counter()
        self.stages: defaultdict[str, float] = defaultdict(float)
        """Seconds of the workers, by stage."""
        self.slowest: list[dict[str, Any]] = []
        self.timeline = Timeline()
        self.usage = Usage()
        now = datetime.now(timezone.utc)
        self._started = started or now
        self._clock = time.monotonic() - (now - self._started).total_seconds()

    def add(self, counters: Mapping[str, int], complete: bool = True) -> None:
        """Add the counters of one pipeline; if it did not run to its end, of what it came to."""
        self.counters.update(counters)
        self.slices += complete

    def measured(self, weight: int, records: int, seconds: float, memory: int) -> None:
        """A slice had so many bytes of XML and records, and took so long and so much memory."""
        sizes = {"bytes": weight, "records": records, "seconds": round(seconds, 3), "memory_bytes": memory}
        for name, value in sizes.items():
            self._sizes.setdefault(name, Size()).add(value)

    def spent(self, stages: Mapping[str, float], slowest: Iterable[dict[str, Any]]) -> None:
        """A slice took so many seconds of each stage, and its slowest records were these."""
        for stage, seconds in stages.items():
            self.stages[stage] += seconds
        both = sorted([*self.slowest, *slowest], key=lambda record: -record["seconds"])
        self.slowest = both[: Slowest.MOST]

    @property
    def records(self) -> dict[str, int]:
        rejected = sum(number for name, number in self.counters.items() if name.startswith("rejects."))
        return {name: rejected if name == "rejected" else self.counters[name] for name in RECORDS}

    @property
    def reconciled(self) -> bool:
        """Whether every record that was read ended in exactly one of the other counts."""
        records = self.records
        return records["read"] == sum(records.values()) - records["read"]

    def as_dict(self) -> dict[str, Any]:
        records, seconds = self.records, time.monotonic() - self._clock
        return {
            "run_id": self.run_id,
            "state": self.state,
            "error": self.error,
            "contract": self.contract,
            "records": records if self.is_counted else dict.fromkeys(records),
            "reconciled": self.reconciled if self.is_counted else None,
            **({} if self.ledger is None else {"ledger": self.ledger}),
            "skipped": self._skipped() if self.is_counted else {},
            "tables": {table: self.counters[f"rows.{table}"] if self.is_counted else None for table in self.tables},
            "rejects": self._group("rejects."),
            **({} if self.replay is None else {"replay": self.replay}),
            "conversions": self._conversions(),
            "warnings": self._group("warnings."),
            **({} if self.never_found is None else {"never_found": self.never_found}),
            **({} if self.coverage is None else {"coverage": self.coverage}),
            "started": self._started.isoformat(timespec="seconds"),
            "seconds": round(seconds, 3),
            "records_per_second": round(records["read"] / seconds, 1) if seconds and self.is_counted else None,
            "slices": self.slices,
            "slice_sizes": {name: asdict(size) for name, size in self._sizes.items()},
            "stages": {name: round(spent, 2) for name, spent in sorted(self.stages.items(), key=lambda item: -item[1])},
            "timeline": [
                dict(zip(("seconds", "read", "settled"), point, strict=True)) for point in self.timeline.points
            ],
            "slowest": [{**record, "seconds": round(record["seconds"], 4)} for record in self.slowest],
            "cpu_seconds": round(self.usage.cpu_seconds, 2),
            "peak_memory_bytes": self.usage.peak_bytes,
            "options": self.options,
            "versions": versions(),
        }

    def write(self, folder: RunFolder) -> str:
        """Write ``report.json``; give its path."""
        return folder.write("report.json", json.dumps(self.as_dict(), indent=2, ensure_ascii=False) + "\n")

    def write_metrics(self, folder: RunFolder) -> None:
        """Write ``metrics.prom``."""
        folder.write("metrics.prom", metrics_of(self.as_dict()))

    def _skipped(self) -> dict[str, int]:
        others = {name.replace("_", " "): self.counters[name] for name in SKIPPED}
        return {"unchanged": self.counters["skipped"] - sum(others.values()), **others}

    def _group(self, prefix: str) -> dict[str, int]:
        return {
            name[len(prefix) :]: number for name, number in sorted(self.counters.items()) if name.startswith(prefix)
        }

    def _conversions(self) -> dict[str, dict[str, int]]:
        columns: dict[str, dict[str, int]] = {}
        for name, number in self._group("failures.").items():
            column, _, rule = name.rpartition(".")
            columns.setdefault(column, {})[rule] = number
        return columns


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


@dataclass(frozen=True)
class RunFolder:
    """A run's folder. A local one is for its owner alone, as rejects hold personal data."""

    path: str

    @classmethod
    def named(cls, given: str | None, name: str) -> RunFolder:
        """The folder ``given``, or a new one below ``runs/``; nothing is made yet."""
        return cls(given or _unused(os.path.join(RUNS, name)))

    def create(self) -> None:
        """Make the folder, without what an earlier run left there; raise :class:`OptionsError` where that fails."""
        if not self.is_local:
            need_filesystem(self.path)
            return
        local = Path(self.path)
        try:
            local.parent.mkdir(parents=True, exist_ok=True)
            for folder in (local, local / "rejects"):
                folder.mkdir(mode=0o700, exist_ok=True)
            for old in (*(local / name for name in FILES), *(local / "rejects").glob("*.jsonl*")):
                old.unlink(missing_ok=True)
            if not os.access(local, os.W_OK):
                raise PermissionError(13, "it is not writable")
        except OSError as error:
            raise OptionsError(f"--run_dir {self.path!r} cannot be used: {error.strerror}") from None

    @contextmanager
    def owned(self) -> Iterator[None]:
        """While entered, this process alone uses the folder; unpacked files of runs that were killed are removed.

        Raises :class:`OptionsError` where another run uses it.
        """
        if not self.is_local:
            yield
            return
        local = Path(self.path)
        with _locked(local) as is_ours:
            if not is_ours:
                raise OptionsError(f"--run_dir {self.path!r} is in use by another run; choose another folder")
            for folder in (local, *(local.parent.iterdir() if local.parent == Path(RUNS) else ())):
                _clear(folder, self.unpacked)
            try:
                yield
            finally:
                shutil.rmtree(self.unpacked, ignore_errors=True)

    @property
    def is_local(self) -> bool:
        return is_local(self.path)

    @property
    def rejects(self) -> str:
        """Where the rejects go."""
        return join(self.path, "rejects")

    @property
    def unpacked(self) -> Path:
        """Where big compressed files are unpacked to."""
        return Path(self.path) / "unpacked"

    def write(self, name: str, text: str) -> str:
        """Write a file; give its path. Whoever reads it never sees half of it, where the filesystem can do that."""
        path = join(self.path, name)
        if not self.is_local:
            from apache_beam.io.filesystems import FileSystems

            with FileSystems.create(path, "text/plain") as file:
                file.write(text.encode())
            return path
        partial = f"{path}.partial"
        try:
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(partial, path)
        except OSError as error:
            raise OSError(
                f"{path} cannot be written: {error.strerror}; make space, or give another --run_dir"
            ) from None
        return path

    def remove_rejects(self, name: str) -> None:
        """Remove the rejects of a slice that is loaded again."""
        for file in Path(self.rejects).glob(f"{name}-*.jsonl*"):
            file.unlink(missing_ok=True)

    def protect(self) -> None:
        """Let only the owner read the rejects that workers have written."""
        for file in Path(self.rejects).glob("*.jsonl*"):
            file.chmod(0o600)


def _unused(folder: str) -> str:
    number, candidate = 2, folder
    while os.path.exists(candidate):
        number, candidate = number + 1, f"{folder}-{number}"
    return candidate


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Hold the lock of a folder, if it is free. The system gives it back when the process ends, however it does."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = True
        except OSError as error:
            # Some network filesystems have no locks; the folder is used without one there.
            is_ours = not isinstance(error, BlockingIOError)
        yield is_ours
    finally:
        os.close(descriptor)


def _clear(folder: Path, ours: Path) -> None:
    unpacked = folder / ours.name
    if not unpacked.is_dir() or not (folder / "rejects").is_dir():
        return
    if unpacked == ours:
        shutil.rmtree(unpacked, ignore_errors=True)
        return
    with _locked(folder) as is_free:
        if is_free:
            shutil.rmtree(unpacked, ignore_errors=True)
