"""Parsing one record safely: no external entities, no network, bounded size, depth and entity expansion."""

from __future__ import annotations

from dataclasses import replace
from xml.parsers import expat

from lxml import etree

from transforms.limits import DEFAULT_MAX_DEPTH, DEFAULT_MAX_RECORD_BYTES
from transforms.names import Reach
from transforms.parse import projection
from transforms.parse.projection import Projection
from transforms.parse.syntax_errors import explained
from transforms.private import DEPTH, ENTITIES, ENTITY_LOOP, TEXT, limit_of
from transforms.records import ParsedRecord, Reject, XmlRecord

_LONGEST_TEXT = 10_000_000
"""libxml2's own limit in bytes, unless ``huge`` lifts it."""


class RecordParser:
    """A parser with limits; not picklable, so that each worker makes its own.

    Args:
      max_record_bytes: the longest record that is parsed.
      max_depth: how deep elements may nest, the document element being at 1; at most 2048.
      reach: what will be read of a record: the rest is cut out of its bytes before they are parsed. Without
        it all is parsed.
      strict: look at what is cut, too: a record that is not well-formed there is refused.
    """

    def __init__(
        self,
        max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
        max_depth: int = DEFAULT_MAX_DEPTH,
        reach: Reach | None = None,
        strict: bool = False,
    ):
        self.max_record_bytes = max_record_bytes
        self.max_depth = max_depth
        self.strict = strict
        self._projection = None if reach is None or reach.whole else Projection(reach)
        safe = {
            "resolve_entities": "internal",
            "no_network": True,
            "load_dtd": False,
            "remove_comments": True,
            "remove_pis": True,
        }
        # `huge_tree` lifts libxml2's limits on depth and text length, which we set ourselves, and that on the
        # expansion of entities, which we do not: a document that may declare entities never gets it.
        self._huge = etree.XMLParser(huge_tree=True, **safe)
        self._limited = etree.XMLParser(huge_tree=False, **safe)
        self._too_deep = etree.XPath("boolean(" + "/*" * (max_depth + 1) + ")")

    def parse(self, record: XmlRecord) -> ParsedRecord | Reject:
        """The record's element below its ancestors, or the reject that says what is wrong with it."""
        if len(record.payload) > self.max_record_bytes:
            message = (
                f"the record has {len(record.payload):,} bytes, --max_record_bytes allows {self.max_record_bytes:,}"
            )
            return Reject.of(record, "parse", "max_record_bytes", message)
        # A prolog may declare entities, which may hold elements, or another encoding.
        if self._projection is None or record.context.prolog or len(record.payload) < projection.MIN_BYTES:
            return self._parse(record, record)
        return self._parse_cut(record, self._projection)

    def _parse_cut(self, record: XmlRecord, projection: Projection) -> ParsedRecord | Reject:
        cut = projection.cut(record.payload)
        if len(cut) < len(record.payload) and (not self.strict or _is_well_formed(record.document())):
            parsed = self._parse(record, replace(record, payload=cut))
            if isinstance(parsed, ParsedRecord):
                return parsed
        # Whole: also to say what is wrong, and where, in the bytes as they are in the source.
        return self._parse(record, record)

    def _parse(self, record: XmlRecord, content: XmlRecord) -> ParsedRecord | Reject:
        """Parse ``content``, which is ``record`` or what was left of it."""
        context = record.context
        document = content.document()
        # Only a document read whole has its DOCTYPE, if any, in the payload.
        may_declare = b"<!DOCTYPE" in (context.prolog if context.depth else document)
        # Text of other encodings grows to three times its bytes, at the most, when it becomes UTF-8.
        huge = not may_declare and (self.max_depth > DEFAULT_MAX_DEPTH or 3 * len(document) > _LONGEST_TEXT)
        parser = self._huge if huge else self._limited
        try:
            root = etree.fromstring(document, parser)
        except etree.XMLSyntaxError as error:
            return _refused(record, parser, error, self.max_depth)
        except ValueError as error:
            return Reject.of(record, "parse", "not_well_formed", str(error))
        # libxml2 has kept its own limit already, and the question costs a tenth of parsing.
        if (huge or self.max_depth < DEFAULT_MAX_DEPTH) and self._too_deep(root):
            return Reject.of(
                record, "parse", "max_depth", f"elements nest deeper than --max_depth {self.max_depth} allows"
            )
        for _ in range(context.depth):
            if not len(root):
                return Reject.of(record, "parse", "not_well_formed", "there is no element in the record")
            root = root[0]
        return ParsedRecord(record, root)


def _is_well_formed(document: bytes) -> bool:
    """Whether expat, which builds nothing and is twice as fast, finds nothing wrong, in the use of namespaces too."""
    try:
        expat.ParserCreate(namespace_separator="}").Parse(document, True)
    except expat.ExpatError:
        return False
    return True


_LIMITS = {
    DEPTH: ("max_depth", "elements nest deeper than --max_depth {max_depth} allows, or 256 with a DOCTYPE"),
    ENTITIES: ("entities", "its entities expand to far more than its own size"),
    ENTITY_LOOP: ("entities", "its entities refer to one another in a cycle"),
    TEXT: ("max_text", "a text of more than 10,000,000 bytes in a document with a DOCTYPE"),
}
"""Of a limit of libxml2: our rule, and what is said to people."""


def _refused(record: XmlRecord, parser: etree.XMLParser, error: etree.XMLSyntaxError, max_depth: int) -> Reject:
    limit = limit_of(error)
    if limit is None:
        return Reject.of(record, "parse", "not_well_formed", explained(record, parser, error))
    rule, message = _LIMITS[limit]
    return Reject.of(record, "parse", rule, message.format(max_depth=max_depth))
