"""Tables from the tree of paths: what repeats is a table, all else a column of the row that it is in.

``section`` within ``section`` is one table: its rows are in the order of the document, and each says how many of
the rows that follow are within it. That is the whole tree: https://en.wikipedia.org/wiki/Nested_set_model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from beamshred.infer.naming import MAX_BYTES, Names, snake
from beamshred.infer.record import Record, element_name
from beamshred.infer.text_statistics import TextStatistics
from beamshred.infer.tree import Node, Profile
from transforms.contract.paths import XML_NAMESPACE
from transforms.names import split_tag

MAX_COLUMNS = 200
"""Columns of a table; of more, parts become tables of their own. SQL Server takes 1,024."""

_OURS = ("beamshred_ledger", "beamshred_duplicates", "beamshred_runs", "beamshred_tables")


@dataclass
class ColumnDraft:
    """A column: the keys that the contract says of it, and what a comment says."""

    spec: dict[str, Any]
    notes: list[str] = field(default_factory=list)


@dataclass
class TableDraft:
    """A table of the contract: ``keys`` are the names of its primary key."""

    name: str
    node: Node
    parent: TableDraft | None
    rows: str | None
    keys: list[str]
    own_key: list[str] | None
    columns: dict[str, ColumnDraft] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    names: Names = field(default_factory=Names)


class Prefixes:
    """The prefixes of a contract, and names as they are in its paths."""

    def __init__(self, found: Profile) -> None:
        self.given = found.uris
        self.separate = found.apart.by_namespace
        self.used: dict[str, str] = {}

    def of_element(self, node: Node) -> str:
        uri, local = split_tag(node.key)
        if local not in self.separate:
            return local
        return f"{self._prefix(uri)}:{local}" if uri else f"{{}}{local}"

    def of_attribute(self, name: str) -> str:
        uri, local = split_tag(name)
        if uri == XML_NAMESPACE:
            return f"@xml:{local}"
        return f"@{self._prefix(uri)}:{local}" if uri else f"@{local}"

    @property
    def declared(self) -> dict[str, str]:
        """The namespaces of those used, by prefix."""
        return {prefix: uri for uri, prefix in self.used.items()}

    def _prefix(self, uri: str) -> str:
        if uri not in self.used:
            prefix = self.given.get(uri, "ns")
            taken, number = set(self.used.values()), 1
            while prefix in taken:
                number += 1
                prefix = f"{self.given.get(uri, 'ns')}{number}"
            self.used[uri] = prefix
        return self.used[uri]


class TablePlanner:
    """Makes the tables of a record. ``key`` are the columns of its key; ``read_by_key`` the paths that they read."""

    def __init__(self, prefixes: Prefixes, record: Record, key: list[str], read_by_key: Collection[str]) -> None:
        self.prefixes = prefixes
        self.record = record
        self.read_by_key = read_by_key
        self.tables: list[TableDraft] = []
        self.table_names = Names(_OURS)
        self.name_counts: Counter[str] = Counter()
        self._make(key)

    def _make(self, key: list[str]) -> None:
        node = self.record.node
        self.name_counts = Counter(snake(below.local) for below in node.walk())
        main = TableDraft(self.table_names.give([self.record.name]), node, None, None, key, None)
        main.names = Names(key)
        if node.is_recursive:
            name = self.prefixes.of_element(node)
            number = main.names.give([main.name, "no"])
            main.rows, main.keys, main.own_key = f". | .//{name}", [*key, number], [number]
            main.columns[number] = ColumnDraft({"from": "$position"})
        self.tables.append(main)
        if len({split_tag(tag)[1] for tag in node.names}) > 1:
            main.columns[main.names.give(["element"])] = ColumnDraft({"from": ".", "take": "name", "type": "text(100)"})
        above = main
        if node.is_recursive and any(place.attributes for place in self.record.ancestors):
            # Rows of nested elements are deeper than their record, and only the record knows what is above.
            above = TableDraft(self.table_names.give([main.name, "above"]), node, None, None, key, None)
            above.names = Names(key)
            self.tables.append(above)
        for up, place in enumerate(reversed(self.record.ancestors), 1):
            for name, values in place.attributes.items():
                path = "../" * up + self.prefixes.of_attribute(name)
                self._column(above, path, [element_name(place), split_tag(name)[1]], values, 0)
        self._fill(main)

    def _fill(self, table: TableDraft) -> None:
        if table.node.is_tangled and table.parent is not None:
            note = f"what is nested in this {table.node.local}, and in what it is in, is only here"
            spec = {"from": ".", "take": "xml"}
            table.columns[table.names.give([table.node.local, "xml"])] = ColumnDraft(spec, [note])
        elif table.node.is_recursive and not table.node.is_prose:
            name = self.prefixes.of_element(table.node)
            within = table.names.give([table.name, "rows_within"])
            spec = {"from": f".//{name}", "take": "count", "type": "int"}
            note = f"recursive: so many of the rows that follow are within this {table.node.local}"
            table.columns[within] = ColumnDraft(spec, [note])
        later: list[tuple[Node, str]] = []
        apart = self._apart(table.node)
        self._inline(table, table.node, "", [], apart, later, table.node.count)
        for node, path in later:
            self._below(table, node, path, node in apart)

    def _inline(
        self, table: TableDraft, node: Node, path: str, parts: list[str], apart: set[Node],
        later: list[tuple[Node, str]], rows: int,
    ) -> None:  # fmt: skip
        """The columns of ``node``, which is at ``path`` from the row; what gets a table goes into ``later``."""
        start = f"{path}/" if path else ""
        here = path or "."
        for name, values in node.attributes.items():
            self._column(table, start + self.prefixes.of_attribute(name), [*parts, split_tag(name)[1]], values, rows)
        if node.is_prose and node.full:
            self._column(
                table, here, parts or ["text"], node.whole.joined(node.leaf), rows, "running text, without its markup"
            )
            spec = {"from": here, "take": "xml"}
            table.columns[table.names.give([*(parts or ["text"]), "xml"])] = ColumnDraft(
                spec, ["the same with its markup"]
            )
            return
        if node.mixed:
            note = f"text beside elements in {node.mixed} of {node.full}: all text, also of the elements"
            self._column(table, here, [*parts, "text"], node.whole, rows, note)
        elif node.leaf.filled and node.full:
            values = node.whole.joined(node.leaf)
            note = f"{node.leaf.filled} hold a text and {node.full} hold elements: all text, also of the elements"
            self._column(table, here, [*parts, "text"], values, rows, note)
        elif node.leaf.filled:
            self._column(table, here, parts or ["value"], node.leaf, rows)
        for child in node.children:
            step = start + self.prefixes.of_element(child)
            if child.is_mark:
                self._count(table, step, [*parts, child.local], child)
            elif _is_table(child) or child in apart:
                later.append((child, step))
            else:
                self._inline(table, child, step, [*parts, child.local], apart, later, rows)

    def _below(self, parent: TableDraft, node: Node, path: str, at_most_one: bool) -> None:
        words = [node.local]
        if self.name_counts[snake(node.local)] > 1:
            words = [parent.name, node.local]
        table = TableDraft(self.table_names.give(words), node, parent, path, list(parent.keys), None)
        table.names = Names(parent.keys)
        if at_most_one and not _is_table(node):
            table.own_key = []
        else:
            number = table.names.give([_short(table.name), "no"])
            table.own_key = [number]
            table.keys.append(number)
            table.columns[number] = ColumnDraft({"from": "$position"})
        if node.is_recursive and not (node.is_prose or node.is_tangled):
            table.rows = f"{path} | {path}/.//{self.prefixes.of_element(node)}"
        self.tables.append(table)
        self._fill(table)

    def _column(
        self, table: TableDraft, path: str, parts: list[str], values: TextStatistics, rows: int, *notes: str
    ) -> None:
        if table.parent is None and path in self.read_by_key and not table.node.is_recursive:
            return
        reading = values.reading(parts[-1])
        spec: dict[str, Any] = {"from": path}
        if reading.type != "text":
            spec["type"] = reading.type
        if reading.format:
            spec["format"] = reading.format
        said = [*notes, *reading.notes]
        if values.is_required(rows):
            spec["required"] = True
        elif rows and values.filled < rows:
            said.append(f"in {values.filled} of {rows} rows")
        table.columns[table.names.give(parts)] = ColumnDraft(spec, said)

    def _count(self, table: TableDraft, path: str, parts: list[str], node: Node) -> None:
        note = f"always empty: the number of them, {node.most} at most"
        table.columns[table.names.give(parts)] = ColumnDraft({"from": path, "take": "count", "type": "int"}, [note])

    def _apart(self, node: Node) -> set[Node]:
        """The parts of a row that become tables of their own, so that it is not too wide."""
        apart: set[Node] = set()
        while _width(node, apart) > MAX_COLUMNS:
            parts = [part for part in _parts(node, apart) if _width(part, apart) > 1]
            if not parts:
                break
            apart.add(max(parts, key=lambda part: (_width(part, apart) <= MAX_COLUMNS, _width(part, apart))))
        return apart


def _is_table(node: Node) -> bool:
    return node.most > 1 or node.is_recursive


def _parts(node: Node, apart: set[Node]) -> list[Node]:
    """The places below that are columns of its row."""
    if node.is_prose:
        return []
    inline = [child for child in node.children if not _is_table(child) and child not in apart]
    return [*inline, *(part for child in inline for part in _parts(child, apart))]


def _width(node: Node, apart: set[Node]) -> int:
    return sum(len(place.attributes) + 2 for place in (node, *_parts(node, apart)))


def _short(name: str) -> str:
    return name.encode()[: MAX_BYTES - 10].decode(errors="ignore").rstrip("_")
