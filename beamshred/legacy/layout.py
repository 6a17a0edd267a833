"""SQL and paths over several lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PIECE = re.compile(r"""(?:'(?:[^']|'')*'|"[^"]*"|[^\s'"])+|['"]""")
"""What stands between blanks; blanks within quotes are none."""

_OPENS, _CLOSES = "CASE", "END"
_INDENT = "  "


def laid_out(text: str, width: int) -> str:
    """A text over lines of at most this width, as far as its blanks allow.

    The branches of a CASE stand below it, and a line goes on before AND, OR or THEN where it can.
    """
    lines = list(_branches(_PIECE.findall(text), 0, width)) if re.search(r"\bCASE\b", text) else [(0, text)]
    return "\n".join(line for indent, found in lines for line in _wrapped(found, _INDENT * indent, width))


def _branches(pieces: list[str], indent: int, width: int) -> Iterator[tuple[int, str]]:
    """The lines of an expression, each with its depth; a CASE that fits stays on its line."""
    line: list[str] = []
    at = 0
    while at < len(pieces):
        end = _end_of_case(pieces, at) if pieces[at].lstrip("(").endswith(_OPENS) else None
        if end is None or len(" ".join([*line, *pieces[at : end + 1]])) + 2 * indent <= width * 3 // 4:
            end = at if end is None else end
            line += pieces[at : end + 1]
            at = end + 1
            continue
        yield indent, " ".join([*line, pieces[at]])
        line = []
        for branch in _parts(pieces[at + 1 : end]):
            yield from _branches(branch, indent + 1, width)
        line = [pieces[end]]
        at = end + 1
    if line:
        yield indent, " ".join(line)


def _end_of_case(pieces: list[str], start: int) -> int | None:
    depth = 0
    for at in range(start, len(pieces)):
        if pieces[at].lstrip("(").endswith(_OPENS) and not pieces[at].startswith("'"):
            depth += 1
        elif re.match(rf"{_CLOSES}\b", pieces[at]):
            depth -= 1
            if depth == 0:
                return at
    return None


def _parts(pieces: list[str]) -> Iterator[list[str]]:
    """The branches of a CASE: each begins with WHEN or ELSE."""
    branch: list[str] = []
    depth = 0
    for piece in pieces:
        if depth == 0 and piece in ("WHEN", "ELSE") and branch:
            yield branch
            branch = []
        depth += piece.lstrip("(").endswith(_OPENS)
        depth -= bool(re.match(rf"{_CLOSES}\b", piece))
        branch.append(piece)
    if branch:
        yield branch


def _steps(piece: str, room: int) -> list[str]:
    """A path that takes more than a line, as its steps: blanks may stand between them."""
    if len(piece) <= room or "'" in piece or '"' in piece:
        return [piece]
    parts = [""]
    for step in re.split(r"(?=/)", piece):
        if len(parts[-1]) + len(step) > room:
            parts.append(step)
        else:
            parts[-1] += step
    return [part for part in parts if part]


def _wrapped(text: str, indent: str, width: int) -> Iterator[str]:
    """A text as lines; those after the first are indented further."""
    room, further = width - len(indent), indent + _INDENT
    pieces = [part for piece in _PIECE.findall(text) for part in _steps(piece, room - len(_INDENT) * 2)]
    while len(" ".join(pieces)) > room and len(pieces) > 1:
        fitting = [at for at in range(1, len(pieces)) if len(" ".join(pieces[:at])) <= room] or [1]
        better = [at for at in fitting if pieces[at] in ("AND", "OR", "THEN", "and", "or") and at > fitting[-1] // 2]
        at = better[-1] if better else fitting[-1]
        yield indent + " ".join(pieces[:at])
        pieces = pieces[at:]
        indent = further
        room = width - len(indent)
    yield indent + " ".join(pieces)
