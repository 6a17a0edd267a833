"""A driver that is not installed: SQLite needs none, and for others the extra is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.jobs import ROOT, Folder, order, orders

CALL = """
import sys
for name in ("psycopg", "pyodbc"):
    sys.modules[name] = None
from pipeline.command import main
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""


def without_drivers(folder: Folder, *more: str, **settings: str) -> subprocess.CompletedProcess[str]:
    script = folder.path / "call.py"
    script.write_text(CALL)
    words = {"--target": f"sqlite:///{folder.database}", **settings}
    given = [word for pair in words.items() for word in pair]
    command = [sys.executable, str(script), *folder.arguments("--workers", "1", "--quiet"), *given, *more]
    return subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1)]))
    return folder


def test_sqlite_needs_no_driver(folder: Folder) -> None:
    assert without_drivers(folder).returncode == 0
    assert folder.rows("SELECT count(*) FROM orders") == [(1,)]


@pytest.mark.parametrize(
    ("target", "package", "extra"),
    [
        ("postgresql://u:secret@127.0.0.1/d", "psycopg", "postgres"),
        ("odbc:Driver=x;Server=y;PWD=secret", "pyodbc", "odbc"),
        ("mssql+pyodbc://u:secret@127.0.0.1/d", "pyodbc", "mssql"),
    ],
)
def test_missing_driver_is_told_with_its_extra(folder: Folder, target: str, package: str, extra: str) -> None:
    done = without_drivers(folder, **{"--target": target})
    said = " ".join(done.stderr.split())
    assert f"needs the package {package}, which is not installed: pip install 'beamshred[{extra}]'" in said
    assert "Traceback" not in said
    assert "secret" not in said
    assert done.returncode == 2


def test_missing_driver_of_an_input_is_told(folder: Folder) -> None:
    flags = ("--input_table", "t", "--input_key", "id", "--input_column", "xml")
    script = without_drivers(folder)
    assert script.returncode == 0
    command = [
        sys.executable, str(folder.path / "call.py"), "--input", "postgresql://u:secret@127.0.0.1/d", *flags,
        "--contract", str(folder.contract), "--target", f"sqlite:///{folder.database}",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert "pip install 'beamshred[postgres]'" in " ".join(done.stderr.split())
    assert done.returncode == 2
