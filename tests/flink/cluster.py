"""A real Flink cluster on 127.0.0.1: a JobManager, two TaskManagers, Beam's job server and a pool of Python workers.

Flink's jars come without start scripts, so that the Java classes are run directly. Beam's jars are on the class path of
all of them, so that none is uploaded with a job.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

SLOTS = 2
"""Of each of the two TaskManagers."""

_START_SECONDS = 60
_STOP_SECONDS = 10

# Flink's own scripts give the same to Java 17.
_OPENED = (
    "java.base/java.io", "java.base/java.lang", "java.base/java.lang.reflect", "java.base/java.net",
    "java.base/java.nio", "java.base/java.text", "java.base/java.time", "java.base/java.util",
    "java.base/java.util.concurrent", "java.base/java.util.concurrent.atomic", "java.base/java.util.concurrent.locks",
    "java.base/sun.nio.ch",
)  # fmt: skip

_LOG4J = """
rootLogger.level = WARN
rootLogger.appenderRef.console.ref = console
logger.jobs.name = org.apache.flink.runtime.executiongraph
logger.jobs.level = INFO
appender.console.name = console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss,SSS} %-5p %c{1} - %m%n
"""

# A restart must wait longer than it takes to miss a TaskManager's heartbeat, or the job goes to one that is dead. Each
# part of the job that fails counts as an attempt, and one dead worker fails several.
_CONF = """
jobmanager.rpc.address: 127.0.0.1
jobmanager.rpc.port: {rpc}
jobmanager.bind-host: 127.0.0.1
taskmanager.host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
taskmanager.numberOfTaskSlots: {slots}
taskmanager.cpu.cores: 1
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.task.heap.size: 320m
taskmanager.memory.task.off-heap.size: 0
taskmanager.memory.managed.size: 64m
taskmanager.memory.network.min: 128m
taskmanager.memory.network.max: 128m
taskmanager.memory.jvm-metaspace.size: 128m
taskmanager.memory.jvm-overhead.min: 64m
taskmanager.memory.jvm-overhead.max: 64m
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: {rest}
io.tmp.dirs: {folder}
heartbeat.interval: 2000
heartbeat.timeout: 10000
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 30
restart-strategy.fixed-delay.delay: 12 s
classloader.resolve-order: parent-first
"""

# Beam's pool listens on all interfaces, and starts `python`.
_POOL = """
import sys, time
import grpc
make = grpc.server
def on_loopback(*arguments, **options):
    server = make(*arguments, **options)
    listen = server.add_insecure_port
    server.add_insecure_port = lambda address: listen(address.replace('[::]', '127.0.0.1'))
    return server
