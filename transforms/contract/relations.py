"""How the tables of a contract belong together: parents, inherited keys, primary keys."""

from __future__ import annotations

from dataclasses import dataclass

from transforms.contract.document import Findings, Location
from transforms.contract.model import ContractModel, TableModel
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


def relations(model: ContractModel, findings: Findings) -> dict[str, Relation]:
    """The relation of each table, parents first; those without known parents come last.

    ``model`` has its column groups in its tables.
    """
    found: dict[str, Relation] = {}
    for label in (order := _parents_first(model)):
        found[label] = _relation(model, label, found, findings)
    for label in [label for label in model.tables if label not in order]:
        table = model.tables[label]
        place: Location = ("tables", label, "parent")
        if table.parent not in model.tables:
            findings.add(place, "there is no such table", table.parent, known=model.tables)
        elif _is_in_a_circle(model, label):
            findings.add(place, "the parents of this table lead in a circle", table.parent)
        types = {name: column.column_type for name, column in table.columns.items()}
        found[label] = Relation({}, (), (), types, is_known=False)
    return found


def _parents_first(model: ContractModel) -> list[str]:
    """The labels of the tables, each after its parent; otherwise in the order of the contract. Some may be left out."""
    order: list[str] = []
    waiting = list(model.tables)
    while ready := next((label for label in waiting if model.tables[label].parent in (None, *order)), None):
        order.append(ready)
        waiting.remove(ready)
    return order


def _is_in_a_circle(model: ContractModel, label: str) -> bool:
    seen: set[str] = set()
    at: str | None = label
    while at is not None and at not in seen:
        if at not in model.tables:
            return False
        seen.add(at)
        at = model.tables[at].parent
    return True


def _relation(model: ContractModel, label: str, above: dict[str, Relation], findings: Findings) -> Relation:
    table = model.tables[label]
    place: Location = ("tables", label)
    before = len(findings)
    record = {name: column.column_type for name, column in model.record.key.items()}
    parent = Relation({}, tuple(record), tuple(record), record, is_known=True)
    if table.parent is not None:
        parent = above[table.parent]
        _check_parent(place, table, model.tables[table.parent], parent, findings)
    inherited = {name: table.inherit.get(name, name) for name in parent.primary_key}
    names = list(inherited.values())
    for name in table.inherit:
        if name not in inherited:
            findings.add((*place, "inherit", name), "the parent has no such key column", known=inherited)
    if len(set(names)) < len(names):
        findings.add((*place, "inherit"), "two inherited columns would have one name")
    is_known = parent.is_known and len(findings) == before and set(table.include) <= set(model.column_groups)
    for name in sorted(set(names) & set(table.columns)):
        findings.add(
            (*place, "columns", name),
            "every row has this column already, from the key above it",
            None,
            "leave it out, or rename it under `inherit`",
        )
    types = {here: parent.types[there] for there, here in inherited.items() if there in parent.types}
    types |= {name: column.column_type for name, column in table.columns.items()}
    return Relation(
        inherited,
        primary_key=(*names, *table.key) if _has_key(table) else (),
        record_key=tuple(inherited.get(name, name) for name in parent.record_key),
        types=types,
        is_known=is_known and len(types) == len({*names, *table.columns}),
    )


def _has_key(table: TableModel) -> bool:
    """Whether rows have a primary key: none where they may repeat below one parent and no ``key`` tells them apart.

    An empty ``key`` says that there is at most one row.
    """
    may_repeat = table.rows != "." or table.unpivot or table.slots or table.union
    return not may_repeat or bool(table.key) or "key" in table.model_fields_set


def _check_parent(place: Location, table: TableModel, above: TableModel, parent: Relation, findings: Findings) -> None:
    if not parent.primary_key:
        findings.add(
            (*place, "parent"),
            "a parent needs a `key`, which tells its rows apart",
            table.parent,
            "give it one; $position numbers them",
        )
    if above.unpivot or any(source.unpivot for source in above.union):
        findings.add(
            (*place, "parent"),
            "the rows of a table with `unpivot` are values, and nothing stands below them",
            table.parent,
        )
