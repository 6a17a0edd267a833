"""Turns of processes that write to one SQLite file."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import pytest

from transforms.database.drivers.turn import Turn

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "x.db"
    path.write_bytes(b"")
    return str(path)


def hold(file: str, said: Queue[str], seconds: float) -> None:
    turn = Turn(file)
    turn.take()
    said.put("mine")
    time.sleep(seconds)
    turn.give_back()


def hold_again_and_again(file: str, said: Queue[str], name: str, times: int) -> None:
    turn = Turn(file)
    for _ in range(times):
        turn.take()
        said.put(name)
        time.sleep(0.02)
        turn.give_back()


@contextmanager
def process(target: Any, *arguments: Any) -> Iterator[Any]:
    started = SPAWN.Process(target=target, args=arguments)
    started.start()
    try:
        yield started
    finally:
        started.kill()
        started.join()


def test_killed_process_gives_its_turn_back(file: str) -> None:
    said: Queue[str] = SPAWN.Queue()
    with process(hold, file, said, 600) as holder:
        assert said.get(timeout=60) == "mine"
        holder.kill()
        turn = Turn(file)
        turn.take()  # would wait for ever
        turn.close()


def test_one_that_has_just_written_does_not_overtake_one_that_waits(file: str) -> None:
    said: Queue[str] = SPAWN.Queue()
    with process(hold_again_and_again, file, said, "a", 30), process(hold_again_and_again, file, said, "b", 30):
        order = [said.get(timeout=60) for _ in range(60)]
    both = order[order.index("b" if order[0] == "a" else "a") - 1 :]
    runs = [len(list(run)) for run in "".join(both).replace("ab", "a b").replace("ba", "b a").split()]
    # While both want it, they alternate; at the end one may be alone.
    assert max(runs[:-1], default=1) <= 3


def test_file_that_is_not_there_has_no_turns(tmp_path: Path) -> None:
    turn = Turn(str(tmp_path / "no.db"))
    turn.take()
    turn.give_back()
    turn.close()
