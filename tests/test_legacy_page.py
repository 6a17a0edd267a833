"""The import of legacy contracts in the shapes of real ones: the rows are written by hand from the page on them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.legacy_contracts import (
    ADDRESS,
    APP,
    CON_ID,
    CONTACT,
    EMPLOYMENT,
    converted,
    imported,
    mapped,
    mapping,
    request,
    rows_of,
    value,
)
from transforms.contract.read import parse_contract
from transforms.map.mapper import Mapper
from transforms.records import MappedRecord, Reject
from transforms.schema import ABSENT


def making(place: str, table: str, *types: str, **more: Any) -> dict[str, Any]:
    """A mapping of a row-making type as real contracts have it: without a column."""
    made = mapping(place, f"{table}.", "string", *types) | more
    if len(types) % 2:
        del made["target_column"]
    return made


MAKERS = [
    making(f"{APP}/@tu", "scores", "add_score(TU)", data_type="int"),
    making(f"{APP}/bureau/@eq", "scores", "add_score(EQ)", data_type="int"),
    making(f"{APP}/@vip", "indicators", "add_indicator(VIP)"),
    making(f"{CONTACT}/@optout", "indicators", "last_valid_pr_contact", "add_indicator(OPTOUT)"),
    making(f"{CONTACT}/@maiden", "history", "last_valid_pr_contact", "add_history"),
    making(f"{APP}/@prior", "history", "add_history"),
    making(f"{APP}/bureau/@idv", "reports", "add_report_lookup(IDV)"),
    making(f"{APP}/bureau/@ofac", "reports", "add_report_lookup"),
    making(f"{APP}/@ovr1", "exceptions", "policy_exceptions(1)"),
    making(f"{APP}/@ovr6", "exceptions", "policy_exceptions(6)"),
    making(f"{APP}/@ovr_notes", "exceptions", "policy_exceptions()"),
]


def test_row_making_mappings_need_no_column() -> None:
    inner = (
        '<contact con_id="1" role="PR" maiden="Early" optout="y"/><contact con_id="2" role="PR" maiden=" " optout="Y"/>'
        '<bureau eq=" 650 " idv="PASS" ofac=""/>'
    )
    found = rows_of(
        imported(*MAKERS), request(inner, 'tu="n/a" vip="N" prior=" 99 " ovr1=" " ovr6="B" ovr_notes="why"')
    )
    assert found == {
        "app_base": [{"app_id": 7}],
        "scores": [{"app_id": 7, "score_identifier": "EQ", "score": 650}],
        "indicators": [{"app_id": 7, "indicator": "OPTOUT", "value": "1"}],
        "history": [
            {"app_id": 7, "name": "[maiden]", "source": "[contact]", "value": "Early"},
            {"app_id": 7, "name": "[prior]", "source": "[application]", "value": "99"},
        ],
        "reports": [{"app_id": 7, "name": "idv", "source_report_key": "IDV", "value": "PASS"}],
        "exceptions": [{"app_id": 7, "policy_exception_type_enum": 6, "reason_code": "B", "notes": "why"}],
    }


def test_an_import_of_real_shapes_has_nothing_to_say_but_what_is_said_of_all() -> None:
    _, notes = converted(*MAKERS)
    assert notes.not_taken == []


# Blanks


@pytest.mark.parametrize("attributes", ["", 'a=""', 'a="  "'])
@pytest.mark.parametrize(("data_type", "default", "expected"), [("string", "none", "none"), ("int", "5", 5)])
def test_a_blank_text_is_no_value(attributes: str, data_type: str, default: str, expected: Any) -> None:
    assert value(f"{APP}/@a", data_type, attributes=attributes) is ABSENT
    assert value(f"{APP}/@a", data_type, attributes=attributes, default_value=default) == expected


def test_an_empty_text_is_a_value_where_a_selector_or_an_expression_gives_it() -> None:
    inner = '<contact con_id="1" role="PR" ssn="1" a=" "><contact_address kind="CURR" a=""/></contact>'
    assert value(f"{CONTACT}/@a", "string", "last_valid_pr_contact", inner=inner, default_value="x") == ""
    assert value(f"{ADDRESS}/@a", "string", "last_valid_pr_contact", inner=inner) == ""
    assert value(f"{CONTACT}/@b", "string", "last_valid_pr_contact", inner=inner, default_value="x") == "x"
    assert value(f"{APP}/@a", "string", "calculated_field", expression="CASE WHEN b = '' THEN '' END") == ""


def test_a_blank_text_makes_no_row() -> None:
    mapper = imported(mapping(f"{APP}/@a", "more.a"), mapping(f"{APP}/@b", "more.b", "int", default_value="1"))
    assert "more" not in rows_of(mapper, request("", 'a=" "'))
    slots = imported(
        mapping(f"{APP}/@c1", "slots.make", "string", "add_collateral(1)"),
        mapping(f"{APP}/@w1", "warranties.company", "string", "warranty_field(1)"),
    )
    assert rows_of(slots, request("", 'c1=" " w1=""')) == {"app_base": [{"app_id": 7}]}


def test_a_blank_text_that_a_selector_gives_is_a_value_but_makes_no_row() -> None:
    mapper = imported(
        mapping(f"{CONTACT}/@a", "more.a", "string", "last_valid_pr_contact"),
        mapping(f"{APP}/@b", "more.b", "int", default_value="1"),
        mapping(f"{APP}/@c", "more.c", "int", "calculated_field", expression="c + 1"),
    )
    blank, full = ('<contact con_id="1" role="PR" a=" "/>', '<contact con_id="1" role="PR" a="x"/>')
    assert "more" not in rows_of(mapper, request(blank))
    assert rows_of(mapper, request(full))["more"] == [{"app_id": 7, "a": "x", "b": 1}]
    assert rows_of(mapper, request(blank, 'b="2"'))["more"] == [{"app_id": 7, "a": "", "b": 2}]
    assert rows_of(mapper, request(blank, 'c="2"'))["more"] == [{"app_id": 7, "a": "", "b": 1, "c": 3}]


# Keys


@pytest.mark.parametrize(
    "number",
    ["A100", "100-7", "100.4", "100.0", "1,000", "0", "-5", "", " ", "99999999999", "org.x.Undefined@79eee12e"],
)
def test_a_number_that_is_none_rejects_the_document(number: str) -> None:
    found = mapped(imported(), request().replace('ID="7"', f'ID="{number}"'))
    assert isinstance(found, Reject)
    assert found.path in ("record.key.app_id", "record")


@pytest.mark.parametrize("number", ["100", " 100 ", "0100"])
def test_a_number_is_a_key(number: str) -> None:
    found = mapped(imported(), request().replace('ID="7"', f'ID="{number}"'))
    assert isinstance(found, MappedRecord)
    assert found.key == "100"


@pytest.mark.parametrize("number", ["B-12", "12.5", "12.0", "0", "-1"])
def test_a_con_id_that_is_none_rejects_the_document(number: str) -> None:
    found = mapped(imported(CON_ID), request(f'<contact con_id="{number}" role="PR" ssn="1"/>'))
    assert isinstance(found, Reject)
    assert found.path in ("app_contact_base.con_id", "app_contact_base")


def test_a_con_id_of_a_contact_that_is_not_kept_rejects_nothing() -> None:
    found = rows_of(imported(CON_ID), request('<contact con_id="B-12" role="OTHER" ssn="1"/>'))
    assert found == {"app_base": [{"app_id": 7}]}


def test_a_document_without_a_key_or_without_its_application_is_rejected() -> None:
    mapper = imported()
    for document in ("<Request/>", '<Request ID="7"/>', '<Request ID="7"><CustData/></Request>'):
        assert isinstance(mapped(mapper, document), Reject)


def test_an_identity_is_a_number_and_never_the_first_in_a_text() -> None:
    def found(text: str) -> Any:
        return value(f"{APP}/@a", "int", "identity_insert", attributes=f'a="{text}"')

    assert [found("12"), found("org.x.Undefined@79eee12e"), found("12.5")] == [12, ABSENT, ABSENT]


# Contacts

PEOPLE = imported(
    CON_ID,
    mapping(f"{CONTACT}/@name", "app_contact_base.name"),
    mapping(f"{ADDRESS}/@city", "app_contact_base.city", "string", "curr_address_only"),
    mapping(f"{ADDRESS}/@kind", "app_contact_address.kind"),
    mapping(f"{ADDRESS}/@address_line_1", "app_contact_address.line"),
    mapping(f"{ADDRESS}/@po_box", "app_contact_address.po_box"),
    mapping(f"{ADDRESS}/@months", "app_contact_address.months", "int", default_value="0"),
    mapping(f"{EMPLOYMENT}/@kind", "app_contact_employment.kind"),
    mapping(f"{EMPLOYMENT}/@b_salary", "app_contact_employment.salary", "decimal"),
    mapping(f"{EMPLOYMENT}/@b_job_title", "app_contact_employment.title"),
    mapping(f"{EMPLOYMENT}/@b_salary_basis", "app_contact_employment.basis"),
)


def people(inner: str, table: str) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in row.items() if name != "app_id"}
        for row in rows_of(PEOPLE, request(inner)).get(table, [])
    ]


def test_types_are_compared_trimmed_and_in_any_case() -> None:
    inner = (
        '<contact con_id=" 1 " role=" pr " ssn="1" name="A"><contact_address kind="curr" city="X"/>'
        '<contact_address kind=" CURR " city="Y"/></contact><contact con_id="2" role="Sec" ssn="2" name="B"/>'
        '<contact con_id="3" role="PRX" ssn="3" name="C"/>'
    )
    assert people(inner, "app_contact_base") == [{"con_id": 1, "name": "A", "city": "Y"}, {"con_id": 2, "name": "B"}]


def test_selectors_compare_types_so_too() -> None:
    inner = '<contact con_id="1" role=" pr" a="1"/><contact con_id="2" role="sec " a="2"/>'
    found = [
        value(f"{CONTACT}/@a", "string", kind, inner=inner)
        for kind in ("last_valid_pr_contact", "last_valid_sec_contact")
    ]
    assert found == ["1", "2"]


def test_the_authorized_contact_needs_no_con_id() -> None:
    inner = '<contact con_id="1" role="SEC" a="1"/><contact role="SEC" a="2"><card b="3"/></contact>'
    assert value(f"{CONTACT}/@a", "string", "authu_contact", inner=inner) == "2"
    assert value(f"{CONTACT}/card/@b", "string", "authu_contact", inner=inner) == "3"
    assert value(f"{CONTACT}/@a", "string", "last_valid_sec_contact", inner=inner) == "1"


def test_addresses_of_one_person_stay_with_the_element_that_is_kept() -> None:
    inner = (
        '<contact con_id="1" role="SEC" ssn="1" name="low"><contact_address kind="PREV" po_box="1"/></contact>'
        '<contact con_id="1" role="PR" ssn="1" name="kept"><contact_address kind="CURR" po_box="2"/></contact>'
        '<contact con_id="1" role="SEC" ssn="1" name="late"><contact_address kind="CURR" po_box="3"/></contact>'
        '<contact con_id="1" role="PR" name="none of the four"><contact_address kind="CURR" po_box="4"/></contact>'
    )
    assert people(inner, "app_contact_base") == [{"con_id": 1, "name": "kept"}]
    assert [row["po_box"] for row in people(inner, "app_contact_address")] == ["1", "2", "3"]


def below(inner: str, table: str) -> list[dict[str, Any]]:
    return people(f'<contact con_id="1" role="PR" ssn="1">{inner}</contact>', table)


def test_an_address_of_one_mapped_attribute_is_kept() -> None:
    inner = (
        '<contact_address kind="CURR" address_line_1="1 Main"/><contact_address kind="PREV" po_box="9"/>'
        '<contact_address kind="CURR"/><contact_address kind="CURR" po_box=" " other="x"/>'
    )
    assert below(inner, "app_contact_address") == [
        {"con_id": 1, "kind": "CURR", "line": "1 Main", "months": 0},
        {"con_id": 1, "kind": "PREV", "po_box": "9", "months": 0},
    ]


@pytest.mark.parametrize(
    ("attributes", "kept"),
    [
        ('b_salary="0"', False),
        ('b_salary="0.00"', False),
        ('b_salary=" "', False),
        ('b_salary_basis="YEAR"', False),
        ('b_salary="1,000"', True),
        ('b_job_title="Baker"', True),
        ('b_salary="0" zip="07002"', True),
    ],
)
def test_a_salary_of_0_makes_no_employment(attributes: str, kept: bool) -> None:
    assert bool(below(f'<contact_employment kind="CURR" {attributes}/>', "app_contact_employment")) is kept


@pytest.mark.parametrize(
    "document",
    [
        f'<Request ID="7"><contact/>{request()[16:]}',
        request().replace("<CustData>", "<CustData><contact/>"),
        request("<contacts><contact/></contacts>"),
        request("<a><b><c><contact/></c></b></a>"),
        request('<contact con_id="1" role="X"><contact/></contact>'),
    ],
)
def test_contacts_outside_of_their_place_are_counted(document: str) -> None:
    mapper = imported(CON_ID)
    assert rows_of(mapper, request('<contact con_id="1" role="X"/><contacts/>'))
    assert mapper.warnings == {}
    assert rows_of(mapper, document) == {"app_base": [{"app_id": 7}]}
    assert mapper.warnings == {"app_base: contacts outside of CustData/application/contact": 1}


# Values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20230101", datetime(2023, 1, 1)),
        ("20230101T101112", datetime(2023, 1, 1, 10, 11, 12)),
        ("2023-01-01T10:11", datetime(2023, 1, 1, 10, 11)),
        ("2023-01-01T10:11:12.5+02:00", datetime(2023, 1, 1, 10, 11, 12, 500000)),
    ],
)
def test_dates_of_iso_8601(text: str, expected: datetime) -> None:
    assert value(f"{APP}/@a", "datetime", attributes=f'a="{text}"') == expected
    assert value(f"{APP}/@a", "date", attributes=f'a="{text}"') == expected.date()


def test_dateadd_drops_the_time_of_day() -> None:
    found = value(
        f"{APP}/@a",
        "datetime",
        "calculated_field",
        attributes='d="2024-01-30 10:11:12"',
        expression="DATEADD(day, 2, d)",
    )
    assert found == datetime(2024, 2, 1)


def test_texts_that_are_cut_are_counted_as_cut() -> None:
    mapper = imported(
        mapping(f"{APP}/@a", "app_base.a", "string", data_length=2),
        mapping(
            f"{APP}/@b",
            "app_base.b",
            "string",
            "calculated_field",
            data_length=2,
            expression="CASE WHEN a = 'xyz' THEN a END",
        ),
    )
    assert rows_of(mapper, request("", 'a="xyz"'))["app_base"] == [{"app_id": 7, "a": "xy", "b": "xy"}]
    assert mapper.failures == {("app_base.a", "cut"): 1, ("app_base.b", "cut"): 1}


# Slots

BITS = {"char_to_bit": {"Y": 1, "N": 0}}
UNLIKE_SLOTS = [
    mapping(f"{APP}/@c1_make", "slots.make", "string", "add_collateral(1)", data_length=4),
    mapping(f"{APP}/@c1_miles", "slots.miles", "int", "add_collateral(1)", default_value="5"),
    mapping(f"{APP}/@c1_kind", "slots.kind_enum", "tinyint", "add_collateral(1)", "enum", enum_name="kinds"),
    mapping(f"{APP}/@c1_new", "slots.is_new", "bit", "add_collateral(1)", "char_to_bit", default_value="0"),
    mapping(f"{APP}/@c1_age", "slots.age", "int", "add_collateral(1)", "calculated_field", expression="2024 - c1_year"),
    mapping(f"{APP}/@c2_make", "slots.make", "string", "add_collateral(2)", data_length=6),
    mapping(f"{APP}/@trade_miles", "slots.miles", "int", "add_collateral(2)"),
    mapping(f"{APP}/@c2_kind", "slots.kind_enum", "tinyint", "add_collateral(2)", "enum", enum_name="kinds"),
    mapping(f"{APP}/@c2_age", "slots.age", "int", "add_collateral(2)", "calculated_field", expression="2024 - c2_year"),
    mapping(f"{APP}/@c3_make", "slots.make", "string", "add_collateral(3)", data_length=4),
]  # fmt: skip


def test_slots_that_differ_stay_slots() -> None:
    text, _ = converted(*UNLIKE_SLOTS, bit_conversions=BITS, enum_mappings={"kinds": {"A": 1, "": 0}})
    table = parse_contract(text).tables["slots"]
    assert all(source.is_slot for source in table.sources)
    assert [source.columns["sort_order"].constant for source in table.sources] == [1, 2, 3]
    assert "expression: 'NULL'" not in text
    mapper = Mapper(parse_contract(text))
    found = rows_of(
        mapper, request("", 'c1_make="Mazda" c1_year="2020" c2_make="Audi" trade_miles="9" c2_kind="a" c3_make="Kia"')
    )
    assert found["slots"] == [
        {"app_id": 7, "sort_order": 1, "make": "Mazda", "miles": 5, "kind_enum": 0, "is_new": False, "age": 4},
        {"app_id": 7, "sort_order": 2, "make": "Audi", "miles": 9, "kind_enum": 1},
        {"app_id": 7, "sort_order": 3, "make": "Kia"},
    ]


def test_slots_that_are_read_and_computed_in_unlike_ways_stay_slots() -> None:
    def slot(n: int, *types: str, **more: Any) -> dict[str, Any]:
        return mapping(f"{APP}/@make{n}", "slots.make", "string", f"add_collateral({n})", *types, **more)

    text, notes = converted(
        slot(1),
        slot(2, "calculated_field", expression="CASE WHEN kind2 = 'A' THEN 'Audi' END"),
        slot(3, "enum", enum_name="kinds"),
        slot(4),
        mapping(f"{APP}/@w1", "slots.wholesale_value", "decimal", "add_collateral(1)", default_value="0"),
        mapping(
            f"{APP}/@w2", "slots.wholesale_value", "decimal", "add_collateral(2)", "calculated_field",
            expression="w2 * 2", default_value="0",
        ),
        mapping(f"{APP}/@year2", "slots.year", "int", "add_collateral(2)", "extract_numeric"),
        mapping(f"{APP}/@year3", "slots.year", "int", "add_collateral(3)"),
        enum_mappings={"kinds": {"A": "Alfa", "": "None"}},
    )  # fmt: skip
    assert notes.not_taken == []
    table = parse_contract(text).tables["slots"]
    assert all(source.is_slot for source in table.sources)
    assert len(table.sources) == 4
    mapper = Mapper(parse_contract(text))

    def found(attributes: str) -> list[dict[str, Any]]:
        rows = rows_of(mapper, request("", attributes)).get("slots", [])
        return [{name: value for name, value in row.items() if name != "app_id"} for row in rows]

    # A value that is computed, or looked up, makes no row by itself.
    assert found('make1="x" make2="y" kind2="A" make3="a" w2="3"') == [
        {"sort_order": 1, "make": "x", "wholesale_value": Decimal("0.00")}
    ]
    assert found('kind2="A" w2="3" year2="MY 20" year3="about 21" make4="z"') == [
        {"sort_order": 2, "make": "Audi", "wholesale_value": Decimal("6.00"), "year": 20},
        {"sort_order": 3, "make": "None", "year": 21},
        {"sort_order": 4, "make": "z"},
    ]
    assert found('w1="5" w2="5"') == [{"sort_order": 1, "wholesale_value": Decimal("5.00")}]


def test_a_field_of_all_slots_is_no_slots_own_though_its_name_has_a_number() -> None:
    slots = [mapping(f"{APP}/@make{n}", "slots.make", "string", f"add_collateral({n})") for n in (1, 2, 3)]
    bands = [
        mapping(
            f"{APP}/@make{n}", "slots.band", "string", f"add_collateral({n})", "calculated_field",
            expression=f"CASE WHEN make{n} > line1 THEN make{n} END",
        )
        for n in (1, 2)
    ]  # fmt: skip
    text, _ = converted(*slots, *bands)
    assert "line1: {from: $application/@line1" in text
    assert "make_number: {from: '$application/@make{sort_order}'" in text
    mapper = Mapper(parse_contract(text))
    found = rows_of(mapper, request("", 'make1="x" make2="y" make3="z"'))["slots"]
    assert [row.get("band") for row in found] == ["x", "y", None]


def test_a_blank_text_of_an_enum_makes_no_row() -> None:
    enums = {"kinds": {"A": 1, "": 0}}
    slots = imported(
        mapping(f"{APP}/@k1", "slots.kind", "tinyint", "warranty_field(1)", "enum", enum_name="kinds"),
        mapping(f"{APP}/@b1", "slots.flag", "bit", "warranty_field(1)", "char_to_bit"),
        enum_mappings=enums,
    )
    assert rows_of(slots, request("", 'k1=" " b1=""')) == {"app_base": [{"app_id": 7}]}
    assert rows_of(slots, request("", 'k1="?"'))["slots"][0]["kind"] == 0


# How it reads


def test_an_address_table_takes_a_line_for_each_mapping() -> None:
    names = ["street", "street_no", "city", "state", "zip", "country", "po_box", "unit", "county", "line_1", "line_2"]
    columns = [mapping(f"{ADDRESS}/@{name}", f"app_contact_address.{name}", data_length=30) for name in names]
    kind = mapping(f"{ADDRESS}/@kind", "app_contact_address.kind_enum", "tinyint", "enum")
    text, _ = converted(CON_ID, kind, *columns, enum_mappings={"kind_enum": {"CURR": 1, "PREV": 2}})
    table = text.partition("\n  app_contact_address:\n")[2]
    assert len(table.splitlines()) <= 12 + 6


def test_no_line_is_longer_than_120_characters() -> None:
    conditions = " OR ".join(f"status{number} = 'A long text of number {number}'" for number in range(30))
    case = " ".join(
        f"WHEN {conditions} AND (d{n} < DATEADD(day, -{n}, x{n}) OR y = {n}) THEN 'result {n}'" for n in range(9)
    )
    text, notes = converted(
        CON_ID,
        mapping(f"{APP}/@a", "app_base.a", "string", "calculated_field", expression=f"CASE {case} ELSE other END"),
        mapping(f"{CONTACT}/a_long_element_name_of_a_card/@b", "app_base.b", "string", "last_valid_sec_contact"),
        mapping(f"{ADDRESS}/@c", "app_base.c", "string", "last_valid_pr_contact"),
        making(
            f"{CONTACT}/a_long_element_name_of_a_card/@a_long_attribute_name",
            "history",
            "last_valid_pr_contact",
            "add_history",
        ),
        enum_mappings={"e": {}},
    )
    assert notes.not_taken == []
    assert [line for line in text.splitlines() if len(line) > 120] == []
    assert parse_contract(text)
    assert text.count("%I:%M:%S") == 1
