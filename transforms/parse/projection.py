"""Projection: of a wide record, only the part that a contract can reach is handed to the parser.

Elements that no step of a contract can reach are cut out of the record's bytes, tags and all, and so is the
text between elements::

    <application id="1">                       <application id="1">
      <bureau> ... 90 kB ... </bureau>
      <contact first="Ann"> .. </contact>  ->  <contact first="Ann"></contact>
      <audit at="10:31"/>
    </application>                             </application>

What is left maps to the same rows. A position such as ``Bal[2]`` counts elements of one name only, and these
are kept or cut together. A name test with a namespace keeps the elements of all namespaces, since prefixes may
be declared above the record.

Where the bytes cannot be judged they stay as they are, and the parser sees all: a DOCTYPE, an encoding other
than UTF-8, tags that do not match. What is not well-formed inside a cut element, and leaves its tags in
balance, is not noticed.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import reduce
from operator import itemgetter, or_
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transforms.names import NameTest, Reach
from transforms.parse.tags import Flags, Places, Tags, find_tags

__all__ = ["MIN_BYTES", "Projection", "Reach"]

_WHITESPACE = b" \t\r\n"
_SLASH, _COLON = b"/:"
_MAX_KNOWN = 1000
_NAME = re.compile(rb"[^ \t\r\n/>]*")
_LOCAL_NAME = re.compile(rb"</?(?:[^ \t\r\n/>:]+:)?([^ \t\r\n/>]+)")
# Byte order mark, XML declaration, and what else may be above an element, but no DOCTYPE.
_PROLOG = re.compile(rb"(?:\xef\xbb\xbf)?(<\?xml\s[^>]*\?>)?(?:\s+|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_OTHER_ENCODING = re.compile(rb"""\sencoding\s*=\s*["'](?!(?:utf-8|us-ascii)["'])""", re.IGNORECASE)
MIN_BYTES = 24 << 10
"""The smallest record that is cut: below, what is saved is less than what looking costs. Whether a record is cut, and
so whether damage out of reach is noticed, follows from its bytes and the contract alone, never from a clock."""

# Of four bytes, the first 0, 1, .. 4.
_FIRST_BYTES = np.array([(1 << 8 * length) - 1 for length in range(5)], np.uint32)


class _ReachedNode:
    """A :class:`Reach`, made ready. ``match(record, place)`` finds a start tag that may be of a child in reach.

    The local name is its group.
    """

    def __init__(self, reach: Reach) -> None:
        self.whole = reach.whole
        self._steps = [(replace(test, uri=None), below) for test, below in reach.children]
        self._known: dict[bytes, _ReachedNode | None] = {}
        names = {rb"[^ \t\r\n/>]+" if _is_loose(test) else re.escape(_local(test)) for test, _ in self._steps}
        self.match = re.compile(rb"<(?:[^ \t\r\n/>:]+:)?(" + b"|".join(names) + rb")(?=[ \t\r\n/>])").match

    def child(self, name: bytes) -> _ReachedNode | None:
        """The child of this local name; ``None`` if it is not in reach."""
        try:
            return self._known[name]
        except KeyError:
            tag = name.decode(errors="replace")
            below = [below for test, below in self._steps if test.matches(tag)]
            if len(self._known) == _MAX_KNOWN:
                self._known.clear()
            child = self._known[name] = _ReachedNode(reduce(or_, below)) if below else None
            return child


def _is_loose(test: NameTest) -> bool:
    return test.local is None or test.ignore_case


def _local(test: NameTest) -> bytes:
    return (test.local or "").encode()


def _tails(tests: Iterable[NameTest]) -> Flags:
    """For any two bytes: whether an element whose last tag has them before its ``>`` may pass one of the tests.

    This spares most of what is to be cut from being looked at one by one. An end tag has the end of its local name
    there, whatever the prefix, or a blank; an element without one has a slash.
    """
    tails = np.zeros((256, 256), np.bool_)  # by the last byte, then the one before
    tails[list(_WHITESPACE + b"/")] = True
    for test in tests:
        if test.local is None:
            tails[:] = True
        elif test.ignore_case:
            # Letters beyond ASCII may stand for one or several of ASCII's: "\u212a" for "k", "\u00df" for "ss".
            *_, before, last = b"/" + test.local.casefold().encode()
            ascii_or_not = [{byte, *bytes([byte]).upper(), *range(0x80, 0x100)} for byte in (last, before)]
            tails[np.ix_(*map(list, ascii_or_not))] = True
            tails[list(ascii_or_not[0]), _COLON] |= before == _SLASH
        else:
            *_, before, last = b"/" + _local(test)
            tails[last, [before, _COLON if before == _SLASH else before]] = True
    return tails.reshape(-1)


def _followed_by(text: NDArray[np.uint8], places: Places, name: bytes) -> Places:
    """Those of the places in a text that a name follows."""
    for number, byte in enumerate(name, 1):
        if not len(places):
            break
        places = places.compress(text.take(places + number, mode="clip") == byte)
    return places


class Projection:
    """Cuts out of records what cannot be reached.

    Args:
      reach: what can be read of the record's element.
    """

    def __init__(self, reach: Reach) -> None:
        self._root = _ReachedNode(reach)
        self._counted = [_local(test) for test in reach.counted]
        self._tails: list[Flags] = []  # of the levels below the record's element
        steps = reach.children
        while steps:
            self._tails.append(_tails(test for test, _ in steps))
            steps = tuple(step for _, below in steps for step in below.children)

    def cut(self, record: bytes) -> bytes:
        """The record without what cannot be reached; the same object where nothing can be said.

        ``record`` is one element, or a document, in UTF-8. Do not give one whose DOCTYPE is elsewhere: an
        entity that it declares could stand for elements.
        """
        if self._root.whole:
            return record
        prolog = _PROLOG.match(record)
        assert prolog is not None, "every part of it is optional"
        if prolog[1] and _OTHER_ENCODING.search(prolog[1]):
            return record
        tags = find_tags(record, prolog.end())
        if tags is None or len(tags.start) == 1:
            return record
        kept = self._kept(record, tags)
        if kept is None:
            return record
        parts = list(kept)
        if self._counted and self._cuts_counted(record, tags, parts):
            return record
        return b"".join([record[start:end] for start, end in parts])

    def _cuts_counted(self, record: bytes, tags: Tags, parts: list[tuple[int, int]]) -> bool:
        """Whether what is cut holds an element that is counted anywhere in the record."""
        text = np.frombuffer(record, np.uint8)
        for name in self._counted:
            found = _followed_by(text, tags.start, name)
            prefixed = _followed_by(text, np.equal(text, _COLON).nonzero()[0], name)
            if len(prefixed):
                found = np.append(found, tags.start.take(tags.start.searchsorted(prefixed) - 1))
            for at in found.tolist():
                tag = _LOCAL_NAME.match(record, at)
                if tag and tag[1] == name and at >= parts[bisect(parts, at, key=itemgetter(0)) - 1][1]:
                    return True
        return False

    def _kept(self, record: bytes, tags: Tags) -> Iterator[tuple[int, int]] | None:
        """The parts of the record to be kept, in order; ``None`` if it is not well-formed."""
        last_bytes = _numbers(record, "<u2")
        seen = []
        # Level by level: the elements to go into, by the numbers of their start and end tags.
        inside, first, last = [self._root], np.array([0]), np.array([len(tags.start) - 1])
        # Parts to be kept, by the numbers of their first and last tags.
        part_first, part_last = [first, last], [first, last]
        for level, tails in enumerate(self._tails, 2):
            low, high = first[0] + 1, last[-1]
            here = (tags.level[low:high] == level).nonzero()[0]
            here += low
            opening, closing = here.compress(tags.opens.take(here)), here.compress(tags.closes.take(here))
            parent = first.searchsorted(opening) - 1
            if len(first) > 1:
                below = opening < last.take(parent)
                opening, closing, parent = opening.compress(below), closing.compress(below), parent.compress(below)
            seen.append((opening, closing))

            likely = tails.take(last_bytes[tags.end.take(closing) - 2])
            opening, closing, parent = opening.compress(likely), closing.compress(likely), parent.compress(likely)
            found, nodes = _reached(record, tags.start.take(opening).tolist(), [inside[at] for at in parent.tolist()])
            if not nodes:
                break
            opening, closing = opening.take(found), closing.take(found)

            whole = (opening == closing) | [node.whole for node in nodes]
            part_first.append(opening)
            part_last.append(np.where(whole, closing, opening))
            inside = [node for node, done in zip(nodes, whole.tolist(), strict=True) if not done]
            if not inside:
                break
            first, last = opening.compress(~whole), closing.compress(~whole)
            part_first.append(last)
            part_last.append(last)
        if seen and not _same_names(record, tags, *map(np.concatenate, zip(*seen, strict=True))):
            return None
        parts = np.sort(np.concatenate(part_first)), np.sort(np.concatenate(part_last))
        start, end = tags.start[parts[0]], tags.end[parts[1]] + 1
        # What is around the element stays: it is the parser's to judge.
        start[0], end[-1] = 0, len(record)
        return zip(start.tolist(), end.tolist(), strict=True)


def _reached(record: bytes, starts: list[int], parents: list[_ReachedNode]) -> tuple[list[int], list[_ReachedNode]]:
    """Which of the elements that start there are in reach of their parents, and what is reached of each."""
    found, nodes = [], []
    for number, (start, parent) in enumerate(zip(starts, parents, strict=True)):
        name = parent.match(record, start)
        node = name and parent.child(name[1])
        if node:
            found.append(number)
            nodes.append(node)
    return found, nodes


def _numbers(record: bytes, kind: str) -> NDArray[Any]:
    """For each place in the record, the number of this kind that begins there."""
    return np.ndarray(len(record) - np.dtype(kind).itemsize + 1, kind, record, strides=(1,))


def _same_names(record: bytes, tags: Tags, opening: Places, closing: Places) -> bool:
    """Whether elements begin and end with the same name, as far as its first four bytes tell."""
    pairs = opening != closing
    start, end_start, end = tags.start[opening[pairs]], tags.start[closing[pairs]], tags.end[closing[pairs]]
    heads = _numbers(record, "<u4")
    differ = (heads[start + 1] ^ heads[end_start + 2]) & _FIRST_BYTES[np.minimum(end - end_start - 2, 4)]
    # A blank in the end tag looks like a difference too.
    for at in differ.nonzero()[0].tolist():
        name = _NAME.match(record, start[at] + 1)
        if name is None or name[0] != record[end_start[at] + 2 : end[at]].rstrip(_WHITESPACE):
            return False
    return True
