"""What reading asks of the disk: no more than it needs, and its errors are not the data's."""

from __future__ import annotations

import io

import pytest

from transforms.names import RecordPath
from transforms.read import SourceFile, plan_splits, read_split

PATH = RecordPath.parse("/root/rec")


class Disk(io.BytesIO):
    """A file that remembers how much was asked for at once."""

    def __init__(self, data: bytes, asked: list[int]) -> None:
        super().__init__(data)
        self._asked = asked

    def read(self, size: int | None = -1) -> bytes:
        self._asked.append(size or 0)
        return super().read(size)


def test_one_read_serves_records_that_are_close_but_not_those_that_are_far(monkeypatch: pytest.MonkeyPatch) -> None:
    near = b"<rec>1</rec>" * 100
    document = b"<root>" + near + b"<!--" + b"x" * 10_000 + b"-->" + near + b"</root>"
    asked: list[int] = []
    monkeypatch.setattr("transforms.read.splits.open_plain", lambda path: Disk(document, asked))
    monkeypatch.setattr("transforms.read.splits._READ_BYTES", 5000)
    [split] = plan_splits(SourceFile("d", "d", len(document)), PATH, len(document) - 1)
    asked.clear()
    assert len(list(read_split(split, PATH))) == 200
    assert asked == [len(near), len(near)]


def test_record_over_the_limit_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    document = b"<root><rec/><rec>" + b"x" * 10_000 + b"</rec></root>"
    asked: list[int] = []
    monkeypatch.setattr("transforms.read.splits.open_plain", lambda path: Disk(document, asked))
    monkeypatch.setattr("transforms.read.splits._READ_BYTES", 5000)
    [split] = plan_splits(SourceFile("d", "d", len(document)), PATH, len(document) - 1)
    asked.clear()
    assert len(list(read_split(split, PATH, max_record_bytes=100))) == 2
    assert asked == [len(b"<rec/>")]


@pytest.mark.parametrize("name", ["d.xml.gz", "d.xml.bz2"])
def test_error_of_the_disk_is_raised_not_taken_for_damage(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class BrokenDisk(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("transforms.read.files.open_plain", lambda path: BrokenDisk())
    [split] = plan_splits(SourceFile(name, name, 100), PATH)
    with pytest.raises(OSError, match="Input/output error"):
        list(read_split(split, PATH))
