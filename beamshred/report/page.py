"""The page: a template, and what is laid into it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from beamshred.report import charts, sentences

_KNOWN = frozenset((
    "run_id", "state", "error", "contract", "records", "reconciled", "skipped", "tables", "rejects", "conversions",
    "warnings", "started", "seconds", "records_per_second", "slices", "slice_sizes", "stages", "timeline", "slowest",
    "cpu_seconds", "peak_memory_bytes", "options", "versions", "never_found", "coverage",
))  # fmt: skip
"""What the template has a place for; all else in a report is shown as it is."""


_MOST_PATHS = 500


def page_of(report: dict[str, Any], examples: Mapping[str, list[dict[str, Any]]]) -> str:
    """The report of a run as one page of HTML that needs nothing else."""
    environment = Environment(
        loader=PackageLoader("beamshred.report", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        "count": sentences.count,
        "duration": sentences.duration,
        "size": sentences.size,
        "plain": _plain,
    }
    environment.filters["title"] = lambda name: name.replace("_", " ").capitalize()
    # What is not read first: that is what is looked for.
    found = (report.get("coverage") or {}).get("paths", {})
    paths = sorted(found.items(), key=lambda one: (one[1]["read"] > 0, one[0]))
    tables = {name: number for name, number in report["tables"].items() if number is not None}
    return environment.get_template("page.html").render(
        report=report,
        examples=examples,
        sentence=sentences.sentence(report),
        mood=sentences.mood(report),
        throughput=charts.throughput(report.get("timeline") or []),
        stages=charts.bars(report.get("stages") or {}, " s"),
        rows=charts.bars(tables, ""),
        paths=paths[:_MOST_PATHS],
        unread=sum(not facts["read"] for _, facts in paths),
        others={name: value for name, value in report.items() if name not in _KNOWN and value},
    )


def _plain(value: Any) -> str:
    """A value that is no table, in a cell."""
    if isinstance(value, str):
        return value
    return f"{value:,}" if type(value) in (int, float) else json.dumps(value, ensure_ascii=False)
