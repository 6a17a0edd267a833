"""Rejects as lines of JSON: what could not be loaded, why, and the record itself.

    {"stage": "map", "rule": "date", "path": "order.placed", "message": "...", "source": "/in/orders.xml",
     "ordinal": 17, "span": [9120, 9733], "key": "4711",
     "context": {"prolog": "", "open_tags": "<orders>", "close_tags": "</orders>", "depth": 1},
     "payload": "<order ...>...</order>"}

``context`` is what is above the record in its document: with it, the line is all that is needed to load the record.
Where they are no UTF-8, ``encoding`` names their encoding; what is no text is in base64, as ``payload_base64``. Of
a source that cannot be read from a place on, the line has ``"rest": true`` and, in place of a payload, a ``sample``.

The files hold personal data: they, and a folder that is made for them, are for their owner alone.
"""

from __future__ import annotations

import base64
import codecs
import json
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from itertools import chain
from typing import IO, Any

import orjson

from transforms.filesystems import is_local, join
from transforms.limits import FULL, NONE
from transforms.lines import in_source
from transforms.records import Context, Reject, XmlRecord

logger = logging.getLogger(__name__)

ReadAgain = Callable[[frozenset[tuple[str, int]]], Iterable[XmlRecord]]
"""Reads records again, in one pass over their sources: those with these sources and ordinals."""

_MOST_WAITING = 50_000
"""Rejects that wait for a pass over their sources: a pass takes as long for one, and they take memory."""

_DECLARED = re.compile(rb"""<\?xml\s[^>]{0,200}?encoding\s*=\s*["']([A-Za-z][\w.\-]*)""")


def reject_to_json(reject: Reject) -> bytes:
    """One reject as a line of JSON, without the line end."""
    line: dict[str, Any] = {
        "stage": reject.stage,
        "rule": reject.rule,
        "path": reject.path,
        "message": reject.message,
        "source": reject.source,
        "ordinal": reject.ordinal,
        "span": None if reject.start is None else [reject.start, reject.end],
        "key": reject.key,
    }
    if reject.details is not None:
        line["details"] = reject.details
    if reject.is_rest:
        line["rest"] = True
    line |= _content(reject)
    try:
        return orjson.dumps(line)
    except orjson.JSONEncodeError:
        # A file name need not be UTF-8 text; Python escapes what it cannot write.
        return json.dumps(line).encode()


def _content(reject: Reject) -> dict[str, Any]:
    payload, context = reject.payload, reject.context
    name = "sample" if reject.is_rest else "payload"
    if payload is None:
        return {name: None}
    texts = (payload, context.prolog, context.open_tags, context.close_tags) if context else (payload,)
    for encoding in ("utf-8", _declared_encoding(texts)):
        try:
            decoded = [text.decode(encoding) for text in texts]
            if tuple(text.encode(encoding) for text in decoded) == texts:
                break
        except (UnicodeError, LookupError):
            continue
    else:
        encoding, decoded = "base64", [base64.b64encode(text).decode() for text in texts]
    line: dict[str, Any] = {} if encoding in ("utf-8", "base64") else {"encoding": encoding}
    if context is not None:
        prolog, open_tags, close_tags = decoded[1:]
        line["context"] = {"prolog": prolog, "open_tags": open_tags, "close_tags": close_tags, "depth": context.depth}
    return line | {f"{name}_base64" if encoding == "base64" else name: decoded[0]}


def _declared_encoding(texts: tuple[bytes, ...]) -> str:
    found = next(filter(None, (_DECLARED.match(text) for text in texts)), None)
    return found[1].decode("ascii").lower() if found else "utf-8"


def reject_of_json(line: bytes) -> Reject:
    """The reject that a line says, perhaps changed by hand; ``ValueError`` where it is not one.

    A payload without its context, as earlier versions wrote it, is left out: without that it may mean something else.
    """
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        found = json.loads(line)  # of a source whose name is no Unicode
    if not isinstance(found, dict):
        raise ValueError("a reject must be a JSON object")
    try:
        start, end = found["span"] or (None, None)
        reject = Reject(
            found["stage"], found["rule"], found["message"], found["source"], found["ordinal"], start, end,
            found["path"], found["key"], is_rest=found.get("rest") is True,
        )  # fmt: skip
        payload, context = _read_content(found)
    except (KeyError, TypeError, ValueError, LookupError) as error:
        what = f"{error.args[0]!r} is missing" if type(error) is KeyError else str(error)
        raise ValueError(f"it is not a line of a file of rejects: {what}") from None
    numbers = (reject.ordinal, reject.start, reject.end)
    if not isinstance(reject.source, str) or not all(type(number) in (int, type(None)) for number in numbers):
        raise ValueError("it is not a line of a file of rejects: `source` is a text; `ordinal` and `span` are numbers")
    if payload is None or context is None or reject.is_rest or reject.ordinal is None or reject.start is None:
        return reject
    return reject.with_payload(
        XmlRecord(reject.source, reject.ordinal, reject.start, reject.end or 0, payload, context)
    )


