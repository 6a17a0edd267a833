"""Two whole legacy contracts, one for each product that the old program loaded, and the rows of a document each.

The expected rows are written by hand from the page on legacy contracts, not taken from a run.
"""

from __future__ import annotations

import sqlite3
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from beamshred.legacy import convert_legacy, read_legacy
from tests.legacy_contracts import mapped, rows_of
from transforms import prepare_target
from transforms.contract.read import parse_contract
from transforms.map.mapper import Mapper
from transforms.records import Reject

FOLDER = Path(__file__).parent / "legacy"


def product(name: str) -> Mapper:
    return Mapper(parse_contract(convert_legacy(read_legacy(FOLDER / f"{name}.json"))[0]))


CARD = """
<Request ID="101"><CustData><application
    receive_date="3/1/2024 9:05:07 PM" app_source="phone" app_type="?" CREDIT_LINE="12,500.005"
    decision="approved" decided_at="2024-03-02 10:00:31" auto="True"
    tu_score="712" vip="Y" fraud="n" prior_app=" 99 ">
  <contact con_id="1" ac_role_tp_c="PR" first_name="Old" mother_maiden="Early"/>
  <contact con_id="1" ac_role_tp_c="PR" first_name=" Maximilian Alexander X " last_name="" ssn="012-34-5678"
      birth_date="12/31/1980" paperless="y" home_phone="(555) 010-1234" email="max@example.org" mother_maiden=" ">
    <contact_address address_tp_c="PREV" street_no="1" city="Leiden" zip="07002" months="5.5"/>
    <contact_address address_tp_c="CURR" city="Delft"/>
    <contact_address address_tp_c="CURR" months="3"/>
    <contact_address address_tp_c="CURR" city="Gouda" months="-1"/>
    <contact_employment employment_tp_c="CURR" b_name="Shop" b_salary="60000" b_salary_basis="YEAR"/>
    <contact_employment employment_tp_c="PREV" b_salary="4,000"/>
  </contact>
  <contact con_id="2" ac_role_tp_c="AUTHU" last_name="Two">
    <app_prod_bcard emboss="A"/><app_prod_bcard emboss="TWO B"/>
  </contact>
  <contact con_id="3" ac_role_tp_c="OTHER" last_name="Three"/>
  <contact con_id="4" ac_role_tp_c="PR" first_name=" "/>
  <product apr="9" term="99"/>
  <product apr="19.9995" term="36 months" card_art="it&amp;apos;s"/>
  <bureau eq="unscorable" idv_result="PASS" ofac=""/>
</application></CustData></Request>
"""


def test_a_card_application() -> None:
    found = rows_of(product("cards"), CARD)
    contacts = sorted(found.pop("app_contact_base"), key=lambda row: row["con_id"])
    assert contacts == [
        {
            "app_id": 101, "con_id": 1, "contact_type_enum": 1, "first_name": "Maximilian Alexander",
            "ssn": "012345678",
            "birth_date": date(1980, 12, 31), "paperless_flag": True, "home_phone": "5550101234", "city": "Gouda",
        },
        {"app_id": 101, "con_id": 2, "contact_type_enum": 2, "last_name": "Two", "paperless_flag": False},
    ]  # fmt: skip
    key = {"app_id": 101, "con_id": 1}
    assert found == {
        "app_base": [{
            "app_id": 101, "receive_date": datetime(2024, 3, 1, 21, 5, 7), "app_source_enum": 2, "app_type_enum": 0,
            "credit_line": Decimal("12500.01"),
        }],
        "app_contact_address": [
            {
                **key, "address_type_enum": 2, "street_number": "1", "city": "Leiden", "zip": "07002",
                "months_at_address": 6,
            },
            {**key, "address_type_enum": 1, "city": "Delft", "months_at_address": 0},
            {**key, "address_type_enum": 1, "months_at_address": 3},
            {**key, "address_type_enum": 1, "city": "Gouda", "months_at_address": -1},
        ],
        "app_contact_employment": [
            {**key, "employment_type_enum": 1, "business_name": "Shop", "monthly_salary": Decimal("5000.00")},
            {**key, "employment_type_enum": 2, "monthly_salary": Decimal("4000.00")},
        ],
        "app_decision": [
            {"app_id": 101, "decision_enum": 1, "decided_at": datetime(2024, 3, 2, 10, 0, 31), "auto_flag": True},
        ],
        # The primary contact with the last con_id is number 4: it counts, though it is not kept.
        "app_pricing": [
            {"app_id": 101, "apr": Decimal("20.000"), "term": 36, "card_art": "it&apos;s", "authorized_name": "TWO B"},
        ],
        "scores": [{"app_id": 101, "score_identifier": "TU", "score": 712}],
        "indicators": [{"app_id": 101, "indicator": "VIP", "value": "1"}],
        "app_history": [
            {"app_id": 101, "name": "[mother_maiden]", "source": "[contact]", "value": "Early"},
            {"app_id": 101, "name": "[prior_app]", "source": "[application]", "value": "99"},
        ],
        "app_reports": [{"app_id": 101, "name": "idv_result", "source_report_key": "IDV", "value": "PASS"}],
    }  # fmt: skip


