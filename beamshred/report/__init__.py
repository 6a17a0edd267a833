"""``report.html``: what a run did, for people, in one file that opens offline.

    report.json, rejects/*.jsonl ──> page_of ──> report.html

The values of rejects are masked in it: it may be sent around, and the rejects themselves may not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from beamshred.report.page import page_of
from beamshred.report.report_file import read_report, reject_examples
from transforms.user_errors import UserError

__all__ = ["page_of", "read_report", "reject_examples", "run", "write_page"]


def write_page(folder: Path) -> Path:
    """Make ``report.html`` of a run's folder; :class:`UserError` where it has no report, ``OSError`` on a full disk."""
    page = page_of(read_report(folder), reject_examples(folder / "rejects"))
    path = folder / "report.html"
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(page, encoding="utf-8")
    return path


def run(argv: Sequence[str]) -> int:
    """``--report runs/<run>``: make the page again, and say where it is; the result is the exit code."""
    parser = argparse.ArgumentParser(prog="run_pipeline.py", add_help=False, allow_abbrev=False)
    parser.add_argument("--report", dest="folder", metavar="RUN", required=True)
    folder = Path(parser.parse_args(argv).folder)
    try:
        print(write_page(folder.parent if folder.name == "report.json" else folder))
    except (UserError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0
