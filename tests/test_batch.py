"""Batches: every family once, never too many or too much, in the shard that its key says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import apache_beam as beam
import pytest
from apache_beam import coders
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that
from hypothesis import given
from hypothesis import strategies as st

from transforms import batch
from transforms.batch import GroupIntoBatches, _PackDoFn, batches_of, shard_of
from transforms.blocks import Batch, Block, encode_families, families_of
from transforms.records import MappedRecord


def family(number: int, size: int = 1, key: str | None = None) -> MappedRecord:
    name = f"key {number}" if key is None else key
    return MappedRecord(name, (name,), "a.xml", number, 0, 9, b"c" * 16, {"t": [(name, "x" * size)]})


def encoded_size(*records: MappedRecord) -> int:
    return sum(len(part) for _, part in encode_families(records, 10**9))


def block_of(*records: MappedRecord) -> Block:
    return Block.of([part for _, part in encode_families(records, 10**9)])


def unpacked(*blocks: Block) -> list[MappedRecord]:
    return [record for families in families_of(Batch("s", blocks), 10**9) for record in families.apart()]


# Shards


def test_shard_follows_from_the_key_in_any_process() -> None:
    keys = ["", "a", "key 1", "é", "日本", "x" * 400]
    program = f"from transforms.batch import shard_of; print([shard_of(key, 7) for key in {keys!r}])"
    environment = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    output = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, check=True, encoding="utf-8"
    )
    assert output.stdout.strip() == str([shard_of(key, 7) for key in keys])
    # The check value of CRC-32.
    assert shard_of("123456789", 2**32) == str(0xCBF43926)


def test_shards_share_the_keys_out() -> None:
    counts = Counter(shard_of(str(number), 4) for number in range(4000))
    assert set(counts) == {"000", "001", "002", "003"}
    assert min(counts.values()) > 900


# Blocks


def blocks(
    families: list[MappedRecord], block_size: int, block_bytes: int, shards: int = 1
) -> list[tuple[str, list[MappedRecord]]]:
    pack = _PackDoFn(block_size, block_bytes, shards)
    pack.start_bundle()
    packed = [block for record in families for block in pack.process(record)]
    packed += [late.value for late in pack.finish_bundle()]
    return [(shard, unpacked(block)) for shard, block in packed]


def test_block_keeps_families_and_their_order() -> None:
    families = [family(number) for number in range(5)]
    assert blocks(families, 2, 10**6) == [("000", families[:2]), ("000", families[2:4]), ("000", families[4:])]


def test_block_of_exactly_its_bytes_is_not_split() -> None:
    families = [family(number) for number in range(4)]
    size = encoded_size(*families[:2])
    assert [len(block) for _, block in blocks(families, 4, size)] == [2, 2]
    assert [len(block) for _, block in blocks(families, 4, size - 1)] == [1, 1, 1, 1]


def test_no_more_xml_waits_than_a_block_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = []

    def encode(records: list[MappedRecord], most: int) -> Iterator[tuple[int, bytes]]:
        waiting.append(len(records))
        return encode_families(records, most)

    monkeypatch.setattr(batch, "encode_families", encode)
    # Nine bytes of XML each, much of which is not mapped: they are encoded as they come, into one block.
    families = [family(number) for number in range(100)]
    assert [len(block) for _, block in blocks(families, 90, 10**6)] == [90, 10]
    assert waiting == [90, 10]
    waiting.clear()
    wide = [replace(family(number), end=10**5) for number in range(100)]
    assert [len(block) for _, block in blocks(wide, 90, 10**6)] == [90, 10]
    assert [count for count in waiting if count] == [10] * 10


def test_large_family_has_a_block_of_its_own() -> None:
    families = [family(0), family(1, 1000), family(2), family(3)]
    assert [[record.ordinal for record in block] for _, block in blocks(families, 100, 350)] == [[0], [1], [2, 3]]


@given(st.lists(st.integers(0, 300), max_size=30), st.integers(1, 7), st.integers(1, 600), st.integers(1, 3))
def test_blocks_hold_every_family_once(sizes: list[int], block_size: int, block_bytes: int, shards: int) -> None:
    families = [family(number, size) for number, size in enumerate(sizes)]
    packed = blocks(families, block_size, block_bytes, shards)
    assert sorted((record.ordinal for _, block in packed for record in block)) == list(range(len(families)))
    for shard, block in packed:
        assert {shard_of(record.key, shards) for record in block} == {shard}
        assert len(block) <= block_size
        assert len(block) == 1 or encoded_size(*block) <= block_bytes


def test_new_bundle_begins_with_nothing() -> None:
    pack = _PackDoFn(10, 10**6, 1)
    for number in range(2):
        pack.start_bundle()
        assert list(pack.process(family(number))) == []
        (late,) = pack.finish_bundle()
        assert [record.ordinal for record in unpacked(late.value[1])] == [number]


def test_batch_of_large_families_is_split() -> None:
    large, small = (block_of(family(0, size)) for size in (1000, 10))
    assert list(batches_of(("s", [small, small]), 1000)) == [Batch("s", (small, small))]
    assert list(batches_of(("s", [small, large, large, small]), 1400)) == [
        Batch("s", (small, large)),
        Batch("s", (large, small)),
    ]
    assert list(batches_of(("s", [large]), 1)) == [Batch("s", (large,))]


# Families, table by table


_ROWS = st.dictionaries(st.sampled_from("abc"), st.lists(st.tuples(st.integers(0, 9)), max_size=3))
_RECORDS = st.lists(_ROWS, max_size=12).map(
    lambda rows: [MappedRecord(f"k{n}", (n,), "a.xml", n, 0, 9, b"c", found) for n, found in enumerate(rows)]
)


@given(_RECORDS, st.integers(1, 5), st.integers(1, 13), st.randoms())
def test_families_come_apart_as_they_went_in(
    records: list[MappedRecord], size: int, most: int, shuffled: Random
) -> None:
    given = list(records)
    if size > 2:
        shuffled.shuffle(given)
    parts = [block_of(*given[start : start + size]) for start in range(0, len(given), size)]
    shuffled.shuffle(parts)
    made = list(families_of(Batch("s", tuple(parts)), most))
    apart = [record for families in made for record in families.apart()]
    # A table without rows is left out.
    assert apart == [replace(one, rows={label: rows for label, rows in one.rows.items() if rows}) for one in records]
    assert all(len(families) <= most for families in made)
    assert [count for families in made for count in families.row_counts()] == [
        sum(map(len, record.rows.values())) for record in records
    ]


# In a pipeline


def run(
    families: list[MappedRecord], check: Callable[[list[tuple[str, list[MappedRecord]]]], None], **options: int
) -> None:
    def decoded(batches: list[Batch]) -> None:
        check([(one.shard, unpacked(*one.blocks)) for one in batches])

    with beam.Pipeline(FnApiRunner()) as pipeline:
        assert_that(pipeline | beam.Create(families) | GroupIntoBatches(**options), decoded)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"batch_size": 1}, 1),
        ({"batch_size": 7}, 1),
        ({"batch_size": 10, "shards": 3}, 1),
        ({"batch_size": 1000, "batch_bytes": 3000, "shards": 2}, 300),
        ({"batch_size": 1000, "batch_bytes": 100}, 300),
    ],
)
def test_every_family_comes_out_once(options: dict[str, int], size: int) -> None:
    families = [family(number, size if number % 5 else 4 * size) for number in range(103)]

    def check(batches: list[tuple[str, list[MappedRecord]]]) -> None:
        assert sorted((record.ordinal for _, group in batches for record in group)) == list(range(103))
        for shard, group in batches:
            assert {shard_of(record.key, options.get("shards", 1)) for record in group} == {shard}
            assert len(group) <= options["batch_size"]
            assert len(group) == 1 or encoded_size(*group) <= options.get("batch_bytes", 10**9)

    run(families, check, **options)


def test_records_of_one_key_meet_in_one_batch() -> None:
    def check(batches: list[tuple[str, list[MappedRecord]]]) -> None:
        assert [sorted(record.ordinal for record in group) for _, group in batches] == [list(range(8))]

    run([family(number, key="same") for number in range(8)], check, shards=5)


def test_full_batches_of_the_default_size() -> None:
    def check(batches: list[tuple[str, list[MappedRecord]]]) -> None:
        sizes = sorted((len(group) for _, group in batches), reverse=True)
        assert sum(sizes) == 1200
        assert sizes[0] <= 500
        assert len(sizes) <= 4

    run([family(number) for number in range(1200)], check)


def test_no_family_makes_no_batch() -> None:
    run([], lambda batches: None if batches == [] else pytest.fail(str(batches)))


@pytest.mark.parametrize("name", ["batch_size", "batch_bytes", "shards"])
def test_argument_below_one(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, not 0"):
        GroupIntoBatches(**{name: 0})


# The coder of families


def test_family_coder_round_trip() -> None:
    from datetime import datetime, timedelta, timezone
    from decimal import Decimal

    from transforms.schema import ABSENT

    moment = datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    values: tuple[Any, ...] = (None, ABSENT, "\U0001f600", 2**63 - 1, Decimal("1.50"), 0.1, True, moment, b"\0")
    record = MappedRecord("k", ("k",), "s", 1, 2, 3, b"c", {"t": [values, values], "u": []})
    coder = coders.registry.get_coder(MappedRecord)
    again = coder.decode(coder.encode(record))
    assert again == record
    assert again.rows["t"][0][1] is ABSENT
    assert str(again.rows["t"][0][4]) == "1.50"


def test_batch_coder_round_trip() -> None:
    made = Batch("007", (block_of(family(1)), block_of(family(2))))
    coder = coders.registry.get_coder(Batch)
    assert coder.decode(coder.encode(made)) == made
    block_coder = coders.registry.get_coder(Block)
    assert block_coder.decode(block_coder.encode(made.blocks[0])) == made.blocks[0]
