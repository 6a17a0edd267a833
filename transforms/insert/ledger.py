"""The ledger: the tables in the target database that say which records were loaded, by which run.

A record's row in :data:`LEDGER` is written in the transaction that writes its rows, so that the ledger is never wrong
about the tables. Whatever the load decides, it decides from the ledger.

**Records with one key in one run.** One of them is loaded: the first in source order, or the last where the run
replaces what exists. The others are noted in :data:`DUPLICATES`, in the same transaction. Records arrive in any order:
one that must be loaded and arrives late takes the place of the one that is. What becomes of the others is said at the
end of the run, when all have arrived (:mod:`transforms.insert.duplicates`): it does not depend on the order.

**What a record counts.** A runner delivers a batch again when a worker died or an answer was lost, and only the last
delivery's counts reach the report. The sums are right if a record counts the same at every delivery, whatever happened
in between. So nothing is counted by what was *done*: :meth:`Entry.add_to` is a function of the record and its entry.
The first record of a key to arrive, the *opener*, counts as loaded, and goes on to, even where another takes its place;
all others count as duplicates; the end of the run corrects that.

The limit: an entry forgets when another run replaces it (or a person deletes it) between two deliveries.

**Runs.** :data:`RUNS` says which runs have not ended. The same command goes on under the run's own id
(:mod:`transforms.insert.runs`), so that an interrupted load ends in the tables of an undisturbed one.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from transforms.records import MappedRecord, Position, Row
from transforms.schema import Column, ColumnType, Table


def _table(name: str, columns: dict[str, str], key: tuple[str, ...], nullable: tuple[str, ...] = ()) -> Table:
    # Keys that differ in case or accents are different records.
    made = tuple(
        Column(column, ColumnType.parse(text), column in nullable, exact=column in key)
        for column, text in columns.items()
    )
    return Table(name, name, None, made, primary_key=key, foreign_key=None, record_key=key)


LEDGER = _table(
    "beamshred_ledger",
    {
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
    },
    key=("contract", "record_key"),
    nullable=("history", "fingerprint"),
)
"""``rows`` counts those of all tables; ``loaded_at`` is when they were written, in UTC. The record key is short
enough for SQL Server to index it. ``fingerprint`` is that of the contract (:attr:`Schema.fingerprint`); ledgers of
earlier versions had none, and it is NULL for what they say."""

ADDED_COLUMNS = ("fingerprint",)
"""Columns that ledgers of earlier versions lack: they are added where they are missing."""

DUPLICATES = _table(
    "beamshred_duplicates",
    {
        "contract": "text(100)",
        "place": "text(32)",
        "run_id": "text(200)",
        "record_key": "text(400)",
        "source": "text(4000)",
        "ordinal": "bigint",
        "span_start": "bigint",
        "span_end": "bigint",
        "checksum": "binary(64)",
    },
    key=("contract", "place"),
)
"""Records whose key another record of the same run has, and that were not loaded. ``place`` is made of the key and of
where the record is: no index would take a source of any length."""

RUNS = _table(
    "beamshred_runs",
    {
        "contract": "text(100)",
        "fingerprint": "text(64)",
        "input": "text(64)",
        "run_id": "text(200)",
        "started_at": "text(40)",
        "ended_at": "text(40)",
    },
    key=("contract", "fingerprint", "input"),
    nullable=("ended_at",),
)
"""The last run of each contract over each input, of which ``input`` is a hash. The moments are ISO 8601, in UTC;
``ended_at`` is NULL until all of the input was loaded."""

CLAIMS = _table("beamshred_tables", {"table_name": "text(400)", "contract": "text(100)"}, key=("table_name",))
"""The tables that contracts load into, by their full names: each is one contract's alone."""

BOOKKEEPING = (LEDGER, DUPLICATES, RUNS, CLAIMS)

LOADED, REPLACED, UNCHANGED = "loaded", "replaced", "unchanged"
"""The ``status`` of an entry: ``unchanged`` where a run that replaces what changed found nothing to do."""


class Tally:
    """Counts of records by outcome, and of rows by table."""

    def __init__(self) -> None:
        self.records: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()

    def add(self, status: str, rows: Mapping[str, int], sign: int = 1) -> None:
        """Count a record that has this status and these rows by table; with ``sign`` -1 take that back."""
        if status == UNCHANGED:
            # Its rows are another run's.
            self.records["skipped"] += sign
            return
        self.records[status] += sign
        for label, number in rows.items():
            if number:
                self.rows[label] += sign * number

    def skip(self, why: str, sign: int = 1) -> None:
        self.records["skipped"] += sign
        self.records[why] += sign

    def update(self, other: Tally) -> None:
        self.records.update(other.records)
        self.rows.update(other.rows)


