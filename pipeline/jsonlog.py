"""The log as lines of JSON: each has ``time``, ``level`` and ``event``, and ``message`` or what the event holds."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any


class JsonFormatter(logging.Formatter):
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
