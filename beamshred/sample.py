"""Some records of an input, read and parsed by the stages themselves: for the tools that look and load nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.inputs import make_input
from pipeline.options import JobOptions
from pipeline.slices import FIRST_SLICE_BYTES, Slicer, SliceSizes
from transforms import Contract, RecordPath
from transforms.limits import DEFAULT_MAX_RECORD_BYTES
from transforms.parse.parser import RecordParser
from transforms.read.files import SourceFile
from transforms.read.parts import read_part
from transforms.read.splits import Split, read_split
from transforms.records import ParsedRecord, Reject


def sample(
    files: Iterable[SourceFile],
    path: RecordPath,
    limit: int | None = None,
    each: int | None = None,
    files_most: int | None = None,
) -> Iterator[ParsedRecord | Reject]:
    """The first ``limit`` records of files, parsed; in place of a damaged one, its reject.

    ``each`` bounds those of one file, ``files_most`` the files.
    """
    parser = RecordParser()

    def of_file(file: SourceFile) -> Iterator[ParsedRecord | Reject]:
        for record in read_split(Split.of(file), path, DEFAULT_MAX_RECORD_BYTES):
            yield record if isinstance(record, Reject) else parser.parse(record)

    return islice((record for file in islice(files, files_most) for record in islice(of_file(file), each)), limit)


def sample_of_input(flags: JobOptions, contract: Contract, limit: int | None = None) -> Iterator[ParsedRecord | Reject]:
    """The first records of what the flags say is read: files, a column of a table, or rejects."""
    path = RecordPath.parse(contract.record.path, contract.namespaces)
    given = make_input(flags, contract)
    column = getattr(given, "column", None)
    parser = RecordParser(flags.max_record_bytes, flags.max_depth)
    with TemporaryDirectory(prefix="beamshred-") as folder:
        slicer = Slicer(path, SliceSizes(FIRST_SLICE_BYTES, 1, FIRST_SLICE_BYTES), Path(folder), limit)
        with closing(slicer), closing(given.slices(slicer)) as slices:
            found = (
                record
                for part in slices
                for split in part.splits
                for record in read_part(split, path, flags.max_record_bytes, column)
            )
            for record in islice(found, limit):
                yield record if isinstance(record, Reject) else parser.parse(record)
