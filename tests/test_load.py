"""Loading batches: what ends up in the tables, in the ledger and in the counts."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace

import pytest

from tests.databases import ORDERS, SCHEMA, column, order
from transforms.database.errors import TransientError
from transforms.insert import LoadError, LoadPolicy, Target, load_batch, open_database, prepare_target
from transforms.insert.load import by_columns
from transforms.records import BatchResult
from transforms.schema import ABSENT, ForeignKey, Schema, Table


def load(loader, *records, run="run 1", on_existing="skip", retry_seconds=30.0):
    return load_batch(loader, SCHEMA, records, LoadPolicy(run, on_existing, retry_seconds))


def counts(result: BatchResult) -> dict[str, int]:
    names = ("loaded", "skipped", "replaced", "rejected", "changed", "duplicates")
    return {name: getattr(result, name) for name in names if getattr(result, name)}


def test_load_writes_rows_and_ledger(database, loader):
    result, rejects = load(loader, order("A", 0), order("B", 1, "bob", lines=3))
    assert (result.loaded, result.rows, rejects) == (2, {"orders": 2, "lines": 5}, [])
    assert database.orders() == {"A": ("ann", 2), "B": ("bob", 3)}
    assert database.ledger(
        "contract", "record_key", "status", "run_id", "source", "ordinal", "span_start", "span_end"
    ) == [
        ("shop", "A", "loaded", "run 1", "a.xml", 0, 0, 90),
        ("shop", "B", "loaded", "run 1", "a.xml", 1, 100, 190),
    ]
    assert database.query("SELECT SUM(rows) FROM beamshred_ledger") == [(7,)]


def test_empty_batch(database, loader):
    assert load(loader) == (BatchResult(""), [])


def test_rerun_skips_and_changes_nothing(database, loader):
    load(loader, order("A", 0))
    before = database.query("SELECT * FROM beamshred_ledger")
    result, _ = load(loader, order("A", 0), run="run 2")
    assert (counts(result), result.rows) == ({"skipped": 1}, {})
    assert database.query("SELECT * FROM beamshred_ledger") == before


def test_contracts_do_not_share_keys(database, loader):
    load(loader, order("A", 0))
    database.execute("DELETE FROM order_lines", "DELETE FROM orders")
    result, _ = load_batch(loader, Schema("other", SCHEMA.tables), [order("A", 0)], LoadPolicy("run 2"))
    assert counts(result) == {"loaded": 1}


@pytest.mark.parametrize(
    ("on_existing", "expected", "customer"),
    [("skip", {"skipped": 1, "changed": 1}, "ann"), ("replace", {"replaced": 1}, "bob")],
)
def test_changed_record(database, loader, on_existing, expected, customer):
    load(loader, order("A", 0), order("B", 1))
    result, _ = load(loader, order("A", 0, "bob", lines=1), run="run 2", on_existing=on_existing)
    assert counts(result) == expected
    assert database.orders() == {"A": (customer, 1 if customer == "bob" else 2), "B": ("ann", 2)}


def test_replace_is_in_the_ledger(database, loader):
    load(loader, order("A", 0))
    loaded_at = database.ledger("loaded_at")
    load(loader, order("A", 7, "bob", lines=1), run="run 2", on_existing="replace")
    assert database.ledger("status", "run_id", "ordinal", "rows") == [("replaced", "run 2", 7, 2)]
    assert database.ledger("loaded_at") > loaded_at


def test_replace_leaves_what_did_not_change(database, loader):
    load(loader, order("A", 0))
    loaded_at = database.ledger("loaded_at")
    result, _ = load(loader, order("A", 0), run="run 2", on_existing="replace")
    assert counts(result) == {"skipped": 1}
    assert database.ledger("status", "run_id", "loaded_at") == [("unchanged", "run 2", *loaded_at[0])]


def test_fail_names_the_record_and_loads_nothing(database, loader):
    load(loader, order("B", 1))
    with pytest.raises(LoadError, match=r"record 'B', number 1 of a\.xml, differs from what run run 1 loaded"):
        load(loader, order("A", 0), order("B", 1, "bob"), run="run 2", on_existing="fail")
    assert database.orders() == {"B": ("ann", 2)}


@pytest.mark.parametrize("records", [["ann"], ["ann", "ann"]], ids=["one", "copies"])
@pytest.mark.parametrize("on_existing", ["skip", "replace", "fail"])
def test_rerun_changes_nothing(database, loader, records, on_existing):
    input_ = [order("A", ordinal, customer) for ordinal, customer in enumerate(records)]
    load(loader, *input_)
    result, rejects = load(loader, *input_, run="run 2", on_existing=on_existing)
    assert (result.skipped, result.changed, result.rows, rejects) == (len(records), 0, {}, [])
    assert database.orders() == {"A": ("ann", 2)}


def test_refused_record_is_rejected_with_its_family(database, loader):
    records = [order(f"{number:02}", number) for number in range(20)]
    records[7] = order("07", 7, customer=None)
    records[13] = order("13", 13, lines=[("13", 1, None), ("13", 1, None)])
    result, rejects = load(loader, *records)
    assert (result.loaded, result.rejected, result.rows) == (18, 2, {"orders": 18, "lines": 36})
    assert [(r.stage, r.rule, r.path, r.key, r.ordinal, r.start, r.end) for r in rejects] == [
        ("insert", "not_null", "orders", "07", 7, 700, 790),
        ("insert", "unique", "lines", "13", 13, 1300, 1390),
    ]
    assert not {"07", "13"} & database.orders().keys()
    assert database.query("SELECT COUNT(*) FROM beamshred_ledger") == [(18,)]


def test_a_key_that_a_record_has_twice_is_told(database, loader):
    lines = [("A", 7, None), ("A", 7, None), ("A", 8, None)]
    _, [reject] = load(loader, order("A", 0, lines=lines))
    assert reject.rule == "unique"
    assert reject.message.endswith("; the record itself has several rows with order_id A, line 7 in lines")


def test_a_value_that_another_record_has_is_told(database, loader):
    database.execute("CREATE UNIQUE INDEX one_customer ON orders (customer)")
    try:
        result, [reject] = load(loader, order("A", 0, "ann"), order("B", 1, "bob"), order("C", 2, "ann"))
    finally:
        database.execute(f"DROP INDEX {'orders.' if 'mssql' in database.url else ''}one_customer")
    assert (result.loaded, reject.rule, reject.key) == (2, "unique", "C")
    assert "ann" in reject.message


def test_row_without_parent_is_rejected(database, loader):
    result, [reject] = load(loader, order("A", 0, lines=[("nobody", 1, None)]))
    assert (reject.rule, reject.path, result.rejected) == ("foreign_key", "lines", 1)


def test_value_that_cannot_be_stored_is_rejected(database, loader):
    result, [reject] = load(loader, order("A", 0, "\udcff"), order("B", 1))
    assert (result.loaded, reject.key, reject.path) == (1, "A", "orders")


def test_rejected_replacement_keeps_the_old_rows(database, loader):
    load(loader, order("A", 0))
    result, rejects = load(loader, order("A", 0, None), run="run 2", on_existing="replace")
    assert (counts(result), rejects[0].rule) == ({"rejected": 1}, "not_null")
    assert database.orders() == {"A": ("ann", 2)}
    assert database.ledger("run_id") == [("run 1",)]


def test_duplicate_of_a_rejected_record_is_loaded(database, loader):
    result, _ = load(loader, order("A", 0, None), order("A", 1, "bob"))
    assert counts(result) == {"loaded": 1, "rejected": 1}
    assert database.orders() == {"A": ("bob", 2)}


def test_absent_values_use_the_default_of_the_database(empty_database):
    empty_database.execute(
        "CREATE TABLE orders (order_id varchar(20) PRIMARY KEY,"
        " customer varchar(10) DEFAULT 'nobody', note varchar(10) DEFAULT 'none')"
    )
    columns = (
        ORDERS.columns[0],
        column("customer", "text(10)", may_be_absent=True),
        column("note", "text(10)", may_be_absent=True),
    )
    schema = Schema("shop", (Table("orders", "orders", None, columns, ("order_id",), None, ("order_id",)),))
    prepare_target(empty_database.target, schema)
    rows = [("A", ABSENT, "x"), ("B", "bob", ABSENT), ("C", None, ABSENT), ("D", ABSENT, ABSENT)]
    loader = empty_database.open()
    result, _ = load_batch(
        loader, schema, [replace(order(row[0], 0), rows={"orders": [row]}) for row in rows], LoadPolicy("run 1")
    )
    loader.close()
    assert result.rows["orders"] == 4
    assert empty_database.query("SELECT * FROM orders ORDER BY order_id") == [
        ("A", "nobody", "x"), ("B", "bob", "none"), ("C", None, "none"), ("D", "nobody", "none"),
    ]  # fmt: skip


def test_identity_values_are_kept(empty_database):
    columns = (column("id", "int", nullable=False, identity=True), column("name", "text(10)"))
    children = (column("id", "int", nullable=False), column("n", "int", nullable=False, identity=True))
    schema = Schema(
        "shop",
        (
            Table("people", "people", None, columns, ("id",), None, ("id",)),
            Table("pets", "pets", None, children, ("n",), ForeignKey(("id",), "people", ("id",)), ("id",)),
        ),
    )
    prepare_target(empty_database.target, schema)
    loader = empty_database.open()
    for run, name in ("run 1", "ann"), ("run 2", "bob"):
        rows = {"people": [(7, name), (1000, name)], "pets": [(7, 5), (7, 1), (1000, 2)]}
        record = replace(order("A", 0, name), key_values=(7,), rows=rows)
        other = replace(order("B", 1, name), key_values=(1000,), rows={})
        load_batch(loader, schema, [record, other], LoadPolicy(run, on_existing="replace"))
    loader.close()
    assert empty_database.query("SELECT * FROM people ORDER BY id") == [(7, "bob"), (1000, "bob")]
    assert empty_database.query("SELECT * FROM pets ORDER BY n") == [(7, 1), (1000, 2), (7, 5)]


def test_rows_without_optional_columns_are_handed_on_as_they_are():
    rows = [("A", "ann")]
    [(columns, same)] = by_columns(ORDERS, rows)
    assert columns == ("order_id", "customer")
    assert same is rows


def failing(loader, name, error, before=False, times=1):
    """Make a method of the database raise ``times`` times, before or after it has done its work."""
    method, left = getattr(loader, name), [times]

    def wrapper(*arguments, **options):
        if before and left[0] > 0:
            left[0] -= 1
            raise error
        result = method(*arguments, **options)
        if left[0] > 0:
            left[0] -= 1
            raise error
        return result

    setattr(loader, name, wrapper)


@pytest.mark.parametrize("method", ["begin", "find_rows", "insert_rows"])
def test_transient_error_is_tried_again(database, loader, method):
    failing(loader, method, TransientError("deadlock"), times=3)
    result, _ = load(loader, order("A", 0))
    assert (counts(result), database.orders()) == ({"loaded": 1}, {"A": ("ann", 2)})


@pytest.mark.parametrize("before", [True, False], ids=["not committed", "committed"])
def test_lost_answer_to_commit(database, loader, before):
    load(loader, order("B", 1, "old"), run="run 0")
    failing(loader, "commit", TransientError("connection lost"), before=before)
    result, _ = load(loader, order("A", 0), order("B", 1), on_existing="replace")
    assert (counts(result), result.rows) == ({"loaded": 1, "replaced": 1}, {"orders": 2, "lines": 4})
    assert database.orders() == {"A": ("ann", 2), "B": ("ann", 2)}


def test_lost_connection_is_opened_again(database, loader):
    failing(loader, "begin", TransientError("connection lost"))
    failing(loader, "rollback", RuntimeError("no connection"))
    result, _ = load(loader, order("A", 0))
    assert counts(result) == {"loaded": 1}


def test_transient_errors_end(database, loader):
    failing(loader, "begin", TransientError("deadlock"), times=1000)
    with pytest.raises(LoadError, match=r"still fails after 0\.2 seconds: deadlock"):
        load(loader, order("A", 0), retry_seconds=0.2)


def test_fatal_error_is_no_reject(database, loader):
    database.execute("DROP TABLE order_lines")
    with pytest.raises(LoadError, match=r"failed at the table lines: .*order_lines"):
        load(loader, order("A", 0))
    assert database.query("SELECT * FROM orders") == []


def test_key_claimed_by_another_loader_is_skipped(database, loader, monkeypatch):
    load(loader, order("A", 0))
    find, looks = loader.find_rows, []

    def blind_at_first(*arguments, **options):
        looks.append(arguments)
        return [] if len(looks) == 1 else find(*arguments, **options)

    monkeypatch.setattr(loader, "find_rows", blind_at_first)
    result, rejects = load(loader, order("A", 0), order("B", 1), run="run 2")
    assert (counts(result), rejects) == ({"loaded": 1, "skipped": 1}, [])


def test_key_that_the_database_takes_for_another_is_rejected(database, loader, monkeypatch):
    load(loader, order("A", 0))
    monkeypatch.setattr(loader, "find_rows", lambda *arguments, **options: [])
    result, [reject] = load(loader, order("A", 0), order("B", 1), run="run 2")
    assert (result.loaded, reject.rule, reject.path) == (1, "unique", "beamshred_ledger")


def load_all(target: str, run: str, start, queue) -> None:
    loader = open_database(Target.parse(target))
    policy, sums = LoadPolicy(run), []
    start.wait()
    for first in range(0, 400, 20):
        result, rejects = load_batch(loader, SCHEMA, [order(f"{n:04}", n) for n in range(first, first + 20)], policy)
        sums.append((result.loaded, result.skipped, len(rejects)))
    loader.close()
    queue.put(tuple(map(sum, zip(*sums, strict=True))))


def test_two_loaders_at_once_load_each_record_once(database):
    context = multiprocessing.get_context("spawn")
    start, queue = context.Barrier(2), context.Queue()
    loaders = [context.Process(target=load_all, args=(database.target, f"run {n}", start, queue)) for n in (1, 2)]
    for process in loaders:
        process.start()
    sums = [queue.get(timeout=60) for _ in loaders]
    for process in loaders:
        process.join()
    assert tuple(map(sum, zip(*sums, strict=True))) == (400, 400, 0)
    assert len(database.orders()) == 400
    assert database.query("SELECT COUNT(*) FROM order_lines") == [(800,)]
