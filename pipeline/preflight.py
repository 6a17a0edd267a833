"""Before a run: does the target take what the contract gives?

The tables of the target are reflected and compared with those of the contract. A finding is

* an *error* where data would be lost or the load would fail: no run begins;
* a *warning* where some records may be rejected, or values come back in another form;
* a *note* where all is well, but worth knowing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.inputs import make_input
from pipeline.options import JobOptions
from transforms import Contract, Schema, Target, schema_of
from transforms.database.capacity import ERROR, WARNING, narrower
from transforms.database.database import Database
from transforms.database.reflection import FoundColumn, FoundKey, FoundTable, reflect
from transforms.insert.claims import REMEDY, claimed_by_others
from transforms.insert.ledger import ADDED_COLUMNS, BOOKKEEPING, CLAIMS, LEDGER
from transforms.insert.prepare import CREATE_IF_NEEDED, ask_target
from transforms.insert.retry import RETRY_SECONDS
from transforms.schema import Column, Table

NOTE = "note"
SEVERITIES = (ERROR, WARNING, NOTE)

CREATED = "none: a run creates it"
"""The remedy for a table that is missing, where it may be."""


@dataclass(frozen=True)
class Finding:
    """What is amiss at a table, or a column of it, and what to do; ``severity`` is one of :data:`SEVERITIES`."""

    severity: str
    table: str
    column: str | None
    message: str
    remedy: str


def check_job(flags: JobOptions, contract: Contract) -> list[Finding]:
    """What ``--check`` answers; ``ValueError`` where contract or input are wrong, or the target cannot be asked."""
    if flags.input:
        make_input(flags, contract)
    return check_target(flags.target, schema_of(contract), flags.create_disposition, flags.retry_seconds)


def check_target(
    target: str | Database,
    schema: Schema,
    create_disposition: str = CREATE_IF_NEEDED,
    retry_seconds: float = RETRY_SECONDS,
) -> list[Finding]:
    """Connect and compare; the worst findings first. Raises :class:`TargetError` where the target cannot be asked."""
    create_missing = create_disposition == CREATE_IF_NEEDED

    def check(database: Database) -> list[Finding]:
        try:
            found = reflect(database, (*schema.tables, *BOOKKEEPING))
        except NotImplementedError as error:
            return [Finding(WARNING, str(database.target), None, str(error), "compare tables and contract yourself")]
        claimed = claimed_by_others(database, schema) if CLAIMS.label in found else {}
        findings = _of_others(schema, claimed)
        return findings + compare(schema, found, database.dialect.name, create_missing)

    if _is_new_file(target.target if isinstance(target, Database) else Target.parse(target)):
        return compare(schema, {}, "sqlite", create_missing)
    return ask_target(target, check, retry_seconds=retry_seconds)


def compare(
    schema: Schema, found: Mapping[str, FoundTable], dialect: str = "", create_missing: bool = True
) -> list[Finding]:
    """The findings about tables that were found, by label; the worst first, otherwise in the order of the tables.

    ``dialect`` is SQLAlchemy's name of the database; ``create_missing`` says that missing tables will be created.
    """
    findings = list(_same_tables(schema, dialect))
    for table in schema.tables if dialect != "postgresql" else ():
        findings += _alike(table)
    for table in (*schema.tables, *BOOKKEEPING):
        there = found.get(table.label)
        if there is not None:
            findings += _Comparison(schema, table, there, dialect).findings()
        elif create_missing:
            findings.append(Finding(NOTE, table.full_name, None, "the target has no table of this name", CREATED))
        else:
            remedy = "create it, or choose --create_disposition CREATE_IF_NEEDED"
            findings.append(Finding(ERROR, table.full_name, None, "the target has no table of this name", remedy))
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def _of_others(schema: Schema, claimed: Mapping[str, str]) -> list[Finding]:
    """Tables that other contracts load into."""
    return [
        Finding(ERROR, schema.by_label[label].full_name, None, f"the contract {contract!r} loads into it", REMEDY)
        for label, contract in claimed.items()
    ]


def _same_tables(schema: Schema, dialect: str) -> Iterator[Finding]:
    """Tables that would be one: SQLite has no schemas, and only PostgreSQL compares quoted names with their case."""
    first: dict[str, Table] = {}
    for table in schema.tables:
        name = table.name if dialect == "sqlite" else table.full_name
        other = first.setdefault(name if dialect == "postgresql" else name.lower(), table)
        if other is not table:
            message = (
                f"the tables {other.label} and {table.label} of the contract would be the same table in this database"
            )
            yield Finding(ERROR, table.full_name, None, message, "rename one of them in the contract")


def _alike(table: Table) -> Iterator[Finding]:
    """Columns that the database cannot tell apart: only PostgreSQL compares quoted names with their case."""
    first: dict[str, str] = {}
    for name in table.column_names:
        other = first.setdefault(name.lower(), name)
        if other != name:
            message = f"in this database it is the same column as {other!r}, as case does not distinguish names"
            yield Finding(ERROR, table.full_name, name, message, "rename one of them in the contract")


def errors_in(findings: Sequence[Finding]) -> str:
    """The errors as one text; empty without errors."""
    places = ((".".join(filter(None, (one.table, one.column))), one) for one in findings if one.severity == ERROR)
    return "; ".join(f"{place}: {one.message}" for place, one in places)


class _Comparison:
    """One table of the contract with the one that is there."""

    def __init__(self, schema: Schema, table: Table, there: FoundTable, dialect: str):
        self.schema = schema
        self.table = table
        self.there = there
        self.dialect = dialect
        self.names = {column.name: column for column in there.columns}
        # Only PostgreSQL tells quoted names apart by their case.
        self.folded = {column.name.lower(): column for column in there.columns}

    def findings(self) -> Iterator[Finding]:
        for column in self.table.columns:
            found = self.names.get(column.name) or self.folded.get(column.name.lower())
            if found is None or (self.dialect == "postgresql" and found.name != column.name):
                yield self._missing(column, found)
            else:
                yield from self._column(column, found)
        yield from self._unfilled()
        yield from self._primary_key()
        yield from self._foreign_keys()

    def _missing(self, column: Column, alike: FoundColumn | None) -> Finding:
        if alike is None and self.table is LEDGER and column.name in ADDED_COLUMNS:
            return self._finding(NOTE, column.name, "an earlier version did not have it", "none: a run adds it")
        if alike is None:
            remedy = f"add it to the table as {column.type}, or take it out of the contract"
            return self._finding(ERROR, column.name, "the column is missing", remedy)
        return self._finding(
            ERROR, column.name, f"the column is called {alike.name!r} there", f"write {alike.name} in the contract"
        )

    def _column(self, column: Column, found: FoundColumn) -> Iterator[Finding]:
        if found.computed:
            remedy = "take it out of the contract"
            yield self._finding(ERROR, column.name, "the database computes it and takes no value", remedy)
            return
        problem = narrower(column.type, found.type, self.dialect)
        if problem is not None:
            severity, message = problem
            remedy = f"make the column hold {column.type}, or give the contract a `type` that the column holds"
            yield self._finding(severity, column.name, f"{found.type!s} for {column.type}: {message}", remedy)
        if not found.nullable and column.nullable and not (column.may_be_absent and found.filled):
            message = "it is NOT NULL, and the contract may have no value: such records will be rejected"
            remedy = "say `required: true` or give a `default` in the contract"
            yield self._finding(WARNING, column.name, message, remedy)
        if self.dialect == "mssql" and found.identity != column.identity:
            message = "the database numbers it itself" if found.identity else "it is not an identity column"
            remedy = f"{'say' if found.identity else 'drop'} `identity: true` in the contract"
            yield self._finding(ERROR, column.name, message, remedy)

    def _unfilled(self) -> Iterator[Finding]:
        wanted = {column.name.lower() for column in self.table.columns}
        for found in self.there.columns:
            if found.name.lower() not in wanted and not found.nullable and not found.filled:
                message = "it is NOT NULL without a default, and the contract does not fill it"
                remedy = "add it to the contract, or give it a DEFAULT in the database"
                yield self._finding(ERROR, found.name, message, remedy)

    def _primary_key(self) -> Iterator[Finding]:
        wanted, there = _folded(self.table.primary_key), _folded(self.there.primary_key)
        if not there:
            if wanted:
                remedy = f"add one of ({', '.join(self.table.primary_key)})"
                yield self._finding(NOTE, None, "the table has no primary key", remedy)
            return
        if (wanted and wanted <= there) or not there <= _folded(self.table.column_names):
            return
        key = ", ".join(self.there.primary_key)
        severity = ERROR if there < wanted else WARNING
        message = f"its primary key is ({key}), in which rows of the contract may be equal: they would be refused"
        own = ", ".join(self.table.primary_key) or "no key"
        yield self._finding(severity, None, message, f"make the key that of the contract ({own}), or say `key` there")

    def _foreign_keys(self) -> Iterator[Finding]:
        filled = _folded(self.table.column_names)
        before = self.schema.tables[: self._position()]
        for key in self.there.foreign_keys:
            if not _folded(key.columns) & filled:
                continue
            columns = ", ".join(key.columns)
            if _refers(key, self.table) or any(_refers(key, table) for table in before):
                continue
            if any(_refers(key, table) for table in self.schema.tables):
                remedy = f"put the table {key.parent} above this one in the contract"
                yield self._finding(ERROR, columns, f"it refers to {key.parent}, which is loaded later", remedy)
            else:
                remedy = f"load {key.parent} first: a record that refers to a missing row is rejected"
                yield self._finding(WARNING, columns, f"it refers to {key.parent}, which is not loaded", remedy)
        wanted = self.table.foreign_key
        if wanted and _folded(wanted.columns) not in {_folded(key.columns) for key in self.there.foreign_keys}:
            columns, parent = ", ".join(wanted.columns), self.schema.by_label[wanted.parent].name
            yield self._finding(NOTE, columns, f"there is no foreign key to {parent}", f"add one, of ({columns})")

    def _position(self) -> int:
        return self.schema.tables.index(self.table) if self.table in self.schema.tables else len(self.schema.tables)

    def _finding(self, severity: str, column: str | None, message: str, remedy: str) -> Finding:
        return Finding(severity, self.table.full_name, column, message, remedy)


def _is_new_file(target: Target) -> bool:
    """A SQLite file that would be created by looking into it."""
    if target.scheme != "sqlite" or target.url is None or not target.url.database:
        return False
    path = Path(target.url.database)
    return path.parent.is_dir() and not path.exists()


def _refers(key: FoundKey, table: Table) -> bool:
    same_schema = None in (key.schema, table.schema) or str(key.schema).lower() == str(table.schema).lower()
    return key.parent.lower() == table.name.lower() and same_schema


def _folded(names: Sequence[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)
