"""What an import changed and what it could not take, by mapping, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.legacy.source import Mapping

ALWAYS = (
    "entities are not unescaped twice, and declared encodings are honoured",
    "two records in one file are two records",
    "`required` and `nullable` are left to the tables of the database, as before",
)
"""Changes that concern no mapping in particular."""

LEADING_ZEROS = "leading zeros of digits are kept"
LAST_CHARACTER = "text of unlimited length keeps its last character"
NUMBERS = "a minus sign and separators of thousands count: -1, 1,234.56"
TRUE_WORDS = "`1`, `true` and `yes` are true as well"
OWN_EXPRESSION = "the expression is evaluated, though `calculated_field` is missing"
LOGIC = "AND binds stronger than OR; parentheses, NOT, IN and BETWEEN work"
LITERALS = "numbers in the expression need no quotes, and its literals keep their case"
EMPTY_DEFAULT = "`exclude_default_when_record_empty`: the default never makes a row"
ONLY_DEFAULTS = "a row that would hold only defaults is not made"


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
        """The notes as text: first all that changed, then all that was not taken."""
        yield "Changed, where the old program was wrong:"
        for what in ALWAYS:
            yield f"  {what}"
        for what, mappings in self.changed.items():
            yield f"  {what}"
            for mapping in mappings:
                yield f"    {mapping}"
        yield "Not taken:" if self.not_taken else "Not taken: nothing, every mapping is in the contract."
        for line in self.not_taken:
            yield f"  {line}"
