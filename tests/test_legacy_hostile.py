"""Hostile documents against one imported contract: the rows were written by hand, from the page, before a run."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.legacy_contracts import ADDRESS, APP, CON_ID, CONTACT, EMPLOYMENT, converted, mapped, mapping, rows_of
from transforms.contract.read import parse_contract
from transforms.map.mapper import Mapper
from transforms.records import Reject

FILTERS = {
    "filter_rules": [
        {
            "element_type": "contact", "xml_parent_path": APP, "xml_child_path": CONTACT,
            "required_attributes": {"con_id": True, "role": [" PR", "sec "]},
        },
        {
            "element_type": "address", "xml_parent_path": CONTACT, "xml_child_path": ADDRESS,
            "required_attributes": {"kind": ["CURR", "PREV", "P.O. Box"], "country": [" US ", "CA"]},
        },
        {
            "element_type": "employment", "xml_parent_path": CONTACT, "xml_child_path": EMPLOYMENT,
            "required_attributes": {"kind": ["CURR", "PREV"]},
        },
    ]
}  # fmt: skip

MAPPINGS = [
    CON_ID,
    mapping(f"{APP}/@amount", "app_base.amount", "decimal"),
    mapping(f"{APP}/@term", "app_base.term", "smallint", default_value="12"),
    mapping(f"{APP}/@tiny", "app_base.tiny", "tinyint"),
    mapping(f"{APP}/@big", "app_base.big", "bigint"),
    mapping(f"{APP}/@ref", "app_base.ref", "int", "identity_insert"),
    mapping(f"{APP}/@note", "app_base.note", "string", data_length=8),
    mapping(f"{APP}/@note", "app_base.whole_note", "string", data_length=-1),
    mapping(f"{APP}/@at", "app_base.at", "smalldatetime"),
    mapping(f"{APP}/@day", "app_base.day", "date", default_value="01/01/1900"),
    mapping(f"{APP}/@source", "app_base.source", "int", "enum", enum_name="sources", default_value="8"),
    mapping(f"{APP}/@state", "app_base.state", "string", "enum", enum_name="states", default_value="??"),
    mapping(f"{APP}/@flag", "app_base.flag", "bit", "char_to_bit", default_value="1"),
    mapping(f"{APP}/@is_on", "app_base.is_on", "bit", "boolean_to_bit"),
    mapping(f"{APP}/@phone", "app_base.phone", "string", "numbers_only", data_length=10),
    mapping(f"{APP}/@x", "app_base.ratio", "decimal", "calculated_field", expression="a / b"),
    mapping(f"{APP}/@x", "app_base.sum", "int", "calculated_field", expression="a + b * 2"),
    mapping(
        f"{APP}/@x", "app_base.due", "date", "calculated_field",
        expression="CASE WHEN DATE(start) < DATE('2024-01-01') THEN DATEADD(day, 30, start) ELSE start END",
    ),
    mapping(f"{APP}/product/@rate", "app_base.rate", "decimal", data_length=3),
    mapping(f"{CONTACT}/@email", "app_base.email", "string", "last_valid_pr_contact", data_length=12),
    mapping(f"{ADDRESS}/@city", "app_base.pr_city", "string", "last_valid_pr_contact"),
    mapping(f"{CONTACT}/card/@no", "app_base.card", "string", "authu_contact"),
    mapping(f"{CONTACT}/@role", "app_contact_base.role_enum", "tinyint", "enum", enum_name="roles"),
    mapping(f"{CONTACT}/@ssn", "app_contact_base.ssn", "string", "numbers_only", data_length=9),
    mapping(f"{CONTACT}/@birth_date", "app_contact_base.born", "date"),
    mapping(f"{ADDRESS}/@city", "app_contact_base.city", "string", "curr_address_only"),
    mapping(f"{ADDRESS}/@kind", "app_contact_address.kind_enum", "tinyint", "enum", enum_name="kinds"),
    mapping(f"{ADDRESS}/@line", "app_contact_address.line"),
    mapping(f"{ADDRESS}/@po_box", "app_contact_address.po_box"),
    mapping(f"{ADDRESS}/@months", "app_contact_address.months", "int", default_value="0"),
    mapping(f"{EMPLOYMENT}/@b_name", "app_contact_employment.name"),
    mapping(f"{EMPLOYMENT}/@b_salary", "app_contact_employment.salary", "decimal"),
    mapping(f"{EMPLOYMENT}/@kind", "app_contact_employment.kind"),
    mapping(f"{APP}/product/@apr", "pricing.apr", "decimal"),
    mapping(f"{APP}/product/@grade", "pricing.grade", "string", default_value="A"),
    mapping(f"{APP}/@c1_make", "collateral.make", "string", "add_collateral(1)"),
    mapping(f"{APP}/@c1_value", "collateral.wholesale_value", "decimal", "add_collateral(1)", default_value="0"),
    mapping(f"{APP}/@c1_new", "collateral.is_new", "bit", "add_collateral(1)", "char_to_bit"),
    mapping(f"{APP}/@c2_make", "collateral.make", "string", "add_collateral(2)"),
    mapping(f"{APP}/@c2_value", "collateral.wholesale_value", "decimal", "add_collateral(2)", default_value="0"),
    mapping(f"{APP}/@gap", "warranties.company", "string", "warranty_field(1)"),
    mapping(f"{APP}/@gap_lien", "warranties.lien", "bit", "warranty_field(1)", "char_to_bit"),
    mapping(f"{APP}/@tu", "scores.", "int", "add_score(TU)"),
    mapping(f"{APP}/bureau/@eq", "scores.", "int", "add_score(EQ)"),
    mapping(f"{APP}/@vip", "indicators.", "string", "add_indicator(VIP)"),
    mapping(f"{CONTACT}/@maiden", "history.", "string", "last_valid_pr_contact", "add_history"),
    mapping(f"{APP}/@prior", "history.", "string", "add_history"),
    mapping(f"{APP}/@ofac", "reports.", "string", "add_report_lookup(OFAC)"),
    mapping(f"{APP}/@ovr1", "exceptions.", "string", "policy_exceptions(1)"),
    mapping(f"{APP}/@ovr_why", "exceptions.", "string", "policy_exceptions()"),
]  # fmt: skip
TOP = {
    "element_filtering": FILTERS,
    "enum_mappings": {
        "sources": {"Web": 1, "WEB": 2, " Fax ": 3, "": 9},
        "states": {"ca": "California", "NY": "New York"},
        "roles": {"PR": 1, "SEC": 2},
        "kinds": {"CURR": 1, "PREV": 2, "P.O. BOX": 3},
    },
    "bit_conversions": {"char_to_bit": {"Y": 1, "N": 0}, "boolean_to_bit": {"true": 1, "false": 0}},
    "source_application_table": "application",
}
TEXT, NOTES = converted(*MAPPINGS, **TOP)
MAPPER = Mapper(parse_contract(TEXT))

ALWAYS = {"term": 12, "day": date(1900, 1, 1), "source": 9, "state": "??", "flag": False, "is_on": False}
"""What the one row of ``app_base`` has without any text."""


def document(attributes: str = "", inner: str = "", number: str = "7") -> str:
    return f'<Request ID="{number}"><CustData><application {attributes}>{inner}</application></CustData></Request>'


def rows(document: str) -> dict[str, list[dict[str, Any]]]:
    """The rows by table, without the document's key."""
    found = rows_of(MAPPER, document)
    return {table: [{k: v for k, v in row.items() if k != "app_id"} for row in made] for table, made in found.items()}


