"""XML documents in a column of a table: which rows there are, and reading them.

The rows are handed to the readers as ranges of their key, ``after < key <= up_to``. The ranges are planned ahead, a
page of keys at a time, each page from behind the last one: no ``OFFSET``, and the first range is there at once
however long the table is. The key is one column or several that tell the rows apart; the database should have an
index on them.

A row plays the part that a file plays elsewhere. Its *source* is a name by which it can be found again, as
``dbo.app_xml?app_id=4711``; ordinals and spans are those of the records in its document. The document may be

* text (varchar, nvarchar, text, xml). Its characters are what counts: an encoding that it declares is that of a file
  which is gone. Spans are those of its UTF-8;
* bytes (varbinary, bytea, blob), in any encoding that a file may have, plain or compressed by gzip.

A row whose document is NULL, or has nothing in it, is a reject of the rule ``empty``; one whose key is NULL, by which
it could not be told from others, of the rule ``no_key``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from io import BytesIO
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import sqlalchemy as sa

from transforms.database.target import Target
from transforms.names import RecordPath
from transforms.read.connect import InputError, engine_of, reading
from transforms.read.encoding import Peekable, Read
from transforms.read.files import GZIP_MAGIC, gunzip, unpacked_limit
from transforms.read.scan import scan
from transforms.read.splits import MAX_RECORD_BYTES, SPLIT_BYTES, records_of
from transforms.read.wanted import Wanted, records_at
from transforms.read.window import SAMPLE_BYTES
from transforms.records import Reject, XmlRecord

Key = tuple[Any, ...]

_PAGE_ROWS = 10_000
_SAMPLE_ROWS = 50
_FETCH_BYTES = 4 << 20
_MOST_FETCHED = 1000
_COMPRESSION = 10
"""How many bytes of XML a byte of gzip is taken for."""

_DECLARED_ENCODING = re.compile(
    rb"""\A(<\?xml\s[^>]*?)\sencoding\s*=\s*(?:"(?!utf-?8")[^"]*"|'(?!utf-?8')[^']*')""", re.I
)


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


def check_column(column: XmlColumn) -> None:
    """Raise :class:`InputError` where the rows cannot be read: no connection, no such table or column, keys of NULL."""
    source = _source(column)
    if source.fetch(sa.select(*source.keys).where(*source.chosen, source.no_key).limit(1)):
        names = ", ".join(column.key)
        raise InputError(
            f"{column.table} has rows without a key, {names} is NULL: give --input_key columns that every row has, or"
            f" leave these rows out by --input_where '{column.key[0]} IS NOT NULL'"
        )


def input_bytes(column: XmlColumn) -> int:
    """About how many bytes there are to read."""
    source = _source(column)
    [[rows]] = source.fetch(sa.select(sa.func.count(source.keys[0])).where(*source.wanted))
    return rows * source.row_bytes()


def plan_ranges(column: XmlColumn, range_bytes: int = SPLIT_BYTES) -> Iterator[KeyRange]:
    """Cut the rows into ranges of about ``range_bytes`` of documents, in the order of the key.

    Raises :class:`InputError` where the source cannot be read.
    """
    source = _source(column)
    row_bytes = source.row_bytes()
    size = min(max(range_bytes // row_bytes, 1), _PAGE_ROWS)
    if keyless := source.count_keyless():
        yield KeyRange(None, None, keyless, keyless * row_bytes)
    after: Key | None = None
    while page := source.page(after, _PAGE_ROWS // size * size):
        if page[0] == after:
            # Dates of SQL Server, say, that Python rounds: the row would be read in no range, or for ever.
            raise InputError(
                f"the key {', '.join(column.key)} of {column.table} does not compare equal to itself when it comes back"
                f" from the program: {after!r}; give another --input_key"
            )
        for start in range(0, len(page), size):
            keys = page[start : start + size]
            yield KeyRange(after, keys[-1], len(keys), len(keys) * row_bytes)
            after = keys[-1]


def read_range(
    column: XmlColumn, part: KeyRange, path: RecordPath, max_record_bytes: int = MAX_RECORD_BYTES
) -> Iterator[XmlRecord | Reject]:
    """The records of a range, in the order of the key; in place of what cannot be read, a reject.

    Raises :class:`InputError` where the source cannot be read, or two rows have the same key.
    """
    if part.up_to is None:
        return islice((_keyless(column, key, value) for key, value in _source(column).keyless_rows()), part.most)
    items = (
        item
        for key, value in _source(column).rows(part, part.up_to)
        for item in _records(column, column.source(key), value, path, max_record_bytes)
    )
    return islice(items, part.most)


def read_rows(
    column: XmlColumn, part: RowsAgain, path: RecordPath, max_record_bytes: int = MAX_RECORD_BYTES
) -> Iterator[XmlRecord | Reject]:
    """What is wanted of single rows. Raises :class:`InputError` where the source cannot be read."""
    items = (
        item for source, wanted in part.rows for item in _wanted_of_row(column, source, wanted, path, max_record_bytes)
    )
    return islice(items, part.most)


def read_column_again(
    column: XmlColumn, path: RecordPath, max_record_bytes: int, places: Collection[tuple[str, int]]
) -> Iterator[XmlRecord]:
    """The records at these places, sources and ordinals."""
    for source in sorted({source for source, _ in places}):
        for value in _documents(column, source):
            yield from records_at(_records(column, source, value, path, max_record_bytes), places)


def _wanted_of_row(
    column: XmlColumn, source: str, wanted: Wanted, path: RecordPath, max_record_bytes: int
) -> Iterator[XmlRecord | Reject]:
    values = _documents(column, source)
    if not values:
        return replace(wanted, is_gone=True).select((), source)
    return wanted.select(_records(column, source, values[0], path, max_record_bytes), source)


def _documents(column: XmlColumn, source: str) -> list[Any]:
    """The document of the row of this name, if there is such a row."""
    texts = [text for _, text in parse_qsl(source[len(column.table) + 1 :], keep_blank_values=True)]
    return _source(column).documents_at(texts)


def _records(
    column: XmlColumn, source: str, value: Any, path: RecordPath, max_record_bytes: int
) -> Iterator[XmlRecord | Reject]:
    if value is None:
        yield Reject("read", "empty", f"the column {column.column} is NULL", source, 0, 0, 0, payload=b"", is_rest=True)
        return
    try:
        read = _opened(source, value, column.max_unpacked)
    except UnicodeEncodeError as error:
        message = f"character {error.start} of the text is {error.object[error.start]!r}, no character of Unicode"
        payload = error.object.encode("utf-8", "backslashreplace")
        yield Reject("read", "encoding", message, source, 0, 0, len(payload), payload=payload, is_rest=True)
        return
    yield from records_of(scan(read, path, keep_bytes=max_record_bytes), source, max_record_bytes)


def _keyless(column: XmlColumn, key: Key, value: Any) -> Reject:
    message = f"{', '.join(column.key)} is NULL: give --input_key columns that every row has"
    try:
        sample = Peekable(_opened(column.table, value, column.max_unpacked)).peek(SAMPLE_BYTES)
    except UnicodeEncodeError:
        sample = b""
    return Reject("read", "no_key", message, column.source(key), 0, 0, len(sample), payload=sample, is_rest=True)


def _opened(source: str, value: Any, max_unpacked: int | None) -> Read:
    """The function that reads the bytes of a document as the database holds it."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        if not data.startswith(GZIP_MAGIC):
            return BytesIO(data).read
        return gunzip(BytesIO(data), source, unpacked_limit(len(data), max_unpacked))
    # Only the encoding is taken off: a declaration that tells no lie stays, as it would in a file.
    return BytesIO(_DECLARED_ENCODING.sub(rb"\1", str(value).removeprefix("\ufeff").encode(), count=1)).read


