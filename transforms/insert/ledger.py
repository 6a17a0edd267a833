"""The ledger: the table in the target database that says which records were loaded.

A record's row in the ledger is written in the transaction that writes its rows, so that the ledger
is never wrong about the tables. Whatever the load decides, it decides from the ledger.

**What a record counts.** A runner delivers a batch again when a worker died or an answer was lost, and
only the last delivery's counts reach the report. The sums are right if a record counts the same at every
delivery, whatever happened in between. So nothing is counted by what was *done*: :meth:`Entry.add_to` is a
function of the record's position and of its ledger entry, and what an entry once had a record count, it remembers.

That matters for two records with one key in one run. The first in source order is loaded. If it arrives
last, it takes the place of the other, which counted as loaded already, and may yet be delivered again. The
entry then *holds* the displaced one with its rows, in ``history``: the displaced one goes on counting as loaded;
the one that took its place counts as skipped, plus its own rows, minus the displaced ones.

The limits: an entry forgets when another run replaces it (or a person deletes it) between two deliveries; and of
records with one key and differing content an entry knows the first :data:`MAX_DUPLICATES`: later runs report
any more as changed.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from transforms.records import MappedRecord
from transforms.schema import Column, ColumnType, Table

_COLUMNS = {
    "contract": "text(100)",
    "record_key": "text(400)",
    "status": "text(10)",
    "run_id": "text(200)",
    "source": "text(4000)",
    "ordinal": "bigint",
    "span_start": "bigint",
    "span_end": "bigint",
    "checksum": "binary(64)",
    "rows": "bigint",
    "history": "text",
    "fingerprint": "text(64)",
    "loaded_at": "datetimetz",
}

LEDGER = Table(
    label="beamshred_ledger",
    name="beamshred_ledger",
    schema=None,
    columns=tuple(
        Column(name, ColumnType.parse(text), nullable=name in ("history", "fingerprint"))
        for name, text in _COLUMNS.items()
    ),
    primary_key=("contract", "record_key"),
    foreign_key=None,
    record_key=("contract", "record_key"),
)
"""``rows`` counts those of all tables; ``loaded_at`` is when they were written, in UTC. The record key is short
enough for SQL Server to index it. ``fingerprint`` is that of the contract (:attr:`Schema.fingerprint`); ledgers of
earlier versions had none, and it is NULL for what they say."""

ADDED_COLUMNS = ("fingerprint",)
"""Columns that ledgers of earlier versions lack: they are added where they are missing."""

LOADED, REPLACED, UNCHANGED = "loaded", "replaced", "unchanged"
"""The ``status`` of an entry: ``unchanged`` where a run that replaces what changed found nothing to do."""

MAX_DUPLICATES = 32


class Tally:
    """Counts of records by outcome, and of rows by table."""

    def __init__(self) -> None:
        self.records: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()

    def add(self, status: str, record: MappedRecord) -> None:
        """Count a record that has this status."""
        if status == UNCHANGED:
            # Its rows are another run's.
            self.records["skipped"] += 1
            return
        self.records[status] += 1
        for label, rows in record.rows.items():
            if rows:
                self.rows[label] += len(rows)

    def take_back(self, held: Held) -> None:
        """Undo what :meth:`add` counted for a record that was displaced."""
        self.records["skipped" if held.status == UNCHANGED else held.status] -= 1
        self.rows.subtract(held.rows)

    def skip(self, why: str) -> None:
        self.records["skipped"] += 1
        self.records[why] += 1

    def update(self, other: Tally) -> None:
        self.records.update(other.records)
        self.rows.update(other.rows)


class Held(NamedTuple):
    """A record whose family is or was in the tables, with what it counts."""

    source: str
    ordinal: int
    status: str
    rows: dict[str, int]

    @property
    def position(self) -> tuple[str, int]:
        return self.source, self.ordinal


@dataclass(frozen=True)
class History:
    """What an entry remembers besides its record; nearly all remember nothing.

    ``replaced``: checksum (hex) of what another run had left and this one replaced. ``held``: the records of this
    run that were displaced, in the order of arrival. ``duplicates``: checksums (hex) of others with the same key.
    """

    replaced: str | None = None
    held: tuple[Held, ...] = ()
    duplicates: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str | None) -> History:
        if text is None:
            return cls()
        value = json.loads(text)
        return cls(value["replaced"], tuple(Held(*held) for held in value["held"]), tuple(value["duplicates"]))

    def __str__(self) -> str:
        return json.dumps({"replaced": self.replaced, "held": self.held, "duplicates": self.duplicates})

    def and_duplicate(self, checksum: bytes) -> tuple[str, ...]:
        known = checksum.hex() in self.duplicates or len(self.duplicates) >= MAX_DUPLICATES
        return self.duplicates if known else (*self.duplicates, checksum.hex())


class Entry(NamedTuple):
    """What the ledger says of a key: the columns of :data:`LEDGER` between the key and ``loaded_at``."""

    status: str
    run_id: str
    source: str
    ordinal: int
    span_start: int
    span_end: int
    checksum: bytes
    rows: int
    history: str | None
    fingerprint: str | None = None

    @classmethod
    def of(
        cls,
        record: MappedRecord,
        status: str,
        run_id: str,
        fingerprint: str | None = None,
        history: History | None = None,
    ) -> Entry:
        return cls(
            status, run_id, record.source, record.ordinal, record.start, record.end, record.checksum,
            sum(map(len, record.rows.values())), None if history is None else str(history), fingerprint,
        )  # fmt: skip

    def is_of(self, fingerprint: str | None) -> bool:
        """Whether the record was loaded by the contract of this fingerprint, or by one that is not known."""
        return self.fingerprint is None or self.fingerprint == fingerprint

    @property
    def position(self) -> tuple[str, int]:
        return self.source, self.ordinal

    def knows(self, record: MappedRecord) -> bool:
        """Whether a record of this key with this content was met before, if only as a duplicate."""
        return record.checksum == self.checksum or record.checksum.hex() in History.parse(self.history).duplicates

    @property
    def is_full(self) -> bool:
        """Whether no more duplicates are remembered."""
        return len(History.parse(self.history).duplicates) >= MAX_DUPLICATES

    def add_to(self, tally: Tally, record: MappedRecord, run_id: str, fingerprint: str | None = None) -> None:
        """Add to ``tally`` what the record counts in this run: the same at every delivery."""
        if self.run_id != run_id:
            if record.checksum == self.checksum and not self.is_of(fingerprint):
                tally.skip("contract_changed")
            elif record.checksum == self.checksum:
                tally.add(UNCHANGED, record)
            else:
                tally.skip("duplicates" if self.knows(record) else "changed")
        elif self.history is None and record.ordinal == self.ordinal and record.source == self.source:
            tally.add(self.status, record)
        else:
            self._add_duplicate(tally, record)

    def _add_duplicate(self, tally: Tally, record: MappedRecord) -> None:
        before = None
        for held in (*History.parse(self.history).held, Held(self.source, self.ordinal, self.status, {})):
            if held.position == record.position:
                tally.add(held.status, record)
                if before is None:
                    return
                tally.take_back(before)
                break
            before = held
        tally.skip("duplicates")

    def replaced_by(self, record: MappedRecord, run_id: str, fingerprint: str | None) -> Entry:
        """After a later run wrote the record, which had changed, or whose contract had."""
        # What another contract had made of the record is never what this one makes of it.
        replaced = (
            self.checksum.hex() if self.fingerprint == fingerprint else f"{self.fingerprint}:{self.checksum.hex()}"
        )
        return Entry.of(record, REPLACED, run_id, fingerprint, History(replaced=replaced))

    def kept_for(self, record: MappedRecord, run_id: str) -> Entry:
        """After a later run met the record unchanged."""
        duplicates = History.parse(self.history).duplicates
        return Entry.of(
            record, UNCHANGED, run_id, self.fingerprint, History(duplicates=duplicates) if duplicates else None
        )

    def with_duplicate(self, record: MappedRecord) -> Entry:
        """After the same run met a later record of this key, with other content."""
        past = History.parse(self.history)
        history = History(past.replaced, past.held, past.and_duplicate(record.checksum))
        return self._replace(history=str(history))

    def taken_over_by(self, record: MappedRecord, removed: dict[str, int]) -> Entry:
        """After the same run met an earlier record of this key, for which ``removed`` rows by table were deleted."""
        past = History.parse(self.history)
        replaced = self.checksum.hex() if self.status == UNCHANGED else past.replaced
        status = LOADED if replaced is None else UNCHANGED if record.checksum.hex() == replaced else REPLACED
        # What another run wrote did not count as rows of this one.
        held = Held(self.source, self.ordinal, self.status, {} if self.status == UNCHANGED else removed)
        history = History(
            replaced,
            (*past.held, held),
            past.duplicates if record.checksum == self.checksum else past.and_duplicate(self.checksum),
        )
        return Entry.of(record, status, self.run_id, self.fingerprint, history)
