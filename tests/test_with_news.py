"""`make run` says that it still runs while pip says nothing."""

from __future__ import annotations

import os
import subprocess

from tests.jobs import ROOT


def with_news(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NEWS_SECONDS": "0.1"}
    return subprocess.run(
        [ROOT / ".ci" / "with-news", "Working", *command], env=environment, capture_output=True, text=True, timeout=30
    )


def test_silent_command_is_told_of_and_its_exit_code_is_kept() -> None:
    done = with_news("bash", "-c", "sleep 0.5; exit 7")
    assert done.returncode == 7
    lines = done.stdout.splitlines()
    assert lines[0] == "Working ..."
    assert lines[1].startswith("Working: ")


def test_short_command_is_not_waited_for_longer() -> None:
    assert with_news("true").stdout.splitlines()[0] == "Working ..."
