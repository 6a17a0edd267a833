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

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from io import BytesIO
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

from transforms.names import RecordPath
from transforms.read.encoding import Peekable, Read
from transforms.read.files import GZIP_MAGIC, gunzip, unpacked_limit
from transforms.read.rows import Key, KeyRange, RowsAgain, XmlColumn, rows_of
from transforms.read.scan import scan
from transforms.read.splits import MAX_RECORD_BYTES, SPLIT_BYTES, records_of
from transforms.read.wanted import Wanted, records_at
from transforms.read.window import SAMPLE_BYTES
from transforms.records import Reject, XmlRecord
from transforms.user_errors import InputError

_PAGE_ROWS = 10_000
_DECLARED_ENCODING = re.compile(
    rb"""\A(<\?xml\s[^>]*?)\sencoding\s*=\s*(?:"(?!utf-?8")[^"]*"|'(?!utf-?8')[^']*')""", re.I
)


def check_column(column: XmlColumn) -> None:
    """Raise :class:`InputError` where the rows cannot be read: no connection, no such table or column, keys of NULL."""
    if rows_of(column).some_are_keyless():
        names = ", ".join(column.key)
        raise InputError(
            f"{column.table} has rows without a key, {names} is NULL: give --input_key columns that every row has, or"
            f" leave these rows out by --input_where '{column.key[0]} IS NOT NULL'"
        )


def input_bytes(column: XmlColumn) -> int:
    """About how many bytes there are to read."""
    rows = rows_of(column)
    return rows.count() * rows.row_bytes()


def plan_ranges(column: XmlColumn, range_bytes: int = SPLIT_BYTES) -> Iterator[KeyRange]:
    """Cut the rows into ranges of about ``range_bytes`` of documents, in the order of the key.

    Raises :class:`InputError` where the source cannot be read.
    """
    rows = rows_of(column)
    row_bytes = rows.row_bytes()
    size = min(max(range_bytes // row_bytes, 1), _PAGE_ROWS)
    if keyless := rows.count_keyless():
        yield KeyRange(None, None, keyless, keyless * row_bytes)
    after: Key | None = None
    while page := rows.page(after, _PAGE_ROWS // size * size):
        if page[0] == after:
            # Dates of SQL Server, say, that Python rounds: the row would be read in no range, or for ever.
            raise InputError(
                f"the key {', '.join(column.key)} of {column.table} does not compare equal to itself after a round trip"
                f" through the program: {after!r}; give another --input_key"
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
        return islice((_keyless(column, key, value) for key, value in rows_of(column).keyless_rows()), part.most)
    items = (
        item
        for key, value in rows_of(column).between(part, part.up_to)
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
    return rows_of(column).documents_at(texts)


def _records(
    column: XmlColumn, source: str, value: Any, path: RecordPath, max_record_bytes: int
) -> Iterator[XmlRecord | Reject]:
    if value is None:
        yield Reject("read", "empty", f"the column {column.column} is NULL", source, 0, 0, 0, payload=b"", is_rest=True)
        return
    try:
        read = _opened(source, value, column.max_unpacked)
    except UnicodeEncodeError as error:
        message = (
            f"character {error.start} of the text is {error.object[error.start]!r}, which is not a Unicode character"
        )
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
