"""``metrics.prom``: what a run did, as node_exporter's textfile collector reads it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest


def metrics_of(report: Mapping[str, Any], now: float | None = None) -> str:
    """The metrics of a report. All are gauges: they say what the last run did, and no run adds to another's."""
    registry = CollectorRegistry()
    contract = report["contract"]["name"]

    def tell(name: str, says: str, values: Mapping[str, float | None], label: str | None = None) -> None:
        labels = ["contract", label] if label else ["contract"]
        gauge = Gauge(f"beamshred_{name}", says, labels, registry=registry)
        for value_of, value in values.items():
            if value is not None:  # another runner has told no counts
                gauge.labels(*([contract, value_of] if label else [contract])).set(value)

    tell(
        "run_success",
        "1: the run ended normally, with or without rejects; 0: it did not.",
        {"": report["state"] == "done"},
    )
    tell("run_end_timestamp_seconds", "When the run ended.", {"": time.time() if now is None else now})
    tell("run_seconds", "How long the run took.", {"": report["seconds"]})
    tell("run_cpu_seconds", "Processor time of all its processes.", {"": report["cpu_seconds"]})
    tell("run_peak_memory_bytes", "Memory of all its processes at most.", {"": report["peak_memory_bytes"]})
    tell("records", "Records by outcome; read is the sum of the others.", report["records"], "outcome")
    tell("rows", "Rows loaded, by table.", report["tables"], "table")
    tell("rejects", "Rejected records, by stage and rule.", report["rejects"], "rule")
    tell("warnings", "Warnings, by their text.", report["warnings"], "warning")
    failed = {column: sum(rules.values()) for column, rules in report["conversions"].items()}
    tell("failed_values", "Values that a column could not take, by column.", failed, "column")
    tell("stage_seconds", "Seconds of the workers, by stage.", report["stages"], "stage")
    return generate_latest(registry).decode()
