"""The quick way of a batch: no look at the ledger where it knew nothing of the batch before, and the same end."""

from __future__ import annotations

import random

import pytest

from tests.databases import SCHEMA, order
from transforms.database.database import Database
from transforms.database.errors import TransientError
from transforms.insert import LoadPolicy, load_batch, prepare_target
from transforms.insert import load as module
from transforms.insert.ledger import LEDGER


@pytest.fixture
def looks(monkeypatch) -> list[int]:
    """How many keys each look at the ledger was for."""
    found, find = [], module.find_entries

    def find_entries(database, contract, keys, lock=False):
        if not lock:
            found.append(len(keys))
        return find(database, contract, keys, lock)

    monkeypatch.setattr(module, "find_entries", find_entries)
    return found


def load(loader: Database, *records, run="run 1", on_existing="skip"):
    result, rejects = load_batch(loader, SCHEMA, records, LoadPolicy(run, on_existing, 30.0))
    return result.loaded, result.skipped, result.replaced, [(one.key, one.rule, one.path) for one in rejects]


def some(*numbers: int, customer: str | None = "ann"):
    return [order(f"{number:03}", number, customer) for number in numbers]


def test_ledger_that_knows_nothing_is_asked_once(database, loader, looks):
    for first in (0, 10, 20):
        assert load(loader, *some(*range(first, first + 10))) == (10, 0, 0, [])
    assert looks == [10]
    assert len(database.orders()) == 30
    assert database.query("SELECT COUNT(*) FROM beamshred_ledger") == [(30,)]


def test_rerun_asks_for_every_batch(database, loader, looks):
    load(loader, *some(0, 1))
    load(loader, *some(2, 3))
    again = database.open()
    looks.clear()
    assert load(again, *some(0, 1), run="run 2") == (0, 2, 0, [])
    assert load(again, *some(2, 3), run="run 2") == (0, 2, 0, [])
    assert looks == [2, 2]
    again.close()


@pytest.mark.parametrize(
    ("on_existing", "expected", "customer"), [("skip", (1, 1, 0, []), "ann"), ("replace", (1, 0, 1, []), "bob")]
)
def test_key_that_another_run_has_loaded_meanwhile(database, loader, looks, on_existing, expected, customer):
    load(loader, *some(0), on_existing=on_existing)
    other = database.open()
    load(other, *some(5), run="another")
    other.close()
    looks.clear()
    assert load(loader, *some(4, 5, customer="bob"), on_existing=on_existing) == expected
    assert looks[0] == 2
    assert database.orders() == {"000": ("ann", 2), "004": ("bob", 2), "005": (customer, 2)}
    assert [key for (key,) in database.ledger("record_key")] == ["000", "004", "005"]


def test_record_of_the_same_run_that_comes_again(database, loader, looks):
    load(loader, *some(0))
    load(loader, *some(1, 2))
    assert load(loader, *some(1, 2)) == (2, 0, 0, [])
    assert len(database.orders()) == 3


def test_nothing_of_what_is_refused_stays(database, loader, looks):
    load(loader, *some(0))
    looks.clear()
    # The second row of the child table: by then the ledger and the parents are written.
    bad = order("003", 3, lines=[("003", 1, 1), ("003", 1, 1)])
    assert load(loader, *some(1, 2), bad, *some(4)) == (3, 0, 0, [("003", "unique", "lines")])
    assert set(database.orders()) == {"000", "001", "002", "004"}
    assert [key for (key,) in database.ledger("record_key")] == ["000", "001", "002", "004"]
    # The halves, and those of the half that has it. Far away the whole is loaded again, to see at which table it is.
    assert looks in ([2, 2, 1, 1], [4, 2, 2, 1, 1])
    looks.clear()
    load(loader, *some(5))
    assert looks == []


def test_two_records_of_one_key_are_no_quick_batch(database, loader, looks):
    load(loader, *some(0))
    assert load(loader, *some(1), order("001", 7, "bob")) == (1, 1, 0, [])
    assert database.orders()["001"] == ("ann", 2)


def test_error_in_between_makes_us_look_again(database, loader, looks, monkeypatch):
    load(loader, *some(0))
    looks.clear()
    commit = loader.commit

    def commit_and_lose_the_answer():
        commit()
        monkeypatch.setattr(loader, "commit", commit)
        raise TransientError("the answer was lost")

    monkeypatch.setattr(loader, "commit", commit_and_lose_the_answer)
    assert load(loader, *some(1, 2)) == (2, 0, 0, [])
    assert looks == [2]
    assert len(database.orders()) == 3


def test_ledger_without_its_key_is_always_asked(empty_database, looks):
    """Somebody made the tables by hand."""
    columns = (
        "contract VARCHAR(100), record_key VARCHAR(400), status VARCHAR(10), run_id VARCHAR(200), source VARCHAR(4000),"
        " ordinal BIGINT, span_start BIGINT, span_end BIGINT, checksum {binary}, rows BIGINT, history TEXT, fingerprint"
        " VARCHAR(64), loaded_at {moment}"
    )
    is_postgresql = empty_database.url.startswith("postgresql")
    names = {"binary": "BYTEA", "moment": "TIMESTAMPTZ"} if is_postgresql else {"binary": "BLOB", "moment": "DATETIME"}
    empty_database.execute(f"CREATE TABLE {LEDGER.name} ({columns.format(**names)})")
    prepare_target(empty_database.target, SCHEMA)
    loader = empty_database.open()
    for first in (0, 10, 20):
        load(loader, *some(*range(first, first + 10)))
    assert looks == [10, 10, 10]
    loader.close()


@pytest.mark.parametrize("seed", range(3))
def test_same_end_with_and_without(database, seed, monkeypatch):
    """Two loaders, batches that overlap by chance: counts, tables and ledger are those of loaders that always look."""
    ends = []
    for is_quick in (True, False):
        if not is_quick:
            monkeypatch.setattr(Database, "refuses_twice", lambda *_: False)
        database.clear()
        chance, loaders, counts = random.Random(seed), [database.open(), database.open()], []
        for _ in range(25):
            one = chance.randrange(2)
            first = chance.choice([0, 20, 40, 60, 80, 100])
            numbers = chance.sample(range(first, first + 20), 4)
            bad = chance.random() < 0.2
            records = some(*numbers) + (some(200 + numbers[0], customer=None) if bad else [])
            counts.append(load(loaders[one], *records, run=f"run {one}"))
        for opened in loaders:
            opened.close()
        ends.append((counts, database.orders(), database.ledger("record_key", "run_id", "rows")))
    assert ends[0] == ends[1]
