"""Trying again what may succeed the next time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TypeVar

import tenacity

from transforms.database.database import Database, translated
from transforms.database.errors import LoadError, TransientError
from transforms.database.opening import open_database
from transforms.database.target import Target
from transforms.limits import RETRY_SECONDS as RETRY_SECONDS

T = TypeVar("T")

_logger = logging.getLogger(__name__)


def retried(target: Target, seconds: float, action: Callable[[], T]) -> T:
    """Do what may meet transient errors until it succeeds; raise :class:`LoadError` after ``seconds``."""

    def log(state: tenacity.RetryCallState) -> None:
        _logger.warning(
            "%s: try %d failed, trying again for up to %g seconds: %s",
            target, state.attempt_number, seconds, state.outcome and state.outcome.exception(),
        )  # fmt: skip

    try:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientError),
            wait=tenacity.wait_random_exponential(multiplier=0.1, max=10),
            stop=tenacity.stop_after_delay(seconds),
            before_sleep=log,
            reraise=True,
        )(action)
    except TransientError as error:
        raise LoadError(f"{target} still fails after {seconds:g} seconds: {error}") from None


@contextmanager
def opened(target: str | Database, seconds: float, odbc_insert: str | None = None) -> Iterator[Database]:
    """The database of a target, not yet connected; one that is given as a database is left open at the end."""
    if isinstance(target, Database):
        yield target
        return
    parsed = Target.parse(target)
    # ODBC is asked what is behind it.
    with closing(retried(parsed, seconds, lambda: open_database(parsed, odbc_insert))) as database:
        yield database


def connected(target: str, seconds: float, odbc_insert: str | None = None) -> Database:
    """An open connection to a target, which may be away for so long; raises :class:`LoadError` as :func:`retried`."""
    parsed = Target.parse(target)

    def connect() -> Database:
        database = open_database(parsed, odbc_insert)
        with translated(database):
            database.connect()
        return database

    return retried(parsed, seconds, connect)