def _read_content(line: dict[str, Any]) -> tuple[bytes | None, Context | None]:
    encoding = codecs.lookup(line.get("encoding", "utf-8")).name

    def encoded(text: str) -> bytes:
        # What the encoding lacks, somebody has written by hand: XML has a way to say it.
        return text.encode(encoding, "xmlcharrefreplace")

    payload, encode = line.get("payload"), encoded
    if payload is None:
        payload, encode = line.get("payload_base64"), lambda text: base64.b64decode(text, validate=True)
    given = line.get("context")
    if payload is None or given is None:
        return None, None
    prolog, open_tags, close_tags = (encode(given[name]) for name in ("prolog", "open_tags", "close_tags"))
    return encode(payload), Context(prolog, open_tags, close_tags, int(given["depth"]))


def kept(reject: Reject, keep: str) -> tuple[str, Reject]:
    """A reject's stage, and what is to be written of it."""
    if keep != NONE:
        reject = in_source(reject)
    if keep != FULL:
        reject = reject.without_payload()
    return reject.stage, reject if keep != NONE else reject.without_place()


def write_rejects(
    rejects: Iterable[Reject],
    folder: str,
    name: str,
    stage: str,
    read_again: ReadAgain | None = None,
    keep: str = FULL,
) -> None:
    """Write rejects of one stage as :class:`~transforms.sink.WriteRejects` does, without a pipeline."""
    found = (kept(reject, keep)[1] for reject in rejects)
    for first in found:
        write_group((stage, chain([first], found)), folder, name, read_again if keep == FULL else None)


def write_group(
    group: tuple[str, Iterable[Reject]],
    folder: str,
    name: str | Callable[[], str],
    read_again: ReadAgain | None = None,
) -> str:
    stage, rejects = group
    path = join(folder, f"{name if isinstance(name, str) else name()}-{stage}.jsonl")
    partial = path + ".partial"
    try:
        with closing(_create(partial)) as file:
            for reject in _with_payloads(rejects, read_again):
                file.write(reject_to_json(reject) + b"\n")
    except OSError as error:
        with suppress(OSError):
            _delete(partial)  # what there is of it may fill the disk
        raise OSError(f"the rejects cannot be written to {folder}: {error.strerror or error}") from None
    _rename(partial, path)
    return path


def _create(path: str) -> IO[bytes]:
    """A new file; a local one is for its owner alone from the first byte on."""
    if not is_local(path):
        from apache_beam.io.filesystems import FileSystems

        return FileSystems.create(path, "application/x-ndjson")
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _delete(path: str) -> None:
    if is_local(path):
        os.remove(path)
        return
    from apache_beam.io.filesystems import FileSystems

    FileSystems.delete([path])


def _rename(path: str, name: str) -> None:
    if is_local(path):
        os.replace(path, name)
        return
    from apache_beam.io.filesystems import FileSystems

    if FileSystems.exists(name):
        FileSystems.delete([name])
    FileSystems.rename([path], [name])


def _with_payloads(rejects: Iterable[Reject], read_again: ReadAgain | None) -> Iterator[Reject]:
    """The rejects; those that came without their record are last, with what a pass over their sources finds."""
    without: dict[tuple[str, int], list[Reject]] = {}
    for reject in rejects:
        if read_again is None or reject.payload is not None or reject.stage == "read" or reject.ordinal is None:
            yield reject
            continue
        without.setdefault((reject.source, reject.ordinal), []).append(reject)
        if len(without) == _MOST_WAITING:
            yield from _read_again(without, read_again)
            without = {}
    if read_again is not None and without:
        yield from _read_again(without, read_again)


def _read_again(without: dict[tuple[str, int], list[Reject]], read_again: ReadAgain) -> Iterator[Reject]:
    try:
        for record in read_again(frozenset(without)):
            yield from (reject.with_payload(record) for reject in without.pop((record.source, record.ordinal), ()))
    except (OSError, ValueError) as error:
        logger.warning("%s; its rejects are written without their records", error)
    for rest in without.values():
        yield from rest
