"""What a run has rejected, for people: by rule, or one reject with the lines around its fault. Nothing is written.

    python run_pipeline.py --rejects runs/<run>
    python run_pipeline.py --rejects runs/<run> --rule map.type --number 3

The files are read line by line, in order, and one record is held at a time: they may be of any size.
"""

from __future__ import annotations

import argparse
import ast
import base64
import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from beamshred.again import read_again
from beamshred.excerpt import excerpt, visible
from beamshred.report.report_file import masked, read_report
from beamshred.words import counted
from pipeline.command_line import Parser
from pipeline.flags import positive
from transforms.contract.document import did_you_mean
from transforms.filesystems import is_local, join
from transforms.lines import lines_before
from transforms.read.encoding import BrokenInput, detect
from transforms.read.files import changed_at, find_file, open_plain
from transforms.read.reject_lines import reject_files
from transforms.records import Reject
from transforms.rejects import reject_of_json
from transforms.user_errors import UserError

MOST_LINE = 256 << 20
"""Bytes of a line of a file of rejects; a longer one is told as damaged."""
MOST_SHAPES = 1_000
"""Messages of a rule that are told apart, by what they say without values; later ones are not counted."""
MOST_MESSAGE = 1_000

_CHUNK_BYTES = 1 << 20
_PLACE = re.compile(r"line (\d+)(?:, byte (\d+))?( of the record)?$")
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)+'|"(?:[^"\\]|\\.)+\"""", re.DOTALL)


@dataclass
class Group:
    """The rejects of one stage and rule: where the first is, and by shape a message and how often it is said."""

    first: str
    count: int = 0
    messages: dict[str, tuple[str, int]] = field(default_factory=dict)

    def add(self, message: str) -> None:
        self.count += 1
        shape = masked(message[:MOST_MESSAGE])
        if shape in self.messages or len(self.messages) < MOST_SHAPES:
            example, times = self.messages.get(shape, (message[:MOST_MESSAGE], 0))
            self.messages[shape] = example, times + 1


@dataclass
class Found:
    """What the files hold; ``one`` is the reject that was asked for, with its file and line."""

    groups: dict[str, Group] = field(default_factory=dict)
    damaged: int = 0
    first_damaged: str = ""
    total: int = 0
    one: Reject | None = None
    file: str = ""
    line: int = 0


def run(argv: Sequence[str]) -> int:
    """Show the rejects of a run; the exit code is 2 where something is wrong: flags, folder, or a line of its files."""
    parser = Parser(prog="run_pipeline.py", add_help=False, allow_abbrev=False)
    _add_flags(parser)
    console = Console()
    try:
        flags = parser.parse_args(argv)
        files = files_of_run(flags.rejects)
        is_single = flags.rule is not None or flags.number is not None
        number = (flags.number or 1) if is_single else None
        found = look(files, flags.rule, number)
        if number is not None and found.one is None and (found.total or not found.damaged):
            raise UserError(_no_such(found, flags.rule, number, flags.rejects))
    except (UserError, OSError) as error:
        print(f"no rejects shown: {visible(str(error))}", file=sys.stderr)
        return 2
    if found.one is not None:
        _show_one(found, found.one, flags.rule, number or 1, console)
    elif found.total or not found.damaged:
        _show_groups(found, flags.rejects, console)
    if found.damaged:
        lines = f"{counted(found.damaged, 'damaged line')} left out, the first"
        print(f"{lines}: {visible(found.first_damaged)}; correct or remove it", file=sys.stderr)
        return 2
    return 0


def files_of_run(folder: str) -> list[str]:
    """The files of rejects of a run, by its folder or theirs; :class:`UserError` where there are none."""
    files = reject_files(join(folder, "rejects")) or reject_files(folder)
    if files:
        return files
    if find_file(join(folder, "report.json")) is None:
        raise UserError(
            f"{folder} is not the folder of a run: it has no report.json and no rejects; name one, as runs/<run>"
        )
    if is_local(folder) and (rules := read_report(Path(folder)).get("rejects")):
        raise UserError(
            f"{folder} counts {counted(sum(rules.values()), 'reject')} in its report.json, but its files of "
            "rejects were removed"
        )
    return []


