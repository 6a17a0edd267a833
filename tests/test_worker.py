"""What a worker process does with slice after slice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import pipeline.local.worker
from pipeline.command_line import parse_options
from pipeline.job import Job
from pipeline.local.worker import Memory, Worker
from pipeline.slices import Slice, Slicer, SliceSizes
from tests.jobs import Folder, order, orders
from transforms import RecordPath, load_contract, prepare_target


def job_of(folder: Folder) -> tuple[Job, list[Slice]]:
    flags = parse_options(folder.arguments("--slice_bytes", "1k", "--log_level", "ERROR"))
    job = Job.of(flags, load_contract(flags.contract))
    job.run_dir.create()
    prepare_target(job.flags.target, job.schema)
    slicer = Slicer(RecordPath.parse("/orders/order"), SliceSizes(1024, 1, 1 << 30), job.run_dir.unpacked)
    return job, list(job.input.slices(slicer))


def test_one_pipeline_loads_all_slices_and_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.local.worker, "set_up_logging", lambda *given: None)  # it would stay for other tests
    folder = Folder(tmp_path)
    folder.write("a.xml", orders(order(number, amount="x" if number % 10 == 0 else "1") for number in range(60)))
    job, parts = job_of(folder)
    worker = Worker(job)
    assert len(parts) > 3
    opened = []
    read = 0
    for part in parts:
        loaded = worker.load(part)
        assert loaded.error is None
        read += loaded.counters["read"]
        opened.append(len(os.listdir("/proc/self/fd")))
    assert read == 60
    assert folder.rows("SELECT count(*) FROM orders") == [(54,)]
    assert len(folder.rejects) == 6
    assert opened[-1] == opened[1]


def test_memory_of_a_slice_is_what_it_holds_at_most_beyond_what_was_there() -> None:
    before = b"x" * (30 << 20)
    memory = Memory()
    during = b"x" * (50 << 20)
    del during
    assert 45 << 20 < memory.peak() < 60 << 20
    assert before
