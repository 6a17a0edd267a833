"""Contracts in a few lines, and what they make of a document."""

from __future__ import annotations

import textwrap
from datetime import datetime, timezone
from typing import Any

import pytest

from transforms.contract.document import ContractError
from transforms.contract.read import parse_contract
from transforms.map.mapper import Mapper
from transforms.parse.parser import RecordParser
from transforms.records import MappedRecord, ParsedRecord, Reject, Row, XmlRecord

HEAD = 'contract: test\nrecord: {path: /r, key: {id: {from: "@id", type: int}}}\n'
STARTED = datetime(2024, 3, 10, 12, 30, tzinfo=timezone.utc)


def mapper(contract: str) -> Mapper:
    """The mapper of a contract; without a ``record`` of its own it gets :data:`HEAD`."""
    contract = textwrap.dedent(contract)
    return Mapper(parse_contract(contract if "record:" in contract else HEAD + contract), "run-1", STARTED)


def result(contract: str | Mapper, xml: str) -> MappedRecord | Reject:
    payload = xml.encode()
    parsed = RecordParser().parse(XmlRecord("in/a.xml", 7, 100, 100 + len(payload), payload))
    assert isinstance(parsed, ParsedRecord), parsed
    return (contract if isinstance(contract, Mapper) else mapper(contract)).map(parsed)


def all_rows(contract: str | Mapper, xml: str) -> dict[str, list[Row]]:
    """The rows of a document by table, without the record's key, which is their first column."""
    mapped = result(contract, xml)
    assert isinstance(mapped, MappedRecord), mapped
    return {label: [row[1:] for row in rows] for label, rows in mapped.rows.items()}


def rows(contract: str | Mapper, xml: str, table: str = "t") -> list[Row]:
    """The rows of one table, without the record's key."""
    return all_rows(contract, xml)[table]


def column(contract: str | Mapper, xml: str, table: str = "t") -> list[Any]:
    """The last column of one table."""
    return [row[-1] for row in rows(contract, xml, table)]


def reject(contract: str | Mapper, xml: str) -> Reject:
    rejected = result(contract, xml)
    assert isinstance(rejected, Reject), rejected.rows
    return rejected


def mistakes(contract: str) -> list[str]:
    """All mistakes of a contract, without the file and line."""
    with pytest.raises(ContractError) as caught:
        mapper(contract)
    return [str(problem).partition(" ")[2] for problem in caught.value.problems]


def mistake(contract: str) -> str:
    """The one mistake of a contract."""
    (message,) = mistakes(contract)
    return message
