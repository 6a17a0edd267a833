"""The import of legacy contracts: contacts, addresses and employments, and what is taken of them."""

from __future__ import annotations

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
    mapping,
    request,
    rows_of,
)
from transforms.schema import ABSENT

CONTACTS = imported(
    CON_ID,
    mapping(f"{CONTACT}/@first_name", "app_contact_base.first_name"),
    mapping(f"{CONTACT}/@role", "app_contact_base.role_enum", "tinyint", "enum"),
    mapping(f"{ADDRESS}/@city", "app_contact_base.curr_city", "string", "curr_address_only"),
    mapping(f"{ADDRESS}/@kind", "app_contact_address.kind_enum", "tinyint", "enum"),
    mapping(f"{ADDRESS}/@city", "app_contact_address.city"),
    mapping(f"{ADDRESS}/@street_no", "app_contact_address.street_number"),
    mapping(f"{ADDRESS}/@months", "app_contact_address.months", "int", default_value="0"),
    mapping(f"{EMPLOYMENT}/@b_name", "app_contact_employment.business_name"),
    mapping(f"{EMPLOYMENT}/@b_salary", "app_contact_employment.b_salary", "decimal"),
    enum_mappings={"role_enum": {"PR": 1, "SEC": 2}, "kind_enum": {"CURR": 1, "PREV": 2}},
    table_insertion_order=[
        "app_base",
        "app_contact_base",
        "app_contact_address",
        "app_contact_employment",
        "processing_log",
    ],
)


def base(inner: str) -> list[dict[str, Any]]:
    return rows_of(CONTACTS, request(inner)).get("app_contact_base", [])


def test_a_contact_is_kept_with_its_required_attributes_and_a_name() -> None:
    kept = '<contact con_id="1" role="PR" first_name="Ann"/>'
    assert base(kept) == [{"app_id": 7, "con_id": 1, "first_name": "Ann", "role_enum": 1}]
    assert base('<contact con_id="1" role="PR" ssn="0"/>') == [{"app_id": 7, "con_id": 1, "role_enum": 1}]
    dropped = [
        'con_id=" " role="PR" first_name="A"',
        'con_id="1" role="X" first_name="A"',
        'con_id="1" role="PR" first_name=" "',
    ]
    assert [base(f"<contact {attributes}/>") for attributes in dropped] == [[], [], []]


def test_of_one_con_id_the_preferred_type_wins_and_then_the_last() -> None:
    found = base(
        '<contact con_id="1" role="PR" first_name="a"/><contact con_id="1" role="PR" first_name="b"/>'
        '<contact con_id="1" role="SEC" first_name="c"/><contact con_id="2" role="SEC" first_name="d"/>'
    )
    assert sorted((row["con_id"], row["first_name"]) for row in found) == [(1, "b"), (2, "d")]


def test_what_is_below_a_contact_goes_and_stays_with_it() -> None:
    found = rows_of(
        CONTACTS,
        request(
            '<contact con_id="1" role="PR" first_name="a"><contact_address kind="CURR" city="Gone"/></contact>'
            '<contact con_id="1" role="PR" first_name="b"><contact_address kind="CURR" city="Here"/>'
            '<contact_employment kind="CURR" b_name="Shop"/></contact>'
            '<contact role="PR" first_name="c"><contact_address kind="CURR" city="Lost"/></contact>'
        ),
    )
    # The first element loses against the second of the same number, and its address stays with the person.
    assert [row["city"] for row in found["app_contact_address"]] == ["Gone", "Here"]
    assert found["app_contact_employment"] == [{"app_id": 7, "con_id": 1, "business_name": "Shop"}]


def below(inner: str, table: str) -> list[dict[str, Any]]:
    found = rows_of(CONTACTS, request(f'<contact con_id="1" role="PR" ssn="1">{inner}</contact>'))
    return [
        {name: value for name, value in row.items() if name not in ("app_id", "con_id")} for row in found.get(table, [])
    ]


def test_an_address_is_kept_when_it_carries_anything() -> None:
    addresses = (
        '<contact_address kind="CURR" city="Delft"/><contact_address kind="PREV" city=" " months="3"/>'
        '<contact_address kind="PREV" street_no="5"/><contact_address kind="PREV" state="ZH" months="?"/>'
        '<contact_address kind="OTHER" city="Delft"/><contact_address city="Delft"/>'
    )
    assert below(addresses, "app_contact_address") == [
        {"kind_enum": 1, "city": "Delft", "months": 0},
        {"kind_enum": 2, "months": 3},
        {"kind_enum": 2, "street_number": "5", "months": 0},
        {"kind_enum": 2, "months": 0},
    ]


def test_an_employment_is_kept_when_it_carries_anything() -> None:
    employments = (
        '<contact_employment kind="CURR" b_name="Shop"/><contact_employment kind="PREV" b_salary="1,000.5"/>'
        '<contact_employment kind="PREV" b_name=" " title="x"/><contact_employment kind="PREV" city="Delft"/>'
    )
    assert [row.get("business_name") for row in below(employments, "app_contact_employment")] == ["Shop", None]