def test_all_is_taken() -> None:
    assert NOTES.not_taken == []


BASE: list[tuple[str, dict[str, Any]]] = [
    ("", {}),
    # Blanks of each kind; a zero-width one is none.
    ('amount=" " note="&#9;" phone="&#160;" source="&#8195;" state="" day=" "', {}),
    ('note="&#160;a&#160;"', {"note": "a", "whole_note": "a"}),
    ('note="&#8203;"', {"note": "\u200b", "whole_note": "\u200b"}),
    ('note="a&#10;b"', {"note": "a\nb", "whole_note": "a\nb"}),
    ('note="12345678 "', {"note": "12345678", "whole_note": "12345678"}),
    ('note="123456789"', {"note": "12345678", "whole_note": "123456789"}),
    ('note="&#128512;&#128512;345678&#128512;"', {"note": "😀😀345678", "whole_note": "😀😀345678😀"}),
    ('note="&amp;lt;b&amp;gt;"', {"note": "&lt;b&gt", "whole_note": "&lt;b&gt;"}),
    ('note="&lt;![CDATA[x]]&gt;"', {"note": "<![CDATA", "whole_note": "<![CDATA[x]]>"}),
    ('note="it\'s"', {"note": "it's", "whole_note": "it's"}),
    ('note="NULL"', {"note": "NULL", "whole_note": "NULL"}),
    # Attributes of another case; the exact one counts first.
    ('NOTE="a" Note="b"', {"note": "a", "whole_note": "a"}),
    ('NOTE="a" note=" "', {}),
    # Numbers
    ('amount="-0.005"', {"amount": Decimal("-0.01")}),
    ('amount="0.004"', {"amount": Decimal("0.00")}),
    ('amount="-1,234.565"', {"amount": Decimal("-1234.57")}),
    ('amount="1.0E7"', {"amount": Decimal("10000000.00")}),
    ('amount="12 USD"', {}),
    ('amount="1.234,5"', {}),
    ('amount="NaN"', {}),
    ('term="36.5"', {"term": 37}),
    ('term="-36.5"', {"term": -37}),
    ('term="about 36.49 months"', {"term": 36}),
    ('term="32767"', {"term": 32767}),
    ('term="32767.5"', {}),
    ('term="-32768"', {"term": -32768}),
    ('term="none"', {}),
    ('tiny="255"', {"tiny": 255}),
    ('tiny="256"', {}),
    ('tiny="-1"', {}),
    ('tiny="255.4"', {"tiny": 255}),
    ('big="9223372036854775807"', {"big": 2**63 - 1}),
    ('big="9223372036854775808"', {}),
    ('big="1,000,000"', {"big": 1_000_000}),
    ('ref="org.x.Undefined@79eee12e"', {}),
    ('ref="12.5"', {}),
    ('ref=" 12 "', {"ref": 12}),
    ('phone="+1 (555) 010-1234 ext. 9"', {"phone": "1555010123"}),
    ('phone="07002"', {"phone": "07002"}),
    ('phone="none"', {}),
    # Dates
    ('day="02/29/2024"', {"day": date(2024, 2, 29)}),
    ('day="02/29/2023"', {}),
    ('day="29/02/2024"', {"day": date(2024, 2, 29)}),
    ('day="1900-02-29"', {}),
    ('day="0001-01-01"', {"day": date(1, 1, 1)}),
    ('day="9999-12-31 23:59:59.999"', {"day": date(9999, 12, 31)}),
    ('day="10000-01-01"', {}),
    ('day="2024-01-05T23:59:59-08:00"', {"day": date(2024, 1, 5)}),
    ('at="2079-06-06 23:59:59"', {"at": datetime(2079, 6, 6, 23, 59, 59)}),
    ('at="1/5/2024 12:00:00 AM"', {"at": datetime(2024, 1, 5)}),
    ('at="1/5/2024 12:00:00 PM"', {"at": datetime(2024, 1, 5, 12)}),
    ('at="2024-01-05 10:59:99"', {"at": datetime(2024, 1, 5, 10, 59, 59)}),
    ('at="2024-01-05T10:20:30.25+02:00"', {"at": datetime(2024, 1, 5, 10, 20, 30, 250000)}),
    ('at="13/13/2024"', {}),
    ('at="20240105T1020"', {"at": datetime(2024, 1, 5, 10, 20)}),
    # Enums and bits
    ('source="WEB"', {"source": 2}),
    ('source=" web "', {"source": 1}),
    ('source="fax"', {"source": 3}),
    ('source="?"', {"source": 9}),
    ('state=" CA"', {"state": "California"}),
    ('state="Paris"', {"state": "??"}),
    ('flag="y" is_on="Yes"', {"flag": True, "is_on": True}),
    ('flag="yes" is_on="1"', {"flag": True, "is_on": True}),
    ('flag="T" is_on="on"', {}),
    # Expressions
    ('a="10" b="4"', {"ratio": Decimal("2.50"), "sum": 18}),
    ('a="10" b="0"', {"sum": 10}),
    ('a="10"', {}),
    ('a="10" b="x"', {}),
    ('a="1,000" b="-8"', {"ratio": Decimal("-125.00"), "sum": 984}),
    ('A="1" B="3"', {"ratio": Decimal("0.33"), "sum": 7}),
    ('start="12/15/2023 10:11:12 PM"', {"due": date(2024, 1, 14)}),
    ('start="2024-02-01"', {"due": date(2024, 2, 1)}),
    ('start="soon"', {}),
]


