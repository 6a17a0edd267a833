"""The whole job against a bare loop: the same parse, map and insert functions in a pool of processes, without Beam.

    python -m benchmarks.whole_job all-lists.xml --contract benchmarks/contracts/all_lists.yaml --workers 2

Both load the same file into a new SQLite file, in turn, ``--runs`` times; medians and the ratio of each pair are
printed as a table for RESULTS.md. The bare loop maps in the pool's processes and inserts in the parent.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from transforms import (
    RecordPath,
    Split,
    Target,
    expand,
    load_contract,
    plan_splits,
    prepare_target,
    read_split,
    schema_of,
)
from transforms.blocks import Batch, Block, encode_families, families_of
from transforms.insert import LoadPolicy, load_batch, open_database
from transforms.map.compiler import Mapper
from transforms.parse.parser import RecordParser

BATCH = 500


def bare(file: str, contract_file: str, database: Path, workers: int) -> dict[str, float]:
    """Load by a pool; give the figures."""
    began = time.monotonic()
    contract = load_contract(contract_file)
    schema = schema_of(contract)
    target = f"sqlite:///{database}"
    prepare_target(target, schema)
    path = RecordPath.parse(contract.record.path, contract.namespaces)
    splits = [split for source in expand([file]) for split in plan_splits(source, path)]
    loader = open_database(Target.parse(target))
    loader.connect()
    records = 0
    with multiprocessing.Pool(workers, _start, (contract_file,)) as pool:
        for block in pool.imap_unordered(_map_split, splits):
            for families in families_of(Batch("", (block,)), BATCH):
                records += len(families)
                load_batch(loader, schema, families, LoadPolicy("bare", "skip", 60))
        cpu = sum(sum(psutil.Process(process.pid).cpu_times()[:2]) for process in pool._pool)  # type: ignore[attr-defined]
    cpu += sum(os.times()[:2])
    return {"records": records, "seconds": time.monotonic() - began, "cpu": cpu}


def _start(contract_file: str) -> None:
    global _contract, _mapper, _parser
    _contract = load_contract(contract_file)
    _mapper, _parser = Mapper(_contract), RecordParser()


def _map_split(split: Split) -> Block:
    return Block.of([part for _, part in encode_families(list(_families(split)), 2**30)])


def _families(split: Split) -> Iterator[Any]:
    path = RecordPath.parse(_contract.record.path, _contract.namespaces)
    for record in read_split(split, path):
        yield _mapper.map(_parser.parse(record))


def whole(file: str, contract_file: str, database: Path, workers: int, more: list[str]) -> dict[str, float]:
    """Load by the command; give the figures of its report."""
    run_dir = database.with_suffix(".run")
    command = [
        sys.executable, "run_pipeline.py", "--input", file, "--contract", contract_file, "--target", f"sqlite:///{database}",
        "--workers", str(workers), "--run_dir", str(run_dir), "--log_level", "ERROR", *more,
    ]  # fmt: skip
    began = time.monotonic()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    report = json.loads((run_dir / "report.json").read_text())
    return {
        "records": report["records"]["loaded"],
        "seconds": time.monotonic() - began,
        "cpu": report["cpu_seconds"],
        "memory": report["peak_memory_bytes"] / 2**20,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--contract", required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=["bare"], help=argparse.SUPPRESS)
    arguments, more = parser.parse_known_args()
    if arguments.only:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(bare(arguments.file, arguments.contract, Path(folder, "bare.db"), arguments.workers)))
        return
    pairs = []
    for _ in range(arguments.runs):
        with tempfile.TemporaryDirectory() as folder:
            job = whole(arguments.file, arguments.contract, Path(folder, "job.db"), arguments.workers, more)
        # In a process of its own: its processor time is counted from nought.
        command = [sys.executable, "-m", "benchmarks.whole_job", arguments.file, "--contract", arguments.contract]
        loop = subprocess.run(
            [*command, "--workers", str(arguments.workers), "--only", "bare"], check=True, capture_output=True
        )
        pairs.append((job, json.loads(loop.stdout)))
    print("| | records/s | CPU per record (µs) | wall (s) | peak memory (MB) |\n|---|---|---|---|---|")
    for name, figures in (("job", [job for job, _ in pairs]), ("bare pool", [loop for _, loop in pairs])):
        rate = median(one["records"] / one["seconds"] for one in figures)
        cpu = median(one["cpu"] / one["records"] for one in figures) * 1e6
        seconds = median(one["seconds"] for one in figures)
        memory = f"{median(one['memory'] for one in figures):,.0f}" if "memory" in figures[0] else ""
        print(f"| {name} | {rate:,.0f} | {cpu:,.0f} | {seconds:.1f} | {memory} |")
    ratios = sorted(job["seconds"] / loop["seconds"] for job, loop in pairs)
    print(f"\nwall, job / bare pool, pair by pair: {', '.join(f'{ratio:.2f}' for ratio in ratios)}")


if __name__ == "__main__":
    main()