def rows_by_table(record: MappedRecord) -> dict[str, int]:
    return {label: len(rows) for label, rows in record.rows.items() if rows}


class Opener(NamedTuple):
    """The first record of a key that arrived in a run, where another has taken its place: what it counts."""

    source: str
    ordinal: int
    status: str
    rows: dict[str, int]

    @property
    def position(self) -> Position:
        return self.source, self.ordinal


@dataclass(frozen=True)
class History:
    """What an entry remembers besides its record; nearly all remember nothing.

    ``replaced``: the checksum (hex) of what another run had left and this one replaced. ``opener``: see there; ``rows``
    are then those of the record that took its place, by table.
    """

    replaced: str | None = None
    opener: Opener | None = None
    rows: dict[str, int] | None = None

    @classmethod
    def parse(cls, text: str | None) -> History:
        if text is None:
            return cls()
        value = json.loads(text)
        # Earlier versions kept other things here; of theirs, only `replaced` matters to a later run.
        opener = value.get("opener")
        return cls(value.get("replaced"), opener and Opener(*opener), value.get("rows"))

    def __str__(self) -> str:
        return json.dumps({"replaced": self.replaced, "opener": self.opener, "rows": self.rows})


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

    @property
    def position(self) -> Position:
        return self.source, self.ordinal

    @property
    def place(self) -> str:
        """For people."""
        return f"record {self.ordinal} of {self.source}"

    def is_by(self, fingerprint: str | None) -> bool:
        """Whether the record was loaded by the contract of this fingerprint, or by one that is not known."""
        return self.fingerprint is None or self.fingerprint == fingerprint

    def add_to(self, tally: Tally, record: MappedRecord) -> None:
        """Add to ``tally`` what a record of the entry's run counts: the same at every delivery."""
        if record.position == self.position and record.checksum != self.checksum:
            # The run was interrupted, and its input was changed before it went on.
            tally.skip("changed")
            return
        opener = History.parse(self.history).opener
        if record.position == (self.position if opener is None else opener.position):
            tally.add(self.status if opener is None else opener.status, rows_by_table(record))
        else:
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
        return Entry.of(record, UNCHANGED, run_id, self.fingerprint)

    def taken_over_by(self, record: MappedRecord, removed: dict[str, int]) -> Entry:
        """After the same run met a record that goes first; ``removed`` rows by table were deleted for it."""
        past = History.parse(self.history)
        replaced = self.checksum.hex() if self.status == UNCHANGED else past.replaced
        status = LOADED if replaced is None else UNCHANGED if record.checksum.hex() == replaced else REPLACED
        # What another run wrote did not count as rows of this one.
        rows = {} if self.status == UNCHANGED else removed
        opener = past.opener or Opener(self.source, self.ordinal, self.status, rows)
        return Entry.of(record, status, self.run_id, self.fingerprint, History(replaced, opener, rows_by_table(record)))


class Duplicate(NamedTuple):
    """What :data:`DUPLICATES` says of a record: the columns after the contract."""

    place: str
    run_id: str
    record_key: str
    source: str
    ordinal: int
    span_start: int
    span_end: int
    checksum: bytes

    @classmethod
    def of(cls, record: MappedRecord, run_id: str) -> Duplicate:
        return cls(
            place_of(record.key, record.position), run_id, record.key, record.source, record.ordinal,
            record.start, record.end, record.checksum,
        )  # fmt: skip

    @classmethod
    def of_entry(cls, key: str, entry: Entry) -> Duplicate:
        """The record that was loaded, before another takes its place."""
        return cls(
            place_of(key, entry.position), entry.run_id, key, entry.source, entry.ordinal,
            entry.span_start, entry.span_end, entry.checksum,
        )  # fmt: skip

    @property
    def position(self) -> Position:
        return self.source, self.ordinal

    def row(self, contract: str) -> Row:
        return (contract, *self)


def place_of(key: str, position: Position) -> str:
    """The place of a record in :data:`DUPLICATES`."""
    source, ordinal = position
    text = json.dumps([key, source, ordinal])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
