"""What generated code does itself with the texts that columns usually have, without a call of the column's function.

What it does with a text is exactly what the column's function would do; with all other texts it calls that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from transforms.contract.column_model import ColumnModel
from transforms.contract.plan import ColumnPlan, LookupPlan
from transforms.conversion.convert import has_point, make_cleaning
from transforms.schema import INTEGER_RANGES, MAX_DECIMAL_PRECISION


@dataclass(frozen=True)
class Usual:
    """Two Python expressions: whether a text is a usual one, and if so, the column's value.

    In them ``{given}`` is where the raw value, which may be ``None``, comes first, ``{raw}`` that again, and
    ``{thing}`` the name of ``thing``.
    """

    test: str
    value: str
    thing: Any = None


def usual(plan: ColumnPlan) -> Usual | None:
    """The usual texts of a column, and what becomes of them; ``None`` where there is no such way."""
    column, type_ = plan.model, plan.type
    if column.take not in ("first", "last") or not column.from_ or plan.is_system or column.value is not None:
        return None
    steps = [make_cleaning(step) for step in column.clean]
    if plan.lookup is not None:
        return Usual("{given} in {thing}", "{thing}[{raw}]", _known(plan.lookup)) if _is_trimmed(column) else None
    if type_.is_integer and (not steps or _keeps_numbers(column, "")):
        most = len(str(INTEGER_RANGES[type_.name][1])) - 1
        return Usual(f"{{given}} and {{raw}}.isdigit() and len({{raw}}) <= {most} and {{raw}}.isascii()", "int({raw})")
    if type_.name == "decimal" and has_point(column.format or ()) and _keeps_numbers(column, "digits"):
        scale = type_.scale or 0
        whole = (type_.precision or MAX_DECIMAL_PRECISION) - scale
        if not whole:
            return None
        exact = re.compile(rf"[0-9]{{1,{whole}}}" + (rf"\.[0-9]{{{scale}}}" if scale else ""))
        return Usual("{given} and {thing}({raw})", "Decimal({raw})", exact.fullmatch)
    if type_.name != "text":
        return None
    fits = "" if type_.length is None else f" and len({{raw}}) <= {type_.length}"
    if not steps and column.blank == "keep" and not plan.required:
        return Usual("{given} is not None" + fits, "{raw}")
    if not steps:
        return Usual("{given} and not {raw}.isspace()" + fits, "{raw}")
    if _is_trimmed(column):
        return Usual("{given} and (text := {raw}.strip())" + fits.format(raw="text"), "text")
    return None


def _is_trimmed(column: ColumnModel) -> bool:
    """Whether all that happens to a text before it is converted is that blanks around it go."""
    return column.clean == ["trim"]


def _keeps_numbers(column: ColumnModel, but: str) -> bool:
    """Whether no cleaning changes a text of digits, perhaps with a point between them; ``but`` one would."""
    return all(isinstance(step, str) and step != but for step in column.clean)


def _known(lookup: LookupPlan) -> dict[str | None, Any]:
    """What the texts of a lookup stand for; those with blanks around them are never found by one that is trimmed."""
    return {text: value for text, value in lookup.values.items() if text == text.strip()}
