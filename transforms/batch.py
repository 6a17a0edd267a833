"""GroupIntoBatches: families of one shard, packed into blocks and grouped into what one transaction loads.

    MappedRecord ── pack ──> (shard, block) ── Beam's GroupIntoBatches ──> (shard, [block, ...])

A record's shard follows from its key alone: all records of one key meet in one shard, on every run and
runner. A shuffle costs by the element, so families travel as blocks, compressed, a quarter of a batch each.
The batches of a shard stay on one worker: no more load at once than there are shards, on as many connections.
A stateful stage, and all that is fused with it, runs on one worker of Beam's own runner: the reshuffle before
it keeps mapping on all of them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import zstandard
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import MIN_TIMESTAMP
from apache_beam.utils.windowed_value import WindowedValue

from transforms import coders as coders
from transforms.limits import DEFAULT_BATCH_BYTES, DEFAULT_BATCH_SIZE
from transforms.metrics import NAMESPACE
from transforms.records import MappedRecord, encode_block, encode_family

BLOCKS_PER_BATCH = 4
"""More would make the blocks of a small bundle tiny, fewer would make more batches that are not full."""


def shard_of(key: str, shards: int) -> str:
    """The shard of a record key. The hash is CRC-32: Python's own differs from process to process."""
    return f"{zlib.crc32(key.encode()) % shards:03d}"


def split_batch(batch: tuple[str, Iterable[bytes]], batch_bytes: int) -> Iterator[tuple[str, list[bytes]]]:
    """A batch as it is, or as several where blocks of a single large family make it too big."""
    shard, blocks = batch
    part: list[bytes] = []
    size = 0
    for block in blocks:
        length = zstandard.frame_content_size(block)
        if part and size + length > batch_bytes:
            yield shard, part
            part, size = [], 0
        part.append(block)
        size += length
    yield shard, part


class GroupIntoBatches(beam.PTransform):
    """Groups families by shard into batches of at most ``batch_size`` records and ``batch_bytes``.

    It may be applied to a pair: the families, and other elements ``(key, bytes)`` that are to be shuffled with them,
    blocks made by :func:`encode_block` under keys that are no shards; they come out grouped like families. Flink
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
                raise ValueError(f"{name} is at least 1, not {value}")
        self.batch_size = batch_size
        self.batch_bytes = batch_bytes
        self.shards = shards

    def display_data(self) -> dict[str, Any]:
        return {"batch_size": self.batch_size, "batch_bytes": self.batch_bytes, "shards": self.shards}

    def expand(
        self, families: beam.PCollection[MappedRecord] | tuple[beam.PCollection[Any], ...]
    ) -> beam.PCollection[tuple[str, Iterable[bytes]]]:
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
            | "Split" >> beam.FlatMap(split_batch, self.batch_bytes).with_output_types(tuple[str, Iterable[bytes]])
        )


@beam.typehints.with_input_types(MappedRecord)
@beam.typehints.with_output_types(tuple[str, bytes])
class _PackDoFn(beam.DoFn):
    """Packs the families of a bundle into blocks, one after another for each shard."""

    def __init__(self, block_size: int, block_bytes: int, shards: int):
        self.block_size = block_size
        self.block_bytes = block_bytes
        self.shards = shards
        self._size = Metrics.distribution(NAMESPACE, "batch.block_bytes")

    def start_bundle(self) -> None:
        self._open: dict[str, list[bytes]] = {}
        self._bytes: dict[str, int] = {}

    def process(self, family: MappedRecord) -> Iterator[tuple[str, bytes]]:
        shard = shard_of(family.key, self.shards)
        encoded = encode_family(family)
        if shard in self._open and self._bytes[shard] + len(encoded) > self.block_bytes:
            yield shard, self._close(shard)
        block = self._open.setdefault(shard, [])
        block.append(encoded)
        self._bytes[shard] = self._bytes.get(shard, 0) + len(encoded)
        if len(block) >= self.block_size:
            yield shard, self._close(shard)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for shard in list(self._open):
            yield WindowedValue((shard, self._close(shard)), MIN_TIMESTAMP, (GlobalWindow(),))

    def _close(self, shard: str) -> bytes:
        block = encode_block(self._open.pop(shard))
        del self._bytes[shard]
        self._size.update(len(block))
        return block
