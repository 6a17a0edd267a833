"""Names of XML elements and attributes, the record path, and what a contract can reach below a record.

A *name test* says which elements a step of a path takes:

=============  ==========================================================
``name``       that local name in any namespace
``{uri}name``  that local name in the namespace ``uri``
``{}name``     that local name in no namespace
``p:name``     the same as ``{uri}name``, where the contract binds ``p``
``*``          any element
=============  ==========================================================

A bare name takes any namespace because real feeds change theirs with every version of a standard
(``urn:iso:std:iso:20022:tech:xsd:camt.053.001.02``, ``.04``, ``.08``) while the local names stay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from transforms.user_errors import UserError

# https://www.w3.org/TR/xml-names/#NT-NCName: Python's \w lacks the vowel signs of many scripts.
_NAME_START = (
    "A-Z_a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f"
    "\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
NCNAME = rf"[{_NAME_START}][{_NAME_START}\-.0-9\u00b7\u0300-\u036f\u203f\u2040]*"
_MAX_LENGTH = 65_536
_NAME_TEST = re.compile(rf"(?:\{{(?P<uri>[^}}]*)\}}|(?P<prefix>{NCNAME}):)?(?P<local>{NCNAME}|\*)\Z")


@dataclass(frozen=True)
class NameTest:
    """One step's test of an element name. ``None`` stands for *any*; ``ignore_case`` is about ``local``."""

    local: str | None
    uri: str | None = None
    ignore_case: bool = False

    @classmethod
    def parse(cls, text: str, namespaces: Mapping[str, str] | None = None, ignore_case: bool = False) -> NameTest:
        """Read ``text``; raise :class:`UserError` for a text that is not a name, or a prefix that is not declared."""
        match = _NAME_TEST.match(text)
        if match is None:
            raise UserError(f"{text!r} is not an element name")
        uri, prefix, local = match["uri"], match["prefix"], match["local"]
        if prefix is not None:
            if prefix not in (namespaces or {}):
                raise UserError(f"the prefix {prefix!r} of {text!r} is not declared under `namespaces`")
            uri = (namespaces or {})[prefix]
        return cls(None if local == "*" else local, uri, ignore_case)

    def matches(self, tag: str) -> bool:
        """Whether an element of this tag, in lxml's ``{uri}local`` notation, is taken."""
        uri, local = split_tag(tag)
        if self.uri is not None and self.uri != uri:
            return False
        return self.local in (None, local) or (self.ignore_case and str(self.local).casefold() == local.casefold())

    def __str__(self) -> str:
        return ("" if self.uri is None else f"{{{self.uri}}}") + (self.local or "*")


def split_tag(tag: str) -> tuple[str, str]:
    """``{uri}local`` as ``(uri, local)``; the uri of a name in no namespace is ``""``."""
    if tag[:1] == "{":
        uri, _, local = tag[1:].partition("}")
        return uri, local
    return "", tag


@dataclass(frozen=True)
class RecordPath:
    """The absolute path of the elements that are records: ``/orders/order``, ``/*``, ``/{urn:x}a/b``."""

    steps: tuple[NameTest, ...]

    @classmethod
    def parse(cls, text: str, namespaces: Mapping[str, str] | None = None) -> RecordPath:
        """Read an absolute path of element names; raise :class:`UserError` that says what is wrong."""
        if not text.startswith("/") or text.endswith("/"):
            raise UserError(
                f"{text!r} is not an absolute path of elements; write it as /root/record, or /* for the document "
                "element"
            )
        if len(text) > _MAX_LENGTH:
            raise UserError(f"{text[:40]!r}... has {len(text):,} characters; a path has at most {_MAX_LENGTH:,}")
        # A slash inside {uri} is no separator.
        steps = re.findall(r"/((?:\{[^}]*\}|[^/])*)", text)
        if "" in steps:
            raise UserError(
                f"{text!r}: records are at one depth, and // means any depth; name each step, or write * for it"
            )
        for step in steps:
            if step in (".", "..") or re.search(r"[@\[]", re.sub(r"\{[^}]*\}", "", step)):
                raise UserError(
                    f"{text!r}: the path of records has only names of elements, not {step!r}; `where` and `rows` "
                    "choose below it"
                )
        return cls(tuple(NameTest.parse(step, namespaces) for step in steps))

    @cached_property
    def depth(self) -> int:
        """How deep a record is; the document element is at 1."""
        return len(self.steps)

    def __str__(self) -> str:
        return "".join(f"/{step}" for step in self.steps)


@dataclass(frozen=True)
class Reach:
    """What can be read of an element, besides its attributes.

    ``children`` are the steps down from it, each with what can be read there; a child element that several
    tests take is read by all of them. ``whole``: all that is below is needed, because its text is a value
    or a step looks at any depth. An element that is neither ``whole`` nor a child of any step is never seen,
    nor is text outside ``whole`` elements. ``counted``: elements of these names, in this case, are counted
    wherever they are.
    """

    children: tuple[tuple[NameTest, Reach], ...] = ()
    whole: bool = False
    counted: tuple[NameTest, ...] = ()

    def __or__(self, other: Reach) -> Reach:
        """What either can read."""
        return Reach(self.children + other.children, self.whole or other.whole, self.counted + other.counted)
