"""CREATE TABLE and CREATE INDEX for a schema and our own tables, in a database's own words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from transforms.insert.ledger import BOOKKEEPING
from transforms.schema import Column, Schema, Table

if TYPE_CHECKING:
    from transforms.insert.database import Database


def _digest(index: sa.Index, table: sa.Table) -> str:
    names = [table.name, *(column.name for column in index.columns)]
    return hashlib.sha256("\0".join(names).encode()).hexdigest()[:8]


# SQLAlchemy shortens names that are made by such a pattern to what the database takes. All indexes of a schema share
# one set of names: without the digest, that of a_b (c) and that of a (b_c) would be one, and so would those of A and a.
_NAMES: dict[str, Any] = {"ix": "ix_%(table_name)s_%(column_0_N_name)s_%(digest)s", "digest": _digest}


def statements(schema: Schema, database: Database) -> Iterator[tuple[list[str], Table]]:
    """For each table, our own first and parents before children: the statements that create it with its indexes."""
    metadata = sa.MetaData(naming_convention=_NAMES)
    made: dict[str, sa.Table] = {}
    for table in (*BOOKKEEPING, *schema.tables):
        parent = None if table.foreign_key is None else schema.by_label[table.foreign_key.parent]
        made[table.label] = sql_table = _sql_table(table, parent, made, metadata, database)
        creates: list[sa.DDLElement] = [
            sa.schema.CreateTable(sql_table),
            *map(sa.schema.CreateIndex, sql_table.indexes),
        ]
        yield [str(create.compile(dialect=database.dialect)) for create in creates], table


def _sql_table(
    table: Table, parent: Table | None, made: dict[str, sa.Table], metadata: sa.MetaData, database: Database
) -> sa.Table:
    # A foreign key's columns have the types of those that they point at.
    parents: dict[str, tuple[Table, Column]] = {}
    if parent is not None and table.foreign_key is not None:
        pairs = zip(table.foreign_key.columns, table.foreign_key.parent_columns, strict=True)
        parents = {name: (parent, parent[there]) for name, there in pairs}
    sql_table = sa.Table(
        table.name,
        metadata,
        *(
            sa.Column(
                column.name,
                database.column_type(*parents.get(column.name, (table, column))),
                *([sa.Identity()] if column.identity else []),
                nullable=column.nullable,
                # Not True: SQLite refuses that in a key of several columns.
                autoincrement="auto" if column.identity else False,
            )
            for column in table.columns
        ),
        schema=database.schema_name(table),
        **database.table_options(table),
    )
    if table.primary_key:
        sql_table.append_constraint(sa.PrimaryKeyConstraint(*table.primary_key, **database.primary_key_options(table)))
    if table.foreign_key is not None:
        there = [made[table.foreign_key.parent].c[name] for name in table.foreign_key.parent_columns]
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
