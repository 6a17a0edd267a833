"""The contract as YAML: a line for each column, with what was seen behind it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from textwrap import wrap
from typing import Any

from beamshred.infer.table_plans import ColumnDraft, TableDraft

WIDTH = 118
_PLAIN = re.compile(r"[A-Za-z_.$/][\w./$()-]*", re.ASCII)
_WORDS = {"true", "false", "null"}

_LEGEND = """\
Made from the documents by --infer. It loads them as it is; check what is marked UNSURE.
Types are as narrow as the values seen allow; text(50) has room for twice the longest. A value that does not
fit later rejects its record, and is never cut. `required` is written where every row had a value.
What occurs once in each row is a column. `take: only` beside a path makes a second element an error."""


def contract_text(
    name: str,
    path: str,
    key: Mapping[str, dict[str, Any]],
    tables: Iterable[TableDraft],
    namespaces: Mapping[str, str],
    about: Iterable[str] = (),
    key_notes: Iterable[str] = (),
    legend: str = _LEGEND,
) -> str:
    """The contract with its comments; ``namespaces`` are URIs by prefix, ``about`` is what is above all."""
    lines = [*_comment(legend.replace("\n", " "), ""), *(line for note in about for line in _comment(note, ""))]
    lines += [f"contract: {name}", ""]
    if namespaces:
        lines.append("namespaces:")
        lines += [f"  {prefix}: {_flow(uri)}" for prefix, uri in namespaces.items()]
        lines.append("")
    lines += ["record:", f"  path: {_flow(path)}", "  key:"]
    lines += [line for note in key_notes for line in _comment(note, "    ")]
    lines += [f"    {_flow(column)}: {_flow(spec)}" for column, spec in key.items()]
    lines += ["", "tables:"]
    for number, table in enumerate(tables):
        lines += [""] * bool(number) + list(_table(table))
    return "\n".join(lines) + "\n"


def _table(table: TableDraft) -> Iterator[str]:
    for note in table.notes:
        yield from _comment(note, "  ")
    yield f"  {_flow(table.name)}:"
    if table.parent is not None:
        yield f"    parent: {_flow(table.parent.name)}"
    if table.rows is not None:
        yield f"    rows: {_flow(table.rows)}"
    if table.own_key is not None:
        yield f"    key: {_flow(table.own_key[0]) if table.own_key else '[]'}"
    if not table.columns:
        yield "    columns: {}"
        return
    yield "    columns:"
    for name, column in table.columns.items():
        yield from _column(name, column)


def _column(name: str, column: ColumnDraft) -> Iterator[str]:
    spec = column.spec["from"] if set(column.spec) == {"from"} else column.spec
    line = f"      {_flow(name)}: {_flow(spec)}"
    note = "; ".join(column.notes)
    if note and len(line) + len(note) + 4 > WIDTH:
        yield from _comment(note, "      ")
        note = ""
    yield f"{line}  # {note}" if note else line


def _comment(text: str, indent: str) -> Iterator[str]:
    # A line end in a name or a message would end the comment.
    for line in wrap(" ".join(text.split()), WIDTH - len(indent) - 2, break_long_words=False, break_on_hyphens=False):
        yield f"{indent}# {line}"


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)
