"""What a column takes of the nodes that its path selects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from lxml import etree
from lxml.etree import _Element

from transforms.contract.steps import Attribute, Path
from transforms.map.current_record import CurrentRecord
from transforms.map.select import Select, compile_path, within
from transforms.map.texts import TextOf, text_of
from transforms.names import split_tag

TakeFrom = Callable[[_Element], Any]
"""From the row's element to a text, a list of texts, or ``None``."""

IN_A_LIST = ("only", "join", "count", "sum", "min", "max")
"""The takes that need the texts of all nodes."""


def compile_take(select: Select, take: str, text_of: TextOf = text_of) -> TakeFrom:
    """A function that gives what ``take`` asks for; a list of texts for those :data:`IN_A_LIST`."""

    def text(node: Any) -> str:
        return node if isinstance(node, str) else text_of(node)

    if take in IN_A_LIST:
        return lambda element: [text(node) for node in select(element)] or None
    if take == "last":
        return _one(select, -1, text)
    return _one(select, 0, {"first": text, "name": _name, "xml": _xml, "json": _json}[take])


def _one(select: Select, index: int, make: Callable[[Any], str]) -> TakeFrom:
    def take(element: _Element) -> str | None:
        found = select(element)
        return make(found[index]) if found else None

    return take


def _name(element: _Element) -> str:
    return split_tag(element.tag)[1]


def _xml(element: _Element) -> str:
    return etree.tostring(element, encoding="unicode", with_tail=False)


def _json(element: _Element) -> str:
    return orjson.dumps(as_json(element)).decode()


def as_json(element: _Element) -> Any:
    """An element as JSON: its text, or an object of ``@attributes``, children by name and ``#text``.

    Children of one name become a list where there are several; names lose their namespaces.
    """
    found: dict[str, Any] = {f"@{split_tag(str(name))[1]}": value for name, value in element.attrib.items()}
    several = set()
    for child in element.iterchildren("{*}*"):
        name, value = _name(child), as_json(child)
        if name not in found:
            found[name] = value
        elif name in several:
            found[name].append(value)
        else:
            several.add(name)
            found[name] = [found[name], value]
    text = "".join([element.text or "", *(child.tail or "" for child in element)])
    if not found:
        return text
    if text.strip():
        found["#text"] = text
    return found


Pairs = Callable[[_Element], "list[tuple[str, str]]"]


def compile_unpivot(selects: list[Pairs], split: str | None = None) -> Pairs:
    """A function that gives the names and texts of all that its parts select.

    ``split``: of every part of the text, between these.
    """

    def pairs(element: _Element) -> list[tuple[str, str]]:
        return [pair for select in selects for pair in select(element)]

    if split is None:
        return pairs
    separator = split.strip() or None

    def parts(element: _Element) -> list[tuple[str, str]]:
        found = ((name, part.strip()) for name, text in pairs(element) for part in text.split(separator))
        return [(name, part) for name, part in found if part]

    return parts


def compile_pairs(path: Path, current: CurrentRecord | None) -> Pairs:
    """A function that gives the name and text of every attribute and element that a path selects."""
    parts = [_pairs(path, steps, current) for steps in path.alternatives]
    return lambda element: [pair for part in parts for pair in part(element)]


def leaves(element: _Element) -> list[tuple[str, str]]:
    """Every attribute and text of an element and all below it, in document order, by the path that leads there.

    An element with elements in it has a text where its own is not blank.
    """
    found: list[tuple[str, str]] = []
    waiting = [(element, "")]
    while waiting:
        at, path = waiting.pop()
        above = path and path + "/"
        found += [(f"{above}@{split_tag(str(name))[1]}", str(value)) for name, value in at.attrib.items()]
        own = "".join([at.text or "", *(child.tail or "" for child in at)])
        if not len(at) or own.strip():
            found.append((path or ".", own))
        waiting += [(child, above + _name(child)) for child in reversed(at)]
    return found


def _pairs(path: Path, steps: tuple[Any, ...], current: CurrentRecord | None) -> Pairs:
    if not (steps and isinstance(steps[-1], Attribute)):
        elements = compile_path(Path(path.text, (steps,)), current)
        if current is not None:
            elements = within(elements, current)
        return lambda element: [(_name(node), text_of(node)) for node in elements(element)]
    attribute = steps[-1]
    owners = compile_path(Path(path.text, (steps[:-1],)), current)

    def pairs(element: _Element) -> list[tuple[str, str]]:
        return [
            (split_tag(str(name))[1], str(value))
            for owner in owners(element)
            for name, value in owner.attrib.items()
            if attribute.matches(str(name))
        ]

    return pairs
