"""Records with one key in one run: what becomes of those that are not loaded, said when all have arrived.

Until then each of them counts as a duplicate, and the first of its key that arrived as loaded, whichever is in the
tables (:mod:`transforms.insert.ledger` says why). :func:`settle` gives the difference to what is true at the end:

* a copy of the record that is loaded is skipped, as a duplicate;
* one with other content is rejected where the first in source order is loaded (rule ``duplicate_key``), and skipped, as
  superseded, where the last is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise

from transforms.database.database import Database, session
from transforms.insert.decide import LoadPolicy, duplicate_reject
from transforms.insert.ledger import DUPLICATES, LEDGER, Duplicate, Entry, History, Tally
from transforms.insert.retry import retried
from transforms.records import Reject
from transforms.schema import Schema

_FEW = 5_000
_HEX = "0123456789abcdef"
_END = "g"
"""Behind all hexadecimal digits."""


def find_entries(database: Database, contract: str, keys: Sequence[str], lock: bool = False) -> dict[str, Entry]:
    """The ledger's entries of these keys; ``lock``: no other transaction changes them before this one ends."""
    if not keys:
        return {}
    rows = database.find_rows(
        LEDGER, ("record_key", *Entry._fields), {"contract": contract}, among=("record_key", keys), lock=lock
    )
    return {row[0]: Entry(*row[1:]) for row in rows}


def find_duplicates(database: Database, contract: str, places: Sequence[str]) -> dict[str, Duplicate]:
    """What is noted of the records at these places."""
    rows = database.find_rows(
        DUPLICATES, Duplicate._fields, {"contract": contract}, among=("place", list(dict.fromkeys(places)))
    )
    return {row[0]: Duplicate(*row) for row in rows}


def lost(duplicate: Duplicate, entry: Entry, tally: Tally) -> list[Reject]:
    """Count what becomes of a record whose key the entry's record has; the reject, if it is one."""
    if duplicate.checksum == entry.checksum:
        tally.skip("duplicates")
    elif duplicate.position < entry.position:
        tally.skip("superseded")
    else:
        return [duplicate_reject(duplicate, entry)]
    return []


def settle(database: Database, schema: Schema, policy: LoadPolicy) -> Iterator[tuple[Tally, list[Reject]]]:
    """What the counts of a run lack, and its rejects, in parts: a function of what is in the database.

    To be called when all batches of the run are loaded. Raises :class:`LoadError` as loading does.
    """
    ranges = [("", "1"), ("1", _END)]
    while ranges:
        low, high = ranges.pop(0)
        found = retried(database.target, policy.retry_seconds, partial(_read, database, schema, policy, low, high))
        if low == "" and len(found) > _FEW:
            bounds = [first + second for first in _HEX[1:] for second in _HEX]
            ranges = list(pairwise([*bounds, _END]))
        yield _settled(found, policy)


def _read(database: Database, schema: Schema, policy: LoadPolicy, low: str, high: str) -> list[tuple[Duplicate, Entry]]:
    with session(database), database.reading():
        rows = database.find_rows(
            DUPLICATES, Duplicate._fields, {"contract": schema.contract, "run_id": policy.run_id},
            between=("place", low, high),
        )  # fmt: skip
        noted = [Duplicate(*row) for row in rows]
        entries = find_entries(database, schema.contract, list(dict.fromkeys(one.record_key for one in noted)))
    # Where another run, or a person, has replaced the record since, nothing more can be said.
    found = [(one, entries[one.record_key]) for one in noted if one.record_key in entries]
    return [(one, entry) for one, entry in found if entry.run_id == policy.run_id and one.position != entry.position]


def _settled(found: list[tuple[Duplicate, Entry]], policy: LoadPolicy) -> tuple[Tally, list[Reject]]:
    tally, rejects = Tally(), []
    for duplicate, entry in sorted(found, key=lambda pair: pair[0].position):
        opener = History.parse(entry.history).opener
        if opener is not None and opener.position == duplicate.position:
            # It counts as what it was when it arrived, and the one that took its place as a duplicate.
            tally.add(opener.status, opener.rows, -1)
            tally.skip("duplicates", -1)
            tally.add(entry.status, History.parse(entry.history).rows or {})
        else:
            tally.skip("duplicates", -1)
        rejects += lost(duplicate, entry, tally)
    return tally, rejects


def counters_of_tally(tally: Tally) -> dict[str, int]:
    """The counters of a tally by their names as metrics."""
    return {**tally.records, **{f"rows.{label}": by for label, by in tally.rows.items()}}
