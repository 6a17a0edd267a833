"""The documentation: links that lead somewhere, flags as they are, a tutorial that runs, a site that builds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from beamshred.flags_page import page
from tests.jobs import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

COMMANDS = f"""
set -eu
beamshred() {{ {sys.executable} -m beamshred "$@"; }}
sqlite3() {{ {sys.executable} -c 'import sqlite3, sys
for row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2]): print(*row, sep="|")' "$@"; }}
"""


def anchor(title: str) -> str:
    """The anchor of a heading, as Markdown renderers make it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_links_lead_somewhere(file: Path) -> None:
    text = re.sub(r"```.*?```", "", file.read_text(), flags=re.DOTALL)
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("http://", "https://")):
            continue
        path, _, fragment = link.partition("#")
        other = (file.parent / path).resolve() if path else file
        if not other.exists():
            broken.append(link)
        elif fragment and other.suffix == ".md":
            titles = re.findall(r"^#+ (.*)$", other.read_text(), re.MULTILINE)
            if fragment not in map(anchor, titles):
                broken.append(link)
    assert not broken


def test_flags_are_documented_as_they_are() -> None:
    assert (ROOT / "docs" / "flags.md").read_text() == page(), "run make docs"


@pytest.mark.slow
def test_tutorial_runs_as_it_stands(tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "tutorial.md").read_text(), re.DOTALL)
    assert len(blocks) == 6
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", COMMANDS + "\n".join(blocks)], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Ann|2" in done.stdout
    assert "paths begin at the record's element" in done.stdout
    found = "import sqlite3; print(sqlite3.connect('shop.db').execute('SELECT count(*) FROM \"order\"').fetchone()[0])"
    count = subprocess.run([sys.executable, "-c", found], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert count.stdout.strip() == "3"


def test_site_builds(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="the extra `docs` is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "tutorial" / "index.html").exists()
