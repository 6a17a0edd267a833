"""The contract that --infer_xsd makes loads the documents of the schema, with every value in a column."""

from __future__ import annotations

from pathlib import Path

import elementpath
import pytest
import xmlschema

from beamshred.infer.tree import InferError
from beamshred.infer.xsd import infer_from_schema
from pipeline.command import main
from tests.leaves import missing
from transforms.contract.plan import Contract
from transforms.contract.read import parse_contract

FOLDER = Path(__file__).parent / "infer/xsd"
SCHEMAS = Path(xmlschema.__file__).parent / "schemas"


def _orders() -> Contract:
    return parse_contract(infer_from_schema(str(FOLDER / "orders.xsd")))


def _schema(tmp_path: Path, body: str) -> tuple[str, Contract]:
    file = tmp_path / "s.xsd"
    file.write_text(f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{body}</xs:schema>')
    text = infer_from_schema(str(file))
    return text, parse_contract(text)


def test_every_value_is_in_a_column() -> None:
    document = FOLDER / "orders_document.xml"
    assert missing(_orders(), [document]) == []


def test_the_document_of_that_test_is_valid() -> None:
    xmlschema.validate(str(FOLDER / "orders_document.xml"), str(FOLDER / "orders.xsd"))


def test_includes_and_imports_are_read() -> None:
    tables = _orders().tables
    assert tables["order"].columns["total"].model.type == "decimal(18,2)"
    assert tables["party"].columns["name"].required


def test_types_lengths_and_nullability_are_those_of_the_schema() -> None:
    columns = _orders().tables["order"].columns
    assert (columns["iban"].model.type, columns["iban"].required) == ("text(34)", False)
    assert tuple(columns[name].model.type for name in ("state", "placed", "due")) == ("text(6)", "datetimetz", "date")
    assert columns["total_cur"].required
    assert not columns["card"].required  # one of a choice


def test_choice_that_repeats_makes_tables() -> None:
    assert _orders().tables["line"].sources[0].rows.text == "line"


def test_recursion_under_the_same_name_is_a_table_and_under_another_xml() -> None:
    part = _orders().tables["part"]
    assert part.sources[0].rows.text == "part | part/.//part"
    assert part.columns["spare_xml"].model.take == "xml"


@pytest.mark.parametrize(
    ("xsd", "type_"),
    [
        ("xs:int", "int"), ("xs:short", "smallint"), ("xs:unsignedInt", "bigint"), ("xs:unsignedLong", "decimal(20,0)"),
        ("xs:boolean", "bool"), ("xs:double", "float"), ("xs:time", "time"), ("xs:hexBinary", "binary"),
        ("xs:base64Binary", "binary"), ("xs:gYear", "text(20)"), ("xs:duration", "text"), ("xs:NMTOKENS", "text"),
        ("xs:integer", "bigint"), ("xs:decimal", "decimal(38,10)"), ("xs:anyURI", "text"),
    ],
)  # fmt: skip
def test_type(tmp_path: Path, xsd: str, type_: str) -> None:
    body = f"""<xs:element name="r"><xs:complexType><xs:sequence><xs:element name="v" type="{xsd}"/>
        </xs:sequence><xs:attribute name="a" type="xs:string"/></xs:complexType></xs:element>"""
    assert _schema(tmp_path, body)[1].tables["r"].columns["v"].model.type == type_


def test_what_the_schema_leaves_open_is_said(tmp_path: Path) -> None:
    body = """<xs:element name="r"><xs:complexType><xs:sequence><xs:element name="v" type="xs:string"/>
        <xs:any processContents="lax"/></xs:sequence><xs:anyAttribute/></xs:complexType></xs:element>"""
    text, _ = _schema(tmp_path, body)
    assert "may have elements that the schema does not name" in text
    assert "may have attributes that the schema does not name" in text


def test_substitutes_are_columns_too(tmp_path: Path) -> None:
    body = """<xs:element name="head" type="xs:string" abstract="true"/>
        <xs:element name="one" type="xs:string" substitutionGroup="head"/>
        <xs:element name="two" type="xs:string" substitutionGroup="head"/>
        <xs:element name="r"><xs:complexType><xs:sequence><xs:element ref="head"/></xs:sequence></xs:complexType>
        </xs:element>"""
    columns = _schema(tmp_path, body)[1].tables["r"].columns
    assert set(columns) == {"one", "two"}
    assert not columns["one"].required


def test_nothing_is_read_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out.xsd").write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="x" type="xs:string"/></xs:schema>'
    )
    (tmp_path / "in/s.xsd").write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="../out.xsd"/></xs:schema>'
    )
    with pytest.raises(InferError):
        infer_from_schema(str(tmp_path / "in/s.xsd"))


def test_elements_within_one_another_under_many_names_have_an_end(tmp_path: Path) -> None:
    file = Path(elementpath.__file__).parent / "validators/schema-for-json.xsd"
    document = tmp_path / "a.xml"
    document.write_text(
        '<map xmlns="http://www.w3.org/2005/xpath-functions"><string key="a">x</string><array key="b">'
        "<number>1.5</number>"
        '<map><boolean key="c">true</boolean><array key="d"><map><string key="e">y</string></map>'
        "</array></map></array></map>"
    )
    xmlschema.validate(str(document), str(file))
    assert missing(parse_contract(infer_from_schema(str(file), "/map")), [document]) == []


def test_the_roots_that_might_be_are_named() -> None:
    text = infer_from_schema(str(SCHEMAS / "XHTML/xhtml1-strict.xsd"), "/html")
    assert parse_contract(text).record.path == "/html"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--infer_xsd", "nowhere.xsd"], "there is no schema 'nowhere.xsd'"),
        (["--infer_xsd", str(FOLDER / "orders_document.xml")], "is not a schema"),
        (
            ["--infer_xsd", str(FOLDER / "orders.xsd"), "--record", "/nothing"],
            "declares no element nothing; it has orders",
        ),
        (["--infer_xsd", str(FOLDER / "orders.xsd"), "--sample", "5"], "leave out --infer and --sample"),
    ],
)
def test_command_says_what_is_wrong(flags: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(flags) == 2
    assert said in capsys.readouterr().err
