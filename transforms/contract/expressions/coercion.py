"""The types of expressions: what may be compared, what becomes of a mixture, and CAST.

A text literal takes the type of what it is compared with, when the contract is loaded. Everything else
that changes a type is written as a CAST.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlglot import exp

from transforms.conversion.convert import ConversionError, make_converter
from transforms.schema import INTEGER_RANGES, ColumnType

from . import runtime
from .code import BOOL, Code, CodeBuilder
from .errors import ExpressionError

TEXT = ColumnType("text")
INT = ColumnType("int")
BIGINT = ColumnType("bigint")
DECIMAL = ColumnType("decimal")
"""A computed decimal: exact, with as many digits as it takes."""
FLOAT = ColumnType("float")
DATE = ColumnType("date")
TIME = ColumnType("time")
DATETIME = ColumnType("datetime")
DATETIMETZ = ColumnType("datetimetz")

FAMILIES = {
    "text": "text", "json": "text", **dict.fromkeys(INTEGER_RANGES, "number"), "decimal": "number",
    "float": "number", "bool": "bool", "date": "date", "datetime": "date", "datetimetz": "date with zone",
    "time": "time", "binary": "binary",
}  # fmt: skip

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\Z")


def family(type_: ColumnType | None) -> str | None:
    """What a type may be compared with: the other types of its family."""
    return None if type_ is None else FAMILIES[type_.name]


def describe(builder: CodeBuilder, code: Code) -> str:
    """``amount is decimal(18,2)``, for messages."""
    label = builder.label(code)
    return f"{'this' if label == '...' else label} is {name(code.type)}"


def name(type_: ColumnType | None) -> str:
    """A type for messages: a computed decimal has no digits to show."""
    return "NULL" if type_ is None else "decimal" if type_ == DECIMAL else str(type_)


def written(type_: ColumnType | None) -> str:
    """A type as a remedy writes it into a CAST."""
    return "decimal(18,2)" if type_ == DECIMAL else name(type_)


def number_literal(builder: CodeBuilder, text: str, node: exp.Expr | None) -> Code:
    """A number as SQL reads it: whole ones are integers, all others decimals."""
    value = Decimal(text)
    if not re.fullmatch(r"[+-]?[0-9]+", text) or not -(2**63) <= value < 2**63:
        return builder.literal(value, DECIMAL, node)
    return builder.literal(int(value), INT if -(2**31) <= value < 2**31 else BIGINT, node)


def common(builder: CodeBuilder, codes: Sequence[Code], what: str) -> tuple[list[Code], ColumnType | None]:
    """The codes in types that Python may mix, and the type of all of them.

    ``what`` is for the error: *compared*, *results of one CASE*. Integers stay as they are beside
    decimals: Python compares and adds them exactly.
    """
    known = [code for code in codes if code.type is not None]
    firm = [code for code in known if not (code.is_literal and code.type == TEXT)]
    anchor = next((code for code in firm if not code.is_literal), firm[0] if firm else None)
    if anchor is not None and family(anchor.type) != "text":
        codes = [_literal_as(builder, code, anchor) for code in codes]
        known = [code for code in codes if code.type is not None]
    for code in known:
        if family(code.type) != family(known[0].type):
            raise _mismatch(builder, known[0], code, what)
    target = _widest([code.type for code in known if code.type is not None])
    return [_widened(builder, code, target) for code in codes], target


def _widest(types: Sequence[ColumnType]) -> ColumnType | None:
    if len(set(types)) <= 1:
        return types[0] if types else None
    if family(types[0]) == "number":
        return FLOAT if FLOAT in types else BIGINT if all(type_.is_integer for type_ in types) else DECIMAL
    return ColumnType({"date": "datetime", "binary": "binary"}.get(str(family(types[0])), "text"))


def _widened(builder: CodeBuilder, code: Code, target: ColumnType | None) -> Code:
    if code.type is None or target is None:
        return code
    must = not code.type.is_integer if target in (FLOAT, DATETIME) else target == DECIMAL and code.is_literal
    return cast(builder, code, target) if must else code


def same_type(builder: CodeBuilder, codes: Sequence[Code], what: str) -> tuple[list[Code], ColumnType | None]:
    """As :func:`common`, for results: integers beside decimals or floats become such."""
    codes, target = common(builder, codes, what)
    if target in (DECIMAL, FLOAT):
        codes = [cast(builder, code, target) if code.type and code.type.is_integer else code for code in codes]
    return codes, target


def _literal_as(builder: CodeBuilder, code: Code, other: Code) -> Code:
    """A literal of text, or 0 and 1 beside a bool, as a literal of the other's type."""
    kind = family(other.type)
    if not code.is_literal or code.type is None or family(code.type) == kind:
        return code
    if kind == "bool" and code.type == INT and code.literal in (0, 1):
        return builder.literal(bool(code.literal), BOOL, code.node)
    if code.type != TEXT or kind == "binary":
        return code
    if kind == "number":
        text = code.literal.strip()
        if _NUMBER.match(text):
            return number_literal(builder, text, code.node)
    for type_ in {"date": (DATE, DATETIME), "time": (TIME,), "bool": (BOOL,)}.get(str(kind), (DATETIMETZ,)):
        try:
            return builder.literal(_from_text(type_)(code.literal), type_, code.node)
        except ConversionError:
            continue
    raise builder.error(
        f"{builder.label(code)} is not a value of type {name(other.type)}, and {describe(builder, other)}", code.node
    )


