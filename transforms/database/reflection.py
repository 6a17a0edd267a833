"""The tables that a database has, as SQLAlchemy reflects them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mssql
from sqlalchemy.engine.reflection import ObjectKind

from transforms.database.database import Database
from transforms.schema import Table

_Place = tuple[str | None, str]
"""A schema, and a table in it."""


@dataclass(frozen=True)
class FoundColumn:
    """A column of the target. ``filled``: the database has a value for it where a row gives none."""

    name: str
    type: sa.types.TypeEngine[Any]
    nullable: bool = True
    filled: bool = False
    identity: bool = False
    computed: bool = False


@dataclass(frozen=True)
class FoundKey:
    """A foreign key of the target: ``columns`` point at the table ``parent``, in ``schema`` or where its own is."""

    columns: tuple[str, ...]
    parent: str
    schema: str | None = None


@dataclass(frozen=True)
class FoundTable:
    """A table of the target."""

    columns: tuple[FoundColumn, ...]
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[FoundKey, ...] = ()


def reflect(database: Database, tables: Sequence[Table]) -> dict[str, FoundTable]:
    """Those of these tables that the database has, by label.

    Raises :class:`NotImplementedError` where SQLAlchemy cannot reflect them.
    """
    inspector = database.inspector()
    existing = database.existing(tables)
    schema = database.dialect.schema_name
    places = [(table.label, (schema(table), table.name)) for table in tables if table.label in existing]
    with warnings.catch_warnings():
        # Of types that SQLAlchemy does not know: they are findings.
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        found = _reflected(inspector, [place for _, place in places])
    return {label: found[place] for label, place in places}


def _reflected(inspector: sa.Inspector, places: Sequence[_Place]) -> dict[_Place, FoundTable]:
    dialect, found = inspector.dialect.name, {}
    if dialect != "postgresql":
        # One by one: a name that differs in its case would not be found among others.
        for schema, name in places:
            columns, key = inspector.get_columns(name, schema), inspector.get_pk_constraint(name, schema)
            found[schema, name] = _found(dialect, columns, key, inspector.get_foreign_keys(name, schema))
        return found
    for schema in {schema for schema, _ in places}:
        names = [name for there, name in places if there == schema]
        every: dict[str, Any] = {"schema": schema, "filter_names": names, "kind": ObjectKind.ANY}
        of_tables = inspector.get_multi_columns(**every)
        keys = inspector.get_multi_pk_constraint(**every)
        foreign_keys = inspector.get_multi_foreign_keys(**every)
        for place in of_tables:
            found[place] = _found(dialect, of_tables[place], keys.get(place), foreign_keys.get(place, []))
    return found


def _found(dialect: str, of_table: Sequence[Any], key_of_table: Any, foreign_keys: Sequence[Any]) -> FoundTable:
    """A table of what SQLAlchemy says of it."""
    key = tuple(key_of_table["constrained_columns"] if key_of_table else ())
    columns = []
    for column in of_table:
        computed, identity = "computed" in column, "identity" in column
        # SQLite numbers the rows of such a key itself; SQL Server fills the column of a row's version.
        own = key == (column["name"],) and dialect == "sqlite" and isinstance(column["type"], sa.Integer)
        own = own or isinstance(column["type"], mssql.TIMESTAMP) or column.get("autoincrement") is True
        filled = computed or identity or own or column["default"] is not None
        columns.append(FoundColumn(column["name"], column["type"], column["nullable"], filled, identity, computed))
    keys = [
        FoundKey(tuple(one["constrained_columns"]), one["referred_table"], one["referred_schema"])
        for one in foreign_keys
    ]
    return FoundTable(tuple(columns), key, tuple(keys))
