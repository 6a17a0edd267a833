"""Some records of an input, read and parsed by the stages themselves: for the tools that look and load nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from transforms import Contract, RecordPath, expand
from transforms.limits import DEFAULT_MAX_RECORD_BYTES
from transforms.parse.parser import RecordParser
from transforms.read.files import SourceFile
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


def sample_of(patterns: Iterable[str], contract: Contract, limit: int | None = None) -> Iterator[ParsedRecord | Reject]:
    """The same of what ``--input`` names, as a contract reads it."""
    return sample(expand(patterns), RecordPath.parse(contract.record.path, contract.namespaces), limit)
