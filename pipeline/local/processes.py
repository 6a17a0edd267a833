"""Tasks in worker processes, as many at once as there are workers.

    command ── fork server (has imported Beam) ──> worker: task, task, ...
       ^                                              │
       └────────── one pipe for each worker ──────────┘

A process that is started anew imports Beam for more than a second; a forked one starts in milliseconds. It takes task
after task, since what it has made for the first serves the next; one that has come to hold more memory than it should
is replaced between two tasks. One that must end can be killed whatever state Beam is in. No process starts another one,
and none opens a port.

What became of a task is decided by the pipe alone: an answer, or the end of the pipe, which is the end of the process.
(The exit code comes by way of the fork server, is lost with it, and can be read only once: two threads that join one
process take a success for exit code 255.)

``concurrent.futures.ProcessPoolExecutor`` does not do the same. One killed worker breaks its whole pool, and all tasks
under way fail with it; a task cannot report while it runs; no single worker can be killed or replaced, and the number
of workers cannot grow; and its own thread joins the processes, which is the trap above.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import multiprocessing.forkserver as forkserver
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Generic, TypeVar

from pipeline.private import fork_server

T = TypeVar("T")

FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(["pipeline.local.preload", "pipeline.local.worker"])

PAUSES = (1.0, 5.0)
"""Seconds before the second and the third attempt of a task whose process died."""

_JOIN_SECONDS = 5.0
_ROOT = str(Path(__file__).resolve().parents[2])


@dataclass(frozen=True)
class Answer:
    """What a task's function returned."""

    value: Any


@dataclass(frozen=True)
class Failure:
    """The function raised: ``message`` is the error's, ``details`` its traceback. No exception crosses the pipe:
    not every one can be pickled."""

    message: str
    details: str


@dataclass(frozen=True)
class Died:
    """The process ended before the function did, at every attempt; ``message`` says how."""

    message: str


Outcome = Answer | Failure | Died


@dataclass(frozen=True)
class _Told:
    """What a task's function tells while it runs."""

    value: Any


_to_command: tuple[Connection, threading.Lock] | None = None


def tell(value: Any) -> None:
    """Called in a worker, from any thread: let the command's ``on_news`` know of this while the task runs."""
    if _to_command is not None:
        connection, lock = _to_command
        with lock, suppress(OSError):  # the command may have gone
            connection.send(_Told(value))


@dataclass(frozen=True)
class Last:
    """What a task's function returns where its process should do no other: what that holds may be in no good order."""

    value: Any


