"""What a contract asks for and records never gave: tables without a row, columns without a value.

A typo in an element's name is no error: the column stays NULL, or the table empty. It is seen by that alone, in the
rows that are made anyway: what has not been found yet is looked for in each record, which soon is next to nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from operator import itemgetter
from typing import Any

from transforms.contract.plan import Contract
from transforms.records import Row


class Finder:
    """Looks for what has not been found yet; ``found`` is what came to be found, until somebody takes it.

    A table is found when it has a row, and a column when a row has a value there that is neither NULL nor its default.
    """

    def __init__(self, contract: Contract):
        self.found: list[str] = []
        self._all_tables = {table.label for table in contract.schema.tables}
        self._all_columns: dict[str, list[tuple[str, int, Any]]] = {}
        for label, name, nothing in _looked_for(contract):
            at = contract.schema.by_label[label].column_names.index(name)
            self._all_columns.setdefault(label, []).append((f"{label}.{name}", at, nothing))
        self.start_again()

    def start_again(self) -> None:
        """Forget what was found."""
        self.found.clear()
        self._tables = set(self._all_tables)
        self._columns = {label: list(columns) for label, columns in self._all_columns.items()}

    def look(self, rows: Mapping[str, list[Row]]) -> None:
        """Look at the rows of a record."""
        for label in [label for label in self._tables if rows[label]] if self._tables else ():
            self._tables.remove(label)
            self.found.append(label)
        is_done = False
        for label, columns in self._columns.items():
            made = rows[label]
            if not made:
                continue
            if len(made) == 1:
                row = made[0]
                new = [one for one in columns if row[one[1]] is not one[2] and row[one[1]] != one[2]]
            else:
                # Counted by C, as there may be many rows.
                new = [one for one in columns if [*map(itemgetter(one[1]), made)].count(one[2]) < len(made)]
            if new:
                self.found += [name for name, _, _ in new]
                columns[:] = [one for one in columns if one not in new]
                is_done |= not columns
        if is_done:
            self._columns = {label: columns for label, columns in self._columns.items() if columns}


def never_found(contract: Contract, found: Collection[str]) -> list[str]:
    """What was not found: ``table.column``, and ``rows of table``, in the order of the contract.

    Of a table without rows nothing else is said, nor of the tables below it. ``found`` is what :class:`Finder` found,
    in all processes.
    """
    empty: set[str | None] = set()
    for table in contract.parents_first:
        if table.parent in empty or table.label not in found:
            empty.add(table.label)
    columns = [
        f"{label}.{name}"
        for label, name, _ in _looked_for(contract)
        if label not in empty and f"{label}.{name}" not in found
    ]
    return columns + [
        f"rows of {label}" for label, table in contract.tables.items() if label in empty and table.parent not in empty
    ]


def _looked_for(contract: Contract) -> Iterator[tuple[str, str, Any]]:
    """Table, name and default of each column that a record has a say in; no default where sources have several."""
    for label, table in contract.tables.items():
        read: dict[str, list[Any]] = {}
        for source in table.sources:
            for name, column in source.columns.items():
                if column.constant is None and not column.is_system:
                    read.setdefault(name, []).append(column.default)
        for name, defaults in read.items():
            yield label, name, defaults[0] if all(one == defaults[0] for one in defaults) else None
