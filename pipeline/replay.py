"""Rejects as a job's input, and what a replay has left open."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any

from pipeline.slices import Slice, Slicer
from transforms import (
    Contract,
    Part,
    RecordPath,
    RowsAgain,
    SourceFile,
    Split,
    Target,
    XmlColumn,
    XmlRecord,
    changed_at,
    find_file,
    plan_rejects,
    plan_splits,
    read_part,
    records_at,
    reject_files,
)
from transforms.filesystems import is_local
from transforms.read.files import open_plain
from transforms.rejects import ReadAgain, reject_of_json

MOST_NAMED = 1000
"""Open rejects that the report names one by one; the files of rejects have them all."""

_ROWS_AT_ONCE = 100
_ROW_BYTES = 10_000


@dataclass(frozen=True)
class ReplayInput:
    """The rejects of earlier runs: ``parts`` are lines that hold their records, or single rows.

    ``files`` are read again; ``paths`` are those of the files of rejects, ``rejects`` counts what they hold; ``column``
    is where rows are.
    """

    paths: tuple[str, ...]
    rejects: int
    parts: tuple[Part, ...]
    files: tuple[SourceFile, ...]
    column: XmlColumn | None

    def slices(self, slicer: Slicer) -> Generator[Slice, None, None]:
        slicer.sizes.total = sum(part.input_bytes for part in self.parts) + sum(file.size for file in self.files)
        yield from slicer.of_parts(self.parts, self.column)
        yield from slicer.of_files(self.files, slicer.sizes.total)

    def of_run(self, run_id: str) -> ReplayInput:
        return self

    def changed_since(self, moment: datetime) -> bool:
        """Whether rejects or sources were changed after that moment, as far as their filesystems tell."""
        files = chain(filter(None, map(find_file, self.paths)), self.files)
        return any(changed_at(file) > moment.timestamp() for file in files)

    def read_again(self, contract: Contract, max_record_bytes: int, parts: tuple[Part, ...] | None = None) -> ReadAgain:
        path = RecordPath.parse(contract.record.path, contract.namespaces)
        parts, files = (self.parts, self.files) if parts is None else (parts, ())
        return partial(_again, parts, files, path, max_record_bytes, self.column)

    def mask(self, text: str) -> str:
        return text if self.column is None else without_secrets(text, self.column)

    def is_in(self, folder: str) -> bool:
        """Whether a file of rejects lies below this folder."""
        within = os.path.join(_real(folder), "")
        return any(_real(path).startswith(within) for path in self.paths)


def without_secrets(text: str, column: XmlColumn) -> str:
    """``text`` without the secrets of the database that the column is in."""
    target = Target.parse(column.url)
    return target.mask(text).replace(column.url, str(target))


def make_replay(paths: Iterable[str], column: XmlColumn | None, max_unpacked: int | None = None) -> ReplayInput:
    """The input that these files of rejects mean; :class:`InputError` where a line is not a reject."""
    plan = plan_rejects(paths)
    parts: list[Part] = list(plan.lines)
    files, rows = [], []
    for source, wanted in plan.wanted.items():
        if column is not None and source.startswith(f"{column.table}?"):
            rows.append((source, wanted))
        elif file := find_file(source):
            files.append(replace(file, wanted=wanted, max_unpacked=max_unpacked))
        else:
            parts.append(Split(source, source, 0, spans=(), wanted=replace(wanted, is_gone=True)))
    for at in range(0, len(rows), _ROWS_AT_ONCE):
        some = tuple(rows[at : at + _ROWS_AT_ONCE])
        parts.append(RowsAgain(some, len(some) * _ROW_BYTES))
    return ReplayInput(tuple(paths), plan.rejects, tuple(parts), tuple(files), column)


def _again(
    parts: Iterable[Part],
    files: Iterable[SourceFile],
    path: RecordPath,
    max_record_bytes: int,
    column: XmlColumn | None,
    places: Collection[tuple[str, int]],
) -> Iterator[XmlRecord]:
    sources = {source for source, _ in places}
    planned = (split for file in files if file.source in sources for split in plan_splits(file, path))
    for part in chain(parts, planned):
        if not isinstance(part, Split) or part.source in sources:
            yield from records_at(read_part(part, path, max_record_bytes, column), places)


def still_open(folder: str) -> dict[str, Any]:
    """What the files of rejects of a replay say: how many are open, by stage and rule, and which the first are."""
    rules: Counter[str] = Counter()
    named: list[dict[str, Any]] = []
    for path in reject_files(folder):
        with closing(open_plain(path)) as file:
            for line in file:
                reject = reject_of_json(line)
                rules[f"{reject.stage}.{reject.rule}"] += 1
                if len(named) < MOST_NAMED:
                    named.append({"source": reject.source, "ordinal": reject.ordinal, "rule": reject.rule})
    return {"open": sum(rules.values()), "open_by_rule": dict(sorted(rules.items())), "first_open": named}


def _real(path: str) -> str:
    return os.path.realpath(path) if is_local(path) else path
