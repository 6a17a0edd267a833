"""How large slices are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import slices
from pipeline.slices import FIRST_SLICE_BYTES, LEAST_SLICE_BYTES, SLICE_SECONDS, Slicer, SliceSizes
from transforms import RecordPath, SourceFile

MB = 1 << 20


def sizes(most: int = 1 << 40, workers: int = 2, memory: int = 100 * MB) -> SliceSizes:
    return SliceSizes(most, workers, memory)


def test_size_follows_the_seconds_that_were_measured() -> None:
    one = sizes()
    assert one.next() == FIRST_SLICE_BYTES
    one.measured(FIRST_SLICE_BYTES, SLICE_SECONDS / 1.5, 1)
    assert one.next() == pytest.approx(1.5 * FIRST_SLICE_BYTES, rel=0.01)
    one.measured(one.next(), SLICE_SECONDS / 100, 1)
    assert one.next() == pytest.approx(6 * FIRST_SLICE_BYTES, rel=0.01)  # no more than four times
    one.measured(one.next(), SLICE_SECONDS / 4, 1)
    assert one.next() == pytest.approx(12 * FIRST_SLICE_BYTES, rel=0.01)  # no more than doubled
    one.measured(one.next(), SLICE_SECONDS * 4, 1)
    assert one.next() == pytest.approx(3 * FIRST_SLICE_BYTES, rel=0.01)


def test_size_follows_the_memory_that_was_measured() -> None:
    one = sizes()
    one.measured(FIRST_SLICE_BYTES, 0.1, 200 * MB)
    assert one.next() == FIRST_SLICE_BYTES // 2
    one.measured(FIRST_SLICE_BYTES, 0.1, 1 << 40)
    assert one.next() == LEAST_SLICE_BYTES


def test_slices_are_small_at_the_end_and_never_above_the_bound() -> None:
    one = sizes(most=12 * MB)
    one.measured(FIRST_SLICE_BYTES, 2.0, 1)
    assert one.next() == 12 * MB
    one.total, one.planned = 100 * MB, 80 * MB
    assert one.next() == 5 * MB
    one.planned = 100 * MB
    assert one.next() == FIRST_SLICE_BYTES // 2  # a second of work
    one.measured(FIRST_SLICE_BYTES, 100.0, 1)
    assert one.next() == LEAST_SLICE_BYTES


def files(number: int, size: int) -> Iterator[SourceFile]:
    for at in range(number):
        yield SourceFile(f"{at}", f"{at}", size)


def slicer(folder: Path, one: SliceSizes) -> Slicer:
    return Slicer(RecordPath.parse("/*"), one, folder)


def test_small_input_is_one_slice(tmp_path: Path) -> None:
    assert len(list(slicer(tmp_path, sizes()).of_files(files(100, 20_000)))) == 1


def test_many_tiny_files_are_several_slices(tmp_path: Path) -> None:
    made = list(slicer(tmp_path, sizes()).of_files(files(9000, 50)))
    assert len(made) > 3
    assert sum(len(part.splits) for part in made) == 9000


def test_list_of_files_is_taken_while_slices_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "_FILES_AHEAD", 5)
    taken = []

    def watched() -> Iterator[SourceFile]:
        for file in files(50, MB):
            taken.append(file)
            yield file

    one = sizes()
    parts = slicer(tmp_path, one).of_files(watched())
    next(parts)
    assert len(taken) == 8 + 5 - 1
    assert one.total is None
    rest = list(parts)
    assert one.total == one.planned == 50 * MB
    assert rest[-1].weight < rest[0].weight
