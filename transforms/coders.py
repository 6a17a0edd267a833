"""The Beam coders of the values between the stages. Every module with a DoFn or a transform imports this one.

They are apart from the values because importing Beam takes a second, and the contract can do without.
"""

from __future__ import annotations

import pickle
from typing import Any

from apache_beam import coders
from lxml import etree

from transforms.blocks import Batch, Block
from transforms.records import BatchResult, MappedRecord, ParsedRecord, Reject, XmlRecord


class _PickleCoder(coders.Coder):
    """Plain pickle: Beam's own fallback for unknown types is many times dearer."""

    def encode(self, value: Any) -> bytes:
        return pickle.dumps(value, 5)

    def decode(self, encoded: bytes) -> Any:
        return pickle.loads(encoded)

    def is_deterministic(self) -> bool:
        return False


class _MappedRecordCoder(_PickleCoder):
    """Without the names of the fields."""

    def encode(self, value: MappedRecord) -> bytes:
        return pickle.dumps((
            value.key, value.key_values, value.source, value.ordinal,
            value.start, value.end, value.checksum, value.rows,
        ), 5)  # fmt: skip

    def decode(self, encoded: bytes) -> MappedRecord:
        return MappedRecord(*pickle.loads(encoded))


class _BlockCoder(coders.Coder):
    """A block is encoded already."""

    def encode(self, value: Block) -> bytes:
        return value.data

    def decode(self, encoded: bytes) -> Block:
        return Block(encoded)

    def is_deterministic(self) -> bool:
        return False

    def estimate_size(self, value: Block) -> int:
        return len(value.data)


class _BatchCoder(_PickleCoder):
    def encode(self, value: Batch) -> bytes:
        return pickle.dumps((value.shard, [block.data for block in value.blocks]), 5)

    def decode(self, encoded: bytes) -> Batch:
        shard, blocks = pickle.loads(encoded)
        return Batch(shard, tuple(map(Block, blocks)))

    def estimate_size(self, value: Batch) -> int:
        return sum(len(block.data) for block in value.blocks)


class _ParsedRecordCoder(_PickleCoder):
    """An lxml element cannot be pickled: it travels as its own text and is parsed again.

    What ParseDoFn refused never comes here, so that a parser without limits is safe.
    """

    def encode(self, value: ParsedRecord) -> bytes:
        document = etree.tostring(value.root.getroottree(), encoding="utf-8", with_tail=False)
        return pickle.dumps((value.record, document), 5)

    def decode(self, encoded: bytes) -> ParsedRecord:
        record, document = pickle.loads(encoded)
        parser = etree.XMLParser(resolve_entities="internal", no_network=True, huge_tree=True)
        root = etree.fromstring(document, parser)
        for _ in range(record.context.depth):
            root = root[0]
        return ParsedRecord(record, root)

    def estimate_size(self, value: ParsedRecord) -> int:
        # Beam samples sizes even between fused stages; serialising a tree for that would be a waste.
        return len(value.record.payload)


coders.registry.register_coder(ParsedRecord, _ParsedRecordCoder)
coders.registry.register_coder(MappedRecord, _MappedRecordCoder)
coders.registry.register_coder(Block, _BlockCoder)
coders.registry.register_coder(Batch, _BatchCoder)
for _value in (XmlRecord, Reject, BatchResult):
    coders.registry.register_coder(_value, _PickleCoder)
