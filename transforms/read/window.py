"""A window that slides over the bytes of a document, and can hold on to a piece that is longer than itself."""

from __future__ import annotations

from transforms.read.encoding import BrokenInput, Read

SAMPLE_BYTES = 64 << 10
"""How much of a damaged piece is kept for people to look at."""

_MAX_TAG_BYTES = 64 << 20


class Window:
    """``_buffer`` holds the document's bytes from ``_base`` on; ``_at`` is the index in it of the next byte.

    What is under way (a record, say) begins at ``_start`` of the document, or is ``None``. Those of its bytes
    that have left the buffer are in ``_held``, as far as anybody wants them; the others begin at ``_hold_from``.
    """

    def __init__(self, read: Read, chunk_bytes: int, keep_bytes: int) -> None:
        self._read = read
        self._chunk_bytes = chunk_bytes
        self._keep_bytes = keep_bytes
        self._buffer = b""
        self._base = 0
        self._at = 0
        self._start: int | None = None
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._hold_from = 0

    def _more(self) -> bool:
        """Drop what is consumed and read on. ``False`` at the end."""
        rest = len(self._buffer) - self._at
        if rest > _MAX_TAG_BYTES:
            raise BrokenInput("malformed", f"there is a tag of more than {_MAX_TAG_BYTES} bytes")
        # At least as much again, so that a long tag is not searched too often.
        data = self._read(max(self._chunk_bytes, rest))
        if not data:
            return False
        if self._start is not None:
            if self._at > self._hold_from and self._held_bytes <= max(self._keep_bytes, SAMPLE_BYTES):
                self._held.append(self._buffer[self._hold_from : self._at])
            self._held_bytes += self._at - self._hold_from
            self._hold_from = 0
        self._buffer = self._buffer[self._at :] + data
        self._base += self._at
        self._at = 0
        return True

    def _pass_over(self, closer: bytes) -> None:
        """Go behind the next ``closer``."""
        end = self._buffer.find(closer, self._at)
        while end < 0:
            self._at = max(self._at, len(self._buffer) - len(closer) + 1)
            if not self._more():
                raise BrokenInput("truncated", f"the document ends before a closing {closer.decode()}")
            end = self._buffer.find(closer, self._at)
        self._at = end + len(closer)

    def _pass_over_all(self) -> None:
        self._at = len(self._buffer)
        while self._more():
            self._at = len(self._buffer)

    def _begin(self, index: int) -> None:
        self._start = self._base + index
        self._hold_from = index

    def _finish(self) -> None:
        self._start = None
        self._held = []
        self._held_bytes = 0

    def _payload(self) -> bytes | None:
        """The bytes of what is under way up to here, if they are wanted."""
        if self._held_bytes + self._at - self._hold_from > self._keep_bytes:
            return None
        last = self._buffer[self._hold_from : self._at]
        return b"".join((*self._held, last)) if self._held else last

    def _rest(self) -> tuple[int, int, bytes]:
        """Where what is under way, or else the unread rest, starts; how far was read; its first bytes."""
        start, index = self._start, self._hold_from
        if start is None:
            start, index = self._base + self._at, self._at
        sample = b"".join(self._held) + self._buffer[index : index + SAMPLE_BYTES]
        return start, self._base + len(self._buffer), sample[:SAMPLE_BYTES]
