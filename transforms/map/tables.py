"""The tables of a contract as the database sees them: inherited keys, foreign keys, order."""

from __future__ import annotations

from collections.abc import Mapping

from transforms.map.column_model import SYSTEM_VALUES, UNPIVOT_VALUES, ColumnModel
from transforms.map.contract import Contract, Source, TableModel
from transforms.map.expressions import Expression, compile_expression
from transforms.map.resolve import resolve
from transforms.schema import Column, ColumnType, ForeignKey, Schema, Table


def parents_first(contract: Contract) -> list[str]:
    """The labels of the tables, each after its parent; otherwise in the order of the contract.

    Tables in a circle of parents are left out: :mod:`transforms.map.check` reports them.
    """
    order: list[str] = []
    waiting = list(contract.tables)
    while waiting:
        ready = [label for label in waiting if contract.tables[label].parent in (None, *order)]
        if not ready:
            break
        order.append(ready[0])
        waiting.remove(ready[0])
    return order


def inherited(contract: Contract, label: str) -> dict[str, str]:
    """The key columns that a table takes over: {the parent's name: the name here}."""
    table = contract.tables[label]
    names = list(contract.record.key) if table.parent is None else primary_key(contract, table.parent)
    return {name: table.inherit.get(name, name) for name in names}


def primary_key(contract: Contract, label: str) -> list[str]:
    """The primary key of a table; none where rows may repeat below one parent and no ``key`` tells them apart.

    An empty ``key`` says that there is at most one row.
    """
    table = contract.tables[label]
    may_repeat = table.rows != "." or table.unpivot or table.slots or table.union
    if may_repeat and not table.key and "key" not in table.model_fields_set:
        return []
    return [*inherited(contract, label).values(), *table.key]


def record_key(contract: Contract, label: str) -> tuple[str, ...]:
    """The names that the record's key columns have in a table."""
    table = contract.tables[label]
    above = tuple(contract.record.key) if table.parent is None else record_key(contract, table.parent)
    names = inherited(contract, label)
    return tuple(names[name] for name in above)


def schema_of(contract: Contract) -> Schema:
    """All tables with the columns, keys and foreign keys that follow from the contract."""
    fingerprint = contract.fingerprint()
    contract = resolve(contract)
    tables: dict[str, Table] = {}
    for label in parents_first(contract):
        tables[label] = _table(contract, label, tables)
    return Schema(contract.contract, tuple(tables.values()), fingerprint)


def _table(contract: Contract, label: str, above: dict[str, Table]) -> Table:
    model = contract.tables[label]
    keys = tuple(primary_key(contract, label))
    takes = inherited(contract, label)
    is_identity = {name for name, column in contract.record.key.items() if column.identity and model.parent is None}
    columns = [
        Column(name, _inherited_type(contract, model, source, above), nullable=False, identity=source in is_identity)
        for source, name in takes.items()
    ]
    columns += [_column(name, column, name in keys) for name, column in model.columns.items()]
    foreign_key = None
    if model.parent is not None:
        parent = above[model.parent]
        foreign_key = ForeignKey(tuple(takes.values()), model.parent, parent.primary_key)
    return Table(
        label=label,
        name=model.name or label,
        schema=model.schema_ or contract.schema_,
        columns=tuple(columns),
        primary_key=keys,
        foreign_key=foreign_key,
        record_key=record_key(contract, label),
    )


def _inherited_type(contract: Contract, table: TableModel, source: str, above: dict[str, Table]) -> ColumnType:
    if table.parent is None:
        return contract.record.key[source].column_type
    return above[table.parent][source].type


def _column(name: str, column: ColumnModel, is_key: bool) -> Column:
    return Column(
        name,
        column.column_type,
        nullable=not (column.required or is_key),
        identity=column.identity,
        may_be_absent=column.omit,
    )


def system_types(source: Source | None = None, has_parent: bool = False) -> dict[str, ColumnType]:
    """The types of the system values that an expression may name, over the rows of a source or over a record."""
    types = {name: ColumnType.parse(type_) for name, (type_, _) in SYSTEM_VALUES.items()}
    if not has_parent:
        del types["$parent_position"]
    if source is None:
        del types["$position"]
    elif source.unpivot:
        types.update(dict.fromkeys(UNPIVOT_VALUES, ColumnType("text")))
    return types


def types_of(contract: Contract, schema: Schema, label: str, source: Source) -> dict[str, ColumnType]:
    """The types of all columns and system values that an expression of a table may name."""
    table, own = schema.by_label[label], contract.tables[label].columns
    columns = {name: table[name].type for name in table.column_names if name in source.columns or name not in own}
    return (
        columns
        | {name: column.column_type for name, column in source.let.items()}
        | system_types(source, contract.tables[label].parent is not None)
    )


def columns_read(
    contract: Contract, expression: Expression, columns: Mapping[str, ColumnModel], types: Mapping[str, ColumnType]
) -> set[str]:
    """The columns that an expression uses, and those that they are computed from."""
    found: set[str] = set()
    waiting = [expression]
    while waiting:
        for name in set(waiting.pop().columns) - found:
            found.add(name)
            if name in columns and columns[name].expression is not None:
                waiting.append(compile_expression(columns[name].expression or "", types, contract.formats))
    return found


def computed_in_order(
    contract: Contract, columns: Mapping[str, ColumnModel], types: Mapping[str, ColumnType]
) -> list[str]:
    """The columns with an expression, each after those that it uses; those in a circle are left out."""
    computed = {name: column.expression for name, column in columns.items() if column.expression is not None}
    uses = {
        name: set(compile_expression(text, types, contract.formats).columns) & set(computed)
        for name, text in computed.items()
    }
    order: list[str] = []
    while ready := [name for name in uses if name not in order and uses[name] <= set(order)]:
        order += ready
    return order
