"""Processes of a local run: forked off a server that has imported everything, and ended with their parents.

    command ── forkserver ── slice (Beam's engine) ── asks for ── worker, worker, ...

A process that is started anew imports Beam for more than a second; a forked one starts in milliseconds.
Each slice has a process of its own: its memory is given back, and it can be ended as a whole whatever
state Beam is in. (A worker that is killed makes Beam's engine wait for ever, or fail, as it happens.)
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import multiprocessing.forkserver as forkserver
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil

logger = logging.getLogger(__name__)

FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(["pipeline.engine"])

WORKER_DIED = 75
"""The exit code of a process whose worker died: EX_TEMPFAIL of sysexits.h."""

_WATCH_SECONDS = 0.5
_ROOT = str(Path(__file__).resolve().parent.parent)


class ProcessDied(Exception):
    """A process ended before its work did: killed, or out of memory."""


def start(function: Callable[..., None], *arguments: Any, daemon: bool = False) -> BaseProcess:
    """Start ``function`` in a process that ends with this one, and that the terminal's signals do not reach."""
    _start_forkserver()
    process = FORKSERVER.Process(
        target=_shielded, args=(os.getpid(), dict(os.environ), function, arguments), daemon=daemon
    )
    process.start()
    return process


def _start_forkserver() -> None:
    """Start the server, if it does not run: deaf to SIGTERM, as it is to SIGINT by itself, and able to import us."""
    if threading.current_thread() is not threading.main_thread():
        return
    # What is ignored here stays so in a process that is started; and the server does not take over our path.
    handler = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    path = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [_ROOT, path]))
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGTERM, handler)
        if path is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = path


def _shielded(
    parent: int, environment: dict[str, str], function: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    # Ctrl-C reaches all processes of a terminal; what becomes of it the command alone decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.environ.update(environment)  # the server's is that of its first use
    threading.Thread(target=_end_with, args=(parent,), name="end-with-parent", daemon=True).start()
    threading.excepthook = _note
    # What was imported stays: the collector need not look at it, nor touch pages that are shared.
    gc.freeze()
    try:
        function(*arguments)
    except BaseException:
        # A worker fails so when what it works for has been ended.
        logger.debug("%s failed", function.__name__, exc_info=True)
        os._exit(1)


def _note(failure: threading.ExceptHookArgs) -> None:
    """Beam's threads fail when a process that they talk to has been ended; what matters comes by other ways."""
    logger.debug("%s failed", failure.thread, exc_info=failure.exc_value)


def _end_with(parent: int) -> None:
    server = os.getppid()
    while os.getppid() == server and psutil.pid_exists(parent):
        time.sleep(_WATCH_SECONDS)
    os._exit(1)


def watch_workers(workers: list[BaseProcess]) -> None:
    """End this process, with :data:`WORKER_DIED`, as soon as one of its workers ends otherwise than in peace."""

    def watch() -> None:
        running = list(workers)
        while running:
            for sentinel in wait([worker.sentinel for worker in running]):
                [ended] = [worker for worker in running if worker.sentinel == sentinel]
                running.remove(ended)
                ended.join()
                if ended.exitcode:
                    for worker in workers:
                        worker.kill()
                    os._exit(WORKER_DIED)

    threading.Thread(target=watch, name="watch-workers", daemon=True).start()


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call ``function`` in a process of its own; give its result, or raise its exception.

    Raises:
      ProcessDied: the process, or a worker of its, ended before the call did.
    """
    receiver, sender = FORKSERVER.Pipe(duplex=False)
    try:
        process = start(_answer, sender, function, arguments)
    except (EOFError, OSError) as error:
        raise ProcessDied(f"it could not be started: {error}") from None
    finally:
        sender.close()
    try:
        result, failure = receiver.recv()
    except EOFError:
        process.join()
        raise ProcessDied(f"exit code {process.exitcode}") from None
    finally:
        end(process)
        receiver.close()
    if failure is not None:
        raise failure
    return result


def _answer(sender: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    result, failure = None, None
    try:
        result = function(*arguments)
    except Exception as error:
        failure = error
    sender.send((result, failure))
    sender.close()
    # Beam's threads and servers need no farewell; what had to be committed is.
    for process in multiprocessing.active_children():
        process.kill()
    os._exit(0)


def end(process: BaseProcess) -> None:
    """Kill a process, if it still runs; its workers follow within a moment, and databases roll back."""
    process.kill()
    process.join()
