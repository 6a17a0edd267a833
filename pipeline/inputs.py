"""What a job reads: files, a column of a table, or rejects. All of them offer the same methods."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import ClassVar

from pipeline.options import JobOptions, OptionsError
from pipeline.replay import ReplayInput, make_replay, without_secrets
from pipeline.slices import Slice, Slicer
from transforms import (
    Contract,
    Loaded,
    Part,
    RecordPath,
    Split,
    Target,
    XmlColumn,
    changed_at,
    check_column,
    expand,
    input_bytes,
    read_column_again,
    read_files_again,
    read_splits_again,
    reject_files,
)
from transforms.database.target import SCHEMES
from transforms.insert.ledger import LEDGER
from transforms.rejects import ReadAgain

_COLUMN_FLAGS = ("input_table", "input_key", "input_column", "input_where", "key_range", "skip_loaded")


@dataclass(frozen=True)
class FileInput:
    """Files, as ``--input`` names them: there may be more than memory holds, so they are listed while they are read."""

    patterns: tuple[str, ...]
    max_unpacked: int | None = None
    column: ClassVar[None] = None

    def slices(self, slicer: Slicer) -> Generator[Slice, None, None]:
        return slicer.of_files(expand(self.patterns, self.max_unpacked))

    def of_run(self, run_id: str) -> FileInput:
        return self

    def changed_since(self, moment: datetime) -> bool:
        """Whether a file was changed after that moment, as far as its filesystem tells."""
        return any(changed_at(file) > moment.timestamp() for file in expand(self.patterns))

    def read_again(self, contract: Contract, max_record_bytes: int, parts: tuple[Part, ...] | None = None) -> ReadAgain:
        """What reads records again: of these parts, or of all."""
        path = RecordPath.parse(contract.record.path, contract.namespaces)
        if parts is None:
            return partial(read_files_again, path, max_record_bytes)
        splits = tuple(part for part in parts if isinstance(part, Split))
        return partial(read_splits_again, splits, path, max_record_bytes)

    def mask(self, text: str) -> str:
        """``text`` without the input's secrets."""
        return text


@dataclass(frozen=True)
class ColumnInput:
    """A column of a table, as ``--input_table`` and the flags that go with it name it."""

    column: XmlColumn

    def slices(self, slicer: Slicer) -> Generator[Slice, None, None]:
        return slicer.of_column(self.column, input_bytes(self.column))

    def of_run(self, run_id: str) -> ColumnInput:
        """The same, where rows that this run has loaded are not left out: a slice may come again."""
        skip = self.column.skip
        return self if skip is None else ColumnInput(replace(self.column, skip=replace(skip, run_id=run_id)))

    def changed_since(self, moment: datetime) -> bool:
        """No table tells."""
        return False

    def read_again(self, contract: Contract, max_record_bytes: int, parts: tuple[Part, ...] | None = None) -> ReadAgain:
        path = RecordPath.parse(contract.record.path, contract.namespaces)
        return partial(read_column_again, self.column, path, max_record_bytes)

    def mask(self, text: str) -> str:
        return without_secrets(text, self.column)


Input = FileInput | ColumnInput | ReplayInput


def make_input(flags: JobOptions, contract: Contract) -> Input:
    """The input that the flags mean; :class:`UserError` where it is wrong, or cannot be read."""
    rejects = {given: files for given in flags.input if (files := reject_files(given))}
    documents = [given for given in flags.input if given not in rejects]
    has_column = any(getattr(flags, name) for name in _COLUMN_FLAGS)
    if rejects and (has_column or not documents):
        column = _column(flags, documents, contract) if has_column else None
        return make_replay([file for files in rejects.values() for file in files], column, flags.max_unpacked)
    if rejects:
        raise OptionsError(
            f"--input is rejects, {next(iter(rejects))}, and documents, {documents[0]}: run once for each"
        )
    if has_column:
        return ColumnInput(_column(flags, documents, contract))
    _refuse_urls(documents)
    expand(documents)  # raises, where one of them means nothing
    return FileInput(tuple(documents), flags.max_unpacked)


def _column(flags: JobOptions, inputs: list[str], contract: Contract) -> XmlColumn:
    if not (flags.input_table and flags.input_key and flags.input_column):
        names = ("input_table", "input_key", "input_column")
        missing = [f"--{name}" for name in names if not getattr(flags, name)]
        raise OptionsError(f"to read a column of a table, {' and '.join(missing)} must be given too")
    if len(inputs) != 1:
        raise OptionsError("to read a column of a table, --input is one database; run once for each")
    first, last = _bounds(flags.key_range)
    key = tuple(name.strip() for name in flags.input_key.split(","))
    column = XmlColumn(
        inputs[0], flags.input_table, key, flags.input_column, flags.input_where, first, last,
        max_unpacked=flags.max_unpacked,
    )  # fmt: skip
    check_column(column)
    if flags.skip_loaded:
        column = replace(column, skip=_loaded(flags, contract, column))
    return column


def input_id(flags: JobOptions) -> str:
    """A hash of what the flags say is read: the same command gives the same, from the same folder."""
    is_column = any(getattr(flags, name) for name in _COLUMN_FLAGS)
    given = [
        str(Target.parse(text)) if is_column and not reject_files(text) else _absolute(text) for text in flags.input
    ]
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
            f"--key_range is {key_range!r}; write first:last, first: or :last, or select rows by --input_where"
        )
    return first or None, last or None


def _loaded(flags: JobOptions, contract: Contract, column: XmlColumn) -> Loaded:
    """How rows are known to be loaded; refused where the ledger cannot tell."""
    reasons = []
    if Target.parse(column.url) != Target.parse(flags.target):
        reasons.append("--input and --target must be the same database, written alike")
    if len(column.key) > 1 or len(contract.record.key) > 1:
        reasons.append("--input_key and the key of the contract's record must each be one column")
    if RecordPath.parse(contract.record.path, contract.namespaces).depth > 1:
        reasons.append(f"a record must be a whole document, and the contract's record path is {contract.record.path}")
    if flags.on_existing != "skip":
        reasons.append(f"--on_existing {flags.on_existing} must read what is loaded, to see whether it has changed")
    if reasons:
        raise OptionsError(f"--skip_loaded cannot be used: {'; '.join(reasons)}")
    return Loaded(LEDGER.name, contract.contract)
