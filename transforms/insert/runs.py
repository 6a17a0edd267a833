"""Runs that have not ended: the same command goes on under the run's own id.

A record that was loaded before the run was interrupted is then one of the same run, so that of records with one key the
same one ends in the tables as if nothing had happened, and the report is that of the whole run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TypeVar

from transforms.database.database import Database, session
from transforms.database.errors import LoadError, RefusedError
from transforms.insert.ledger import RUNS
from transforms.insert.prepare import TargetError
from transforms.insert.retry import RETRY_SECONDS, opened, retried
from transforms.schema import Schema

T = TypeVar("T")

_KEY = ("contract", "fingerprint", "input")
_THIS_RUN = replace(RUNS, record_key=(*_KEY, "run_id"))
_STATE = ("run_id", "started_at", "ended_at")
_TRIES = 3


@dataclass(frozen=True)
class Run:
    """A run of a contract over an input; ``goes_on``: it was begun by an earlier command."""

    run_id: str
    started: datetime
    goes_on: bool = False


def begin_run(
    target: str | Database,
    schema: Schema,
    input_id: str,
    new: Run,
    changed_since: Callable[[datetime], bool] = lambda moment: False,
    retry_seconds: float = RETRY_SECONDS,
) -> Run:
    """The run of this contract over this input that has not ended, or ``new``.

    ``input_id`` is a text of up to 64 characters that tells inputs apart. A run whose input has changed since it began
    (``changed_since``) is not gone on with: what it loaded is then what an earlier run has loaded. Raises
    :class:`TargetError` where the target cannot be used.
    """
    key = (schema.contract, schema.fingerprint or "", input_id)

    def begin() -> Run:
        rows = database.find_rows(RUNS, _STATE, dict(zip(_KEY, key, strict=True)), lock=True)
        if rows:
            run_id, started_at, ended_at = rows[0]
            started = datetime.fromisoformat(started_at)
            if ended_at is None and not changed_since(started):
                return Run(run_id, started, goes_on=True)
            database.update_rows(RUNS, _STATE, [(new.run_id, _text(new.started), None, *key)])
        else:
            database.insert_rows(RUNS, RUNS.column_names, [(*key, new.run_id, _text(new.started), None)])
        return new

    try:
        with opened(target, retry_seconds) as database:
            for _ in range(_TRIES):
                try:
                    return retried(database.target, retry_seconds, lambda: _transaction(database, begin))
                except RefusedError as error:
                    refused = error  # another command has begun the same run meanwhile
            raise TargetError(f"{database.target} failed: {refused}")
    except LoadError as error:
        raise TargetError(str(error)) from None


def end_run(
    target: str | Database, schema: Schema, input_id: str, run: Run, retry_seconds: float = RETRY_SECONDS
) -> None:
    """Say that the run has read all of its input; nothing where another command has begun a new one meanwhile.

    Raises :class:`LoadError` as loading does.
    """
    key = (schema.contract, schema.fingerprint or "", input_id)

    def end() -> None:
        database.update_rows(_THIS_RUN, ("ended_at",), [(_text(datetime.now(timezone.utc)), *key, run.run_id)])

    with opened(target, retry_seconds) as database:
        retried(database.target, retry_seconds, lambda: _transaction(database, end))


def _transaction(database: Database, action: Callable[[], T]) -> T:
    with session(database, RUNS.label):
        database.begin()
        result = action()
        database.commit()
    return result


def _text(moment: datetime) -> str:
    # Drivers give moments back in many forms, and a text in one.
    return moment.astimezone(timezone.utc).isoformat()
