"""Rejects as an input: the files of :mod:`transforms.rejects`, read again after the contract or the data was mended.

A record is what its line says, place and payload, wherever its source is now: it gives the same rows and the same entry
in the ledger as it would from its source. A payload that was changed by hand is taken as it is; it must still be one
record. What has no payload in its line is read from its source again, if it is there: see
:mod:`transforms.read.wanted`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from io import BytesIO
from itertools import islice

from transforms.filesystems import is_local, join
from transforms.names import RecordPath
from transforms.read.files import find_files, open_plain
from transforms.read.scan import Damage, Span, scan
from transforms.read.splits import SPLIT_BYTES
from transforms.read.wanted import RecordPlace, Wanted
from transforms.records import Context, Reject, XmlRecord
from transforms.rejects import reject_of_json
from transforms.user_errors import InputError

_SUFFIX = ".jsonl"


@dataclass(frozen=True)
class RejectLines:
    """Lines of a file of rejects, from byte ``start`` to ``end`` and from the ``first``-th (from 1).

    ``most`` is how many records are wanted of them.
    """

    path: str
    start: int
    end: int
    first: int
    most: int | None = None

    @property
    def input_bytes(self) -> int:
        return self.end - self.start


@dataclass
class RejectPlan:
    """What files of rejects hold: ``lines`` to read, and what is ``wanted`` of sources; ``rejects`` counts all."""

    lines: list[RejectLines] = field(default_factory=list)
    wanted: dict[str, Wanted] = field(default_factory=dict)
    rejects: int = 0


def reject_files(pattern: str) -> list[str]:
    """The files of rejects that an input means: one, a glob of them, or a folder; none where it is something else."""
    if pattern.endswith(_SUFFIX):
        return [file.path for file in find_files(pattern)]
    if _is_folder_of_rejects(pattern):
        return [file.path for file in find_files(join(pattern, f"*{_SUFFIX}"))]
    return []


def _is_folder_of_rejects(pattern: str) -> bool:
    if not is_local(pattern):
        return pattern.rstrip("/").endswith("/rejects")
    try:
        with os.scandir(pattern) as entries:
            return any(entry.name.endswith(_SUFFIX) for entry in entries)
    except OSError:
        return False


def plan_rejects(paths: Iterable[str], split_bytes: int = SPLIT_BYTES) -> RejectPlan:
    """Read all lines once. Raises :class:`InputError` for one that is no reject, before anything is loaded."""
    plan = RejectPlan()
    records: dict[str, dict[int, RecordPlace]] = {}
    rests: dict[str, RecordPlace] = {}
    for path in paths:
        start, first, end, number, is_needed = 0, 1, 0, 0, False
        for number, line, end in _numbered(path, 0, 1):
            reject = _parsed(path, number, line)
            if reject is None:
                continue
            plan.rejects += 1
            place = _place(reject)
            if place is None:
                is_needed = True
            elif not reject.is_rest:
                records.setdefault(reject.source, {})[place.ordinal] = place
            elif reject.source not in rests or place < rests[reject.source]:
                rests[reject.source] = place
            if end - start >= split_bytes:
                plan.lines += [RejectLines(path, start, end, first)] if is_needed else []
                start, first, is_needed = end, number + 1, False
        plan.lines += [RejectLines(path, start, end, first)] if is_needed else []
    for source in sorted(records.keys() | rests.keys()):
        places = tuple(sorted(records.get(source, {}).values()))
        plan.wanted[source] = Wanted(places, rests.get(source))
    return plan


def _place(reject: Reject) -> RecordPlace | None:
    """The place of a reject whose record must be read from its source."""
    if reject.payload is not None or reject.ordinal is None or reject.start is None:
        return None
    return RecordPlace(reject.ordinal, reject.start, reject.end or reject.start)


def read_rejects(part: RejectLines, path: RecordPath) -> Iterator[XmlRecord | Reject]:
    """The records that these lines hold. A line that has neither a record nor its place is a reject again."""
    return islice(_read(part, path), part.most)


def _read(part: RejectLines, path: RecordPath) -> Iterator[XmlRecord | Reject]:
    for number, line, _ in _numbered(part.path, part.start, part.first, part.end):
        reject = _parsed(part.path, number, line)
        if reject is None or _place(reject) is not None:
            continue
        if reject.payload is None:
            message = f"neither the record nor its place was kept: load the source again, by --input {reject.source}"
            yield Reject("read", "not_kept", message, reject.source, reject.ordinal, key=reject.key)
        else:
            yield _record(reject, path)


def _record(reject: Reject, path: RecordPath) -> XmlRecord | Reject:
    """The record of a line. Its payload is looked at as in its document: it may have been changed by hand."""
    payload, context = reject.payload or b"", reject.context or Context()
    before = context.prolog + context.open_tags
    found = list(islice(scan(BytesIO(before + payload + context.close_tags).read, path, keep_bytes=len(payload)), 2))
    [item] = found if len(found) == 1 else [None]
    if isinstance(item, Span) and item.payload is not None and path.depth == context.depth + 1:
        around = payload[: max(item.start - len(before), 0)] + payload[item.end - len(before) :]
        if not around.strip():
            return XmlRecord(
                reject.source, reject.ordinal or 0, reject.start or 0, reject.end or 0, item.payload, context
            )
    problem = next((f": {item.message}" for item in found if isinstance(item, Damage)), "")
    message = f"the payload is not one record of the path {path}{problem}"
    return replace(reject, stage="parse", rule="payload", message=message, path=None)


def _parsed(path: str, number: int, line: bytes) -> Reject | None:
    if not line.strip():
        return None
    try:
        return reject_of_json(line)
    except ValueError as error:
        raise InputError(f"{path}, line {number}: {error}") from None


def _numbered(path: str, start: int, first: int, end: int | None = None) -> Iterator[tuple[int, bytes, int]]:
    """The lines of a file from a place on: number, text, and where each ends."""
    with closing(open_plain(path)) as file:
        file.seek(start)
        number = first
        while (end is None or start < end) and (line := file.readline()):
            start += len(line)
            yield number, line, start
            number += 1
