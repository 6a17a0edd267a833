"""What the tables look like: types, columns, keys. Made from a contract, used by every database.

The Python value of each type, from mapping to database:

=============================================  =========================================
``text``, ``text(n)``                          ``str`` (n counts characters)
``tinyint`` ``smallint`` ``int`` ``bigint``    ``int`` (tinyint is 0 to 255, as in SQL Server)
``decimal(p, s)``                              ``decimal.Decimal`` with s decimal places
``float``                                      ``float``, finite
``bool``                                       ``bool``
``date`` ``time``                              ``datetime.date``, ``datetime.time`` (naive)
``datetime``                                   ``datetime.datetime``, naive
``datetimetz``                                 ``datetime.datetime``, aware
``json``                                       ``str``, valid JSON text
``binary``, ``binary(n)``                      ``bytes`` (n counts bytes)
=============================================  =========================================

``None`` is NULL in all of them. :data:`ABSENT` says that the row leaves the column to the database's
own DEFAULT.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from functools import cached_property


class Absent(enum.Enum):
    """The type of :data:`ABSENT`: an enum, so that it stays one object through pickling."""

    ABSENT = "ABSENT"


ABSENT = Absent.ABSENT
"""The value of a column that a row leaves out of its INSERT."""

INTEGER_RANGES = {
    "tinyint": (0, 255),
    "smallint": (-(2**15), 2**15 - 1),
    "int": (-(2**31), 2**31 - 1),
    "bigint": (-(2**63), 2**63 - 1),
}
TYPE_NAMES = (
    "text",
    *INTEGER_RANGES,
    "decimal",
    "float",
    "bool",
    "date",
    "time",
    "datetime",
    "datetimetz",
    "json",
    "binary",
)
MAX_DECIMAL_PRECISION = 38
"""The most digits that SQL Server's decimal holds; PostgreSQL holds more."""

MAX_LENGTH = 10_485_760
"""The longest ``varchar(n)`` of PostgreSQL; other databases take no more, or make an unlimited one of it."""

_TYPE = re.compile(r"\s*([a-z]+)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*\Z")


@dataclass(frozen=True)
class ColumnType:
    """A column's type: ``name`` is one of :data:`TYPE_NAMES`; ``length`` is that of text and binary."""

    name: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None

    @classmethod
    def parse(cls, text: str) -> ColumnType:
        """Read ``text(35)``, ``decimal(18, 5)``, ``bigint``; raise ``ValueError`` that says what is wrong."""
        match = _TYPE.match(text)
        if match is None or match[1] not in TYPE_NAMES:
            raise ValueError(
                f"{text!r} is not a type; the types are {', '.join(TYPE_NAMES)}, as in text(35) or decimal(18, 5)"
            )
        name = match[1]
        # As texts: Python refuses to make a number of thousands of digits.
        if any(len(number.lstrip("0")) > len(str(MAX_LENGTH)) for number in match.group(2, 3) if number):
            raise ValueError(f"{text[:60]!r}: a length is at most {MAX_LENGTH:,}")
        first, second = (int(number) if number else None for number in match.group(2, 3))
        if name == "decimal":
            if first is None:
                raise ValueError("decimal needs its number of digits, and of decimals if it has any: decimal(18, 2)")
            if not 1 <= first <= MAX_DECIMAL_PRECISION or not 0 <= (second or 0) <= first:
                raise ValueError(
                    f"{text!r}: decimal has 1 to {MAX_DECIMAL_PRECISION} digits, and no more decimals than digits"
                )
            return cls(name, precision=first, scale=second or 0)
        if second is not None or (first is not None and name not in ("text", "binary")):
            raise ValueError(f"{text!r}: {name} takes no {'second number' if name in ('text', 'binary') else 'length'}")
        if first is not None and not 1 <= first <= MAX_LENGTH:
            raise ValueError(f"{text!r}: a length is from 1 to {MAX_LENGTH:,}; leave it out for text without a limit")
        return cls(name, length=first)

    @property
    def is_integer(self) -> bool:
        return self.name in INTEGER_RANGES

    def __str__(self) -> str:
        if self.name == "decimal":
            return f"decimal({self.precision},{self.scale})"
        return self.name if self.length is None else f"{self.name}({self.length})"


@dataclass(frozen=True)
class Column:
    """A column of a target table.

    ``nullable`` is what CREATE TABLE says. ``identity``: the database would number this column itself,
    and the contract gives the values (``SET IDENTITY_INSERT``). ``may_be_absent``: rows may hold
    :data:`ABSENT` here. ``exact``: texts that differ in case or accents are different, whatever the database's habit.
    """

    name: str
    type: ColumnType
    nullable: bool = True
    identity: bool = False
    may_be_absent: bool = False
    exact: bool = False


@dataclass(frozen=True)
class ForeignKey:
    """``columns`` of a table point at ``parent_columns``, the primary key of the table ``parent``."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A target table. A row of it is a tuple of values in the order of ``columns``.

    ``label`` is the contract's name for it, the key of the rows of a record; ``name`` and ``schema`` are
    the database's. ``record_key`` names the columns that hold the key of the record a row came from:
    the family of a record is what these columns find.
    """

    label: str
    name: str
    schema: str | None
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    foreign_key: ForeignKey | None
    record_key: tuple[str, ...]

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def full_name(self) -> str:
        """Its name for people."""
        return self.name if self.schema is None else f"{self.schema}.{self.name}"

    def __getitem__(self, name: str) -> Column:
        return self.columns[self.column_names.index(name)]


@dataclass(frozen=True)
class Schema:
    """All tables of a contract, parents before their children.

    ``contract`` names the contract: the ledger keeps records apart by it. ``fingerprint`` changes with its meaning:
    by it the ledger knows what an earlier form of the contract loaded.
    """

    contract: str
    tables: tuple[Table, ...]
    fingerprint: str | None = None

    @cached_property
    def by_label(self) -> dict[str, Table]:
        return {table.label: table for table in self.tables}
