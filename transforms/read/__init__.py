"""Read XML documents from files and from a column of a table: the plain functions.

:mod:`transforms.read.transform` has the Beam transforms that are made of them.
"""

from transforms.read.columns import (
    check_column,
    input_bytes,
    plan_ranges,
    read_column_again,
    read_range,
    read_rows,
)
from transforms.read.files import SourceFile, changed_at, expand, find_file, unpack
from transforms.read.parts import Part, read_part
from transforms.read.reject_lines import RejectLines, RejectPlan, plan_rejects, read_rejects, reject_files
from transforms.read.rows import KeyRange, Loaded, RowsAgain, XmlColumn
from transforms.read.splits import (
    MAX_RECORD_BYTES,
    SPLIT_BYTES,
    Split,
    plan_splits,
    read_files_again,
    read_split,
    read_splits_again,
)
from transforms.read.wanted import Wanted, records_at
from transforms.user_errors import InputError

__all__ = [
    "MAX_RECORD_BYTES", "SPLIT_BYTES", "InputError", "KeyRange", "Loaded", "Part", "RejectLines", "RejectPlan",
    "RowsAgain", "SourceFile", "Split", "Wanted", "XmlColumn", "changed_at", "check_column", "expand", "find_file",
    "input_bytes", "plan_ranges", "plan_rejects", "plan_splits", "read_column_again", "read_files_again",
    "read_part", "read_range", "read_rejects", "read_rows", "read_split", "read_splits_again", "records_at",
    "reject_files", "unpack",
]  # fmt: skip
