"""Loading batches of row families: one transaction for each, exactly once.

In the transaction a batch reads the ledger, decides for each record, writes the ledger and then the rows, table by
table, parents first. The ledger comes first so that two loaders that meet on a key meet there: one waits for the
other's commit, is refused, and begins again with what the other wrote. What fails is rolled back as a whole:

* after a transient error the batch is tried again, with backoff and jitter. A lost answer to a commit needs nothing
  more: if it did commit, the second try finds its own records in the ledger, and counts them;
* after a refused row the batch is halved, down to the record at fault, which is rejected with all its rows.

**The quick way.** In nearly all batches every record is new and has a key of its own. Such a batch is not even taken
apart, and where the ledger knew nothing of the batch before, it is not asked about this one: the ledger's primary key
refuses what it knows after all, and then the batch is loaded again with a look.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime, timezone
from functools import partial
from itertools import chain, compress
from operator import itemgetter
from weakref import WeakSet

from transforms.blocks import Families
from transforms.database.database import Database, translated
from transforms.database.errors import RefusedError
from transforms.insert.decide import Decision, LoadPolicy, decide
from transforms.insert.duplicates import find_duplicates, find_entries, lost
from transforms.insert.ledger import DUPLICATES, LEDGER, LOADED, UNCHANGED, Duplicate, Entry, Tally
from transforms.insert.refusal import explained
from transforms.insert.retry import retried
from transforms.records import BatchResult, MappedRecord, Reject, Row
from transforms.schema import ABSENT, Schema, Table

_TRIES = 3

_expect_new: WeakSet[Database] = WeakSet()
"""Databases whose ledger knew nothing of the last batch, and refuses what it knows."""

_Outcome = tuple[Tally, list[Reject]]
"""What a transaction did, in counts, and the records that were not loaded as others have their keys."""


def load_batch(
    database: Database,
    schema: Schema,
    batch: Families | Iterable[MappedRecord],
    policy: LoadPolicy,
    shard: str = "",
) -> tuple[BatchResult, list[Reject]]:
    """Load row families in one transaction; in more, when the database refuses one of them.

    Raises :class:`LoadError` when the load cannot go on: the database is gone or full, lacks a table, or a record has
    changed and the policy is ``fail``. What was committed before is in the ledger: the same call again goes on there.
    """
    tally, rejects = Tally(), []
    whole = batch if isinstance(batch, Families) else Families.of(batch)
    parts = [whole]
    while parts:
        part = parts.pop()
        if not part:
            continue
        try:
            loaded, lost = _load(database, schema, part, policy, is_quick=part is whole)
            tally.update(loaded)
            rejects += lost
        except RefusedError as error:
            records = part.apart()
            if len(records) > 1:
                middle = len(records) // 2
                parts += Families.of(records[middle:]), Families.of(records[:middle])
            else:
                message = explained(schema, records[0], error)
                rejects.append(Reject.of(records[0], "insert", error.rule, message, path=error.table))
    counts = tally.records
    result = BatchResult(
        shard, counts["loaded"], counts["skipped"], counts["replaced"], len(rejects), counts["changed"],
        counts["duplicates"], counts["contract_changed"], counts["superseded"],
        {label: count for label, count in tally.rows.items() if count},
    )  # fmt: skip
    return result, rejects


def _load(database: Database, schema: Schema, part: Families, policy: LoadPolicy, is_quick: bool) -> _Outcome:
    for _ in range(_TRIES + is_quick):
        try:
            return retried(
                database.target, policy.retry_seconds, partial(_transaction, database, schema, part, policy, is_quick)
            )
        except _UnsureError as error:
            refused: RefusedError = error
        except RefusedError as error:
            # Another loader has claimed a key between our look at the ledger and our entry: now we shall see it.
            # A key that is refused again and again is one that the database takes for another's.
            if error.table not in (LEDGER.label, DUPLICATES.label) or error.rule != "unique":
                raise
            refused = error
        is_quick = False
    raise refused


class _UnsureError(RefusedError):
    """Refused on the quick way: it may be a key that the ledger knows, or a row of another table than it says."""


def _transaction(database: Database, schema: Schema, part: Families, policy: LoadPolicy, is_quick: bool) -> _Outcome:
    keys = part.keys
    is_distinct = len(set(keys)) == len(keys)
    looks = not (is_quick and is_distinct and database in _expect_new)
    _expect_new.discard(database)  # after an error the next batch looks
    at_once: bool | None = False
    expects_new = not looks
    entries: dict[str, Entry] = {}
    try:
        with translated(database):
            database.connect()
            if looks:
                database.begin()
                entries = find_entries(database, schema.contract, list(dict.fromkeys(keys)))
                expects_new = not entries and database.refuses_twice(LEDGER)
            if entries or not is_distinct:
                loaded = _write(database, schema, part.apart(), entries, policy)
                database.commit()
            else:
                with database.pipelined((LEDGER, *schema.tables)) if is_quick else nullcontext() as at_once:
                    if not looks:
                        database.begin()
                    loaded = _write_new(database, schema, part, policy), []
                    database.commit()
        if expects_new:
            _expect_new.add(database)
        return loaded
    except BaseException as error:
        database.recover()
        if isinstance(error, RefusedError) and (at_once or (not looks and error.table == LEDGER.label)):
            raise _UnsureError(error.rule, error.message, error.table) from None
        raise


def _write(
    database: Database,
    schema: Schema,
    records: Sequence[MappedRecord],
    entries: dict[str, Entry],
    policy: LoadPolicy,
) -> _Outcome:
    by_key: dict[str, list[MappedRecord]] = {}
    for record in records:
        by_key.setdefault(record.key, []).append(record)
    if entries:
        # Entries that will change are locked, so that they stay what we read.
        changing = [key for key in sorted(entries) if not decide(entries[key], by_key[key], policy).is_done]
        entries |= find_entries(database, schema.contract, changing, lock=True)
    decisions = {key: decide(entries.get(key), by_key[key], policy) for key in sorted(by_key)}
    replaced: list[Row] = []
    for key, decision in decisions.items():
        if decision.takes_over:
            assert decision.family is not None
            removed = _delete(database, schema, [decision.family.key_values])
            decision.entry = entries[key].taken_over_by(decision.family, removed)
        elif decision.removes:
            assert decision.family is not None
            replaced.append(decision.family.key_values)
    _write_ledger(database, schema.contract, decisions, entries)
    _note(database, schema.contract, list(chain.from_iterable(d.duplicates for d in decisions.values())))
    if replaced:
        _delete(database, schema, replaced)
    families = Families.of(decision.family for decision in decisions.values() if decision.family is not None)
    _insert(database, schema, families)
    return _count(database, schema.contract, records, decisions, policy)


def _write_new(database: Database, schema: Schema, families: Families, policy: LoadPolicy) -> Tally:
    """The same, where nothing is known of any key and none occurs twice: so it is in nearly all batches."""
    contract, run_id, fingerprint = schema.contract, policy.run_id, policy.fingerprint
    now, tally = datetime.now(timezone.utc), Tally()
    new = [
        (contract, key, LOADED, run_id, source, ordinal, start, end, checksum, rows, None, fingerprint, now)
        for (key, _, source, ordinal, start, end, checksum), rows in zip(
            families.records, families.row_counts(), strict=True
        )
    ]
    new.sort(key=itemgetter(1))
    with translated(database, LEDGER.label):
        database.insert_rows(LEDGER, LEDGER.column_names, new)
    tally.records[LOADED] = len(families)
    tally.rows.update(_insert(database, schema, families))
    return tally


def _insert(database: Database, schema: Schema, families: Families) -> dict[str, int]:
    """Insert row families table by table, parents first; return how many rows by table."""
    inserted = {}
    for table in schema.tables:
        rows = families.rows.get(table.label, ())
        with translated(database, table.label):
            for columns, part in by_columns(table, rows):
                database.insert_rows(table, columns, part)
        inserted[table.label] = len(rows)
    return inserted


def _count(
    database: Database,
    contract: str,
    records: Sequence[MappedRecord],
    decisions: Mapping[str, Decision],
    policy: LoadPolicy,
) -> _Outcome:
    tally, rejects, differing = Tally(), [], []
    for record in records:
        entry = decisions[record.key].entry
        if entry.run_id == policy.run_id:
            entry.add_to(tally, record)
        elif record.checksum != entry.checksum:
            differing.append(Duplicate.of(record, entry.run_id))
        elif entry.is_by(policy.fingerprint):
            tally.add(UNCHANGED, {})
        else:
            tally.skip("contract_changed")
    # What the run that loaded the other record of a key found out about this one still holds.
    known = find_duplicates(database, contract, [one.place for one in differing]) if differing else {}
    for one in differing:
        if known.get(one.place) == one:
            rejects += lost(one, decisions[one.record_key].entry, tally)
        else:
            tally.skip("changed")
    return tally, rejects


def _write_ledger(database: Database, contract: str, decisions: Mapping[str, Decision], known: Collection[str]) -> None:
    """Insert the entries whose key is not ``known``, update the others; all loaders in one order, against deadlocks."""
    now = datetime.now(timezone.utc)
    changing = [(key, decision) for key, decision in decisions.items() if decision.changes]
    new = [(contract, key, *decision.entry, now) for key, decision in changing if key not in known]
    old = [(key, decision) for key, decision in changing if key in known]
    rewritten = [(*decision.entry, now, contract, key) for key, decision in old if decision.family is not None]
    restated = [(*decision.entry, contract, key) for key, decision in old if decision.family is None]
    with translated(database, LEDGER.label):
        if new:
            database.insert_rows(LEDGER, LEDGER.column_names, new)
        if rewritten:
            database.update_rows(LEDGER, (*Entry._fields, "loaded_at"), rewritten)
        if restated:
            database.update_rows(LEDGER, Entry._fields, restated)


def _note(database: Database, contract: str, duplicates: Sequence[Duplicate]) -> None:
    """Write what is not written yet of the records that were not loaded."""
    if not duplicates:
        return
    known = find_duplicates(database, contract, [one.place for one in duplicates])
    places = {one.place: one for one in duplicates if known.get(one.place) != one}
    new = [one.row(contract) for place, one in sorted(places.items()) if place not in known]
    old = [(*one[1:], contract, place) for place, one in sorted(places.items()) if place in known]
    with translated(database, DUPLICATES.label):
        if new:
            database.insert_rows(DUPLICATES, DUPLICATES.column_names, new)
        if old:
            database.update_rows(DUPLICATES, Duplicate._fields[1:], old)


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
