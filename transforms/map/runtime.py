"""What the functions of rows call while they make one: conditions, and what to do about errors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from types import CodeType
from typing import Any

from lxml.etree import _Element

from transforms.contract.expressions import ExpressionError
from transforms.map.cells import ColumnError, Failures
from transforms.map.computed import Computed
from transforms.records import Row

Holds = Callable[["Sequence[Any]"], bool]
Condition = Callable[["Sequence[Any]", "list[ColumnError]"], bool]


def make_rule(holds: Holds, path: str) -> Condition:
    """The condition of ``reject_when`` or ``warn_when``; where it fails, it does not hold, and there is an error."""

    def rule(values: Sequence[Any], errors: list[ColumnError]) -> bool:
        try:
            return holds(values)
        except ExpressionError as error:
            errors.append(ColumnError(path, error.rule, error.message))
            return False

    return rule


def make_filter(holds: Holds, path: str, reads: Collection[str]) -> Condition:
    """The condition of ``where``; ``reads`` are the paths of the columns that it looks at."""

    def keeps(values: Sequence[Any], errors: list[ColumnError]) -> bool:
        # Nothing is dropped because a condition failed, or because a value that it reads is an error: the
        # row stays, and its record is rejected.
        try:
            return holds(values) or is_broken(error for error in errors if error.path in reads)
        except ExpressionError as error:
            errors.append(ColumnError(path, error.rule, error.message))
            return True

    return keeps


def make_refusal(failures: Failures, path: str, is_forgiven: bool) -> Callable[[str], None]:
    """What is done about a text that is no reference: it is an error of its column, or taken for none, and counted."""

    def refuse(message: str) -> None:
        if not is_forgiven:
            raise ColumnError(path, "reference", message)
        failures[path, "reference"] += 1

    return refuse


def is_broken(errors: Iterable[ColumnError]) -> bool:
    """Whether there was a text that is no value: a row that only lacks something may be none at all."""
    return any(error.rule != "required" for error in errors)


def attempt(
    failures: Failures,
    column: Computed,
    compute: Callable[[Sequence[Any]], Any],
    arguments: Sequence[Any] | None,
    error: Exception,
    errors: list[ColumnError],
) -> Any:
    """A computed column's value where computing it failed, or reading its arguments; NULL where that is an error."""
    try:
        if arguments is None:
            raise error
        return column.attempt(compute, arguments)
    except ColumnError as error:
        failures[error.path, error.rule] += 1
        errors.append(error)
        return None


def one_by_one(
    failures: Failures, columns: Sequence[str], names: dict[str, Any], here: dict[str, Any], errors: list[ColumnError]
) -> Row:
    """The columns of a row once more, each by itself, to find all of its errors and not just the first.

    Args:
      columns: Python expressions.
      names, here: the global and the local variables that they use.
    """
    row = []
    counted_before = failures.copy()
    is_first = True
    for column in columns:
        try:
            row.append(eval(_code(column), names, here))
        except ColumnError as error:
            if is_first:
                # Up to here the row was read twice, and what failed on the way was counted twice.
                failures.clear()
                failures.update(counted_before)
                is_first = False
            failures[error.path, error.rule] += 1
            errors.append(error)
            row.append(None)
    return tuple(row)


@lru_cache(10_000)
def _code(column: str) -> CodeType:
    return compile(column, "<column>", "eval")


def in_document_order(element: _Element, sources: Sequence[Sequence[_Element]]) -> list[tuple[int, _Element]]:
    """The elements of several sources below one, as they stand in the document, each with its source's number."""
    wanted = {found for source in sources for found in source}
    order = {found: place for place, found in enumerate(element.iter()) if found in wanted}
    if len(order) < len(wanted):  # named elements, and what references lead to, stand anywhere in the record
        order = {found: place for place, found in enumerate(element.getroottree().iter()) if found in wanted}
    pairs = [(number, found) for number, source in enumerate(sources) for found in source]
    return sorted(pairs, key=lambda pair: (order[pair[1]], pair[0]))


def first_given(*candidates: Any) -> Any:
    """The first that is there and not blank; else the first that is there."""
    there = [candidate for candidate in candidates if candidate is not None]
    return next((value for value in there if not isinstance(value, str) or value.strip()), there[0] if there else None)
