"""The examples, and what a plain reader of the same files counts."""

from __future__ import annotations

import sqlite3
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from lxml import etree

from pipeline.command import main

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def load(name: str, files: str, database: Path, *more: str) -> sqlite3.Connection:
    arguments = ["--input", str(EXAMPLES / name / files), "--contract", str(EXAMPLES / name / "contract.yaml")]
    target = ["--target", f"sqlite:///{database}", "--run_dir", str(database.with_suffix(".run"))]
    assert main([*arguments, *target, *more]) == 0
    return sqlite3.connect(database)


def test_all_bank_statements_load_and_amounts_are_exact(tmp_path: Path) -> None:
    database = load("bank_statements", "*.xml", tmp_path / "b.db", "--workers", "2")
    expected = Counter()
    for file in (EXAMPLES / "bank_statements").glob("*.xml"):
        for amount in etree.parse(file).iterfind(".//{*}Ntry/{*}Amt"):
            expected[file.name, Decimal(amount.text), amount.get("Ccy")] += 1
    found = Counter(
        (file, Decimal(str(amount)), currency)
        for file, amount, currency in database.execute("SELECT file, amount, currency FROM entry")
    )
    assert found == expected
    counts = {
        table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("message", "statement", "balance", "entry", "entry_transaction", "party")
    }
    assert counts == {"message": 21, "statement": 22, "balance": 36, "entry": 21, "entry_transaction": 25, "party": 48}
    [(amount,)] = database.execute("SELECT amount FROM entry WHERE file = 'camt053.v2.five.decimals.xml' LIMIT 1")
    assert amount == 8.85


@pytest.mark.parametrize(("workers", "slice_bytes"), [("1", "64M"), ("2", "64M"), ("2", "100k")])
def test_software_list_has_the_rows_that_iterparse_counts(tmp_path: Path, workers: str, slice_bytes: str) -> None:
    database = load(
        "software_lists", "a2600.xml", tmp_path / "s.db", "--workers", workers, "--slice_bytes", slice_bytes
    )
    expected = Counter(
        element.tag for _, element in etree.iterparse(EXAMPLES / "software_lists" / "a2600.xml", remove_comments=True)
    )
    for table in ("software", "info", "sharedfeat", "part", "feature", "dataarea", "rom", "diskarea", "disk"):
        assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (expected[table],)
