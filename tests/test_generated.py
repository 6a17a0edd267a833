"""Generated code in tracebacks."""

from __future__ import annotations

import traceback
from typing import Any

from transforms.generated import compile_shown


def trace(source: str, name: str) -> str:
    names: dict[str, Any] = {}
    exec(compile_shown(source, name), names)
    try:
        names["f"]()
    except ZeroDivisionError:
        return traceback.format_exc()
    raise AssertionError("no error")


def test_traceback_shows_the_line() -> None:
    found = trace("def f():\n    return 1 / 0\n", "contract of this test")
    assert 'File "<contract of this test>", line 2, in f' in found
    assert "return 1 / 0" in found


def test_two_sources_of_one_name_show_their_own_lines() -> None:
    first: dict[str, Any] = {}
    exec(compile_shown("def f():\n    return 1 / 0\n", "contract b"), first)
    assert "return 2 / 0" in trace("def f():\n    return 2 / 0\n", "contract b")
    try:
        first["f"]()
    except ZeroDivisionError:
        assert "return 1 / 0" in traceback.format_exc()
