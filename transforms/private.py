"""All that the stages use of libxml2 that it does not promise: the texts of its messages.

It gives many errors one code, and no place but in the text. Tested with libxml2 2.14 (lxml 6.0 to 6.1). After an update
``tests/test_private.py`` says which text has changed, and what to do; nothing else has to be looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lxml import etree

DEPTH, ENTITIES, ENTITY_LOOP, TEXT = "depth", "entities", "entity loop", "text"
"""libxml2's own limits: on the depth of elements, on what entities become, on entities in entities, and on a text."""

LIMIT_MESSAGES = {
    DEPTH: "excessive depth",
    ENTITIES: "amplification",
    ENTITY_LOOP: "entity reference loop",
    TEXT: "text node too long",
}
"""By what its message is known."""

_LINE_OF_START_TAG = re.compile(r"(mismatch: \S+|in tag \S+) line (\d+)")
"""``Opening and ending tag mismatch: b line 1 and a``, ``Premature end of data in tag a line 1``."""


def limit_of(error: etree.XMLSyntaxError) -> str | None:
    """The limit of libxml2 that a document breaks; ``None`` where something else is wrong with it."""
    said = (error.msg or "").lower()
    return next((limit for limit, words in LIMIT_MESSAGES.items() if words in said), None)


def with_lines_replaced(message: str, say: Callable[[int], str]) -> str:
    """A message, in which ``say`` names the line of a start tag that it mentions."""
    return _LINE_OF_START_TAG.sub(lambda match: f"{match[1]} {say(int(match[2]))}", message)
