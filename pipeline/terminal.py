"""What a person sees: progress while it runs, and what was loaded at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from pipeline.display import as_event, line, shown_live, told_in_lines
from pipeline.logs import print_event, set_up_logging

if TYPE_CHECKING:
    from pipeline.local.progress import Progress
    from pipeline.preflight import Finding

_STYLES = {"error": "red", "warning": "yellow"}

MOST_CONVERSIONS = 10
"""Columns whose failed conversions are shown; the report has them all."""
MOST_NAMED = 10
"""Names that were never found that are shown; the report has all."""
MOST_UNREAD = 5
"""Paths that no column reads that are shown; the report has more."""


class Terminal:
    """Everything goes to standard error, so that it mixes with nobody's output.

    Args:
      log_level: from which on messages are shown.
      log_format: ``text``, or ``json``: then all is lines of JSON.
      quiet: warnings and errors alone are shown.
      progress_seconds: between two lines of progress where the output is no terminal; 0 is never.
    """

    def __init__(self, log_level: str, log_format: str = "text", quiet: bool = False, progress_seconds: float = 0):
        if quiet and log_level in ("DEBUG", "INFO"):
            log_level = "WARNING"
        self.log_level = log_level
        self.console = set_up_logging(log_level, log_format)
        self._is_json = log_format == "json"
        self._quiet = quiet
        self._progress_seconds = progress_seconds

    def error(self, message: str) -> None:
        if self._is_json:
            print_event("ERROR", {"event": "error", "message": message})
            return
        self.console.print(message, style="bold red", markup=False, highlight=False, soft_wrap=True)

    def bug(self, message: str, traceback: str) -> None:
        """Show an internal error, with its traceback: both are for a bug report."""
        message = f"internal error, please report it with all of this: {message}"
        if self._is_json:
            print_event("ERROR", {"event": "error", "message": message, "traceback": traceback})
            return
        self.console.print(traceback.rstrip(), markup=False, highlight=False, soft_wrap=True)
        self.error(message)

    def note(self, message: str) -> None:
        if self._quiet:
            return
        if self._is_json:
            print_event("INFO", {"event": "note", "message": message})
            return
        self.console.print(message, markup=False, highlight=False, soft_wrap=True)

    def findings(self, findings: Sequence[Finding]) -> None:
        if self._is_json:
            for finding in findings:
                print_event(finding.severity.upper(), {"event": "finding", **asdict(finding)})
            return
        self.console.print(_findings_table(findings))

    def checked(self, findings: Sequence[Finding]) -> None:
        """The answer of ``--check``: it is what was asked for, so it goes to standard output."""
        from pipeline.preflight import CREATED  # SQLAlchemy takes a while, and a wrong flag does without

        console = Console()
        created = [finding.table for finding in findings if finding.remedy == CREATED]
        if others := [finding for finding in findings if finding.remedy != CREATED]:
            console.print(_findings_table(others))
        else:
            console.print("The target takes all that the contract gives.")
        if created:
            console.print(f"A run creates what is missing: {', '.join(created)}.", markup=False, highlight=False)

    def progress(self, progress: Progress) -> AbstractContextManager[None]:
        """Show it while entered."""
        if self._quiet:
            return nullcontext()
        if self._is_json:
            return told_in_lines(progress, self._progress_seconds, lambda now: print_event("INFO", as_event(now)))
        if self.console.is_terminal and not self.console.is_dumb_terminal:
            return shown_live(self.console, progress)
        return told_in_lines(progress, self._progress_seconds, lambda now: self.note(line(now)))

    def summary(self, report: dict[str, Any], place: str) -> None:
        if self._is_json:
            print_event("INFO", {"event": "summary", "report_file": place, **report})
            return
        if self._quiet:
            return
        records = report["records"]
        self.console.print(f"{report['contract']['name']}: {report['state']}", style="bold", highlight=False)
        table = Table()
        table.add_column("records")
        table.add_column("", justify="right")
        for name, number in records.items():
            table.add_row(name, _count(number))
        table.add_section()
        for name, number in report["tables"].items():
            table.add_row(f"rows of {name}", _count(number))
        self.console.print(table)
        if ledger := report.get("ledger"):
            found = ", ".join(f"{number} {status}" for status, number in ledger.items())
            self.console.print(f"what the ledger holds of this run: {found}", highlight=False, markup=False)
        for name, number in report["skipped"].items():
            if number and name != "unchanged":
                remedy = "; --on_existing replace loads them again" if "changed" in name else ""
                self.console.print(f"{number:,} skipped: {name}{remedy}", highlight=False)
        for rule, number in report["rejects"].items():
            self.console.print(f"{number:,} rejected: {rule}", highlight=False)
        if bugs := sum(number for rule, number in report["rejects"].items() if rule.endswith(".internal")):
            self.error(f"{bugs:,} rejected by a bug of this program: please report it, with `details` of the reject")
        if replay := report.get("replay"):
            self.console.print(
                f"{replay['rejects']:,} rejects read again; still open: {replay['open']:,}", highlight=False
            )
            if replay["open"]:
                self.console.print(
                    "A record that was kept in full is loaded as it was read. If its source was corrected, load the "
                    "source again; what is loaded already is skipped.",
                    highlight=False,
                )
        for warning, number in report["warnings"].items():
            self.console.print(f"{number:,} warnings: {warning}", highlight=False, markup=False)
        failed = sorted(report["conversions"].items(), key=lambda item: -sum(item[1].values()))
        for column, rules in failed[:MOST_CONVERSIONS]:
            for rule, number in rules.items():
                self.console.print(_conversion(column, rule, number), highlight=False, markup=False)
        for told in looked_back(report):
            self.console.print(told, highlight=False, markup=False, soft_wrap=True)
        memory, rate = report["peak_memory_bytes"] / 2**20, report["records_per_second"]
        figures = [f"{report['seconds']:.1f} s", *([f"{rate:,.0f} records/s"] if rate and rate >= 10 else [])]
        self.console.print(
            f"{', '.join(figures)}, {memory:,.0f} MB at most; report: {place}",
            highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip


_RULES = {
    "blank": ("blank", "`required: true` rejects such records"),
    "type": ("not of its type", "see its `type`, `format` and `clean`"),
    "scale": ("of more decimals than its type", "give the type more decimals, or `rounding`"),
    "overflow": ("too large for its type", "widen its type"),
    "length": ("too long for its type", "widen its type"),
    "reference": ("a list of references", "`unpivot` and `split` make a row of each"),
    "lookup": ("not in its lookup", "add them, or `otherwise`"),
    "several": ("several where one is allowed", "see its `take`"),
}
"""What a rule says of texts, and what to do about it."""


def _conversion(column: str, rule: str, number: int) -> str:
    """What became of texts that were no values; those that rejected their record are told with the rejects."""
    texts = f"{number:,} text{'' if number == 1 else 's'} of {column}"
    if rule == "cut":
        return f"{texts} cut to its length"
    if rule == "required":
        times = f"{number:,} time{'' if number == 1 else 's'}"
        return f"{column} had no value {times}, and is required: see its path, or give it a `default`"
    said, remedy = _RULES.get(rule, (f"refused ({rule})", "see its expression"))
    verb = "was" if number == 1 else "were"
    return f"{texts} {verb} {said}, and became NULL, its default or a reject, as its `on_error` says: {remedy}"


def looked_back(report: dict[str, Any]) -> Iterator[str]:
    """What was never found, and what no column reads."""
    if missing := report.get("never_found"):
        yield f"never found in {_count(report['records']['read'])} records:"
        named = [f"{name} (did you mean {near}?)" if near else name for name, near in missing.items()]
        yield from _some(named, MOST_NAMED, "the report has all")
    if coverage := report.get("coverage"):
        unread = {
            path: one["count"] - one["read"] for path, one in coverage["paths"].items() if one["count"] > one["read"]
        }
        if unread:
            yield f"no column reads, in a sample of {_records(coverage['records'])}:"
            shown = [f"{path} ({number:,})" for path, number in unread.items()]
            yield from _some(shown, MOST_UNREAD, "`beamshred coverage` shows all")


def _some(names: Sequence[str], most: int, rest: str) -> Iterator[str]:
    """The first of the names, a line each, and how many more there are."""
    yield from (f"  {name}" for name in names[:most])
    if len(names) > most:
        yield f"  and {len(names) - most} more: {rest}"


def _records(number: int) -> str:
    return f"{number:,} record{'' if number == 1 else 's'}"


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _findings_table(findings: Sequence[Finding]) -> Table:
    columns = (Column(name, overflow="fold") for name in ("", "table", "column", "finding", "remedy"))
    table = Table(*columns, show_lines=True)
    for finding in findings:
        cells = (finding.severity, finding.table, finding.column or "", finding.message, finding.remedy)
        table.add_row(*map(Text, cells), style=_STYLES.get(finding.severity))
    return table
