"""Progress: what workers tell, how it adds up, and how it is shown."""

from __future__ import annotations

import io
import json
import re
import time
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.display import clock, line, rendered
from pipeline.local.processes import Pool, tell
from pipeline.local.progress import Progress
from pipeline.local.pulse import INSERT, News, Pulse
from pipeline.report import Report, Timeline
from tests.jobs import Folder, order, orders
from transforms.metrics import Slowest, count, counted, spent
from transforms.records import XmlRecord


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def news(read: int, loaded: int = 0, rejected: int = 0, read_bytes: int = 0, stage: str = INSERT) -> News:
    counts = {"read": read, "parsed": read, "mapped": read, "loaded": loaded, "skipped": 0, "replaced": 0}
    return News(stage, {**counts, "rejected": rejected, "read_bytes": read_bytes}, {stage: 2.0, "map": 1.0})


def progress_of(clock: Clock) -> tuple[Report, Progress]:
    report = Report("r", {"name": "t"}, ["t"], {})
    return report, Progress(report, clock)


def test_it_moves_within_a_slice() -> None:
    clock = Clock()
    _, progress = progress_of(clock)
    assert progress.snapshot.records["read"] == 0
    clock.now = 2.0
    progress.told(71, 1, 1000, 1000, news(100, read_bytes=500))
    first = progress.snapshot
    assert (first.records["read"], first.input_bytes, first.rate_now) == (100, 250, 50.0)
    clock.now = 4.0
    progress.told(71, 1, 1000, 1000, news(200, loaded=100, read_bytes=1000))
    now = progress.snapshot
    assert (now.records["read"], now.records["loaded"], now.input_bytes) == (200, 100, 750)
    assert (now.slowest_stage, round(now.slowest_share, 2)) == (INSERT, 0.67)
    assert [(worker.process, worker.slice, worker.stage, worker.settled) for worker in now.workers] == [
        (71, 1, INSERT, 100)
    ]


def test_slice_that_ended_counts_once_and_tells_the_time_left() -> None:
    clock = Clock()
    report, progress = progress_of(clock)
    clock.now = 5.0
    progress.told(71, 1, 1000, 1000, news(200, loaded=200, read_bytes=1000))
    clock.now = 10.0
    report.add({"read": 200, "loaded": 198, "rejects.map.required": 2})
    progress.ended(1, 1000, 4000)
    now = progress.snapshot
    assert (now.records["read"], now.records["rejected"], now.workers) == (200, 2, ())
    assert (now.input_bytes, now.total_bytes, now.seconds_left) == (1000, 4000, 30.0)


def test_what_a_dead_worker_told_is_not_counted() -> None:
    clock = Clock()
    _, progress = progress_of(clock)
    clock.now = 5.0
    progress.told(71, 1, 1000, 1000, news(200))
    progress.given_up(1)
    assert progress.snapshot.records["read"] == 0


def test_line_says_all_that_matters() -> None:
    clock_ = Clock()
    report, progress = progress_of(clock_)
    clock_.now = 100.0
    report.add({"read": 2000, "loaded": 1998, "rejects.map.required": 2})
    report.spent({INSERT: 60.0, "map": 30.0}, [])
    progress.ended(1, 10_000_000, 40_000_000)
    text = line(progress.snapshot)
    assert text == (
        "loads, 1:40; 25% of 40.0 MB; 2,000 read, 1,998 loaded, 2 rejected; 20 records/s now, 20 on average; 5:00 left;"
        " slowest stage: insert"
    )
    assert clock(3909) == "1:05:09"


def test_display_shows_each_worker() -> None:
    clock = Clock()
    _, progress = progress_of(clock)
    clock.now = 5.0
    progress.told(71, 3, 1000, 1000, news(1200, loaded=500, rejected=7, read_bytes=1000))
    out = io.StringIO()
    Console(file=out, width=100).print(rendered(progress.snapshot))
    shown = out.getvalue()
    assert "worker 71: slice 3, inserts; 1,200 read, 507 settled" in shown
    assert "slowest stage: insert, 67% of the time of the workers" in shown
    assert re.search(r"read +parsed +mapped +loaded +rejected", shown)


