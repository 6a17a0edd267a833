"""What identifies a record: an attribute or a single value that every record has, and no two share.

Values are compared by their hashes, as many as :data:`MAX_HASHES` for all candidates together; beyond that a candidate
stays, and a comment says how far it was tried. Where nothing identifies a record, its file and its place in it do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import xxhash
from lxml import etree

from beamshred.infer.naming import Names, snake
from beamshred.infer.record import Record, element_name
from beamshred.infer.table_plans import Prefixes
from beamshred.infer.text_statistics import Reading, TextStatistics
from beamshred.infer.tree import Node
from transforms.contract.paths import parse_path
from transforms.map.select import compile_path
from transforms.map.texts import text_of
from transforms.names import split_tag
from transforms.records import ParsedRecord, Reject

MAX_HASHES = 1_000_000
LONGEST_KEY = 100
"""Characters of a value that may be a key: databases index no more than some hundreds of bytes."""

_MAX_CANDIDATES = 24
_DEEPEST = 3
_MOST_NAMED = 3
_GOOD = (
    r"id|key|code|no|nr|number|isbn|uuid|guid|ref",
    r".*(id|key|code|no|nr|number|uuid|guid)",
    r".*(ref|reference|name)",
)
"""Names of what identifies, best first."""

_BARE = ("value", "extension")
"""Names that say nothing: that of what is above them counts."""


@dataclass
class KeyCandidate:
    """A value that may identify records; ``path`` starts at the record. ``above`` is a value that is above it."""

    path: str
    parts: list[str]
    reading: Reading
    above: KeyCandidate | None = None
    file: bool = False
    hashes: set[int] = field(default_factory=set)
    tried: int = 0
    is_unique: bool = True

    @property
    def rank(self) -> tuple[int, int, int]:
        # HL7 and FHIR write identifiers as <id extension="17"/> and <id value="17"/>: the element has the name.
        says = self.parts[-2:-1] if self.parts[-1].lower() in _BARE else []
        name = (says or self.parts[-1:])[0].lower()
        good = next((at for at, pattern in enumerate(_GOOD) if re.fullmatch(pattern, name)), len(_GOOD))
        return (self.file + (self.above is not None), good, self.path.count("/"))


@dataclass(frozen=True)
class Key:
    """The key's columns as the contract says them, what a comment says, and the paths that they read."""

    columns: dict[str, dict[str, Any]]
    notes: tuple[str, ...]
    paths: frozenset[str]


def find_key(
    record: Record, prefixes: Prefixes, records: Iterable[ParsedRecord | Reject], files: int, names_repeat: bool
) -> Key:
    """The key of the records; ``files`` counts them, and ``names_repeat`` says that two may have one name."""
    alone = sorted(_candidates(record, prefixes), key=lambda candidate: candidate.rank)[:_MAX_CANDIDATES]
    above = list(_above(record, prefixes))
    candidates = [
        *alone,
        *(KeyCandidate(one.path, one.parts, one.reading, above=up) for one in alone for up in above),
        *(KeyCandidate(one.path, one.parts, one.reading, file=True) for one in alone if files > 1 and record.ancestors),
    ]
    count = _try(candidates, records, prefixes.declared)
    # Of a single record every value is unique: only a name speaks for it.
    good = [one for one in candidates if one.is_unique and one.rank[1] < (len(_GOOD) if count > 1 else 1)]
    if not good:
        return _place(record, names_repeat, [one.path for one in alone if one.is_unique and one.tried == count > 1])
    return _as_key(min(good, key=lambda one: one.rank), record, count, names_repeat)


def declared_key(record: Record, prefixes: Prefixes) -> Key:
    """The key that a schema lets expect: of what every record must have, what is named like one."""
    good = [one for one in _candidates(record, prefixes) if one.rank[1] == 0]
    if not good:
        return _place(record, False, [])
    best = min(good, key=lambda one: one.rank)
    note = "UNSURE: it is named like a key, but a schema does not say whether two records can share it"
    return Key(_columns(best, record, False), (note,), frozenset({best.path}))


def _candidates(record: Record, prefixes: Prefixes) -> Iterator[KeyCandidate]:
    count = record.node.count

    def of_node(node: Node, path: str, parts: list[str]) -> Iterator[KeyCandidate]:
        start = f"{path}/" if path else ""
        for name, values in node.attributes.items():
            one = _candidate(start + prefixes.of_attribute(name), [*parts, split_tag(name)[1]], values, count)
            if one is not None:
                yield one
        if node is not record.node and not node.full:
            one = _candidate(path, parts, node.leaf, count)
            if one is not None:
                yield one
        for child in node.children if len(parts) < _DEEPEST else ():
            if child.most == 1 and not child.is_recursive and child.count == count:
                yield from of_node(child, start + prefixes.of_element(child), [*parts, child.local])

    # A record's own text, and what is nested in it, is no key.
    yield from of_node(record.node, "", [])


