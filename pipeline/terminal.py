"""What a person sees: progress while it runs, and what was loaded at the end."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    from pipeline.check import Finding

_STYLES = {"error": "red", "warning": "yellow"}

MOST_CONVERSIONS = 10
"""Columns whose failed conversions are shown; the report has them all."""


def set_up_logging(log_level: str) -> Console:
    """Show our log from ``log_level`` on; give the console that it goes to."""
    console = Console(stderr=True)
    handler = RichHandler(console=console, show_path=False, log_time_format="[%X]")
    logging.basicConfig(level="WARNING", handlers=[handler], format="%(message)s", force=True)
    for ours in ("beamshred", "pipeline", "transforms"):
        logging.getLogger(ours).setLevel(log_level)
    # Beam logs tracebacks, some of them as critical, for errors that we report in a line ourselves.
    logging.getLogger("apache_beam").setLevel("DEBUG" if log_level == "DEBUG" else logging.CRITICAL + 1)
    return console


class Terminal:
    """Everything goes to standard error, so that it mixes with nobody's output."""

    def __init__(self, log_level: str):
        self.console = set_up_logging(log_level)

    def error(self, message: str) -> None:
        self.console.print(message, style="bold red", markup=False, highlight=False, soft_wrap=True)

    def note(self, message: str) -> None:
        self.console.print(message, markup=False, highlight=False, soft_wrap=True)

    def findings(self, findings: Sequence[Finding]) -> None:
        self.console.print(_findings_table(findings))

    def checked(self, findings: Sequence[Finding]) -> None:
        """The answer of ``--check``: it is what was asked for, so it goes to standard output."""
        console = Console()
        if findings:
            console.print(_findings_table(findings))
        else:
            console.print("The target takes all that the contract gives.")

    def progress(self) -> SliceProgress:
        return SliceProgress(self.console)

    def summary(self, report: dict[str, Any], place: str) -> None:
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
        for warning, number in report["warnings"].items():
            self.console.print(f"{number:,} warnings: {warning}", highlight=False, markup=False)
        failed = sorted(report["conversions"].items(), key=lambda item: -sum(item[1].values()))
        for column, rules in failed[:MOST_CONVERSIONS]:
            cut = rules.get("cut", 0)
            if cut:
                self.console.print(f"{cut:,} value{'s' * (cut > 1)} of {column} cut", highlight=False, markup=False)
            if found := ", ".join(f"{number:,} {rule}" for rule, number in rules.items() if rule != "cut"):
                self.console.print(f"no value of {column}: {found}", highlight=False, markup=False)
        memory = report["peak_memory_bytes"] / 2**20
        rate = (
            f"{report['seconds']:.1f} s, {report['records_per_second'] or 0:,.0f} records/s, {memory:,.0f} MB at most"
        )
        self.console.print(f"{rate}; report: {place}", highlight=False, markup=False, soft_wrap=True)


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _findings_table(findings: Sequence[Finding]) -> Table:
    columns = (Column(name, overflow="fold") for name in ("", "table", "column", "finding", "remedy"))
    table = Table(*columns, show_lines=True)
    for finding in findings:
        cells = (finding.severity, finding.table, finding.column or "", finding.message, finding.remedy)
        table.add_row(*map(Text, cells), style=_STYLES.get(finding.severity))
    return table


class SliceProgress:
    """A bar of input bytes, once their sum is known; nothing where nobody watches."""

    def __init__(self, console: Console):
        self._bar = Progress(
            TextColumn("loading"), BarColumn(), DownloadColumn(), TimeRemainingColumn(),
            console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task("loading", total=None)

    def __enter__(self) -> SliceProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, input_bytes: int, total_bytes: int | None) -> None:
        self._bar.update(self._task, advance=input_bytes, total=total_bytes)