@pytest.mark.parametrize(("attributes", "expected"), BASE)
def test_texts(attributes: str, expected: dict[str, Any]) -> None:
    assert rows(document(attributes)) == {"app_base": [ALWAYS | expected]}


KEYS = ["A100", "100-7", "100.4", "-7", "0", "00", "", "1e3", "0x7", "7 8", "７", "2147483648", "7;8", "org.x@79eee12e"]


@pytest.mark.parametrize("number", KEYS)
def test_a_number_that_is_none_rejects_its_document_or_contact(number: str) -> None:
    assert isinstance(mapped(MAPPER, document(number=number)), Reject)
    if number:
        contact = f'<contact con_id="{number}" role="PR" ssn="1"/>'
        assert isinstance(mapped(MAPPER, document(inner=contact)), Reject)


def person(attributes: str, inner: str = "", role: str = "PR", con_id: str = "1") -> str:
    return f'<contact con_id="{con_id}" role="{role}" {attributes}>{inner}</contact>'


def address(attributes: str, kind: str = "CURR") -> str:
    return f'<contact_address kind="{kind}" country="US" {attributes}/>'


ONE = [{"con_id": 1, "role_enum": 1, "ssn": "1"}]
TWO = [{"con_id": 1, "role_enum": 2, "ssn": "1"}]
INNER: list[tuple[str, str, Any]] = [
    # Which contacts
    (person("ssn='1'"), "app_contact_base", ONE),
    (person("ssn='1'", con_id="&#160;01 "), "app_contact_base", ONE),
    (person("SSN='1'").replace("role", "ROLE").replace("con_id", "Con_Id"), "app_contact_base", ONE),
    (person("ssn='1'", role=" Sec&#160;"), "app_contact_base", TWO),
    (person("ssn='1'", role="BOR"), "app_contact_base", []),
    (person("ssn='1'", role=""), "app_contact_base", []),
    (person("ssn='1'", con_id=" "), "app_contact_base", []),
    (person("ssn=' ' last_name='&#160;' nick='x'"), "app_contact_base", []),
    (person("ssn='' birth_date='soon'"), "app_contact_base", [{"con_id": 1, "role_enum": 1}]),
    (person("ssn='1'", role="SEC") + person("ssn='2'"), "app_contact_base", [{**ONE[0], "ssn": "2"}]),
    (person("ssn='1'") + person("ssn='2'", role="SEC", con_id="01"), "app_contact_base", ONE),
    (person("ssn='1'") + person("nick='2'"), "app_contact_base", ONE),
    (f"<wrong>{person('ssn=#1#')}</wrong>".replace("#", "'"), "app_contact_base", []),
    (f"<!-- {person('ssn=#1#')} --><![CDATA[{person('ssn=#1#')}]]>".replace("#", "'"), "app_contact_base", []),
    # What is below them
    (person("ssn='1'", address("line='a'") + address("po_box='9'", " prev ")), "app_contact_address",
     [{"con_id": 1, "kind_enum": 1, "line": "a", "months": 0},
      {"con_id": 1, "kind_enum": 2, "po_box": "9", "months": 0}]),
    (person("ssn='1'", address("po_box=' '") + address("") + address("line='a'", "OLD")), "app_contact_address", []),
    (person("ssn='1'", address("line='a'", "p.o. box")), "app_contact_address",
     [{"con_id": 1, "kind_enum": 3, "line": "a", "months": 0}]),
    (person("ssn='1'", address("line='a'").replace("US", "us")), "app_contact_address", []),
    (person("ssn='1'", address("line='a'").replace("US", " CA ")), "app_contact_address",
     [{"con_id": 1, "kind_enum": 1, "line": "a", "months": 0}]),
    (person("ssn='1'", address("months='0'")), "app_contact_address", [{"con_id": 1, "kind_enum": 1, "months": 0}]),
    (person("ssn='1'", address("line='a'"), role="SEC") + person("ssn='2'", address("line='b'")), "app_contact_address",
     [{"con_id": 1, "kind_enum": 1, "line": line, "months": 0} for line in "ab"]),
    (person("nick='1'", address("line='a'"), con_id="2"), "app_contact_address", []),
    (person("ssn='1'", "<contact_employment kind='CURR' b_salary='-0.00'/>"), "app_contact_employment", []),
    (person("ssn='1'", "<contact_employment kind='CURR' b_salary='?' b_name='&#160;'/>"), "app_contact_employment", []),
    (person("ssn='1'", "<contact_employment kind='prev' b_salary='1,000'/>"), "app_contact_employment",
     [{"con_id": 1, "kind": "prev", "salary": Decimal("1000.00")}]),
    # Rows of one element
    ("<product apr=' ' grade=''/>", "pricing", []),
    ("<product apr='?'/>", "pricing", []),
    ("<product apr='1.005'/>", "pricing", [{"apr": Decimal("1.01"), "grade": "A"}]),
    ("<product apr='1'/><product/>", "pricing", []),
    ("<product apr='1'/><x><product apr='2'/></x>", "pricing", [{"apr": Decimal("1.00"), "grade": "A"}]),
    ("<bureau eq='650'/><bureau eq='n/a'/>", "scores", []),
    ("<bureau eq='score 650.5'/>", "scores", [{"score_identifier": "EQ", "score": 651}]),
    ("<bureau eq='0'/>", "scores", [{"score_identifier": "EQ", "score": 0}]),
    (person("maiden='a'") + person("maiden=' '", con_id="2"), "history",
     [{"name": "[maiden]", "source": "[contact]", "value": "a"}]),
    (person("maiden='a'", con_id=" ") + person("maiden='b'", role="SEC"), "history", []),
]  # fmt: skip


