"""The tree of all paths of some documents: what is where, how often, with which texts.

Documents are read as events, so that memory grows with the number of different paths and never with their length.
An element that holds others, within one of its own name, is at the place of the outer one: so the tree of a recursive
document ends. Which names are so is known only at the end, as is which names are side by side in several namespaces:
documents are then read once more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from lxml import etree

from beamshred.infer.text_statistics import TextStatistics
from transforms.limits import DEFAULT_MAX_DEPTH
from transforms.names import split_tag
from transforms.read.encoding import BrokenInput, detect
from transforms.read.files import SourceFile, open_input, unpacked_limit
from transforms.user_errors import UserError

MAX_PLACES = 20_000
"""Different paths; where there are more, names are data."""

MAX_FILE_NAMES = 1_000_000
"""Files whose names are compared."""

_PROSE = 4
"""Running text has at least this part of its letters beside its elements, and not in them."""

_READ_BYTES = 1 << 16


class InferError(UserError):
    """Documents that no contract can be made from: the message says why, and what to do."""


@dataclass(eq=False)
class Node:
    """A place of elements. ``key`` is its name in paths, local or ``{uri}local``; ``most`` counts below one parent.

    ``full`` counts the elements that have elements below, ``mixed`` those of them that have a text, too; ``leaf`` are
    the texts of all others. ``links`` are the places below, those of outer elements of a name among them. ``names``
    counts the full names. ``own_length`` and ``whole_length`` are the letters of full elements.
    """

    key: str
    above: Node | None = None
    count: int = 0
    most: int = 0
    full: int = 0
    mixed: int = 0
    own_length: int = 0
    whole_length: int = 0
    is_recursive: bool = False
    names: Counter[str] = field(default_factory=Counter)
    attributes: dict[str, TextStatistics] = field(default_factory=dict)
    leaf: TextStatistics = field(default_factory=TextStatistics)
    whole: TextStatistics = field(default_factory=TextStatistics)
    links: dict[str, Node] = field(default_factory=dict)

    @property
    def local(self) -> str:
        return split_tag(self.key)[1]

    @property
    def children(self) -> list[Node]:
        return [node for node in self.links.values() if node.above is self]

    @property
    def is_prose(self) -> bool:
        """Whether this is running text with markup: most elements that hold others hold text as well, and much."""
        return self.mixed * 2 > self.full and self.own_length * _PROSE >= self.whole_length

    @property
    def is_tangled(self) -> bool:
        """Whether it holds itself, and also what it is in: paths cannot tell its levels apart."""
        inside = set(self.walk())
        return self.is_recursive and any(link not in inside for node in inside for link in node.links.values())

    @property
    def is_mark(self) -> bool:
        """Whether it never holds anything: that it is there is all it says."""
        return not (self.attributes or self.links or self.full or self.leaf.filled)

    def walk(self) -> Iterator[Node]:
        yield self
        for child in self.children:
            yield from child.walk()

    def link(self, key: str, may_fold: bool) -> Node:
        """The place of the elements of this name below: a new one, unless it may be one of that name above."""
        node: Node | None = self if may_fold else None
        while node is not None and (node.key != key or node.above is None):
            node = node.above
        if node is None:
            node = Node(key, self)
        else:
            node.is_recursive = True
        self.links[key] = node
        return node


@dataclass
class Apart:
    """Local names that are not at the place that they seem to be at first."""

    by_namespace: set[str] = field(default_factory=set)
    recursive: set[str] = field(default_factory=set)

    def size(self) -> int:
        return len(self.by_namespace) + len(self.recursive)


@dataclass
class Profile:
    """What was found in documents. ``root`` stands for their document elements, ``uris`` are prefixes by namespace.

    ``largest`` is the longest document in bytes; ``names_repeat``: two files may have one name; ``damaged`` says what
    is not well-formed.
    """

    apart: Apart
    root: Node = field(default_factory=lambda: Node("*"))
    uris: dict[str, str] = field(default_factory=dict)
    documents: int = 0
    largest: int = 0
    names_repeat: bool = False
    damaged: list[str] = field(default_factory=list)


def profile(files: Callable[[], Iterable[SourceFile]], sample: int | None = None) -> Profile:
    """The profile of files: of ``sample`` of them at most, and of each that many elements below its document element.

    A file that is not well-formed counts as far as it goes.
    """
    apart = Apart()
    while True:
        size = apart.size()
        try:
            found = _profile(files(), sample, apart)
        except InferError:
            if apart.size() == size:
                raise
        if apart.size() == size:
            return found


def _profile(files: Iterable[SourceFile], sample: int | None, apart: Apart) -> Profile:
    found = Profile(apart)
    names: set[int] = set()
    for file in files:
        _read(file, found, sample)
        found.documents += 1
        name = hash(file.path.rpartition("/")[2])
        # Names beyond the bound may repeat.
        found.names_repeat = found.names_repeat or name in names or len(names) >= MAX_FILE_NAMES
        names.add(name)
        if found.documents == sample:
            break
    if not found.root.count:
        raise InferError("no element was found; " + "; ".join(found.damaged[:3]))
    return found


def _read(file: SourceFile, found: Profile, sample: int | None) -> None:
    try:
        _feed(file, found, _Events(found, sample, is_huge=True))
    except _HasDoctype:
        # Nothing was counted yet.
        _feed(file, found, _Events(found, sample, is_huge=False))


def _feed(file: SourceFile, found: Profile, events: _Events) -> None:
    parser = etree.XMLParser(
        target=events, resolve_entities="internal", no_network=True, load_dtd=False, huge_tree=events.is_huge
    )
    size, tail = 0, b""
    try:
        with open_input(file.path, unpacked_limit(file.size)) as read:
            while (data := read(_READ_BYTES)) and not events.is_done:
                if events.is_huge and not events.has_begun:
                    tail = _without_doctype(tail, data, size == 0)
                size += len(data)
                parser.feed(data)
            if not events.is_done:
                parser.close()
    except BrokenInput as error:
        found.damaged.append(f"{file.source}: {error.message}")
    except etree.XMLSyntaxError as error:
        found.damaged.append(f"{file.source}: {error.msg}")
    while events.frames and events.is_done:
        events.leave()
    if events.is_too_deep:
        found.damaged.append(f"{file.source}: elements nest deeper than {DEFAULT_MAX_DEPTH}")
    found.largest = max(found.largest, size)


def _without_doctype(tail: bytes, data: bytes, is_first: bool) -> bytes:
    """The end of what was seen. Raises :class:`_HasDoctype` where entities may be declared: such a document is never
    read without libxml2's limits."""
    if (is_first and not detect(data).scannable) or b"<!DOCTYPE" in tail + data:
        raise _HasDoctype
    return data[-len(b"<!DOCTYPE") :]


