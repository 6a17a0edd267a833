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
    "contacts outside of their place in the contract are counted as warnings: above it, beside it, and one level "
    "deeper in the application",
    "texts that are cut, and those that are no values, are counted by column in the report",
    "`required` and `nullable` are left to the tables of the database, as before",
)
"""What concerns no mapping in particular."""

LEADING_ZEROS = "leading zeros of digits are kept"
LAST_CHARACTER = "text of unlimited length keeps its last character"
NUMBERS = "a minus sign and separators of thousands count: -1, 1,234.56"
TRUE_WORDS = "`1`, `true` and `yes` are true as well"
OWN_EXPRESSION = "the expression is evaluated, though `calculated_field` is missing"
LOGIC = "AND binds stronger than OR; parentheses, NOT, IN and BETWEEN work"
LITERALS = "numbers in the expression need no quotes, and its literals keep their case"
EMPTY_DEFAULT = "`exclude_default_when_record_empty`: the default never makes a row"
ONLY_DEFAULTS = "a row that would hold only defaults is not made"
DAYS = "DATEADD gives a day, without the time of day"

_OF_ROWS = (EMPTY_DEFAULT, ONLY_DEFAULTS)
"""Changes of which rows there are; all others change values."""


@dataclass
class Notes:
    """Collected while a contract is imported; ``changed`` and ``not_taken`` by what is said of a mapping."""

    changed: dict[str, list[Mapping]] = field(default_factory=dict)
    not_taken: list[str] = field(default_factory=list)

    def change(self, what: str, mapping: Mapping) -> None:
        found = self.changed.setdefault(what, [])
        if mapping not in found:
            found.append(mapping)

    def cannot(self, what: str, mapping: Mapping | None = None) -> None:
        line = f"{mapping}: {what}" if mapping else what
        if line not in self.not_taken:
            self.not_taken.append(line)

    def lines(self) -> Iterator[str]:
        """The notes as text: what was not taken, what changes values, and the rest."""
        if self.not_taken:
            yield "Not taken:"
            yield from (f"  {line}" for line in self.not_taken)
        values = {what: found for what, found in self.changed.items() if what not in _OF_ROWS}
        if values:
            yield "Values that differ, where the old program was wrong:"
            yield from _counted(values)
        rows = {what: found for what, found in self.changed.items() if what in _OF_ROWS}
        if rows:
            yield "Rows that differ:"
            yield from _counted(rows)
        yield "For all documents:"
        yield from (f"  {what}" for what in ALWAYS)
        if not self.not_taken:
            yield "Every mapping is in the contract."


def _counted(changes: dict[str, list[Mapping]]) -> Iterator[str]:
    """Each change with the number of mappings that it touches, the most first."""
    for what, mappings in sorted(changes.items(), key=lambda item: -len(item[1])):
        tables = list(dict.fromkeys(mapping.table for mapping in mappings))
        shown = ", ".join(tables[:4]) + (", ..." if len(tables) > 4 else "")
        yield f"  {what}: {len(mappings)} mapping{'s' * (len(mappings) > 1)}, in {shown}"
