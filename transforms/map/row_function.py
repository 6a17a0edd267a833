"""The Python source that a contract becomes: one function for each kind of element that makes rows.

    def rows_of_part(element, position, record, rows, errors, record_key, row_software):     # <part> below <software>
        get = element.get
        found_part_title = found_dataarea_rows = None
        for child_1 in element:                                              # what stands below, in one walk
            kind_1 = kinds_9[child_1.tag]
            if kind_1 == 0:
                if found_part_title is None: found_part_title = text_of(child_1)
            elif kind_1 == 1:
                found_dataarea_rows = append(found_dataarea_rows, child_1)
        try:
            row_part = (row_software[0], position, column_part_name(get('name')), found_part_title,)
        except ColumnError:
            ...                                                              # again, to name all errors
        rows['part'].append(row_part)
        for place, child in enumerate(found_dataarea_rows or (), 1):
            rows_of_dataarea(child, place, record, rows, errors, record_key, row_software, row_part)

Compiled text is several times faster than interpreting the contract for every row. Nothing of a contract's text
gets into it but the names of attributes, columns and tables: as string literals, and made into identifiers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from transforms.map.collect import Walk, indented

_LONGEST = 60


class Identifiers:
    """Names for Python source, made of the contract's names, no two the same."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def new(self, kind: str, text: str) -> str:
        """``column_orders_total`` of the kind ``column`` and the text ``orders.total``."""
        # Of ASCII alone: Python takes some other letters for one another.
        plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
        words = re.sub("[^A-Za-z0-9]+", "_", plain)[:_LONGEST].strip("_")
        name = base = f"{kind}_{words}"
        number = 1
        while name in self._used:
            number += 1
            name = f"{base}_{number}"
        self._used.add(name)
        return name


@dataclass
class RowFunction:
    """The function of a kind of element that makes rows, under construction.

    ``above`` are the variables of the rows it stands below; ``depth`` is how many elements below the record
    it stands, at the least.
    """

    name: str
    depth: int
    above: tuple[str, ...]
    walk: Walk = field(default_factory=Walk)
    slots: list[str] = field(default_factory=list)
    folds: bool = False
    attributes: str = "Attributes(element)"
    owners: dict[str, str] = field(default_factory=dict)
    opening: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    result: str | None = None

    def slot(self, name: str) -> str:
        """A new variable that the walk fills, ``found_`` and this name."""
        self.slots.append(name)
        return name

    def own(self, key: str, elements: str) -> None:
        """Look up elements once, at the beginning: several columns read their attributes."""
        self.owners[key] = f"at_{len(self.owners)}"
        self.opening.append(f"{self.owners[key]} = {elements}")

    def source(self, names: dict[str, Any]) -> Iterator[str]:
        """The lines of the function; what they need is added to ``names``."""
        parameters = ", ".join(("element", "position", "record", "rows", "errors", *self.above))
        yield f"def {self.name}({parameters}):"
        yield "    get = element.get"
        if self.folds:
            yield f"    own = {self.attributes}"
        if self.slots:
            yield f"    {' = '.join(f'found_{slot}' for slot in self.slots)} = None"
            yield from indented(self.walk.source("element", names))
        yield from indented(self.opening)
        yield from indented(self.lines)
        if self.result:
            yield f"    return {self.result}"

    def call(self, element: str, position: str, into: str = "rows, errors") -> str:
        """The source of a call for an element."""
        return f"{self.name}({', '.join((element, position, 'record', into, *self.above))})"


def tuple_of(values: Sequence[str]) -> str:
    """The source of a tuple."""
    return f"({', '.join(values)},)" if values else "()"


def guarded(variable: str, fixed: Sequence[str], values: Sequence[str], errors: str) -> list[str]:
    """Lines that make a tuple of ``fixed`` and ``values``; where one fails, all are tried, each by itself."""
    if not values:
        return [f"{variable} = {tuple_of(fixed)}"]
    return [
        "try:",
        f"    {variable} = {tuple_of([*fixed, *values])}",
        "except ColumnError:",
        # As texts, and not as lambdas: a variable that a lambda uses is slower for all who use it.
        f"    {variable} = {tuple_of(fixed)} + one_by_one({tuple(values)!r}, globals(), locals(), {errors})",
    ]
