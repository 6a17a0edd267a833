"""A contract, parsed and checked: a frozen tree, of which the schema, the reach, the mapper and the tools are folds.

    Contract -- record: RecordPlan -- key: ColumnPlan
             `- tables: TablePlan -- sources: SourcePlan -- columns, let: ColumnPlan -- reads: Read | SystemValue
                                                         `- where, rules: Formula    `- formula: Formula

:mod:`transforms.contract.build` makes it; nothing of it is text that must be parsed again. It is plain data, which
workers get pickled.
"""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import Any, Literal

from transforms.contract.column_model import SYSTEM_VALUES, ColumnModel
from transforms.contract.document import Location
from transforms.contract.expressions import Expression
from transforms.contract.steps import Path, Pick
from transforms.schema import ColumnType, Schema, Table


@dataclass(frozen=True)
class Read:
    """What a path reads. It starts at the row's element, or at the named ``element``, or at what the text of ``pair``
    refers to, which is ``$name`` or ``$value`` of a table with ``unpivot``."""

    text: str
    path: Path
    element: str | None = None
    pair: str | None = None


@dataclass(frozen=True)
class SystemValue:
    """One of :data:`~transforms.contract.column_model.SYSTEM_VALUES`, or of those of ``unpivot``."""

    text: str


@dataclass(frozen=True)
class Formula:
    """An expression or a condition, and what stands in its brackets: by the text between them."""

    expression: Expression
    reads: dict[str, Read | SystemValue]


@dataclass(frozen=True)
class LookupPlan:
    """What texts stand for, as values of a column's type."""

    name: str
    values: dict[str, Any]
    ignore_case: bool
    otherwise: Any


@dataclass(frozen=True)
class ColumnPlan:
    """A column, a value of ``let`` or a part of the record's key.

    ``model`` is what the contract says of it, with all defaults. ``required``: so it says, or it is part of a key.
    ``default`` is the value of no value: that of the contract, :data:`~transforms.schema.ABSENT` or ``None``.
    """

    name: str
    place: Location
    model: ColumnModel
    type: ColumnType
    required: bool
    reads: tuple[Read | SystemValue, ...] = ()
    formula: Formula | None = None
    constant: Any = None
    default: Any = None
    lookup: LookupPlan | None = None

    @property
    def from_(self) -> list[str]:
        """Its paths or its system value, as they are written."""
        return [read.text for read in self.reads]

    @property
    def is_system(self) -> bool:
        """Whether it takes a system value, as it is."""
        return self.from_[:1] != [] and self.from_[0] in SYSTEM_VALUES

    def all_reads(self) -> Iterator[Read | SystemValue]:
        yield from self.reads
        if self.formula is not None:
            yield from self.formula.reads.values()


@dataclass(frozen=True)
class RulePlan:
    """A condition and what it means."""

    when: Formula
    message: str


@dataclass(frozen=True)
class Rules:
    """The conditions on a row, or on a record."""

    reject_when: tuple[RulePlan, ...]
    warn_when: tuple[RulePlan, ...]

    @property
    def all(self) -> tuple[RulePlan, ...]:
        return self.reject_when + self.warn_when


@dataclass(frozen=True)
class SourcePlan:
    """Elements that are rows of a table, and the columns of these rows. Each slot makes a source of its own.

    ``computed`` names the columns with an expression, each after those that it uses.
    """

    rows: Read
    columns: dict[str, ColumnPlan]
    let: dict[str, ColumnPlan]
    where: Formula | None
    rules: Rules
    unpivot: tuple[Read | SystemValue, ...]
    split: str | None
    computed: tuple[str, ...]
    is_slot: bool

    @cached_property
    def named(self) -> dict[str, ColumnPlan]:
        """All that expressions may name, but for the keys from above."""
        return {**self.columns, **self.let}

    def formulas(self) -> Iterator[tuple[str, Formula]]:
        """All expressions and conditions, each with the column's name, ``where``, or what the rule says."""
        for name, column in self.named.items():
            if column.formula is not None:
                yield name, column.formula
        if self.where is not None:
            yield "where", self.where
        for rule in self.rules.all:
            yield rule.message, rule.when

    def all_reads(self) -> Iterator[Read | SystemValue]:
        """All that is read of a row's element."""
        yield from self.unpivot
        for column in self.named.values():
            yield from column.reads
        for _, formula in self.formulas():
            yield from formula.reads.values()

    def columns_behind(self, formula: Formula) -> set[str]:
        """The columns that an expression uses, and those that they are computed from."""
        found: set[str] = set()
        waiting: list[Formula | None] = [formula]
        while waiting:
            used = waiting.pop()
            for name in set(used.expression.columns) - found if used is not None else ():
                found.add(name)
                if name in self.named:
                    waiting.append(self.named[name].formula)
        return found


