"""What a launcher asks the target about: the ledger of a run, and how many connections are free."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

from transforms.database.database import Database, translated
from transforms.database.errors import LoadError, RefusedError, TransientError
from transforms.database.opening import open_database
from transforms.database.target import Target
from transforms.insert.ledger import LEDGER, LOADED, REPLACED
from transforms.insert.prepare import TargetError

T = TypeVar("T")


def loaded_by(target: str, run_id: str) -> dict[str, int]:
    """How many records a run has ``loaded`` and ``replaced``, says the ledger; :class:`TargetError` if it cannot."""

    def count(database: Database) -> dict[str, int]:
        database.connect()
        database.begin()
        dialect = database.dialect
        sql = (
            f"SELECT status, count(*) FROM {dialect.table_name(LEDGER)} WHERE run_id = {dialect.placeholder}"
            " GROUP BY status"
        )
        found = dict(map(tuple, database.ask(sql, (run_id,))))
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
