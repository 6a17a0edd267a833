"""The texts of elements: all of it, or without some descendants, or with something where elements meet."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache

from lxml.etree import _Element, iterwalk

from transforms.names import NameTest

TextOf = Callable[[_Element], str]


def text_of(element: _Element) -> str:
    """An element's text with all that stands below it; ``""`` for an empty element."""
    if len(element):
        return "".join(element.itertext())
    return element.text or ""


def make_text_of(left_out: Collection[NameTest], between: str | None) -> TextOf:
    """A function that gives the text of an element, as a column wants it.

    Args:
      left_out: elements below it that do not count, with all that stands in them: as if they were not there.
      between: what stands where one element ends and the next begins, with nothing but blanks between their tags;
        an empty element is such a place, too. Nothing is added before the first text, and after the last.
    """
    if not left_out and between is None:
        return text_of
    is_left_out = lru_cache(maxsize=1000)(lambda tag: any(test.matches(tag) for test in left_out))

    def text(element: _Element) -> str:
        pieces = _Pieces(between)
        walk = iterwalk(element, events=("start", "end"))
        for event, at in walk:
            is_own = at is element
            if event == "start":
                if not is_own and is_left_out(at.tag):
                    walk.skip_subtree()
                    continue
                if not is_own:
                    pieces.tag(is_start=True)
                pieces.held += at.text or ""
            elif not is_own:
                if not is_left_out(at.tag):
                    pieces.tag(is_start=False)
                pieces.held += at.tail or ""
        return pieces.whole()

    return text


class _Pieces:
    """The texts between tags, in order. ``held`` is what has come since the last tag."""

    def __init__(self, between: str | None):
        self.held = ""
        self._between = between
        self._found: list[str] = []
        self._blanks: list[str] = []  # until it is clear whether elements meet there
        self._meets = False
        self._last: bool | None = None  # whether the last tag was a start tag

    def tag(self, is_start: bool) -> None:
        meets_next = self._last is False and is_start and not self.held.strip()
        is_empty = self._last is True and not is_start and not self.held
        if self._between is not None and (meets_next or is_empty):
            self._meets = True
            self._blanks.clear()
        else:
            self._put()
        self.held, self._last = "", is_start

    def whole(self) -> str:
        self._put()
        return "".join([*self._found, *([] if self._meets else self._blanks)])

    def _put(self) -> None:
        if self.held and not self.held.strip():
            self._blanks.append(self.held)
        elif self.held:
            if not self._meets:
                self._found += self._blanks
            elif self._found:
                self._found.append(self._between or "")
            self._found.append(self.held)
            self._blanks, self._meets = [], False
