"""Trials: a load is hit while it runs, run again by the very same command, and compared with an undisturbed one."""

from __future__ import annotations

import contextlib
import itertools
import random
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tests.faults import targets
from tests.faults.commands import Run, Site
from tests.faults.proxy import MODES, Proxy
from tests.faults.targets import PostgreSQLServer, PostgreSQLTarget, SQLiteTarget, Target
from tests.faults.workload import Workload, make

DONE = (0, 3)


@dataclass
class Result:
    """What a trial did: ``hits`` counts the faults that met a running load, ``differences`` what was then wrong."""

    hits: int = 0
    runs: int = 0
    differences: list[str] = field(default_factory=list)

    def add(self, other: Result) -> None:
        self.hits += other.hits
        self.runs += other.runs
        self.differences += other.differences


@dataclass(frozen=True)
class Lab:
    """Where trials happen: a folder, and a server if they are to be on PostgreSQL."""

    folder: Path
    server: PostgreSQLServer | None = None
    records: int = 400
    _undisturbed: dict[tuple[str, int], Outcome] = field(default_factory=dict)

    @property
    def database(self) -> str:
        return "SQLite" if self.server is None else "PostgreSQL"

    def new_folder(self, name: str) -> Path:
        folder = self.folder / f"{name}-{next(_NUMBERS)}"
        folder.mkdir(parents=True)
        return folder

    def target(self, folder: Path, port: int | None = None) -> Target:
        """A target with empty tables; ``folder`` is where a SQLite file goes, ``port`` that of a proxy."""
        if self.server is not None:
            return PostgreSQLTarget(self.server, port)
        folder.mkdir(exist_ok=True)
        return SQLiteTarget(folder / "target.db")

    def site(self, name: str, workload: Workload, port: int | None = None) -> Site:
        folder = self.new_folder(name)
        return Site(folder, self.target(folder, port), workload)

    def undisturbed(self, kind: str, seed: int) -> Outcome:
        """What the workload comes to if nothing happens."""
        if (kind, seed) not in self._undisturbed:
            workload = make(kind, seed, self.records)
            site = self.site("undisturbed", workload)
            run = site.start("--workers", "2")
            assert run.finish() in DONE, run.errors
            outcome = self._undisturbed[kind, seed] = Outcome.of(site, run)
            assert len(outcome.tables["orders"]) == workload.good, "the undisturbed run is wrong by itself"
        return self._undisturbed[kind, seed]


_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Outcome:
    """What is left of a load: the tables with the ledger, the rejects, the exit code and the counts of the report."""

    tables: dict[str, list[str]]
    rejects: list[str]
    code: int
    counts: dict[str, Any]

    @classmethod
    def of(cls, site: Site, run: Run) -> Outcome:
        report = run.report()
        assert report["reconciled"], report
        counts = {name: report[name] for name in ("records", "skipped", "tables", "rejects")}
        return cls(site.left(), site.rejects(), run.process.returncode, counts)

    def differences(self, other: Outcome) -> Iterator[str]:
        """What is not as in ``other``, for people."""
        for name, rows in self.tables.items():
            wrong = set(rows).symmetric_difference(other.tables[name])
            if wrong or len(rows) != len(other.tables[name]):
                yield f"{name}: {len(rows)} rows, not {len(other.tables[name])}; {sorted(wrong)[:4]}"
        if self.rejects != other.rejects:
            wrong = set(self.rejects).symmetric_difference(other.rejects)
            yield f"rejects: {len(self.rejects)}, not {len(other.rejects)}; {sorted(wrong)[:4]}"
        if (self.code, self.counts) != (other.code, other.counts):
            yield f"exit code {self.code} and {self.counts}, not {other.code} and {other.counts}"


