"""Paths of this machine, and of Beam's other filesystems: only for these is Beam imported, which takes a second."""

from __future__ import annotations

import re

_SCHEME = re.compile(r"[a-zA-Z][-a-zA-Z0-9+.]*://")


def is_local(path: str) -> bool:
    """Whether a path is one of this machine's files, and not of another of Beam's filesystems."""
    return _SCHEME.match(path.strip()) is None


def join(folder: str, name: str) -> str:
    """The path of a name in a folder, on any filesystem."""
    return f"{folder.rstrip('/')}/{name}"
