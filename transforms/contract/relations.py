"""How the tables of a contract belong together: parents, inherited keys, primary keys."""

from __future__ import annotations

from dataclasses import dataclass

from transforms.contract.document import Findings, Location
from transforms.contract.model import ContractModel
from transforms.schema import ColumnType


@dataclass(frozen=True)
class Relation:
    """What a table has of those above it.

    ``inherited``: {the parent's name: the name here}. ``record_key`` are the names that the record's key columns have
    here. ``types`` are those of all columns, the inherited ones first. ``is_known``: these are all of its columns;
    nobody knows where something is wrong with a key.
    """

    inherited: dict[str, str]
    primary_key: tuple[str, ...]
    record_key: tuple[str, ...]
    types: dict[str, ColumnType]
    is_known: bool


class Relations:
    """Finds the relations of the tables of a contract; ``model`` has its column groups in its tables."""

    def __init__(self, model: ContractModel, findings: Findings):
        self._model = model
        self._findings = findings
        self._found: dict[str, Relation] = {}

    def all(self) -> dict[str, Relation]:
        """The relation of each table, parents first; those without known parents come last."""
        for label in (order := self._parents_first()):
            self._found[label] = self._relation(label)
        for label in [label for label in self._model.tables if label not in order]:
            self._found[label] = self._without_parent(label)
        return self._found

    def _parents_first(self) -> list[str]:
        """The labels of the tables, each after its parent; otherwise in the contract's order. Some may be left out."""
        tables = self._model.tables
        order: list[str] = []
        waiting = list(tables)
        while ready := next((label for label in waiting if tables[label].parent in (None, *order)), None):
            order.append(ready)
            waiting.remove(ready)
        return order

    def _without_parent(self, label: str) -> Relation:
        table = self._model.tables[label]
        place: Location = ("tables", label, "parent")
        if table.parent not in self._model.tables:
            self._findings.add(place, "there is no such table", table.parent, known=self._model.tables)
        elif self._is_in_a_circle(label):
            self._findings.add(place, "the parents of this table form a cycle", table.parent)
        types = {name: column.column_type for name, column in table.columns.items()}
        return Relation({}, (), (), types, is_known=False)

    def _is_in_a_circle(self, label: str) -> bool:
        seen: set[str] = set()
        at: str | None = label
        while at is not None and at not in seen:
            if at not in self._model.tables:
                return False
            seen.add(at)
            at = self._model.tables[at].parent
        return True

    def _relation(self, label: str) -> Relation:
        table = self._model.tables[label]
        place: Location = ("tables", label)
        before = len(self._findings)
        record = {name: column.column_type for name, column in self._model.record.key.items()}
        parent = Relation({}, tuple(record), tuple(record), record, is_known=True)
        if table.parent is not None:
            parent = self._found[table.parent]
            self._check_parent((*place, "parent"), table.parent, parent)
        inherited = {name: table.inherit.get(name, name) for name in parent.primary_key}
        names = list(inherited.values())
        for name in table.inherit:
            if name not in inherited:
                message = "the parent has no such key column"
                self._findings.add((*place, "inherit", name), message, known=inherited)
        if len(set(names)) < len(names):
            self._findings.add((*place, "inherit"), "two inherited columns would have one name")
        is_sound = len(self._findings) == before and set(table.include) <= set(self._model.column_groups)
        for name in sorted(set(names) & set(table.columns)):
            self._findings.add(
                (*place, "columns", name),
                "every row has this column already, from the key above it",
                None,
                "leave it out, or rename it under `inherit`",
            )
        types = {here: parent.types[there] for there, here in inherited.items() if there in parent.types}
        types |= {name: column.column_type for name, column in table.columns.items()}
        # Rows that may repeat below one parent have no primary key without a `key`; an empty one says that they do not.
        may_repeat = table.rows != "." or table.unpivot or table.slots or table.union
        has_key = not may_repeat or "key" in table.model_fields_set
        return Relation(
            inherited,
            primary_key=(*names, *table.key) if has_key else (),
            record_key=tuple(inherited.get(name, name) for name in parent.record_key),
            types=types,
            is_known=parent.is_known and is_sound and len(types) == len({*names, *table.columns}),
        )

    def _check_parent(self, place: Location, label: str, parent: Relation) -> None:
        if not parent.primary_key:
            message = "a parent needs a `key`, which tells its rows apart"
            self._findings.add(place, message, label, "give it one; $position numbers them")
        model = self._model.tables[label]
        if model.unpivot or any(source.unpivot for source in model.union):
            message = "the rows of a table with `unpivot` are values, which have no child rows"
            self._findings.add(place, message, label)
