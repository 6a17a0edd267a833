"""The import of legacy contracts: mapping types that make rows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.legacy_contracts import ADDRESS, APP, CONTACT, converted, imported, mapping, request, rows_of
from transforms.map.mapper import Mapper

BITS = {"char_to_bit": {"Y": 1, "N": 0}}


def made(mapper: Mapper, inner: str = "", attributes: str = "") -> list[dict[str, Any]]:
    """The rows of the table ``t`` without the record's key."""
    found = rows_of(mapper, request(inner, attributes)).get("t", [])
    return [{name: value for name, value in row.items() if name != "app_id"} for row in found]


def test_a_score_makes_a_row_if_it_converts() -> None:
    mapper = imported(
        mapping(f"{APP}/rmts/@tu", "t.score", "int", "add_score(TU)"),
        mapping(f"{APP}/rmts/@eq", "t.score", "int", "add_score('EQ')"),
        mapping(f"{APP}/@v", "t.score", "int", "add_score(V4)", default_value="0"),
    )
    assert made(mapper, '<rmts tu="700" eq="none"/>', 'v="?"') == [{"score_identifier": "TU", "score": 700}]
    assert made(mapper, '<rmts tu="1"/><rmts eq="2"/>', 'v="3"') == [
        {"score_identifier": "EQ", "score": 2},
        {"score_identifier": "V4", "score": 3},
    ]


def test_an_indicator_makes_a_row_if_it_is_true() -> None:
    mapper = imported(
        *(mapping(f"{APP}/@{name}", "t.value", "string", f"add_indicator({name.upper()})") for name in "abcdefg")
    )
    attributes = 'a="Y" b="yes" c="TRUE" d=" t " e="1" f="N" g=""'
    assert made(mapper, "", attributes) == [{"indicator": name, "value": "1"} for name in "ABCDE"]


def test_history_makes_a_row_if_it_is_not_blank() -> None:
    mapper = imported(
        mapping(f"{APP}/old/@maiden", "t.value", "string", "add_history", data_length=3),
        mapping(f"{APP}/@other", "t.value", "string", "add_history", data_length=3),
    )
    assert made(mapper, '<old maiden=" Smith "/>', 'other=" "') == [
        {"name": "[maiden]", "source": "[old]", "value": "Smi"}
    ]


def test_history_of_a_contact_falls_back_to_earlier_ones() -> None:
    mapper = imported(mapping(f"{CONTACT}/@a", "t.value", "string", "last_valid_pr_contact", "add_history"))
    inner = "".join(
        f'<contact con_id="{number}" role="{role}" a="{a}"/>'
        for number, role, a in ((1, "PR", "x"), (2, "PR", "y"), (3, "PR", " "), (4, "SEC", "z"))
    )
    assert made(mapper, inner) == [{"name": "[a]", "source": "[contact]", "value": "y"}]


def test_history_of_an_address_is_that_of_the_preferred_type() -> None:
    mapper = imported(mapping(f"{ADDRESS}/@a", "t.value", "string", "last_valid_pr_contact", "add_history"))
    earlier = '<contact con_id="1" role="PR"><contact_address kind="PREV" a="0"/></contact>'
    for texts, expected in ((("1", "2"), "2"), (("1", " "), "0")):
        addresses = "".join(
            f'<contact_address kind="{kind}" a="{a}"/>' for kind, a in zip(("PREV", "CURR"), texts, strict=True)
        )
        found = made(mapper, f'{earlier}<contact con_id="2" role="PR">{addresses}</contact>')
        assert found == [{"name": "[a]", "source": "[contact_address]", "value": expected}]


def test_history_of_a_contacts_other_children_is_that_of_the_last() -> None:
    mapper = imported(mapping(f"{CONTACT}/card/@a", "t.value", "string", "last_valid_pr_contact", "add_history"))
    earlier = '<contact con_id="1" role="PR"><card a="0"/></contact>'
    for text, expected in (("2", "2"), (" ", "0")):
        found = made(mapper, f'{earlier}<contact con_id="2" role="PR"><card a="1"/><card a="{text}"/></contact>')
        assert found == [{"name": "[a]", "source": "[card]", "value": expected}]


def test_report_lookups_have_a_key_or_none() -> None:
    mapper = imported(
        mapping(f"{APP}/rep/@a", "t.value", "string", "add_report_lookup(IDV)"),
        mapping(f"{APP}/rep/@b", "t.value", "string", "add_report_lookup()"),
        mapping(f"{APP}/rep/@c", "t.value", "string", "add_report_lookup"),
    )
    assert made(mapper, '<rep a="1" b="2" c=" "/>') == [
        {"name": "a", "source_report_key": "IDV", "value": "1"},
        {"name": "b", "value": "2"},
    ]


def test_policy_exceptions_share_their_notes() -> None:
    mapper = imported(
        mapping(f"{APP}/@r1", "t.reason_code", "string", "policy_exceptions(1)"),
        mapping(f"{APP}/@r6", "t.reason_code", "string", "policy_exceptions(6)"),
        mapping(f"{APP}/decision/@text", "t.notes", "string", "policy_exceptions()"),
    )
    found = made(mapper, '<decision text="why"/>', 'r1="A" r6="B"')
    assert found == [
        {"policy_exception_type_enum": 1, "reason_code": "A", "notes": "why"},
        {"policy_exception_type_enum": 6, "reason_code": "B", "notes": "why"},
    ]
    assert made(mapper, '<decision text="why"/>', 'r6="B"') == found[1:]
    assert made(mapper, '<decision text="why"/>', 'r6=" "') == []


