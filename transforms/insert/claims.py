"""Which contract loads into which table: a table belongs to one contract alone.

``replace`` deletes the rows of a record by its key. In a table of two contracts it would delete the other's rows of
that key too, and they would never come back: the ledger goes on saying that they are loaded. A row does not tell which
contract it is of, so a contract claims its tables in the target, before it creates or loads any of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from transforms.database.database import Database, session
from transforms.database.errors import LoadError, RefusedError
from transforms.insert.ledger import CLAIMS
from transforms.schema import Schema

REMEDY = (
    "give this contract tables of its own; or, if it is the same contract under another name, give it its old name;"
    f" or, if the other will never be loaded again, delete its rows from {CLAIMS.name}: then --on_existing replace also"
    " deletes what the other has loaded under the same keys"
)

_TRIES = 3


def claim_tables(database: Database, schema: Schema) -> None:
    """Claim all tables of the schema for its contract, or none; of several that do so at once, one gets them.

    Raises :class:`LoadError` where one is another contract's.
    """
    for _ in range(_TRIES):
        try:
            with session(database, CLAIMS.label):
                with database.reading():
                    claims = _claims(database, schema)
                if others := _others(claims, schema):
                    raise LoadError(_message(database, others))
                new = sorted((name, schema.contract) for name, (_, contract) in claims.items() if contract is None)
                if new:
                    database.begin()
                    database.insert_rows(CLAIMS, CLAIMS.column_names, new)
                    database.commit()
            return
        except RefusedError as error:
            refused = error  # another program has claimed a table since we looked
    raise refused


def claimed_by_others(database: Database, schema: Schema) -> dict[str, str]:
    """The tables that are other contracts', by label, each with that contract."""
    return _others(_claims(database, schema), schema)


def _claims(database: Database, schema: Schema) -> dict[str, tuple[str, str | None]]:
    """The full names of the schema's tables: label, and the contract that has claimed it."""
    labels = dict(zip(database.full_names(schema.tables), (table.label for table in schema.tables), strict=True))
    rows = database.find_rows(CLAIMS, CLAIMS.column_names, {}, among=("table_name", list(labels)))
    found = {row[0]: row[1] for row in rows}
    return {name: (label, found.get(name)) for name, label in labels.items()}


def _others(claims: Mapping[str, tuple[str, str | None]], schema: Schema) -> dict[str, str]:
    return {label: contract for label, contract in claims.values() if contract not in (None, schema.contract)}


def _message(database: Database, others: Mapping[str, str]) -> str:
    tables = ", ".join(f"{label} (of the contract {contract!r})" for label, contract in others.items())
    return f"other contracts load into these tables of {database.target}: {tables}; {REMEDY}"
