"""Loading row families into a database: each record exactly once, one transaction for each batch.

    prepare_target("sqlite:///statements.db", schema)        # once, before the pipeline
    results = (
        batches                                               # of GroupIntoBatches
        | beam.ParDo(BulkInsertDoFn("sqlite:///statements.db", schema, run_id)).with_outputs(REJECTS, main="results")
    )

:mod:`~transforms.database.target` says what a target can be, :mod:`~transforms.insert.ledger` how a record is loaded
exactly once, :mod:`~transforms.insert.load` what happens to a batch, :mod:`transforms.database` what a database must be
able to do.
"""

from transforms.database.errors import LoadError
from transforms.database.opening import open_database
from transforms.database.target import Target
from transforms.insert.decide import DUPLICATE_KEY, LoadPolicy
from transforms.insert.duplicates import counters_of_tally, settle
from transforms.insert.load import load_batch
from transforms.insert.prepare import TargetError, prepare_target, writers
from transforms.insert.retry import connected
from transforms.insert.runs import Run, begin_run, end_run

__all__ = [
    "DUPLICATE_KEY",
    "LoadError",
    "LoadPolicy",
    "Run",
    "Target",
    "TargetError",
    "begin_run",
    "connected",
    "counters_of_tally",
    "end_run",
    "load_batch",
    "open_database",
    "prepare_target",
    "settle",
    "writers",
]
