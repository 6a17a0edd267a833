"""The tree of paths from an XML Schema, and the contract from that.

Schemas that it includes or imports are read from its folder and below, never from a network.
An element whose type is within itself under another name is kept as XML: its paths would have no end.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beamshred.infer.contract_text import contract_text
from beamshred.infer.keys import declared_key
from beamshred.infer.record import find_record, named_record, record_path
from beamshred.infer.table_plans import Prefixes, TablePlanner
from beamshred.infer.text_statistics import MAX_DIGITS, Reading, TextStatistics
from beamshred.infer.tree import MAX_PLACES, Apart, InferError, Node, Profile
from transforms.names import RecordPath, split_tag

_LEGEND = """\
Made from a schema by --infer_xsd. Look at what is UNSURE. Types are those of the schema; `required` is written where
it asks for a value. What may occur more than once in a row is a table, all else is a column."""

_WORDS_SHOWN = 8
_BITS = {"byte": "smallint", "unsignedByte": "smallint", "short": "smallint", "unsignedShort": "int", "int": "int"}
_LONG = {"unsignedInt": "bigint", "long": "bigint", "unsignedLong": "decimal(20)"}
_PLAIN = {
    "boolean": "bool",
    "float": "float",
    "double": "float",
    "date": "date",
    "time": "time",
    "base64Binary": "binary",
}
_SHORT = {"gYear", "gYearMonth", "gMonth", "gMonthDay", "gDay"}


@dataclass
class Declared(TextStatistics):
    """What a schema declares of texts that were not seen."""

    declared: Reading = field(default_factory=Reading)
    required: bool = False

    def is_required(self, rows: int) -> bool:
        return self.required

    def is_everywhere(self, count: int) -> bool:
        return self.required

    def reading(self, name: str) -> Reading:
        return self.declared

    def joined(self, other: TextStatistics) -> TextStatistics:
        return Declared(present=1)


def infer_from_schema(file: str, record: str | None = None) -> str:
    """The contract for the documents of a schema; ``record`` is the path of their records, as ``/orders/order``."""
    schema = _read(file)
    root, others = _root(schema, record)
    found = _tree(root)
    place = named_record(found, record) if record and "/" in record[1:] else find_record(found)
    prefixes = Prefixes(found)
    key = declared_key(place, prefixes)
    tables = TablePlanner(prefixes, place, list(key.columns), key.paths)
    about = [f"Schema: {Path(file).name}."]
    if others:
        about.append(f"UNSURE: the documents could begin with {', '.join(others[:20])}, too: say which by --record.")
    about += found.notes
    return contract_text(
        re.sub(r"[^A-Za-z0-9]+", "-", place.name).strip("-").lower()[:60] or "documents",
        record_path(place, found), key.columns, tables.tables, prefixes.declared, about, key.notes, _LEGEND,
    )  # fmt: skip


def _read(file: str) -> Any:
    try:
        import xmlschema
    except ImportError:
        raise InferError("--infer_xsd needs the package xmlschema: pip install 'beamshred[xsd]'") from None
    if not Path(file).is_file():
        raise InferError(f"there is no schema {file!r}")
    try:
        return xmlschema.XMLSchema(str(Path(file).resolve()), allow="sandbox", defuse="always")
    except (xmlschema.XMLSchemaException, SyntaxError, ValueError) as error:
        said = " ".join(str(getattr(error, "message", None) or error).split())
        raise InferError(f"{file} is not a schema that can be read: {said[:400]}") from None


def _root(schema: Any, record: str | None) -> tuple[Any, list[str]]:
    """The element that documents begin with, and the others that might be."""
    known = {element.local_name: element for element in schema.elements.values()}
    if not known:
        raise InferError("the schema declares no element that a document could begin with")
    if record:
        name = RecordPath.parse(record, schema.namespaces).steps[0].local
        if name not in known:
            raise InferError(f"--record {record}: the schema declares no element {name}; it has {', '.join(known)}")
        return known[name], []
    used = {
        part.ref.local_name
        for owner in (*schema.types.values(), *known.values())
        for part in _elements_of(owner)
        if part.ref is not None
    }
    free = [name for name in known if name not in used and not known[name].abstract] or list(known)
    sizes = {name: len(list(_elements_of(known[name]))) for name in free}
    best = max(free, key=lambda name: sizes[name])
    return known[best], [name for name in free if name != best]


def _elements_of(owner: Any) -> Iterator[Any]:
    type_ = getattr(owner, "type", owner)
    if type_.is_complex() and type_.has_complex_content():
        yield from (part for part in type_.content.iter_elements() if part.name is not None)


class SchemaProfile(Profile):
    """A profile with notes on what the schema leaves open."""

    notes: list[str]


def _tree(root: Any) -> SchemaProfile:
    apart = Apart()
    while True:
        size = apart.size()
        builder = _Builder(SchemaProfile(apart))
        builder.found.notes = []
        builder.found.root.names[root.name] = 1
        for uri, prefix in ((uri, prefix) for prefix, uri in root.schema.namespaces.items() if prefix and uri):
            builder.found.uris.setdefault(uri, prefix)
        builder.fill(builder.found.root, root.type, True, [root.type])
        if apart.size() == size:
            return builder.found


class _Builder:
    def __init__(self, found: SchemaProfile) -> None:
        self.found = found
        self.places = 0
        self.types: dict[Node, Any] = {}

    def fill(self, node: Node, type_: Any, always: bool, chain: list[Any]) -> None:
        """What is below ``node``; ``always``: whether its row has it always. ``chain`` are the types above."""
        self.types[node] = type_
        if type_.is_complex():
            self._attributes(node, type_, always)
        if type_.has_simple_content() or type_.is_simple():
            simple = type_.content if type_.is_complex() else type_
            node.leaf = Declared(present=1, declared=_reading(simple), required=always)
        elif type_.has_mixed_content() or type_.name == "{http://www.w3.org/2001/XMLSchema}anyType":
            _as_prose(node)
        else:
            self._children(node, type_, always, chain)

    def _attributes(self, node: Node, type_: Any, always: bool) -> None:
        for name, attribute in type_.attributes.items():
            if name is None:
                self._open(node, "attributes")
            elif attribute.use != "prohibited":
                required = always and attribute.use == "required"
                node.attributes[name] = Declared(present=1, declared=_reading(attribute.type), required=required)

    def _children(self, node: Node, type_: Any, always: bool, chain: list[Any]) -> None:
        found: dict[str, tuple[Any, float, float]] = {}
        for element, least, most in _particles(type_.content, 1, 1):
            if element.name is None:
                self._open(node, "elements")
                continue
            for one in (element, *element.iter_substitutes()):
                if not one.abstract:
                    lowest = least if one is element and not list(element.iter_substitutes()) else 0
                    _, had, most_before = found.get(one.name, (one, 0, 0))
                    found[one.name] = one, had + lowest, most_before + most
        locals_ = Counter(split_tag(name)[1] for name in found)
        self.found.apart.by_namespace.update(local for local, count in locals_.items() if count > 1)
        for name, (element, least, most) in found.items():
            self._child(node, name, element, always and least > 0, most, chain)

    def _child(self, above: Node, name: str, element: Any, always: bool, most: float, chain: list[Any]) -> None:
        local = split_tag(name)[1]
        key = name if local in self.found.apart.by_namespace else local
        node: Node | None = above
        while node is not None and not (node.key == key and self.types.get(node) is element.type):
            node = node.above
        if node is not None and node.above is not None:
            node.is_recursive = True
            above.links[key] = node
            return
        self.places += 1
        if self.places > MAX_PLACES:
            raise InferError(f"the schema has more than {MAX_PLACES:,} paths: name a record further down by --record")
        node = above.links[key] = Node(key, above, most=2 if most > 1 else 1)
        node.names[name] = 1
        if element.type in chain and element.type.is_complex():
            _as_prose(node)
            self._attributes(node, element.type, False)
            return
        # A row of its own begins anew; and an element that may be nil may be empty.
        self.fill(node, element.type, (always or most > 1) and not element.nillable, [*chain, element.type])

    def _open(self, node: Node, what: str) -> None:
        note = f"UNSURE: {node.local} may have {what} that the schema does not name: no column reads them."
        if note not in self.found.notes:
            self.found.notes.append(note)


def _as_prose(node: Node) -> None:
    node.full = node.mixed = node.own_length = node.whole_length = 1
    node.whole = Declared(present=1)


def _particles(group: Any, least: float, most: float) -> Iterator[tuple[Any, float, float]]:
    """The elements of a model, each with how often it may be in one element, at the least and at the most."""
    least *= group.min_occurs
    most *= math.inf if group.max_occurs is None else group.max_occurs
    if group.model == "choice" and len(group) > 1:
        least = 0
    for part in group:
        if hasattr(part, "model"):
            yield from _particles(part, least, most)
        else:
            limit = math.inf if part.max_occurs is None else part.max_occurs
            yield part, least * part.min_occurs, most * limit if limit else 0


def _reading(type_: Any) -> Reading:
    if not type_.is_atomic():
        return Reading("text")
    notes: tuple[str, ...] = ()
    if words := _enumeration(type_):
        more = ", ..." if len(words) > _WORDS_SHOWN else ""
        notes = (f"one of {', '.join(words[:_WORDS_SHOWN])}{more}",)
    names = _ancestry(type_)
    for name in names:
        if name in _PLAIN:
            return Reading(_PLAIN[name], None, notes)
    if "hexBinary" in names:
        return Reading("binary", "hex", notes)
    if "dateTime" in names:
        return Reading(
            "datetimetz", None, ("UNSURE: a value without an offset is rejected: give the column its `zone`",)
        )
    if "decimal" in names:
        return _number(type_, names)
    if _SHORT & set(names):
        return Reading("text(20)", None, notes)
    length = getattr(type_, "max_length", None) or max(map(len, words), default=0)
    return Reading(f"text({length})" if length else "text", None, notes)


def _number(type_: Any, names: list[str]) -> Reading:
    digits = _facet(type_, "totalDigits")
    if "integer" in names:
        for name in names:
            if name in _BITS or name in _LONG:
                return Reading((_BITS | _LONG)[name])
        if digits is not None and digits <= MAX_DIGITS:
            return Reading("int" if digits <= 9 else "bigint" if digits <= 18 else f"decimal({digits})")
        return Reading("bigint", None, ("UNSURE: the schema does not limit it",))
    scale = _facet(type_, "fractionDigits")
    if digits is None or scale is None or digits > MAX_DIGITS:
        note = "UNSURE: the schema does not limit its digits: values with more are rejected"
        return Reading(f"decimal(38, {10 if scale is None else min(scale, MAX_DIGITS)})", None, (note,))
    return Reading(f"decimal({digits}, {scale})")


def _facet(type_: Any, name: str) -> int | None:
    facet = type_.get_facet(f"{{http://www.w3.org/2001/XMLSchema}}{name}")
    return None if facet is None else int(facet.value)


def _enumeration(type_: Any) -> list[str]:
    return [str(value) for value in type_.enumeration or ()]


def _ancestry(type_: Any) -> list[str]:
    """The names of a type's built-in ancestors, nearest first."""
    names = []
    while type_ is not None:
        if type_.name and type_.name.startswith("{http://www.w3.org/2001/XMLSchema}"):
            names.append(split_tag(type_.name)[1])
        type_ = type_.base_type
    return names
