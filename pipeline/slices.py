"""Slices: the bounded parts of the input, of which a local run loads as many at once as it has workers."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from transforms import (
    SPLIT_BYTES,
    Part,
    RecordPath,
    SourceFile,
    Split,
    XmlColumn,
    plan_ranges,
    plan_splits,
    read_part,
    read_range,
    read_split,
    unpack,
)

FIRST_SLICE_BYTES = 8 << 20
"""The size of the first slices: less than this is loaded by one worker in a second or two."""
LEAST_SLICE_BYTES = 2 << 20
PART_BYTES = 4 << 10
"""What opening a file weighs: there may be 100,000 of 50 bytes each."""
SLICE_SECONDS = 10.0
LAST_SECONDS = 1.0
"""Work of the last slices, which a worker may have to wait for."""

_FILES_AHEAD = 10_000

_COMPRESSION = 10
"""How many bytes of XML a byte of a compressed file is taken for, until it is unpacked."""


@dataclass(frozen=True)
class Slice:
    """What one pipeline loads, the ``number``-th (from 1).

    ``input_bytes`` are those of the files as they are stored, ``weight`` about those of the XML; ``unpacked`` is the
    temporary file that its parts are read from, if it is one.
    """

    number: int
    splits: tuple[Part, ...]
    input_bytes: int
    weight: int
    unpacked: str | None = None

    @property
    def name(self) -> str:
        """The name of the slice's files in the run's folder."""
        return f"slice-{self.number:06d}"


class SliceSizes:
    """How large the next slice is, in bytes of XML.

    The first slices are small, so that all workers start at once. Then a slice grows until it takes about
    :data:`SLICE_SECONDS` (each costs a tenth of a second before its first record) or its share of the memory, by what
    was measured. Those at the end are small again, so that the workers finish within :data:`LAST_SECONDS` of one
    another; but where a batch takes long to a far database, a slice is no smaller than keeps a core busy meanwhile,
    with three workers for each.

    Args:
      most: bytes of the largest slice.
      workers: how many slices are loaded at once.
      memory: bytes that a worker may hold of one slice: its rows above all, which no size of its XML foretells.
    """

    def __init__(self, most: int, workers: int, memory: int):
        self.most = most
        self.workers = workers
        self.memory = memory
        self.total: int | None = None
        """Bytes of the whole input, as it is stored, once they are known."""
        self.planned = 0
        """Those of them that are in slices."""
        self._size = min(most, FIRST_SLICE_BYTES)
        self._least = LEAST_SLICE_BYTES

    def next(self) -> int:
        """The size of the slice that is planned next."""
        if self.total is None or self.total <= FIRST_SLICE_BYTES:
            return self._size
        last = max((self.total - self.planned) // (2 * self.workers), self._least)
        return min(self._size, last, self.most)

    def measured(self, weight: int, seconds: float, memory: int, pause: float = 0.0) -> None:
        """A slice of this weight took so much work, and so much memory; a batch of it was so long on its way."""
        last = max(LAST_SECONDS, pause / 2)
        self._least = max(LEAST_SLICE_BYTES, int(weight * min(1.0, last / max(seconds, 0.01))))
        fits = weight * min(SLICE_SECONDS / max(seconds, 0.01), self.memory / max(memory, 1))
        # Not more than doubled: a slice may have been an easy one. But to begin small ones takes time.
        is_short = pause > seconds or seconds < LAST_SECONDS
        most = min((4 if is_short else 2) * self._size, self.most)
        self._size = max(min(int(fits), most), min(LEAST_SLICE_BYTES, self.most))


class Slicer:
    """Cuts the input into slices, in source order, while they are asked for.

    A big compressed file is unpacked into ``folder`` before its first slice, and removed when the last of them has
    been given back by :meth:`release`: no reader could begin in the middle of it.

    Args:
      path: of the records.
      sizes: how large the slices are.
      folder: for unpacked files.
      limit: records to read in all.
    """

    def __init__(self, path: RecordPath, sizes: SliceSizes, folder: Path, limit: int | None = None):
        self.path = path
        self.sizes = sizes
        self.split_bytes = min(SPLIT_BYTES, sizes.most)
        self.folder = folder
        self.left = limit
        self._number = 0
        self._splits: list[Part] = []
        self._weight = 0
        self._input_bytes = 0
        self._in_use: Counter[str] = Counter()

    def of_files(self, files: Iterable[SourceFile], total: int | None = None) -> Generator[Slice, None, None]:
        """The slices of files; each is to be given to :meth:`release` when it was loaded.

        ``total`` are the bytes of the whole input, if they are known.
        """
        for file in self._ahead(files) if total is None else files:
            if self.left == 0:
                break
            if not file.compressed or file.size * _COMPRESSION < self.split_bytes or self.path.depth == 1:
                yield from self._of_file(file, file.size)
                continue
            plain = unpack(file, str(self.folder))
            unpacked = plain.path if plain is not file else None
            yield from self._close()
            self._use(unpacked)
            try:
                yield from self._of_file(plain, file.size, unpacked)
                yield from self._close(unpacked)
            finally:
                self._give_back(unpacked)
        yield from self._close()

    def release(self, part: Slice) -> None:
        """The slice needs its files no more."""
        self._give_back(part.unpacked)

    def close(self) -> None:
        """Remove what is left of unpacked files."""
        for path in list(self._in_use):
            Path(path).unlink(missing_ok=True)

    def _use(self, unpacked: str | None) -> None:
        if unpacked is not None:
            self._in_use[unpacked] += 1

    def _give_back(self, unpacked: str | None) -> None:
        if unpacked is None:
            return
        self._in_use[unpacked] -= 1
        if not self._in_use[unpacked]:
            del self._in_use[unpacked]
            Path(unpacked).unlink(missing_ok=True)

    def _ahead(self, files: Iterable[SourceFile]) -> Iterator[SourceFile]:
        """The files, of which some are looked at before their turn: so the end of the input is seen to come."""
        files = iter(files)
        waiting: deque[SourceFile] = deque()
        size = 0
        while True:
            for file in islice(files, _FILES_AHEAD - len(waiting)):
                waiting.append(file)
                size += file.size
            if len(waiting) < _FILES_AHEAD:
                self.sizes.total = size
            if not waiting:
                return
            yield waiting.popleft()

    def of_column(self, column: XmlColumn, input_bytes: int) -> Generator[Slice, None, None]:
        """The slices of a column of a table, which holds so many bytes."""
        self.sizes.total = input_bytes
        for part in plan_ranges(column, self.split_bytes):
            if self.left is not None:
                number = part.rows if self.path.depth == 1 else _count(read_range(column, part, self.path), self.left)
                part = replace(part, most=self.left)
                self.left -= min(number, self.left)
            yield from self._add(part, part.input_bytes, part.input_bytes)
            if self.left == 0:
                break
        yield from self._close()

    def of_parts(self, parts: Iterable[Part], column: XmlColumn | None) -> Generator[Slice, None, None]:
        """The slices of lines of rejects that hold their records, and of single rows that are read again."""
        for part in parts:
            if self.left == 0:
                break
            if self.left is not None:
                part = replace(part, most=self.left)
                self.left -= _count(read_part(part, self.path, column=column), self.left)
            yield from self._add(part, part.input_bytes, part.input_bytes)
        yield from self._close()

    def _of_file(
        self, file: SourceFile, stored_bytes: int, unpacked: str | None = None
    ) -> Generator[Slice, None, None]:
        for split in plan_splits(file, self.path, self.split_bytes):
            if self.left is not None:
                split = self._limited(split, self.left)
            weight = split.input_bytes * (_COMPRESSION if file.compressed else 1)
            yield from self._add(split, weight, split.input_bytes * stored_bytes // max(file.size, 1), unpacked)
            if self.left == 0:
                return

    def _add(
        self, part: Part, weight: int, input_bytes: int, unpacked: str | None = None
    ) -> Generator[Slice, None, None]:
        self._splits.append(part)
        self._weight += weight + PART_BYTES
        self._input_bytes += input_bytes
        if self._weight >= self.sizes.next():
            yield from self._close(unpacked)

    def _close(self, unpacked: str | None = None) -> Generator[Slice, None, None]:
        if self._splits:
            self._number += 1
            made = Slice(self._number, tuple(self._splits), self._input_bytes, self._weight, unpacked)
            self._use(unpacked)
            self.sizes.planned += self._input_bytes
            self._splits, self._weight, self._input_bytes = [], 0, 0
            yield made

    def _limited(self, split: Split, left: int) -> Split:
        """The split with no more than ``left`` records; where its spans are not what is read, they are counted here."""
        if split.spans is None or split.wanted is not None:
            self.left = left - _count(read_split(split, self.path), left)
            return replace(split, most=left)
        spans = split.spans[:left]
        is_whole = len(spans) + (split.damage is not None) <= left
        self.left = left - len(spans) - (is_whole and split.damage is not None)
        return replace(split, spans=spans, damage=split.damage if is_whole else None)


def _count(items: Iterable[object], most: int) -> int:
    return sum(1 for _ in islice(items, most))
