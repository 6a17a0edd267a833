"""GroupIntoBatches: families of one shard, packed into blocks and grouped into what one transaction loads.

    MappedRecord ── pack ──> (shard, Block) ── Beam's GroupIntoBatches ──> Batch(shard, blocks)

A record's shard follows from its key alone: all records of one key meet in one shard, on every run and
runner. A shuffle costs by the element, so families travel as blocks, compressed, a quarter of a batch each.
The batches of a shard stay on one worker: no more load at once than there are shards, on as many connections.
A stateful stage, and all that is fused with it, runs on one worker of Beam's own runner: the reshuffle before
it keeps mapping on all of them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import MIN_TIMESTAMP
from apache_beam.utils.windowed_value import WindowedValue

from transforms import coders as coders
from transforms.blocks import Batch, Block, encode_families
from transforms.limits import DEFAULT_BATCH_BYTES, DEFAULT_BATCH_SIZE
from transforms.metrics import NAMESPACE
from transforms.records import MappedRecord

BLOCKS_PER_BATCH = 4
"""More would make the blocks of a small bundle tiny, fewer would make more batches that are not full."""


def shard_of(key: str, shards: int) -> str:
    """The shard of a record key. The hash is CRC-32: Python's own differs from process to process."""
    return f"{zlib.crc32(key.encode()) % shards:03d}"


def batches_of(group: tuple[str, Iterable[Block]], batch_bytes: int) -> Iterator[Batch]:
    """Blocks of a shard as one batch, or as several where a single large family among them makes it too big."""
    shard, blocks = group
    part: list[Block] = []
    size = 0
    for block in blocks:
        if part and size + block.size > batch_bytes:
            yield Batch(shard, tuple(part))
            part, size = [], 0
        part.append(block)
        size += block.size
    yield Batch(shard, tuple(part))


class GroupIntoBatches(beam.PTransform):
    """Groups families by shard into batches of at most ``batch_size`` records and ``batch_bytes``.

    It may be applied to a pair: the families, and other elements ``(key, Block)`` that are to be shuffled with them,
    under keys that are no shards; they come out as batches, too. Flink
    writes all that a stage gives once for each stage that takes some of it: what shares a shuffle is written once.

    Args:
      batch_size: records of one transaction, at the most.
      batch_bytes: bytes of the encoded rows of one transaction; a single family may have more.
      shards: how many batches may load at the same time; 1 for a database with one writer.

    Raises:
      ValueError: an argument below 1.
    """

    def __init__(self, batch_size: int = DEFAULT_BATCH_SIZE, batch_bytes: int = DEFAULT_BATCH_BYTES, shards: int = 1):
        super().__init__()
        for name, value in (("batch_size", batch_size), ("batch_bytes", batch_bytes), ("shards", shards)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        self.batch_size = batch_size
        self.batch_bytes = batch_bytes
        self.shards = shards

    def display_data(self) -> dict[str, Any]:
        return {"batch_size": self.batch_size, "batch_bytes": self.batch_bytes, "shards": self.shards}

    def expand(
        self, families: beam.PCollection[MappedRecord] | tuple[beam.PCollection[Any], ...]
    ) -> beam.PCollection[Batch]:
        families, *others = families if isinstance(families, tuple) else (families,)
        blocks = min(BLOCKS_PER_BATCH, self.batch_size)
        packed = families | "Pack" >> beam.ParDo(
            _PackDoFn(self.batch_size // blocks, self.batch_bytes // blocks, self.shards)
        )
        if others:
            packed = (packed, *others) | "Together" >> beam.Flatten()
        return (
            packed
            | "ToAnyWorker" >> beam.Reshuffle()
            | "Group" >> beam.GroupIntoBatches(blocks)
            | "Split" >> beam.FlatMap(batches_of, self.batch_bytes).with_output_types(Batch)
        )


@beam.typehints.with_input_types(MappedRecord)
@beam.typehints.with_output_types(tuple[str, Block])
class _PackDoFn(beam.DoFn):
    """Packs the families of a bundle into blocks, one after another for each shard.

    What families take is known when they are encoded, many at once. Until then they count as the XML that they were
    made of: no more of that waits here than a block may have, whatever the records are.
    """

    def __init__(self, block_size: int, block_bytes: int, shards: int):
        self.block_size = block_size
        self.block_bytes = block_bytes
        self.shards = shards
        self._size = Metrics.distribution(NAMESPACE, "batch.block_bytes")

    def start_bundle(self) -> None:
        self._open: dict[str, _OpenBlock] = {}

    def process(self, family: MappedRecord) -> Iterator[tuple[str, Block]]:
        shard = shard_of(family.key, self.shards)
        if (block := self._open.get(shard)) is None:
            block = self._open[shard] = _OpenBlock()
        block.waiting.append(family)
        block.waiting_bytes += family.end - family.start
        is_full = block.count + len(block.waiting) >= self.block_size
        if is_full or block.waiting_bytes >= self.block_bytes:
            yield from self._encode(shard, is_full)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for shard in list(self._open):
            for element in self._encode(shard, is_last=True):
                yield WindowedValue(element, MIN_TIMESTAMP, (GlobalWindow(),))

    def _encode(self, shard: str, is_last: bool) -> Iterator[tuple[str, Block]]:
        """Encode what waits; give the blocks that are full, or all."""
        block = self._open.pop(shard)
        for count, part in encode_families(block.waiting, self.block_bytes):
            if block.parts and block.size + len(part) > self.block_bytes:
                yield shard, self._closed(block)
                block = _OpenBlock()
            block.parts.append(part)
            block.size += len(part)
            block.count += count
        if is_last:
            yield shard, self._closed(block)
        else:
            block.waiting, block.waiting_bytes = [], 0
            self._open[shard] = block

    def _closed(self, block: _OpenBlock) -> Block:
        made = Block.of(block.parts)
        self._size.update(len(made.data))
        return made


@dataclass
class _OpenBlock:
    """A block that is being filled: families that wait, and the parts that they became."""

    waiting: list[MappedRecord] = field(default_factory=list)
    waiting_bytes: int = 0
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    count: int = 0