class _Frame:
    """An open element."""

    __slots__ = ("counts", "length", "node", "own", "tags")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.own: list[str] = []
        self.length = 0
        self.counts: dict[str, int] = {}
        self.tags: dict[str, str] = {}


class _Events:
    """What lxml calls for each event of a document."""

    def __init__(self, found: Profile, sample: int | None, is_huge: bool) -> None:
        self.found = found
        self.is_huge = is_huge
        self.is_too_deep = False
        self.has_begun = False
        self.sample = sample
        self.frames: list[_Frame] = []
        self.places = sum(1 for _ in found.root.walk())
        self.is_done = False

    def start(self, tag: str, attributes: dict[str, str], uris: dict[str | None, str] | None = None) -> None:
        if self.is_done or (len(self.frames) == 1 and sum(self.frames[0].counts.values()) == self.sample):
            self.is_done = True
            return
        if len(self.frames) == DEFAULT_MAX_DEPTH:
            self.is_done = self.is_too_deep = True
            return
        self.has_begun = True
        for prefix, uri in (uris or {}).items():
            if prefix and uri:
                self.found.uris.setdefault(uri, prefix)
        node = self._place(tag)
        node.count += 1
        node.names[tag] += 1
        for name, value in attributes.items():
            values = node.attributes.get(name)
            if values is None:
                values = node.attributes[name] = TextStatistics()
            values.see(value)
        self.frames.append(_Frame(node))

    def _place(self, tag: str) -> Node:
        if not self.frames:
            return self.found.root
        above = self.frames[-1]
        local = split_tag(tag)[1]
        key = tag if local in self.found.apart.by_namespace else local
        node = above.node.links.get(key)
        if node is None:
            node = above.node.link(key, local in self.found.apart.recursive)
            self.places += 1
            if self.places > MAX_PLACES:
                raise InferError(
                    f"there are more than {MAX_PLACES:,} different paths, the last in <{tag}>: names are data"
                )
        count = above.counts[key] = above.counts.get(key, 0) + 1
        if above.tags.setdefault(key, tag) != tag:
            self.found.apart.by_namespace.add(local)
        node.most = max(node.most, count)
        return node

    def data(self, text: str) -> None:
        if self.frames and not self.is_done:
            self.frames[-1].own.append(text)

    def end(self, tag: str) -> None:
        if not self.is_done:
            self.leave()

    def leave(self) -> None:
        """Leaves the innermost open element."""
        frame = self.frames.pop()
        node, text = frame.node, "".join(frame.own)
        length = frame.length + len(text)
        if frame.counts:
            if node.full == 0 and node.above is not None and any(f.node.key == node.key for f in self.frames[1:]):
                self.found.apart.recursive.add(node.local)
            node.full += 1
            node.mixed += bool(text.strip())
            node.own_length += len(text)
            node.whole_length += length
            node.whole.see_length(length)
        else:
            node.leaf.see(text)
        if self.frames:
            self.frames[-1].length += length

    def comment(self, text: str) -> None:
        pass

    def pi(self, target: str, data: str | None = None) -> None:
        pass

    def close(self) -> None:
        pass


class _HasDoctype(Exception):
    """A document may declare entities."""
