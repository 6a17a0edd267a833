"""Paths of this machine, and of Beam's other filesystems: only for these is Beam imported, which takes a second."""

from __future__ import annotations

import re

from transforms.user_errors import UserError

_SCHEME = re.compile(r"[a-zA-Z][-a-zA-Z0-9+.]*://")


def is_local(path: str) -> bool:
    """Whether a path is one of this machine's files, and not of another of Beam's filesystems."""
    return _SCHEME.match(path.strip()) is None


def need_filesystem(path: str) -> None:
    """Raise :class:`UserError` where Beam has no filesystem for a path, or lacks the package of it."""
    if is_local(path):
        return
    from apache_beam.io.filesystems import FileSystems

    try:
        FileSystems.get_filesystem(path)
    except ValueError as error:
        raise UserError(str(error)) from None


def join(folder: str, name: str) -> str:
    """The path of a name in a folder, on any filesystem."""
    return f"{folder.rstrip('/')}/{name}"
