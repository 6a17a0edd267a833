"""What a record says, as a hash that stays when the record is written in another way."""

from __future__ import annotations

import orjson
import xxhash
from lxml.etree import _Element, iterwalk


def content_hash(element: _Element) -> str:
    """A hash of the names, attributes and texts of an element and all below it: 32 hexadecimal digits.

    It is the same whatever the order of the attributes, the blanks around texts, the prefixes, the comments and the
    encoding. XXH3 finds changes, not forgeries.
    """
    said: list[object] = []
    for event, at in iterwalk(element, events=("start", "end")):
        if event == "start":
            said.append([at.tag, sorted(map(list, at.attrib.items())), (at.text or "").strip()])
        elif at is not element:
            said.append((at.tail or "").strip())
    return xxhash.xxh3_128(orjson.dumps(said)).hexdigest()
