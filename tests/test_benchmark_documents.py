"""The benchmark's documents and their contract are what the benchmark says of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import islice
from pathlib import Path
from statistics import median

import pytest
from lxml import etree

from benchmarks.documents import DECLARATION, FIRST_ID, LARGEST, SMALLEST, documents, write_folder, write_list
from transforms.contract.read import load_contract
from transforms.map.mapper import Mapper
from transforms.records import MappedRecord, ParsedRecord, XmlRecord

CONTRACT = Path(__file__).parent.parent / "benchmarks" / "contracts" / "applications.yaml"


@pytest.fixture(scope="module")
def sample() -> list[bytes]:
    return list(documents(60, seed=1))


def test_same_seed_same_bytes(sample):
    assert list(documents(60, seed=1)) == sample
    assert next(documents(1, seed=2)) != sample[0]


def test_same_bytes_in_every_version_of_python(sample):
    assert hashlib.sha256(b"".join(sample)).hexdigest().startswith("fbb9a3451b2cc481e16d5328")


def test_fewer_documents_are_the_first_of_more(sample):
    assert list(documents(3, seed=1)) == sample[:3]
    assert list(islice(documents(10**9, seed=1), 3)) == sample[:3]


def test_sizes_are_spread_around_the_median_within_bounds(sample):
    sizes = [len(text) for text in sample]
    assert median(sizes) == pytest.approx(145_000, rel=0.3)
    assert SMALLEST < min(sizes) < 60_000
    assert 400_000 < max(sizes) <= LARGEST
    assert max(map(len, documents(60, median_bytes=1))) < 2 * SMALLEST
    assert max(map(len, documents(3, median_bytes=10**8))) <= LARGEST


def test_documents_parse_and_hold_what_misleads_a_scan(sample):
    roots = [etree.fromstring(text) for text in sample]
    assert [int(root.find("Request").get("ID")) for root in roots] == list(range(FIRST_ID, FIRST_ID + 60))
    everything = b"".join(sample)
    assert b"<![CDATA[<?xml version='1.0'?><application><score" in everything
    assert b"<!-- was <contact " in everything
    assert any(root.find("Request/bureau_report/tradeline/address") is not None for root in roots)


def test_written_files_hold_the_same_documents(sample, tmp_path):
    assert write_folder(sample[:3], tmp_path / "folder") == sum(map(len, sample[:3]))
    files = sorted((tmp_path / "folder").iterdir())
    assert files[0].name == "app-0000001.xml"
    assert [file.read_bytes() for file in files] == sample[:3]
    one = tmp_path / "list.xml"
    assert write_list(sample[:3], one) == one.stat().st_size
    records = [etree.tostring(record, with_tail=False, encoding="utf-8") for record in etree.parse(one).getroot()]
    assert records == [etree.tostring(etree.fromstring(text), encoding="utf-8") for text in sample[:3]]
    assert one.read_bytes().count(DECLARATION) == 1


def test_contract_has_230_mapped_columns_in_12_tables():
    tables = load_contract(CONTRACT).tables.values()
    paths = [column.from_ for table in tables for column in table.columns.values() if column.from_ != ["$position"]]
    assert len(tables) == 12
    assert len(paths) == 230
    assert None not in paths


def test_every_document_maps_and_every_table_gets_rows(sample):
    mapper = Mapper(load_contract(CONTRACT))
    rows: Counter[str] = Counter()
    filled: set[tuple[str, str]] = set()
    for ordinal, text in enumerate(sample):
        mapped = mapper.map(ParsedRecord(XmlRecord("app.xml", ordinal, 0, len(text), text), etree.fromstring(text)))
        assert isinstance(mapped, MappedRecord), mapped
        for label, found in mapped.rows.items():
            rows[label] += len(found)
            names = mapper.schema.by_label[label].column_names
            filled |= {
                (label, name) for row in found for name, value in zip(names, row, strict=True) if value is not None
            }
        if ordinal == 4:
            assert len(+rows) == 12
    assert filled == {(table.label, name) for table in mapper.schema.tables for name in table.column_names}
