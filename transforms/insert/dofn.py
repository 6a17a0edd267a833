"""BulkInsertDoFn: blocks of row families in, transactions out."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.transforms.display import DisplayDataItem

from transforms import coders as coders
from transforms import cores
from transforms.blocks import Batch, families_of
from transforms.cores import lent
from transforms.database.database import Database
from transforms.database.opening import open_database
from transforms.database.target import Target, is_reference
from transforms.insert.decide import ON_EXISTING, LoadPolicy
from transforms.insert.duplicates import counters_of_tally, settle
from transforms.insert.load import load_batch
from transforms.insert.retry import RETRY_SECONDS, connected
from transforms.metrics import NAMESPACE, SKIPPED, count, count_reject, spent
from transforms.records import REJECTS, BatchResult, Reject
from transforms.schema import Schema


@beam.typehints.with_input_types(Batch)
@beam.typehints.with_output_types(BatchResult)
class BulkInsertDoFn(beam.DoFn):
    """Load a :class:`Batch` of row families, one transaction for each ``batch_size`` records at most.

    The output is a :class:`BatchResult` for each batch; rejects come on the output tagged ``rejects``. The tables and
    the ledger must exist: :func:`prepare_target` makes them.

    Metrics (:mod:`transforms.metrics`): counters ``loaded``, ``skipped``, ``replaced``, ``changed``, ``duplicates``,
    ``superseded``, ``contract_changed``, ``rows.<table>`` and ``rejects.insert.<rule>``; distributions
    ``insert.batch_records`` and ``insert.batch_msec``.

    Args:
        target: as in :mod:`transforms.database.target`; ``env:`` and ``file:`` are read on the workers, too.
        schema: the tables, parents first.
        run_id: names this run in the ledger; a batch that comes again in the same run is not loaded again.
        batch_size: the most records of one transaction.
        on_existing: for a record that another run has loaded and that has changed since: ``skip`` it, ``replace`` its
            rows, or ``fail``.
        retry_seconds: how long a batch is tried again after deadlocks, timeouts and lost connections.
        odbc_insert: how rows go through ODBC: ``json`` (SQL Server), ``fast`` or ``plain``; ``None``: what is best for
            the driver and the server.

    Raises:
        ValueError: for any of these that cannot be; the target is not connected to.
    """

    def __init__(
        self,
        target: str,
        schema: Schema,
        run_id: str,
        batch_size: int = 500,
        on_existing: str = "skip",
        retry_seconds: float = RETRY_SECONDS,
        odbc_insert: str | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
        if on_existing not in ON_EXISTING:
            raise ValueError(f"on_existing is {on_existing!r}; it must be one of {', '.join(ON_EXISTING)}")
        if retry_seconds < 0:
            raise ValueError(f"retry_seconds is {retry_seconds}; it must not be negative")
        if not run_id:
            raise ValueError("run_id is empty; the ledger tells runs apart by it")
        parsed = Target.parse(target)
        if parsed.url is not None:
            open_database(parsed, odbc_insert)
        self._shown_target = target if is_reference(target) else str(parsed)
        self._target = target
        self._odbc_insert = odbc_insert
        self._schema = schema
        self._batch_size = batch_size
        self._policy = LoadPolicy(run_id, on_existing, retry_seconds, schema.fingerprint)
        self._database: Database | None = None
        self._batch_records = Metrics.distribution(NAMESPACE, "insert.batch_records")
        self._batch_msec = Metrics.distribution(NAMESPACE, "insert.batch_msec")

    def display_data(self) -> dict[str, Any]:
        return {
            "target": DisplayDataItem(self._shown_target, label="Target"),
            "contract": DisplayDataItem(self._schema.contract, label="Contract"),
            "run_id": DisplayDataItem(self._policy.run_id, label="Run"),
            "batch_size": DisplayDataItem(self._batch_size, label="Records in a transaction"),
            "on_existing": DisplayDataItem(self._policy.on_existing, label="On changed records"),
        }

    def setup(self) -> None:
        self._database = _idle.pop((self._target, self._odbc_insert), None)
        if self._database is None:
            with lent():
                self._database = connected(self._target, self._policy.retry_seconds, self._odbc_insert)

    def process(self, batch: Batch) -> Iterator[BatchResult | beam.pvalue.TaggedOutput]:
        assert self._database is not None, "setup comes before process"
        for families in families_of(batch, self._batch_size):
            with lent():
                began = monotonic()
                result, rejects = load_batch(self._database, self._schema, families, self._policy, batch.shard)
                took = monotonic() - began
            self._batch_records.update(len(families))
            spent["insert"] += took
            self._batch_msec.update(round(1000 * took))
            _count(result, rejects)
            yield result
            for reject in rejects:
                yield beam.pvalue.TaggedOutput(REJECTS, reject)

    def teardown(self) -> None:
        if self._database is None:
            return
        if cores.shared is None:
            self._database.close()
        else:
            _idle[self._target, self._odbc_insert] = self._database


_idle: dict[tuple[str, str | None], Database] = {}
"""Connections of a worker of a local run, between two slices: to make one takes a far server as long as a batch. If one
is lost meanwhile, the first batch fails, and is tried again by another."""


class SettleDoFn(beam.DoFn):
    """Say what becomes of the records whose key another record of the run has, when all batches are loaded.

    Takes one element, whatever it is; gives rejects, and corrects the counters of :class:`BulkInsertDoFn`
    (:mod:`transforms.insert.duplicates`). The arguments are the same.
    """

    def __init__(
        self, target: str, schema: Schema, run_id: str, on_existing: str = "skip", retry_seconds: float = RETRY_SECONDS
    ) -> None:
        self._target = target
        self._schema = schema
        self._policy = LoadPolicy(run_id, on_existing, retry_seconds, schema.fingerprint)
        self._database: Database | None = None

    def setup(self) -> None:
        self._database = connected(self._target, self._policy.retry_seconds)

    def process(self, element: object) -> Iterator[Reject]:
        assert self._database is not None, "setup comes before process"
        for tally, rejects in settle(self._database, self._schema, self._policy):
            for name, by in counters_of_tally(tally).items():
                count(name, by)
            for reject in rejects:
                count_reject(reject)
                yield reject

    def teardown(self) -> None:
        if self._database is not None:
            self._database.close()


def _count(result: BatchResult, rejects: list[Reject]) -> None:
    for name in ("loaded", "skipped", "replaced", *SKIPPED):
        if by := getattr(result, name):
            count(name, by)
    for label, by in result.rows.items():
        count(f"rows.{label}", by)
    for reject in rejects:
        count_reject(reject)
