"""A column of XML documents, and the parts of it that readers are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from transforms.read.wanted import Wanted

Key = tuple[Any, ...]
"""The values by which a row is told from others."""


@dataclass(frozen=True)
class Loaded:
    """Which rows are loaded already: the ``ledger`` of the same database says so, for this ``contract``.

    What the run ``run_id`` itself has loaded is not among them: a part of the input that is read again, after a process
    died, must give the same records again.
    """

    ledger: str
    contract: str
    run_id: str = ""


@dataclass(frozen=True)
class XmlColumn:
    """The documents in a column of a table.

    ``url`` is a database in any of the forms of :mod:`transforms.database.target`; ``table`` may have its schema before
    it, as ``dbo.app_xml``; ``key`` names the columns that tell the rows apart. ``where`` is a condition in the
    database's SQL.
    ``first`` and ``last`` bound the first column of the key; both belong to what is read. ``skip`` leaves out the rows
    whose document was loaded as a record with the row's own key: for documents that are one record, with one key.
    ``max_unpacked`` bounds the bytes of a document that is compressed.
    """

    url: str = field(repr=False)
    table: str
    key: tuple[str, ...]
    column: str
    where: str | None = None
    first: str | None = None
    last: str | None = None
    skip: Loaded | None = None
    max_unpacked: int | None = None

    def __post_init__(self) -> None:
        if not (self.table and self.column and self.key and all(self.key)) or len(set(self.key)) < len(self.key):
            raise ValueError(f"a table, a column and the different columns of a key are needed, not {self!r}")
        if self.skip is not None and len(self.key) > 1:
            raise ValueError(
                f"rows that are loaded can be skipped by a key of one column, not by {', '.join(self.key)}"
            )

    def source(self, key: Key) -> str:
        """The name of a row, from which :func:`read_rows` finds it again."""
        named = [(name, str(value)) for name, value in zip(self.key, key, strict=True) if value is not None]
        return f"{self.table}?{urlencode(named, quote_via=quote, safe='')}"


@dataclass(frozen=True)
class KeyRange:
    """The rows with ``after < key <= up_to``: so many ``rows`` when it was planned, of about ``input_bytes``.

    Without ``up_to``, it is those that have no key. ``most`` is how many records are wanted of them.
    """

    after: Key | None
    up_to: Key | None
    rows: int
    input_bytes: int
    most: int | None = None


@dataclass(frozen=True)
class RowsAgain:
    """Single rows, by their sources, with what is wanted of each; ``most`` is how many records in all."""

    rows: tuple[tuple[str, Wanted], ...]
    input_bytes: int
    most: int | None = None
