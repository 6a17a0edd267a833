"""The log on standard error: as text, or as lines of JSON.

A line of JSON has ``time``, ``level`` and ``event``, and ``message`` or what the event holds.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from rich.console import Console
from rich.logging import RichHandler


def set_up_logging(log_level: str, log_format: str = "text") -> Console:
    """Show our log from ``log_level`` on, as text or as lines of JSON; give the console that it goes to."""
    console = Console(stderr=True)
    handler: logging.Handler
    if log_format == "json":
        handler = logging.StreamHandler()
        handler.setFormatter(_JsonFormatter())
    else:
        handler = RichHandler(console=console, show_path=False, log_time_format="[%X]")
        handler.setFormatter(logging.Formatter("%(message)s"))
    logging.basicConfig(level="WARNING", handlers=[handler], force=True)
    for ours in ("beamshred", "pipeline", "transforms"):
        logging.getLogger(ours).setLevel(log_level)
    # Beam logs tracebacks, some of them as critical, for errors that we report in a line ourselves.
    logging.getLogger("apache_beam").setLevel("DEBUG" if log_level == "DEBUG" else logging.CRITICAL + 1)
    return console


class _JsonFormatter(logging.Formatter):
    """A record of the log as a line."""

    def format(self, record: logging.LogRecord) -> str:
        found = {"event": "log", "logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            found["traceback"] = self.formatException(record.exc_info)
        return _line(record.levelname, found, record.created)


def print_event(level: str, event: Mapping[str, Any]) -> None:
    """Write an event to standard error."""
    print(_line(level, event, None), file=sys.stderr, flush=True)


def _line(level: str, event: Mapping[str, Any], seconds: float | None) -> str:
    now = datetime.now(timezone.utc) if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)
    head = {"time": now.isoformat(timespec="milliseconds"), "level": level}
    return json.dumps({**head, **event}, ensure_ascii=False, default=str)
