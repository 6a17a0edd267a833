"""A table with a column of documents: its rows, in ranges, and the statements that read them.

SQLAlchemy's dialects know how names are quoted, parameters marked and results streamed; nothing else of theirs is
needed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

import sqlalchemy as sa

from transforms.database.target import Target
from transforms.read.connect import engine_of, reading
from transforms.read.files import GZIP_MAGIC
from transforms.read.wanted import Wanted
from transforms.user_errors import InputError, UserError

Key = tuple[Any, ...]
"""The values by which a row is told from others."""

_SAMPLE_ROWS = 50
_FETCH_BYTES = 4 << 20
_MOST_FETCHED = 1000
_COMPRESSION = 10
"""How many bytes of XML a byte of gzip is taken for."""


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
            raise UserError(f"a table, a column and the different columns of a key are needed, not {self!r}")
        if self.skip is not None and len(self.key) > 1:
            raise UserError(f"rows that are loaded can be skipped by a key of one column, not by {', '.join(self.key)}")

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


@lru_cache(maxsize=8)
def rows_of(column: XmlColumn) -> Rows:
    """The rows of a column, over one connection in each process."""
    return Rows(column)


class Rows:
    """The rows of a column's table, by SQL."""

    def __init__(self, column: XmlColumn) -> None:
        self.column = column
        self.engine = engine_of(column.url)
        self.target = Target.parse(column.url)
        *self.keys, self.document = self._columns()
        self.chosen: list[sa.ColumnElement[bool]] = (
            [] if column.where is None else [sa.literal_column(f"({column.where})")]
        )
        self.example = self._example()
        self.wanted = [*self.chosen, *self._bounds(), *self._not_loaded()]
        self.no_key = sa.or_(*(key.is_(None) for key in self.keys))
        # Nothing is less, equal or greater than NULL: without this, what comes behind would be lost.
        self.with_key = [*self.wanted, *(key.is_not(None) for key in self.keys)]

    def _fetch(self, statement: sa.Select[Any]) -> Sequence[Any]:
        with reading(self.target), self.engine.connect() as connection:
            return connection.execute(statement).fetchall()

    def _stream(self, statement: sa.Select[Any], at_once: int) -> Iterator[tuple[Key, Any]]:
        """Key and document, as the rows come from the database, so many at once."""
        with reading(self.target), self.engine.connect() as connection:
            for *key, value in connection.execution_options(yield_per=at_once).execute(statement):
                yield tuple(key), value

    def page(self, after: Key | None, size: int) -> list[Key]:
        """The next ``size`` keys behind ``after``."""
        statement = sa.select(*self.keys).where(*self.with_key, *self._behind(after))
        return [tuple(key) for key in self._fetch(statement.order_by(*self.keys).limit(size))]

    def count(self) -> int:
        """How many rows are wanted that have a key."""
        [[rows]] = self._fetch(sa.select(sa.func.count(self.keys[0])).where(*self.wanted))
        return int(rows)

    def some_are_keyless(self) -> bool:
        """Whether there are rows without a key, loaded or not."""
        return bool(self._fetch(sa.select(*self.keys).where(*self.chosen, self.no_key).limit(1)))

    def count_keyless(self) -> int:
        """How many rows are wanted that have no key."""
        [[rows]] = self._fetch(sa.select(sa.func.count()).where(*self.wanted, self.no_key))
        return int(rows)

    def keyless_rows(self) -> Iterator[tuple[Key, Any]]:
        """What there is of the key, and the document, of the rows without one."""
        return self._stream(sa.select(*self.keys, self.document).where(*self.wanted, self.no_key), 1)

    def between(self, part: KeyRange, up_to: Key) -> Iterator[tuple[Key, Any]]:
        """Key and document of the rows of a range, as they come from the database."""
        statement = (
            sa.select(*self.keys, self.document)
            .where(*self.with_key, *self._behind(part.after), _compared(self.keys, up_to, operator.lt, operator.le))
            .order_by(*self.keys)
        )
        at_once = _FETCH_BYTES * part.rows // max(part.input_bytes, 1)
        before: Key | None = None
        for key, value in self._stream(statement, min(max(at_once, 1), _MOST_FETCHED)):
            if key == before:
                raise InputError(
                    f"several rows have the key {self.column.source(key)}: give --input_key columns that tell the rows"
                    " apart"
                )
            before = key
            yield key, value

    def documents_at(self, texts: Sequence[str]) -> list[Any]:
        """The document of the row with this key, given as texts, if there is one."""
        if len(texts) != len(self.keys):
            return []
        conditions = [key == _bound(key, value) for key, value in zip(self.keys, self._key_of(texts), strict=True)]
        return [value for (value,) in self._fetch(sa.select(self.document).where(*conditions).limit(1))]

    def row_bytes(self) -> int:
        """The bytes of a document as the first rows have them, at least 1."""
        statement = sa.select(self.document).where(*self.wanted)
        values = [value for (value,) in self._fetch(statement.order_by(*self.keys).limit(_SAMPLE_ROWS))]
        return max(sum(map(_size, values)) // max(len(values), 1), 1)

    def _columns(self) -> list[sa.ColumnClause[Any]]:
        schema, _, name = self.column.table.rpartition(".")
        table = sa.table(name, schema=schema or None)
        types: dict[str, sa.types.TypeEngine[Any]] = {}
        with reading(self.target), self.engine.connect() as connection:
            nothing: sa.Select[Any] = (
                sa.select(sa.literal_column("*")).select_from(table).where(sa.literal_column("1 = 0"))
            )
            names = list(connection.execute(nothing).keys())
            if self.engine.dialect.name == "mssql":
                # It would convert every varchar of the column, index or not, to compare it with an nvarchar.
                found = sa.inspect(connection).get_columns(name, schema or None)
                types = {one["name"]: one["type"] for one in found if isinstance(one["type"], sa.String)}
        actual = []
        for wanted in (*self.column.key, self.column.column):
            alike = [wanted] if wanted in names else [name for name in names if name.lower() == wanted.lower()]
            if len(alike) != 1:
                raise InputError(f"{self.column.table} has no column {wanted!r}; it has {', '.join(names)}")
            actual += alike
        columns = {name: sa.column(name, types.get(name)) for name in actual}
        sa.table(name, *columns.values(), schema=schema or None)
        return [columns[name] for name in actual]

    def _example(self) -> Key | None:
        """The key of some row: it shows the types."""
        found = self._fetch(sa.select(*self.keys).where(*self.chosen).limit(1))
        key = tuple(found[0]) if found else None
        if any(isinstance(value, (bytes, bytearray, memoryview)) for value in key or ()):
            raise InputError(
                f"the key {', '.join(self.column.key)} of {self.column.table} is binary: give a number or a text"
            )
        return key

    def _bounds(self) -> Iterator[sa.ColumnElement[bool]]:
        for text, compare in ((self.column.first, operator.ge), (self.column.last, operator.le)):
            if text is not None:
                yield compare(self.keys[0], _bound(self.keys[0], self._key_of([text])[0]))

    def _key_of(self, texts: Sequence[str]) -> Key:
        if self.example is None:
            return tuple(texts)
        return tuple(_like(example, text) for example, text in zip(self.example, texts, strict=False))

    def _not_loaded(self) -> Iterator[sa.ColumnElement[bool]]:
        """Not in the ledger as a record with the row's own key, read from this very row.

        The first condition is the ledger's primary key; the second makes it safe whatever key the document has.
        """
        skip = self.column.skip
        if skip is None:
            return
        ledger = sa.table(
            skip.ledger, sa.column("contract"), sa.column("record_key"), sa.column("source"), sa.column("run_id")
        )
        [key] = self.keys
        text: sa.ColumnElement[str] = sa.cast(key, sa.Unicode(400))
        if self.engine.dialect.name == "mssql":
            from transforms.database.dialects.mssql import EXACT_COLLATION

            # Texts of two collations cannot be compared, and the ledger's keys have this one.
            text = text.collate(EXACT_COLLATION)
        prefix = self.column.source(("",))
        of_other_runs = [ledger.c.run_id != skip.run_id] if skip.run_id else []
        yield ~sa.exists().where(
            ledger.c.contract == skip.contract,
            ledger.c.record_key == text,
            ledger.c.source == sa.literal(prefix) + text,
            *of_other_runs,
        )

    def _behind(self, after: Key | None) -> list[sa.ColumnElement[bool]]:
        return [] if after is None else [_compared(self.keys, after, operator.gt, operator.gt)]


_OR_EQUAL = {operator.lt: operator.le, operator.gt: operator.ge}


def _compared(
    keys: Sequence[sa.ColumnClause[Any]], values: Key, strictly: Callable[..., Any], last: Callable[..., Any]
) -> sa.ColumnElement[bool]:
    """``(a, b) < (1, 2)`` in words that all databases know, and can use an index for: a <= 1 AND (a < 1 OR b < 2).

    ``last`` is the comparison of the last column.
    """
    key, value = keys[0], _bound(keys[0], values[0])
    if len(keys) == 1:
        return last(key, value)
    rest = _compared(keys[1:], values[1:], strictly, last)
    return sa.and_(_OR_EQUAL[strictly](key, value), sa.or_(strictly(key, value), rest))


def _bound(key: sa.ColumnClause[Any], value: Any) -> sa.BindParameter[Any]:
    # With a type of its own, a value would be converted; it goes back as it came.
    return sa.bindparam(None, value, type_=key.type, unique=True)


def _like(example: Any, text: str) -> Any:
    """The text of a key as a value of the example's type, where that is a number."""
    if not isinstance(example, (int, float, Decimal)):
        return text
    try:
        return type(example)(text)
    except (ValueError, InvalidOperation):
        raise InputError(f"{text!r} is not a value of the key, which is a number such as {example}") from None


def _size(value: Any) -> int:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return len(value) * (_COMPRESSION if bytes(value[:2]) == GZIP_MAGIC else 1)
    return 0 if value is None else len(str(value))