def test_a_card_application_of_almost_nothing() -> None:
    assert rows_of(product("cards"), '<Request ID="5"><CustData><application/></CustData></Request>') == {
        "app_base": [{"app_id": 5, "app_source_enum": 9, "app_type_enum": 0}]
    }


LOAN = """
<Request ID="202"><CustData><loan_application amount="1000"
    coll1_make="Mazda" coll1_year="MY 2021" coll1_type="auto" coll1_new="Y" coll1_miles="100000"
    coll2_value="0" coll2_type="BOAT" coll2_new="Y" coll2_miles="5"
    coll3_value="0.01" coll3_miles="99,999" coll3_type="plane"
    gap_company=" " gap_lien="Y" vsc_cost="1,200" ovr_cap="ABCDEFG">
  <contact con_id="9" ac_role_tp_c="COAPP" last_name="Nine" state="NLD"/>
  <decision rate="3.14155"/><decision ovr_notes="why not"/>
</loan_application></CustData></Request>
"""


def test_a_loan_application() -> None:
    assert rows_of(product("loans"), LOAN) == {
        "app_base": [{"app_id": 202, "amount": Decimal("1000.00")}],
        "app_contact_base": [{"app_id": 202, "con_id": 9, "last_name": "Nine"}],
        # Of the two decisions the last counts, and it has no rate.
        "app_pricing": [{"app_id": 202, "co_applicant_state": "NL"}],
        "collateral": [
            {
                "app_id": 202, "sort_order": 1, "make": "Mazda", "year": 2021, "wholesale_value": Decimal("0.00"),
                "collateral_type_enum": 1, "used_new_flag": True, "mileage_band": "high",
            },
            {
                "app_id": 202, "sort_order": 3, "wholesale_value": Decimal("0.01"), "collateral_type_enum": 0,
                "mileage_band": "normal",
            },
        ],
        "warranties": [{"app_id": 202, "warranty_type_enum": 2, "cost": Decimal("1200.00"), "lienholder_flag": False}],
        "policy_exceptions": [
            {"app_id": 202, "policy_exception_type_enum": 1, "reason_code": "ABCDE", "notes": "why not"},
        ],
    }  # fmt: skip


def test_the_other_products_application_is_rejected() -> None:
    for one, other in (("cards", LOAN), ("loans", CARD)):
        found = mapped(product(one), other)
        assert isinstance(found, Reject)
        assert "wrong product line" in found.message


@pytest.mark.parametrize("name", ["cards", "loans"])
def test_the_tables_of_a_product_can_be_made(name: str, tmp_path: Path) -> None:
    schema = product(name).schema
    prepare_target(f"sqlite:///{tmp_path / 'x.db'}", schema, "CREATE_IF_NEEDED")
    with sqlite3.connect(tmp_path / "x.db") as connection:
        made = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {table.name for table in schema.tables} <= made
