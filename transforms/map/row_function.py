"""The Python source that a contract becomes: one function for each kind of element that makes rows.

    def scope_2(element, position, record, rows, errors, row_0, row_1):     # <part> below row_1, <software>
        get = element.get
        found_0 = found_1 = None
        for child_1 in element:                                              # what stands below, in one walk
            kind_1 = kinds_9[child_1.tag]
            if kind_1 == 0:
                if found_0 is None: found_0 = (text_of(child_1) if len(child_1) else child_1.text or '')
            elif kind_1 == 1:
                found_1 = append(found_1, child_1)
        try:
            row_4 = (row_1[0], row_1[1], position, column_9(get('name')), found_0,)
        except ColumnError:
            ...                                                              # again, to name all errors
        rows['part'].append(row_4)
        for place, child in enumerate(found_1 or (), 1):
            scope_3(child, place, record, rows, errors, row_0, row_1, row_4)

Compiled text is several times faster than interpreting a plan for every row. Nothing of a contract's text
gets into it but the names of attributes, columns and tables, as string literals.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from transforms.map.collect import Walk, indented


@dataclass
class Scope:
    """A kind of element that makes rows, as a function under construction.

    ``above`` are the variables of the rows it stands below; ``depth`` is how many elements below the record
    it stands, at the least.
    """

    number: int
    depth: int
    above: tuple[str, ...]
    walk: Walk = field(default_factory=Walk)
    slots: int = 0
    folds: bool = False
    attributes: str = "Attributes(element)"
    owners: dict[str, str] = field(default_factory=dict)
    opening: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    result: str | None = None

    def slot(self) -> int:
        """The number of a new variable that the walk fills, ``found_0`` and so on."""
        self.slots += 1
        return self.slots - 1

    def own(self, key: str, elements: str) -> None:
        """Look up elements once, at the beginning: several columns read their attributes."""
        self.owners[key] = f"at_{len(self.owners)}"
        self.opening.append(f"{self.owners[key]} = {elements}")

    def function(self, names: dict[str, Any]) -> Iterator[str]:
        """The lines of the function; what they need is added to ``names``."""
        parameters = ", ".join(("element", "position", "record", "rows", "errors", *self.above))
        yield f"def scope_{self.number}({parameters}):"
        yield "    get = element.get"
        if self.folds:
            yield f"    own = {self.attributes}"
        if self.slots:
            yield f"    {' = '.join(f'found_{slot}' for slot in range(self.slots))} = None"
            yield from indented(self.walk.source("element", names))
        yield from indented(self.opening)
        yield from indented(self.lines)
        if self.result:
            yield f"    return {self.result}"

    def call(self, element: str, position: str, into: str = "rows, errors") -> str:
        """The source of a call for an element."""
        return f"scope_{self.number}({', '.join((element, position, 'record', into, *self.above))})"


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
