"""The command with a column of a table as its input: the same rows as from files, no row lost, no secret shown."""

from __future__ import annotations

import gzip
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pipeline.command import main
from pipeline.inputs import ColumnInput
from tests.jobs import CONTRACT, ROOT, Folder, order
from tests.servers import new_schema
from tests.test_interrupts import finished, wait_for, workers_of
from transforms import XmlColumn

WHOLE = CONTRACT.replace("/orders/order", "/order")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder whose contract takes whole documents."""
    made = Folder(tmp_path)
    made.contract.write_text(WHOLE)
    return made


@pytest.fixture
def errors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the command says is wrong."""
    said: list[str] = []
    monkeypatch.setattr("pipeline.terminal.Terminal.error", lambda self, text: said.append(text))
    return said


def fill(path: Path, documents: Iterable[tuple[Any, Any]]) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE app_xml (app_id INTEGER PRIMARY KEY, xml)")
        connection.executemany("INSERT INTO app_xml VALUES (?, ?)", documents)


def column_arguments(folder: Folder, *more: str, source: str = "source.db", target: str = "out.db") -> list[str]:
    return [
        "--input", f"sqlite:///{folder.path / source}", "--input_table", "app_xml", "--input_key", "app_id",
        "--input_column", "xml", "--contract", str(folder.contract), "--target", f"sqlite:///{folder.path / target}",
        "--run_dir", str(folder.run_dir), *more,
    ]  # fmt: skip


def load(folder: Folder, *more: str, workers: int = 1, **databases: str) -> int:
    arguments = column_arguments(folder, *more, "--workers", str(workers), **databases)
    if workers == 1:
        return main(arguments)
    return subprocess.run([sys.executable, str(ROOT / "run_pipeline.py"), *arguments]).returncode


def tables(folder: Folder) -> list[Any]:
    return [folder.rows("SELECT * FROM orders ORDER BY id"), folder.rows("SELECT * FROM line ORDER BY id, line_no")]


def test_column_and_files_give_the_same_rows(folder: Folder) -> None:
    documents = {number * 7: order(number * 7, name=f"é {number}", lines=number % 4) for number in range(60)}
    for number, document in documents.items():
        folder.write(f"{number}.xml", document)
    assert folder.run() == 0
    from_files = tables(folder)
    folder.database.unlink()
    declared = '<?xml version="1.0" encoding="UTF-16"?>'
    stored = [
        (
            number,
            [document, declared + document, document.encode("utf-16"), gzip.compress(document.encode())][number % 4],
        )
        for number, document in documents.items()
    ]
    fill(folder.path / "source.db", stored)
    assert load(folder, "--slice_bytes", "8k", workers=2) == 0
    assert folder.report["slices"] > 1
    assert folder.report["records"]["loaded"] == 60
    assert tables(folder) == from_files


def test_rerun_skips_and_skip_loaded_reads_only_what_is_new(folder: Folder) -> None:
    fill(folder.database, [(number, order(number)) for number in range(20)])
    assert load(folder, "--limit", "15", source="out.db") == 0
    assert folder.report["records"]["loaded"] == 15
    assert load(folder, "--skip_loaded", "--key_range", ":17", source="out.db") == 0
    assert folder.report["records"]["read"] == folder.report["records"]["loaded"] == 3
    assert load(folder, source="out.db") == 0
    assert (folder.report["records"]["read"], folder.report["records"]["skipped"]) == (20, 18)


def test_every_row_is_loaded_or_a_reject_that_names_it(folder: Folder) -> None:
    long = order(4, name=1000 * "n")
    documents = [(1, order(1)), (2, None), (3, ""), (4, long), (5, "<order id='5'>"), (6, order(6))]
    fill(folder.path / "source.db", documents)
    assert load(folder, "--max_record_bytes", "500") == 3
    assert folder.report["reconciled"] is True
    assert folder.rows("SELECT id FROM orders") == [(1,), (6,)]
    rejects = {reject["source"]: (reject["rule"], reject.get("payload")) for reject in folder.rejects}
    assert rejects == {
        "app_xml?app_id=2": ("empty", None),
        "app_xml?app_id=3": ("empty", None),
        "app_xml?app_id=4": ("max_record_bytes", None),
        "app_xml?app_id=5": ("not_well_formed", "<order id='5'>"),
    }
    # The payload of the last is in its reject; the others are read from their rows again.
    with closing(sqlite3.connect(folder.path / "source.db")) as connection, connection:
        connection.execute("UPDATE app_xml SET xml = ? WHERE app_id = 2", (order(2),))
        connection.execute("DELETE FROM app_xml WHERE app_id = 3")
    given, folder.run_dir = str(folder.run_dir / "rejects"), folder.path / "replay"
    assert load(folder, "--input", given) == 3
    assert folder.rows("SELECT id FROM orders") == [(1,), (2,), (4,), (6,)]
    assert folder.report["rejects"] == {"parse.not_well_formed": 1, "read.source": 1}


