"""The report of a run's folder, and examples of its rejects."""

from __future__ import annotations

import json
import re
from itertools import islice
from pathlib import Path
from typing import Any

from transforms.user_errors import UserError

EXAMPLES = 3
"""Rejects of each rule that are shown."""
_MOST_LINES = 2_000
"""Lines of a file of rejects that are looked at."""
_MOST_FILES = 50


def read_report(folder: Path) -> dict[str, Any]:
    """The report of a run, by its folder or its file; :class:`UserError` says what is wrong."""
    path = folder / "report.json" if folder.is_dir() else folder
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{folder} is not the folder of a run: it has no report.json; name one, as runs/<run>"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    if not isinstance(report, dict) or "records" not in report:
        raise UserError(f"{path} is not the report of a run")
    return report


def reject_examples(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """A few rejects by ``<stage>.<rule>``, with every value masked: of the first lines of each file."""
    found: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(folder.glob("*.jsonl"))[:_MOST_FILES]:
        with file.open(encoding="utf-8", errors="replace") as lines:
            for line in islice(lines, _MOST_LINES):
                try:
                    reject = json.loads(line)
                    examples = found.setdefault(f"{reject['stage']}.{reject['rule']}", [])
                except (ValueError, TypeError, KeyError):
                    continue  # edited by hand, or cut off
                if len(examples) < EXAMPLES:
                    examples.append(_example(reject))
    return found


def _example(reject: dict[str, Any]) -> dict[str, Any]:
    return {
        "path": reject.get("path"),
        "message": masked(str(reject.get("message", ""))),
        "source": reject.get("source"),
        "ordinal": reject.get("ordinal"),
        "span": reject.get("span"),
        "key": shape(str(reject["key"])) if reject.get("key") is not None else None,
    }


_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|=\([^)]*\)""", re.DOTALL)
_LONG_NUMBER = re.compile(r"\d{4,}")


def masked(message: str) -> str:
    """A message with the shape of each value that it quotes, and of each long number, in its place."""
    quotes_hidden = _QUOTED.sub(lambda found: found[0][0] + shape(found[0][1:-1]) + found[0][-1], message)
    return _LONG_NUMBER.sub(lambda found: "9" * len(found[0]), quotes_hidden)


def shape(value: str) -> str:
    """``Aa-99`` for ``Xy-42``: the kinds of its characters, in order, at most 40 of them."""
    signs = ("9" if c.isdigit() else "A" if c.isupper() else "a" if c.isalpha() else c for c in value[:40])
    return "".join(signs) + ("..." if len(value) > 40 else "")
