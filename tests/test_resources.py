"""What the command may use of a machine, as its control groups say."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from pipeline import options
from pipeline.command_line import parse_options
from pipeline.resources import cores, memory

GROUP = "sys/fs/cgroup/jobs/one"


def machine(root: Path, cgroup: str, files: dict[str, str]) -> Path:
    for name, content in {"proc/self/cgroup": cgroup, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content + "\n")
    return root


def test_version_2_takes_the_least_of_all_groups_above(tmp_path: Path) -> None:
    files = {f"{GROUP}/memory.max": "max", "sys/fs/cgroup/jobs/memory.max": "1000000", f"{GROUP}/cpu.max": "max 100000",
             "sys/fs/cgroup/jobs/cpu.max": "50000 100000"}  # fmt: skip
    machine(tmp_path, "0::/jobs/one", files)
    assert memory(tmp_path) == 1000000
    assert cores(tmp_path) == 1


def test_version_1(tmp_path: Path) -> None:
    cpu, held = "sys/fs/cgroup/cpu,cpuacct/job", "sys/fs/cgroup/memory/job"
    files = {f"{held}/memory.limit_in_bytes": "2000000", f"{cpu}/cpu.cfs_quota_us": "-1",
             f"{cpu}/cpu.cfs_period_us": "100000"}  # fmt: skip
    machine(tmp_path, "5:memory:/job\n4:cpu,cpuacct:/job", files)
    assert memory(tmp_path) == 2000000
    unlimited = cores(tmp_path)
    (tmp_path / cpu / "cpu.cfs_quota_us").write_text("90000")
    assert cores(tmp_path) == 1 <= unlimited


def test_container_sees_its_own_group_at_the_mount(tmp_path: Path) -> None:
    machine(tmp_path, "0::/docker/0123/elsewhere", {"sys/fs/cgroup/memory.max": "3000000"})
    assert memory(tmp_path) == 3000000


def test_no_limit_is_the_whole_machine(tmp_path: Path) -> None:
    machine(tmp_path, "3:memory:/", {"sys/fs/cgroup/memory/memory.limit_in_bytes": str((1 << 63) - 4096)})
    assert memory(tmp_path) == memory(tmp_path / "nothing") == psutil.virtual_memory().total


@pytest.mark.parametrize(("given", "workers"), [("300M", 1), ("400M", 2), ("100G", 8)])
def test_workers_follow_memory_and_cores(monkeypatch: pytest.MonkeyPatch, given: str, workers: int) -> None:
    monkeypatch.setattr("pipeline.resources.cores", lambda: 8)
    arguments = ["--input", "x", "--contract", "x", "--target", "sqlite:///x"]
    assert options.workers(parse_options([*arguments, "--memory", given])) == workers
    assert options.workers(parse_options([*arguments, "--memory", given, "--workers", "3"])) == 3