def _above(record: Record, prefixes: Prefixes) -> Iterator[KeyCandidate]:
    for up, node in enumerate(reversed(record.ancestors), 1):
        for name, values in node.attributes.items():
            path = "../" * up + prefixes.of_attribute(name)
            one = _candidate(path, [element_name(node), split_tag(name)[1]], values, node.count)
            if one is not None and one.rank[1] < len(_GOOD):
                yield one


def _candidate(path: str, parts: list[str], values: TextStatistics, count: int) -> KeyCandidate | None:
    reading = values.reading(parts[-1])
    kind = reading.type.partition("(")[0]
    if not values.is_everywhere(count) or values.longest > LONGEST_KEY or kind not in ("text", "int", "bigint"):
        return None
    return KeyCandidate(path, parts, reading)


def _try(
    candidates: list[KeyCandidate], records: Iterable[ParsedRecord | Reject], namespaces: Mapping[str, str]
) -> int:
    """Marks those that two records share; the result is the number of records."""
    paths = {one.path for each in candidates for one in (each, each.above) if one is not None}
    select = {path: compile_path(parse_path(path, namespaces)) for path in paths}
    count, hashes = 0, 0
    for parsed in records:
        if isinstance(parsed, Reject):
            continue
        count += 1
        texts = {path: _text(select[path](parsed.root)) for path in select}
        for one in candidates:
            if not one.is_unique or hashes >= MAX_HASHES:
                continue
            values = [
                parsed.record.source if one.file else "",
                texts[one.above.path] if one.above else "",
                texts[one.path],
            ]
            digest = xxhash.xxh3_64_intdigest("\0".join(values).encode())
            if not values[-1] or digest in one.hashes:
                one.is_unique = False
                hashes -= len(one.hashes)
                one.hashes.clear()
            else:
                one.hashes.add(digest)
                hashes += 1
                one.tried = count
    return count


def _text(found: list[Any]) -> str:
    """As databases compare that know no case, and no blanks at the end."""
    if not found:
        return ""
    return (text_of(found[0]) if isinstance(found[0], etree._Element) else str(found[0])).strip().casefold()


def _as_key(best: KeyCandidate, record: Record, count: int, names_repeat: bool) -> Key:
    notes = []
    if best.tried < count:
        notes.append(f"UNSURE: no two of the first {best.tried:,} records share it; {count:,} were too many to compare")
    elif count == 1:
        notes.append("UNSURE: there is only one record to judge by")
    else:
        notes.append(f"No two of {count:,} records share it.")
    if best.file:
        notes.append("It is unique only within one file.")
    return Key(
        _columns(best, record, names_repeat),
        tuple(notes),
        frozenset({one.path for one in (best.above, best) if one is not None}),
    )


def _columns(best: KeyCandidate, record: Record, names_repeat: bool) -> dict[str, dict[str, Any]]:
    names, columns = Names(), {}
    if best.file:
        columns["file"] = _file(names_repeat)
    for one in (best.above, best):
        if one is not None:
            # All tables have the column: `id` alone would say little there.
            is_bare = len(one.parts) == 1 and not snake(one.parts[0]).startswith(snake(record.name))
            columns[names.give([record.name] * is_bare + one.parts)] = {"from": one.path, "type": one.reading.type}
    return columns


def _place(record: Record, names_repeat: bool, unique: list[str]) -> Key:
    """The file as the key; ``unique`` are paths that no two records share, though none is named like a key."""
    columns: dict[str, dict[str, Any]] = {"file": _file(names_repeat)}
    note = f"UNSURE: no value{' named like a key' if unique else ''} identifies a record, so its file does"
    if record.ancestors:
        columns["ordinal"] = {"from": "$ordinal", "type": "bigint"}
        note += " with its number in it"
    notes = [f"{note}. A value of the data itself is better."]
    if unique:
        notes.append(f"No two records share {', '.join(unique[:_MOST_NAMED])}.")
    return Key(columns, tuple(notes), frozenset())


def _file(names_repeat: bool) -> dict[str, Any]:
    # Two folders may hold files of one name.
    return {"from": "$source" if names_repeat else "$file", "type": "text(255)"}
