"""All values of XML documents, found by lxml alone, and those of the rows that a contract makes of them."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timezone
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from lxml import etree

from transforms.contract.plan import Contract
from transforms.map.mapper import Mapper
from transforms.names import RecordPath
from transforms.parse.parser import RecordParser
from transforms.read.files import SourceFile
from transforms.read.splits import plan_splits, read_split
from transforms.records import MappedRecord, ParsedRecord


def leaves(root: etree._Element) -> Iterator[tuple[str, bool]]:
    """Each attribute and text that is not blank; and whether it stands alone, or is one piece of a longer text."""
    for element in root.iter("*"):
        for value in element.attrib.values():
            if value.strip():
                yield value, True
        pieces = [element.text, *(child.tail for child in element)]
        for piece in pieces:
            if piece and piece.strip():
                yield piece, len(pieces) == 1


def document_leaves(file: Path) -> list[tuple[str, bool]]:
    parser = etree.XMLParser(remove_comments=True, remove_pis=True, resolve_entities=True, load_dtd=False)
    return list(leaves(etree.parse(str(file), parser).getroot()))


def rows_of(contract: Contract, files: list[Path]) -> Iterator[MappedRecord]:
    """What the stages make of files; none is rejected."""
    mapper, parser = Mapper(contract), RecordParser()
    path = RecordPath.parse(contract.record.path, contract.namespaces)
    for file in files:
        for split in plan_splits(SourceFile(str(file), str(file), file.stat().st_size), path):
            for record in read_split(split, path):
                parsed = parser.parse(record)  # type: ignore[arg-type]
                assert isinstance(parsed, ParsedRecord), parsed.message
                mapped = mapper.map(parsed)
                assert isinstance(mapped, MappedRecord), mapped.message
                yield mapped


def missing(contract: Contract, files: list[Path]) -> list[str]:
    """The values of the documents that are in no column, each as often as it is too few times."""
    held: Counter[str] = Counter()
    texts: list[str] = []
    keys = set()
    for record in rows_of(contract, files):
        assert record.key not in keys, f"two records have the key {record.key}"
        keys.add(record.key)
        for value in record.key_values:
            held.update(_forms_of_value(value))
        for label, rows in record.rows.items():
            # Inherited columns repeat what stands in the row above.
            above = len(contract.tables[label].inherited)
            columns = list(contract.tables[label].columns.values())
            for row in rows:
                for column, value in zip(columns, row[above:], strict=True):
                    if value is not None and column.model.take == "xml":
                        held.update(text for text, _ in leaves(etree.fromstring(value)))
                    elif value is not None and column.model.take == "first" and column.from_[0][:1] != "$":  # type: ignore
                        held.update(_forms_of_value(value))
                        texts += [value] if isinstance(value, str) else []
    all_text = "\0".join(texts)
    lost = []
    for file in files:
        for text, is_alone in document_leaves(file):
            form = next((form for form in _forms_of_text(text) if held[form]), None)
            if form is not None:
                held[form] -= 1
            elif is_alone or text not in all_text:
                lost.append(text)
    return lost


def _forms_of_value(value: Any) -> list[str]:
    if isinstance(value, bool):
        return [str(value).lower()]
    if isinstance(value, datetime):
        return [_moment(value)]
    if isinstance(value, date):
        return [value.isoformat()]
    return [f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)]


def _forms_of_text(text: str) -> Iterator[str]:
    yield text
    with contextlib.suppress(InvalidOperation):
        yield f"{Decimal(text).normalize():f}"
    for form in ("%d/%m/%Y", "%d.%m.%Y"):
        with contextlib.suppress(ValueError):
            yield datetime.strptime(text, form).date().isoformat()
    with contextlib.suppress(ValueError):
        yield _moment(datetime.fromisoformat(text.strip().replace("Z", "+00:00")))
    yield text.strip()


def _moment(value: datetime) -> str:
    return (value.astimezone(timezone.utc) if value.tzinfo else value).isoformat()