@dataclass(frozen=True)
class UniquePlan:
    """Which of several rows below the same parent row are kept: ``ranks`` are those of the values of ``prefer``."""

    by: tuple[str, ...]
    keep: Literal["first", "last"]
    prefer: str | None
    ranks: dict[Any, int]
    below: Literal["drop", "keep"]


@dataclass(frozen=True)
class TablePlan:
    """A table: where its rows come from, and what becomes of them. ``inherited``: {the parent's name: the name here}.

    ``key`` is its own part of the primary key; ``table`` is the table as databases see it.
    """

    label: str
    parent: str | None
    inherited: dict[str, str]
    key: tuple[str, ...]
    table: Table
    sources: tuple[SourcePlan, ...]
    order: Literal["sources", "document"]
    unique: UniquePlan | None
    skip_empty: Literal[False, True, "unless_computed", "with_blanks"]

    @property
    def columns(self) -> dict[str, ColumnPlan]:
        """Its own columns, those of its first source."""
        return self.sources[0].columns


@dataclass(frozen=True)
class ElementPlan:
    """A named element of the record. ``depth`` is how far below the record it stands, at the least.

    ``is_one``: there is at most one.
    """

    read: Read
    depth: int
    is_one: bool


@dataclass(frozen=True)
class IndexPlan:
    """Elements of the record that others refer to, and the texts by which they do."""

    path: Path
    key: Path


@dataclass(frozen=True)
class RecordPlan:
    """Which elements are records, and what identifies one."""

    path: str
    key: dict[str, ColumnPlan]
    rules: Rules


@dataclass(frozen=True)
class Contract:
    """A whole contract: from :func:`transforms.load_contract`.

    ``tables`` are in the order of the file, those of ``schema`` parents first. ``ignore_case``: names in paths of rows
    and expressions match in any case.
    """

    contract: str
    namespaces: dict[str, str]
    ignore_case: bool
    elements: dict[str, ElementPlan]
    indexes: dict[str, IndexPlan]
    record: RecordPlan
    tables: dict[str, TablePlan]
    schema: Schema

    def fingerprint(self) -> str:
        """A short hash that changes whenever the meaning of the contract may change."""
        return self.schema.fingerprint or ""

    @cached_property
    def parents_first(self) -> tuple[TablePlan, ...]:
        """The tables, each after its parent."""
        return tuple(self.tables[table.label] for table in self.schema.tables)

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (self._pickled,)

    @cached_property
    def _pickled(self) -> bytes:
        """A run sends the same contract with each slice: it is pickled once, and unpickled once by each process."""
        state = {field.name: getattr(self, field.name) for field in fields(self)}
        return zlib.compress(pickle.dumps(state, pickle.HIGHEST_PROTOCOL), level=1)


@lru_cache(maxsize=4)
def _unpickled(state: bytes) -> Contract:
    return Contract(**pickle.loads(zlib.decompress(state)))


def schema_of(contract: Contract) -> Schema:
    """All tables with the columns, keys and foreign keys that follow from the contract."""
    return contract.schema


def is_of_one(path: Path) -> bool:
    """Whether a path selects one element at the most."""
    steps = path.alternatives[0]
    return len(path.alternatives) == 1 and (not steps or isinstance(steps[-1], Pick))
