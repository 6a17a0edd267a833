"""What a launcher asks the target about: the ledger of a run, and how many connections are free."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

from transforms.insert.database import Database, LoadError, RefusedError, TransientError, open_database, translated
from transforms.insert.ledger import LEDGER, LOADED, REPLACED
from transforms.insert.prepare import TargetError
from transforms.target import Target

T = TypeVar("T")


def loaded_by(target: str, run_id: str) -> dict[str, int]:
    """How many records a run has ``loaded`` and ``replaced``, says the ledger; :class:`TargetError` if it cannot."""

    def count(database: Database) -> dict[str, int]:
        database.connect()
        database.begin()
        database.cursor.execute(
            f"SELECT status, count(*) FROM {database.table_name(LEDGER)} WHERE run_id = {database.placeholder}"
            " GROUP BY status",
            (run_id,),
        )
        found = dict(map(tuple, database.cursor.fetchall()))
        database.commit()
        return {status: int(found.get(status, 0)) for status in (LOADED, REPLACED)}

    return _asked(target, count)


def free_connections(target: str) -> int | None:
    """How many more connections the target takes; ``None`` where it does not say. :class:`TargetError` if it cannot."""

    def ask(database: Database) -> int | None:
        if database.max_writers is not None:
            return None  # and a file that is not there must not be made
        database.connect()
        return database.free_connections()

    return _asked(target, ask)


def _asked(target: str, ask: Callable[[Database], T]) -> T:
    parsed = Target.parse(target)
    try:
        database = open_database(parsed)
        with translated(database), closing(database):
            return ask(database)
    except (LoadError, RefusedError, TransientError) as error:
        raise TargetError(f"{parsed} cannot be asked: {error}") from None
