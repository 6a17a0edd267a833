"""Contracts that are wrong in any way: only contract errors, and those that pass can be used."""

from __future__ import annotations

import random
import re
from datetime import datetime, timezone
from functools import cache
from pathlib import Path

from tests.contract_examples import examples
from transforms import load_contract, reach_of, schema_of
from transforms.contract.document import ContractError
from transforms.map.mapper import Mapper
from transforms.parse.parser import RecordParser
from transforms.records import MappedRecord, ParsedRecord, Reject, XmlRecord

_ROOT = Path(__file__).resolve().parent.parent.parent
_STARTED = datetime(2026, 1, 1, tzinfo=timezone.utc)
_TOKENS = (
    "from", "value", "expression", "type", "rows", "columns", "key", "tables", "record", "path", "contract",
    "defaults", "lookups", "extends", "column_groups", "unique", "union", "when", "reject_when", "warn_when",
    "on_error", "required", "int", "bigint", "text(5)", "text(-1)", "decimal(10, 2)", "decimal(2, 10)", "json", "bool",
    "null", "true", "~", "''", "0", "-1", "1e400", ".nan", "[", "]", "{", "}", ":", ": ", "- ", ", ", "&a", "*a", "*b",
    "<<", "!!python/object:os", "!x", "|", ">", "#", "'", '"', "\t", "%", "@id", "$position", "$source", "..", "//",
    "/*", "a[", "a[0]", "a[last()]", "text()", "CASE WHEN", "END", "SELECT", "||", "(", ")", "🎉", "\u2028", "\ufeff",
    "2024-13-45", "9" * 30, "? ", "---",
)  # fmt: skip


@cache
def _corpus() -> list[tuple[str, bytes, dict[str, str]]]:
    """Contracts with a document for each, and the files beside them: those of the docs and the examples."""
    found = []
    for page in sorted((_ROOT / "docs").glob("*.md")):
        for example in examples(page.read_text(encoding="utf-8")):
            if example.contract:
                found.append((example.contract, (example.xml or "<order/>").encode(), example.files))
    for file in sorted((_ROOT / "examples").glob("*/contract.yaml")):
        found.append((file.read_text(encoding="utf-8"), b"<softwarelist/>", {}))
    return found


def contracts(chance: random.Random, folder: Path) -> None:
    """A mutated contract is refused by a ContractError, or maps a record to rows or a reject."""
    text, document, files = chance.choice(_corpus())
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    for _ in range(chance.choice([1, 1, 2, 5])):
        text = _mutated(text, chance)
    file = folder / "contract.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        contract = load_contract(file)
    except ContractError:
        return
    try:
        mapper = Mapper(contract, "run", _STARTED)
        schema_of(contract)
        parsed = RecordParser(reach=reach_of(contract)).parse(XmlRecord("a.xml", 0, 0, len(document), document))
        if isinstance(parsed, ParsedRecord):
            assert isinstance(mapper.map(parsed), (MappedRecord, Reject))
    except Exception as error:
        raise AssertionError(f"the contract was accepted, and cannot be used:\n{text}") from error


def _mutated(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    line, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    kind = chance.randrange(8)
    if kind == 0:
        lines.insert(line, lines[other])
    elif kind == 1:
        del lines[line]
    elif kind == 2:
        lines[line], lines[other] = lines[other], lines[line]
    elif kind == 3:
        lines[line] = " " * chance.randrange(4) + lines[line].lstrip()
    if kind < 4:
        return "\n".join(lines)
    places = [match.span() for match in re.finditer(r"[\w@$.]+|[^\w\s]", text)] or [(0, 0)]
    start, end = chance.choice(places)
    if kind < 6:
        return text[:start] + chance.choice(_TOKENS) + text[end:]
    if kind == 6:
        return text[:start] + chance.choice(_TOKENS) * chance.choice([1, 1, 1, 60]) + text[start:]
    first, last = chance.choice(places)
    return text[:start] + text[first:last] + text[end:]