class Pool(Generic[T]):
    """Calls ``function(task)`` for each task, in ``workers`` processes at once.

    A worker is started when there is a task and none is free. ``function`` comes to it once: what it keeps of one task
    is there for the next. A task whose process dies is tried again after each of ``pauses`` (seconds); ``before_retry``
    is called with it first. Tasks are taken from their iterator while others run, one ahead. Only for the main thread.

    A worker that holds more than ``most_bytes`` of memory of its own after a task is replaced. ``workers`` may be
    raised meanwhile. ``on_news`` is called with the number of a process, its task, and what it has told of that
    (:func:`tell`).
    """

    def __init__(
        self,
        function: Callable[[T], Any],
        workers: int,
        pauses: Sequence[float] = PAUSES,
        before_retry: Callable[[T], None] = lambda task: None,
        most_bytes: int | None = None,
        on_news: Callable[[int, T, Any], None] = lambda process, task, value: None,
    ):
        self._function = function
        self.workers = workers
        self._pauses = pauses
        self._before_retry = before_retry
        self._most_bytes = most_bytes
        self._on_news = on_news
        self._running: dict[Connection, tuple[_Worker, _Attempt[T]]] = {}
        self._free: list[_Worker] = []
        self._again: list[_Attempt[T]] = []
        self._stopped = False

    def stop(self) -> None:
        """Begin no more tasks; those that run come to their end."""
        self._stopped = True

    def run(self, tasks: Iterator[T]) -> Generator[tuple[T, Outcome], None, None]:
        """The tasks with what became of them, as they end. Closing the generator kills those that run."""
        ahead: list[T] = []
        exhausted = False
        try:
            while True:
                while not self._stopped and len(self._running) < self.workers:
                    if attempt := self._due():
                        self._start(attempt)
                        continue
                    if not ahead and not exhausted:
                        ahead = _next(tasks)
                        exhausted = not ahead
                        continue  # planning takes time: the flag may have been set
                    if not ahead:
                        break
                    self._start(_Attempt(ahead.pop(), 1))
                if not self._running and (self._stopped or not self._again):
                    return
                if not self._stopped and not ahead and not exhausted:
                    ahead = _next(tasks)
                    exhausted = not ahead
                yield from self._ended()
        finally:
            for worker in [*self._free, *(worker for worker, _ in self._running.values())]:
                worker.kill()
            self._free.clear()
            self._running.clear()

    def _due(self) -> _Attempt[T] | None:
        now = time.monotonic()
        for attempt in self._again:
            if attempt.due <= now:
                self._again.remove(attempt)
                return attempt
        return None

    def _start(self, attempt: _Attempt[T]) -> None:
        attempt.oom_kills = _oom_kills()
        while self._free:
            worker = self._free.pop()
            if worker.send(attempt.task):
                self._running[worker.connection] = worker, attempt
                return
            worker.kill()  # it died while it had nothing to do
        try:
            worker = _Worker(self._function, self._most_bytes)
        except (EOFError, OSError) as error:
            self._died(attempt, f"no process could be started: {error or type(error).__name__}")
            return
        worker.send(attempt.task)  # where that fails, the pipe tells so
        self._running[worker.connection] = worker, attempt

    def _ended(self) -> Iterator[tuple[T, Outcome]]:
        due = min((attempt.due for attempt in self._again), default=None)
        free = len(self._running) < self.workers
        timeout = None if due is None or not free else max(0.0, due - time.monotonic())
        if not self._running:
            time.sleep(timeout or 0)
            return
        for connection in wait(list(self._running), timeout):
            assert isinstance(connection, Connection)
            worker, attempt = self._running[connection]
            try:
                answer = connection.recv()
                if isinstance(answer, _Told):
                    self._on_news(worker.number, attempt.task, answer.value)
                    continue
                del self._running[connection]
                outcome, goes_on = answer
            except (EOFError, OSError, pickle.UnpicklingError):
                del self._running[connection]
                last = self._died(attempt, worker.how_it_ended(attempt.oom_kills))
                worker.kill()
                if last:
                    yield attempt.task, last
                continue
            if goes_on:
                self._free.append(worker)
            else:
                worker.kill()
            yield attempt.task, outcome

    def _died(self, attempt: _Attempt[T], how: str) -> Died | None:
        logger = logging.getLogger(__name__)
        if attempt.number > len(self._pauses):
            return Died(f"{how}, at attempt {attempt.number} of {attempt.number}")
        pause = self._pauses[attempt.number - 1]
        logger.warning(
            "%s. Its input is loaded again in %g s, attempt %d of %d; what it committed stays.",
            how[:1].upper() + how[1:], pause, attempt.number + 1, len(self._pauses) + 1,
        )  # fmt: skip
        self._before_retry(attempt.task)
        self._again.append(_Attempt(attempt.task, attempt.number + 1, due=time.monotonic() + pause))
        return None


@dataclass
class _Attempt(Generic[T]):
    task: T
    number: int
    due: float = 0.0
    oom_kills: int | None = None


