"""Exactly once: whatever the batches, their order and how often they come, the tables and the sums are the same."""

# ruff: noqa: F401, F811 - fixtures are imported, and then named as arguments.

from __future__ import annotations

from collections import Counter
from itertools import product

from databases import SCHEMA, TargetDatabase, database, empty_database, loader, order
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transforms.insert import LoadPolicy, load_batch
from transforms.insert.database import TransientError
from transforms.insert.ledger import MAX_DUPLICATES, Entry, History
from transforms.records import MappedRecord

KEYS, CONTENTS = "AB", ("ann", "bob", "eve")


@st.composite
def inputs(draw) -> list[MappedRecord]:
    """Records in source order, of two sources, many with one key; all records of the key ``bad`` are refused."""
    made = []
    for ordinal in range(draw(st.integers(0, 7))):
        key = draw(st.sampled_from([*KEYS, "bad"]))
        customer = None if key == "bad" else draw(st.sampled_from(CONTENTS))
        source = draw(st.sampled_from(["a.xml", "b.xml"]))
        made.append(order(key, ordinal, customer, lines=1 + CONTENTS.index(customer or "ann"), source=source))
    return sorted(made, key=lambda record: record.position)


@st.composite
def partitions(draw, records: list[MappedRecord]) -> list[list[MappedRecord]]:
    """The records cut into batches, in some order of arrival."""
    batches: dict[int, list[MappedRecord]] = {}
    for record in draw(st.permutations(records)):
        batches.setdefault(draw(st.integers(0, 7)), []).append(record)
    return list(batches.values())


def add(sums: Counter, result) -> None:
    for name in ("loaded", "skipped", "replaced", "rejected", "changed", "duplicates"):
        sums[name] += getattr(result, name)
    sums.update({f"rows of {label}": count for label, count in result.rows.items()})


def deliver(data, loader, records, policy) -> dict[str, int]:
    """Load the records as a runner would that loses workers and answers; return the sums of what it keeps."""
    for batch in data.draw(st.sampled_from([[], data.draw(partitions(records))]), label="lost attempt"):
        load_batch(loader, SCHEMA, batch, policy)
    batches = data.draw(partitions(records), label="batches")
    again = data.draw(
        st.lists(st.sampled_from(range(len(batches))), max_size=8) if batches else st.just([]), label="again"
    )
    arrivals = data.draw(st.permutations([*range(len(batches)), *again]), label="arrivals")
    # Of a batch that comes several times, the runner keeps the last answer.
    results = {number: load_batch(loader, SCHEMA, batches[number], policy)[0] for number in arrivals}
    sums: Counter[str] = Counter()
    for result in results.values():
        add(sums, result)
    return {name: count for name, count in sums.items() if count}


def expected(records, on_existing, before: dict[str, MappedRecord], met: dict[str, set[bytes]]) -> dict[str, int]:
    """The sums, if the first in source order is the one; ``before`` and ``met`` change as the tables do."""
    sums: Counter[str] = Counter()
    first: dict[str, MappedRecord] = {}
    for record in records:
        there = before.get(record.key)
        if record.key == "bad":
            sums["rejected"] += 1
        elif there is not None and on_existing == "skip":
            sums["skipped"] += 1
            if record.checksum != there.checksum:
                sums["duplicates" if record.checksum in met[record.key] else "changed"] += 1
        elif record.key in first:
            sums.update(["skipped", "duplicates"])
        else:
            first[record.key] = record
            if there is not None and there.checksum == record.checksum:
                sums["skipped"] += 1
                continue
            sums["loaded" if there is None else "replaced"] += 1
            sums.update({f"rows of {label}": len(rows) for label, rows in record.rows.items()})
    for key, record in first.items():
        kept = key in before and before[key].checksum == record.checksum
        met[key] = {other.checksum for other in records if other.key == key} | (met[key] if kept else set())
        before[key] = record
    return {name: count for name, count in sums.items() if count}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(),
    today=inputs(),
    tomorrow=inputs(),
    policies=st.lists(st.sampled_from(["skip", "replace"]), min_size=3, max_size=3),
)
def test_any_batches_in_any_order_any_number_of_times(database, loader, data, today, tomorrow, policies):
    database.clear()
    tables: dict[str, MappedRecord] = {}
    met: dict[str, set[bytes]] = {}
    for day, (records, on_existing) in enumerate(zip([today, tomorrow, tomorrow], policies, strict=True)):
        run = f"run {day}"
        sums = deliver(data, loader, records, LoadPolicy(run, on_existing))
        assert sums == expected(records, on_existing, tables, met)
        assert len(records) == sum(sums.get(name, 0) for name in ("loaded", "skipped", "replaced", "rejected"))
        assert database.orders() == {
            key: (record.rows["orders"][0][1], len(record.rows["lines"])) for key, record in sorted(tables.items())
        }
        assert database.ledger("record_key", "checksum", "rows") == [
            (key, record.checksum, 1 + len(record.rows["lines"])) for key, record in sorted(tables.items())
        ]


def test_three_duplicates_in_every_order_of_arrival(database, loader):
    records = [order("A", n, customer, lines=n + 1) for n, customer in enumerate(CONTENTS)]
    for run, arrivals in enumerate(product(range(3), repeat=5)):
        if set(arrivals) == {0, 1, 2}:
            database.clear()
            policy = LoadPolicy(f"run {run}")
            results = {number: load_batch(loader, SCHEMA, [records[number]], policy)[0] for number in arrivals}
            sums: Counter[str] = Counter()
            for result in results.values():
                add(sums, result)
            assert +sums == {"loaded": 1, "skipped": 2, "duplicates": 2, "rows of orders": 1, "rows of lines": 1}, (
                arrivals
            )
            assert database.orders() == {"A": ("ann", 1)}


def test_earlier_record_that_arrives_later_takes_the_place(database, loader):
    policy = LoadPolicy("run 1")
    late, early = order("A", 5, "bob", lines=3), order("A", 2, "ann", lines=1)
    load_batch(loader, SCHEMA, [late], policy)
    result, _ = load_batch(loader, SCHEMA, [early], policy)
    assert (result.loaded, result.skipped, result.duplicates, result.rows) == (0, 1, 1, {"lines": -2})
    assert database.orders() == {"A": ("ann", 1)}
    assert database.ledger("ordinal", "status") == [(2, "loaded")]


def test_takeover_whose_answer_was_lost_counts_the_same(database, loader):
    policy = LoadPolicy("run 1")
    load_batch(loader, SCHEMA, [order("A", 5, "bob", lines=3)], policy)
    commit = loader.commit

    def lose_the_answer():
        commit()
        loader.commit = commit
        raise TransientError("connection lost")

    loader.commit = lose_the_answer
    result, _ = load_batch(loader, SCHEMA, [order("A", 2, "ann", lines=1)], policy)
    assert (result.loaded, result.skipped, result.duplicates, result.rows) == (0, 1, 1, {"lines": -2})


def test_duplicates_of_a_key_are_remembered_up_to_a_limit(database, loader):
    policy = LoadPolicy("run 1")
    load_batch(loader, SCHEMA, [order("A", n, str(n)) for n in range(MAX_DUPLICATES + 10)], policy)
    [(history,)] = database.ledger("history")
    assert len(History.parse(history).duplicates) == MAX_DUPLICATES


def test_history_survives_its_text():
    entry = Entry.of(order("A", 5), "loaded", "run 1").taken_over_by(order("A", 2, "bob"), {"orders": 1, "lines": 2})
    assert str(History.parse(entry.history)) == entry.history
    assert History.parse(entry.history).held[0].rows == {"orders": 1, "lines": 2}
