"""Which elements are the records: found, or as the user says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from beamshred.infer.tree import InferError, Node, Profile
from transforms.contract.document import did_you_mean
from transforms.names import NameTest, RecordPath, split_tag

LARGE_DOCUMENT = 16 << 20
"""From this size a document is cut into records, even where something is beside them."""

LONG_LIST = 50
"""Elements in a list, on the average, that are rather records than the list is."""

_MOST_OF_ALL = 0.9
"""The share of a large document's elements that those of its records are."""


@dataclass(frozen=True)
class Record:
    """The place of the records; ``unread`` are the texts and attributes that are beside them, out of reach."""

    node: Node
    ancestors: tuple[Node, ...]
    unread: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of its element; of several, a word for all."""
        return element_name(self.node)


def element_name(node: Node) -> str:
    """The local name of a place, also of the document element; of several, a word for all."""
    names = {split_tag(tag)[1] for tag in node.names}
    return names.pop() if len(names) == 1 else "document"


def find_record(found: Profile) -> Record:
    """The outermost element that repeats where nothing but attributes is beside it; else the document element."""
    node = found.root
    ancestors: list[Node] = []
    while len(node.children) == 1 and not _has_text(node):
        [child] = node.children
        ancestors.append(node)
        if child.most > 1 and not (child.is_prose or _is_simple(child) or _is_list(child)):
            return Record(child, tuple(ancestors))
        node = child
    if found.largest > LARGE_DOCUMENT and (large := _main_part(found.root)):
        above = tuple(_above(large))
        note = "a document is large, so its parts are the records; --record /* makes each document one record"
        return Record(large, above, tuple(_beside(large)), (note,))
    return Record(found.root, ())


def named_record(found: Profile, path: str) -> Record:
    """The record that ``--record`` names."""
    node = found.root
    steps = RecordPath.parse(path, {prefix: uri for uri, prefix in found.uris.items()}).steps
    if not any(steps[0].matches(tag) for tag in node.names):
        raise InferError(f"--record {path}: the document element is {_roots(node)}, not {steps[0]}")
    for step in steps[1:]:
        below = [child for child in node.children if _matches(step, child)]
        if len(below) != 1:
            known = [child.local for child in node.children]
            hint = did_you_mean(step.local or "", known) or f"there are {', '.join(known[:10]) or 'none'}"
            what = "means several elements; name one" if below else "does not occur"
            raise InferError(f"--record {path}: {step} {what}; {hint}")
        node = below[0]
    return Record(node, tuple(_above(node)), tuple(_beside(node)))


def record_path(record: Record, found: Profile) -> str:
    """Its absolute path; names are bare, so that they match in any namespace."""
    names = {split_tag(tag)[1] for tag in found.root.names}
    first = names.pop() if len(names) == 1 else "*"
    steps = [node.key for node in (*record.ancestors, record.node)][1:]
    return "/" + "/".join([first, *steps])


def _matches(step: NameTest, node: Node) -> bool:
    return any(step.matches(tag) for tag in node.names)


def _roots(root: Node) -> str:
    return ", ".join(sorted({split_tag(tag)[1] for tag in root.names}))


def _has_text(node: Node) -> bool:
    return bool(node.mixed or node.leaf.filled)


def _is_simple(node: Node) -> bool:
    """A single value is no record of its own."""
    return not node.links and not node.attributes


def _is_list(node: Node) -> bool:
    """Whether all that it holds is many elements of one kind, which are better records than the list of them.

    An empty one would be lost.
    """
    below = node.children
    return (
        node.full == node.count > 0
        and len(below) == 1
        and below[0].count >= LONG_LIST * node.count
        and not (_has_text(node) or below[0].is_prose or _is_simple(below[0]))
    )


def _main_part(root: Node) -> Node | None:
    total = sum(node.count for node in root.walk())
    best = max(root.walk(), key=lambda node: (node.most > 1) * sum(below.count for below in node.walk()))
    share = sum(below.count for below in best.walk()) / total
    return best if best.most > 1 and share >= _MOST_OF_ALL else None


def _above(node: Node) -> list[Node]:
    above: list[Node] = []
    while node.above is not None:
        node = node.above
        above.insert(0, node)
    return above


def _beside(record: Node) -> Iterator[str]:
    on_the_way = {record, *_above(record)}
    for node in _above(record):
        if _has_text(node):
            yield node.local
        for child in node.children:
            if child not in on_the_way:
                for below in child.walk():
                    if below.leaf.filled or below.mixed:
                        yield _place(below)
                    yield from (f"{_place(below)}/@{name}" for name in below.attributes)


def _place(node: Node) -> str:
    return "/".join([*(above.local for above in _above(node)[1:]), node.local])
