"""The paths of a contract wherever they stand, also where other things are wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from transforms.contract.column_model import is_system_value
from transforms.contract.document import Location
from transforms.contract.paths import PathError, parse_path
from transforms.contract.references import reference, unpivoted_reference

Texts = Iterator[tuple[Location, str]]


def wrong_paths(data: Mapping[str, Any]) -> Iterator[tuple[Location, str]]:
    """The places of paths that cannot be read, and why."""
    namespaces = {key: uri for key, uri in _mapping(data.get("namespaces")).items() if isinstance(uri, str)}
    for place, text in _paths(data):
        # Where a slot's value will stand, nobody knows yet what the path is.
        if is_system_value(text) or "{" in text:
            continue
        rest = (reference(text) or unpivoted_reference(text) or ("", text))[1]
        try:
            parse_path(rest, namespaces)
        except PathError as error:
            yield place, str(error)


def _paths(data: Mapping[str, Any]) -> Texts:
    yield from _named(("elements",), data.get("elements"))
    for name, index in _mapping(data.get("index")).items():
        yield from _named(("index", name), index)
    yield from _columns(("record", "key"), _mapping(data.get("record")).get("key"))
    for name, group in _mapping(data.get("column_groups")).items():
        yield from _columns(("column_groups", name), group)
    for label, table in _mapping(data.get("tables")).items():
        place: Location = ("tables", label)
        yield from _source(place, _mapping(table))
        union = _mapping(table).get("union")
        for number, source in enumerate(union if isinstance(union, list) else ()):
            yield from _source((*place, "union", number), _mapping(source))


def _source(place: Location, source: Mapping[str, Any]) -> Texts:
    yield from _texts((*place, "rows"), source.get("rows"))
    unpivot = source.get("unpivot")
    for number, text in enumerate(unpivot if isinstance(unpivot, list) else [unpivot]):
        yield from _texts((*place, "unpivot", number), text)
    yield from _named((*place, "elements"), source.get("elements"))
    for key in ("columns", "let"):
        yield from _columns((*place, key), source.get(key))


def _columns(place: Location, columns: Any) -> Texts:
    for name, column in _mapping(columns).items():
        source = column.get("from") if isinstance(column, dict) else column
        for text in source if isinstance(source, list) else [source]:
            yield from _texts((*place, name, "from"), text)


def _named(place: Location, texts: Any) -> Texts:
    for name, text in _mapping(texts).items():
        yield from _texts((*place, name), text)


def _texts(place: Location, text: Any) -> Texts:
    if isinstance(text, str):
        yield place, text


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
