"""What a contract does to a text before it is converted."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Cleaning = Callable[[str], str]

_NUMBER = r"(?:(?<!\w)[-\u2212]\$?)?(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d*)?|\.\d+)"
_FIRST_NUMBER = re.compile(_NUMBER, re.ASCII)
_NO_DIGITS = re.compile("[^0-9]+")
_ALL_NUMBER = re.compile(rf"\s*(?:\$\s*)?({_NUMBER})\s*", re.ASCII)


def _first_number(text: str) -> str:
    if text.isdigit():
        return text
    found = _FIRST_NUMBER.search(text)
    return _plain(found[0]) if found else text


def _digits(text: str) -> str:
    return text if text.isdigit() and text.isascii() else _NO_DIGITS.sub("", text)


def _number_or_digits(text: str) -> str:
    found = _ALL_NUMBER.fullmatch(text)
    return _plain(found[1]) if found else _digits(text)


def _plain(number: str) -> str:
    """A number with its minus sign alone before it: $ and the sign of typographers go."""
    return number.replace("$", "").replace("\u2212", "-")


CLEANINGS: dict[str, Cleaning] = {
    "trim": str.strip,
    "collapse": lambda text: " ".join(text.split()),
    "upper": str.upper,
    "lower": str.lower,
    "digits": _digits,
    "first_number": _first_number,
    "number_or_digits": _number_or_digits,
}
"""The named cleanings. ``collapse`` also turns runs of blanks and line ends into one blank; ``first_number`` leaves
a text without a number as it is."""


def make_cleaning(step: Any) -> Cleaning:
    """The function of one step: a name of :data:`CLEANINGS`, or ``{find: regex, replace: text}``.

    ``replace`` may hold ``\\1`` or ``\\g<name>``; absent, what was found is removed. Raises ``ValueError``.
    """
    if isinstance(step, str):
        if step not in CLEANINGS:
            raise ValueError(f"{step!r} is none of {', '.join(CLEANINGS)}, nor {{find: regex, replace: text}}")
        return CLEANINGS[step]
    if not isinstance(step, dict) or "find" not in step or set(step) - {"find", "replace"}:
        raise ValueError(f"{step!r} is neither one of {', '.join(CLEANINGS)} nor {{find: regex, replace: text}}")
    try:
        find = re.compile(step["find"])
        replace = step.get("replace", "")
        # An unknown group in the replacement would fail at the first record only.
        re.compile(f"{step['find']}\n|").sub(replace, "")
    except (re.error, TypeError, IndexError) as error:
        raise ValueError(f"{step!r}: {error}") from None
    except (RecursionError, OverflowError):
        raise ValueError(f"{str(step)[:60]}...: this regular expression is nested too deeply, or too large") from None
    # A replacement with groups takes its time, even where there is nothing to replace.
    return lambda text: find.sub(replace, text) if find.search(text) else text
