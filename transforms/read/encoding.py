"""Which encoding a document is in, and reading the ones that a byte scan cannot serve.

In UTF-8 and the other supersets of ASCII that XML is written in, a byte ``<`` is always the character ``<``:
such documents are scanned as they are. In all others (UTF-16, Shift_JIS, GBK, EBCDIC, ...) it may be half of
another character: :class:`Transcoder` hands them on as UTF-8 and knows where each piece of that stood.
"""

from __future__ import annotations

import codecs
import re
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

Read = Callable[[int], bytes]
"""Returns up to so many bytes, ``b""`` at the end, or raises :class:`BrokenInput`."""

HEAD_BYTES = 1024
"""How much of a document :func:`detect` looks at."""
CHUNK_BYTES = 256 << 10
"""How much is read at once."""

XML_DECLARATION = re.compile(rb"\A<\?xml\s[^>]*?\?>")

# Names that libxml2 knows too: it reads the records of these under the document's own XML declaration.
_SCANNABLE = re.compile(r"(?:us-)?ascii|iso-8859-\d\d?|windows-125\d|koi8-[ru]|euc-(?:jp|kr)", re.IGNORECASE)
_DECLARATION = re.compile(rb"""<\?xml\s[^>]*?\sencoding\s*=\s*["']([A-Za-z][\w.\-]*)["'][^>]*\?>""")
# The longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_EBCDIC_DECLARATION = "<?xml".encode("cp037")
# Codecs of Python's that are no character encodings of documents, or no decoder can read piece by piece.
_NO_CHARSETS = {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "utf-7", "mbcs", "oem"}

# Small, because finding a place means decoding its block some eleven times.
_BLOCK_BYTES = 2048


class BrokenInput(Exception):
    """The input cannot be read further. ``rule`` is the :class:`~transforms.records.Reject`'s."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(rule, message)
        self.rule = rule
        self.message = message


@dataclass(frozen=True)
class Encoding:
    """A document's encoding. ``scannable`` says whether its bytes can be searched for tags.

    ``bom`` counts the bytes before the text; ``declaration`` is the XML declaration, where a record needs it.
    """

    codec: str
    scannable: bool
    bom: int = 0
    declaration: bytes = b""


UTF8 = Encoding("utf-8", True)


def detect(head: bytes) -> Encoding:
    """The encoding of a document that begins with ``head``: a byte order mark goes before the XML declaration.

    Raises :class:`BrokenInput` with the rule ``encoding`` if the declared encoding is not known.
    """
    if head.startswith(codecs.BOM_UTF8):
        return replace(UTF8, bom=len(codecs.BOM_UTF8))
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return Encoding(codec, False)
    ebcdic = head.startswith(_EBCDIC_DECLARATION)
    declaration = _DECLARATION.match(head.decode("cp037").encode("latin-1") if ebcdic else head)
    if declaration is None:
        return UTF8
    name = declaration[1].decode("ascii")
    try:
        "".encode(name)  # refuses what is no encoding of text, such as base64
        info = codecs.lookup(name)
    except (LookupError, UnicodeError):
        info = None
    if info is None or info.name in _NO_CHARSETS:
        raise BrokenInput(
            "encoding", f"the encoding {name!r} that the document declares is not known; convert it to UTF-8"
        )
    if info.name.startswith(("utf-16", "utf-32")):
        # It could be read as ASCII, so it lies: UTF-16 text of a database that another program wrote as UTF-8.
        return Encoding("utf-8", False)
    if info.name == "utf-8":
        return UTF8
    return Encoding(info.name, _SCANNABLE.fullmatch(name) is not None, declaration=declaration[0])


class Peekable:
    """A reader that reads as much as it is asked for, and whose first bytes can be looked at before."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._ahead = b""
        self._ended = False
        self._error: BrokenInput | None = None

    def peek(self, size: int) -> bytes:
        """The next ``size`` bytes, or less if no more can be read."""
        if len(self._ahead) < size and not self._ended:
            self._fill(size)
        return self._ahead[:size]

    def read(self, size: int) -> bytes:
        data = self.peek(size)
        self._ahead = self._ahead[len(data) :]
        if not data and self._error is not None:
            raise self._error
        return data

    def _fill(self, size: int) -> None:
        pieces = [self._ahead] if self._ahead else []  # one piece is not copied
        missing = size - len(self._ahead)
        try:
            while missing > 0:
                # Most documents are read whole by this, and need not be put together.
                data = self._read(max(missing, CHUNK_BYTES))
                if not data:
                    self._ended = True
                    break
                pieces.append(data)
                missing -= len(data)
        except BrokenInput as error:
            # What came before the fault is good: it goes first.
            self._error, self._ended = error, True
        self._ahead = b"".join(pieces)


@dataclass(frozen=True)
class _Block:
    """A piece of the source: where it is, the decoder's state before it, and where its text ends."""

    start: int
    data: bytes
    state: tuple[bytes, int]
    text_start: int
    text_end: int


class Transcoder:
    """Reads ``read``'s bytes, in the encoding ``codec``, as UTF-8; bytes that are not in it are an error.

    Keeps what it read until :meth:`offset` was asked for a place behind it.
    """

    def __init__(self, read: Read, codec: str) -> None:
        self._read = read
        self._codec = codec
        self._decoder = codecs.getincrementaldecoder(codec)()
        self._blocks: deque[_Block] = deque()
        self._position = 0
        self._text_position = 0
        self._error: BrokenInput | None = None

    def read(self, size: int) -> bytes:
        """About ``size`` bytes of UTF-8. What is before a fault is handed on before the fault is raised."""
        pieces: list[bytes] = []
        wanted = self._text_position + size
        while self._text_position < wanted and self._error is None:
            try:
                data = self._read(_BLOCK_BYTES)
            except BrokenInput as error:
                self._error = error
                break
            pieces.append(self._decode(data))
            if not data:
                break
        text = b"".join(pieces)
        if not text and self._error is not None:
            raise self._error
        return text

    def _decode(self, data: bytes) -> bytes:
        state = self._decoder.getstate()
        try:
            text = self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            # The error counts from what the decoder still held of the block before.
            fault = error.start - (len(error.object) - len(data))
            self._error = BrokenInput(
                "encoding",
                f"byte 0x{error.object[error.start]:02x} at offset {self._position + fault} is not {self._codec}",
            )
            data = data[: max(fault, 0)]
            self._decoder.setstate(state)
            text = self._decoder.decode(data)
        encoded = text.encode()
        end = self._text_position + len(encoded)
        self._blocks.append(_Block(self._position, data, state, self._text_position, end))
        self._position += len(data)
        self._text_position = end
        return encoded

    def offset(self, text_offset: int) -> int:
        """The place in the source of a place in the text. Places must be asked for in ascending order."""
        if text_offset == 0:
            return 0
        while self._blocks[0].text_end < text_offset:
            self._blocks.popleft()
        block = self._blocks[0]
        wanted = text_offset - block.text_start
        return block.start + bisect_left(range(len(block.data)), wanted, key=lambda size: self._text_size(block, size))

    def _text_size(self, block: _Block, size: int) -> int:
        decoder = codecs.getincrementaldecoder(self._codec)()
        decoder.setstate(block.state)
        return len(decoder.decode(block.data[:size]).encode())
