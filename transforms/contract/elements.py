"""The named elements of a contract: paths that begin with ``$name/`` start at them, wherever they stand.

    elements:
      buyer: (Parties/Party[@role = 'buyer'])[last()]
      address: $buyer/Address[1]
    ...
      town: $address/Town

They are looked up once for each record, in the order of the contract. A table may name elements of its rows: those
are only another way to write the paths.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from transforms.contract.climb import depth_of
from transforms.contract.model import Contract
from transforms.contract.paths import parse_path
from transforms.contract.steps import Path, Pick

_REFERENCE = re.compile(r"\s*((?:\(\s*)*)\$([^\s/\[\]()@|]+)\s*(?:/\s*(.*))?\Z", re.DOTALL)


def reference(text: str) -> tuple[str, str] | None:
    """``$name/path`` as name and path, which is ``.`` where there is none; ``None`` for any other path.

    Brackets around it stay around the path: ``($name/path)[last()]``.
    """
    match = _REFERENCE.match(text)
    return (match[2], match[1] + (match[3] or ".")) if match else None


_OF_PAIR = re.compile(r"\s*(\$(?:name|value))\s*(->.*)", re.DOTALL)


def unpivoted_reference(text: str) -> tuple[str, str] | None:
    """``$value -> party/Name`` as the system value and the path from there."""
    match = _OF_PAIR.fullmatch(text)
    return (match[1], f". {match[2]}") if match else None


def read_path(
    text: str, namespaces: Mapping[str, str], ignore_case: bool, own: Mapping[str, str]
) -> tuple[str | None, Path]:
    """The record's element that a path begins at, if one, and the path from there; ``own`` are the row's elements."""
    name, rest = reference(text) or (None, text)
    path = parse_path(rest, namespaces, ignore_case)
    if name is None or name not in own:
        return name, path
    base, above = read_path(own[name], namespaces, ignore_case, own)
    return base, Path(text, tuple(one + other for one in above.alternatives for other in path.alternatives))


@dataclass(frozen=True)
class Element:
    """A named element: ``path`` starts at the record, or at the named element ``base``.

    ``depth`` is how far below the record it stands, at the least; ``is_one``: there is at most one.
    """

    base: str | None
    path: Path
    depth: int
    is_one: bool


def elements_of(contract: Contract) -> dict[str, Element]:
    """The named elements of a contract that has been checked, in its order."""
    found: dict[str, Element] = {}
    for name, text in contract.elements.items():
        base, rest = reference(text) or (None, text)
        path = parse_path(rest, contract.namespaces, contract.defaults.ignore_case)
        depth = (found[base].depth if base else 0) + min(map(depth_of, path.alternatives))
        found[name] = Element(base, path, depth, (base is None or found[base].is_one) and is_of_one(path))
    return found


def is_of_one(path: Path) -> bool:
    """Whether a path selects one element at the most."""
    steps = path.alternatives[0]
    return len(path.alternatives) == 1 and (not steps or isinstance(steps[-1], Pick))
