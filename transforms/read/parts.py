"""The parts of an input that readers are given, of whatever kind it is."""

from __future__ import annotations

from collections.abc import Iterator

from transforms.names import RecordPath
from transforms.read.columns import read_range, read_rows
from transforms.read.reject_lines import RejectLines, read_rejects
from transforms.read.rows import KeyRange, RowsAgain, XmlColumn
from transforms.read.splits import MAX_RECORD_BYTES, Split, read_split
from transforms.records import Reject, XmlRecord

Part = Split | KeyRange | RejectLines | RowsAgain
"""What one reader reads at once."""


def read_part(
    part: Part, path: RecordPath, max_record_bytes: int = MAX_RECORD_BYTES, column: XmlColumn | None = None
) -> Iterator[XmlRecord | Reject]:
    """The records of a part, whatever it is a part of."""
    if isinstance(part, Split):
        return read_split(part, path, max_record_bytes)
    if isinstance(part, RejectLines):
        return read_rejects(part, path)
    assert column is not None, "rows are read from a column"
    if isinstance(part, RowsAgain):
        return read_rows(column, part, path, max_record_bytes)
    return read_range(column, part, path, max_record_bytes)