def killed(lab: Lab, kind: str, seed: int, chance: random.Random, kills: int, victims: tuple[str, ...]) -> Result:
    """SIGKILL to one of the ``victims``, again and again: ``parent``, ``worker``, ``fork server`` or ``database``."""
    expected = lab.undisturbed(kind, seed)
    site = lab.site("killed", make(kind, seed, lab.records))
    result = Result()
    run, hits_before = site.start("--workers", "2"), 0
    while True:
        victim = chance.choice(victims)
        left = kills - result.hits
        if left and _at_a_moment(run, chance, left):
            hit = _kill(lab, site, run, victim, chance)
            result.hits += hit
            if not hit or victim != "parent":
                continue
        code = run.finish()
        result.runs += 1
        attempts, hits = run.errors.count("is loaded again in"), result.hits - hits_before
        assert attempts <= hits, f"{hits} kills cost {attempts} attempts: {run.errors}"
        if code in DONE:
            break
        assert result.runs < 5 + 3 * kills, f"it does not come to an end: {run.errors}"
        run, hits_before = site.start("--workers", "2"), result.hits
    result.differences = list(Outcome.of(site, run).differences(expected))
    return result


def _in_the_middle(run: Run) -> bool:
    """Wait until the first records were committed; ``False`` if the command has ended."""
    begin = targets.progress(run.site.target)
    while run.running and targets.progress(run.site.target) == begin:
        time.sleep(0.01)
    return run.running


def _at_a_moment(run: Run, chance: random.Random, left: int) -> bool:
    """Wait until a part of the load was committed, or for a while; ``False`` if the command has ended before."""
    target = run.site.target
    begin = targets.progress(target)
    rows = begin + chance.uniform(0, max(run.site.workload.good - begin, 40) / left)
    deadline = time.monotonic() + chance.uniform(0.1, 5) / min(left, 2)
    by_time = chance.random() < 0.3
    while run.running and time.monotonic() < deadline and (by_time or targets.progress(target) <= rows):
        time.sleep(0.01)
    time.sleep(chance.choice([0, 0.02, 0.2, 0.5]) * chance.random())
    return run.running


def _kill(lab: Lab, site: Site, run: Run, victim: str, chance: random.Random) -> bool:
    """Whether there was one."""
    if victim != "database":
        return run.kill(victim, chance)
    assert lab.server is not None
    assert isinstance(site.target, PostgreSQLTarget)
    if chance.random() < 0.5:
        return lab.server.kill_one(chance, site.target.database)
    lab.server.kill()
    time.sleep(chance.random())
    lab.server.start()
    return True


def many_slices(lab: Lab, kind: str, seed: int, chance: random.Random, slices: int) -> Result:
    """So many slices, and nobody is killed: no process may be taken for dead."""
    site = lab.site("slices", make(kind, seed, lab.records))
    size = sum(map(len, site.workload.files.values())) // slices
    run = site.start("--workers", "2", "--slice_bytes", str(size))
    run.finish()
    assert run.report()["slices"] >= slices // 2, run.report()
    assert "is loaded again in" not in run.errors, run.errors
    return Result(run.report()["slices"], 1, list(Outcome.of(site, run).differences(lab.undisturbed(kind, seed))))


def cut(lab: Lab, kind: str, seed: int, chance: random.Random, cuts: int, modes: tuple[str, ...] = MODES) -> Result:
    """Connections cut around COMMIT: the command mends that by itself."""
    assert lab.server is not None
    expected = lab.undisturbed(kind, seed)
    socket_path = f"{lab.server.socket}/.s.PGSQL.5432"
    with contextlib.closing(Proxy(socket_path, chance, 0.5, cuts, modes)) as proxy:
        site = lab.site("cut", make(kind, seed, lab.records), proxy.port)
        run = site.start("--workers", "2")
        run.finish()
        return Result(proxy.cuts.total(), 1, list(Outcome.of(site, run).differences(expected)))