def look(files: Sequence[str], rule: str | None, number: int | None) -> Found:
    """Read all lines once; the ``number``-th reject, from 1, of this rule or of all, is kept."""
    found, seen = Found(), 0
    for path in files:
        for at, line in _numbered(path):
            if line is not None and not line.strip():
                continue
            try:
                if line is None:
                    raise ValueError(f"it has more than {MOST_LINE:,} bytes")
                reject = reject_of_json(line)
                name = f"{reject.stage}.{reject.rule}"
                found.groups.setdefault(name, Group(_place(reject))).add(str(reject.message))
            except ValueError as error:
                found.damaged += 1
                found.first_damaged = found.first_damaged or f"{path}, line {at}: {error}"
                continue
            found.total += 1
            if rule is None or rule == name:
                seen += 1
                if seen == number:
                    found.one, found.file, found.line = _with_sample(reject, line), path, at
    return found


def _numbered(path: str) -> Iterator[tuple[int, bytes | None]]:
    """The lines of a file, from 1; ``None`` for one that is too long to be held."""
    with closing(open_plain(path)) as file:
        number = 0
        while line := file.readline(MOST_LINE + 1):
            number += 1
            is_long = len(line) > MOST_LINE
            yield number, None if is_long else line
            while is_long and line and not line.endswith(b"\n"):
                line = file.readline(_CHUNK_BYTES)


def _with_sample(reject: Reject, line: bytes) -> Reject:
    """Of a source that cannot be read from a place on, the first of that, as far as it was kept."""
    if not reject.is_rest:
        return reject
    given: dict[str, Any] = json.loads(line)
    if isinstance(text := given.get("sample"), str):
        return replace(reject, payload=text.encode("utf-8", "replace"))
    if isinstance(text := given.get("sample_base64"), str):
        return replace(reject, payload=base64.b64decode(text))
    return reject


def _place(reject: Reject) -> str:
    return reject.source if reject.ordinal is None else f"{reject.source}, record {reject.ordinal:,}"


def _no_such(found: Found, rule: str | None, number: int, folder: str) -> str:
    if not found.total:
        return f"{folder} has no rejects"
    if rule is None:
        return f"there is no reject {number:,}: {folder} has {found.total:,}"
    if rule not in found.groups:
        return f"no reject has the rule {rule!r}; {did_you_mean(rule, found.groups) or '--rejects alone lists them'}"
    return f"there is no reject {number:,} of the rule {rule}: {folder} has {found.groups[rule].count:,}"


def _show_groups(found: Found, folder: str, console: Console) -> None:
    if not found.total:
        console.print(Text(f"{visible(folder)} has no rejects."))
        return
    table = Table(
        "rule", Column("rejects", justify="right"), Column("most frequent message", overflow="fold"),
        Column("times", justify="right"), Column("first at", overflow="fold"),
    )  # fmt: skip
    for name, group in sorted(found.groups.items(), key=lambda item: (-item[1].count, item[0])):
        message, times = max(group.messages.values(), key=lambda said: said[1])
        table.add_row(
            Text(visible(name)), f"{group.count:,}", Text(_cut(visible(message))), f"{times:,}",
            Text(visible(group.first)),
        )  # fmt: skip
    console.print(table)
    console.print(Text(f"{counted(found.total, 'reject')}. To see one: --rule RULE, or --number N, or both."))


_REPAIR = "have the document repaired and load it again, which skips what is loaded already"
REMEDIES = {
    "parse.not_well_formed": f"{_REPAIR}; or correct `payload` in this line of the file of rejects, and replay it",
    "parse.max_depth": "raise --max_depth (2048 at most) and replay",
    "parse.max_record_bytes": "raise --max_record_bytes and replay",
    "parse.entities": f"{_REPAIR}: it must say what its entities say without them",
    "parse.max_text": f"{_REPAIR}: without its DOCTYPE, texts may be longer",
    **dict.fromkeys(("read.malformed", "read.truncated", "read.compression", "read.not_xml", "read.empty"), _REPAIR),
    "read.encoding": f"{_REPAIR}: its bytes are not what its XML declaration says, or that names no known encoding",
}
"""What can be done about a reject whose message, made by a parser, does not say so."""


