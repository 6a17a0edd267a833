"""BulkInsertDoFn: its arguments, and its results, rejects and metrics in a pipeline."""

from __future__ import annotations

import pickle
from collections import Counter

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.display import DisplayData

from tests.databases import SCHEMA, order
from transforms import cores
from transforms.blocks import Batch, Block, encode_families
from transforms.cores import Cores
from transforms.database.errors import RefusedError
from transforms.insert import LoadError, prepare_target
from transforms.insert.dofn import BulkInsertDoFn, SettleDoFn
from transforms.metrics import counted
from transforms.records import REJECTS, BatchResult


def block(*records):
    return Block.of([part for _, part in encode_families(records, 10**9)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "nothing"}, "not a database URL"),
        ({"target": "sqlite://"}, "would end with its worker"),
        ({"odbc_insert": "fast"}, "--odbc_insert is 'fast'; the target sqlite:///x.db takes none"),
        ({"run_id": ""}, "run_id is empty"),
        ({"batch_size": 0}, "batch_size is 0; it must be at least 1"),
        ({"on_existing": "overwrite"}, "on_existing is 'overwrite'; it must be one of skip, replace, fail"),
        ({"retry_seconds": -1}, "retry_seconds is -1"),
    ],
)
def test_wrong_argument(arguments, message):
    with pytest.raises(ValueError, match=message):
        BulkInsertDoFn(**{"target": "sqlite:///x.db", "schema": SCHEMA, "run_id": "run", **arguments})


def test_secret_stays_in_the_environment(monkeypatch):
    monkeypatch.setenv("ORDERS_DB", "sqlite:///orders.db")
    dofn = BulkInsertDoFn("env:ORDERS_DB", SCHEMA, "run")
    assert b"orders.db" not in pickle.dumps(dofn._target)
    items = {item.key: item.value for item in DisplayData.create_from(dofn).items}
    assert items["target"] == "env:ORDERS_DB"
    assert items["on_existing"] == "skip"


def test_pipeline(database):
    records = [order(f"{n:02}", n) for n in range(25)] + [order("03", 30, "bob"), order("99", 31, None)]
    blocks = [block(*records[20:]), block(*records[:20])]
    pipeline = beam.Pipeline(runner=FnApiRunner())
    outputs = (
        pipeline
        | beam.Create([Batch("s", tuple(blocks))])
        | beam.ParDo(BulkInsertDoFn(database.target, SCHEMA, "run", batch_size=10)).with_outputs(
            REJECTS, main="results"
        )
    )
    sizes = outputs.results | beam.Map(lambda r: (r.shard, r.loaded + r.skipped + r.rejected))
    assert_that(sizes, equal_to([("s", 10), ("s", 10), ("s", 7)]))
    assert_that(outputs[REJECTS] | beam.Map(lambda r: (r.key, r.rule)), equal_to([("99", "not_null")]), "rejects")
    metrics = pipeline.run().metrics().query()
    counters = {m.key.metric.name: m.committed for m in metrics["counters"] if m.key.metric.namespace == "beamshred"}
    assert counters == {
        "loaded": 25, "skipped": 1, "duplicates": 1, "rows.orders": 25, "rows.lines": 50, "rejects.insert.not_null": 1,
    }  # fmt: skip
    distributions = {m.key.metric.name: m.committed.count for m in metrics["distributions"]}
    assert distributions.keys() >= {"insert.batch_records", "insert.batch_msec"}
    assert distributions["insert.batch_records"] == 3
    assert database.orders()["03"] == ("ann", 2)


def test_what_is_not_committed_at_teardown_is_lost(database):
    dofn = BulkInsertDoFn(database.target, SCHEMA, "run")
    dofn.setup()
    dofn._database.begin()
    dofn._database.cursor.execute("INSERT INTO orders VALUES ('A', 'ann')")
    dofn.teardown()
    assert database.orders() == {}


def test_target_that_is_gone_fails_the_setup(tmp_path):
    dofn = BulkInsertDoFn(f"sqlite:///{tmp_path}/gone/x.db", SCHEMA, "run")
    with pytest.raises(LoadError, match="there is no folder"):
        dofn.setup()


def test_results_add_up_over_blocks(database):
    dofn = BulkInsertDoFn(database.target, SCHEMA, "run")
    dofn.setup()
    sums: Counter[str] = Counter()
    for made in (block(order("A", 5, lines=3)), block(order("A", 1, lines=1), order("B", 2))):
        [result] = dofn.process(Batch("s", (made,)))
        sums.update(loaded=result.loaded, skipped=result.skipped, lines=result.rows.get("lines", 0))
    dofn.teardown()
    # The first to arrive counts as loaded until the run is settled.
    assert sums == {"loaded": 2, "skipped": 1, "lines": 5}
    settle = SettleDoFn(database.target, SCHEMA, "run")
    settle.setup()
    counted.clear()
    [reject] = settle.process(None)
    settle.teardown()
    assert (reject.key, reject.rule, reject.ordinal) == ("A", "duplicate_key", 5)
    assert counted == {
        "loaded": 0,
        "skipped": -1,
        "duplicates": -1,
        "rows.lines": -2,
        "rejects.insert.duplicate_key": 1,
        "rows.orders": 0,
    }
    assert isinstance(result, BatchResult)


@pytest.mark.parametrize("error", [LoadError("what"), RefusedError("unique", "what", "orders")])
def test_errors_survive_pickling(error):
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.__dict__) == (str(error), error.__dict__)


def test_idle_connection_that_is_lost_is_made_again(empty_database, tmp_path, monkeypatch):
    """A worker of a local run keeps its connection between slices."""
    if not empty_database.target.startswith("postgresql"):
        pytest.skip("any database that takes several connections")
    prepare_target(empty_database.target, SCHEMA)
    Cores.make(tmp_path, 1)
    monkeypatch.setattr(cores, "shared", Cores(tmp_path))
    backends = []
    for number in range(2):
        dofn = BulkInsertDoFn(empty_database.target, SCHEMA, "run")
        dofn.setup()
        backends.append(dofn._database.connection.info.backend_pid)
        result, *_ = dofn.process(Batch("s", (block(order(f"{number}", number)),)))
        assert result.loaded == 1
        dofn.teardown()
        empty_database.query(f"SELECT pg_terminate_backend({backends[0]})")
    assert backends[0] == backends[1]
    assert list(empty_database.orders()) == ["0", "1"]
    cores.shared.close()
    monkeypatch.setattr(cores, "shared", None)
    dofn.setup()
    dofn.teardown()
