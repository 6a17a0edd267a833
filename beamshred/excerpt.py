"""A few lines of a record, around a place in it, for a terminal that is not to obey what data says."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len

MOST_LINES = 15
MOST_CHARACTERS = 200
"""Of a line. What is longer is cut: the line of the place around it."""

_BEFORE = MOST_LINES // 2
_BYTES_AROUND = 400
_TAB = "    "


@dataclass(frozen=True)
class Line:
    """A line that is shown: its number from 0, and where the place is, in cells of the terminal, if it is here."""

    number: int
    text: str
    at: int | None = None


def excerpt(data: bytes, place: int | None, codec: str = "utf-8") -> list[Line]:
    """At most :data:`MOST_LINES` lines around this byte of ``data``; the first ones where no place is known."""
    around = 0 if place is None else min(place, max(len(data) - 1, 0))
    start = data.rfind(b"\n", 0, around) + 1
    for _ in range(_BEFORE):
        if start == 0:
            break
        start = data.rfind(b"\n", 0, start - 1) + 1
    number = data.count(b"\n", 0, start)
    lines: list[Line] = []
    while len(lines) < MOST_LINES and start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        is_here = place is not None and start <= around <= end
        lines.append(_line(number, data, start, end, around if is_here else None, codec))
        start, number = end + 1, number + 1
    return lines


def _line(number: int, data: bytes, start: int, end: int, place: int | None, codec: str) -> Line:
    first = start if place is None else max(start, place - _BYTES_AROUND)
    last = min(end, (start if place is None else place) + 2 * _BYTES_AROUND)

    def text(begin: int, stop: int) -> str:
        return visible(data[begin:stop].decode(codec, "replace"))

    # Where a cut goes through a character, its rest is no text.
    before = "" if place is None else text(first, place)
    before = before.lstrip("\ufffd") if first > start else before
    after = text(first if place is None else place, last).removesuffix("\\r")
    after = after.rstrip("\ufffd") if last < end else after
    room = MOST_CHARACTERS
    if len(before) + len(after) > room:
        keep = max(room // 2, room - len(after))
        cut_before, before = len(before) > keep, before[-keep:] if len(before) > keep else before
        before = "..." + before[3:] if cut_before else before
    if first > start and not before.startswith("..."):
        before = "..." + before
    room -= len(before)
    if len(after) > room or last < end:
        after = after[: room - 3] + "..."
    return Line(number, before + after, None if place is None else cell_len(before))


def visible(text: str) -> str:
    """The text with all that a terminal might obey, or not show, written as an escape."""
    if text.isprintable():
        return text
    signs = (sign if sign.isprintable() else _TAB if sign == "\t" else ascii(sign)[1:-1] for sign in text)
    return "".join(signs)