@pytest.mark.parametrize(("inner", "table", "expected"), INNER)
def test_elements(inner: str, table: str, expected: Any) -> None:
    assert rows(document(inner=inner)).get(table, []) == expected


SELECTED: list[tuple[str, dict[str, Any]]] = [
    (person("email='a'") + person("email='b'", con_id="2") + person("email='c'", role="SEC"), {"email": "b"}),
    (person("email='a'") + person("", con_id="2"), {}),
    (person("email='a'") + person("email=' '", con_id="2"), {"email": ""}),
    (person("email='a'") + person("email='b'", con_id=" "), {"email": "a"}),
    (person("email='a@example.org'"), {"email": "a@example.or"}),
    (person("email='a'", role="pr "), {"email": "a"}),
    (person("", address("city='x'", "PREV") + address("") + address("city='y'") + address("city='z'")),
     {"pr_city": "y"}),
    (person("", address("city='x'", "PREV") + address("", "PREV")), {"pr_city": "x"}),
    (person("", address("city='x'", "PREV") + address("")), {}),
    (person("", "<card no='1'/>"), {}),
    (person("", "<card no='1'/><card no='2'/>", role="sec", con_id=""), {"card": "2"}),
    (person("", "<card no='1'/>", role="SEC") + person("", role="SEC", con_id="2"), {}),
    ("<product rate='1.0005'/>", {"rate": Decimal("1.001")}),
    ("<product rate='1'/><product rate=' '/>", {}),
]  # fmt: skip


