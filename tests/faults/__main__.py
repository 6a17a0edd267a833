"""The long form: `make test-faults`, or `python -m tests.faults --help`."""

from __future__ import annotations

import argparse
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psutil

from tests.faults import trials
from tests.faults.commands import ROOT
from tests.faults.proxy import MODES
from tests.faults.targets import PostgreSQLServer
from tests.faults.trials import Lab, Result
from tests.faults.workload import KINDS

Trial = Callable[[Lab, str, int, random.Random], Result]
_KILLS_OF_A_TRIAL = {"parent": 5, "worker": 12, "fork server": 6, "database": 5}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="printed; the same is the same again")
    parser.add_argument("--kills", type=int, default=100, help="of each kind of process, on each database")
    parser.add_argument("--only", default="", help="faults whose name holds this, as 'SQLite' or 'worker'")
    parser.add_argument("--inputs", default=",".join(KINDS), help="kinds of inputs, default %(default)s")
    parser.add_argument("--number", type=int, help="only the trial of this number")
    parser.add_argument("--keep", action="store_true", help="the folders of trials")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is stopped
    repeat = f"--seed {options.seed} --kills {options.kills} --inputs {options.inputs}"
    print(f"To do the same again: python -m tests.faults {repeat}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="beamshred-faults-"))
    folder.chmod(0o755)  # root's server belongs to another user
    totals: dict[str, Result] = {}
    with ExitStack() as stack:
        server = PostgreSQLServer(folder / "postgresql")
        stack.callback(server.close)
        labs = Lab(folder / "sqlite"), Lab(folder / "on-postgresql", server)
        for name, lab, goal, trial in plan(labs, options.kills):
            where = f"{name}, {lab.database}"
            if options.only not in where:
                continue
            total = totals[where] = Result()
            for number in itertools.count():
                if total.hits >= goal or number > 20 + goal:
                    break
                chance = random.Random(f"{options.seed} {where} {number}")
                if options.number not in (None, number):
                    total.hits += 1
                    continue
                kind, seed = chance.choice(options.inputs.split(",")), options.seed + chance.randrange(2)
                began = time.monotonic()
                try:
                    result = trial(lab, kind, seed, chance)
                except Exception:
                    result = Result(differences=[traceback.format_exc()])
                total.add(result)
                print(
                    f"{where}, trial {number}, input {kind} {seed}: {result.hits} in {result.runs} runs,"
                    f" {time.monotonic() - began:.0f} s, {len(result.differences)} differences",
                    *result.differences, sep="\n    ", flush=True,
                )  # fmt: skip
    failed = any(total.differences for total in totals.values())
    if failed or options.keep:
        print(f"The folders of the trials are kept: {folder}")
    else:
        shutil.rmtree(folder)
    print(table(totals))
    return int(failed)


def plan(labs: tuple[Lab, Lab], kills: int) -> Iterator[tuple[str, Lab, int, Trial]]:
    """The faults: name, where, how many of them, and the trial that makes some."""
    for lab, (victim, at_once) in itertools.product(labs, _KILLS_OF_A_TRIAL.items()):
        if victim != "database" or lab.server is not None:
            yield f"SIGKILL of the {victim}", lab, kills, partial(trials.killed, victims=(victim,), kills=at_once)
    sqlite, postgresql = labs
    yield "many slices, and no fault", sqlite, 1, partial(trials.many_slices, slices=150)
    for mode in MODES:
        yield f"connection cut: {mode}", postgresql, kills // 4, partial(trials.cut, cuts=8, modes=(mode,))
    few = max(1, kills // 20)
    yield "database away for 20 s", postgresql, few, partial(trials.away, seconds=20)
    for lab in labs:
        yield "locked for 30 s", lab, few, partial(trials.locked, seconds=30)
        yield "three commands at once", lab, few, trials.together
    if os.geteuid() == 0:
        yield "full disk below the file", sqlite, few, partial(trials.full, what="target")
        yield "full disk below the run folder", sqlite, few, partial(trials.full, what="run")
        yield "full disk below the run folder", postgresql, few, partial(trials.full, what="run")
    yield "limit on the length of files", sqlite, few, partial(trials.full, what="target", by_limit=True)
    yield "limit on the length of files", postgresql, few, partial(trials.full, what="run", by_limit=True)


def table(totals: dict[str, Result]) -> str:
    """The results as Markdown."""
    lines = ["| fault | hits on a running load | runs of the command | differences |", "|---|---|---|---|"]
    lines += [f"| {name} | {t.hits} | {t.runs} | {len(t.differences)} |" for name, t in totals.items()]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    memory = psutil.virtual_memory().total / 2**30
    return "\n".join([f"Commit {commit.stdout.strip()}, {os.cpu_count()} cores, {memory:.0f} GB.", "", *lines])


if __name__ == "__main__":
    sys.exit(main())
