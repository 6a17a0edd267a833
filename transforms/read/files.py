"""Input files: which ones a user means, and their bytes, on any of Beam's filesystems.

An input is a file, a folder (its ``*.xml`` files and their compressed forms, recursively) or a glob
(``*`` stays within one folder, ``**`` does not). The suffixes ``.gz``, ``.bz2``, ``.xz`` and ``.zst``
say that a file is compressed; offsets in such a file are those of its uncompressed bytes.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import IO

import zstandard
from apache_beam import coders
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from transforms.read.encoding import BrokenInput, Read
from transforms.read.wanted import Wanted

_XML_FILE = re.compile(r".*\.xml(?:\.gz|\.bz2|\.xz|\.zst)?", re.IGNORECASE | re.DOTALL)
_COPY_BYTES = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"
# Small, because a zstandard decompressor gives all that its input holds at once.
_ZSTD_BYTES = 8 << 10


@dataclass(frozen=True)
class SourceFile:
    """A file to read: ``source`` is its name for people, ``path`` where its bytes are, ``size`` in bytes there.

    ``wanted`` says which of its records are to be read, where that is not all.
    """

    source: str
    path: str
    size: int
    wanted: Wanted | None = None

    @property
    def compressed(self) -> bool:
        return _suffix(self.path) in _DECOMPRESSORS


coders.registry.register_coder(SourceFile, coders.PickleCoder)


def expand(patterns: Iterable[str]) -> list[SourceFile]:
    """The files that the patterns mean, each once, by name. ``ValueError`` for a pattern that means none."""
    files = {file.path: file for pattern in patterns for file in _expand_one(pattern)}
    return [files[path] for path in sorted(files)]


def changed_at(file: SourceFile) -> float:
    """When a file was last changed, in seconds since 1970; 0 where its filesystem does not tell."""
    try:
        if FileSystems.get_scheme(file.path) is None:
            status = os.stat(file.path)
            # A copy may keep the time of its content, and not that of its own.
            return max(status.st_mtime, status.st_ctime)
        return float(FileSystems.last_updated(file.path))
    except Exception:  # each filesystem has its own errors; reading tells those that matter
        return 0.0


def find_file(source: str) -> SourceFile | None:
    """The file of exactly this name, if there is one."""
    return next(iter(_match(_literal(source))), None) if FileSystems.exists(source) else None


def _literal(path: str) -> str:
    """The glob that means just this path."""
    return re.sub(r"([\[*?])", r"[\1]", path)


def _expand_one(pattern: str) -> list[SourceFile]:
    is_local = FileSystems.get_scheme(pattern) is None
    if is_local:
        # Beam's glob wants a folder to begin with.
        pattern = os.path.join(os.curdir, pattern)
    literal = _literal(pattern)
    found: list[SourceFile] = []
    if is_local and os.path.isdir(pattern):
        found = _xml_files(literal)
    elif FileSystems.exists(pattern):
        found = _match(literal)
    elif literal != pattern:
        found = _match(pattern)
    elif not is_local:
        found = _xml_files(literal)
    if not found:
        raise ValueError(f"the input {pattern!r} matches no file; give a file, a folder of *.xml files or a glob")
    return found


def _xml_files(folder: str) -> list[SourceFile]:
    return [file for file in _match(folder.rstrip("/") + "/**") if _XML_FILE.fullmatch(file.path)]


def _match(pattern: str) -> list[SourceFile]:
    [result] = FileSystems.match([pattern])
    normalise = os.path.normpath if FileSystems.get_scheme(pattern) is None else str
    paths = [(normalise(metadata.path), metadata.size_in_bytes) for metadata in result.metadata_list]
    return [SourceFile(path, path, size) for path, size in paths]


def open_plain(path: str) -> IO[bytes]:
    """The bytes of a file as they are stored."""
    return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)


@contextmanager
def open_input(path: str) -> Iterator[Read]:
    """The function that reads a file's uncompressed bytes in order.

    It raises :class:`~transforms.read.encoding.BrokenInput` with the rule ``compression`` where they cannot be
    had. Beam's own reader takes a compressed file that was cut off for one that ends there.
    """
    with closing(open_plain(path)) as stored:
        decompress = _DECOMPRESSORS.get(_suffix(path))
        yield stored.read if decompress is None else _reporting(decompress(stored), path)


def gunzip(stored: IO[bytes], name: str) -> Read:
    """The same for what gzip has compressed, wherever it is stored; ``name`` is for the error."""
    return _reporting(_DECOMPRESSORS[".gz"](stored), name)


def _reporting(read: Read, path: str) -> Read:
    def reporting_read(size: int) -> bytes:
        try:
            return read(size)
        except OSError as error:
            if error.errno is not None:
                raise  # The disk's or the network's, not the data's.
            message = str(error)
        except (EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
            message = str(error)
        raise BrokenInput("compression", f"{path} cannot be decompressed further: {message}")

    return reporting_read


def _zstd_reader(stored: IO[bytes]) -> Read:
    # stream_reader takes a file that was cut off for one that ends there.
    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 31)
    frame = decompressor.decompressobj()
    data, inside = b"", False

    def read(size: int) -> bytes:
        nonlocal frame, data, inside
        while not data:
            compressed = frame.unused_data if frame.eof else b""
            compressed = compressed or stored.read(_ZSTD_BYTES)
            if frame.eof:
                frame, inside = decompressor.decompressobj(), False
            if not compressed:
                if inside:
                    raise EOFError("it ends inside a frame")
                return b""
            data, inside = frame.decompress(compressed), True
        taken, data = data[:size], data[size:]
        return taken

    return read


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


# read1, because read would lose what comes before an error.
_DECOMPRESSORS: dict[str, Callable[[IO[bytes]], Read]] = {
    ".gz": lambda stored: gzip.GzipFile(fileobj=stored).read1,
    ".bz2": lambda stored: bz2.BZ2File(stored).read1,
    ".xz": lambda stored: lzma.LZMAFile(stored).read1,  # noqa: SIM115 (open_input closes what is below)
    ".zst": _zstd_reader,
}


def unpack(file: SourceFile, folder: str) -> SourceFile:
    """The same file with its bytes uncompressed in the local ``folder``, so that several workers can read it.

    A file that is not compressed, or is damaged, comes back as it is: reading it tells where the damage is.
    """
    if not file.compressed:
        return file
    os.makedirs(folder, exist_ok=True)
    name = hashlib.blake2b(file.path.encode(), digest_size=8).hexdigest()
    target = os.path.join(folder, f"{name}.xml")
    try:
        with open_input(file.path) as read, open(target, "wb") as unpacked:
            while data := read(_COPY_BYTES):
                unpacked.write(data)
            return replace(file, path=target, size=unpacked.tell())
    except BrokenInput:
        os.remove(target)
        return file
