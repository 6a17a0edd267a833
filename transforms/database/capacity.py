"""What a column of a database can hold of what a contract gives it.

A column that holds less is *narrower*: the database refuses what does not fit, or changes it without an error. SQLite
has rules of its own: it takes anything, and makes a number of a text that looks like one where a column is not
declared as text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mssql, postgresql

from transforms.schema import INTEGER_RANGES, ColumnType

ERROR, WARNING = "error", "warning"

_DOUBLE_DIGITS = 15


@dataclass(frozen=True)
class Capacity:
    """What a column holds: ``kind`` is ``text``, ``binary``, ``json``, ``integer`` (one of ``low`` to ``high``),
    ``decimal`` (``digits`` before the point and ``scale`` after), ``double``, ``single``, ``bool``, ``date``, ``time``,
    ``datetime``, ``datetimetz`` or ``other``. ``length`` is that of text and binary. ``None`` is: no limit.
    """

    kind: str
    length: int | None = None
    low: int = 0
    high: int = 0
    digits: int | None = None
    scale: int | None = None


_KINDS: tuple[tuple[type[sa.types.TypeEngine[Any]] | tuple[type[sa.types.TypeEngine[Any]], ...], str], ...] = (
    ((sa.Boolean, mssql.BIT), "bool"),
    ((sa.JSON, postgresql.JSONB), "json"),
    ((sa.Uuid, postgresql.ENUM, mssql.XML), "other"),
    (sa.REAL, "single"),
    (sa.Float, "double"),
    (sa.Date, "date"),
    (sa.Time, "time"),
    (mssql.DATETIMEOFFSET, "datetimetz"),
)
_INTEGERS = ((mssql.TINYINT, "tinyint"), (sa.SmallInteger, "smallint"), (sa.BigInteger, "bigint"), (sa.Integer, "int"))


def capacity_of(column: sa.types.TypeEngine[Any]) -> Capacity:
    """The capacity of a column of this reflected type."""
    for types, kind in _KINDS:
        if isinstance(column, types):
            return Capacity(kind)
    for integer, name in _INTEGERS:
        if isinstance(column, integer):
            low, high = INTEGER_RANGES[name]
            return Capacity("integer", low=low, high=high)
    if isinstance(column, (mssql.MONEY, mssql.SMALLMONEY)):
        return Capacity("decimal", digits=15 if isinstance(column, mssql.MONEY) else 6, scale=4)
    if isinstance(column, sa.Numeric):
        if column.precision is None:
            return Capacity("decimal")
        scale = column.scale or 0
        return Capacity("decimal", digits=column.precision - scale, scale=scale)
    if isinstance(column, sa.DateTime):
        return Capacity("datetimetz" if column.timezone else "datetime")
    if isinstance(column, sa.String):
        return Capacity("text", length=_length(column))
    if isinstance(column, (sa.LargeBinary, sa.VARBINARY, sa.BINARY)):
        return Capacity("binary", length=_length(column))
    return Capacity("other")


def narrower(wanted: ColumnType, column: sa.types.TypeEngine[Any], dialect: str) -> tuple[str, str] | None:
    """How bad it is, and what would happen, where a column holds less than the contract gives; else ``None``."""
    capacity = capacity_of(column)
    if dialect == "sqlite":
        return _narrower_in_sqlite(wanted, capacity)
    if capacity.kind == "other":
        return WARNING, f"the database decides which values its {column} takes"
    if dialect == "postgresql" and wanted.name == "bool" and capacity.kind in ("integer", "decimal"):
        return ERROR, "PostgreSQL takes no bool for a number"
    problem = _narrower(wanted, capacity)
    if problem is None and dialect == "mssql":
        return _narrower_in_sql_server(wanted, column)
    return problem


def _narrower(wanted: ColumnType, column: Capacity) -> tuple[str, str] | None:
    name, kind = wanted.name, column.kind
    if kind == "text" and name not in ("text", "json", "binary"):
        return WARNING, f"a {wanted} is stored as text"
    if name in ("text", "json", "binary"):
        return _narrower_length(wanted, column)
    if wanted.is_integer or name == "decimal":
        return _narrower_number(wanted, column)
    if name == "float":
        if kind == "single":
            return ERROR, "it keeps 7 digits of a float's 15"
        return None if kind == "double" else (ERROR, f"a float does not fit a {kind}")
    if name == "bool":
        return None if kind in ("bool", "integer", "decimal") else (ERROR, f"a bool does not fit a {kind}")
    return _narrower_time(name, kind)


def _narrower_length(wanted: ColumnType, column: Capacity) -> tuple[str, str] | None:
    if column.kind != wanted.name and not (wanted.name == "json" and column.kind == "text"):
        return ERROR, f"a {wanted} does not fit a {column.kind}"
    if column.length is None or (wanted.length is not None and wanted.length <= column.length):
        return None
    if wanted.length is None:
        return WARNING, f"records with more than {column.length} here will be rejected: the contract sets no length"
    return ERROR, f"it takes {column.length}, the contract gives up to {wanted.length}"


def _narrower_number(wanted: ColumnType, column: Capacity) -> tuple[str, str] | None:
    if wanted.is_integer:
        low, high = INTEGER_RANGES[wanted.name]
        digits, scale = len(str(high)), 0
    else:
        scale = wanted.scale or 0
        digits = (wanted.precision or 0) - scale
        high = 10**digits - 1
        low = -high
    if column.kind == "integer":
        if scale:
            return ERROR, f"an integer loses the decimals of {wanted}"
        return None if column.low <= low and high <= column.high else (ERROR, f"it holds {column.low} to {column.high}")
    if column.kind == "decimal":
        if column.digits is None or column.scale is None or (digits <= column.digits and scale <= column.scale):
            return None
        return ERROR, f"it holds {column.digits} digits before the point and {column.scale} after it"
    if column.kind == "double" and digits + scale <= _DOUBLE_DIGITS:
        return None if wanted.is_integer else (WARNING, "a floating-point number only approximates a decimal")
    return ERROR, f"a {wanted} does not fit a {column.kind}"


def _narrower_time(name: str, kind: str) -> tuple[str, str] | None:
    if name == kind or (name, kind) == ("date", "datetime"):
        return None
    if kind == "datetimetz" and name in ("date", "datetime"):
        return WARNING, f"the database reads a {name} as one in the session's time zone"
    if (name, kind) == ("datetimetz", "datetime"):
        return ERROR, "the zone is lost"
    if kind == "date" and name.startswith("datetime"):
        return ERROR, "the time is lost"
    return ERROR, f"a {name} does not fit a {kind}"


def _narrower_in_sql_server(wanted: ColumnType, column: sa.types.TypeEngine[Any]) -> tuple[str, str] | None:
    if isinstance(column, mssql.SMALLDATETIME):
        return ERROR, "a smalldatetime loses the seconds"
    if wanted.name == "datetime" and type(column) in (sa.DATETIME, sa.DateTime):
        return WARNING, "a datetime is rounded to 1/300 of a second, and begins in 1753"
    if wanted.name in ("text", "json") and not isinstance(column, (sa.Unicode, sa.UnicodeText)):
        return WARNING, "it holds the characters of one code page; all others become ?"
    return None


def _narrower_in_sqlite(wanted: ColumnType, column: Capacity) -> tuple[str, str] | None:
    is_number = column.kind not in ("text", "binary", "other")
    if wanted.name == "text" and is_number:
        return ERROR, "SQLite converts texts that look like numbers: 007 becomes 7"
    if wanted.name == "decimal" and (wanted.precision or 0) > _DOUBLE_DIGITS and is_number:
        declared = f"DECIMAL_BLOB({wanted.precision}, {wanted.scale})"
        return ERROR, f"SQLite keeps {_DOUBLE_DIGITS} digits of a number; it is exact in a column of {declared}"
    if column.kind == "text" and (wanted.is_integer or wanted.name in ("decimal", "float", "bool")):
        return WARNING, f"a {wanted} is stored as text, and compared as text"
    return None


def _length(column: Any) -> int | None:
    length = getattr(column, "length", None)
    return length if isinstance(length, int) and length > 0 else None