def test_a_warranty_is_a_row_for_its_number() -> None:
    mapper = imported(
        mapping(f"{APP}/@gap_company", "t.company", "string", "warranty_field(1)"),
        mapping(f"{APP}/@gap_amount", "t.amount", "decimal", "warranty_field(1)"),
        mapping(f"{APP}/@gap_lien", "t.lien_flag", "bit", "warranty_field(1)", "char_to_bit"),
        mapping(f"{APP}/@vsc_company", "t.company", "string", "warranty_field(2)"),
        mapping(f"{APP}/@vsc_amount", "t.amount", "decimal", "warranty_field(2)"),
        bit_conversions=BITS,
    )
    assert made(mapper, "", 'gap_company="ACME" gap_lien="Y" vsc_amount="1,200"') == [
        {"warranty_type_enum": 1, "company": "ACME", "lien_flag": True},
        {"warranty_type_enum": 2, "amount": Decimal("1200.00"), "lien_flag": False},
    ]
    assert made(mapper, "", 'gap_lien="Y"') == []
    assert made(mapper, "", 'gap_amount="0"') == [
        {"warranty_type_enum": 1, "amount": Decimal("0.00"), "lien_flag": False}
    ]


COLLATERAL = imported(
    *(
        one
        for n in (1, 2)
        for one in (
            mapping(f"{APP}/@coll{n}_make", "t.make", "string", f"add_collateral({n})", data_length=4),
            mapping(f"{APP}/@coll{n}_year", "t.year", "smallint", f"add_collateral({n})", "extract_numeric"),
            mapping(f"{APP}/@coll{n}_ws", "t.wholesale_value", "decimal", f"add_collateral({n})", default_value="0"),
            mapping(f"{APP}/@coll{n}_new", "t.is_new", "bit", f"add_collateral({n})", "char_to_bit", default_value="0"),
            mapping(
                f"{APP}/@coll{n}_kind", "t.kind", "string", f"add_collateral({n})", "calculated_field",
                expression=f"CASE WHEN coll{n}_year > 2020 THEN 'young' ELSE 'old' END",
            ),
        )
    ),
    bit_conversions=BITS,
)  # fmt: skip


def test_collateral_is_a_row_for_its_slot() -> None:
    assert made(COLLATERAL, "", 'coll1_make="Mazda" coll2_year="MY2021" coll2_new="Y"') == [
        {"sort_order": 1, "make": "Mazd", "wholesale_value": Decimal("0.00"), "is_new": False, "kind": "old"},
        # An unquoted number against a text that is none compares as texts, as it did: 'MY2021' > '2020'.
        {"sort_order": 2, "year": 2021, "wholesale_value": Decimal("0.00"), "is_new": True, "kind": "young"},
    ]


def test_bits_computed_values_and_a_wholesale_value_of_0_make_no_collateral() -> None:
    assert made(COLLATERAL, "", 'coll1_new="Y" coll1_ws="0" coll2_make=" " coll2_ws="-1"') == []
    assert [row["sort_order"] for row in made(COLLATERAL, "", 'coll1_ws="0.00" coll2_ws="0.01"')] == [2]


def test_slots_that_differ_keep_their_own_columns() -> None:
    mapper = imported(
        mapping(f"{APP}/@a", "t.make", "string", "add_collateral(1)", data_length=2),
        mapping(f"{APP}/@b", "t.make", "string", "add_collateral(2)", data_length=2),
        mapping(f"{APP}/@c", "t.miles", "int", "add_collateral(2)", default_value="5"),
    )
    assert made(mapper, "", 'a="Mazda" b="Audi"') == [
        {"sort_order": 1, "make": "Ma"},
        {"sort_order": 2, "make": "Au", "miles": 5},
    ]


def test_several_kinds_of_rows_in_one_table() -> None:
    mapper = imported(
        mapping(f"{APP}/@a", "t.value", "string", "add_history"),
        mapping(f"{APP}/@b", "t.value", "string", "add_report_lookup(K)"),
    )
    assert made(mapper, "", 'a="1" b="2"') == [
        {"name": "[a]", "source": "[application]", "value": "1"},
        {"name": "b", "value": "2", "source_report_key": "K"},
    ]


def test_slots_are_written_by_pattern() -> None:
    text, _ = converted(
        *(mapping(f"{APP}/@coll{n}_make", "t.make", "string", f"add_collateral({n})") for n in (1, 2, 3))
    )
    assert "make: '@coll{sort_order}_make'" in text
    assert text.count("- {sort_order: ") == 3


def test_an_indicator_of_an_expression() -> None:
    expression = "CASE WHEN a > 5 THEN 'Y' ELSE b END"
    mapper = imported(mapping(f"{APP}/@a", "t.value", "string", "add_indicator(BIG)", expression=expression))
    found = [made(mapper, "", attributes) for attributes in ('a="6"', 'a="1" b="yes"', 'a="1"')]
    assert found == [[{"indicator": "BIG", "value": "1"}], [{"indicator": "BIG", "value": "1"}], []]


def test_an_indicator_of_the_primary_contact() -> None:
    mapper = imported(mapping(f"{CONTACT}/@vip", "t.value", "string", "last_valid_pr_contact", "add_indicator(VIP)"))
    inner = '<contact con_id="1" role="PR" vip="Y"/><contact con_id="2" role="SEC" vip="N"/>'
    assert made(mapper, inner) == [{"indicator": "VIP", "value": "1"}]
