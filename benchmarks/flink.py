"""The same job here and on a local Flink cluster, into PostgreSQL: wall time, and what a cluster costs above it.

    python -m benchmarks.flink all-lists.xml --contract benchmarks/contracts/all_lists.yaml --parallelism 1 2 4

The cluster is that of `make test-flink`: two TaskManagers of two slots each, on this machine. A table for RESULTS.md is
printed. Flink's time is split into what passes before the first worker begins, and the rest.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.flink.cluster import Cluster
from tests.flink.fetch import fetch
from tests.servers import new_schema


def run(folder: Path, file: str, contract: str, *more: str) -> tuple[dict[str, Any], str]:
    """One run of the command into a new schema; its report, and what it said."""
    folder.mkdir()
    url, _ = new_schema()
    target = folder / "target"
    target.write_text(url.render_as_string(hide_password=False))
    command = [
        sys.executable, "run_pipeline.py", "--input", str(Path(file).resolve()), "--contract", contract,
        "--target", f"file:{target}", "--run_dir", str(folder / "run"), *more,
    ]  # fmt: skip
    ended = subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True)
    return json.loads((folder / "run" / "report.json").read_text()), ended.stderr


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--contract", required=True)
    parser.add_argument("--parallelism", nargs="+", default=["1", "2", "4"])
    given = parser.parse_args()
    print("| | wall (s) | before the first worker (s) | records/s after it | shuffled (MB) | rows |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch, Cluster(fetch(), Path(scratch, "cluster")) as cluster:
        for workers in ("1", "2"):
            report, _ = run(Path(scratch, f"local-{workers}"), given.file, given.contract, "--workers", workers)
            show(f"here, {workers} worker{'s' * (workers > '1')}", report, 0.0, "")
        for slots in given.parallelism:
            folder = Path(scratch, f"flink-{slots}")
            report, said = run(folder, given.file, given.contract, *cluster.flags, "--parallelism", slots)
            [started] = re.findall(r"has begun,\s+after\s+(\d+) s", " ".join(said.split()))
            job = max(cluster.rest("jobs/overview")["jobs"], key=lambda job: job["start-time"])
            vertices = cluster.rest(f"jobs/{job['jid']}")["vertices"]
            shuffled = sum(vertex["metrics"]["write-bytes"] for vertex in vertices) / 1e6
            show(f"Flink, parallelism {slots}", report, float(started), f"{shuffled:,.1f}")


def show(name: str, report: dict[str, Any], start: float, shuffled: str) -> None:
    rate = report["records"]["read"] / max(report["seconds"] - start, 0.1)
    rows = sum(report["tables"].values())
    begun = f"{start:.0f}" if start else ""
    print(f"| {name} | {report['seconds']:.1f} | {begun} | {rate:,.0f} | {shuffled} | {rows:,} |", flush=True)


if __name__ == "__main__":
    main()
