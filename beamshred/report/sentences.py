"""Numbers and results in words."""

from __future__ import annotations

from typing import Any


def sentence(report: dict[str, Any]) -> str:
    """The result of a run in one sentence."""
    records, name = report["records"], report["contract"]["name"]
    if report["state"] == "failed":
        return f"{name} failed: {report['error']}"
    if report["state"] in ("interrupted", "running", "detached"):
        verb = {"interrupted": "was stopped", "running": "is running", "detached": "goes on elsewhere"}[report["state"]]
        return f"{name} {verb} after {duration(report['seconds'])}, with {count(records['read'])} records read."
    if records["read"] is None:
        return f"{name} is done, in {duration(report['seconds'])}; the runner has told no counts."
    if not records["read"]:
        return f"{name} is done: there was no record to read."
    outcomes = [f"{count(records[verb])} {verb}" for verb in ("loaded", "replaced", "skipped") if records[verb]]
    if records["rejected"]:
        outcomes.append(f"{count(records['rejected'])} rejected ({records['rejected'] / records['read']:.2%})")
    [*first, last] = outcomes or ["none loaded"]
    listed = f"{', '.join(first)} and {last}" if first else last
    if records["read"] == 1:
        return f"One record was read, and {listed.split(maxsplit=1)[1]}, in {duration(report['seconds'])}."
    return f"Of {count(records['read'])} records, {listed.replace(' ', ' were ', 1)}, in {duration(report['seconds'])}."


def mood(report: dict[str, Any]) -> str:
    """``good``, ``warn`` or ``bad``."""
    if report["state"] in ("failed", "interrupted"):
        return "bad"
    return "warn" if report["rejects"] or report["warnings"] or report.get("never_found") else "good"


def count(number: float | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def duration(seconds: float) -> str:
    """``3.2 s``, ``4 min 5 s``, ``2 h 3 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def size(number: float) -> str:
    """``3.2 MB``."""
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:,.3g} GB"
