"""What a launcher asks the target about: the ledger of a run, and how many connections are free."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from transforms.database.database import Database
from transforms.database.target import Target
from transforms.insert.ledger import LEDGER, LOADED, REPLACED
from transforms.insert.prepare import TargetError, ask_target

T = TypeVar("T")


def loaded_by(target: str, run_id: str) -> dict[str, int]:
    """How many records a run has ``loaded`` and ``replaced``, says the ledger; :class:`TargetError` if it cannot."""

    def count(database: Database) -> dict[str, int]:
        table, mark = database.dialect.table_name(LEDGER), database.dialect.placeholder
        with database.reading():
            rows = database.ask(
                f"SELECT status, count(*) FROM {table} WHERE run_id = {mark} GROUP BY status", (run_id,)
            )
        found = dict(map(tuple, rows))
        return {status: int(found.get(status, 0)) for status in (LOADED, REPLACED)}

    return _asked(target, count)


def free_connections(target: str) -> int | None:
    """How many more connections the target takes; ``None`` where it does not say. :class:`TargetError` if it cannot."""
    if Target.parse(target).scheme == "sqlite":
        return None  # and a file that is not there must not be made
    return _asked(target, Database.free_connections)


def _asked(target: str, ask: Callable[[Database], T]) -> T:
    try:
        return ask_target(target, ask, retry_seconds=0)
    except TargetError as error:
        raise TargetError(f"{Target.parse(target)} cannot be queried: {error}") from None