class _Worker:
    """A process, and the pipe by which it gets tasks and answers."""

    def __init__(self, function: Callable[[Any], Any], most_bytes: int | None):
        warm_up()
        self.connection, theirs = FORKSERVER.Pipe()
        try:
            self._process = FORKSERVER.Process(target=_work, args=(dict(os.environ), theirs, function, most_bytes))
            self._process.start()
        except BaseException:
            self.connection.close()
            raise
        finally:
            theirs.close()

    @property
    def number(self) -> int:
        """That of the process."""
        return self._process.pid or 0

    def send(self, task: Any) -> bool:
        """Give it a task; whether it could be given."""
        try:
            self.connection.send(task)
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """End the process, if it still runs; its database connection rolls back."""
        self.connection.close()
        self._process.kill()
        self._process.join(_JOIN_SECONDS)

    def how_it_ended(self, oom_kills: int | None) -> str:
        """How it ended, in words; ``oom_kills`` are those before its task."""
        self._process.join(_JOIN_SECONDS)
        code, name = self._process.exitcode, f"the worker process {self._process.pid}"
        if code is not None and code < 0:
            how = f"{name} was killed by {signal.Signals(-code).name}"
        else:
            # 255 is also what is told when the fork server, which knows the code, has gone.
            how = f"{name} ended" + ("" if code in (None, 255) else f" with exit code {code}")
        kills = _oom_kills()
        if kills is not None and oom_kills is not None and kills > oom_kills:
            how += " (the kernel has ended a process of this machine that was out of memory: try fewer --workers)"
        return how


def _next(tasks: Iterator[T]) -> list[T]:
    return [task for task in [next(tasks, None)] if task is not None]


def _oom_kills() -> int | None:
    """How many processes the kernel has killed for want of memory since it started; ``None``: it does not tell."""
    try:
        with open("/proc/vmstat", encoding="ascii") as lines:
            return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)
    except OSError:
        return None


def warm_up() -> None:
    """Start the fork server, so that it imports what tasks need while the command plans."""
    # What is ignored here stays so in a process that is started; and the server does not take over our path.
    if threading.current_thread() is not threading.main_thread():
        return
    handler = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    hangup = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    path = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [_ROOT, path]))
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGTERM, handler)
        signal.signal(signal.SIGHUP, hangup)
        if path is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = path


def cool_down() -> None:
    """End a fork server that may still import, where nothing will be loaded: it would hold our standard error open."""
    if server := fork_server():
        os.kill(server, signal.SIGKILL)


def _work(
    environment: dict[str, str], connection: Connection, function: Callable[[Any], Any], most_bytes: int | None
) -> None:
    # Ctrl-C reaches all processes of a terminal; what becomes of it the command alone decides.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.environ.update(environment)  # the server's is that of its start
    threading.Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()
    # What was imported stays: the collector need not look at it, nor touch pages that are shared.
    gc.freeze()
    # Rows are freed by reference counting, thousands of them: a search for cycles among them finds nothing.
    gc.set_threshold(100_000, 50, 1000)
    global _to_command
    lock = threading.Lock()
    _to_command = connection, lock
    while True:
        try:
            task = connection.recv()
        except (EOFError, OSError):
            break
        try:
            value = function(task)
        except BaseException as error:
            answer: tuple[Outcome, bool] = Failure(str(error) or type(error).__name__, traceback.format_exc()), False
        else:
            is_last = isinstance(value, Last)
            goes_on = not is_last and (most_bytes is None or _held_bytes() <= most_bytes)
            answer = Answer(value.value if is_last else value), goes_on
        with lock:
            connection.send(answer)
    # Threads of Beam may still run; what had to be committed is.
    os._exit(0)


def _held_bytes() -> int:
    """Memory of this process that no other shares; 0 where the system does not tell."""
    try:
        with open("/proc/self/smaps_rollup", encoding="ascii") as sizes:
            return 1024 * sum(int(line.split()[1]) for line in sizes if line.startswith("Private_"))
    except OSError:
        return 0


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()  # by a pipe that only the command holds: no polling, and no other process with its number
    os._exit(1)
