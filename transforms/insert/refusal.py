"""What the database's refusal of a record is about, where its own words do not say it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from transforms.database.errors import RefusedError
from transforms.records import MappedRecord
from transforms.schema import Schema, Table

_MOST = 3
"""Values that a message names."""


def explained(schema: Schema, record: MappedRecord, error: RefusedError) -> str:
    """The message of a refusal; of the rule ``unique`` with the values that are there twice."""
    if error.rule != "unique" or error.table not in schema.by_label:
        return error.message
    table = schema.by_label[error.table]
    twice = _values(table, record, table.primary_key, at_least=2)
    if twice:
        return f"{error.message}; the record itself has several rows with {twice} in {table.label}"
    # An index of the database, or the key of another record's row: SQLite names the columns alone.
    named = [name for name in table.column_names if re.search(rf"\.{re.escape(name)}(?!\w)", error.message)]
    values = _values(table, record, named, at_least=1)
    return f"{error.message}; the record has {values} in {table.label}" if values else error.message


def _values(table: Table, record: MappedRecord, names: Sequence[str], at_least: int) -> str:
    """The values of some columns that rows of the record have, in so many of them at least."""
    at = [table.column_names.index(name) for name in names]
    if not at:
        return ""
    counted = Counter(tuple(row[place] for place in at) for row in record.rows.get(table.label, ()))
    found = [values for values, number in counted.items() if number >= at_least]
    told = [", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True)) for values in found[:_MOST]]
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return "; ".join(told) + more