def _cut(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:297]}..."


def _show_one(found: Found, reject: Reject, rule: str | None, number: int, console: Console) -> None:
    count = found.groups[rule].count if rule else found.total
    name = f"{reject.stage}.{reject.rule}"
    payload, note = reject.payload, ""
    if payload is None:
        file = find_file(found.file)
        payload, note = read_again(reject, changed_at(file) if file else 0.0)
    above = None
    if payload and reject.start is not None:
        above = lines_before(reject.source, reject.start, payload)
    codec = _codec(reject, payload or b"")
    fault = _fault(reject, payload, above, codec) if payload else None

    def say(label: str, text: str, style: str = "") -> None:
        console.print(Text.assemble((f"{label:9}", "bold"), (visible(text), style)), soft_wrap=True)

    say("reject", f"{number:,} of {count:,}{f' of the rule {rule}' if rule else ''}, {found.file}, line {found.line:,}")
    say("rule", name)
    if reject.path:
        say("path", str(reject.path))
    span = "" if reject.start is None else f", byte {reject.start} to {reject.end}"
    line = ""
    if above is not None and payload:
        number_of_line = above + payload.count(b"\n", 0, fault or 0) + 1
        line = f", line {number_of_line:,}"
    say("document", f"{_place(reject)}{line}{span}")
    if reject.key is not None:
        say("key", _cut(str(reject.key)))
    say("message", str(reject.message), "red")
    if remedy := REMEDIES.get(name):
        say("remedy", remedy)
    if note:
        say("note", note)
    if payload:
        numbers = "of the record" if above is None else "of the document"
        unknown = "" if fault is not None else "; which of them is at fault is not known"
        console.print(Text(f"\nlines {numbers}{unknown}:", style="dim"))
        _show_lines(payload, fault, above or 0, codec, console)


def _show_lines(payload: bytes, fault: int | None, above: int, codec: str, console: Console) -> None:
    lines = excerpt(payload, fault, codec)
    width = len(str(above + lines[-1].number + 1))
    for line in lines:
        mark = " " if line.at is None else ">"
        text = Text(
            f"{mark} {above + line.number + 1:{width}} | {line.text}", style="" if line.at is None else "bold red"
        )
        console.print(text, soft_wrap=True)
        if line.at is not None:
            console.print(Text(" " * (width + 5 + line.at) + "^", style="red"), soft_wrap=True)


def _codec(reject: Reject, payload: bytes) -> str:
    try:
        payload.decode()
        return "utf-8"
    except UnicodeDecodeError:
        pass
    try:
        return detect((reject.context.prolog if reject.context else b"") + payload[:1024]).codec
    except BrokenInput:
        return "utf-8"


def _fault(reject: Reject, payload: bytes, above: int | None, codec: str) -> int | None:
    """The byte of the payload at fault, where the message tells it, or quotes a value that is there once."""
    if reject.is_rest:
        return 0
    if reject.stage == "parse" and (place := _PLACE.search(reject.message)):
        of_record = place[3] is not None
        if place[2] is not None:
            byte = int(place[2]) - (0 if of_record else reject.start or 0)
            return byte if 0 <= byte <= len(payload) else None
        if not of_record and above is None:
            return None
        return _line_start(payload, int(place[1]) - (0 if of_record else above or 0))
    for quoted in _QUOTED.findall(reject.message):
        try:
            value = str(ast.literal_eval(quoted)).strip()
            stored = escape(value).encode(codec)
        except (ValueError, SyntaxError, UnicodeError):
            continue
        places = re.finditer(rb"""[>"'\s]""" + re.escape(stored) + rb"""(?=[<"'\s])""", payload) if value else iter(())
        if (first := next(places, None)) and next(places, None) is None:
            return first.start() + 1
    return None


def _line_start(payload: bytes, number: int) -> int | None:
    """Where a line begins, from 1."""
    start = 0
    for _ in range(number - 1):
        start = payload.find(b"\n", start) + 1
        if not start:
            return None
    return start if number > 0 else None


def _add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rejects", metavar="RUN", required=True)
    parser.add_argument("--rule")
    parser.add_argument("--number", type=positive)
