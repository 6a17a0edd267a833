"""Loading batches of row families: one transaction for each, exactly once.

In the transaction a batch reads the ledger, decides for each record, writes the ledger and then the rows, table by
table, parents first. The ledger comes first so that two loaders that meet on a key meet there: one waits for the
other's commit, is refused, and begins again with what the other wrote. What fails is rolled back as a whole:

* after a transient error the batch is tried again, with backoff and jitter. A lost answer to a commit needs nothing
  more: if it did commit, the second try finds its own records in the ledger, and counts them;
* after a refused row the batch is halved, down to the record at fault, which is rejected with all its rows.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import chain, compress
from operator import attrgetter
from typing import TypeVar

import tenacity

from transforms.insert.database import Database, LoadError, RefusedError, TransientError, translated
from transforms.insert.ledger import LEDGER, LOADED, Entry, Tally
from transforms.records import BatchResult, MappedRecord, Reject, Row
from transforms.schema import ABSENT, Schema, Table
from transforms.target import Target

T = TypeVar("T")

ON_EXISTING = ("skip", "replace", "fail")
"""What to do with a record that was loaded by another run and has changed since."""

_CLAIMS = 3
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadPolicy:
    """How a run loads: ``on_existing`` is one of :data:`ON_EXISTING`; ``retry_seconds`` bounds the tries of a batch.

    ``fingerprint`` is that of the contract: what another contract loaded under the same name counts as changed.
    """

    run_id: str
    on_existing: str = "skip"
    retry_seconds: float = 120.0
    fingerprint: str | None = None


def load_batch(
    database: Database, schema: Schema, families: Iterable[MappedRecord], policy: LoadPolicy, shard: str = ""
) -> tuple[BatchResult, list[Reject]]:
    """Load row families in one transaction; in more, when the database refuses one of them.

    Raises :class:`LoadError` when the load cannot go on: the database is gone or full, lacks a table, or a record has
    changed and the policy is ``fail``. What was committed before is in the ledger: the same call again goes on there.
    """
    tally, rejects = Tally(), []
    parts = [sorted(families, key=attrgetter("position"))]
    while parts:
        part = parts.pop()
        if not part:
            continue
        try:
            tally.update(_load(database, schema, part, policy))
        except RefusedError as error:
            if len(part) > 1:
                middle = len(part) // 2
                parts += part[middle:], part[:middle]
            else:
                rejects.append(Reject.of(part[0], "insert", error.rule, error.message, path=error.table))
    counts = tally.records
    result = BatchResult(
        shard, counts["loaded"], counts["skipped"], counts["replaced"], len(rejects), counts["changed"],
        counts["duplicates"], counts["contract_changed"],
        {label: count for label, count in tally.rows.items() if count},
    )  # fmt: skip
    return result, rejects


def retried(target: Target, seconds: float, action: Callable[[], T]) -> T:
    """Do what may meet transient errors until it succeeds; raise :class:`LoadError` after ``seconds``."""

    def log(state: tenacity.RetryCallState) -> None:
        _logger.warning(
            "%s: try %d failed: %s", target, state.attempt_number, state.outcome and state.outcome.exception()
        )

    try:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientError),
            wait=tenacity.wait_random_exponential(multiplier=0.1, max=10),
            stop=tenacity.stop_after_delay(seconds),
            before_sleep=log,
            reraise=True,
        )(action)
    except TransientError as error:
        raise LoadError(f"{target} still fails after {seconds:g} seconds: {error}") from None


def _load(database: Database, schema: Schema, records: Sequence[MappedRecord], policy: LoadPolicy) -> Tally:
    for _ in range(_CLAIMS):
        try:
            return retried(
                database.target, policy.retry_seconds, lambda: _transaction(database, schema, records, policy)
            )
        except RefusedError as error:
            # Another loader has claimed a key between our look at the ledger and our entry: now we shall see it.
            # A key that is refused again and again is one that the database takes for another's.
            if (error.table, error.rule) != (LEDGER.label, "unique"):
                raise
            refused = error
    raise refused


def _transaction(database: Database, schema: Schema, records: Sequence[MappedRecord], policy: LoadPolicy) -> Tally:
    try:
        with translated(database):
            database.connect()
            database.begin()
            tally = _write(database, schema, records, policy)
            database.commit()
        return tally
    except BaseException:
        database.recover()
        raise


class Step(enum.Enum):
    """What is to be done with a record. The first three write its rows, the next two only the ledger."""

    LOAD = "load"
    REPLACE = "replace"
    TAKE_OVER = "take over"
    KEEP = "keep"
    NOTE = "note"
    PASS = "pass"


_WRITING = (Step.LOAD, Step.REPLACE, Step.TAKE_OVER)


def decide(entry: Entry | None, record: MappedRecord, policy: LoadPolicy) -> Step:
    """What to do with a record of which the ledger says this; raise :class:`LoadError` if the policy says so."""
    if entry is None:
        return Step.LOAD
    if entry.run_id == policy.run_id:
        if record.position < entry.position:
            return Step.TAKE_OVER
        return Step.PASS if entry.knows(record) or entry.is_full else Step.NOTE
    # A ledger of an earlier version does not say by which contract: only `replace`, which makes it right, takes it for
    # another one.
    is_ours = entry.fingerprint == policy.fingerprint or (entry.fingerprint is None and policy.on_existing != "replace")
    if record.checksum == entry.checksum and is_ours:
        # Only where a later duplicate could replace it must the ledger say that this run has met it.
        return Step.KEEP if policy.on_existing == "replace" else Step.PASS
    if policy.on_existing == "replace":
        return Step.REPLACE
    if policy.on_existing == "fail" and record.checksum == entry.checksum:
        raise LoadError(
            f"the contract has changed since the run {entry.run_id} loaded the record {record.key!r}, number"
            f" {record.ordinal} of {record.source}; to load it as the contract now says, choose --on_existing replace"
        )
    if policy.on_existing == "fail" and not entry.knows(record):
        raise LoadError(
            f"the record {record.key!r}, number {record.ordinal} of {record.source}, has changed since the run"
            f" {entry.run_id} loaded it from {entry.source}; to go on, choose --on_existing skip or replace"
        )
    return Step.PASS


def _write(database: Database, schema: Schema, records: Sequence[MappedRecord], policy: LoadPolicy) -> Tally:
    entries = _entries(database, schema.contract, records, policy)
    known = frozenset(entries)
    changed: set[str] = set()
    families: dict[str, MappedRecord] = {}
    replaced: list[Row] = []
    tally = Tally()
    for record in records:
        entry = entries.get(record.key)
        step = decide(entry, record, policy)
        if entry is None:
            entry = Entry.of(record, LOADED, policy.run_id, policy.fingerprint)
        elif step is Step.REPLACE:
            replaced.append(record.key_values)
            entry = entry.replaced_by(record, policy.run_id, policy.fingerprint)
        elif step is Step.TAKE_OVER:
            entry = entry.taken_over_by(record, _delete(database, schema, [record.key_values]))
        elif step is Step.KEEP:
            entry = entry.kept_for(record, policy.run_id)
        elif step is Step.NOTE:
            entry = entry.with_duplicate(record)
        if step is not Step.PASS:
            entries[record.key] = entry
            changed.add(record.key)
            if step in _WRITING:
                families[record.key] = record
        entry.add_to(tally, record, policy.run_id, policy.fingerprint)
    _write_ledger(database, schema.contract, {key: entries[key] for key in sorted(changed)}, known, families.keys())
    if replaced:
        _delete(database, schema, replaced)
    for table in schema.tables:
        rows = list(chain.from_iterable(family.rows.get(table.label, ()) for family in families.values()))
        with translated(database, table.label):
            for columns, part in by_columns(table, rows):
                database.insert_rows(table, columns, part)
    return tally


def _entries(
    database: Database, contract: str, records: Sequence[MappedRecord], policy: LoadPolicy
) -> dict[str, Entry]:
    """The ledger's entries of these records; those that will change are locked, so that they stay what we read."""
    entries = database.find_entries(contract, list(dict.fromkeys(record.key for record in records)))
    changing = {
        record.key
        for record in (records if entries else ())
        if record.key in entries and decide(entries[record.key], record, policy) is not Step.PASS
    }
    if changing:
        entries = {key: entry for key, entry in entries.items() if key not in changing}
        entries |= database.find_entries(contract, sorted(changing), lock=True)
    return entries


