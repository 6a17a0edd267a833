"""Reading from a database: any target can be a source too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import sqlalchemy as sa

from transforms.database.engines import reading_engine
from transforms.database.errors import LoadError
from transforms.database.packages import drivers_needed
from transforms.database.target import Target
from transforms.user_errors import InputError


@lru_cache(maxsize=8)
def engine_of(url: str) -> sa.Engine:
    """The engine for a source, one in each process: a worker keeps its connection from range to range.

    ``url`` takes all forms of :mod:`transforms.database.target`. Raises :class:`InputError` where there is no such
    source or a driver is missing.
    """
    try:
        target = Target.parse(url)
    except ValueError as error:
        raise InputError(f"--input: {error}") from None
    with reading(target):
        return reading_engine(target)


@contextmanager
def reading(target: Target) -> Iterator[None]:
    """Make :class:`InputError` of what drivers raise inside: their own errors may show secrets."""
    try:
        with drivers_needed(target):
            yield
    except sa.exc.DBAPIError as error:
        message = target.mask(f"{type(error.orig).__name__}: {error.orig}")
        raise InputError(f"{target} cannot be read: {message}") from None
    except sa.exc.SQLAlchemyError as error:
        raise InputError(f"{target} cannot be read: {target.mask(str(error))}") from None
    except LoadError as error:
        raise InputError(str(error)) from None