grpc.server = on_loopback
from apache_beam.runners.worker.worker_pool_main import main
main(['--service_port', sys.argv[1]])
"""


def free_ports(number: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


@dataclass
class Cluster:
    """The cluster; its logs are in ``folder``.

    Args:
      jars: what :func:`tests.flink.fetch.fetch` gave.
      folder: for logs and temporary files.
      environment: variables of the Python workers, besides those of this process.
    """

    jars: Path
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rpc, self._rest, self._job, self._artifacts, self._expansion, self._pool = free_ports(6)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Cluster:
        self.folder.mkdir(parents=True, exist_ok=True)
        conf = self.folder / "conf"
        conf.mkdir()
        (conf / "flink-conf.yaml").write_text(
            _CONF.format(rpc=self._rpc, rest=self._rest, slots=SLOTS, folder=self.folder)
        )
        (conf / "log4j.properties").write_text(_LOG4J)
        try:
            self._start_java(
                "jobmanager", "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint", "-c", conf
            )
            for number in (1, 2):
                self.start_task_manager(number)
            self._start_java(
                "jobserver", "org.apache.beam.runners.flink.FlinkJobServerDriver",
                "--flink-master", f"127.0.0.1:{self._rest}", "--flink-conf-dir", conf, "--job-host", "127.0.0.1",
                "--job-port", self._job, "--artifact-port", self._artifacts, "--expansion-port", self._expansion,
                "--artifacts-dir", self.folder / "artifacts", class_path=str(self._thin_jar()),
            )  # fmt: skip
            self._start("pool", [sys.executable, "-c", _POOL, str(self._pool)])
            self.wait_for(
                lambda: len(self.rest("taskmanagers")["taskmanagers"]) == 2,
                "TaskManagers",
            )
            for port in (self._job, self._pool):
                self.wait_for(lambda port=port: _listens(port), f"port {port}")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def flags(self) -> list[str]:
        """What the command is to be given."""
        return [
            "--runner", "FlinkRunner", "--job_endpoint", f"127.0.0.1:{self._job}",
            "--flink_master", f"127.0.0.1:{self._rest}",
            "--environment_type", "EXTERNAL", "--environment_config", f"127.0.0.1:{self._pool}",
        ]  # fmt: skip

    def start_task_manager(self, number: int) -> None:
        self._start_java(
            f"taskmanager{number}",
            "org.apache.flink.runtime.taskexecutor.TaskManagerRunner",
            "-c",
            self.folder / "conf",
        )

    def kill_task_manager(self, number: int) -> None:
        self._processes[f"taskmanager{number}"].kill()
        self._processes[f"taskmanager{number}"].wait()

    def python_workers(self) -> list[psutil.Process]:
        """Those that the pool has started, the oldest first."""
        pool = psutil.Process(self._processes["pool"].pid)
        return sorted(pool.children(), key=lambda worker: worker.create_time())

    def connected_workers(self) -> list[psutil.Process]:
        """Those that have connected to a TaskManager: it waits for ever for one that is killed before."""
        return [
            worker
            for worker in self.python_workers()
            if any(one.status == psutil.CONN_ESTABLISHED for one in worker.net_connections("tcp"))
        ]

    def rest(self, path: str) -> Any:
        """What Flink's REST interface says, however busy it is."""
        end = time.monotonic() + _START_SECONDS
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._rest}/{path}", timeout=10) as answer:
                    return json.load(answer)
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def wait_for(self, condition: Callable[[], object], what: str, seconds: float = _START_SECONDS) -> None:
        end = time.monotonic() + seconds
        while not condition():
            for name, process in self._processes.items():
                assert process.poll() is None, f"{name} ended while waiting for {what}: {self.log(name)}"
            assert time.monotonic() < end, f"no {what} after {seconds:.0f} s; logs: {self.folder}"
            time.sleep(0.1)

    def log(self, name: str) -> str:
        """The end of a log."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        for process in reversed(self._processes.values()):
            for child in _children(process):
                child.kill()
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _thin_jar(self) -> Path:
        """A jar that only names all others: with `java -jar` it is the job server."""
        jars = sorted([*(self.jars / "flink").glob("*.jar"), *(self.jars / "beam").glob("*.jar")])
        manifest = "Manifest-Version: 1.0\n" + _folded(f"Class-Path: {' '.join(f'file:{jar}' for jar in jars)}")
        thin = self.folder / "jobserver.jar"
        with zipfile.ZipFile(thin, "w") as jar:
            jar.writestr("META-INF/MANIFEST.MF", manifest)
        return thin

    def _start_java(self, name: str, main: str, *arguments: object, class_path: str = "") -> None:
        opened = [f"--add-opens={package}=ALL-UNNAMED" for package in _OPENED]
        log4j = f"-Dlog4j.configurationFile=file:{self.folder}/conf/log4j.properties"
        class_path = class_path or f"{self.jars}/flink/*:{self.jars}/beam/*"
        self._start(
            name,
            [
                "java", *opened, log4j, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx512m",
                f"-Djava.io.tmpdir={self.folder}", "-cp", class_path, main, *map(str, arguments),
            ],
        )  # fmt: skip

    def _start(self, name: str, command: Sequence[str]) -> None:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        if shutil.which("setpriv"):  # whatever becomes of this process, nothing is left behind
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        with open(self.folder / f"{name}.log", "ab") as log:
            self._processes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, **self.environment, "PATH": path},
            )  # fmt: skip


def _children(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _folded(line: str) -> str:
    """A line of a manifest: 72 bytes at the most, and a blank begins what goes on."""
    parts = [line[:72], *(f" {line[at : at + 71]}" for at in range(72, len(line), 71))]
    return "\n".join(parts) + "\n"
