"""docs/flags.md from the flags themselves: `python -m beamshred.flags_page docs/flags.md`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.command_line import full_parser
from pipeline.private import groups_of

_HEAD = """# Flags

Of `run_pipeline.py`, and of `beamshred run`. Made by `make docs` from the flags themselves. Sizes are written as 65536,
64k, 16M or 2G; hyphens may stand for underscores. Flags of Beam's runners pass through to Beam.
"""


def page() -> str:
    """The page as Markdown."""
    parts = [_HEAD]
    for title, description, flags in groups_of(full_parser()):
        actions = [one for one in flags if one.help not in (argparse.SUPPRESS, None) and one.dest != "help"]
        if not actions:
            continue
        parts.append(f"## {title[0].upper()}{title[1:]}\n")
        if description:
            parts.append(f"{description}\n")
        lines = ["| flag | meaning |", "|---|---|"]
        lines += [f"| {_names(one)} | {_escaped(_help(one))} |" for one in actions]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _names(action: argparse.Action) -> str:
    if action.nargs == 0:
        value = ""
    elif action.choices is not None:
        value = " " + "\\|".join(map(str, action.choices))
    else:
        value = f" {_escaped(str(action.metavar or ''))}"
    return "<br>".join(f"`{name}{value}`" for name in action.option_strings)


def _help(action: argparse.Action) -> str:
    return (action.help or "") % {**vars(action), "prog": "run_pipeline.py"}


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page())
