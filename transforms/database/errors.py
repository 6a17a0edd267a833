"""What can go wrong with a database, in classes that do not depend on its driver.

They carry the driver's message without secrets, and not the driver's exception: that may show them, and may not survive
pickling.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


class LoadError(Exception):
    """The load cannot go on; the message is for people and shows no secret."""


class TransientError(Exception):
    """What failed may succeed when it is tried again: a deadlock, a timeout, a lost connection."""


class RefusedError(Exception):
    """The database refused a value or a row: ``rule`` is what it broke, ``table`` the label where it is known."""

    def __init__(self, rule: str, message: str, table: str | None = None) -> None:
        super().__init__(rule, message, table)
        self.rule, self.message, self.table = rule, message, table

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Fault:
    """What a driver's error means.

    ``kind`` is ``transient``, ``data`` (the row is at fault) or ``fatal``; ``rule`` of a data error is ``not_null``,
    ``foreign_key``, ``unique``, ``check`` or, for all others, ``database``.
    """

    kind: str
    rule: str = "database"


# Errors of connecting come without a number that tells them apart. What passes: a server that starts or stops, or has
# too many connections. What does not, and is said at once: all else that a server answers, and an unknown host.
_PASSING = re.compile(
    r"starting up|shutting down|recovery mode|accepting connections|too many|connection slots|terminating connection"
    r"|no more connections|cannot connect to server|try again"
)
_WRONG = re.compile(
    r"FATAL: |not known|No address associated|certificate|SSL was required|not support SSL|no password supplied"
)


def fault_of_connecting(message: str) -> Fault:
    """What an error means that a server or the client gives while a connection is made, or when it is lost."""
    return Fault("fatal" if _WRONG.search(message) and not _PASSING.search(message) else "transient")