def _write_ledger(
    database: Database, contract: str, entries: Mapping[str, Entry], known: Collection[str], loaded: Collection[str]
) -> None:
    """Insert the entries whose key is not ``known``, update the others; all loaders in one order, against deadlocks."""
    now = datetime.now(timezone.utc)
    new = [(contract, key, *entry, now) for key, entry in entries.items() if key not in known]
    rewritten = [(*entries[key], now, contract, key) for key in entries if key in known and key in loaded]
    restated = [(*entries[key], contract, key) for key in entries if key in known and key not in loaded]
    with translated(database, LEDGER.label):
        if new:
            database.insert_rows(LEDGER, LEDGER.column_names, new)
        if rewritten:
            database.update_rows(LEDGER, (*Entry._fields, "loaded_at"), rewritten)
        if restated:
            database.update_rows(LEDGER, Entry._fields, restated)


def _delete(database: Database, schema: Schema, keys: Sequence[Row]) -> dict[str, int]:
    """Delete the families of records, children first; return how many rows by table."""
    removed = {}
    for table in reversed(schema.tables):
        with translated(database, table.label):
            removed[table.label] = database.delete_rows(table, keys)
    return removed


def by_columns(table: Table, rows: Sequence[Row]) -> Iterator[tuple[tuple[str, ...], Sequence[Row]]]:
    """The rows, without the values that are ABSENT, grouped by the columns that they have."""
    optional = [index for index, column in enumerate(table.columns) if column.may_be_absent]
    if not optional:
        if rows:
            yield table.column_names, rows
        return
    groups: dict[tuple[bool, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[index] is ABSENT for index in optional), []).append(row)
    for absent, group in groups.items():
        left_out = set(compress(optional, absent))
        present = [index not in left_out for index in range(len(table.columns))]
        yield tuple(compress(table.column_names, present)), [tuple(compress(row, present)) for row in group]
