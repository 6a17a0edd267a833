"""Splits: the parts of the input that are handed to the readers. They carry places, never payloads.

A big plain file is indexed once and becomes many splits of exact byte ranges. A file that is small,
compressed or in an encoding that cannot be scanned as it is, is one split, which its reader scans.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, islice

from transforms.names import RecordPath
from transforms.read.encoding import HEAD_BYTES, BrokenInput, detect
from transforms.read.files import SourceFile, ending_in, open_input, open_plain, unpacked_limit
from transforms.read.scan import Damage, Span, scan
from transforms.read.wanted import RecordPlace, Wanted, records_at
from transforms.records import Context, Reject, XmlRecord

SPLIT_BYTES = 1 << 20
"""How many bytes of input a split of a big file holds, about."""
MAX_RECORD_BYTES = 64 << 20
"""The longest record that is read."""

_MAX_SPLIT_RECORDS = 10_000
_READ_BYTES = 4 << 20


@dataclass(frozen=True)
class Split:
    """Records to read from one file, from the ``first``-th (from 0): those at ``spans``, or all of them.

    ``source``, ``path``, ``max_unpacked`` and ``fault`` are those of :class:`~transforms.read.files.SourceFile`;
    ``input_bytes`` are the bytes of the file that the split stands for. A span is (start, end, index into
    ``contexts``). ``damage`` is what ends a broken file; ``most`` is how many records are wanted; ``wanted`` says
    which, where rejects are read again.
    """

    source: str
    path: str
    input_bytes: int
    first: int = 0
    spans: tuple[tuple[int, int, int], ...] | None = None
    contexts: tuple[Context, ...] = ()
    damage: Reject | None = None
    most: int | None = None
    wanted: Wanted | None = None
    max_unpacked: int | None = None
    fault: tuple[str, str] | None = None

    @classmethod
    def of(cls, file: SourceFile) -> Split:
        """All of a file, to be scanned by who reads it."""
        limit = unpacked_limit(file.size, file.max_unpacked) if file.compressed else None
        return cls(file.source, file.path, file.size, max_unpacked=limit, fault=file.fault)


def plan_splits(file: SourceFile, path: RecordPath, split_bytes: int = SPLIT_BYTES) -> Iterator[Split]:
    """Cut a file into splits of about ``split_bytes``, in document order. Damage goes with the last."""
    splits = _all_splits(file, path, split_bytes)
    return splits if file.wanted is None else _narrowed(splits, file, file.wanted)


def _all_splits(file: SourceFile, path: RecordPath, split_bytes: int) -> Iterator[Split]:
    if file.compressed or file.size <= split_bytes or path.depth == 1:
        yield Split.of(file)
        return
    with closing(open_plain(file.path)) as stored:
        try:
            scannable = detect(stored.read(HEAD_BYTES)).scannable
        except BrokenInput:
            scannable = True  # The scan tells.
        if not scannable:
            yield Split.of(file)
            return
        stored.seek(0)
        yield from _cut(file, scan(ending_in(stored.read, file.fault), path), split_bytes)


def _narrowed(splits: Iterable[Split], file: SourceFile, wanted: Wanted) -> Iterator[Split]:
    """Those of the splits of a file that hold what is wanted; at the end, one that tells what was not found."""
    end, place = 0, 0
    for split in splits:
        if split.spans is None:
            yield replace(split, wanted=wanted)
            return
        found = [RecordPlace(at, start, end) for at, (start, end, _) in enumerate(split.spans, split.first)]
        if split.damage is not None:
            found.append(RecordPlace(split.first + len(found), split.damage.start or 0, file.size))
        if wanted.has_moved_rest(found, place):
            yield Split(file.source, file.path, 0, spans=(), damage=wanted.rest_not_found(file.source))
            wanted = replace(wanted, rest=None)
        end, place = split.first + len(found), found[-1].end
        here, wanted = wanted.divided(end)
        if here:
            yield replace(split, wanted=here)
        if not wanted:
            return
    if wanted.is_missing_behind(end):
        yield Split(file.source, file.path, 0, end, (), wanted=wanted)


def _cut(file: SourceFile, items: Iterator[Span | Damage], split_bytes: int) -> Iterator[Split]:
    first = cut = 0
    spans: list[tuple[int, int, int]] = []
    contexts: dict[Context, int] = {}
    context, index = None, 0

    def split(end: int, damage: Reject | None = None) -> Split:
        return Split(file.source, file.path, end - cut, first, tuple(spans), tuple(contexts), damage)

    for item in items:
        if isinstance(item, Damage):
            yield split(file.size, _reject(item, file.source, first + len(spans), file.size))
            return
        if item.context is not context:
            context = item.context
            index = contexts.setdefault(context, len(contexts))
        spans.append((item.start, item.end, index))
        if item.end - cut >= split_bytes or len(spans) == _MAX_SPLIT_RECORDS:
            yield split(item.end)
            first, cut = first + len(spans), item.end
            spans, contexts, context = [], {}, None
    if spans:
        yield split(file.size)


def read_split(
    split: Split, path: RecordPath, max_record_bytes: int = MAX_RECORD_BYTES
) -> Iterator[XmlRecord | Reject]:
    """The records of a split, in document order; in place of one that is too long or damaged, a reject."""
    items = _scan_file(split, path, max_record_bytes) if split.spans is None else _read_spans(split, max_record_bytes)
    found = records_of(items, split.source, max_record_bytes, split.first)
    if split.damage is not None:
        found = chain(found, (split.damage,))
    if split.wanted is not None:
        found = split.wanted.select(found, split.source, split.first)
    return islice(found, split.most)


def read_splits_again(
    splits: Iterable[Split], path: RecordPath, max_record_bytes: int, places: Collection[tuple[str, int]]
) -> Iterator[XmlRecord]:
    """The records of splits at these places, sources and ordinals: each split that may hold some is read once."""
    for split in splits:
        ordinals = [ordinal for source, ordinal in places if source == split.source]
        if ordinals and (split.spans is None or any(0 <= at - split.first < len(split.spans) for at in ordinals)):
            yield from records_at(read_split(split, path, max_record_bytes), places)


def read_files_again(
    path: RecordPath, max_record_bytes: int, places: Collection[tuple[str, int]]
) -> Iterator[XmlRecord]:
    """The same from files that were not planned: each is read once."""
    splits = (Split(source, source, 0) for source in sorted({source for source, _ in places}))
    return read_splits_again(splits, path, max_record_bytes, places)


def records_of(
    items: Iterable[Span | Damage], source: str, max_record_bytes: int, first: int = 0
) -> Iterator[XmlRecord | Reject]:
    """What a scan of a source found, from its ``first``-th record, as records and rejects."""
    for ordinal, item in enumerate(items, first):
        if isinstance(item, Damage):
            yield _reject(item, source, ordinal)
        elif item.payload is None:
            message = (
                f"the record has {item.end - item.start:,} bytes, --max_record_bytes allows {max_record_bytes:,}; "
                "raise it to load the record"
            )
            yield Reject("read", "max_record_bytes", message, source, ordinal, item.start, item.end)
        else:
            yield XmlRecord(source, ordinal, item.start, item.end, item.payload, item.context)


def _scan_file(split: Split, path: RecordPath, max_record_bytes: int) -> Iterator[Span | Damage]:
    with open_input(split.path, split.max_unpacked, split.fault) as read:
        yield from scan(read, path, keep_bytes=max_record_bytes)


def _read_spans(split: Split, max_record_bytes: int) -> Iterator[Span]:
    assert split.spans is not None
    if not split.spans:
        return
    with closing(open_plain(split.path)) as file:
        base, data = 0, b""
        for position, (start, end, index) in enumerate(split.spans):
            payload = None
            if end - start <= max_record_bytes:
                if end > base + len(data):
                    base = start
                    file.seek(base)
                    data = file.read(_run_end(split.spans, position) - base)
                payload = data[start - base : end - base]
                if len(payload) < end - start:
                    raise OSError(
                        f"{split.path} changed while it was read: it ends at {base + len(data)}, before {end}"
                    )
            yield Span(start, end, split.contexts[index], payload)


def _run_end(spans: tuple[tuple[int, int, int], ...], position: int) -> int:
    """Where to read to so that one read serves the record at ``position`` and those that follow closely."""
    start, run_end, _ = spans[position]
    for _, end, _ in islice(spans, position + 1, None):
        if end - start > _READ_BYTES:
            break
        run_end = end
    return run_end


def _reject(damage: Damage, source: str, ordinal: int, end: int | None = None) -> Reject:
    return Reject(
        "read", damage.rule, damage.message, source, ordinal, damage.start, damage.end if end is None else end,
        payload=damage.sample, is_rest=True,
    )  # fmt: skip
