"""Where the records of a document are: an exact scan of its bytes, without building it.

The scanner knows three kinds of elements. *Ancestors* match the steps above the last one of the record
path: it goes into them. *Records* match the last step. All others are passed over. Of a record, and of what
is passed over, it looks only for the end: inside, nothing counts but comments, CDATA sections, processing
instructions, and tags of the same name, which may nest::

    <orders xmlns="urn:o">                     ancestor
      <!-- <order id="0"/> -->                 no tag
      <header><order/></header>                passed over
      <order id="1"> .. <order/> .. </order>   record, from < to >
      <order id="2"/>                          record
    </orders>

This rests on two rules of XML: ``<`` never occurs raw in an attribute's value (``>`` may), and every element
ends inside the one in which it began. Whether the inside of a record is well-formed is the parser's to say.
Namespaces are resolved by libxml2 itself, from the tags of the ancestors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from lxml import etree

from transforms.names import RecordPath
from transforms.read.encoding import (
    CHUNK_BYTES,
    HEAD_BYTES,
    UTF8,
    XML_DECLARATION,
    BrokenInput,
    Encoding,
    Peekable,
    Read,
    Transcoder,
    detect,
)
from transforms.read.window import Window
from transforms.records import NO_CONTEXT, Context

_MAX_REFERENCE_BYTES = 1024
_LONGEST_TAG = 9_000_000
"""Bytes of a tag above the records, which libxml2 must take: its own limit is 10,000,000 for each attribute."""
_MAX_KNOWN = 1000
_LONGEST_KEPT = 1024
_LONGEST_OPENER = len(b"<![CDATA[")
_WHITESPACE = b" \t\r\n"

# Text may precede the tag, so that one match goes from record to record.
# The names of tags and attributes have a fixed beginning and end: else a long run that is not a tag would be tried
# from each of its bytes to each of its bytes.
_START_TAG = re.compile(rb"""[^<&]*(<([^\s<>/!?&"'=]+)(?=[\s/>])([^<>"']*(?:"[^"<]*"[^<>"']*|'[^'<]*'[^<>"']*)*)>)""")
_END_TAG = re.compile(rb"</([^\s<>]+)\s*>")
_MARKUP = re.compile(rb"[^<&]*(&|<(?:/|!--|\?|!\[CDATA\[|!DOCTYPE)?)")
_REFERENCE = re.compile(rb"&[^\s<>&;]+;")
_ATTRIBUTE = re.compile(rb"""(?<=\s)[^\s="']+\s*=\s*(?:"[^"]*"|'[^']*')""")
# Each alternative begins differently, so that a match is the only way to read it. Group 1: the internal subset.
_DOCTYPE = re.compile(
    rb"""<!DOCTYPE\s(?:[^\[>"']|"[^"]*"|'[^']*')*"""
    rb"""(\[(?:[^\]"'<]|"[^"]*"|'[^']*'|<!--(?:[^-]|-(?!->))*-->|<\?(?:[^?]|\?(?!>))*\?>|<(?!!--|\?))*\]\s*)?>"""
)
# What has no markup inside, and how it ends.
_OPAQUE = {b"<!--": b"-->", b"<?": b"?>", b"<![CDATA[": b"]]>"}

# With libxml2's own limits on entities and lengths.
_PARSER = etree.XMLParser(resolve_entities="internal", no_network=True, remove_comments=True, remove_pis=True)


class Span(NamedTuple):
    """A record: bytes ``start`` to ``end`` of the document. ``payload`` is ``None`` where it was not kept."""

    start: int
    end: int
    context: Context
    payload: bytes | None = None


class Damage(NamedTuple):
    """From ``start`` the document cannot be read; ``end`` is how far it was. ``sample`` is the first of it."""

    start: int
    end: int
    rule: str
    message: str
    sample: bytes


def scan(read: Read, path: RecordPath, chunk_bytes: int = CHUNK_BYTES, keep_bytes: int = 0) -> Iterator[Span | Damage]:
    """The records of the document that ``read`` gives, in document order; last, if it is broken, the damage.

    ``read(n)`` returns up to n bytes, ``b""`` at the end, and may raise
    :class:`~transforms.read.encoding.BrokenInput`. Payloads of up to ``keep_bytes`` bytes are kept. Of an
    encoding that cannot be scanned as it is they are UTF-8, without XML declaration; offsets are always those
    of the source. The memory needed is that of two chunks and of one payload.

    The rules of a damage: ``empty``, ``not_xml``, ``root`` (the document element is not the path's first
    step), ``malformed``, ``truncated``, ``entity`` (what is between records is not in the document itself), and
    those that ``read`` raises.
    """
    source = Peekable(read)
    head = source.peek(HEAD_BYTES)
    try:
        encoding = detect(head)
    except BrokenInput as error:
        return iter((Damage(0, len(head), error.rule, error.message, head),))
    if encoding.scannable:
        return _Scanner(source.read, path, encoding, chunk_bytes, keep_bytes).items()
    transcoder = Transcoder(source.read, encoding.codec)
    items = _Scanner(transcoder.read, path, UTF8, chunk_bytes, keep_bytes).items()
    return (_in_source(item, transcoder, path) for item in items)


def _in_source(item: Span | Damage, transcoder: Transcoder, path: RecordPath) -> Span | Damage:
    item = item._replace(start=transcoder.offset(item.start), end=transcoder.offset(item.end))
    if isinstance(item, Span) and item.payload is not None and path.depth == 1:
        # It names the encoding that the document had.
        return item._replace(payload=XML_DECLARATION.sub(b"", item.payload, count=1))
    return item


class _Open(NamedTuple):
    """An element that is gone into: its name as written, and what is above its children.

    ``known`` keeps which children match the path, by their name and namespace declarations.
    """

    name: bytes
    context: Context
    known: dict[bytes | tuple[bytes, ...], bool]


class _Scanner(Window):
    """The state of one scan."""

    def __init__(self, read: Read, path: RecordPath, encoding: Encoding, chunk_bytes: int, keep_bytes: int) -> None:
        super().__init__(read, chunk_bytes, keep_bytes)
        self._path = path
        self._encoding = encoding
        # The first stands for the document itself.
        self._open = [_Open(b"", Context(encoding.declaration), {})]
        self._root_seen = False

    def items(self) -> Iterator[Span | Damage]:
        try:
            yield from self._records()
        except BrokenInput as error:
            start, end, sample = self._rest()
            yield Damage(start, end, error.rule, error.message, sample)

    def _records(self) -> Iterator[Span]:
        depth = self._path.depth
        if depth == 1:
            self._begin(0)  # The record is the whole document, prolog included.
        while len(self._buffer) < self._encoding.bom and self._more():
            pass
        self._at = self._encoding.bom
        while True:
            tag = _START_TAG.match(self._buffer, self._at)
            if tag is None:
                if not self._other_markup():
                    return
                continue
            name, rest = tag.group(2, 3)
            above = self._open[-1]
            matches = above.known.get(name) if b"xmlns" not in rest else None
            if matches is None:
                matches = self._matches(tag)
            start, self._at = tag.span(1)
            empty = rest.endswith(b"/")
            if matches and above.context.depth + 1 < depth:
                if not empty:
                    self._enter(name, tag[1])
            elif depth == 1:
                self._pass_over_all()
                yield Span(0, self._base + self._at, NO_CONTEXT, self._payload())
                return
            else:
                # Not by _begin and _finish: calls are most of what a record costs here.
                self._start = begin = self._base + start
                self._hold_from = start
                if not empty:
                    self._find_end(name)
                if matches:
                    payload = self._payload() if self._keep_bytes else None
                    yield Span(begin, self._base + self._at, above.context, payload)
                self._start = None
                if self._held:
                    self._finish()

    def _matches(self, tag: re.Match[bytes]) -> bool:
        """Whether the element of this start tag matches the path's step at its depth."""
        above = self._open[-1]
        name, rest = tag.group(2, 3)
        declarations = tuple(a for a in _ATTRIBUTE.findall(rest) if a.startswith(b"xmlns"))
        key = (name, *declarations) if declarations else name
        if above.context.depth == 0:
            self._refuse_text(tag.start(1))
        # An error in a tag is reported at the tag, not at the text before it, of which the buffer may hold any part.
        self._at = tag.start(1)
        if above.context.depth == 0:
            if self._root_seen:
                raise BrokenInput("malformed", f"a second document element, <{self._text(name)}>, follows the first")
        elif (known := above.known.get(key)) is not None:
            return known
        full_name = _full_name(above.context, b" ".join((b"<" + name, *declarations, b"/>")))
        step = self._path.steps[above.context.depth]
        matches = step.matches(full_name)
        if above.context.depth == 0:
            if not matches:
                raise BrokenInput(
                    "root", f"the document element is {full_name}; the record path {self._path} begins with {step}"
                )
            self._root_seen = True
        else:
            if len(above.known) >= _MAX_KNOWN:
                above.known.clear()
            above.known[key] = matches
        return matches

    def _enter(self, name: bytes, tag: bytes) -> None:
        above = self._open[-1].context
        if len(tag) > _LONGEST_TAG:
            raise BrokenInput(
                "max_text", f"a tag above the records has {len(tag):,} bytes; up to {_LONGEST_TAG:,} are read"
            )
        context = Context(above.prolog, above.open_tags + tag, b"</" + name + b">" + above.close_tags, above.depth + 1)
        self._open.append(_Open(name, context, {}))

    def _other_markup(self) -> bool:
        """Consume text and one piece of markup that is no start tag. ``False`` at the end of the document."""
        found = _MARKUP.match(self._buffer, self._at)
        start, end = found.span(1) if found else (len(self._buffer), len(self._buffer))
        outside = len(self._open) == 1
        if outside:
            self._refuse_text(start)
        self._at = start
        if found is None:
            if self._more():
                return True
            self._check_end()
            return False
        token = found[1]
        if outside and token in (b"&", b"<![CDATA["):
            self._refuse_text(end)
        if token in _OPAQUE:
            alone = self._start is None
            if alone:
                self._begin(start)
            self._at = end
            self._pass_over(_OPAQUE[token])
            if alone:
                self._finish()
        elif token == b"</":
            self._leave()
        elif token == b"&":
            self._read_reference()
        elif token == b"<!DOCTYPE":
            self._read_doctype()
        elif not self._complete_tag():
            text = self._text(self._buffer[start : start + 40])
            raise BrokenInput("malformed", f"{text!r} does not begin a tag")
        return True

    def _refuse_text(self, end: int) -> None:
        """No text may be outside the document element."""
        text = self._buffer[self._at : end].lstrip(_WHITESPACE)
        if text:
            self._at = end - len(text)
            text = text.rstrip(_WHITESPACE)
            if self._root_seen:
                raise BrokenInput("malformed", f"{self._text(text[:40])!r} follows the document element")
            raise BrokenInput("not_xml", f"this is not an XML document: it begins with {self._text(text[:40])!r}")

    def _check_end(self) -> None:
        if len(self._open) > 1:
            name = self._text(self._open[-1].name)
            raise BrokenInput("truncated", f"the document ends inside <{name}>")
        if not self._root_seen:
            raise BrokenInput("empty", "there is no element in the document")

    def _leave(self) -> None:
        tag = _END_TAG.match(self._buffer, self._at)
        if tag is None and self._complete_tag():
            return
        if tag is None or tag[1] != self._open[-1].name:
            found = self._text(self._buffer[self._at : self._at + 40] if tag is None else tag[0])
            wanted = f"</{self._text(self._open[-1].name)}>" if len(self._open) > 1 else "no end tag"
            raise BrokenInput("malformed", f"{found!r} was found where {wanted} was expected")
        self._open.pop()
        self._at = tag.end()

    def _read_doctype(self) -> None:
        doctype = _DOCTYPE.match(self._buffer, self._at)
        if doctype is None:
            if not self._more():
                raise BrokenInput("truncated", "the document type declaration is not closed")
            return
        if self._root_seen:
            raise BrokenInput("malformed", "a document type declaration follows the document element's start tag")
        if doctype[1] is not None:
            self._open[0] = _Open(b"", Context(self._encoding.declaration + doctype[0]), {})
        self._at = doctype.end()

    def _read_reference(self) -> None:
        """An entity between records may bring elements, even records, that have no place in the document."""
        if len(self._open) == 1:
            self._refuse_text(self._at + 1)
        reference = _REFERENCE.match(self._buffer, self._at)
        if reference is None:
            if len(self._buffer) - self._at < _MAX_REFERENCE_BYTES and self._more():
                return
            raise BrokenInput("malformed", "an & does not begin an entity reference")
        context = self._open[-1].context
        if len(_parse(_document(context, reference[0]), context.depth - 1)):
            name = self._text(reference[0])
            raise BrokenInput(
                "entity", f"the entity {name} holds elements; only what is in the document itself is read"
            )
        self._at = reference.end()

    def _find_end(self, name: bytes) -> None:
        """Go from behind an element's start tag to behind its end tag."""
        search = _inside(name).search
        end_tag = b"</" + name
        depth = 1
        while depth:
            found = search(self._buffer, self._at)
            if found is None:
                # The last bytes may be the beginning of something.
                self._at = max(self._at, len(self._buffer) - len(name) - _LONGEST_OPENER)
                if not self._more():
                    raise BrokenInput("truncated", f"the element <{self._text(name)}> is not closed")
                continue
            token = found.group()
            if token == end_tag:
                self._at = found.end()
                self._pass_over(b">")
                depth -= 1
            elif token in _OPAQUE:
                self._at = found.end()
                self._pass_over(_OPAQUE[token])
            else:
                self._at = found.start()
                tag = _START_TAG.match(self._buffer, self._at)
                if tag is None and self._complete_tag():
                    continue
                self._at = found.end()
                depth += tag is None or not tag[3].endswith(b"/")

    def _complete_tag(self) -> bool:
        """Read more for the tag here; ``False`` if it is no tag, as another begins inside it."""
        if self._buffer.find(b"<", self._at + 1) >= 0:
            return False
        if not self._more():
            raise BrokenInput("truncated", "the last tag is not closed")
        return True

    def _text(self, data: bytes) -> str:
        return data.decode(self._encoding.codec, "replace")


@lru_cache(maxsize=256)
def _inside(name: bytes) -> re.Pattern[bytes]:
    """All that counts between the tags of an element of this name."""
    return re.compile(rb"<(?:!--|!\[CDATA\[|\?|/?" + re.escape(name) + rb"(?=[\s/>]))")


def _full_name(context: Context, tag: bytes) -> str:
    """The name, with its namespace, of an element that is only this tag and is below ``context``."""
    document = _document(context, tag)
    parse = _parse_name if len(document) > _LONGEST_KEPT else _known_name
    return parse(document, context.depth)


def _parse_name(document: bytes, depth: int) -> str:
    return str(_parse(document, depth).tag)


_known_name = lru_cache(maxsize=256)(_parse_name)
"""Many small documents begin alike."""


def _document(context: Context, content: bytes) -> bytes:
    return context.prolog + context.open_tags + content + context.close_tags


def _parse(document: bytes, depth: int) -> etree._Element:
    """The first element so deep in a document, the document element at 0."""
    try:
        element = etree.fromstring(document, _PARSER)
    except etree.XMLSyntaxError as error:
        raise BrokenInput("malformed", f"{error}") from None
    for _ in range(depth):
        element = element[0]
    return element
