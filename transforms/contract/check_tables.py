"""What makes sense of the tables of a contract: their keys, parents, sources and slots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from transforms.contract.column_model import ColumnModel
from transforms.contract.constants import Finding, check_constant
from transforms.contract.document import Location, did_you_mean
from transforms.contract.model import Contract, Source, TableModel
from transforms.contract.tables import inherited, primary_key


def check_table(contract: Contract, label: str, table: TableModel, is_ordered: bool) -> Iterator[Finding]:
    place: Location = ("tables", label)
    for key, names in (("key", table.key), ("unique", table.unique.by if table.unique else [])):
        for name in names:
            if name not in table.columns:
                yield (*place, key), "there is no such column in this table", name, did_you_mean(name, table.columns)
    for name, values in table.unique.prefer.items() if table.unique else ():
        if name not in table.named:
            yield (
                (*place, "unique", "prefer"),
                "there is no such column in this table, nor is it in its `let`",
                name,
                did_you_mean(name, table.named),
            )
            continue
        for number, value in enumerate(values):
            yield from check_constant((*place, "unique", "prefer", name, number), table.named[name].column_type, value)
    if table.unique and table.unique.below == "keep" and not set(table.key) <= set(table.unique.by):
        yield (
            (*place, "unique", "below"),
            "rows below can stay with another row only where that has the same key",
            None,
            "put the columns of `key` into `by`",
        )
    yield from _check_slots(place, table, table)
    for number, source in enumerate(table.union):
        yield from _check_slots((*place, "union", number), source, table)
        for name, column in source.columns.items():
            yield from _check_replacement((*place, "union", number, "columns", name), column, table.columns)
    if table.parent is not None and table.parent not in contract.tables:
        yield (*place, "parent"), "there is no such table", table.parent, did_you_mean(table.parent, contract.tables)
        return
    if not is_ordered:
        if not _missing_ancestor(contract, label):
            yield (*place, "parent"), "the parents of this table lead in a circle", table.parent, None
        return
    if table.parent is not None:
        parent = contract.tables[table.parent]
        if not primary_key(contract, table.parent):
            yield (
                (*place, "parent"),
                "a parent needs a `key`, which tells its rows apart",
                table.parent,
                "give it one; $position numbers them",
            )
        if parent.unpivot or any(source.unpivot for source in parent.union):
            yield (
                (*place, "parent"),
                "the rows of a table with `unpivot` are values, and nothing stands below them",
                table.parent,
                None,
            )
    takes = inherited(contract, label)
    yield from _check_let(place, table, {**dict.fromkeys(takes.values()), **table.columns})
    for number, source in enumerate(table.union):
        yield from _check_let((*place, "union", number), source, {**dict.fromkeys(takes.values()), **table.columns})
    for name in table.inherit:
        if name not in takes:
            yield (*place, "inherit", name), "the parent has no such key column", None, did_you_mean(name, takes)
    for name in sorted(set(takes.values()) & set(table.columns)):
        yield (
            (*place, "columns", name),
            "every row has this column already, from the key above it",
            None,
            "leave it out, or rename it under `inherit`",
        )
    if len(set(takes.values())) < len(takes):
        yield (*place, "inherit"), "two inherited columns would have one name", None, None


def _check_let(place: Location, source: Source, columns: Mapping[str, Any]) -> Iterator[Finding]:
    for name in sorted(set(source.let) & set(columns)):
        yield (*place, "let", name), "the rows have a column of this name", None, "give the value another name"


def _check_slots(place: Location, source: Source, table: TableModel) -> Iterator[Finding]:
    for number, slot in enumerate(source.slots):
        if slot.keys() != source.slots[0].keys():
            yield (
                (*place, "slots", number),
                "every slot has the same names",
                ", ".join(slot),
                f"the first has {', '.join(source.slots[0])}",
            )
    names = [f"{{{name}}}" for name in (source.slots[0] if source.slots else ())]
    for kind, rules in (("reject_when", table.reject_when), ("warn_when", table.warn_when)):
        for number, rule in enumerate(rules):
            for name in names:
                if name in rule.when:
                    yield (
                        (*place[:2], kind, number, "when"),
                        f"a rule is one for all slots, without {name}",
                        rule.when,
                        "make a column of it, and name that",
                    )


def _check_replacement(place: Location, column: ColumnModel, columns: Mapping[str, ColumnModel]) -> Iterator[Finding]:
    name = str(place[-1])
    if name not in columns:
        yield (
            place,
            "a source replaces columns of its table, and this one it does not have",
            None,
            did_you_mean(name, columns),
        )
        return
    if column.type != columns[name].type:
        yield (*place, "type"), f"the column is {columns[name].type} in the table", column.type, None
    if column.omit and not columns[name].omit:
        yield (*place, "omit"), "the column of the table must say so, too", column.omit, None


def _missing_ancestor(contract: Contract, label: str) -> bool:
    seen: set[str] = set()
    at: str | None = label
    while at is not None and at not in seen:
        if at not in contract.tables:
            return True
        seen.add(at)
        at = contract.tables[at].parent
    return False
