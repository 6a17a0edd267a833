"""What the command does with slices and their files: with a pool of workers that loads nothing."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.inputs import input_id
from pipeline.local import launch
from pipeline.local.processes import Answer, Died, Outcome
from pipeline.local.slice_result import SliceResult
from pipeline.slices import Slice
from tests.jobs import Folder, order, orders


class FakePool:
    """In place of :class:`~pipeline.local.processes.Pool`."""

    workers = 1

    def __init__(self, load: Any, workers: int, before_retry: Any, **_: object):
        self.job = load.job
        self.before_retry = before_retry

    def stop(self) -> None:
        pass

    def run(self, slices: Iterator[Slice]) -> Iterator[tuple[Slice, Outcome]]:
        raise NotImplementedError


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_rejects_of_an_attempt_that_died_are_removed(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    class DyingPool(FakePool):
        def run(self, slices: Iterator[Slice]) -> Iterator[tuple[Slice, Outcome]]:
            part = next(slices)
            for name in (f"{part.name}-map.jsonl", "slice-000007-map.jsonl"):
                Path(self.job.run_dir.rejects, name).write_text("{}\n")
            self.before_retry(part)
            yield part, Died("the worker has died")

    monkeypatch.setattr(launch, "Pool", DyingPool)
    folder.write("a.xml", orders([order(1)]))
    assert folder.run() == 1
    assert [file.name for file in (folder.run_dir / "rejects").iterdir()] == ["slice-000007-map.jsonl"]
    assert folder.report["error"] == "the worker has died"


def test_unpacked_file_is_removed_when_its_slices_are_loaded(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    there: list[int] = []

    class IdlePool(FakePool):
        def run(self, slices: Iterator[Slice]) -> Iterator[tuple[Slice, Outcome]]:
            for part in slices:
                there.append(len(list(self.job.run_dir.unpacked.iterdir())))
                yield part, Answer(SliceResult(Counter(), 1.0, 1.0, 0.0, 0.0, 1, {}, []))

    monkeypatch.setattr(launch, "Pool", IdlePool)
    content = gzip.compress(orders(order(number) for number in range(400)).encode(), compresslevel=0)
    for name in "abc":
        folder.write(f"{name}.xml.gz", content)
    assert folder.run("--slice_bytes", "20k", inputs=["*.xml.gz"]) == 0
    assert len(there) >= 6
    assert set(there) == {1}


def test_same_input_is_known_again_and_another_is_not() -> None:
    class Flags:
        input = ("a.xml",)
        limit = input_table = input_key = input_column = input_where = key_range = skip_loaded = None

    def known(**other: object) -> str:
        return input_id(type("Other", (Flags,), other))

    assert known() == known() == known(input=(str(Path("a.xml").absolute()),))
    others = [known(limit=5), known(input=("b.xml",)), known(input=("a.xml", "b.xml"))]
    table = {"input": ("sqlite:///x.db",), "input_table": "t", "input_key": "k", "input_column": "c"}
    others += [known(**table), known(**table, input_where="k > 1"), known(**table, key_range="1:2")]
    assert len({known(), *others}) == 1 + len(others)
    assert known(**table, skip_loaded=True) == known(**table)
