"""The pipeline that README.md shows, as it stands there."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tests.jobs import ROOT

README = (ROOT / "README.md").read_text()

DOCUMENT = """<orders>
<order id="1"><Placed>2024-01-02T03:04:05</Placed><Customer><Name>Ann</Name></Customer>
<Lines><Line><Amount>1.50</Amount></Line><Line><Amount>2</Amount></Line></Lines></order>
<order id="2"><Lines><Line><Amount>none</Amount></Line></Lines></order>
</orders>"""


def block(language: str) -> str:
    """The first block of code of a language."""
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found
    return found[1]


def test_contract_and_pipeline_of_the_readme_load_and_reject(tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "a.xml").write_text(DOCUMENT)
    (tmp_path / "contract.yaml").write_text(block("yaml"))
    (tmp_path / "own.py").write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{block('python')}")
    subprocess.run([sys.executable, "own.py"], cwd=tmp_path, check=True)
    with closing(sqlite3.connect(tmp_path / "orders.db")) as connection:
        assert connection.execute("SELECT order_id, customer FROM orders").fetchall() == [(1, "Ann")]
        assert connection.execute("SELECT line_no, amount FROM order_line").fetchall() == [(1, 1.5), (2, 2)]
    [file] = (tmp_path / "rejects").iterdir()
    [reject] = map(json.loads, file.read_text().splitlines())
    assert reject["path"] == "order_line.amount"