def test_timeline_is_bounded_and_ends_with_the_last() -> None:
    timeline = Timeline()
    for half in range(20_000):
        timeline.add(half / 2, half, half)
    assert 100 < len(timeline.points) <= Timeline.MOST
    assert timeline.points[0] == (0.0, 0, 0)
    assert timeline.points[-1] == (9999.5, 19_999, 19_999)
    gaps = [after[0] - before[0] for before, after in zip(timeline.points[1:-2], timeline.points[2:-1], strict=True)]
    assert max(gaps) <= 4 * min(gaps)


def tell_three(task: str) -> str:
    for number in range(3):
        tell(f"{task}{number}")
    return task


def test_worker_tells_while_its_task_runs() -> None:
    told = []
    pool = Pool(tell_three, 2, on_news=lambda process, task, value: told.append((process > 0, task, value)))
    assert len(list(pool.run(iter("ab")))) == 2
    assert sorted(told) == [(True, task, f"{task}{number}") for task in "ab" for number in range(3)]


def test_pulse_names_the_stage_that_takes_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pulse, "TELL_SECONDS", 0.05)
    told: list[News] = []
    count("mapped")  # the first imports Beam
    before = counted["mapped"]
    with Pulse(told.append) as pulse:
        while len(told) < 2:
            began = time.perf_counter()
            count("mapped")
            time.sleep(0.001)
            spent["map"] += time.perf_counter() - began
    assert told[-1].stage == "map"
    assert 0 < told[-1].counts["mapped"] <= counted["mapped"] - before
    assert pulse.stages["map"] > pulse.stages["engine"] >= 0


def test_stage_that_has_told_no_time_yet_is_seen_in_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pulse, "TELL_SECONDS", 0.05)
    told: list[News] = []
    names: dict = {"__name__": "transforms.database.drivers.turn", "sleep": time.sleep}
    exec("def wait(told):\n    while not told:\n        sleep(0.01)\n", names)
    with Pulse(told.append):
        names["wait"](told)
    assert told[0].stage == "wait"


def test_slowest_records_are_kept_and_merged() -> None:
    slowest = Slowest()
    for number in range(30):
        slowest.add(number / 100, "map", XmlRecord("a.xml", number, 10 * number, 0, b"x" * 7))
    assert slowest.least == 0.2
    assert [record["ordinal"] for record in slowest.records] == list(range(29, 19, -1))
    assert slowest.records[0] == {
        "seconds": 0.29, "stage": "map", "source": "a.xml", "ordinal": 29, "start": 290, "bytes": 7,
    }  # fmt: skip
    report = Report("r", {"name": "t"}, ["t"], {})
    report.spent({}, slowest.records)
    report.spent({}, [{**slowest.records[0], "seconds": 5.0}])
    assert [record["seconds"] for record in report.slowest[:2]] == [5.0, 0.29]
    assert len(report.slowest) == Slowest.MOST


def test_lines_of_progress_where_nobody_watches(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1)]))
    assert folder.run("--progress_seconds", "0.05") == 0
    assert re.search(r"(starts|loads), 0:0", capfd.readouterr().err)
    report = folder.report
    assert sum(report["stages"].values()) > 0
    assert report["timeline"][-1]["settled"] == 1


def test_quiet_run_says_nothing_and_still_warns(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1)]))
    assert folder.run("--quiet", "--progress_seconds", "0.05") == 0
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
    folder.write("b.xml", "<orders>")
    assert folder.run("--quiet", "--max_rejects", "0") == 1
    assert "--max_rejects is 0" in capfd.readouterr().err


def test_log_of_json_is_json_line_by_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1)]))
    assert folder.run("--log_format", "json", "--progress_seconds", "0.05") == 0
    events = [json.loads(text) for text in capfd.readouterr().err.splitlines()]
    assert {"log", "progress", "summary"} <= {event["event"] for event in events}
    assert all({"time", "level", "event"} <= set(event) for event in events)
    [summary] = [event for event in events if event["event"] == "summary"]
    assert summary["records"]["loaded"] == 1
    assert time.strptime(summary["time"][:19], "%Y-%m-%dT%H:%M:%S")
