"""report.json is as its schema says, and metrics.prom as Prometheus reads it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.prometheus import metrics_of
from pipeline.report import Report
from tests.jobs import ROOT, Folder, order, orders

SCHEMA = json.loads((ROOT / "docs" / "report.schema.json").read_text())


def check(report: dict) -> None:
    jsonschema.validate(report, SCHEMA)


def test_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert all("description" in part for part in SCHEMA["properties"].values())


def test_reports_of_runs(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1), order(2, amount="x"), order(3, name="")]))
    folder.write("b.xml", "<orders><order")
    assert folder.run("--quiet") == 3
    check(folder.report)
    assert folder.run("--quiet", "--run_dir", str(tmp_path / "again"), inputs=["run/rejects"]) == 3
    check(json.loads((tmp_path / "again" / "report.json").read_text()))
    assert folder.run("--quiet", "--max_rejects", "0") == 1
    check(folder.report)


def test_report_without_counts() -> None:
    report = Report("r", {"name": "t", "file": "t.yaml", "fingerprint": "0"}, ["t"], {})
    report.is_counted, report.ledger = False, {"loaded": 3}
    check(report.as_dict())
    assert "beamshred_rows{" not in metrics_of(report.as_dict())


def test_metrics_of_a_run(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1), order(2, amount="x")]))
    assert folder.run("--quiet") == 3
    found = {
        (sample.name, sample.labels.pop("contract"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families((folder.run_dir / "metrics.prom").read_text())
        for sample in family.samples
    }
    assert found["beamshred_run_success", "orders"] == 1
    assert found["beamshred_records", "orders", "loaded"] == 1
    assert found["beamshred_records", "orders", "rejected"] == 1
    assert found["beamshred_rejects", "orders", "map.type"] == 1
    assert found["beamshred_rows", "orders", "line"] == 2
    assert found["beamshred_failed_values", "orders", "orders.amount"] == 1
    assert found["beamshred_run_end_timestamp_seconds", "orders"] > 1.7e9


def test_metrics_page_names_each() -> None:
    page = (ROOT / "docs" / "report.md").read_text()
    report = Report("r", {"name": "t", "file": "t.yaml", "fingerprint": "0"}, ["t"], {}).as_dict()
    names = {family.name for family in text_string_to_metric_families(metrics_of(report))}
    assert names
    assert not [name for name in names if f"`{name}`" not in page]


@pytest.mark.parametrize(("state", "success"), [("done", 1), ("failed", 0), ("interrupted", 0), ("running", 0)])
def test_only_a_run_that_is_done_is_a_success(state: str, success: int) -> None:
    report = Report("r", {"name": "t", "file": "t.yaml", "fingerprint": "0"}, ["t"], {})
    report.state = state
    assert f'beamshred_run_success{{contract="t"}} {success}.0' in metrics_of(report.as_dict())
