"""What a job reads: files, or a column of a table. The launcher asks both for the same things."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pipeline.options import OptionsError
from pipeline.slices import Slice, Slicer
from transforms import (
    Contract,
    Loaded,
    ReadRanges,
    ReadSplits,
    ReadXML,
    ReadXMLColumn,
    RecordPath,
    SourceFile,
    Target,
    XmlColumn,
    changed_at,
    check_column,
    expand,
    fetch_document,
    fetch_payload,
    input_bytes,
)
from transforms.insert.ledger import LEDGER
from transforms.target import SCHEMES

_COLUMN_FLAGS = ("input_table", "input_key", "input_column", "input_where", "key_range", "skip_loaded")


@dataclass(frozen=True)
class FileInput:
    """Files, as ``--input`` names them."""

    files: tuple[SourceFile, ...]

    def size(self) -> int:
        """Bytes to read, as they are stored."""
        return sum(file.size for file in self.files)

    def slices(self, slicer: Slicer) -> Generator[Slice, None, None]:
        return slicer.slices(self.files)

    def of_run(self, run_id: str) -> FileInput:
        return self

    def changed_since(self, moment: datetime) -> bool:
        """Whether a file was changed after that moment, as far as its filesystem tells."""
        return any(changed_at(file) > moment.timestamp() for file in self.files)

    def for_worker(self) -> FileInput:
        """What a worker needs of it: the parts of a slice come by themselves, the list may be long."""
        return FileInput(())

    def read_parts(self, contract: Contract, max_record_bytes: int) -> ReadSplits:
        """The transform that reads the parts of a slice."""
        return ReadSplits(contract.record.path, contract.namespaces, max_record_bytes)

    def read_all(self, contract: Contract, max_record_bytes: int) -> ReadXML:
        """The transform that plans and reads by itself."""
        paths = [file.path for file in self.files]
        return ReadXML(paths, contract.record.path, contract.namespaces, max_record_bytes)

    def fetch(self, source: str, start: int, end: int) -> bytes:
        """Bytes of a source, read again."""
        return fetch_payload(source, start, end)

    def mask(self, text: str) -> str:
        """``text`` without the input's secrets."""
        return text


@dataclass(frozen=True)
class ColumnInput:
    """A column of a table, as ``--input_table`` and its sisters name it."""

    column: XmlColumn

    def size(self) -> int:
        return input_bytes(self.column)

    def slices(self, slicer: Slicer) -> Generator[Slice, None, None]:
        return slicer.of_column(self.column)

    def of_run(self, run_id: str) -> ColumnInput:
        """The same, where rows that this run has loaded are not left out: a slice may come again."""
        skip = self.column.skip
        return self if skip is None else ColumnInput(replace(self.column, skip=replace(skip, run_id=run_id)))

    def changed_since(self, moment: datetime) -> bool:
        """No table tells."""
        return False

    def for_worker(self) -> ColumnInput:
        return self

    def read_parts(self, contract: Contract, max_record_bytes: int) -> ReadRanges:
        return ReadRanges(self.column, contract.record.path, contract.namespaces, max_record_bytes)

    def read_all(self, contract: Contract, max_record_bytes: int) -> ReadXMLColumn:
        return ReadXMLColumn(self.column, contract.record.path, contract.namespaces, max_record_bytes)

    def fetch(self, source: str, start: int, end: int) -> bytes:
        return fetch_document(self.column, source, start, end)

    def mask(self, text: str) -> str:
        target = Target.parse(self.column.url)
        return target.mask(text).replace(self.column.url, str(target))


Input = FileInput | ColumnInput


def make_input(flags: Any, contract: Contract) -> Input:
    """The input that the flags mean; ``ValueError`` where it is none, or cannot be read."""
    if not any(getattr(flags, name) for name in _COLUMN_FLAGS):
        _refuse_urls(flags.input)
        return FileInput(tuple(expand(flags.input)))
    missing = [f"--{name}" for name in ("input_table", "input_key", "input_column") if not getattr(flags, name)]
    if missing:
        raise OptionsError(f"to read a column of a table, {' and '.join(missing)} must be given too")
    if len(flags.input) > 1:
        raise OptionsError("to read a column of a table, --input is one database; run once for each")
    first, last = _bounds(flags.key_range)
    key = tuple(name.strip() for name in flags.input_key.split(","))
    column = XmlColumn(flags.input[0], flags.input_table, key, flags.input_column, flags.input_where, first, last)
    check_column(column)
    if flags.skip_loaded:
        column = replace(column, skip=_loaded(flags, contract, column))
    return ColumnInput(column)


def input_id(flags: Any) -> str:
    """A hash of what the flags say is read: the same command gives the same, from the same folder."""
    is_column = any(getattr(flags, name) for name in _COLUMN_FLAGS)
    given = [str(Target.parse(text)) if is_column else _absolute(text) for text in flags.input]
    parts = [given, flags.limit, *(getattr(flags, name) for name in _COLUMN_FLAGS if name != "skip_loaded")]
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=32).hexdigest()


def _absolute(path: str) -> str:
    return path if "://" in path else os.path.abspath(path)


def _refuse_urls(inputs: list[str]) -> None:
    for given in inputs:
        if given.partition(":")[0].partition("+")[0] in SCHEMES:
            kind = given.partition(":")[0]
            raise OptionsError(
                f"--input is a database ({kind}:...): give --input_table, --input_key and --input_column too"
            )


def _bounds(key_range: str | None) -> tuple[str | None, str | None]:
    if key_range is None:
        return None, None
    first, colon, last = key_range.partition(":")
    if not colon or ":" in last or not (first or last):
        raise OptionsError(
            f"--key_range is {key_range!r}; write first:last, first: or :last, or say by --input_where what is read"
        )
    return first or None, last or None


def _loaded(flags: Any, contract: Contract, column: XmlColumn) -> Loaded:
    """How rows are known to be loaded; refused where the ledger cannot tell."""
    reasons = []
    if Target.parse(flags.input[0]) != Target.parse(flags.target):
        reasons.append("--input and --target must be the same database, written alike")
    if len(column.key) > 1 or len(contract.record.key) > 1:
        reasons.append("--input_key and the key of the contract's record must each be one column")
    if RecordPath.parse(contract.record.path, contract.namespaces).depth > 1:
        reasons.append(f"a record must be a whole document, and the contract's record path is {contract.record.path}")
    if flags.on_existing != "skip":
        reasons.append(f"--on_existing {flags.on_existing} must read what is loaded, to see whether it has changed")
    if reasons:
        raise OptionsError(f"--skip_loaded cannot be: {'; '.join(reasons)}")
    return Loaded(LEDGER.name, contract.contract)
