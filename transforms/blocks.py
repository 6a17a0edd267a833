"""Row families, table by table: how they are shuffled and how they are loaded.

    MappedRecord ... ── Families.of ──> Families ── Block.of ──> Block          (what a shuffle carries)
    Batch(shard, blocks) ── families_of ──> Families ...                        (what a transaction loads)

A shuffle costs by the element, and taking records apart costs by the record: so the rows of many records are kept
together as the inserts want them, and only a batch in which some record needs a look of its own is taken apart.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from operator import attrgetter
from typing import Any

import zstandard

from transforms.records import MappedRecord, Position, Row

_position = attrgetter("source", "ordinal")
_facts = attrgetter("key", "key_values", "source", "ordinal", "start", "end", "checksum")


@dataclass(frozen=True, slots=True)
class Families:
    """The row families of several records, in source order.

    ``records`` holds what a :class:`MappedRecord` says besides its rows; ``rows`` the rows of all of them by table
    label; ``counts`` how many of those each record has. A table without rows is left out.
    """

    records: list[Row]
    counts: dict[str, list[int]]
    rows: dict[str, list[Row]]

    @classmethod
    def of(cls, records: Iterable[MappedRecord]) -> Families:
        given = sorted(records, key=_position)
        by_label = [record.rows for record in given]
        counts, rows = {}, {}
        for label in dict.fromkeys(chain.from_iterable(by_label)):
            by_record = [rows_of.get(label, ()) for rows_of in by_label]
            if any(by_record):
                counts[label] = list(map(len, by_record))
                rows[label] = list(chain.from_iterable(by_record))
        return cls(list(map(_facts, given)), counts, rows)

    def __len__(self) -> int:
        return len(self.records)

    @property
    def keys(self) -> list[str]:
        return [record[0] for record in self.records]

    @property
    def first(self) -> Position:
        return self.records[0][2:4]

    @property
    def last(self) -> Position:
        return self.records[-1][2:4]

    def row_counts(self) -> list[int]:
        """How many rows each record has."""
        return list(map(sum, zip(*self.counts.values(), strict=True))) or [0] * len(self)

    def apart(self) -> list[MappedRecord]:
        """The records, each with its rows."""
        rows: list[dict[str, list[Row]]] = [{} for _ in self.records]
        for label, counts in self.counts.items():
            left = iter(self.rows[label])
            for family, count in zip(rows, counts, strict=True):
                if count:
                    family[label] = list(islice(left, count))
        return [MappedRecord(*(*facts, family)) for facts, family in zip(self.records, rows, strict=True)]


def joined(parts: Sequence[Families]) -> Families:
    """All the records of parts, in source order."""
    parts = sorted((part for part in parts if part), key=attrgetter("first"))
    if len(parts) == 1:
        return parts[0]
    if any(one.last > other.first for one, other in pairwise(parts)):
        return Families.of(chain.from_iterable(part.apart() for part in parts))
    labels = dict.fromkeys(chain.from_iterable(part.rows for part in parts))
    return Families(
        list(chain.from_iterable(part.records for part in parts)),
        {
            label: list(chain.from_iterable(part.counts.get(label) or [0] * len(part) for part in parts))
            for label in labels
        },
        {label: list(chain.from_iterable(part.rows.get(label, ()) for part in parts)) for label in labels},
    )


@dataclass(frozen=True, slots=True)
class Block:
    """Encoded values, compressed together: few fat elements are what a shuffle carries best."""

    data: bytes

    @classmethod
    def of(cls, parts: list[bytes]) -> Block:
        return cls(zstandard.compress(pickle.dumps(parts, 5), 1))

    @property
    def size(self) -> int:
        """Bytes of the encoded values."""
        return zstandard.frame_content_size(self.data)

    def values(self) -> Iterator[Any]:
        return map(pickle.loads, pickle.loads(zstandard.decompress(self.data)))


def encoded(value: Any) -> bytes:
    """A value as it is kept in a block; without pickle's memo, which costs more than it saves on short rows."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, 5)
    pickler.fast = True
    pickler.dump(value)
    return buffer.getvalue()


def encode_families(records: Sequence[MappedRecord], most: int) -> Iterator[tuple[int, bytes]]:
    """Records as one value of a block, and their number; or as several of ``most`` bytes, or of a single record."""
    if not records:
        return
    families = Families.of(records)
    part = encoded((families.records, families.counts, families.rows))
    if len(part) <= most or len(records) == 1:
        yield len(records), part
        return
    middle = len(records) // 2
    yield from encode_families(records[:middle], most)
    yield from encode_families(records[middle:], most)


@dataclass(frozen=True, slots=True)
class Batch:
    """Blocks of one shard that are loaded together; under the key of another thing than a shard, blocks of that."""

    shard: str
    blocks: tuple[Block, ...]


def families_of(batch: Batch, most: int) -> Iterator[Families]:
    """The families of a batch, in source order and at most so many records at a time."""
    families = joined([Families(*value) for block in batch.blocks for value in block.values()])
    if len(families) <= most:
        yield families
        return
    records = families.apart()
    for start in range(0, len(records), most):
        yield Families.of(records[start : start + most])
