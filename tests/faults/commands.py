"""Runs of the command in processes of their own, that can be hit, and their traces."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from tests.faults.targets import Target, left_in
from tests.faults.workload import CONTRACT, Workload

ROOT = Path(__file__).resolve().parent.parent.parent
TIMEOUT = 300.0
_TAG = "BEAMSHRED_FAULT_TEST"


class Site:
    """A folder with the input and the contract, and the command that loads it into a target."""

    def __init__(self, folder: Path, target: Target, workload: Workload):
        self.folder = folder
        self.target = target
        self.workload = workload
        self.input = folder / "in"
        self.input.mkdir(parents=True)
        self.contract = folder / "contract.yaml"
        self.contract.write_text(CONTRACT)
        if workload.before:
            self.write(workload.before)
            run = self.start("--workers", "2", on_existing="skip")
            assert run.finish() in (0, 3), run.errors
        self.write(workload.files)

    def write(self, files: dict[str, bytes]) -> None:
        for name, content in files.items():
            (self.input / name).write_bytes(content)

    def arguments(self, *more: str, inputs: tuple[str, ...] = (), run_dir: str = "run") -> list[str]:
        names = inputs or tuple(sorted(self.workload.files))
        given = [word for name in names for word in ("--input", f"in/{name}")]
        return [
            *given, "--contract", str(self.contract), "--target", self.target.url, "--run_dir", run_dir, *more,
        ]  # fmt: skip

    def start(
        self,
        *more: str,
        inputs: tuple[str, ...] = (),
        run_dir: str = "run",
        on_existing: str | None = None,
        before: Callable[[], None] | None = None,
    ) -> Run:
        flags = (*self.workload.flags, *(("--on_existing", on_existing) if on_existing else ()))
        return Run(self, [*self.arguments(*flags, *more, inputs=inputs, run_dir=run_dir)], run_dir, before)

    def left(self) -> dict[str, list[str]]:
        """What is in the tables, without the name of the folder, in which alone two sites differ."""
        tables = left_in(self.target)
        return {name: [repr(row).replace(str(self.folder), "") for row in rows] for name, rows in tables.items()}

    def rejects(self, run_dir: str = "run") -> list[str]:
        """The same of the rejects."""
        files = sorted((self.folder / run_dir / "rejects").glob("*.jsonl"))
        lines = (line for file in files for line in file.read_text().splitlines())
        return sorted(line.replace(str(self.folder), "") for line in lines)


class Run:
    """One run of the command; ``before`` is called in its process first."""

    def __init__(self, site: Site, arguments: list[str], run_dir: str, before: Callable[[], None] | None = None):
        self.site = site
        self.run_dir = site.folder / run_dir
        self.errors = ""
        self._tag = uuid.uuid4().hex
        self._log = site.folder / f"{run_dir}-{self._tag[:8]}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "run_pipeline.py"), *arguments],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=site.folder, start_new_session=True,
                env={**os.environ, _TAG: self._tag, "PYTHONPATH": ""}, preexec_fn=before,
            )  # fmt: skip
        self.started = time.monotonic()

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def finish(self, timeout: float = TIMEOUT) -> int:
        """Wait for the end; the exit code. No process of it may be left soon after."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the command hangs; {self.log()}") from None
        end = time.monotonic() + 20
        while left := self.processes():
            assert time.monotonic() < end, f"processes are left: {left}; {self.log()}"
            time.sleep(0.02)
        self.errors = self.log()
        assert "Traceback" not in self.errors, self.errors
        return code

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def report(self) -> dict[str, Any]:
        return json.loads((self.run_dir / "report.json").read_text())

    def processes(self) -> list[psutil.Process]:
        """All that are alive and have come from this command, by a mark in their environment."""
        mark = f"{_TAG}={self._tag}".encode()
        found = []
        for process in psutil.process_iter():
            try:
                environment = Path(f"/proc/{process.pid}/environ").read_bytes()
                if mark in environment and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (OSError, psutil.Error):
                continue
        return found

    def of_kind(self, kind: str) -> list[psutil.Process]:
        """The command's ``parent``, its ``fork server`` or its ``worker`` processes."""
        found = []
        for process in self.processes():
            try:
                depth = 0 if process.pid == self.process.pid else 1 if process.ppid() == self.process.pid else 2
                if depth == 1 and "resource_tracker" in " ".join(process.cmdline()):
                    continue
            except psutil.Error:
                continue
            if depth == ("parent", "fork server", "worker").index(kind):
                found.append(process)
        return found

    def kill(self, kind: str, chance: random.Random) -> bool:
        """SIGKILL to one process of this kind; whether there was one."""
        found = self.of_kind(kind)
        if not found:
            return False
        try:
            chance.choice(found).kill()
        except psutil.Error:
            return False
        return True
