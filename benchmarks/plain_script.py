"""What a person writes for ``all-lists.xml`` without this program: lxml.iterparse and sqlite3.executemany.

    python -m benchmarks.plain_script all-lists.xml out.db

One process, the tables, keys, foreign keys and pragmas of the job, 500 records a transaction; no ledger, no checks,
no rejects: it is what the job's time is measured against.
"""

from __future__ import annotations

import sqlite3
import sys
from typing import Any

from lxml import etree

RECORDS = 500
PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "foreign_keys = ON",
    "cache_size = -65536",
    "wal_autocheckpoint = 8000",
)

Rows = dict[str, list[tuple[Any, ...]]]

# Of each table: its parent, the columns of its key, and its other columns with their types (TEXT where none is said).
TABLES: dict[str, tuple[str | None, str, str]] = {
    "software": (None, "", "cloneof, supported VARCHAR(8), description, year, publisher, notes"),
    "info": ("software", "info_no", "name, value"),
    "sharedfeat": ("software", "sharedfeat_no", "name, value"),
    "part": ("software", "part_no", "name, interface"),
    "feature": ("part", "feature_no", "name, value"),
    "dataarea": ("part", "dataarea_no", "name, size, width INTEGER, endianness"),
    "rom": ("dataarea", "rom_no", "name, size, crc, sha1, offset, value, status, loadflag"),
    "diskarea": ("part", "diskarea_no", "name"),
    "disk": ("diskarea", "disk_no", "name, sha1, status, writeable"),
}


def keys(table: str) -> list[str]:
    parent, own, _ = TABLES[table]
    return ["list", "software"] if parent is None else [*keys(parent), own]


def create(connection: sqlite3.Connection) -> dict[str, str]:
    """Make the tables; give the statements that insert."""
    inserts = {}
    for table, (parent, _, others) in TABLES.items():
        types = {"list": "TEXT", "software": "VARCHAR(64)"}
        columns = [f"{name} {types.get(name, 'INTEGER')} NOT NULL" for name in keys(table)]
        columns += [one if " " in one else f'"{one}" TEXT' for one in others.split(", ")]
        number = len(columns)
        columns.append(f"PRIMARY KEY ({', '.join(keys(table))})")
        if parent:
            key = ", ".join(keys(parent))
            columns.append(f"FOREIGN KEY ({key}) REFERENCES {parent} ({key})")
        connection.execute(f"CREATE TABLE {table} ({', '.join(columns)}) WITHOUT ROWID")
        inserts[table] = f"INSERT INTO {table} VALUES ({', '.join('?' * number)})"
    return inserts


def add(software: Any, rows: Rows) -> None:
    """The rows of one record."""
    key = (software.getparent().get("name"), software.get("name"))
    texts = [software.findtext(name) for name in ("description", "year", "publisher", "notes")]
    rows["software"].append((*key, software.get("cloneof"), software.get("supported") or "yes", *texts))
    for table in ("info", "sharedfeat"):
        for number, one in enumerate(software.iterchildren(table), 1):
            rows[table].append((*key, number, one.get("name"), one.get("value")))
    for number, part in enumerate(software.iterchildren("part"), 1):
        part_key = (*key, number)
        rows["part"].append((*part_key, part.get("name"), part.get("interface")))
        for at, feature in enumerate(part.iterchildren("feature"), 1):
            rows["feature"].append((*part_key, at, feature.get("name"), feature.get("value")))
        for at, area in enumerate(part.iterchildren("dataarea"), 1):
            get, area_key = area.get, (*part_key, at)
            width = get("width")
            rows["dataarea"].append(
                (*area_key, get("name"), get("size"), int(width) if width else None, get("endianness"))
            )
            for rom_no, rom in enumerate(area.iterchildren("rom"), 1):
                get = rom.get
                rows["rom"].append(
                    (*area_key, rom_no, get("name"), get("size"), get("crc"), get("sha1"), get("offset"),
                     get("value"), get("status"), get("loadflag"))
                )  # fmt: skip
        for at, area in enumerate(part.iterchildren("diskarea"), 1):
            area_key = (*part_key, at)
            rows["diskarea"].append((*area_key, area.get("name")))
            for disk_no, disk in enumerate(area.iterchildren("disk"), 1):
                get = disk.get
                rows["disk"].append(
                    (*area_key, disk_no, get("name"), get("sha1"), get("status"), get("writeable"))
                )  # fmt: skip


def main(file: str, database: str) -> None:
    connection = sqlite3.connect(database, isolation_level=None)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    inserts = create(connection)
    rows: Rows = {table: [] for table in TABLES}

    def commit() -> None:
        connection.execute("BEGIN IMMEDIATE")
        for table, insert in inserts.items():
            connection.executemany(insert, rows[table])
            rows[table].clear()
        connection.execute("COMMIT")

    for number, (_, software) in enumerate(etree.iterparse(file, tag="software", remove_comments=True), 1):
        add(software, rows)
        software.clear()
        while software.getprevious() is not None:
            del software.getparent()[0]
        if number % RECORDS == 0:
            commit()
    commit()
    connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