def test_two_rows_with_one_key_stop_the_run(folder: Folder, errors: list[str]) -> None:
    fill(folder.path / "source.db", [(1, order(1)), (2, order(2))])
    with closing(sqlite3.connect(folder.path / "source.db")) as connection, connection:
        connection.execute("ALTER TABLE app_xml ADD COLUMN batch DEFAULT 7")
    assert load(folder, "--input_key", "batch") == 1
    assert errors[0].startswith("several rows have the key app_xml?batch=7: give --input_key")
    assert folder.rows("SELECT count(*) FROM orders") == [(0,)]


def test_many_records_in_a_row_keep_to_the_limit(folder: Folder) -> None:
    folder.contract.write_text(CONTRACT)
    documents = [(at, f"<orders>{order(10 * at)}{order(10 * at + 1)}</orders>") for at in range(5)]
    fill(folder.path / "source.db", documents)
    assert load(folder, "--limit", "5", "--slice_bytes", "1") == 0
    assert folder.rows("SELECT id FROM orders") == [(0,), (1,), (10,), (11,), (20,)]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--input", "other.xml"], "--input is one database"),
        (["--input_table", "absent"], "no such table: absent"),
        (["--input_key", "app_id,missing"], "no column 'missing'; it has app_id, xml"),
        (["--key_range", "5"], "write first:last"),
        (["--key_range", "x:"], "'x' is not a value of the key"),
        (["--skip_loaded"], "must be the same database"),
        (["--skip_loaded", "--on_existing", "replace"], "replace must read what is loaded"),
    ],
)
def test_wrong_flags_are_told_and_nothing_is_created(
    folder: Folder, errors: list[str], more: list[str], message: str
) -> None:
    fill(folder.path / "source.db", [(1, order(1))])
    assert main(column_arguments(folder, *more)) == 2
    assert message in errors[0]
    assert not folder.database.exists()


@pytest.mark.parametrize(
    ("dropped", "message"),
    [
        (("--input_key", "app_id"), "--input_key must be given too"),
        (("--input_table", "app_xml", "--input_key", "app_id", "--input_column", "xml"), "--input is a database"),
    ],
)
def test_flags_that_belong_together(folder: Folder, errors: list[str], dropped: tuple[str, ...], message: str) -> None:
    fill(folder.path / "source.db", [(1, order(1))])
    assert main([word for word in column_arguments(folder) if word not in dropped]) == 2
    assert message in errors[0]


def test_password_of_the_input_is_masked() -> None:
    url = "postgresql+psycopg://me:geheim@host/x"
    column = ColumnInput(XmlColumn(url, "t", ("id",), "xml"))
    assert column.mask(url) == "postgresql+psycopg://me:***@host/x"
    assert "geheim" not in column.mask(f"failed: {url}; PWD=geheim")


def test_postgresql_from_the_environment(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    url, _ = new_schema()
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE app_xml (app_id text PRIMARY KEY, xml bytea)")
        rows = [{"id": f"k{at}", "xml": gzip.compress(order(at).encode())} for at in range(30)]
        connection.execute(sa.text("INSERT INTO app_xml VALUES (:id, :xml)"), rows)
    monkeypatch.setitem(os.environ, "SOURCE_URL", url.render_as_string(hide_password=False))
    arguments = column_arguments(folder, "--slice_bytes", "20k", "--workers", "1")
    arguments[1] = "env:SOURCE_URL"
    # A process of its own: what is forked here has the environment of an earlier test.
    assert subprocess.run([sys.executable, str(ROOT / "run_pipeline.py"), *arguments]).returncode == 0
    assert folder.rows("SELECT count(*), count(DISTINCT id) FROM orders") == [(30, 30)]


def test_skipping_what_is_loaded_is_no_reason_to_skip_it_where_a_killed_slice_is_read_again(folder: Folder) -> None:
    """Ten that another run has loaded are skipped; those that the killed worker had committed are read again."""
    number = 600
    fill(folder.database, [(at, order(at, amount="x" if at % 100 == 99 else "1")) for at in range(number)])
    assert load(folder, "--limit", "10", source="out.db") == 0
    arguments = column_arguments(folder, "--skip_loaded", "--batch_size", "1", "--workers", "1", source="out.db")
    command = [sys.executable, str(ROOT / "run_pipeline.py"), *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_for(lambda: folder.rows("SELECT count(*) FROM beamshred_ledger")[0][0] >= 20, process)
    workers_of(process)[-1].kill()
    code, errors = finished(process)
    assert code == 3, errors
    assert "attempt 2 of 3" in errors
    assert folder.report["records"] == {"read": 590, "loaded": 584, "skipped": 0, "replaced": 0, "rejected": 6}
    assert folder.rows("SELECT count(*), count(DISTINCT id) FROM orders") == [(594, 594)]
    sources = [reject["source"] for reject in folder.rejects]
    assert sorted(sources) == sorted(f"app_xml?app_id={at}" for at in range(99, number, 100))
