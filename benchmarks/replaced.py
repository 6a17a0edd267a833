"""The design that this job replaced, written plainly, over the same documents, contract and mapping functions.

    python -m benchmarks.replaced blocking documents/ postgresql://user@host/database --count 100

``blocking``: each worker parses, maps and inserts one document at a time, row by row, on its own connection, and
commits. ``queue``: each worker puts its rows into a queue of 10,000; one background thread takes 500, groups them by
table and inserts each group by one executemany, and commits. Neither keeps a ledger; a queue that is lost with its
process loses rows whose documents were read.
"""

from __future__ import annotations

import argparse
import multiprocessing
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from transforms import MappedRecord, ParsedRecord, XmlRecord, load_contract, prepare_target, schema_of
from transforms.map.mapper import Mapper
from transforms.parse.parser import RecordParser
from transforms.schema import Table

QUEUE, TAKEN = 10_000, 500

Item = tuple[Table, tuple[Any, ...]]


def _insert(table: Table) -> sql.Composed:
    return sql.SQL("INSERT INTO {} VALUES ({})").format(
        sql.Identifier(table.name), sql.SQL(", ").join(sql.Placeholder() * len(table.columns))
    )


class Worker:
    """What both ways share: documents in, rows out. The parser reads whole documents, as theirs did."""

    def __init__(self, contract_file: str):
        contract = load_contract(contract_file)
        self.schema = schema_of(contract)
        self.inserts = {table.label: _insert(table) for table in self.schema.tables}
        self._mapper, self._parser = Mapper(contract), RecordParser()

    def rows(self, file: Path) -> Iterator[Item]:
        payload = file.read_bytes()
        parsed = self._parser.parse(XmlRecord(str(file), 0, 0, len(payload), payload))
        assert isinstance(parsed, ParsedRecord)
        mapped = self._mapper.map(parsed)
        assert isinstance(mapped, MappedRecord)
        for table in self.schema.tables:
            for row in mapped.rows.get(table.label, ()):
                yield table, row


def blocking(worker: Worker, files: list[Path], url: str) -> None:
    with psycopg.connect(url) as connection:
        for file in files:
            for table, row in worker.rows(file):
                connection.execute(worker.inserts[table.label], row)
            connection.commit()


def queued(worker: Worker, files: list[Path], url: str) -> None:
    items: queue.Queue[Item | None] = queue.Queue(QUEUE)

    def insert() -> None:
        with psycopg.connect(url) as connection:
            ended = False
            while not ended:
                groups: dict[str, list[tuple[Any, ...]]] = {}
                for _ in range(TAKEN):
                    item = items.get()
                    if item is None:
                        ended = True
                        break
                    groups.setdefault(item[0].label, []).append(item[1])
                cursor = connection.cursor()
                for label, rows in sorted(groups.items(), key=lambda group: list(worker.inserts).index(group[0])):
                    cursor.executemany(worker.inserts[label], rows)
                connection.commit()

    background = threading.Thread(target=insert)
    background.start()
    for file in files:
        for item in worker.rows(file):
            items.put(item)
    items.put(None)
    background.join()


WAYS: dict[str, Callable[[Worker, list[Path], str], None]] = {"blocking": blocking, "queue": queued}


def _work(way: str, contract: str, files: list[Path], url: str) -> None:
    WAYS[way](Worker(contract), files, url)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("target", help="a PostgreSQL database")
    parser.add_argument("--contract", default=str(Path(__file__).parent / "contracts" / "applications.yaml"))
    parser.add_argument("--count", type=int, help="only so many documents")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    files = sorted(given.folder.glob("*.xml"))[: given.count]
    prepare_target(given.target, schema_of(load_contract(given.contract)))
    url = given.target.replace("postgresql+psycopg:", "postgresql:")
    context = multiprocessing.get_context("fork")
    workers = [
        context.Process(target=_work, args=(given.way, given.contract, files[number :: given.workers], url))
        for number in range(given.workers)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise SystemExit("a worker failed")


if __name__ == "__main__":
    main()
