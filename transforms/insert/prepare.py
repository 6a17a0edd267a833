"""Making a target ready, once, before any worker writes to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TypeVar

from transforms.database import ddl
from transforms.database.database import Database, session
from transforms.database.errors import LoadError, RefusedError
from transforms.database.opening import open_database
from transforms.database.target import Target
from transforms.insert.claims import claim_tables
from transforms.insert.ledger import ADDED_COLUMNS, BOOKKEEPING, LEDGER
from transforms.insert.retry import RETRY_SECONDS, opened, retried
from transforms.schema import Schema, Table
from transforms.user_errors import UserError

T = TypeVar("T")

CREATE_IF_NEEDED, CREATE_NEVER = "CREATE_IF_NEEDED", "CREATE_NEVER"


class TargetError(UserError):
    """The target cannot be loaded into; the message is for people and shows no secret."""


def prepare_target(
    target: str | Database,
    schema: Schema,
    create_disposition: str = CREATE_IF_NEEDED,
    odbc_insert: str | None = None,
    retry_seconds: float = RETRY_SECONDS,
) -> None:
    """Create the tables, and our own, that the target does not have; with ``CREATE_NEVER`` only look.

    The contract claims its tables: each is one contract's alone (:mod:`~transforms.insert.claims`). Safe to call from
    several programs at once. A target that is away, or locked, is waited for. One that is opened is left so.

    Raises :class:`TargetError` where the target cannot be reached, a table cannot be created, is another contract's, or
    is missing and must not be created (all of them are named), and ``ValueError`` where ``target`` or
    ``create_disposition`` is not one.
    """
    if create_disposition not in (CREATE_IF_NEEDED, CREATE_NEVER):
        raise ValueError(
            f"create_disposition is {create_disposition!r}; it must be {CREATE_IF_NEEDED} or {CREATE_NEVER}"
        )
    prepare = _create if create_disposition == CREATE_IF_NEEDED else _look
    ask_target(target, lambda database: prepare(database, schema), odbc_insert, retry_seconds)


def ask_target(
    target: str | Database,
    action: Callable[[Database], T],
    odbc_insert: str | None = None,
    retry_seconds: float = RETRY_SECONDS,
) -> T:
    """Connect, do something, and disconnect; all of it again after transient errors, for so many seconds at most.

    A database that was opened is connected where it is not, and left open. Raises :class:`TargetError` where it fails
    in the end.
    """

    def once() -> T:
        with session(database):
            return action(database)

    try:
        with opened(target, retry_seconds, odbc_insert) as database:
            return retried(database.target, retry_seconds, once)
    except LoadError as error:
        raise TargetError(str(error)) from None
    except RefusedError as error:
        named = target.target if isinstance(target, Database) else Target.parse(target)
        raise TargetError(f"{named} failed: {error}") from None


def writers(target: str, workers: int, retry_seconds: float = RETRY_SECONDS) -> int:
    """How many of ``workers`` may usefully write to the target at once; raises :class:`TargetError` as above."""
    parsed = Target.parse(target)
    try:
        most = retried(parsed, retry_seconds, lambda: open_database(parsed).max_writers)
    except (LoadError, RefusedError) as error:
        raise TargetError(str(error)) from None
    return workers if most is None else min(workers, most)


def _create(database: Database, schema: Schema) -> None:
    _check_names(database, schema)
    missing = _missing(database, schema)
    # Our own tables come first: what another contract has claimed is not created either.
    database.create_tables(BOOKKEEPING, missing)
    if LEDGER not in missing:
        database.add_columns(LEDGER, database.missing_columns(LEDGER, ADDED_COLUMNS))
    claim_tables(database, schema)
    database.create_tables(schema.tables, missing)


def _look(database: Database, schema: Schema) -> None:
    _check_names(database, schema)
    missing = _missing(database, schema)
    lacking = [] if LEDGER in missing else database.missing_columns(LEDGER, ADDED_COLUMNS)
    if lacking:
        raise TargetError(
            f"the ledger {LEDGER.full_name} in {database.target} lacks the column {', '.join(lacking)}, a nullable"
            f" text of 64 characters; add it, or choose --create_disposition {CREATE_IF_NEEDED} once"
        )
    if missing:
        names = ", ".join(table.full_name for table in missing)
        raise TargetError(
            f"the target {database.target} has no table {names}; create what is missing, or choose"
            f" --create_disposition {CREATE_IF_NEEDED}{_ddl(database, missing)}"
        )
    claim_tables(database, schema)


def _missing(database: Database, schema: Schema) -> list[Table]:
    """The tables of the schema, and our own, that the database does not have."""
    tables = (*schema.tables, *BOOKKEEPING)
    existing = database.existing(tables)
    return [table for table in tables if table.label not in existing]


def _ddl(database: Database, missing: Sequence[Table]) -> str:
    """The statements that create the program's own tables that are missing."""
    made = [
        " ".join(statement.split())
        for table, statements in ddl.statements(BOOKKEEPING, database.dialect)
        if table in missing
        for statement in statements
    ]
    return f"; the program's own tables are made by: {'; '.join(made)}" if made else ""


def _check_names(database: Database, schema: Schema) -> None:
    labels = defaultdict(list)
    for table in (*schema.tables, *BOOKKEEPING):
        labels[database.dialect.folded(database.dialect.table_name(table))].append(table)
    for same in labels.values():
        if len(same) > 1:
            raise TargetError(
                f"the tables {', '.join(table.label for table in same)} would all be {same[0].full_name} in"
                f" {database.target}; give them different names in the contract"
            )