def _mismatch(builder: CodeBuilder, first: Code, other: Code, what: str) -> ExpressionError:
    message = f"{describe(builder, first)} and {describe(builder, other)}: they cannot be {what}"
    # The one to cast is the one that is text: what it holds can be a number or a date, seldom the reverse.
    source, target = (other, first) if family(other.type) == "text" else (first, other)
    remedy = written(DECIMAL if target.is_literal and family(target.type) == "number" else target.type)
    if make_cast(source.type or TEXT, target.type or TEXT) is not None:
        message += f"; write CAST({builder.label(source)} AS {remedy})"
    return builder.error(message, other.node or first.node)


def cast(
    builder: CodeBuilder, code: Code, target: ColumnType, lenient: bool = False, node: exp.Expr | None = None
) -> Code:
    """CAST, or with ``lenient`` TRY_CAST. A literal is converted now."""
    node = node or code.node
    if code.type is None or (code.type == target):
        return Code(code.value, target, code.nullable, code.is_true, code.is_false, code.is_literal, code.literal, node)
    convert = make_cast(code.type, target)
    if convert is None:
        raise builder.error(f"{describe(builder, code)}, which cannot be cast to {target}", node)
    if code.is_literal:
        try:
            return builder.literal(None if code.literal is None else convert(code.literal), target, node)
        except (ArithmeticError, ValueError) as error:
            if lenient:
                return builder.literal(None, target, node)
            raise builder.error(str(error), node) from None
    function = builder.constant(attempt(convert) if lenient else convert)
    return builder.strict(target, f"{function}({{0}})", code, nullable=lenient)


def as_text(builder: CodeBuilder, code: Code) -> Code:
    return code if family(code.type) == "text" else cast(builder, code, TEXT)


def make_cast(source: ColumnType, target: ColumnType) -> Callable[[Any], Any] | None:
    """The conversion between two types, or ``None`` where there is none.

    It raises :class:`ConversionError` for a value that does not fit. Text is cut to its length, decimals
    are rounded half away from zero, as SQL's CAST does.
    """
    kind, name = family(source), target.name
    if name == "text":
        return _to_text(source, target.length)
    if kind == "text":
        return _from_text(target) if name != "binary" else None
    if kind in ("number", "bool") and (family(target) == "number" or name == "bool"):
        return _to_number(source, target)
    return _BETWEEN_DATES.get((source.name, name))


_BETWEEN_DATES: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("date", "datetime"): runtime.at_midnight,
    ("date", "datetimetz"): lambda value: runtime.with_zone(runtime.at_midnight(value)),
    ("datetime", "date"): datetime.date,
    ("datetime", "time"): datetime.time,
    ("datetime", "datetimetz"): runtime.with_zone,
    ("datetimetz", "date"): lambda value: runtime.utc(value).date(),
    ("datetimetz", "time"): lambda value: runtime.utc(value).time(),
    ("datetimetz", "datetime"): runtime.utc,
}


def attempt(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def attempt(value: Any) -> Any:
        try:
            return convert(value)
        except (ArithmeticError, ValueError):
            return None

    return attempt


def _from_text(target: ColumnType) -> Callable[[str], Any]:
    if target.name == "decimal":
        return make_converter(target, rounding="half_up")
    if target.name == "time":
        return make_converter(target, rounding="half_up")
    if target.name not in ("datetime", "datetimetz"):
        return make_converter(target)
    moment = make_converter(target, rounding="half_up", zone="utc" if target.name == "datetimetz" else None)
    # A day alone is its midnight.
    return lambda value: moment(f"{value.strip()}T00:00:00" if len(value.strip()) == 10 else value)


def _to_text(source: ColumnType, length: int | None) -> Callable[[Any], str] | None:
    if source.name == "binary":
        return None
    whole: Callable[[Any], str] = {
        "bool": lambda value: "true" if value else "false",
        "decimal": lambda value: format(value or abs(value), "f"),
        "float": repr,
        "datetime": lambda value: value.isoformat(" "),
        "datetimetz": lambda value: value.isoformat(" "),
        "date": date.isoformat,
        "time": time.isoformat,
    }.get(source.name, str)
    return whole if length is None else lambda value: whole(value)[:length]


def _to_number(source: ColumnType, target: ColumnType) -> Callable[[Any], Any]:
    # repr gives a float's shortest digits; Decimal(0.1) would give 55 of them.
    exact: Callable[[Any], Decimal] = (lambda value: Decimal(repr(value))) if source.name == "float" else Decimal
    if target.name == "bool":
        return bool
    if target.name == "float":
        return lambda value: runtime.finite(float(value))
    if target == DECIMAL:
        return exact
    if target.precision is not None:
        limit = Decimal(10) ** (target.precision - (target.scale or 0))

        def to_decimal(value: Any) -> Decimal:
            rounded = runtime.round_half_away(exact(value), target.scale or 0)
            if abs(rounded) >= limit:
                raise ConversionError("overflow", f"{value} does not fit into {target}")
            return rounded

        return to_decimal
    lowest, highest = INTEGER_RANGES[target.name]

    def to_integer(value: Any) -> int:
        whole = int(exact(value).to_integral_value(ROUND_HALF_UP))
        if not lowest <= whole <= highest:
            raise ConversionError("overflow", f"{value} does not fit into {target} ({lowest} to {highest})")
        return whole

    return to_integer
