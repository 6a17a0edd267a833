"""What a person is told at the end of a run."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.terminal import Terminal

REPORT: dict[str, Any] = {
    "contract": {"name": "t"}, "state": "done", "error": None, "reconciled": True,
    "records": {"read": 3, "loaded": 3, "skipped": 0, "replaced": 0, "rejected": 0},
    "skipped": {}, "rejects": {}, "warnings": {}, "tables": {"t": 3}, "conversions": {},
    "seconds": 1.0, "records_per_second": 3.0, "peak_memory_bytes": 2**20,
}  # fmt: skip


def told(capsys: pytest.CaptureFixture[str], **report: Any) -> list[str]:
    terminal = Terminal("ERROR")
    terminal.summary({**REPORT, **report}, "runs/1/report.json")
    return capsys.readouterr().err.splitlines()


def test_values_that_were_cut_are_not_told_as_missing(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, conversions={"t.a": {"cut": 3}, "t.b": {"cut": 1, "type": 2}})
    found = [line.strip() for line in lines if "t.a" in line or "t.b" in line]
    assert sorted(found) == [
        "1 text of t.b cut to its length",
        "2 texts of t.b were not of its type, and became NULL, its default or a reject,",
        "3 texts of t.a cut to its length",
    ]


def test_missing_value_is_not_told_as_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    said = " ".join(" ".join(told(capsys, conversions={"t.a": {"required": 1}})).split())
    assert "t.a had no value 1 time, and is required: " in said
    assert "expression" not in said


def test_replay_with_open_rejects_says_how_to_load_a_mended_source(capsys: pytest.CaptureFixture[str]) -> None:
    said = " ".join(" ".join(told(capsys, replay={"rejects": 2, "open": 2})).split())
    assert "as it was read. If its source was corrected, load the source again" in said
    assert "source was corrected" not in " ".join(told(capsys, replay={"rejects": 2, "open": 0}))
