"""What an import changed and what it could not take, by mapping, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from beamshred.legacy.source import Mapping

ALWAYS = (
    "entities are not unescaped twice, and declared encodings are honoured",
    "two records in one file are two records",
    "contacts of one con_id: the addresses and employments of all of them stay with the one that is kept",
    "an ID or con_id such as 100.0, A100 or 0 rejects its document, with the reason",
    "contacts outside of their place in the contract, at whatever depth, are counted as warnings",
    "texts that are cut, and those that are no values, are counted by column in the report",
    "`required` and `nullable` are left to the tables of the database, as before",
)
"""What concerns no mapping in particular."""

LEADING_ZEROS = "leading zeros of digits are kept"
LAST_CHARACTER = "text of unlimited length keeps its last character"
NUMBERS = "a minus sign and separators of thousands count: -1, 1,234.56"
WHOLE_NUMBERS = "of a text that is a number, not only the digits are kept: 36.50 is 36.5, not 3650"
TRUE_WORDS = "`1`, `true` and `yes` are true as well"
OWN_EXPRESSION = "the expression is evaluated, though `calculated_field` is missing"
LOGIC = "AND binds stronger than OR; parentheses, NOT, IN and BETWEEN work"
LITERALS = "numbers in the expression need no quotes, and its literals keep their case"
EMPTY_DEFAULT = "`exclude_default_when_record_empty`: the default never makes a row"
ONLY_DEFAULTS = "a row that would hold only defaults is not made"
DAYS = "DATEADD gives a day, without the time of day"

_FEW, _MANY = 3, 40
"""Mappings of one problem, and lines in all, that are told one by one."""

_OF_ROWS = (EMPTY_DEFAULT, ONLY_DEFAULTS)
"""Changes of which rows there are; all others change values."""


@dataclass
class Notes:
    """Collected while a contract is imported; ``changed`` and ``problems`` by what is said of a mapping."""

    changed: dict[str, list[Mapping]] = field(default_factory=dict)
    problems: dict[str, list[Mapping | None]] = field(default_factory=dict)

    @property
    def not_taken(self) -> list[str]:
        """What was not taken, a line for each mapping."""
        return [f"{one}: {what}" if one else what for what, found in self.problems.items() for one in found]

    def change(self, what: str, mapping: Mapping) -> None:
        found = self.changed.setdefault(what, [])
        if mapping not in found:
            found.append(mapping)

    def cannot(self, what: str, mapping: Mapping | None = None) -> None:
        found = self.problems.setdefault(what, [])
        if mapping not in found:
            found.append(mapping)

    def lines(self) -> Iterator[str]:
        """The notes as text: what was not taken, what changes values, and the rest."""
        if self.problems:
            yield "Not imported:"
            yield from self._problems()
        values = {what: found for what, found in self.changed.items() if what not in _OF_ROWS}
        if values:
            yield "Values that differ because the old program was wrong:"
            yield from _counted(values)
        rows = {what: found for what, found in self.changed.items() if what in _OF_ROWS}
        if rows:
            yield "Rows that differ:"
            yield from _counted(rows)
        yield "For all documents:"
        yield from (f"  {what}" for what in ALWAYS)
        if not self.problems:
            yield "Every mapping is in the contract."

    def _problems(self) -> Iterator[str]:
        """What was not taken; what is said of many mappings is said once."""
        lines: list[str] = []
        for what, found in self.problems.items():
            if len(found) > _FEW:
                lines.append(f"  {what}: {len(found)} mappings, the first is {found[0]}")
            else:
                lines += [f"  {one}: {what}" if one else f"  {what}" for one in found]
        yield from lines[:_MANY]
        if len(lines) > _MANY:
            yield f"  and {len(lines) - _MANY} more like these"


def _counted(changes: dict[str, list[Mapping]]) -> Iterator[str]:
    """Each change with the number of mappings that it touches, the most first."""
    for what, mappings in sorted(changes.items(), key=lambda item: -len(item[1])):
        tables = list(dict.fromkeys(mapping.table for mapping in mappings))
        shown = ", ".join(tables[:4]) + (", ..." if len(tables) > 4 else "")
        yield f"  {what}: {len(mappings)} mapping{'s' * (len(mappings) > 1)}, in {shown}"
