"""The examples of docs/contract.md: its fenced blocks, and what the program makes of them.

```yaml [file]   a contract, or the part of one that stands below FRAME; with a name, a file beside it
```csv file      a file beside the contract
```xml           a document
```rows          what the contract makes of the document
```errors        what is said of a contract that is wrong
```paths         paths, and the texts that they find in the document above
```sql           expressions, and their values
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from lxml import etree

from transforms.contract.document import ContractError
from transforms.contract.expressions import compile_expression
from transforms.contract.paths import parse_path
from transforms.contract.read import load_contract
from transforms.map.cells import text_of_value
from transforms.map.mapper import Mapper
from transforms.map.select import compile_path
from transforms.map.texts import text_of
from transforms.names import RecordPath
from transforms.parse.parser import RecordParser
from transforms.read.files import SourceFile
from transforms.read.splits import plan_splits, read_split
from transforms.records import MappedRecord, ParsedRecord, Reject
from transforms.schema import ABSENT

FRAME = """\
contract: orders
record:
  path: /order
  key:
    order_id: {from: "@id", type: int}
"""
NOW = datetime(2024, 3, 10, 12, 30, tzinfo=timezone.utc)

_FENCE = re.compile(r"^```(\w+)(?: ([\w.]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Example:
    """One block that says what comes out, at ``line`` of the page, with the blocks that lead to it."""

    kind: str
    line: int
    expected: str
    contract: str = ""
    xml: str = ""
    files: dict[str, str] = field(default_factory=dict)

    def actual(self, folder: Path) -> str:
        """What comes out; the files of the example are written to ``folder``."""
        for name, text in {"contract.yaml": self.contract, "orders.xml": self.xml, **self.files}.items():
            (folder / name).write_text(text, encoding="utf-8")
        return {"rows": _rows, "errors": _errors, "paths": self._paths, "sql": self._values}[self.kind](folder)

    def _paths(self, folder: Path) -> str:
        root = etree.fromstring(self.xml)
        return "".join(f"{_left(line)}-> {_found(root, _left(line).strip())}\n" for line in self.expected.splitlines())

    def _values(self, folder: Path) -> str:
        return "".join(f"{_left(line)}-> {_value(_left(line).strip())}\n" for line in self.expected.splitlines())


def examples(page: str) -> Iterator[Example]:
    """All examples of a page, in order."""
    contract = xml = ""
    files: dict[str, str] = {}
    for match in _FENCE.finditer(page):
        kind, name, text = match[1], match[2], match[3]
        if name:
            files[name] = text if "record:" in text or kind != "yaml" else FRAME + text
        elif kind == "yaml":
            contract = text if {"record:", "extends:"} & set(text.split()) else FRAME + text
        elif kind == "xml":
            xml = text
        elif kind in ("rows", "errors", "paths", "sql"):
            line = page.count("\n", 0, match.start()) + 1
            yield Example(kind, line, text, contract, xml, files)
            files = {}


def unused(page: str) -> list[str]:
    """The contracts of a page that no example uses."""
    used = {example.contract for example in examples(page)}
    texts = [match[3] for match in _FENCE.finditer(page) if match[1] == "yaml" and not match[2]]
    return [text for text in texts if text not in used and FRAME + text not in used]


def _rows(folder: Path) -> str:
    contract = load_contract(folder / "contract.yaml")
    mapper = Mapper(contract, "20240310T123000Z-orders", NOW)
    parser = RecordParser()
    path = RecordPath.parse(contract.record.path, contract.namespaces)
    file = folder / "orders.xml"
    tables: dict[str, list[tuple[Any, ...]]] = {table.label: [] for table in mapper.schema.tables}
    notes = []
    for split in plan_splits(SourceFile("in/orders.xml", str(file), file.stat().st_size), path):
        for record in read_split(split, path):
            assert not isinstance(record, Reject), record
            parsed = parser.parse(record)
            assert isinstance(parsed, ParsedRecord), parsed
            mapped = mapper.map(parsed)
            if isinstance(mapped, MappedRecord):
                for label, rows in mapped.rows.items():
                    tables[label] += rows
            else:
                notes.append(f"rejected {mapped.key}, {mapped.rule}: {mapped.message}\n")
    blocks = [
        _table(table.label, table.column_names, tables[table.label])
        for table in mapper.schema.tables
        if tables[table.label] or not notes
    ]
    notes += [f"counted {number} x {warning}\n" for warning, number in mapper.warnings.items()]
    return "\n".join([*blocks, *(["".join(notes)] if notes else [])])


def _table(label: str, names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = [names, *([_shown(value) for value in row] for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(names))]
    shown = [" | ".join(f"{text:{width}}" for text, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([f"{label}:", *("  " + line for line in shown)]) + "\n"


def _shown(value: Any) -> str:
    if value is None:
        return "NULL"
    if value is ABSENT:
        return "DEFAULT"
    return "''" if value == "" else text_of_value(value)


def _errors(folder: Path) -> str:
    try:
        load_contract(folder / "contract.yaml")
    except ContractError as error:
        return str(error).replace(f"{folder}/", "") + "\n"
    raise AssertionError("there is nothing wrong with this contract")


def _left(line: str) -> str:
    return line.rpartition("->")[0]


def _found(root: Any, text: str) -> str:
    nodes = compile_path(parse_path(text))(root)
    return ", ".join(node if isinstance(node, str) else " ".join(text_of(node).split()) for node in nodes) or "nothing"


def _value(text: str) -> str:
    expression = compile_expression(text, {})
    return _shown(expression.compile(lambda kind, name: 0)([NOW.replace(tzinfo=None)]))
