"""Runs of the command for tests: in this process, or in one of its own that can be signalled."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.command import main

ROOT = Path(__file__).resolve().parent.parent

CONTRACT = """
contract: orders
record:
  path: /orders/order
  key: {id: {from: "@id", type: int}}
tables:
  orders:
    columns:
      name: name
      amount: {from: amount, type: "decimal(10, 2)"}
  line:
    rows: line
    key: line_no
    columns:
      line_no: $position
      item: {from: "@item", type: text(5), required: true}
"""


def order(number: int, name: str = "n", lines: int = 2, amount: str = "1.50") -> str:
    """One record; its size is about 100 bytes."""
    items = "".join(f'<line item="i{at}"/>' for at in range(lines))
    return f'<order id="{number}"><name>{name}</name><amount>{amount}</amount>{items}</order>'


def orders(records: Iterable[str]) -> str:
    return "<?xml version='1.0'?>\n<orders>\n" + "\n".join(records) + "\n</orders>\n"


class Folder:
    """A folder with a contract, input and a SQLite target, and the command run in it."""

    def __init__(self, path: Path):
        self.path = path
        self.contract = path / "contract.yaml"
        self.contract.write_text(CONTRACT)
        self.database = path / "out.db"
        self.run_dir = path / "run"

    def write(self, name: str, content: str | bytes) -> Path:
        file = self.path / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def arguments(self, *more: str, inputs: Iterable[str] = ("*.xml",)) -> list[str]:
        given = [word for pattern in inputs for word in ("--input", str(self.path / pattern))]
        return [
            *given, "--contract", str(self.contract), "--target", f"sqlite:///{self.database}",
            "--run_dir", str(self.run_dir), *more,
        ]  # fmt: skip

    def run(self, *more: str, inputs: Iterable[str] = ("*.xml",)) -> int:
        return main(self.arguments("--workers", "1", *more, inputs=inputs))

    def run_elsewhere(self, *more: str, inputs: Iterable[str] = ("*.xml",)) -> int:
        """On another runner, that ``more`` says."""
        return main(self.arguments(*more, inputs=inputs))

    def start(self, *more: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(ROOT / "run_pipeline.py"), *self.arguments(*more)]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True, env=os.environ)

    @property
    def report(self) -> dict[str, Any]:
        return json.loads((self.run_dir / "report.json").read_text())

    @property
    def rejects(self) -> list[dict[str, Any]]:
        files = sorted((self.run_dir / "rejects").glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.database)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()
