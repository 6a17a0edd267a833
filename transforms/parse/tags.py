"""Where the tags of a document are and how deep: all at once, by arrays, without looking at its elements.

It rests on three facts about well-formed XML. A ``<`` outside comments, CDATA sections and processing
instructions begins a tag, and each tag has one ``>`` that ends it; so where ``<`` and ``>`` take turns, none
of them is in a text or in an attribute's value. And a start tag goes down one level, an end tag up one, so
that on any one level start tags and end tags take turns.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Places = NDArray[np.intp]

_LT, _GT, _SLASH, _BANG, _QUESTION = b"<>/!?"
_LT_OR_GT = _LT & _GT
"""What is left of either without the one bit in which they differ."""
_BUT_THAT_BIT = 0xFF ^ _LT ^ _GT
# What has no tags inside: how it begins, how it ends, and what tells it from the others behind its "<".
_OPAQUE = ((b"<!--", b"-->", b"!-"), (b"<![CDATA[", b"]]>", b"!["), (b"<?", b"?>", b"?"))
# Each alternative begins differently, so that a failure takes no longer than a match.
_TAG = re.compile(rb"""<[^<>"']*(?:"[^<"]*"[^<>"']*|'[^<']*'[^<>"']*)*>""")


class Tags(NamedTuple):
    """The tags of a document in order; each array has one item for each.

    A tag reaches from its ``<`` at ``start`` to its ``>`` at ``end``. ``opens`` and ``closes`` say whether an
    element begins and ends with it (``<a/>``: both), ``level`` how deep this element is, the document element at 1.
    """

    start: Places
    end: Places
    opens: Flags
    closes: Flags
    level: NDArray[np.int32]


def find_tags(document: bytes, begin: int = 0) -> Tags | None:
    """The tags of one element, the first thing from ``begin`` on.

    ``None`` if they do not make one element, or might not be all: a DOCTYPE may declare more of them.
    """
    text = np.frombuffer(document, np.uint8)
    # In place, since fresh memory of this size costs more than the work on it.
    marks = text[begin:] & _BUT_THAT_BIT
    places = np.equal(marks, _LT_OR_GT, out=marks.view(np.bool_)).nonzero()[0]
    places += begin
    return _tags(document, text, places) if len(places) and places[0] == begin else None


def _tags(document: bytes, text: NDArray[np.uint8], places: Places) -> Tags | None:
    """The tags, by the places of ``<`` and ``>``."""
    # By `take` and `compress`: indexing by arrays takes several times as long.
    is_lt = text.take(places) == _LT
    start = places.compress(is_lt)
    if not len(start) or start[-1] == len(text) - 1:
        return None
    mark = text.take(start + 1)
    special = (mark == _BANG) | (mark == _QUESTION)
    if special.any():
        outside = _outside_opaque(document, text, places, is_lt, special)
        if outside is None:
            return None
        places, is_lt = places.compress(outside), is_lt.compress(outside)
        start = places.compress(is_lt)
        if not len(start):
            return None
        mark = text.take(start + 1)
    in_turn = len(places) == 2 * len(start) and bool(is_lt[::2].all())
    end = places[1::2] if in_turn else _ends(document, start, places.compress(~is_lt))
    if end is None:
        return None
    opens = mark != _SLASH
    closes = text.take(end - 1) == _SLASH
    closes |= ~opens
    level = np.cumsum(opens.view(np.int8) - closes.view(np.int8), dtype=np.int32)
    if level[-1] != 0 or (len(level) > 1 and level[:-1].min() < 1):
        return None
    level += closes
    return Tags(start, end, opens, closes, level)


def _outside_opaque(
    document: bytes, text: NDArray[np.uint8], places: Places, is_lt: Flags, special: Flags
) -> Flags | None:
    """Which of the places are not in a comment, CDATA section or processing instruction.

    ``special`` says which ``<`` of the places are before a ``!`` or ``?``. ``None`` if there is one that begins none
    of the three, or does not end.
    """
    # All by the numbers of the places: an opaque part goes from that of its "<" to that of its last ">".
    first = is_lt.nonzero()[0].compress(special)
    start = places.take(first)
    if start[-1] + 2 >= len(text):
        return None
    second, third = text.take(start + 1), text.take(start + 2)
    before = text.take(places - 1)
    last = np.full(len(first), len(places))
    opener = np.zeros(len(first), np.int8)
    for number, (begin, end, marks) in enumerate(_OPAQUE):
        mine = second == marks[0]
        if marks[1:]:
            mine &= third == marks[1]
        mine = mine.nonzero()[0]
        if not len(mine):
            continue
        ends = (before == end[-2]).nonzero()[0]
        fit = ~is_lt.take(ends)
        if len(end) == 3:
            fit &= text.take(places.take(ends) - 2) == end[0]
        ends = ends.compress(fit)
        found = places.take(ends).searchsorted(start.take(mine) + (len(begin) + len(end) - 1))
        last[mine] = np.append(ends, len(places)).take(found)
        opener[mine] = number
    borders: list[int] = []
    done = -1
    for number, end, at, kind in zip(first.tolist(), last.tolist(), start.tolist(), opener.tolist(), strict=True):
        if number > done:
            if end == len(places) or not document.startswith(_OPAQUE[kind][0], at):
                return None
            done = end
            borders += number, end + 1
    depth = np.zeros(len(places) + 1, np.int32)
    depth[borders[::2]] = 1
    depth[borders[1::2]] -= 1
    return np.cumsum(depth[:-1]) == 0


def _ends(document: bytes, start: Places, candidates: Places) -> Places | None:
    """The ``>`` of each tag, where there are more of them: ``candidates``."""
    first = np.searchsorted(candidates, start)
    many: Any = np.diff(first, append=len(candidates))
    if many.min() < 1:
        return None
    end = candidates[first]
    for at in np.flatnonzero(many > 1).tolist():
        tag = _TAG.match(document, start[at])
        if tag is None:
            return None
        end[at] = tag.end() - 1
    return end
