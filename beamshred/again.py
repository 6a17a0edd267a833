"""The bytes of a rejected record, read again from its source where the file of rejects has only its place."""

from __future__ import annotations

import codecs
from contextlib import closing

from transforms.read.encoding import HEAD_BYTES, BrokenInput, Peekable, Read, detect
from transforms.read.files import SourceFile, changed_at, find_file, open_input, open_plain, unpacked_limit
from transforms.records import Reject
from transforms.user_errors import InputError

MOST_BYTES = 64 << 20
"""Of a record, what is read."""
REST_BYTES = 4 << 10
"""What is read of a source that is damaged from a place on."""

_CHUNK_BYTES = 1 << 20


def read_again(reject: Reject, kept_at: float) -> tuple[bytes | None, str]:
    """The record, in UTF-8 where its own encoding cannot be scanned, and what is to be said of it.

    ``kept_at`` is when the reject was written: a source that was changed since then may say something else.
    """
    if reject.start is None:
        return None, "neither the record nor its place was kept (--reject_payload none)"
    size = REST_BYTES if reject.is_rest else (reject.end or reject.start) - reject.start
    try:
        file = find_file(reject.source)
        if file is None:
            return (
                None,
                "only its place was kept, and its source is not an existing file; rows of a table are not read here",
            )
        data = _bytes_at(file, reject.start, min(size, MOST_BYTES))
    except BrokenInput as error:
        return None, f"only its place was kept, and the source cannot be read there: {error.message}"
    except (OSError, ValueError, LookupError, InputError) as error:
        return None, f"only its place was kept, and the source cannot be read there: {error}"
    if changed_at(file) > kept_at:
        return data or None, "read again from its source, which has changed since then: the record may differ"
    if not data:
        return None, "only its place was kept, and the source ends before it"
    return data, "read again from its source" + (f", the first {MOST_BYTES:,} bytes" if size > MOST_BYTES else "")


def _bytes_at(file: SourceFile, start: int, size: int) -> bytes:
    if file.compressed:
        with open_input(file.path, unpacked_limit(file.size, file.max_unpacked)) as read:
            reader = Peekable(read)
            head = reader.peek(HEAD_BYTES)
            _skip(reader.read, start)
            data = reader.peek(size)
    else:
        with closing(open_plain(file.path)) as plain:
            head = plain.read(HEAD_BYTES)
            plain.seek(start)
            data = plain.read(size)
    encoding = detect(head)
    if encoding.scannable:
        return data
    # Inside a document there is no mark that says which byte comes first.
    codec = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}.get(head[:2], encoding.codec)
    if encoding.codec == "utf-32":
        codec = "utf-32-le" if head.startswith(codecs.BOM_UTF32_LE) else "utf-32-be"
    return data.decode(codec, "replace").encode()


def _skip(read: Read, size: int) -> None:
    while size and (data := read(min(size, _CHUNK_BYTES))):
        size -= len(data)
