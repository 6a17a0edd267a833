"""Slices: the bounded parts of the input that a local run loads and commits one after another."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from transforms import (
    SPLIT_BYTES,
    KeyRange,
    RecordPath,
    SourceFile,
    Split,
    XmlColumn,
    plan_ranges,
    plan_splits,
    read_range,
    read_split,
    unpack,
)

Part = Split | KeyRange
"""What one reader reads at once: bytes of a file, or rows of a table."""

_COMPRESSION = 10
"""How many bytes of XML a byte of a compressed file is taken for, until it is unpacked."""


@dataclass(frozen=True)
class Slice:
    """What one pipeline loads. ``input_bytes`` are those of the files as they lie there."""

    splits: tuple[Part, ...]
    input_bytes: int


class Slicer:
    """Cuts the input into slices, in source order, while they are asked for.

    A big compressed file is unpacked into ``folder`` before its first slice and removed after its last: no
    reader could begin in the middle of it.

    Args:
      path: of the records.
      slice_bytes: XML of one slice, about.
      folder: for unpacked files.
      limit: records to read in all.
    """

    def __init__(self, path: RecordPath, slice_bytes: int, folder: Path, limit: int | None = None):
        self.path = path
        self.slice_bytes = slice_bytes
        self.split_bytes = min(SPLIT_BYTES, slice_bytes)
        self.folder = folder
        self.left = limit
        self._splits: list[Part] = []
        self._weight = 0
        self._input_bytes = 0

    def slices(self, files: Iterable[SourceFile]) -> Generator[Slice, None, None]:
        """The slices; each is to be loaded before the next is asked for."""
        for file in files:
            if self.left == 0:
                break
            if not file.compressed or file.size * _COMPRESSION < self.split_bytes or self.path.depth == 1:
                yield from self._of_file(file, file.size)
                continue
            plain = unpack(file, str(self.folder))
            try:
                yield from self._of_file(plain, file.size)
                yield from self._close()
            finally:
                if plain is not file:
                    Path(plain.path).unlink(missing_ok=True)
        yield from self._close()

    def of_column(self, column: XmlColumn) -> Generator[Slice, None, None]:
        """The slices of a column of a table."""
        for part in plan_ranges(column, self.split_bytes):
            if self.left is not None:
                number = part.rows if self.path.depth == 1 else _count(read_range(column, part, self.path), self.left)
                part = replace(part, most=self.left)
                self.left -= min(number, self.left)
            yield from self._add(part, part.input_bytes, part.input_bytes)
            if self.left == 0:
                break
        yield from self._close()

    def _of_file(self, file: SourceFile, stored_bytes: int) -> Generator[Slice, None, None]:
        for split in plan_splits(file, self.path, self.split_bytes):
            if self.left is not None:
                split = self._limited(split, self.left)
            weight = split.input_bytes * (_COMPRESSION if file.compressed else 1)
            yield from self._add(split, weight, split.input_bytes * stored_bytes // max(file.size, 1))
            if self.left == 0:
                return

    def _add(self, part: Part, weight: int, input_bytes: int) -> Generator[Slice, None, None]:
        self._splits.append(part)
        self._weight += weight
        self._input_bytes += input_bytes
        if self._weight >= self.slice_bytes:
            yield from self._close()

    def _close(self) -> Generator[Slice, None, None]:
        if self._splits:
            yield Slice(tuple(self._splits), self._input_bytes)
        self._splits, self._weight, self._input_bytes = [], 0, 0

    def _limited(self, split: Split, left: int) -> Split:
        """The split with no more than ``left`` records; those of a file that was not indexed are counted here."""
        if split.spans is None:
            self.left = left - _count(read_split(split, self.path), left)
            return replace(split, most=left)
        spans = split.spans[:left]
        is_whole = len(spans) + (split.damage is not None) <= left
        self.left = left - len(spans) - (is_whole and split.damage is not None)
        return replace(split, spans=spans, damage=split.damage if is_whole else None)


def _count(items: Iterable[object], most: int) -> int:
    return sum(1 for _ in islice(items, most))
