"""Of unlike documents, real ones and hard ones, the contract that --infer makes loads every value."""

from __future__ import annotations

import re
from pathlib import Path

import lxml
import mypy
import pytest
import xmlschema

from beamshred.infer import infer_contract
from pipeline.command import main
from tests.databases import TARGETS
from tests.leaves import missing, rows_of
from transforms.contract.plan import Contract
from transforms.contract.read import parse_contract

EXAMPLES = Path(__file__).parent.parent / "examples"
OWN = Path(__file__).parent / "infer"
SCHEMATRON = Path(lxml.__file__).parent / "isoschematron/resources"
SCHEMAS = Path(xmlschema.__file__).parent / "schemas"

DOCUMENTS = {
    "bank statements": sorted(EXAMPLES.glob("bank_statements/*.xml")),
    "software list": [EXAMPLES / "software_lists/a2600.xml"],
    "a grammar, recursive and namespaced": [SCHEMATRON / "rng/iso-schematron.rng"],
    "a stylesheet, mixed and recursive": [SCHEMATRON / "xsl/RNG2Schtrn.xsl"],
    "two stylesheets": sorted(SCHEMATRON.glob("xsl/iso-schematron-xslt1/iso_s*.xsl")),
    "a schema, with documentation in it": [SCHEMAS / "XSD_1.1/XMLSchema.xsd"],
    "schemas": [
        SCHEMAS / "XHTML/xhtml1-strict.xsd",
        SCHEMAS / "XLINK/xlink.xsd",
        Path(mypy.__file__).parent / "xml/mypy.xsd",
    ],
    **{file.stem.replace("_", " "): [file] for file in sorted(OWN.glob("*.xml"))},
}


def _inferred(files: list[Path]) -> Contract:
    return parse_contract(infer_contract([str(file) for file in files]))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_value_is_in_a_column(name: str) -> None:
    files = DOCUMENTS[name]
    assert missing(_inferred(files), files) == []


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "software list"])
def test_no_row_of_nested_elements_is_made_twice(name: str) -> None:
    contract = _inferred(DOCUMENTS[name])
    records = list(rows_of(contract, DOCUMENTS[name]))
    assert any(rows for record in records for rows in record.rows.values())
    for record in records:
        for label, rows in record.rows.items():
            assert len(set(rows)) == len(rows), label


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize("name", ["names that clash", "recursive parts", "tangled lists", "bank statements"])
def test_a_database_takes_the_tables_and_rows(name: str, database: str, tmp_path: Path) -> None:
    (tmp_path / "contract.yaml").write_text(infer_contract([str(file) for file in DOCUMENTS[name]]))
    inputs = [flag for file in DOCUMENTS[name] for flag in ("--input", str(file))]
    flags = ["--contract", f"{tmp_path}/contract.yaml", "--target", TARGETS[database](tmp_path)[0]]
    assert main([*inputs, *flags, "--run_dir", f"{tmp_path}/run", "--direct_running_mode", "in_memory"]) == 0


def test_the_comparison_finds_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "a.xml"
    file.write_text('<a><b c="77">x</b><b c="77">y</b></a>')
    text = infer_contract([str(file)])
    assert missing(parse_contract(text), [file]) == []
    without = re.sub(r".*@c.*\n", "", text)
    assert missing(parse_contract(without), [file]) == ["77", "77"]


def test_there_are_at_least_ten_and_they_are_unlike() -> None:
    assert len(DOCUMENTS) >= 10
    paths = {_inferred(files).record.path for files in DOCUMENTS.values()}
    assert len(paths) >= 8
