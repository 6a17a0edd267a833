"""Exactly once: whatever the batches and their order, however often they come, all results are the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.databases import SCHEMA, order
from transforms.database.errors import TransientError
from transforms.insert import LoadError, LoadPolicy, load_batch
from transforms.insert.duplicates import settle
from transforms.insert.ledger import LEDGER, Entry, History
from transforms.records import MappedRecord

KEYS, CONTENTS = "AB", ("ann", "bob", "eve")
OUTCOMES = ("loaded", "skipped", "replaced", "rejected", "changed", "duplicates", "superseded")


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


Result = tuple[dict[str, int], set[tuple]]
"""The sums that are not 0, and key and place of each reject."""


def outcome(loader, policy, results) -> Result:
    """What a run reports that keeps these results of batches."""
    sums: Counter[str] = Counter()
    rejects = []
    for result, rejected in results:
        sums.update({name: getattr(result, name) for name in OUTCOMES})
        sums.update({f"rows of {label}": count for label, count in result.rows.items()})
        rejects += rejected
    for tally, rejected in settle(loader, SCHEMA, policy):
        sums.update(tally.records)
        sums["rejected"] += len(rejected)
        sums.update({f"rows of {label}": count for label, count in tally.rows.items()})
        rejects += rejected
    places = [(reject.key, reject.source, reject.ordinal) for reject in rejects]
    assert len(set(places)) == len(places)
    return {name: count for name, count in sums.items() if count}, set(places)


def database_has_rows(loader) -> bool:
    loader.begin()
    found = loader.find_rows(LEDGER, ("record_key",), {"contract": "shop"})
    loader.rollback()
    return bool(found)


def deliver(data, loader, records, policy) -> Result:
    """Load the records as a runner would that loses workers and answers; give what it keeps."""
    before = policy
    if not database_has_rows(loader):
        # The command that goes on with a run may say otherwise what is to be done with records of one key.
        before = replace(policy, on_existing=data.draw(st.sampled_from(["skip", "replace"]), label="before"))
    for batch in data.draw(st.sampled_from([[], data.draw(partitions(records))]), label="lost attempt"):
        load_batch(loader, SCHEMA, batch, before)
    batches = data.draw(partitions(records), label="batches")
    again = data.draw(
        st.lists(st.sampled_from(range(len(batches))), max_size=8) if batches else st.just([]), label="again"
    )
    arrivals = data.draw(st.permutations([*range(len(batches)), *again]), label="arrivals")
    # Of a batch that comes several times, the runner keeps the last answer.
    results = {number: load_batch(loader, SCHEMA, batches[number], policy) for number in arrivals}
    return outcome(loader, policy, results.values())


class Model:
    """What is in the tables after each run: by key the record, and those of its run that it was preferred to."""

    def __init__(self) -> None:
        self.loaded: dict[str, tuple[MappedRecord, list[MappedRecord]]] = {}

    def run(self, records: list[MappedRecord], on_existing: str) -> Result:
        sums: Counter[str] = Counter()
        rejects: set[tuple] = set()
        by_key: dict[str, list[MappedRecord]] = {}
        for record in records:
            by_key.setdefault(record.key, []).append(record)

        def lost(record: MappedRecord, to: MappedRecord) -> None:
            if record.checksum == to.checksum:
                sums.update(["skipped", "duplicates"])
            elif record.position < to.position:
                sums.update(["skipped", "superseded"])
            else:
                sums["rejected"] += 1
                rejects.add((record.key, record.source, record.ordinal))

        for key, group in by_key.items():
            if key == "bad":
                sums["rejected"] += len(group)
                rejects.update((key, record.source, record.ordinal) for record in group)
                continue
            there, preferred_to = self.loaded.get(key, (None, []))
            if there is not None and on_existing == "skip":
                for record in group:
                    if record.checksum == there.checksum:
                        sums["skipped"] += 1
                    elif record in preferred_to:
                        lost(record, there)
                    else:
                        sums.update(["skipped", "changed"])
                continue
            best = group[-1 if on_existing == "replace" else 0]
            others = [record for record in group if record is not best]
            for record in others:
                lost(record, best)
            self.loaded[key] = best, others
            if there is not None and there.checksum == best.checksum:
                sums["skipped"] += 1
                continue
            sums["loaded" if there is None else "replaced"] += 1
            sums.update({f"rows of {label}": len(rows) for label, rows in best.rows.items()})
        return {name: count for name, count in sums.items() if count}, rejects


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(),
    today=inputs(),
    tomorrow=inputs(),
    policies=st.lists(st.sampled_from(["skip", "replace"]), min_size=3, max_size=3),
)
def test_any_batches_in_any_order_any_number_of_times(database, loader, data, today, tomorrow, policies):
    database.clear()
    model = Model()
    for day, (records, on_existing) in enumerate(zip([today, tomorrow, tomorrow], policies, strict=True)):
        sums, rejects = deliver(data, loader, records, LoadPolicy(f"run {day}", on_existing))
        assert (sums, rejects) == model.run(records, on_existing)
        assert len(records) == sum(sums.get(name, 0) for name in ("loaded", "skipped", "replaced", "rejected"))
        tables = {key: record for key, (record, _) in sorted(model.loaded.items())}
        assert database.orders() == {
            key: (record.rows["orders"][0][1], len(record.rows["lines"])) for key, record in tables.items()
        }
        assert database.ledger("record_key", "checksum", "rows") == [
            (key, record.checksum, 1 + len(record.rows["lines"])) for key, record in tables.items()
        ]


@pytest.mark.parametrize(("on_existing", "customer", "lines"), [("skip", "ann", 1), ("replace", "eve", 3)])
def test_three_records_of_a_key_in_every_order_of_arrival(database, loader, on_existing, customer, lines):
    records = [order("A", n, name, lines=n + 1) for n, name in enumerate(CONTENTS)]
    lost = {"rejected": 2} if on_existing == "skip" else {"skipped": 2, "superseded": 2}
    for run, arrivals in enumerate(product(range(3), repeat=4)):
        if set(arrivals) == {0, 1, 2}:
            database.clear()
            policy = LoadPolicy(f"run {run}", on_existing)
            results = {number: load_batch(loader, SCHEMA, [records[number]], policy) for number in arrivals}
            sums, rejects = outcome(loader, policy, results.values())
            assert sums == {"loaded": 1, "rows of orders": 1, "rows of lines": lines, **lost}, arrivals
            assert rejects == ({("A", "a.xml", 1), ("A", "a.xml", 2)} if on_existing == "skip" else set())
            assert database.orders() == {"A": (customer, lines)}


def test_reject_names_both_places(database, loader):
    policy = LoadPolicy("run 1")
    load_batch(loader, SCHEMA, [order("A", 7, "bob", source="b.xml"), order("A", 2, "ann")], policy)
    [(_, [reject])] = [part for part in settle(loader, SCHEMA, policy) if part[1]]
    assert (reject.stage, reject.rule, reject.key, reject.source, reject.ordinal) == (
        "insert", "duplicate_key", "A", "b.xml", 7,
    )  # fmt: skip
    assert (reject.start, reject.end) == (700, 790)
    assert "record 7 of b.xml" in reject.message
    assert "record 2 of a.xml" in reject.message


def test_rerun_rejects_what_was_rejected(database, loader):
    records = [order("A", 0, "ann"), order("A", 1, "bob")]
    for run in ("run 1", "run 2", "run 3"):
        policy = LoadPolicy(run)
        sums, rejects = outcome(loader, policy, [load_batch(loader, SCHEMA, records, policy)])
        assert rejects == {("A", "a.xml", 1)}
        assert (sums["rejected"], sums.get("loaded", 0) + sums.get("skipped", 0)) == (1, 1)


@pytest.mark.parametrize("batches", [[[0, 1]], [[0], [1]], [[1], [0]]], ids=str)
def test_fail_names_both(database, loader, batches):
    records = [order("A", 0, "ann"), order("A", 1, "bob", source="b.xml")]

    def load_all():
        for batch in batches:
            load_batch(loader, SCHEMA, [records[number] for number in batch], LoadPolicy("run 1", "fail"))

    with pytest.raises(LoadError, match=r"two records have the key 'A' and differ: .*[ab]\.xml.*[ab]\.xml"):
        load_all()


def test_fail_takes_copies(database, loader):
    records = [order("A", 0, "ann"), order("A", 1, "ann")]
    for batch in reversed(records):
        load_batch(loader, SCHEMA, [batch], LoadPolicy("run 1", "fail"))
    assert database.ledger("ordinal", "status") == [(0, "loaded")]


@pytest.mark.parametrize("on_existing", ["skip", "replace", "fail"])
def test_record_that_was_changed_before_the_run_went_on(database, loader, on_existing):
    load_batch(loader, SCHEMA, [order("A", 0, "ann")], LoadPolicy("run 1", on_existing))
    policy = LoadPolicy("run 1", on_existing)
    if on_existing == "fail":
        with pytest.raises(LoadError, match="differs from what run run 1 loaded"):
            load_batch(loader, SCHEMA, [order("A", 0, "bob")], policy)
        return
    sums, rejects = outcome(loader, policy, [load_batch(loader, SCHEMA, [order("A", 0, "bob", lines=3)], policy)])
    assert not rejects
    if on_existing == "skip":
        assert sums == {"skipped": 1, "changed": 1}
        assert database.orders() == {"A": ("ann", 2)}
    else:
        assert sums == {"loaded": 1, "rows of orders": 1, "rows of lines": 3}
        assert database.orders() == {"A": ("bob", 3)}


def test_takeover_whose_answer_was_lost_counts_the_same(database, loader):
    policy = LoadPolicy("run 1")
    first = load_batch(loader, SCHEMA, [order("A", 5, "bob", lines=3)], policy)
    commit = loader.commit

    def lose_the_answer():
        commit()
        loader.commit = commit
        raise TransientError("connection lost")

    loader.commit = lose_the_answer
    second = load_batch(loader, SCHEMA, [order("A", 2, "ann", lines=1)], policy)
    sums, rejects = outcome(loader, policy, [first, second])
    assert sums == {"loaded": 1, "rejected": 1, "rows of orders": 1, "rows of lines": 1}
    assert rejects == {("A", "a.xml", 5)}


def test_thousands_of_records_with_one_key(database, loader):
    policy = LoadPolicy("run 1")
    results = [
        load_batch(loader, SCHEMA, [order("A", n, str(n)) for n in range(first, first + 1000)], policy)
        for first in range(0, 6000, 1000)
    ]
    sums, rejects = outcome(loader, policy, results)
    assert sums == {"loaded": 1, "rejected": 5999, "rows of orders": 1, "rows of lines": 2}
    assert len(rejects) == 5999


def test_history_survives_its_text():
    entry = Entry.of(order("A", 5), "loaded", "run 1").taken_over_by(order("A", 2, "bob"), {"orders": 1, "lines": 2})
    assert str(History.parse(entry.history)) == entry.history
    assert History.parse(entry.history).opener.rows == {"orders": 1, "lines": 2}


def test_history_of_an_earlier_version_can_be_read():
    text = '{"replaced": "ab", "held": [["a.xml", 1, "loaded", {}]], "duplicates": ["cd"]}'
    assert History.parse(text) == History(replaced="ab")


def test_record_that_lost_its_place_and_took_it_again(database, loader):
    early, late = order("A", 0, "ann"), order("A", 1, "bob", lines=1)
    for record in (late, early):
        load_batch(loader, SCHEMA, [record], LoadPolicy("run 1"))
    policy = LoadPolicy("run 1", "replace")
    results = [load_batch(loader, SCHEMA, [record], policy) for record in (early, late)]
    sums, rejects = outcome(loader, policy, results)
    assert sums == {"loaded": 1, "skipped": 1, "superseded": 1, "rows of orders": 1, "rows of lines": 1}
    assert not rejects
    assert database.orders() == {"A": ("bob", 1)}
