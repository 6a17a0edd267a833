"""Legacy expressions as SQL of our contracts.

The old program compared texts, and numbers where both sides were numbers; a field that was missing was an
empty text there, and no value in arithmetic. Fields are values of ``let``, as texts, which are never NULL, or as
numbers, which are NULL where they are none:

    status <> 'A'        status <> 'A'              let: {status: {from: "@status", default: ""}}
    name IS NOT EMPTY    name <> ''
    rate = 5             rate = 5                   let: {rate: {from: "@rate", type: "decimal(38, 10)"}}
    rate > 5             COALESCE(rate > 5, rate_text > '5')
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from beamshred.legacy.fields import Fields, column_name
from beamshred.legacy.grammar import (
    Arithmetic,
    Case,
    Compare,
    Condition,
    Date,
    DateAdd,
    Field,
    Logic,
    Null,
    Number,
    Test,
    Text,
    Value,
)
from beamshred.legacy.types import INTEGERS, TRUE_WORDS, date_of
from transforms.schema import ColumnType

PathOf = Callable[[Field], str]
"""The path of a field, from the element that the expression's row is made of."""

_NUMERIC = re.compile(r"[+-]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)\Z")


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def walk(value: Value | Condition) -> Iterator[Value | Condition]:
    """An expression and all of its parts."""
    yield value
    parts: Iterable[Value | Condition] = ()
    if isinstance(value, (Arithmetic, Compare)):
        parts = [part for part in (value.left, value.right) if part is not None]
    elif isinstance(value, Date):
        parts = [value.value]
    elif isinstance(value, DateAdd):
        parts = [value.number, value.date]
    elif isinstance(value, Case):
        parts = [part for branch in value.branches for part in branch] + [value.otherwise]
    elif isinstance(value, Test):
        parts = [value.value, *value.items]
    elif isinstance(value, Logic):
        parts = value.terms
    for part in parts:
        yield from walk(part)


