"""The functions of expressions: how each is called, and the Python that it becomes.

A parameter is one of ``text``, ``number``, ``integer``, ``date`` (with a calendar day), ``clock`` (with a
time of day), ``moment`` (either), ``unit`` (a bare word such as ``day``), ``format`` (one, or the name of a
list), ``any``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from sqlglot import exp

from transforms.contract.document import did_you_mean
from transforms.conversion.convert import ConversionError, make_converter
from transforms.schema import ColumnType

from . import coercion, runtime
from .code import Code, CodeBuilder
from .coercion import BIGINT, DATE, DATETIME, DATETIMETZ, DECIMAL, FLOAT, INT, TEXT, TIME

Build = Callable[[CodeBuilder, Sequence[Code]], Code]


@dataclass(frozen=True)
class Function:
    """``usage`` is for people; ``parameters`` are kinds, of which the first ``required`` must be given.

    With ``repeats`` the last parameter may be given any number of times.
    """

    usage: str
    parameters: tuple[str, ...]
    build: Build
    required: int
    repeats: bool = False

    def takes(self, count: int) -> bool:
        return self.required <= count and (self.repeats or count <= len(self.parameters))

    def parameter(self, index: int) -> str:
        return self.parameters[min(index, len(self.parameters) - 1)]


ACCEPTED: dict[str, Callable[[ColumnType], bool]] = {
    "text": lambda type_: coercion.family(type_) == "text",
    "number": lambda type_: coercion.family(type_) == "number",
    "integer": lambda type_: type_.is_integer,
    "date": lambda type_: type_ in (DATE, DATETIME, DATETIMETZ),
    "clock": lambda type_: type_ in (TIME, DATETIME, DATETIMETZ),
    "moment": lambda type_: type_ in (DATE, DATETIME, DATETIMETZ),
    "any": lambda type_: True,
}
_REMEDIES = {"text": TEXT, "number": DECIMAL, "integer": INT, "date": DATE, "clock": DATETIME, "moment": DATETIME}


def call(
    builder: CodeBuilder, name: str, arguments: Sequence[exp.Expr], visit: Callable[[Any], Code], node: Any
) -> Code:
    """The code of a call, its arguments checked one by one."""
    function = FUNCTIONS[name]
    if not function.takes(len(arguments)):
        raise builder.error(
            f"{name} does not take {len(arguments)} argument{'s' * (len(arguments) != 1)}: {function.usage}", node
        )
    codes = []
    for index, argument in enumerate(arguments):
        kind = function.parameter(index)
        bare = _BARE.get(kind)
        codes.append(bare(builder, argument) if bare else _checked(builder, name, kind, visit(argument), argument))
    return function.build(builder, codes)


def _unit(builder: CodeBuilder, node: exp.Expr) -> Code:
    return builder.literal(node.name.lower(), None, node)


def _formats(builder: CodeBuilder, node: exp.Expr) -> Code:
    """A format, or the name of a list of them."""
    if isinstance(node, exp.Literal) and node.is_string:
        return builder.literal([node.this], None, node)
    if not isinstance(node, exp.Column) or node.this.meta.get("start") in builder.syntax.paths:
        raise builder.error("the format must be a literal, such as '%d/%m/%Y', or the name of one of `formats`", node)
    name, known = node.name, {known.lower(): formats for known, formats in builder.formats.items()}
    formats = builder.formats.get(name, known.get(name.lower()))
    if formats is None:
        remedy = did_you_mean(name, builder.formats) or "declare it there, or write '%d/%m/%Y'"
        raise builder.error(f"there is no list {name!r} under `formats`; {remedy}", node)
    return builder.literal(list(formats), None, node)


_BARE: dict[str, Callable[[CodeBuilder, exp.Expr], Code]] = {"unit": _unit, "format": _formats}
"""Parameters that are no values of the row."""


def _checked(builder: CodeBuilder, name: str, kind: str, code: Code, node: exp.Expr) -> Code:
    if code.is_literal and code.type == TEXT and kind in ("date", "moment", "clock"):
        for type_ in (DATE, DATETIME, TIME):
            literal = coercion.cast(builder, code, type_, lenient=True)
            if literal.literal is not None and ACCEPTED[kind](type_):
                return literal
        raise builder.error(f"{builder.label(code)} is not a date that {name} accepts; write it as '2024-12-31'", node)
    if code.type is not None and not ACCEPTED[kind](code.type):
        wanted = {"clock": "a value with a time of day", "moment": "a date or datetime"}.get(kind, kind)
        remedy = ""
        if coercion.make_cast(code.type, _REMEDIES[kind]) is not None:
            remedy = f"; write CAST({builder.label(code)} AS {coercion.written(_REMEDIES[kind])})"
        raise builder.error(f"{name} takes {wanted}, and {coercion.describe(builder, code)}{remedy}", node)
    return code


def _plain(usage: str, template: str, result: ColumnType, *parameters: str) -> Function:
    """A function that is NULL when an argument is."""
    return Function(usage, parameters, lambda builder, codes: builder.strict(result, template, *codes), len(parameters))


def _trim(name: str, method: str) -> Function:
    def build(builder: CodeBuilder, codes: Sequence[Code]) -> Code:
        template = f"{{0}}.{method}()" if len(codes) == 1 else f"{{0}}.{method}({{1}})"
        return builder.strict(TEXT, template, *codes)

    return Function(f"{name}(text [, characters])", ("text", "text"), build, 1)


def _substring(builder: CodeBuilder, codes: Sequence[Code]) -> Code:
    bounds = [code.literal for code in codes[1:]]
    if None not in bounds and min(bounds) > 0:
        first = bounds[0] - 1
        return builder.strict(TEXT, f"{{0}}[{first}:{first + bounds[1] if len(bounds) > 1 else ''}]", codes[0])
    return builder.strict(TEXT, f"substring({', '.join(f'{{{index}}}' for index in range(len(codes)))})", *codes)


def _left(builder: CodeBuilder, codes: Sequence[Code]) -> Code:
    if codes[1].is_literal and codes[1].literal is not None and codes[1].literal >= 0:
        return builder.strict(TEXT, f"{{0}}[:{codes[1].literal}]", codes[0])
    return builder.strict(TEXT, "left({0}, {1})", *codes)


def _concat(builder: CodeBuilder, codes: Sequence[Code]) -> Code:
    texts = [coercion.as_text(builder, code) for code in codes]
    joined = " + ".join(f"({text.value} or '')" if text.nullable else text.value for text in texts)
    return Code(f"({joined})", TEXT, nullable=False)


def _coalesce(builder: CodeBuilder, codes: Sequence[Code]) -> Code:
    same, type_ = coercion.same_type(builder, codes, "values of one COALESCE")
    return builder.first_present(same, type_)


def _nullif(builder: CodeBuilder, codes: Sequence[Code]) -> Code:
    def body(value: Code) -> Code:
        pair, _ = coercion.common(builder, (value, codes[1]), "compared")
        equal = builder.predicate("{0} == {1}", "{0} != {1}", *pair)
        return builder.choose([(equal, builder.literal(None, value.type))], value, value.type)

    return builder.once(codes[0], body)


def _by_number(templates: dict[str, str]) -> Build:
    """One template for integers, decimals and floats each."""

    def build(builder: CodeBuilder, codes: Sequence[Code]) -> Code:
        type_ = codes[0].type or DECIMAL
        kind = "integer" if type_.is_integer else type_.name
        template = templates.get(kind, templates["decimal"]).replace("...", "{0}, {1}" if len(codes) > 1 else "{0}")
        return builder.strict({"integer": BIGINT, "float": FLOAT}.get(kind, DECIMAL), template, *codes)

    return build


def date_part(part: str) -> Function:
    """``YEAR(d)``, which is also ``EXTRACT(year FROM d)``."""
    template = "(({0}.month + 2) // 3)" if part == "quarter" else f"{{0}}.{part}"

    def build(builder: CodeBuilder, codes: Sequence[Code]) -> Code:
        return builder.strict(INT, template, _at_utc(builder, codes[0]))

    return Function(f"{part.upper()}(date)", ("clock" if part in ("hour", "minute", "second") else "date",), build, 1)


def _at_utc(builder: CodeBuilder, code: Code) -> Code:
    return coercion.cast(builder, code, DATETIME) if code.type == DATETIMETZ else code


def _unit_of(builder: CodeBuilder, code: Code, units: dict[str, Any]) -> Any:
    if code.literal not in units:
        raise builder.error(f"{code.literal!r} is not a unit; the units are {', '.join(units)}", code.node)
    return units[code.literal]


def _dateadd(builder: CodeBuilder, codes: Sequence[Code]) -> Code:
    unit, number, moment = codes
    function = builder.constant(_unit_of(builder, unit, runtime.DATEADD))
    if moment.type == DATE and unit.literal in ("hour", "minute", "second"):
        label = builder.label(moment)
        raise builder.error(f"a date has no {unit.literal}s to add to; write CAST({label} AS datetime)", moment.node)
    return builder.strict(moment.type or DATETIME, f"{function}({{0}}, {{1}})", moment, number)


def _datediff(builder: CodeBuilder, codes: Sequence[Code]) -> Code:
    function = builder.constant(_unit_of(builder, codes[0], runtime.DATEDIFF))
    pair, type_ = coercion.common(builder, codes[1:], "subtracted")
    if type_ == DATE and codes[0].literal in ("hour", "minute", "second"):
        pair = [coercion.cast(builder, code, DATETIME) for code in pair]
    return builder.strict(BIGINT, f"{function}({{0}}, {{1}})", *(_at_utc(builder, code) for code in pair))


def _strptime(lenient: bool) -> Build:
    def build(builder: CodeBuilder, codes: Sequence[Code]) -> Code:
        formats = [one for code in codes[1:] for one in code.literal]
        try:
            convert = make_converter(DATETIME, formats=formats)
        except ValueError as error:
            raise builder.error(str(error), codes[1].node) from None
        if "iso" in formats:
            convert = _or_day(convert)
        function = builder.constant(coercion.attempt(convert) if lenient else convert)
        return builder.strict(DATETIME, f"{function}({{0}})", codes[0], nullable=lenient)

    return build


def _or_day(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    """The same for a moment or a day: a list of formats may be that of columns of both types."""
    day = make_converter(DATE)

    def moment(text: str) -> datetime:
        try:
            return convert(text)
        except ConversionError:
            try:
                return datetime.combine(day(text), time())
            except ConversionError:
                pass
            raise

    return moment


def _now(builder: CodeBuilder, _: Sequence[Code]) -> Code:
    return builder.slot("now", "$now", DATETIME)


def _today(builder: CodeBuilder, codes: Sequence[Code]) -> Code:
    return coercion.cast(builder, _now(builder, codes), DATE)


_TEXT_AND_NUMBER = ("text", "integer")
_ROUND = _by_number({"integer": "round_integer(...)", "decimal": "round_half_away(...)", "float": "round_float(...)"})
_FLOOR = _by_number({"integer": "{0}", "decimal": "floor({0})", "float": "floor_float({0})"})
_CEILING = _by_number({"integer": "{0}", "decimal": "ceiling({0})", "float": "ceiling_float({0})"})
_ABS = _by_number({"integer": "abs({0})", "decimal": "{0}.copy_abs()", "float": "abs({0})"})
PARTS = ("year", "quarter", "month", "day", "hour", "minute", "second")

FUNCTIONS: dict[str, Function] = {
    "UPPER": _plain("UPPER(text)", "{0}.upper()", TEXT, "text"),
    "LOWER": _plain("LOWER(text)", "{0}.lower()", TEXT, "text"),
    "LENGTH": _plain("LENGTH(text)", "len({0})", INT, "text"),
    "TRIM": _trim("TRIM", "strip"),
    "LTRIM": _trim("LTRIM", "lstrip"),
    "RTRIM": _trim("RTRIM", "rstrip"),
    "SUBSTRING": Function("SUBSTRING(text, start [, length])", ("text", "integer", "integer"), _substring, 2),
    "LEFT": Function("LEFT(text, length)", _TEXT_AND_NUMBER, _left, 2),
    "RIGHT": _plain("RIGHT(text, length)", "right({0}, {1})", TEXT, *_TEXT_AND_NUMBER),
    "REPLACE": _plain("REPLACE(text, old, new)", "replace({0}, {1}, {2})", TEXT, "text", "text", "text"),
    "CONCAT": Function("CONCAT(value, ...)", ("any",), _concat, 1, repeats=True),
    "COALESCE": Function("COALESCE(value, ...)", ("any",), _coalesce, 1, repeats=True),
    "NULLIF": Function("NULLIF(value, other)", ("any", "any"), _nullif, 2),
    "ROUND": Function("ROUND(number [, places])", ("number", "integer"), _ROUND, 1),
    "FLOOR": Function("FLOOR(number)", ("number",), _FLOOR, 1),
    "CEILING": Function("CEILING(number)", ("number",), _CEILING, 1),
    "ABS": Function("ABS(number)", ("number",), _ABS, 1),
    **{part.upper(): date_part(part) for part in PARTS},
    "DATEADD": Function("DATEADD(unit, number, date)", ("unit", "integer", "moment"), _dateadd, 3),
    "DATEDIFF": Function("DATEDIFF(unit, start, end)", ("unit", "moment", "moment"), _datediff, 3),
    "STRPTIME": Function("STRPTIME(text, format, ...)", ("text", "format"), _strptime(False), 2, repeats=True),
    "TRY_STRPTIME": Function("TRY_STRPTIME(text, format, ...)", ("text", "format"), _strptime(True), 2, repeats=True),
    "CURRENT_TIMESTAMP": Function("CURRENT_TIMESTAMP", (), _now, 0),
    "CURRENT_DATE": Function("CURRENT_DATE", (), _today, 0),
}
SYNONYMS = {"LEN": "LENGTH", "SUBSTR": "SUBSTRING", "CEIL": "CEILING"}
FUNCTIONS |= {name: FUNCTIONS[same] for name, same in SYNONYMS.items()}

ELSEWHERE = {
    "ISNULL": "COALESCE(a, b)", "IFNULL": "COALESCE(a, b)", "NVL": "COALESCE(a, b)",
    "IIF": "CASE WHEN ... THEN ... ELSE ... END", "IF": "CASE WHEN ... THEN ... ELSE ... END",
    "GETDATE": "CURRENT_TIMESTAMP", "GETUTCDATE": "CURRENT_TIMESTAMP", "NOW": "CURRENT_TIMESTAMP",
    "CONVERT": "CAST(value AS type)", "DATE": "CAST(value AS date)", "TRY_CONVERT": "TRY_CAST(value AS type)",
    "DATEPART": "EXTRACT(unit FROM date)", "TO_DATE": "STRPTIME(text, '%d/%m/%Y')",
}  # fmt: skip
"""Functions of other databases, and what says the same here."""
