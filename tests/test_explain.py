"""--explain and --create_sql say what a run would do; nothing is written, and the target is not asked."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from pipeline.command import main

CONTRACT = """\
contract: orders
record:
  path: /orders/order
  key: {order_id: {from: "@id", type: int}}
tables:
  line:
    parent: orders
    rows: Line
    key: "n%"
    columns:
      "n%": $position
      article: .
  orders:
    columns:
      total: {from: Total, type: "decimal(9, 2)"}
"""


@pytest.fixture
def flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    (tmp_path / "contract.yaml").write_text(CONTRACT)
    orders = "".join(f'<order id="{n:05}"><Total>1</Total><Line/><Line/></order>' for n in range(1000))
    (tmp_path / "orders.xml").write_text(f"<orders>{orders}</orders>")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return ["--contract", "contract.yaml", "--target", "sqlite:///x.db"]


def _explained(flags: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["--explain", *flags]) == 0
    return capsys.readouterr().out


def test_tables_are_in_load_order_with_their_keys(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    said = _explained(flags, capsys)
    assert said.index("│ orders ") < said.index("│ line ")
    assert "that of orders + n%" in said


def test_statements_are_those_of_the_target(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "INSERT INTO `line` (`order_id`, `n%`, `article`) VALUES (?, ?, ?)" in _explained(flags, capsys)
    flags[3] = "postgresql://u:secret@nowhere/x"
    said = _explained(flags, capsys)
    assert 'COPY "line" ("order_id", "n%", "article") FROM STDIN' in said
    assert "secret" not in said


def test_sizes_are_estimated_from_the_first_records(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    said = _explained([*flags, "--input", "orders.xml", "--workers", "3"], capsys)
    assert "Input: 1 file of" in said
    assert ", about 1,000 records\n" in said
    assert "2,000 │" in said  # rows of line
    assert "Workers: 3 of" in said
    assert "of which 1 writes at a time" in said
    assert "Slices: 1;" in said


def test_small_input_is_counted(flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "orders.xml").write_text('<orders><order id="1"><Total>x</Total></order></orders>')
    said = _explained([*flags, "--input", "orders.xml"], capsys)
    assert "Input: 1 file of 55 bytes, 1 record\n" in said
    assert "1 would be rejected" in said


def test_nothing_is_written(flags: list[str], tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    main(["--explain", *flags, "--input", "orders.xml"])
    main(["--create_sql", *flags])
    assert sorted(tmp_path.rglob("*")) == before


def test_created_by_that_sql_the_target_takes_all(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--create_sql", *flags]) == 0
    with sqlite3.connect(tmp_path / "x.db") as database:
        database.executescript(capsys.readouterr().out)
    assert main(["--check", *flags]) == 0
    assert "The target takes all that the contract gives" in capsys.readouterr().out
    never = ["--create_disposition", "CREATE_NEVER", "--direct_running_mode", "in_memory"]
    assert main([*flags, "--input", "orders.xml", *never]) == 0


def test_percent_signs_are_single_for_a_person(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    flags[3] = "postgresql://u:secret@nowhere/x"
    assert main(["--create_sql", *flags]) == 0
    assert '"n%" INTEGER NOT NULL' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--explain", "--contract", "contract.yaml"], "--target is missing"),
        (["--create_sql", "--target", "sqlite:///x.db"], "--contract is missing"),
        (["--explain", "--contract", "contract.yaml", "--target", "nosql://x"], "nosql"),
        (["--explain", "--contract", "contract.yaml", "--target", "sqlite:///x.db", "--wokers", "2"], "--wokers"),
    ],
)
def test_what_is_wrong_is_said(
    flags: list[str], given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(given) == 2
    assert said in capsys.readouterr().err


def test_code_is_python_and_needs_no_target(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--show_code", "--contract", flags[1]]) == 0
    code = capsys.readouterr().out
    compile(code, "<code>", "exec")
    assert "rows['line'].append(" in code


def test_code_of_no_contract_is_a_mistake_of_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--show_code"]) == 2
    assert capsys.readouterr().err.strip().endswith("--contract is missing; --help lists all flags")
