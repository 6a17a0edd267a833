"""Generated Python source, compiled so that tracebacks, debuggers and profilers show its lines."""

from __future__ import annotations

import linecache
from types import CodeType


def compile_shown(source: str, name: str) -> CodeType:
    """Compile source that this program has written; ``<name>`` is its file in tracebacks.

    Two sources of one name are told apart by a hash, as the cache of lines has one entry for each file.
    """
    lines = source.splitlines(keepends=True)
    file = f"<{name}>"
    if linecache.getlines(file) not in ([], lines):
        file = f"<{name} {hash(source) & 0xFFFFFF:06x}>"
    # With no time of change (None) an entry stays until it is replaced: there is no file to compare it with.
    linecache.cache[file] = len(source), None, lines, file
    return compile(source, file, "exec")