@pytest.mark.parametrize(("inner", "expected"), SELECTED)
def test_values_of_other_elements(inner: str, expected: dict[str, Any]) -> None:
    assert rows(document(inner=inner))["app_base"] == [ALWAYS | expected]


MADE: list[tuple[str, dict[str, Any]]] = [
    ("c1_make='a'", {"collateral": [{"sort_order": 1, "make": "a", "wholesale_value": Decimal("0.00")}]}),
    ("c1_new='Y' c1_value='0'", {}),
    ("c1_make=' ' c1_value='-5'", {}),
    ("c2_value='0.01'", {"collateral": [{"sort_order": 2, "wholesale_value": Decimal("0.01")}]}),
    ("gap='x'", {"warranties": [{"warranty_type_enum": 1, "company": "x", "lien": False}]}),
    ("gap_lien='Y' gap=''", {}),
    ("gap_lien='y' gap='x'", {"warranties": [{"warranty_type_enum": 1, "company": "x", "lien": True}]}),
    ("tu='-1'", {"scores": [{"score_identifier": "TU", "score": -1}]}),
    ("tu='2147483648'", {}),
    ("vip=' True '", {"indicators": [{"indicator": "VIP", "value": "1"}]}),
    ("vip='2'", {}),
    ("vip='N'", {}),
    ("prior='0'", {"history": [{"name": "[prior]", "source": "[application]", "value": "0"}]}),
    ("prior='&#160;'", {}),
    ("OFAC=' hit '", {"reports": [{"name": "ofac", "value": "hit", "source_report_key": "OFAC"}]}),
    ("ovr1='R' ovr_why=' '", {"exceptions": [{"policy_exception_type_enum": 1, "reason_code": "R"}]}),
    ("ovr1='' ovr_why='why'", {}),
    ("ovr1='R' ovr_why='why'", {"exceptions": [{"policy_exception_type_enum": 1, "reason_code": "R", "notes": "why"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("attributes", "expected"), MADE)
def test_rows_that_mappings_make(attributes: str, expected: dict[str, Any]) -> None:
    found = rows(document(attributes))
    found.pop("app_base")
    found.pop("pricing", None)
    assert found == expected


WHOLE = document('note="a"')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (WHOLE.replace("<Request", '<Request xmlns="urn:x"'), "a"),
        (WHOLE.replace("<Request", '<p:Request xmlns:p="urn:x"').replace("</Request", "</p:Request"), "a"),
        (WHOLE.replace("<application", "<?note b?><!-- <application note='b'/> --><application"), "a"),
        (WHOLE.replace("</CustData>", "<application note='b'/></CustData>"), "b"),
        (WHOLE.replace("</CustData>", "<application/></CustData>"), None),
        (WHOLE.replace("</Request>", "<CustData/></Request>"), "a"),
        ('<!DOCTYPE Request [<!ENTITY n "b">]>' + document('note="&n;&n;"'), "bb"),
        (WHOLE.replace("application", "lease"), Reject),
        (WHOLE.replace("CustData", "Customer"), Reject),
        ('<Request ID="7"><CustData/></Request>', Reject),
        ('<Request id="7"><CustData><application note="a"/></CustData></Request>', "a"),
    ],
)  # fmt: skip
def test_documents(text: str, expected: Any) -> None:
    record = mapped(MAPPER, text)
    if expected is Reject:
        assert isinstance(record, Reject)
    else:
        assert rows(text)["app_base"][0].get("note") == expected
