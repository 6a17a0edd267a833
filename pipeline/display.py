"""Progress as a person sees it: one live display on a terminal, plain lines elsewhere, or lines of JSON."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from pipeline.local.progress import Progress, Snapshot

_MB = 1e6
_DOES = {
    "read": "reads", "parse": "parses", "map": "maps", "insert": "inserts",
    "wait": "waits for the target", "engine": "starts, or shuffles",
}  # fmt: skip


@contextmanager
def shown_live(console: Console, progress: Progress) -> Iterator[None]:
    """While entered, the display is below what is printed; nothing of it stays."""

    class _Display:
        def __rich__(self) -> RenderableType:
            return rendered(progress.snapshot)

    with Live(_Display(), console=console, transient=True, refresh_per_second=4):
        yield


@contextmanager
def told_in_lines(progress: Progress, seconds: float, tell: Callable[[Snapshot], None]) -> Iterator[None]:
    """While entered, ``tell`` is called every so many seconds; never, if that is 0."""
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(seconds):
            tell(progress.snapshot)

    thread = threading.Thread(target=watch, name="progress", daemon=True)
    if seconds:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        if seconds:
            thread.join()


def line(snapshot: Snapshot) -> str:
    """All that matters of a snapshot, in a line."""
    records = snapshot.records
    parts = [f"{snapshot.phase}, {clock(snapshot.seconds)}", _bytes(snapshot)]
    parts.append(", ".join(f"{records[name]:,} {name}" for name in ("read", *_outcomes(records))))
    if records["read"]:
        parts.append(f"{snapshot.rate_now:,.0f} records/s now, {snapshot.rate:,.0f} on average")
    if snapshot.seconds_left is not None:
        parts.append(f"{clock(snapshot.seconds_left)} left")
    if snapshot.slowest_stage:
        parts.append(f"slowest stage: {snapshot.slowest_stage}")
    return "; ".join(parts)


def as_event(snapshot: Snapshot) -> dict[str, object]:
    """A snapshot for machines."""
    return {"event": "progress", **asdict(snapshot)}


def rendered(snapshot: Snapshot) -> RenderableType:
    """The live display."""
    records = snapshot.records
    share = Text(f" {_bytes(snapshot)}")
    if snapshot.seconds_left is not None:
        share.append(f", about {clock(snapshot.seconds_left)} left", "bold")
    head = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=snapshot.total_bytes or None, completed=snapshot.input_bytes, width=40)
    head.add_row(Text(f"{snapshot.phase} {clock(snapshot.seconds)}", "bold"), bar, share)
    counts = Table(box=None, padding=(0, 2), pad_edge=False)
    names = [name for name in records if records[name] or name in ("read", "parsed", "mapped", "loaded", "rejected")]
    for name in names:
        counts.add_column(name, justify="right", style="red" if name == "rejected" and records[name] else "")
    counts.add_column("records/s now", justify="right")
    counts.add_column("on average", justify="right")
    counts.add_column("MB/s", justify="right")
    counts.add_row(
        *(f"{records[name]:,}" for name in names),
        f"{snapshot.rate_now:,.0f}", f"{snapshot.rate:,.0f}", f"{snapshot.bytes_rate / _MB:,.1f}",
    )  # fmt: skip
    lines: list[RenderableType] = [head, counts]
    if snapshot.slowest_stage:
        lines.append(
            Text(f"slowest stage: {snapshot.slowest_stage}, {snapshot.slowest_share:.0%} of the time of the workers")
        )
    for worker in snapshot.workers:
        settled = f", {worker.settled:,} settled" if worker.settled else ""
        does = _DOES.get(worker.stage, worker.stage)
        lines.append(
            Text(f"worker {worker.process}: slice {worker.slice}, {does}; {worker.read:,} read{settled}", "dim")
        )
    return Group(*lines)


def clock(seconds: float) -> str:
    """``1:05:09``, or ``5:09``."""
    hours, rest = divmod(round(seconds), 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def _outcomes(records: dict[str, int]) -> list[str]:
    return ["loaded", *(name for name in ("skipped", "replaced") if records[name]), "rejected"]


def _bytes(snapshot: Snapshot) -> str:
    done = snapshot.input_bytes / _MB
    if not snapshot.total_bytes:
        return f"{done:,.1f} MB"
    share = min(snapshot.input_bytes / snapshot.total_bytes, 1)
    return f"{share:.0%} of {snapshot.total_bytes / _MB:,.1f} MB"
