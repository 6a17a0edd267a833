"""What a run would do, before it does: the tables and statements for the target, the stages, workers and slices.

    python run_pipeline.py --explain --contract contract.yaml --target sqlite:///x.db --input 'docs/*.xml'
    python run_pipeline.py --create_sql --contract contract.yaml --target postgresql://...
    python run_pipeline.py --show_code --contract contract.yaml

Nothing is written, and the target is not connected to, except by ``odbc:``, which must be asked what database it is.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table as Shown
from rich.text import Text

from beamshred.sample import sample_of_input
from beamshred.words import counted
from pipeline.command_line import parse_tool
from pipeline.options import JobOptions, memory, slice_memory, workers
from pipeline.slices import FIRST_SLICE_BYTES
from transforms import Contract, Target, expand, reject_files
from transforms.contract.read import load_contract
from transforms.database import ddl
from transforms.database.database import Database
from transforms.database.opening import open_database
from transforms.insert.ledger import BOOKKEEPING
from transforms.map.mapper import Mapper
from transforms.records import ParsedRecord, Reject
from transforms.schema import Schema, Table
from transforms.user_errors import UserError

SAMPLE = 200
"""Records by which sizes are estimated."""

STAGES = "ReadXML -> ParseDoFn -> MapDoFn -> GroupIntoBatches -> BulkInsertDoFn"

_COMPRESSION = 10
"""How many bytes of XML a byte of a compressed file is taken for."""


@dataclass
class Estimate:
    """What the first records let expect of the input; ``whole``: they were all of it."""

    files: int = 0
    stored_bytes: int = 0
    xml_bytes: int = 0
    sampled: int = 0
    sampled_bytes: int = 0
    rejected: int = 0
    whole: bool = False
    rows: Counter[str] = field(default_factory=Counter)

    @property
    def records(self) -> int:
        """How many records there are, about."""
        if self.whole or not self.sampled_bytes:
            return self.sampled
        return max(self.sampled, self.xml_bytes * self.sampled // self.sampled_bytes)

    def rows_of(self, label: str) -> int:
        """The same of the rows of a table."""
        return self.rows[label] * self.records // max(1, self.sampled)


def create_sql(schema: Schema, database: Database) -> Iterator[str]:
    """The statements that create the tables in this database, ours first, parents before children."""
    for _, statements in ddl.statements((*BOOKKEEPING, *schema.tables), database.dialect):
        for statement in statements:
            yield database.dialect.without_parameters(statement).strip() + ";"


def estimate(flags: JobOptions, contract: Contract) -> Estimate:
    """Read and map the first records, and look at the sizes of all files."""
    found = Estimate()
    if all(not reject_files(given) for given in flags.input) and not flags.input_table:
        for file in expand(flags.input):
            found.files += 1
            found.stored_bytes += file.size
            found.xml_bytes += file.size * (_COMPRESSION if file.compressed else 1)
    mapper = Mapper(contract)
    for record in sample_of_input(flags, contract, SAMPLE + 1):
        if found.sampled == SAMPLE:
            return found
        found.sampled += 1
        mapped = mapper.map(record) if isinstance(record, ParsedRecord) else record
        found.sampled_bytes += (record if isinstance(record, Reject) else record.record).end or 0
        found.sampled_bytes -= (record if isinstance(record, Reject) else record.record).start or 0
        if isinstance(mapped, Reject):
            found.rejected += 1
        else:
            found.rows.update({label: len(rows) for label, rows in mapped.rows.items()})
    found.whole = True
    return found


def explain(flags: JobOptions, contract: Contract, console: Console) -> None:
    """Print all of it."""
    schema = contract.schema
    target = Target.parse(flags.target)
    database = open_database(target, flags.odbc_insert)
    found = estimate(flags, contract) if flags.input else None
    _record(contract, console)
    console.print(_tables(contract, schema, found))
    _say(console, f"Statements for {target}, in load order, after a claim in the ledger, in one transaction:")
    for table in schema.tables:
        _say(console, f"  {database.insert_sql(table)}")
    if database.driver.insert_ways:
        _say(console, f"  With ODBC the driver that is connected decides: {', '.join(database.driver.insert_ways)}.")
    _say(console, f"\nStages: {STAGES}")
    most = database.max_writers
    share = slice_memory(flags.memory, workers(flags))
    writers = "" if most is None else f", of which {most} {'writes' if most == 1 else 'write'} at a time"
    _say(
        console,
        f"Workers: {workers(flags)} of {memory(flags.memory) >> 20:,} MiB in all, {share >> 20:,} MiB of rows"
        f" for each{writers}; batches of {flags.batch_size:,} records or {flags.batch_bytes >> 20:,} MiB",
    )
    if found is None:
        _say(console, "Slices and sizes: give --input to see them.")
    else:
        _sizes(flags, found, console)


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _record(contract: Contract, console: Console) -> None:
    key = ", ".join(f"{name} ({', '.join(column.from_)})" for name, column in contract.record.key.items())
    _say(console, f"Contract {contract.contract}: records are {contract.record.path}, their key is {key}")


def _tables(contract: Contract, schema: Schema, found: Estimate | None) -> Shown:
    shown = Shown("table", "rows are", "primary key", "refers to", "columns", title="Tables, in load order")
    shown.title_justify = "left"
    if found is not None:
        shown.add_column("rows, about", justify="right")
    for table in schema.tables:
        sources = contract.tables[table.label].sources
        paths = list(dict.fromkeys(source.rows.text for source in sources))
        rows = "the record" if paths == ["."] else " + ".join(paths)
        unpivoted = dict.fromkeys(read.text for source in sources for read in source.unpivot)
        if unpivoted:
            rows += f", unpivoted: {', '.join(unpivoted)}"
        cells = [
            table.full_name,
            rows,
            _key(table),
            table.foreign_key.parent if table.foreign_key else "",
            str(len(table.columns)),
        ]
        if found is not None:
            cells.append(f"{found.rows_of(table.label):,}")
        shown.add_row(*map(Text, cells))
    return shown


def _key(table: Table) -> str:
    inherited = table.foreign_key.columns if table.foreign_key else table.record_key
    own = [name for name in table.primary_key if name not in inherited]
    if not table.primary_key:
        return "none"
    if table.foreign_key is None:
        return ", ".join(table.primary_key)
    return " + ".join([f"that of {table.foreign_key.parent}", *own])


def _sizes(flags: JobOptions, found: Estimate, console: Console) -> None:
    about = "" if found.whole else "about "
    if found.files:
        _say(
            console,
            f"Input: {counted(found.files, 'file')} of {_size(found.stored_bytes)},"
            f" {about}{counted(found.records, 'record')}",
        )
        first = min(FIRST_SLICE_BYTES, flags.slice_bytes)
        least = max(1, -(-found.xml_bytes // flags.slice_bytes))
        most = max(1, -(-found.xml_bytes // first))
        slices = str(most) if least == most else f"{least:,} to {most:,}"
        _say(
            console,
            f"Slices: {slices}; the first has {_size(first)}, and they grow to about ten seconds, "
            f"{_size(flags.slice_bytes)} at the most",
        )
    else:
        _say(console, f"Input: {found.sampled:,}{'' if found.whole else ' or more'} records")
    if found.rejected:
        _say(
            console,
            f"Of the first {counted(found.sampled, 'record')}, {found.rejected:,} would be rejected;"
            " --preview says why",
        )


def _size(count: int) -> str:
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"


def _add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--explain", action="store_true")
    parser.add_argument("--create_sql", action="store_true")
    parser.add_argument("--show_code", action="store_true")


def run(argv: Sequence[str]) -> int:
    """Explain a run, or print the SQL of its tables, or its code; the exit code is 2 where something is wrong."""
    try:
        needed = ["contract"] if "--show_code" in argv else ["contract", "target"]
        flags = parse_tool(argv, _add_flags, *needed)
        contract = load_contract(flags.contract)
        if flags.show_code:
            print(Mapper(contract).source)
        elif flags.create_sql:
            database = open_database(Target.parse(flags.target), flags.odbc_insert)
            print("\n\n".join(create_sql(contract.schema, database)))
        else:
            explain(flags, contract, Console())
    except (UserError, OSError) as error:
        print(f"no explanation: {error}", file=sys.stderr)
        return 2
    return 0
