"""CREATE TABLE and CREATE INDEX for tables, in a database's own words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from transforms.database.dialects.dialect import Ask, Dialect
from transforms.schema import Column, Table


def _digest(index: sa.Index, table: sa.Table) -> str:
    names = [table.name, *(column.name for column in index.columns)]
    return hashlib.sha256("\0".join(names).encode()).hexdigest()[:8]


# SQLAlchemy shortens names that are made by such a pattern to what the database takes. All indexes of a schema share
# one set of names: without the digest, that of a_b (c) and that of a (b_c) would be one, and so would those of A and a.
_NAMES: dict[str, Any] = {"ix": "ix_%(table_name)s_%(column_0_N_name)s_%(digest)s", "digest": _digest}


def statements(tables: Sequence[Table], dialect: Dialect, ask: Ask | None = None) -> Iterator[tuple[Table, list[str]]]:
    """For each table, of which parents come before children: the statements that create it with its indexes.

    ``ask`` looks at what there is already.
    """
    metadata = sa.MetaData(naming_convention=_NAMES)
    made: dict[str, tuple[Table, sa.Table]] = {}
    for table in tables:
        parent = None if table.foreign_key is None else made[table.foreign_key.parent]
        sql_table = _sql_table(table, parent, metadata, dialect, ask)
        made[table.label] = table, sql_table
        creates: list[sa.DDLElement] = [
            sa.schema.CreateTable(sql_table),
            *map(sa.schema.CreateIndex, sql_table.indexes),
        ]
        yield table, [str(create.compile(dialect=dialect.sqlalchemy)) for create in creates]


def _sql_table(
    table: Table, parent: tuple[Table, sa.Table] | None, metadata: sa.MetaData, dialect: Dialect, ask: Ask | None
) -> sa.Table:
    # A foreign key's columns have the types of those that they point at.
    parents: dict[str, tuple[Table, Column]] = {}
    if parent is not None and table.foreign_key is not None:
        pairs = zip(table.foreign_key.columns, table.foreign_key.parent_columns, strict=True)
        parents = {name: (parent[0], parent[0][there]) for name, there in pairs}
    sql_table = sa.Table(
        table.name,
        metadata,
        *(
            sa.Column(
                column.name,
                dialect.column_type(*parents.get(column.name, (table, column)), ask),
                *([sa.Identity()] if column.identity else []),
                nullable=column.nullable,
                # Not True: SQLite refuses that in a key of several columns.
                autoincrement="auto" if column.identity else False,
            )
            for column in table.columns
        ),
        schema=dialect.schema_name(table),
        **dialect.table_options(table),
    )
    if table.primary_key:
        sql_table.append_constraint(sa.PrimaryKeyConstraint(*table.primary_key, **dialect.primary_key_options(table)))
    if parent is not None and table.foreign_key is not None:
        there = [parent[1].c[name] for name in table.foreign_key.parent_columns]
        sql_table.append_constraint(sa.ForeignKeyConstraint(table.foreign_key.columns, there))
    for columns in _indexes(table):
        sa.Index(None, *(sql_table.c[name] for name in columns))
    return sql_table


def _indexes(table: Table) -> list[tuple[str, ...]]:
    """The columns to index: the foreign key, and the record key, by which families are deleted.

    None where the primary key or the other begins with the same columns.
    """
    indexes: list[tuple[str, ...]] = []
    for columns in (table.foreign_key.columns if table.foreign_key else (), table.record_key):
        if not any(index[: len(columns)] == columns for index in (table.primary_key, *indexes)):
            indexes.append(columns)
    return indexes
