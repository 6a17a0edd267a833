"""Of rows that are the same, one is kept, and with the others goes all that is below them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from transforms.map.check import convert_constant
from transforms.map.contract import TableModel
from transforms.records import Row

Rows = dict[str, list[Row]]
Choose = Callable[["list[tuple[Rows, list[Any]]]"], "list[tuple[Rows, list[Any]]]"]


class Candidates:
    """The rows of one table below one parent row, each with what is below it, until it is clear which stay.

    Errors are kept row by row too: those of a row that goes, go with it.
    """

    def __init__(self, choose: Choose):
        self._choose = choose
        self._found: list[tuple[Rows, list[Any]]] = []

    def next(self) -> tuple[Rows, list[Any]]:
        """Where the next row, what is below it and its errors go."""
        candidate: tuple[Rows, list[Any]] = (_Rows(), [])
        self._found.append(candidate)
        return candidate

    def close(self, rows: Rows, errors: list[Any]) -> None:
        """Add those that stay to the record's rows and errors."""
        for kept, kept_errors in self._choose(self._found):
            for label, more in kept.items():
                rows[label].extend(more)
            errors.extend(kept_errors)


class _Rows(dict):  # type: ignore[type-arg]
    def __missing__(self, label: str) -> list[Row]:
        self[label] = []
        return self[label]


def make_choice(label: str, names: Sequence[str], table: TableModel) -> Choose:
    """The function that chooses by a table's ``unique``."""
    unique = table.unique
    assert unique is not None
    by = [names.index(name) for name in unique.by]
    place, rank = 0, {}
    for preferred, order in unique.prefer.items():
        place = names.index(preferred)
        type_ = table.columns[preferred].column_type
        rank = {convert_constant(type_, value): number for number, value in reversed(list(enumerate(order)))}
    later_wins = unique.keep == "last"

    def choose(candidates: list[tuple[Rows, list[Any]]]) -> list[tuple[Rows, list[Any]]]:
        best: dict[Hashable, tuple[int, int]] = {}
        for number, (rows, _) in enumerate(candidates):
            if not rows[label]:
                continue
            [row] = rows[label]
            key = tuple(row[at] for at in by)
            level = rank.get(row[place], len(rank))
            held = best.get(key)
            if held is None or level < held[0] or (level == held[0] and later_wins):
                best[key] = (level, number)
        kept = {number for _, number in best.values()}
        return [candidate for number, candidate in enumerate(candidates) if number in kept]

    return choose
