"""Lines of a source: what a record's reject says of the record's lines becomes what an editor shows.

Readers do not count lines. They are counted when a reject is written, in files that can be read as they are: each
part of a file once in a process.
"""

from __future__ import annotations

import os
import re
import stat
import threading
from array import array
from collections import OrderedDict
from dataclasses import replace
from typing import IO

from transforms.filesystems import is_local
from transforms.records import Reject

MOST_BYTES = 1 << 30
"""How far into a file lines are counted: about a second."""

_BLOCK_BYTES = 64 << 10
_MOST_FILES = 16
_PLACE = re.compile(r"line (\d+)(?:, byte (\d+))? of the record")

_counted: OrderedDict[tuple[str, int, int], array[int]] = OrderedDict()
"""The line ends before each block of a file: by its path, size and time of change."""
_lock = threading.Lock()
"""Runners that are not ours may write rejects in several threads."""


def in_source(reject: Reject) -> Reject:
    """The reject with places in its source instead of in the record, if that is there as it was read."""
    if reject.stage != "parse" or not reject.payload or reject.start is None or not _PLACE.search(reject.message):
        return reject
    start = reject.start
    above = lines_before(reject.source, start, reject.payload)
    if above is None:
        return reject

    def place(match: re.Match[str]) -> str:
        line = f"line {int(match[1]) + above}"
        return f"{line}, byte {int(match[2]) + start}" if match[2] else line

    return replace(reject, message=_PLACE.sub(place, reject.message))


def lines_before(source: str, start: int, payload: bytes) -> int | None:
    """How many lines end before a record; ``None`` where it is not there as it was: compressed, in UTF-16, changed."""
    if not is_local(source) or start > MOST_BYTES:
        return None
    try:
        # What is not a plain file might block, and can be read only once.
        if not stat.S_ISREG(os.stat(source).st_mode):
            return None
        with open(source, "rb") as file:
            file.seek(start)
            if file.read(len(payload)) != payload:
                return None
            with _lock:
                return _count(file, source, start)
    except (OSError, ValueError):
        return None


def _count(file: IO[bytes], source: str, start: int) -> int:
    status = os.fstat(file.fileno())
    version = source, status.st_size, status.st_mtime_ns
    blocks = _counted.setdefault(version, array("Q", [0]))
    _counted.move_to_end(version)
    if len(_counted) > _MOST_FILES:
        _counted.popitem(last=False)
    wanted, rest = divmod(start, _BLOCK_BYTES)
    file.seek(min(wanted, len(blocks) - 1) * _BLOCK_BYTES)
    while len(blocks) <= wanted:
        blocks.append(blocks[-1] + file.read(_BLOCK_BYTES).count(b"\n"))
    return blocks[wanted] + file.read(rest).count(b"\n")