def away(lab: Lab, kind: str, seed: int, chance: random.Random, seconds: float) -> Result:
    """The database is away for so long in the middle of the load."""
    assert lab.server is not None
    expected = lab.undisturbed(kind, seed)
    site = lab.site("away", make(kind, seed, lab.records))
    run = site.start("--workers", "2")
    hit = _in_the_middle(run)
    lab.server.kill()
    time.sleep(seconds)
    lab.server.start()
    run.finish()
    return Result(int(hit), 1, list(Outcome.of(site, run).differences(expected)))


def locked(lab: Lab, kind: str, seed: int, chance: random.Random, seconds: float) -> Result:
    """A table (of SQLite: the file) is locked by somebody else for so long."""
    expected = lab.undisturbed(kind, seed)
    site = lab.site("locked", make(kind, seed, lab.records))
    run = site.start("--workers", "2")
    hit = _in_the_middle(run)
    with site.target.locked():
        time.sleep(seconds)
    run.finish()
    return Result(int(hit), 1, list(Outcome.of(site, run).differences(expected)))


def full(lab: Lab, kind: str, seed: int, chance: random.Random, what: str, by_limit: bool = False) -> Result:
    """The disk of the ``target`` (a SQLite file) or of the ``run`` folder is full; then it has grown.

    ``by_limit``: in place of a small disk, which only root can make, a limit on the length of files.
    """
    if what == "target" and kind == "replace":
        kind = "conflicts"  # what an earlier run has loaded would fill the disk before
    expected = lab.undisturbed(kind, seed)
    kilobytes = chance.randrange(90, 160) if what == "target" else chance.randrange(4, 12)
    folder = lab.new_folder(f"full-{what}")
    with ExitStack() as stack:
        disk = _Disk(folder / ("disk" if what == "target" else "run"), kilobytes)
        if what == "target" and not by_limit:
            stack.enter_context(disk)
        site = Site(folder, lab.target(folder / "disk"), make(kind, seed, lab.records))
        if what == "run" and not by_limit:
            stack.enter_context(disk)
        limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (kilobytes << 10, resource.RLIM_INFINITY))
        run = site.start("--workers", "2", before=limit if by_limit else None)
        code = run.finish()
        result = Result(int(code not in DONE), 1)
        if code not in DONE:
            told = ("No space left", "too large", "disk is full", "disk I/O error")
            assert any(words in run.errors for words in told), f"it does not say why: {run.errors}"
            if not by_limit:
                disk.grow()
            run = site.start("--workers", "2")
            run.finish()
            result.runs += 1
        result.differences = list(Outcome.of(site, run).differences(expected))
        return result


class _Disk:
    """A small filesystem in memory."""

    def __init__(self, folder: Path, kilobytes: int):
        self._folder, self._kilobytes = folder, kilobytes

    def __enter__(self) -> _Disk:
        self._folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self._kilobytes}k", "tmpfs", self._folder], check=True)
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", self._folder], check=True)

    def grow(self) -> None:
        subprocess.run(["mount", "-o", "remount,size=64m", self._folder], check=True)


def together(lab: Lab, kind: str, seed: int, chance: random.Random) -> Result:
    """Three commands at once, each without a third of the files.

    Each key stands in one place: of two places in different commands, that of the command that came first is loaded.
    """
    kind = "unique"
    expected = lab.undisturbed(kind, seed)
    site = lab.site("together", make(kind, seed, lab.records))
    names = sorted(site.workload.files)
    runs = [
        site.start(
            "--workers", "1", run_dir=f"run{without}",
            inputs=tuple(name for at, name in enumerate(names) if at % 3 != without),
        )
        for without in range(3)
    ]  # fmt: skip
    codes = [run.finish() for run in runs]
    assert all(run.report()["reconciled"] for run in runs)
    rejects = sorted({line for without in range(3) for line in site.rejects(f"run{without}")})
    outcome = Outcome(site.left(), rejects, max(codes), expected.counts)
    return Result(1, 3, list(outcome.differences(expected)))
