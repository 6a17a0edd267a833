"""Of rows that are the same, one is kept; with the others goes all that is below them, or it stays with the one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from transforms.contract.plan import UniquePlan
from transforms.records import Row

Rows = dict[str, list[Row]]


@dataclass
class RowCandidate:
    """A row with what is below it, their errors, and the value that ``prefer`` looks at."""

    rows: Rows
    errors: list[Any]
    preferred: Any = None


Choose = Callable[["list[RowCandidate]"], "list[RowCandidate]"]


class Candidates:
    """The rows of one table below one parent row, each with what is below it, until it is clear which stay.

    Errors are kept row by row too: those of a row that goes, go with it.
    """

    def __init__(self, choose: Choose):
        self._choose = choose
        self._found: list[RowCandidate] = []

    def next(self) -> tuple[Rows, list[Any]]:
        """Where the next row, what is below it and its errors go."""
        candidate = RowCandidate(_RowsByTable(), [])
        self._found.append(candidate)
        return candidate.rows, candidate.errors

    def prefer(self, value: Any) -> None:
        """The value by which the row at hand is preferred."""
        self._found[-1].preferred = value

    def close(self, rows: Rows, errors: list[Any]) -> None:
        """Add those that stay to the record's rows and errors."""
        for kept in self._choose(self._found):
            for label, more in kept.rows.items():
                rows[label].extend(more)
            errors.extend(kept.errors)


class _RowsByTable(dict):
    def __missing__(self, label: str) -> list[Row]:
        self[label] = []
        return self[label]


def make_choice(label: str, names: Sequence[str], unique: UniquePlan) -> Choose:
    """The function that chooses by a table's ``unique``."""
    by, rank = [names.index(name) for name in unique.by], unique.ranks
    later_wins, keeps_below = unique.keep == "last", unique.below == "keep"

    def choose(candidates: list[RowCandidate]) -> list[RowCandidate]:
        best: dict[Hashable, tuple[int, int]] = {}
        for number, candidate in enumerate(candidates):
            if not candidate.rows[label]:
                continue
            [row] = candidate.rows[label]
            key = tuple(row[at] for at in by)
            level = rank.get(candidate.preferred, len(rank))
            held = best.get(key)
            if held is None or level < held[0] or (level == held[0] and later_wins):
                best[key] = (level, number)
        kept = {number for _, number in best.values()}
        chosen = []
        for number, candidate in enumerate(candidates):
            if number in kept:
                chosen.append(candidate)
            elif keeps_below:
                chosen.append(_below(label, candidate))
        return chosen

    return choose


def _below(label: str, candidate: RowCandidate) -> RowCandidate:
    """A candidate without its own row and that one's errors."""
    rows = {other: rows for other, rows in candidate.rows.items() if other != label}
    return RowCandidate(rows, [error for error in candidate.errors if error.path.partition(".")[0] != label])
