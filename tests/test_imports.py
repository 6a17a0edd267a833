"""What is imported when: Beam takes a second, which no answer to a mistake needs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.jobs import ROOT, Folder, order, orders

CALL = """
import sys
from pipeline.command import main
code = main(sys.argv[2:])
found = [name for name in sys.argv[1].split(",") if name in sys.modules]
sys.exit(f"exit code {code}, imported: {found}")
"""


def imported(arguments: list[str], names: str) -> str:
    command = [sys.executable, "-c", CALL, names, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("change", "code", "names"),
    [
        (["--help"], 0, "apache_beam,sqlalchemy,lxml,pydantic,numpy"),
        (["--bacth_size", "5"], 2, "apache_beam,sqlalchemy,lxml,pydantic,numpy"),
        (["--batch_size", "none"], 2, "apache_beam,sqlalchemy,lxml,pydantic,numpy"),
        (["--contract", "setup.py"], 2, "apache_beam,numpy"),
        (["--input", "/no/such.xml"], 2, "apache_beam"),
        ([], 0, "apache_beam"),
    ],
)
def test_command_imports_no_more_than_it_needs(tmp_path: Path, change: list[str], code: int, names: str) -> None:
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1)]))
    assert imported([*folder.arguments(), *change], names) == f"exit code {code}, imported: []"


def test_flag_of_beam_is_known(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1)]))
    assert imported(folder.arguments("--temp_location", "x"), "apache_beam").startswith("exit code 0")
    assert imported(folder.arguments("--temp_locatoin", "x"), "apache_beam") == "exit code 2, imported: []"


def test_databases_know_no_stage() -> None:
    """Reading and inserting are built on them: an import the other way would be a circle."""
    found = set()
    for file in (ROOT / "transforms/database").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
                found |= {name for name in names if name.startswith(("transforms", "pipeline", "beamshred"))}
    below = {"transforms.schema", "transforms.records", "transforms.metrics", "transforms.user_errors"}
    assert {name for name in found if not name.startswith("transforms.database")} - below == set()