def test_a_document_without_a_kept_contact_loads() -> None:
    assert rows_of(CONTACTS, request('<contact con_id="1" role="X"/>')) == {"app_base": [{"app_id": 7}]}


def test_keys_of_contacts() -> None:
    tables = CONTACTS.schema.by_label
    assert tables["app_contact_base"].primary_key == ("app_id", "con_id")
    assert tables["app_contact_address"].column_names[:2] == ("app_id", "con_id")
    identities = {name: [column.name for column in table.columns if column.identity] for name, table in tables.items()}
    assert identities == {
        "app_base": ["app_id"],
        "app_contact_base": ["con_id"],
        "app_contact_address": [],
        "app_contact_employment": [],
    }


def test_curr_address_only_is_the_last_of_the_preferred_type_of_the_contact_at_hand() -> None:
    addresses = [("CURR", "a"), ("CURR", "b"), ("PREV", "c")]
    inner = "".join(f'<contact_address kind="{kind}" city="{city}"/>' for kind, city in addresses)
    other = '<contact con_id="2" role="SEC" ssn="1"><contact_address kind="PREV" city="d"/></contact>'
    two = f'<contact con_id="1" role="PR" ssn="1">{inner}</contact>{other}'
    assert {row["con_id"]: row.get("curr_city") for row in base(two)} == {1: "b", 2: None}


def taken(kind: str, place: str, inner: str, *more: str) -> Any:
    mapper = imported(mapping(f"{place}/@a", "app_base.c", "string", kind, *more))
    return rows_of(mapper, request(inner))["app_base"][0].get("c", ABSENT)


PRIMARIES = (
    '<contact con_id="1" role="PR" a="1"/><contact con_id="2" role="PR" a="2"/>'
    '<contact con_id=" " role="PR" a="3"/><contact con_id="4" role="SEC" a="4"/>'
)


@pytest.mark.parametrize(
    ("kind", "expected"), [("last_valid_pr_contact", "2"), ("last_valid_sec_contact", "4"), ("authu_contact", "4")]
)
def test_the_last_valid_contact_of_a_type(kind: str, expected: str) -> None:
    assert taken(kind, CONTACT, PRIMARIES) == expected
    assert taken(kind, CONTACT, '<contact con_id="1" role="X" a="1"/>') is ABSENT


def test_the_last_valid_contact_counts_even_without_the_attribute() -> None:
    assert (
        taken("last_valid_pr_contact", CONTACT, '<contact con_id="1" role="PR" a="1"/><contact con_id="2" role="PR"/>')
        is ABSENT
    )


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (
            '<contact_address kind="PREV" a="1"/><contact_address kind="CURR"/>'
            '<contact_address kind="CURR" a="2"/><contact_address kind="CURR" a="3"/>',
            "2",
        ),
        ('<contact_address kind="PREV" a="1"/><contact_address kind="CURR"/>', ABSENT),
        ('<contact_address kind="PREV"/><contact_address kind="PREV" a="1"/><contact_address a="2"/>', "1"),
        ("", ABSENT),
    ],
)
def test_of_the_contacts_addresses_the_first_preferred_one_that_has_it(addresses: str, expected: Any) -> None:
    earlier = '<contact con_id="1" role="PR"><contact_address kind="CURR" a="0"/></contact>'
    inner = f'{earlier}<contact con_id="2" role="PR">{addresses}</contact>'
    assert taken("last_valid_pr_contact", ADDRESS, inner) == expected


def test_of_the_contacts_other_children_the_last() -> None:
    inner = (
        '<contact con_id="1" role="SEC"><card a="1"/><card a="2"/></contact>'
        '<contact con_id="2" role="PR"><card a="3"/></contact>'
    )
    assert taken("authu_contact", f"{CONTACT}/card", inner) == "2"
    assert taken("last_valid_pr_contact", f"{CONTACT}/card", inner) == "3"


def test_the_secondary_type_must_be_in_the_filter() -> None:
    rules = [
        {
            "element_type": "contact",
            "xml_parent_path": APP,
            "xml_child_path": CONTACT,
            "required_attributes": {"role": ["PR"]},
        }
    ]
    _, notes = converted(
        mapping(f"{CONTACT}/@a", "app_base.c", "string", "authu_contact"), element_filtering={"filter_rules": rules}
    )
    assert notes.not_taken == [f"mapping 2, {CONTACT}/@a -> app_base.c: the contact filter has no secondary type"]


def test_the_bit_of_a_blank_that_a_selector_gives_is_0() -> None:
    mapper = imported(mapping(f"{CONTACT}/@a", "app_base.c", "bit", "last_valid_pr_contact", "char_to_bit"))
    found = [
        rows_of(mapper, request(f'<contact con_id="1" role="PR" {attributes}/>'))["app_base"][0].get("c")
        for attributes in ('a="1"', 'a=" "', "")
    ]
    assert found == [True, False, None]