@lru_cache(maxsize=8)
def _source(column: XmlColumn) -> _Source:
    return _Source(column)


class _Source:
    """A column to read from, with the connection and the SQL for it."""

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

    def fetch(self, statement: sa.Select[Any]) -> Sequence[Any]:
        with reading(self.target), self.engine.connect() as connection:
            return connection.execute(statement).fetchall()

    def page(self, after: Key | None, size: int) -> list[Key]:
        """The next ``size`` keys behind ``after``."""
        statement = sa.select(*self.keys).where(*self.with_key, *self._behind(after))
        return [tuple(key) for key in self.fetch(statement.order_by(*self.keys).limit(size))]

    def count_keyless(self) -> int:
        """How many rows have no key."""
        [[rows]] = self.fetch(sa.select(sa.func.count()).where(*self.wanted, self.no_key))
        return int(rows)

    def keyless_rows(self) -> Iterator[tuple[Key, Any]]:
        """What there is of the key, and the document, of the rows without one."""
        with reading(self.target), self.engine.connect() as connection:
            connection = connection.execution_options(yield_per=1)
            statement = sa.select(*self.keys, self.document).where(*self.wanted, self.no_key)
            for *columns, value in connection.execute(statement):
                yield tuple(columns), value

    def rows(self, part: KeyRange, up_to: Key) -> Iterator[tuple[Key, Any]]:
        """Key and document of the rows of a range, as they come from the database."""
        statement = (
            sa.select(*self.keys, self.document)
            .where(*self.with_key, *self._behind(part.after), _compared(self.keys, up_to, operator.lt, operator.le))
            .order_by(*self.keys)
        )
        rows_at_once = _FETCH_BYTES * part.rows // max(part.input_bytes, 1)
        before: Key | None = None
        with reading(self.target), self.engine.connect() as connection:
            connection = connection.execution_options(yield_per=min(max(rows_at_once, 1), _MOST_FETCHED))
            for *columns, value in connection.execute(statement):
                key = tuple(columns)
                if key == before:
                    raise InputError(
                        f"several rows have the key {self.column.source(key)}: give --input_key columns that tell the"
                        " rows apart"
                    )
                before = key
                yield key, value

    def documents_at(self, texts: Sequence[str]) -> list[Any]:
        """The document of the row with this key, given as texts, if there is one."""
        if len(texts) != len(self.keys):
            return []
        conditions = [key == _bound(key, value) for key, value in zip(self.keys, self._key_of(texts), strict=True)]
        return [value for (value,) in self.fetch(sa.select(self.document).where(*conditions).limit(1))]

    def row_bytes(self) -> int:
        """The bytes of a document as the first rows have them, at least 1."""
        statement = sa.select(self.document).where(*self.wanted)
        values = [value for (value,) in self.fetch(statement.order_by(*self.keys).limit(_SAMPLE_ROWS))]
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
        found = self.fetch(sa.select(*self.keys).where(*self.chosen).limit(1))
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
            # Texts of two collations cannot be compared, and the ledger's keys have this one.
            text = text.collate("Latin1_General_100_BIN2")
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
        raise InputError(f"{text!r} is no value of the key, which is a number such as {example}") from None


def _size(value: Any) -> int:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return len(value) * (_COMPRESSION if bytes(value[:2]) == GZIP_MAGIC else 1)
    return 0 if value is None else len(str(value))
