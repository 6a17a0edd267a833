"""Cores that more processes share than there are."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import pytest

from transforms import cores
from transforms.cores import Cores

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def two(tmp_path: Path) -> Path:
    Cores.make(tmp_path, 2)
    return tmp_path


@pytest.fixture
def one(tmp_path: Path) -> Path:
    Cores.make(tmp_path, 1)
    return tmp_path


def hold(folder: Path, said: Queue[str]) -> None:
    Cores(folder).take()
    said.put("mine")
    time.sleep(600)


def work(folder: Path, said: Queue[tuple[str, int, float]], name: str, times: int) -> None:
    """Say when each turn begins and ends."""
    mine = Cores(folder)
    mine.take()
    for _ in range(times):
        said.put((name, 1, time.monotonic()))
        time.sleep(0.01)
        said.put((name, -1, time.monotonic()))
        with mine.lent():
            time.sleep(0.005)
    mine.give_back()


@contextmanager
def process(target: Any, *arguments: Any) -> Iterator[Any]:
    started = SPAWN.Process(target=target, args=arguments)
    started.start()
    try:
        yield started
    finally:
        started.kill()
        started.join()


def test_killed_process_gives_its_core_back(one: Path) -> None:
    said: Queue[str] = SPAWN.Queue()
    # A queue of its own: a process that is killed may keep the lock of the one it has spoken by.
    other: Queue[str] = SPAWN.Queue()
    with process(hold, one, said) as holder:
        assert said.get(timeout=60) == "mine"
        with process(hold, one, other):
            holder.kill()
            assert other.get(timeout=60) == "mine"  # would wait for ever


def test_process_killed_at_the_door_lets_the_next_in(one: Path) -> None:
    said: Queue[str] = SPAWN.Queue()
    mine = Cores(one)
    mine.take()
    with process(hold, one, said) as waiting:
        while not is_locked(one / "door"):
            time.sleep(0.01)
        waiting.kill()
        waiting.join()
        mine.give_back()
        mine.take()
    mine.close()


def is_locked(file: Path) -> bool:
    inode = os.stat(file).st_ino
    return any(f":{inode} " in line for line in Path("/proc/locks").read_text().splitlines())


def test_no_more_work_at_once_than_there_are_cores_and_each_gets_its_turn(two: Path) -> None:
    said: Queue[tuple[str, int, float]] = SPAWN.Queue()
    with ExitStack() as stack:
        for name in "abcde":
            stack.enter_context(process(work, two, said, name, 20))
        events = [said.get(timeout=60) for _ in range(5 * 20 * 2)]
    events.sort(key=lambda event: event[2])
    at_once = most = 0
    for _, change, _ in events:
        at_once += change
        most = max(most, at_once)
    assert most == 2
    all_at_work = [event for event in events if event[1] == 1]
    # Who waits is let in in the order of coming: nobody works many times while another waits.
    begun = [name for name, _, _ in all_at_work]
    last = {name: at for at, name in enumerate(begun)}
    together = begun[max(begun.index(name) for name in "abcde") : min(last.values())]
    for name in "abcde":
        gaps = [at for at, found in enumerate(together) if found == name]
        assert all(later - earlier <= 10 for earlier, later in pairwise(gaps))


def test_waiting_is_counted_and_work_is_not(one: Path) -> None:
    mine = Cores(one)
    mine.take()
    with mine.lent():
        time.sleep(0.2)
    assert mine.waited >= 0.2
    before, began = mine.waited, time.process_time()
    with mine.lent():
        while time.process_time() < began + 0.2:
            pass
    assert mine.waited - before < 10  # a machine may be busy: only its sign is sure
    mine.close()


def test_process_that_shares_no_cores_lends_none() -> None:
    assert cores.shared is None
    with cores.lent():
        pass


def test_core_is_taken_again_after_an_error(one: Path) -> None:
    mine = Cores(one)
    mine.take()
    with pytest.raises(ValueError, match="lost"), mine.lent():
        raise ValueError("lost")
    assert is_locked(one / "core-0000")
    mine.close()
    assert not is_locked(one / "core-0000")
