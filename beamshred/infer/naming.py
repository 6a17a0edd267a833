"""Names for tables and columns: small letters and underscores, each once whatever its case, none too long."""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_BYTES = 60
"""PostgreSQL cuts names at 63 bytes; indexes and keys are named after tables."""

GOOD_LENGTH = 32
"""Longer names lose their first parts where they stay unique."""

_LONGEST_SUFFIX = len("_9999")


def snake(name: str) -> str:
    """``CurrencyCode`` as ``currency_code``, ``IBAN`` as ``iban``, ``HTTPServer`` as ``http_server``."""
    words = re.sub(r"(?<=[^\W\d_])(?=[A-Z][a-z])|(?<=[a-z\d])(?=[A-Z])", "_", name)
    return re.sub(r"\W+|_+", "_", words).strip("_").lower() or "value"


class Names:
    """The names of one table, or of all tables: each is given once."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = {name.casefold() for name in taken}

    def give(self, parts: Iterable[str]) -> str:
        """A free name from these parts; of a long one, the first parts go, because the last say most."""
        words = [snake(part) for part in parts]
        short = words
        while len(short) > 2 and len("_".join(short)) > GOOD_LENGTH:
            short = short[1:]
        if "_".join(short).casefold() not in self.taken:
            words = short
        while len(words) > 1 and len("_".join(words).encode()) > MAX_BYTES:
            words = words[1:]
        name = _cut("_".join(words), MAX_BYTES)
        if name[0].isdigit():
            name = f"n{name}"
        free, number = name, 1
        while free.casefold() in self.taken:
            number += 1
            free = f"{_cut(name, MAX_BYTES - _LONGEST_SUFFIX)}_{number}"
        self.taken.add(free.casefold())
        return free


def _cut(name: str, size: int) -> str:
    return name.encode()[:size].decode(errors="ignore").rstrip("_")
