"""Tasks in processes: what becomes of them when they answer, fail, or die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.local.processes import Answer, Died, Failure, Last, Outcome, Pool
from pipeline.private import fork_server
from tests.jobs import ROOT


def double(number: int) -> int:
    return 2 * number


def die(task: tuple[str, int]) -> str:
    """Kill this process at the first ``task[1]`` calls, of which a file keeps count."""
    file, times = Path(task[0]), task[1]
    calls = len(file.read_text()) if file.exists() else 0
    file.write_text("x" * (calls + 1))
    if calls < times:
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


class Unpicklable(Exception):
    def __init__(self, first: str, second: str):
        super().__init__(first)


def fail(message: str) -> None:
    raise Unpicklable(message, "second")


def leave(code: int) -> None:
    os._exit(code)


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def own_number(task: object) -> object:
    number = os.getpid()
    return Last(number) if task == "last" else number


def hold(size: int) -> int:
    """Keep so many bytes, and say by which process."""
    _held.append(b"x" * size)
    return os.getpid()


_held: list[bytes] = []


def ignored(numbers: list[int]) -> list[int]:
    return [number for number in numbers if signal.getsignal(number) == signal.SIG_IGN]


def imported(names: tuple[str, ...]) -> list[str]:
    return [name for name in names if sys.modules.get(name)]


def outcomes(pool: Pool, tasks: list) -> dict[object, Outcome]:
    return dict(pool.run(iter(tasks)))


def test_each_task_is_answered_once() -> None:
    assert outcomes(Pool(double, 3), list(range(20))) == {number: Answer(2 * number) for number in range(20)}


def test_many_short_tasks_have_no_phantom_death(caplog: pytest.LogCaptureFixture) -> None:
    assert len(outcomes(Pool(double, 4), list(range(150)))) == 150
    assert "again" not in caplog.text


def test_error_that_cannot_be_pickled_is_told() -> None:
    [outcome] = outcomes(Pool(fail, 1), ["broken"]).values()
    assert isinstance(outcome, Failure)
    assert outcome.message == "broken"
    assert "Unpicklable" in outcome.details


def test_killed_process_costs_its_task_one_more_attempt_after_a_pause(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    retried: list[object] = []
    tasks = [(str(tmp_path / name), times) for name, times in (("a", 0), ("b", 1), ("c", 0))]
    began = time.monotonic()
    result = outcomes(Pool(die, 2, pauses=(0.3,), before_retry=retried.append), tasks)
    assert result == {task: Answer("done") for task in tasks}
    assert retried == [tasks[1]]
    assert time.monotonic() - began >= 0.3
    assert "was killed by SIGKILL" in caplog.text


def test_task_whose_process_always_dies_is_given_up_and_the_others_go_on(tmp_path: Path) -> None:
    tasks = [(str(tmp_path / "bad"), 99), (str(tmp_path / "good"), 0)]
    result = outcomes(Pool(die, 1, pauses=(0.01, 0.01)), tasks)
    assert result[tasks[1]] == Answer("done")
    died = result[tasks[0]]
    assert isinstance(died, Died)
    assert "killed by SIGKILL, at attempt 3 of 3" in died.message


def test_exit_code_is_told() -> None:
    [outcome] = outcomes(Pool(leave, 1, pauses=()), [7]).values()
    assert isinstance(outcome, Died)
    assert "ended with exit code 7" in outcome.message


def test_killed_fork_server_is_started_again_and_no_task_is_lost() -> None:
    results = []
    for task, outcome in Pool(sleep, 2, pauses=(0.2, 0.2)).run(iter([0.01, 1.0, 0.02, 0.03])):
        results.append((task, outcome))
        if task == 0.01:
            psutil.Process(fork_server()).kill()
    assert sorted(results, key=str) == [(task, Answer(task)) for task in (0.01, 0.02, 0.03, 1.0)]


def test_stop_begins_no_more_tasks_and_finishes_those_that_run() -> None:
    pool = Pool(sleep, 2)
    seen = []
    for task, _ in pool.run(iter([0.5, 0.1, 0.2, 0.3])):
        seen.append(task)
        pool.stop()
    assert sorted(seen) == [0.1, 0.5]


def test_closing_kills_what_runs() -> None:
    run = Pool(sleep, 2).run(iter([0.01, 60.0]))
    next(run)
    server = psutil.Process(fork_server())
    assert server.children()
    run.close()
    _, alive = psutil.wait_procs(server.children(), timeout=20)
    assert not alive


def test_tasks_are_planned_one_ahead() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for number in range(10):
            taken.append(number)
            yield number

    run = Pool(double, 2).run(tasks())
    next(run)
    assert len(taken) <= 4
    run.close()


def numbers(pool: Pool, tasks: list) -> list[int]:
    return [outcome.value for _, outcome in pool.run(iter(tasks)) if isinstance(outcome, Answer)]


def test_process_takes_task_after_task() -> None:
    assert len(set(numbers(Pool(own_number, 1), list(range(5))))) == 1


def test_one_task_starts_one_process() -> None:
    started = []
    for _ in Pool(own_number, 4).run(iter([1])):
        started = [one for one in psutil.Process().children(recursive=True) if "forkserver" in str(one.cmdline())]
    assert len(started) == 2  # the fork server and one worker


def test_process_imports_nothing_that_beam_can_do_without() -> None:
    wanted = ("pipeline.local.worker", "apache_beam")
    assert numbers(Pool(imported, 1), [("pandas", "pyarrow", "pymongo", *wanted)]) == [[*wanted]]


def test_process_that_holds_too_much_is_replaced() -> None:
    large, *after = numbers(Pool(hold, 1, most_bytes=200 << 20), [300 << 20, 1, 1])
    assert large not in after
    assert len(set(after)) == 1


def test_process_that_failed_or_says_so_does_no_other_task() -> None:
    first, *after = numbers(Pool(own_number, 1), ["last", 1, 2])
    assert first not in after


def test_process_that_dies_while_it_has_nothing_to_do_costs_no_attempt(caplog: pytest.LogCaptureFixture) -> None:
    pool: Pool = Pool(own_number, 1, pauses=())

    seen = []
    for task, outcome in pool.run(iter([1, 2, 3])):
        assert isinstance(outcome, Answer)
        seen.append(outcome.value)
        if task == 2:
            [worker] = pool._free
            worker._process.kill()
            worker._process.join()
    assert seen[0] == seen[1] != seen[2]
    assert "again" not in caplog.text


def test_signals_of_a_terminal_are_left_to_the_command() -> None:
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    [outcome] = [outcome for _, outcome in Pool(ignored, 1).run(iter([numbers]))]
    assert outcome == Answer(numbers)


COMMAND = """
import sys, tests.test_processes as tests
next(tests.Pool(tests.say_and_sleep, 1).run(iter([sys.argv[1]])))
"""


def say_and_sleep(file: str) -> None:
    Path(file).write_text(str(os.getpid()))
    time.sleep(600)


def test_worker_in_the_middle_of_a_task_ends_with_the_command(tmp_path: Path) -> None:
    file = tmp_path / "worker"
    command = subprocess.Popen([sys.executable, "-c", COMMAND, str(file)], cwd=ROOT)
    while not (file.exists() and file.read_text()):
        assert command.poll() is None
        time.sleep(0.05)
    worker = psutil.Process(int(file.read_text()))
    command.kill()
    command.wait()
    _, alive = psutil.wait_procs([worker], timeout=20)
    for process in alive:
        process.kill()
    assert not alive
