"""A row for expressions, and what an expression makes of it."""

from datetime import datetime

from transforms.contract.expressions import compile_expression
from transforms.schema import ColumnType

COLUMNS = {
    name: ColumnType.parse(type_)
    for name, type_ in {
        "amount": "decimal(18, 2)", "rate": "decimal(38, 19)", "qty": "int", "ratio": "float", "status": "text(3)",
        "Name": "text", "flag": "bool", "booked": "date", "created": "datetime", "sent": "datetimetz", "at": "time",
        "doc": "json", "p": "bool", "q": "bool", "odd name": "int",
    }.items()
}  # fmt: skip
FORMATS = {"us_dates": ["%m/%d/%Y", "iso"], "US": ["%y"], "us": ["%Y"], "odd dates": ["%Y."]}
NOW = datetime(2024, 3, 10, 12, 30)


def bound(text, values, method="compile"):
    """The compiled function and the list of its values; paths are given by their text in brackets."""
    expression = compile_expression(text, COLUMNS, FORMATS)
    spelled = {("path" if name[0] == "[" else "column", name.strip("[]")): value for name, value in values.items()}
    slots = [spelled.get(slot, NOW if slot[0] == "now" else None) for slot in expression.slots]
    return getattr(expression, method)(lambda kind, name: expression.slots.index((kind, name))), slots


def value(text, **values):
    function, slots = bound(text, values)
    return function(slots)


def path(text, **paths):
    function, slots = bound(text, {f"[{name}]": content for name, content in paths.items()})
    return function(slots)


def same(result, expected):
    return type(result) is type(expected) and result == expected and str(result) == str(expected)
