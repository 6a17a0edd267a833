"""The values that stages hand on; :mod:`transforms.coders` has their Beam coders.

    ReadXML -> XmlRecord -> ParseDoFn -> ParsedRecord -> MapDoFn -> MappedRecord
            -> GroupIntoBatches -> Batch -> BulkInsertDoFn -> BatchResult

and from any stage a :class:`Reject`, on the output tagged :data:`REJECTS`. All are immutable and picklable.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field, replace
from typing import Any

from lxml import etree

REJECTS = "rejects"
"""The tag of the output for records that could not be loaded."""

Row = tuple[Any, ...]

Position = tuple[str, int]
"""Where a record is in source order: its source and ordinal."""


@dataclass(frozen=True, slots=True)
class Context:
    """What is above a record in its document, as bytes in the document's encoding.

    ``prolog`` holds the XML declaration and the DOCTYPE, where a record needs them (an encoding, entities);
    ``open_tags`` and ``close_tags`` the tags of the record's ancestors, with their attributes and
    namespaces; ``depth`` counts them. The bytes ``prolog + open_tags + payload + close_tags`` are a document.
    """

    prolog: bytes = b""
    open_tags: bytes = b""
    close_tags: bytes = b""
    depth: int = 0


NO_CONTEXT = Context()


@dataclass(frozen=True, slots=True)
class XmlRecord:
    """One record as it was read: bytes ``start`` to ``end`` of its source, the ``ordinal``-th (from 0)."""

    source: str
    ordinal: int
    start: int
    end: int
    payload: bytes
    context: Context = NO_CONTEXT

    def document(self) -> bytes:
        """The record as a document of its own, below its ancestors' tags."""
        context = self.context
        return context.prolog + context.open_tags + self.payload + context.close_tags


@dataclass(frozen=True, slots=True, eq=False)
class ParsedRecord:
    """A record and its element. ``root`` is below the ancestors of its context: ``getparent()`` works."""

    record: XmlRecord
    root: etree._Element


@dataclass(frozen=True, slots=True)
class MappedRecord:
    """A row family: the rows of one record by table label, with what the ledger keeps of the record.

    ``key_values`` are the values of the record key's columns; ``key`` is their one text, the ledger's key.
    """

    key: str
    key_values: Row
    source: str
    ordinal: int
    start: int
    end: int
    checksum: bytes
    rows: dict[str, list[Row]]

    @property
    def position(self) -> Position:
        """Where the record is in source order: sources by name, records by ordinal."""
        return self.source, self.ordinal


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that could not be loaded, or a damaged piece of a source, with the reason.

    ``rule`` is a short fixed word, counted in the report; ``path`` says where in the contract or the
    record; ``message`` is for people. ``payload`` is ``None`` where it must be read again from the source, and
    ``context`` belongs to it; ``details`` is the traceback of a bug of ours. ``is_rest``: it stands for all of its
    source from its place on, which cannot be read; ``payload`` is then a sample, the first of that.
    """

    stage: str
    rule: str
    message: str
    source: str
    ordinal: int | None = None
    start: int | None = None
    end: int | None = None
    path: str | None = None
    key: str | None = None
    payload: bytes | None = None
    details: str | None = None
    context: Context | None = None
    is_rest: bool = False

    @classmethod
    def of(
        cls,
        record: XmlRecord | MappedRecord,
        stage: str,
        rule: str,
        message: str,
        path: str | None = None,
        key: str | None = None,
    ) -> Reject:
        """A reject of this record, with its place, and its payload if the record has it."""
        return cls(
            stage, rule, message, record.source, record.ordinal, record.start, record.end, path,
            key if key is not None else getattr(record, "key", None),
            getattr(record, "payload", None), context=getattr(record, "context", None),
        )  # fmt: skip

    @classmethod
    def of_bug(cls, record: XmlRecord, stage: str, error: Exception) -> Reject:
        """The last resort: an error that no rule foresees costs one record, which is kept, and not the run."""
        message = f"a bug of the program, please report it: {type(error).__name__}: {error}"
        trace = "".join(traceback.format_exception(error))
        return replace(cls.of(record, stage, "internal", message), details=trace)

    def with_payload(self, record: XmlRecord) -> Reject:
        """The same with the record itself, where that was read again."""
        return replace(self, payload=record.payload, context=record.context)

    def without_payload(self) -> Reject:
        return replace(self, payload=None, context=None)

    def without_place(self) -> Reject:
        return replace(self, start=None, end=None)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What one batch did. ``changed``, ``contract_changed``, ``duplicates`` and ``superseded`` are among
    ``skipped``; counts are of records.

    All but one of the records with one key count as ``duplicates``; :class:`SettleDuplicates` corrects that at the end
    of a run, and its counts may be negative.
    """

    shard: str
    loaded: int = 0
    skipped: int = 0
    replaced: int = 0
    rejected: int = 0
    changed: int = 0
    duplicates: int = 0
    contract_changed: int = 0
    superseded: int = 0
    rows: dict[str, int] = field(default_factory=dict)