class Writer:
    """Writes the expression of one column: ``path_of`` finds its fields, ``type_`` is the column's."""

    def __init__(self, path_of: PathOf, type_: ColumnType, fields: Fields):
        self.path_of = path_of
        self.type = type_
        self.fields = fields

    def column(self, value: Value) -> str:
        """The expression as SQL whose value is of the column's type."""
        sql = self._value(value)
        if self.type.is_integer and not all(_is_whole(leaf) for leaf in results(value)):
            # Rounds half up, as the old program did.
            return f"CAST({sql} AS {self.type})"
        return sql

    def _value(self, value: Value) -> str:
        if isinstance(value, Case):
            branches = " ".join(
                f"WHEN {self.condition(when)} THEN {self._value(then)}" for when, then in value.branches
            )
            otherwise = "" if value.otherwise == Null() else f" ELSE {self._value(value.otherwise)}"
            return f"CASE {branches}{otherwise} END"
        if isinstance(value, Null):
            return "NULL"
        if self.type.name == "bool":
            return self._truth(value)
        if self.type.name in ("date", "datetime"):
            return self._date(value)
        if self.type.name == "text":
            return self._result_text(value)
        return self._number(value)

    def _result_text(self, value: Value) -> str:
        if isinstance(value, Field):
            return f"TRIM({self._path(value)})"
        if isinstance(value, (Text, Number)):
            return self._text(value)
        if isinstance(value, (Date, DateAdd)):
            return f"CAST({self._date(value)} AS text)"
        text = f"CAST({self._number(value)} AS text)"
        # Fields are read with ten decimals: what is computed of them ends in zeros.
        return f"RTRIM(RTRIM({text}, '0'), '.')" if any(isinstance(one, Field) for one in walk(value)) else text

    def _truth(self, value: Value) -> str:
        if isinstance(value, (Text, Number)):
            text = value.value if isinstance(value, Text) else value.text
            return "TRUE" if text.strip().lower() in TRUE_WORDS else "FALSE"
        if isinstance(value, Field):
            return f"LOWER(TRIM({self._path(value)})) IN ({', '.join(map(quoted, TRUE_WORDS))})"
        return f"{self._number(value)} <> 0"

    def _path(self, field: Field) -> str:
        return f"[{self.path_of(field)}]"

    def _text(self, value: Value) -> str:
        """A side of a comparison of texts, which is never NULL."""
        if isinstance(value, Field):
            return self.fields.text(self.path_of(value))
        if isinstance(value, Null):
            return "''"
        if isinstance(value, (Text, Number)):
            return quoted(value.value if isinstance(value, Text) else value.text)
        return f"COALESCE({self._result_text(value)}, '')"

    def _number(self, value: Value) -> str:
        if isinstance(value, Number):
            return value.text
        if isinstance(value, Text):
            return value.value.strip().replace(",", "") if _NUMERIC.match(value.value.strip()) else "NULL"
        if isinstance(value, Field):
            return self.fields.number(self.path_of(value))
        if isinstance(value, Null):
            return "NULL"
        if isinstance(value, Arithmetic):
            if value.left is None:
                return f"-{self._operand(value.right)}"
            return f"{self._operand(value.left)} {value.operator} {self._operand(value.right)}"
        if isinstance(value, Case):
            return Writer(self.path_of, ColumnType("decimal"), self.fields).column(value)
        raise ValueError("a date cannot be used in arithmetic; use DATEADD")

    def _operand(self, value: Value) -> str:
        sql = self._number(value)
        return f"({sql})" if isinstance(value, Arithmetic) else sql

    def _date(self, value: Value) -> str:
        if isinstance(value, (Text, Number)):
            moment = date_of(value.value if isinstance(value, Text) else value.text)
            return f"TIMESTAMP {quoted(moment.isoformat(' '))}" if moment else "NULL"
        if isinstance(value, Field):
            return self.fields.date(self.path_of(value))
        if isinstance(value, Date):
            return self._day(value.value)
        if isinstance(value, DateAdd):
            number = self._number(value.number)
            number = number if _is_whole(value.number) else f"CAST({number} AS int)"
            # What days are added to is a day: its time is dropped.
            is_day = value.unit not in ("hour", "minute", "second") and not isinstance(value.date, Date)
            date = self._day(value.date) if is_day else self._date(value.date)
            return f"DATEADD({value.unit}, {number}, {date})"
        if isinstance(value, Case):
            return Writer(self.path_of, ColumnType("datetime"), self.fields).column(value)
        if isinstance(value, Null):
            return "NULL"
        raise ValueError("a sum is not a date; use DATEADD to add to a date")

    def _day(self, value: Value) -> str:
        """The day of a date."""
        if isinstance(value, (Text, Number)):
            moment = date_of(value.value if isinstance(value, Text) else value.text)
            return f"DATE {quoted(moment.date().isoformat())}" if moment else "CAST(NULL AS date)"
        return f"CAST({self._date(value)} AS date)"

    def condition(self, condition: Condition) -> str:
        """A condition that is true where the old program's was, and otherwise false or NULL."""
        if isinstance(condition, Logic):
            terms = (self.condition(term) for term in condition.terms)
            inner = "OR" if condition.operator == "AND" else ""
            bracketed = (
                f"({sql})" if isinstance(term, Logic) and term.operator == inner else sql
                for term, sql in zip(condition.terms, terms, strict=True)
            )  # fmt: skip
            return f" {condition.operator} ".join(bracketed)
        if isinstance(condition, Compare):
            return self._compare(condition.operator, condition.left, condition.right)
        return self._test(condition)

    def _compare(self, operator: str, left: Value, right: Value) -> str:
        if any(isinstance(side, (Date, DateAdd)) for side in (left, right)):
            return f"{self._date(left)} {operator} {self._date(right)}"
        if any(_is_text(side) for side in (left, right)):
            return f"{self._text(left)} {operator} {self._text(right)}"
        as_numbers = f"{self._number(left)} {operator} {self._number(right)}"
        sums = [side for side in (left, right) if isinstance(side, Arithmetic)]
        if operator in ("<>", "!=") and len(sums) == 1:
            # What is no number differs from a sum that has a value.
            return f"COALESCE({as_numbers}, {self._number(sums[0])} IS NOT NULL)"
        if any(isinstance(side, (Arithmetic, Case)) for side in (left, right)) or (
            operator == "=" and not _both_fields(left, right)
        ):
            return as_numbers
        return f"COALESCE({as_numbers}, {self._text(left)} {operator} {self._text(right)})"

    def _test(self, test: Test) -> str:
        no = "NOT " if test.negated else ""
        if test.kind == "NULL":
            return f"{self._bare(test.value)} IS {no}NULL"
        if test.kind == "EMPTY":
            if not isinstance(test.value, Field):
                return f"{self._bare(test.value)} IS {no}NULL"
            return f"{self._text(test.value)} {'<>' if test.negated else '='} ''"
        if test.kind == "LIKE":
            return f"{self._text(test.value)} {no}ILIKE {self._text(test.items[0])}"
        if all(_is_text(item) for item in test.items):
            return f"{self._text(test.value)} {no}IN ({', '.join(map(self._text, test.items))})"
        operator, word = ("<>", " AND ") if test.negated else ("=", " OR ")
        return "(" + word.join(self._compare(operator, test.value, item) for item in test.items) + ")"

    def _bare(self, value: Value) -> str:
        if isinstance(value, Field):
            return self._path(value)
        return self._date(value) if isinstance(value, (Date, DateAdd)) else self._number(value)


def _is_text(value: Value) -> bool:
    """Whether it is a text that is no number, or no value: such are only compared as texts."""
    return isinstance(value, Null) or (isinstance(value, Text) and not _NUMERIC.match(value.value.strip()))


def _both_fields(left: Value, right: Value) -> bool:
    return isinstance(left, Field) and isinstance(right, Field)


def _is_whole(value: Value) -> bool:
    if isinstance(value, Arithmetic) and value.left is None:
        return _is_whole(value.right)
    text = value.text if isinstance(value, Number) else value.value.strip() if isinstance(value, Text) else ""
    return isinstance(value, Null) or (bool(re.fullmatch(r"[+-]?\d+", text)))


def results(value: Value) -> Iterator[Value]:
    """The values that an expression may give."""
    if isinstance(value, Case):
        for _, result in value.branches:
            yield from results(result)
        yield from results(value.otherwise)
    else:
        yield value


def any_given(types: Mapping[str, str]) -> list[str]:
    """Conditions of which one is true where one of these columns, by name, has a value; few for columns of one type."""
    families: dict[str, list[str]] = {}
    for name, type_ in types.items():
        family = "number" if type_ in (*INTEGERS, "decimal") else type_
        families.setdefault(family, []).append(column_name(name))
    return [
        f"COALESCE({', '.join(names)}) IS NOT NULL" if len(names) > 1 else f"{names[0]} IS NOT NULL"
        for names in families.values()
    ]
