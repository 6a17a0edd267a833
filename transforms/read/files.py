"""Input files: which ones a user means, and their bytes, on any of Beam's filesystems.

An input is a file, a folder (its ``*.xml`` files and their compressed forms, recursively) or a glob
(``*`` stays within one folder, ``**`` does not, ``**/`` is any number of folders). A local file is named by its
absolute path, however the input was written; symbolic links stay as they are. The suffixes ``.gz``, ``.bz2``, ``.xz``
and ``.zst`` say that a file is compressed; offsets in such a file are those of its uncompressed bytes.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import hashlib
import heapq
import itertools
import logging
import lzma
import os
import re
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import chain, groupby
from operator import attrgetter
from typing import IO

import zstandard

from transforms.filesystems import is_local, need_filesystem
from transforms.read.encoding import BrokenInput, Read
from transforms.read.listing import glob, walk
from transforms.read.wanted import Wanted
from transforms.user_errors import InputError

logger = logging.getLogger(__name__)

_XML_FILE = re.compile(r".*\.xml(?:\.gz|\.bz2|\.xz|\.zst)?", re.IGNORECASE | re.DOTALL)
_COPY_BYTES = 1 << 20
_PIECES_BETWEEN_LOOKS = 100
GZIP_MAGIC = b"\x1f\x8b"
# Small, because a zstandard decompressor gives all that its input holds at once: up to 32 KiB for each byte.
_ZSTD_BYTES = 1 << 10

UNPACKED_BYTES = 1 << 30
UNPACKED_RATIO = 200
"""What compressed data may become, unless --max_unpacked says otherwise: so many bytes, or so many times its own,
whichever is more. Usual XML is compressed to a tenth or a thirtieth, and seldom to a hundredth."""

_SPARE_BYTES = 1 << 30
_SPARE_SHARE = 20
"""What unpacking leaves free on a disk: so many bytes, or one part of so many of it, whichever is less."""


@dataclass(frozen=True)
class SourceFile:
    """A file to read: ``source`` is its name for people, ``path`` where its bytes are, ``size`` in bytes there.

    ``wanted`` says which of its records are to be read, where that is not all. ``max_unpacked`` bounds its bytes when
    it is unpacked; ``fault`` is the rule and the message of what cannot be read behind its end.
    """

    source: str
    path: str
    size: int
    wanted: Wanted | None = None
    max_unpacked: int | None = None
    fault: tuple[str, str] | None = None

    @property
    def compressed(self) -> bool:
        return _suffix(self.path) in _DECOMPRESSORS


def expand(patterns: Iterable[str], max_unpacked: int | None = None) -> Iterator[SourceFile]:
    """The files that the patterns mean, each once, by name, found while they are asked for.

    Raises :class:`InputError` at once for a pattern that means none.
    """
    lists = [_checked(pattern) for pattern in dict.fromkeys(patterns)]
    merged = heapq.merge(*lists, key=attrgetter("path"))
    return (replace(next(same), max_unpacked=max_unpacked) for _, same in groupby(merged, attrgetter("path")))


def _checked(pattern: str) -> Iterator[SourceFile]:
    need_filesystem(pattern)
    found = find_files(pattern)
    first = next(found, None)
    if first is None:
        raise InputError(f"the input {pattern!r} matches no file; give a file, a folder of *.xml files or a glob")
    return chain([first], found)


def changed_at(file: SourceFile) -> float:
    """When a file was last changed, in seconds since 1970; 0 where its filesystem does not tell."""
    try:
        if is_local(file.path):
            status = os.stat(file.path)
            # A copy may keep the time of its content, and not that of its own.
            return max(status.st_mtime, status.st_ctime)
        from apache_beam.io.filesystems import FileSystems

        return float(FileSystems.last_updated(file.path))
    except Exception:  # each filesystem has its own errors; reading tells those that matter
        return 0.0


def find_file(source: str) -> SourceFile | None:
    """The file of exactly this name, if there is one."""
    if is_local(source):
        return _local(source) if os.path.exists(source) else None
    from apache_beam.io.filesystems import FileSystems

    return next(iter(_match(_literal(source))), None) if FileSystems.exists(source) else None


def _local(path: str) -> SourceFile:
    path = os.path.abspath(path)
    try:
        size = os.stat(path).st_size
    except OSError as error:
        kind = "link" if os.path.islink(path) else "file"
        raise InputError(
            f"the {kind} {path} cannot be read: {error.strerror}; remove or mend it, and run the command again"
        ) from None
    return SourceFile(path, path, size)


def _literal(path: str) -> str:
    """The glob that means just this path."""
    return re.sub(r"([\[*?])", r"[\1]", path)


def find_files(pattern: str) -> Iterator[SourceFile]:
    """The files that one pattern means, by name; it may be none."""
    if not is_local(pattern):
        yield from _remote(pattern)
        return
    paths: Iterator[str]
    if os.path.isdir(pattern):
        paths = _xml_files(os.path.abspath(pattern))
    elif os.path.exists(pattern):
        paths = iter([pattern])
    else:
        paths = glob(pattern) if re.search(r"[*?\[]", pattern) else iter(())
    yield from map(_local, paths)


def _xml_files(folder: str) -> Iterator[str]:
    """The XML files of a folder; of others that are left out it is said how many there are."""
    others, first = 0, ""
    for path in walk(folder):
        if _XML_FILE.fullmatch(path):
            yield path
        elif others := others + 1:
            first = first or path
    if others:
        logger.warning(
            "%s has files of other names, which are not read: %d, such as %s. In a folder, only names that end in "
            ".xml, .xml.gz and the like are read; a glob reads any name: '%s/**'.",
            folder, others, os.path.relpath(first, folder), folder,
        )  # fmt: skip


def _remote(pattern: str) -> Iterator[SourceFile]:
    from apache_beam.io.filesystems import FileSystems

    literal = _literal(pattern)
    if FileSystems.exists(pattern):
        found = _match(literal)
    elif literal != pattern:
        found = _match(pattern)
        if "/**/" in pattern:
            names = {file.path for file in found}
            found += [file for file in _match(pattern.replace("/**/", "/")) if file.path not in names]
    else:
        found = [file for file in _match(literal.rstrip("/") + "/**") if _XML_FILE.fullmatch(file.path)]
    return iter(sorted(found, key=attrgetter("path")))


def _match(pattern: str) -> list[SourceFile]:
    from apache_beam.io.filesystems import FileSystems

    [result] = FileSystems.match([pattern])
    return [SourceFile(found.path, found.path, found.size_in_bytes) for found in result.metadata_list]


def open_plain(path: str) -> IO[bytes]:
    """The bytes of a file as they are stored."""
    if is_local(path):
        return open(path, "rb")
    # Importing Beam takes a second, and opening a file by it ten times as long as by Python.
    from apache_beam.io.filesystem import CompressionTypes
    from apache_beam.io.filesystems import FileSystems

    return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)


@contextmanager
def open_input(path: str, max_unpacked: int | None = None, fault: tuple[str, str] | None = None) -> Iterator[Read]:
    """The function that reads a file's uncompressed bytes in order.

    It raises :class:`~transforms.read.encoding.BrokenInput` with the rule ``compression`` where they cannot be
    had, ``max_unpacked`` where they are more than that, and ``fault`` at their end. Beam's own reader takes a
    compressed file that was cut off for one that ends there.
    """
    with closing(open_plain(path)) as stored:
        decompress = _DECOMPRESSORS.get(_suffix(path))
        read: Read = stored.read
        if decompress is not None:
            read = _reporting(decompress(stored), path)
            if max_unpacked is not None:
                read = _bounded(read, path, max_unpacked)
        yield ending_in(read, fault)


def gunzip(stored: IO[bytes], name: str, max_unpacked: int) -> Read:
    """The same for what gzip has compressed, wherever it is stored; ``name`` is for the error."""
    return _bounded(_reporting(_DECOMPRESSORS[".gz"](stored), name), name, max_unpacked)


def unpacked_limit(stored_bytes: int, max_unpacked: int | None = None) -> int:
    """How many bytes compressed data of this size may become."""
    return max_unpacked or max(UNPACKED_BYTES, UNPACKED_RATIO * stored_bytes)


def _bounded(read: Read, name: str, most: int) -> Read:
    left = most

    def bounded_read(size: int) -> bytes:
        nonlocal left
        data = read(max(min(size, left), 1))
        left -= len(data)
        if left < 0:
            raise BrokenInput(
                "max_unpacked", f"{name} unpacks to more than {most:,} bytes; to read all of it, raise --max_unpacked"
            )
        return data

    return bounded_read


def ending_in(read: Read, fault: tuple[str, str] | None) -> Read:
    """The same function; at the end of what it reads, it raises the fault, if there is one."""
    if fault is None:
        return read

    def ending_read(size: int) -> bytes:
        if data := read(size):
            return data
        raise BrokenInput(*fault)

    return ending_read


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

    A file that is not compressed comes back as it is. A damaged one is unpacked as far as it goes; reading it tells of
    the damage where it is. Raises :class:`InputError` where the disk has no place for it.
    """
    if not file.compressed:
        return file
    os.makedirs(folder, mode=0o700, exist_ok=True)
    name = hashlib.blake2b(file.path.encode(errors="surrogateescape"), digest_size=8).hexdigest()
    target = os.path.join(folder, f"{name}.xml")
    fault = None
    with (
        open_input(file.path, unpacked_limit(file.size, file.max_unpacked)) as read,
        open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as unpacked,
    ):
        try:
            for pieces in itertools.count():
                if pieces % _PIECES_BETWEEN_LOOKS == 0:
                    _need_space(folder, file, unpacked.tell())
                if not (data := read(_COPY_BYTES)):
                    break
                unpacked.write(data)
            unpacked.flush()
        except BrokenInput as error:
            fault = (error.rule, error.message)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise _no_space(folder, file, unpacked.tell(), error.strerror) from None
        return replace(file, path=target, size=unpacked.tell(), fault=fault)


def _need_space(folder: str, file: SourceFile, written: int) -> None:
    usage = shutil.disk_usage(folder)
    if usage.free < min(_SPARE_BYTES, usage.total // _SPARE_SHARE):
        raise _no_space(folder, file, written, f"{usage.free:,} bytes are free")


def _no_space(folder: str, file: SourceFile, written: int, why: str | None) -> InputError:
    return InputError(
        f"there is no space to unpack {file.source} into {folder}: {why}, {written:,} bytes are unpacked; make space,"
        " or name a folder on a larger disk by --run_dir"
    )
