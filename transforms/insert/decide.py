"""What is to be done with the records of one key, by what the ledger says of it: no database here, only rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from transforms.database.errors import LoadError
from transforms.insert.ledger import LOADED, Duplicate, Entry
from transforms.insert.retry import RETRY_SECONDS
from transforms.records import MappedRecord, Position, Reject

ON_EXISTING = ("skip", "replace", "fail")
"""What to do with a record whose key is loaded already, and that is another one now."""

DUPLICATE_KEY = "duplicate_key"
"""The rule of a reject for a record that has another content than the one that is loaded under its key."""


@dataclass(frozen=True)
class LoadPolicy:
    """How a run loads: ``on_existing`` is one of :data:`ON_EXISTING`; ``retry_seconds`` bounds the tries of a batch.

    ``fingerprint`` is that of the contract: what another contract loaded under the same name counts as changed.
    """

    run_id: str
    on_existing: str = "skip"
    retry_seconds: float = RETRY_SECONDS
    fingerprint: str | None = None

    def goes_first(self, one: Position, other: Position) -> bool:
        """Of two records with one key in one run, whether the one is loaded and not the other."""
        return one > other if self.on_existing == "replace" else one < other


@dataclass
class Decision:
    """What is to be done about a key.

    ``entry``: what its entry is then; ``changes``: whether it is to be written. ``family``: the record whose rows are
    to be written; ``removes``: after those that are there were deleted; ``takes_over``: those are of the same run.
    ``duplicates``: the records of this run to be noted besides.
    """

    entry: Entry
    changes: bool = False
    family: MappedRecord | None = None
    removes: bool = False
    takes_over: bool = False
    duplicates: list[Duplicate] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        """Whether nothing at all is to be written."""
        return not self.changes and not self.duplicates


def decide(entry: Entry | None, records: Sequence[MappedRecord], policy: LoadPolicy) -> Decision:
    """What to do with records of one key, in source order; raise :class:`LoadError` where the policy is ``fail``.

    The rows by table that are removed, which an entry remembers, the caller adds by :func:`taken_over`.
    """
    best = records[-1 if policy.on_existing == "replace" else 0]
    if entry is None:
        made = Entry.of(best, LOADED, policy.run_id, policy.fingerprint)
        decision = Decision(made, True, best)
    elif entry.run_id == policy.run_id:
        decision = _same_run(entry, best, policy)
    else:
        decision = _later_run(entry, best, records, policy)
    if decision.entry.run_id == policy.run_id:
        for record in records:
            if record.position == decision.entry.position:
                continue
            if policy.on_existing == "fail" and record.checksum != decision.entry.checksum:
                raise LoadError(_two_records(record, decision.entry))
            decision.duplicates.append(Duplicate.of(record, policy.run_id))
    return decision


def _same_run(entry: Entry, best: MappedRecord, policy: LoadPolicy) -> Decision:
    if best.position == entry.position:
        if best.checksum == entry.checksum or policy.on_existing == "skip":
            return Decision(entry)
        if policy.on_existing == "fail":
            raise LoadError(_changed(entry, best))
        return Decision(entry, True, best, removes=True, takes_over=True)
    if not policy.goes_first(best.position, entry.position):
        return Decision(entry)
    if policy.on_existing == "fail" and best.checksum != entry.checksum:
        raise LoadError(_two_records(best, entry))
    displaced = Duplicate.of_entry(best.key, entry)
    return Decision(entry, True, best, removes=True, takes_over=True, duplicates=[displaced])


def _later_run(entry: Entry, best: MappedRecord, records: Sequence[MappedRecord], policy: LoadPolicy) -> Decision:
    if policy.on_existing == "fail":
        for record in records:
            if record.checksum != entry.checksum:
                raise LoadError(_changed(entry, record))
            if not entry.is_by(policy.fingerprint):
                raise LoadError(
                    f"the contract has changed since the run {entry.run_id} loaded the record {record.key!r}, number"
                    f" {record.ordinal} of {record.source}; to load it as the contract now says, choose --on_existing"
                    " replace"
                )
    if policy.on_existing != "replace":
        return Decision(entry)
    # A ledger of an earlier version does not say by which contract: `replace`, which makes it right, takes it for
    # another one.
    if best.checksum == entry.checksum and entry.fingerprint == policy.fingerprint:
        # A later record of this run could replace it: the ledger must say that this run has met it.
        return Decision(entry.kept_for(best, policy.run_id), True)
    return Decision(entry.replaced_by(best, policy.run_id, policy.fingerprint), True, best, removes=True)


def duplicate_reject(duplicate: Duplicate, entry: Entry) -> Reject:
    """The reject of a record that is not loaded because another one has its key."""
    message = (
        f"record {duplicate.ordinal} of {duplicate.source} has the key {duplicate.record_key!r} of {entry.place},"
        " which is loaded, but other content; choose another record key, or --on_existing replace, which loads the"
        " last"
    )
    return Reject(
        "insert", DUPLICATE_KEY, message, duplicate.source, duplicate.ordinal, duplicate.span_start, duplicate.span_end,
        key=duplicate.record_key,
    )  # fmt: skip


def _two_records(record: MappedRecord, entry: Entry) -> str:
    return (
        f"two records have the key {record.key!r} and differ: number {record.ordinal} of {record.source}, and number"
        f" {entry.ordinal} of {entry.source}; to go on, choose --on_existing skip or replace"
    )


def _changed(entry: Entry, record: MappedRecord) -> str:
    return (
        f"the record {record.key!r}, number {record.ordinal} of {record.source}, differs from what run"
        f" {entry.run_id} loaded from number {entry.ordinal} of {entry.source}: it has changed since, or two records"
        " have one key; to go on, choose --on_existing skip or replace"
    )
