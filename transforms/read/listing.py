"""Local files by name, one after another: however many a folder has, a bounded number of names is held.

Names are given in the order of their paths, as texts. A folder of more than :data:`AT_ONCE` names is listed again for
each so many: that costs a second or so for a million, and an own list of them 100 MB.
"""

from __future__ import annotations

import heapq
import os
import re
from collections.abc import Iterator

from transforms.user_errors import InputError

AT_ONCE = 50_000
"""Names of one folder that are held at the same time."""

_GLOB = re.compile(r"[*?\[]")


def walk(folder: str, levels: int | None = None) -> Iterator[str]:
    """The files in a folder and those below it, so many levels deep; ``OSError`` for a folder that cannot be listed.

    Links to folders are not followed.
    """
    last = ""
    while True:
        names = heapq.nsmallest(AT_ONCE, (name for name in _names(folder) if name > last))
        for name in names:
            # A folder comes where its files would: `a-b.xml` < `a/c.xml` < `a0.xml`.
            if not name.endswith("/"):
                yield os.path.join(folder, name)
            elif levels is None or levels > 1:
                yield from walk(os.path.join(folder, name[:-1]), None if levels is None else levels - 1)
        if len(names) < AT_ONCE:
            return
        last = names[-1]


def _names(folder: str) -> Iterator[str]:
    """The names in a folder in no order; of folders with a slash at their end."""
    with os.scandir(folder or os.curdir) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield entry.name + "/"
            elif not (entry.is_symlink() and os.path.isdir(entry.path)):  # is_dir() raises for a loop of links
                yield entry.name


def glob(pattern: str) -> Iterator[str]:
    """The files that a pattern means: ``*`` and ``?`` stay within one folder, ``**`` does not; ``[ab]``, ``[!ab]``.

    ``**/`` is any number of folders, none too, as in a shell: Beam's own would not find ``a.xml`` by ``**/*.xml``.
    """
    first = _GLOB.search(pattern)
    assert first is not None, "without a glob character it is a name"
    folder = os.path.dirname(pattern[: first.start()])
    below = pattern[len(folder) :].lstrip("/") + ("*" if pattern.endswith("/") else "")
    try:
        matches = re.compile(_translated(below), re.DOTALL).fullmatch
    except re.error as error:
        raise InputError(f"the input {pattern!r} is not a valid glob: {error}") from None
    # Where the pattern begins at a name, so does what it is compared with.
    start = len(folder) if folder.endswith("/") or not folder else len(folder) + 1
    if os.path.isdir(folder or os.curdir):
        for path in walk(folder, None if "**" in below else below.count("/") + 1):
            if matches(path, start):
                yield path


def _translated(pattern: str) -> str:
    """The pattern as a regular expression: the rules are those of Beam's filesystems, but for ``**/``."""
    parts = re.split(r"((?:(?<=/)|\A)\*\*/|\*\*|\*|\?|\[(?:!.|[^!])[^\]]*\])", pattern, flags=re.DOTALL)
    for number in range(1, len(parts), 2):
        part = parts[number]
        if part.startswith("["):
            inside = part[1:-1].replace("\\", "\\\\")
            parts[number] = "[" + ("^" + inside[1:] if inside.startswith("!") else re.sub(r"^\^", r"\\^", inside)) + "]"
        else:
            parts[number] = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "."}[part]
    parts[::2] = map(re.escape, parts[::2])
    return "".join(parts)
