"""What libxml2 says is wrong with a record, and where: in lines and bytes of the record, not of what was parsed.

The parser sees a record below the tags of its ancestors, and counts their lines, too.
:func:`transforms.lines.in_source` makes of these places those of the source, where it can be read.
"""

from __future__ import annotations

from xml.parsers import expat

from lxml import etree

from transforms.private import with_lines_replaced
from transforms.records import XmlRecord

_INCORRECT_ENCODING = expat.errors.codes[expat.errors.XML_ERROR_INCORRECT_ENCODING]
"""Bytes that cannot be in the encoding that they declare: what expat and libxml2 see next differs."""


def explained(record: XmlRecord, parser: etree.XMLParser, error: etree.XMLSyntaxError) -> str:
    """What a parser that has just raised this error says, with the place in the record."""
    document = record.document()
    above = len(record.context.prolog) + len(record.context.open_tags)
    lines_above = document.count(b"\n", 0, above)
    lines = record.payload.count(b"\n") + 1

    def line(number: int) -> int:
        # What is not closed is missed behind the record, where the ancestors end.
        return min(max(number - lines_above, 1), lines)

    # Not the log of the error: that holds those of other records.
    entry = next(iter(parser.error_log), None)
    if entry is None:
        return (error.msg or "not well-formed").replace("\n", "")
    said = with_lines_replaced(entry.message.strip(), lambda number: f"(line {line(number)} of the record)")
    place = f"line {line(entry.line)}"
    byte = _byte(document, entry.line)
    if byte is not None and 0 <= byte - above <= len(record.payload):
        place += f", byte {byte - above}"
    return f"{said.replace(chr(10), ' ')}, {place} of the record"


def _byte(document: bytes, line: int) -> int | None:
    """Where the error in this line is, from 0: expat says it exactly, and libxml2 gives columns of no certain unit."""
    if b"<!DOCTYPE" in document:
        return None  # it may declare entities, which may grow
    parser = expat.ParserCreate(namespace_separator="}")
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        if error.lineno == line and error.code != _INCORRECT_ENCODING:
            return parser.ErrorByteIndex
    except (ValueError, LookupError):
        pass  # an encoding that expat does not know, or takes no help with
    return None
