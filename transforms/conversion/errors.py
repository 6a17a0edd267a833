"""What all conversions share: their error, roundings, and how they show a text."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP

ROUNDINGS = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN, "down": ROUND_DOWN}


class ConversionError(ValueError):
    """A text that is no value of the column's type. ``rule`` is the short word the report counts it by."""

    def __init__(self, rule: str, message: str):
        super().__init__(rule, message)
        self.rule = rule
        self.message = message

    def __str__(self) -> str:
        return self.message


def short(value: str) -> str:
    """A text in quotes, for a message; its beginning where it is long."""
    return repr(value if len(value) <= 60 else value[:57] + "...")
