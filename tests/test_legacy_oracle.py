"""Imported contracts against the oracle of the page: generated legacy contracts with hostile documents."""

from __future__ import annotations

import random
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest

from beamshred.legacy import convert_legacy
from beamshred.legacy.source import parse_legacy
from tests.legacy_contracts import ADDRESS, APP, CON_ID, CONTACT, EMPLOYMENT, FILTERS, KEY, mapped, mapping
from tests.legacy_oracle import oracle
from transforms.contract.read import parse_contract
from transforms.map.mapper import Mapper
from transforms.records import Reject
from transforms.schema import ABSENT

ENUMS = {
    "kinds": {"Auto": 1, "BOAT": 2, "": 0},
    "colors": {"R": 10, "g ": 20},
    "words": {"a": "Alpha", "b": "Beta", "": "None"},
}
BITS = {"char_to_bit": {"Y": 1, "N": 0}, "boolean_to_bit": {"true": 1, "false": 0}}
TEXTS = [
    "", " ", "\u00a0", "x", " Auto ", "boat", "r", "G", "?", "0", "1", "07002", "-5", "36.50", "1,234.56", "12-34",
    "abc 7", "99999999999", "y", "N", "TRUE", "false", "yes", "2024-02-29", "2023-02-29", "1/5/2024 3:04:05 PM",
    "25/12/2024", "2024-01-05T10:20:30Z", "20230101", "2024-1-5 10:20:75", "a rather long text", "it's", "5.0",
    "1.0E7", "-$5", "20240105T1020", "2024-01-05 23:59:59.9999999", "\u200b",
]  # fmt: skip
KEYS = ["1", "2", " 2 ", "03", "4"]
ATTRIBUTES = [f"a{number}" for number in range(8)]
EXPRESSIONS = [
    "CASE WHEN a1 > 5 THEN 'big' WHEN a2 IS NOT EMPTY THEN a2 END",
    "CASE WHEN a1 = '' OR a2 LIKE 'a%' AND a3 != 'x' THEN '' ELSE a4 END",
    "CASE WHEN application.a1 = a1 THEN '1' WHEN contact.a2 IN ('x', 'y') THEN '2' ELSE '3' END",
    "CASE WHEN NOT (a1 BETWEEN 1 AND 40) THEN a1 WHEN part.a2 <= a3 THEN '7' END",
    "CASE WHEN a1 < a2 THEN '1' WHEN a1 IS NULL THEN '5' END",
]
SUMS = ["a1 + a2 * 2", "(a1 - 1) / 4", "a1 * -1"]
DATA_TYPES = ["string", "string", "int", "tinyint", "decimal", "datetime", "date", "bit"]
DEFAULTS = {
    "string": "none",
    "int": "5",
    "tinyint": "7",
    "decimal": "0",
    "datetime": "1/1/1900",
    "date": "1900-01-01",
    "bit": "1",
}


def contract_of(mappings: list[dict[str, Any]], **top: Any) -> dict[str, Any]:
    return {
        "xml_root_element": "Root",
        "xml_application_path": APP,
        "element_filtering": FILTERS,
        "mappings": mappings,
        **top,
    }


class Made:
    """A legacy contract and documents of a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.number = 0
        mappings = [KEY, CON_ID]
        for table, place in (("app_base", APP), ("app_contact_base", CONTACT), ("app_contact_address", ADDRESS)):
            mappings += [self.plain(table, place) for _ in range(5)]
        mappings += [self.plain("app_contact_employment", EMPLOYMENT) for _ in range(4)]
        mappings += [mapping(f"{EMPLOYMENT}/@{name}", f"app_contact_employment.{name}") for name in ("b_name", "b_zip")]
        mappings.append(mapping(f"{EMPLOYMENT}/@b_salary", "app_contact_employment.b_salary", "decimal"))
        mappings += [self.plain("pricing", self.random.choice([APP, f"{APP}/part"])) for _ in range(4)]
        mappings += [self.plain("pricing", self.random.choice([CONTACT, ADDRESS, f"{CONTACT}/card"])) for _ in range(2)]
        mappings += self.makers() + self.slots()
        self.contract = contract_of(mappings, enum_mappings=ENUMS, bit_conversions=BITS)

    def column(self) -> str:
        self.number += 1
        return f"c{self.number}"

    def plain(self, table: str, place: str, *before: str) -> dict[str, Any]:
        """A column of any type, as its kind of table has them."""
        pick = self.random.choice
        data_type = pick(DATA_TYPES)
        more: dict[str, Any] = {}
        types = list(before)
        is_people = place.startswith(CONTACT)
        if is_people and table in ("app_base", "pricing"):
            types.append(pick(["last_valid_pr_contact", "last_valid_sec_contact", "authu_contact"]))
        kind = pick(["", "", "", "enum", "bit", "digits", "calculated", "calculated enum", "now date"])
        if kind == "enum":
            types.append("enum")
            more["enum_name"] = pick(["kinds", "colors"] if data_type in ("int", "tinyint", "decimal") else ["words"])
            data_type = data_type if data_type in ("int", "tinyint", "decimal") else "string"
        elif kind == "bit":
            types.append(pick(["char_to_bit", "boolean_to_bit"]))
            data_type = "bit"
        elif kind == "digits":
            types.append(pick(["numbers_only", "extract_numeric"]))
            data_type = "string"
        elif kind.startswith("calculated") and (not is_people or table.startswith("app_contact")):
            data_type = pick(["string", "int"])
            types.append("calculated_field")
            more["expression"] = pick(EXPRESSIONS if data_type == "string" else SUMS)
            if "enum" in kind and data_type == "string":
                types.append("enum")
                more["enum_name"] = "words"
        elif kind == "now date" and data_type in ("date", "datetime"):
            types.append("extract_date")
        if data_type == "string":
            more["data_length"] = pick([3, 20, -1])
        if data_type == "decimal":
            more["data_length"] = pick([0, 2, 4])
        if data_type in DEFAULTS and pick([True, False]):
            more["default_value"] = pick([DEFAULTS[data_type]] * 4 + ["", " "])
        return mapping(f"{place}/@{pick(ATTRIBUTES)}", f"{table}.{self.column()}", data_type, *types, **more)

    def makers(self) -> list[dict[str, Any]]:
        pick = self.random.choice
        found = []
        for table, maker, data_type in (
            ("scores", "add_score(S{})", "int"),
            ("flags", "add_indicator(F{})", "string"),
            ("history", "add_history", "string"),
            ("reports", "add_report_lookup(R{})", "string"),
            ("reports", "add_report_lookup", "string"),
            ("exceptions", "policy_exceptions({})", "string"),
        ):
            for number in (1, 2):
                place = pick([APP, f"{APP}/part", CONTACT])
                chain = ["last_valid_pr_contact"] if place == CONTACT else []
                made = mapping(f"{place}/@{pick(ATTRIBUTES)}", f"{table}.", data_type, *chain, maker.format(number))
                if pick([True, False]):
                    del made["target_column"]
                found.append(made)
        found.append(mapping(f"{APP}/part/@a0", "exceptions.", "string", "policy_exceptions()"))
        return found

    def slots(self) -> list[dict[str, Any]]:
        columns = [
            ("make", "string", [], {"data_length": 4}),
            ("wholesale_value", "decimal", [], {"default_value": "0"}),
            ("year", "smallint", ["extract_numeric"], {}),
            ("kind", "tinyint", ["enum"], {"enum_name": "kinds"}),
            ("is_new", "bit", ["char_to_bit"], {}),
            ("band", "string", ["calculated_field"], {}),
        ]
        found = []
        for table, maker in (("collateral", "add_collateral"), ("warranties", "warranty_field")):
            for slot in (1, 2, 3):
                for column, data_type, types, more in columns:
                    if self.random.random() < 0.25 and column != "make":
                        continue
                    if self.random.random() < 0.1 and data_type == "string":  # unlike the other slots
                        types, more = [self.random.choice(["enum", "numbers_only"])], {**more, "enum_name": "words"}
                    attribute = f"{column}{slot}" if self.random.random() < 0.8 else self.random.choice(ATTRIBUTES)
                    extra = (
                        {"expression": f"CASE WHEN make{slot} > a1 THEN make{slot} END"}
                        if "calculated_field" in types
                        else {}
                    )
                    found.append(
                        mapping(f"{APP}/@{attribute}", f"{table}.{column}", data_type, f"{maker}({slot})", *types)
                        | more
                        | extra
                    )
        return found

    # Documents

    def document(self) -> str:
        pick = self.random.choice
        slotted = [
            f"{name}{slot}" for name in ("make", "wholesale_value", "year", "kind", "is_new") for slot in (1, 2, 3)
        ]
        contacts = "".join(self.contact() for _ in range(pick([0, 1, 2, 3])))
        parts = "".join(self.element("part", ATTRIBUTES) for _ in range(pick([0, 1, 2])))
        number = pick(["7", "7", "7", " 7", "07", "7", "7", "7.4", "A7", "7-7", "0", ""])
        inner = self.element("application", [*ATTRIBUTES, *slotted], inner=f"{parts}{contacts}")
        if self.random.random() < 0.05:
            inner = ""
        return f'<Request ID="{number}"><CustData>{inner}</CustData></Request>'

    def contact(self) -> str:
        pick = self.random.choice
        own = {"con_id": pick(KEYS if self.random.random() < 0.95 else ["", "B-12", "12.0"])}
        own |= {
            "role": pick(["PR", " pr ", "SEC", "sec", "PR", "X"]),
            pick(["ssn", "first_name", "nick"]): pick(["1", "A", " "]),
        }
        inner = "".join(
            self.element("contact_address", ATTRIBUTES[:5], {"kind": pick(["CURR", " curr", "PREV", "X"])}, blank=0.6)
            for _ in range(pick([0, 1, 2, 3]))
        )
        job = {pick(["b_salary", "b_name", "b_zip", "other"]): pick(["0", "0.00", "1,000", "x", " "])}
        inner += self.element("contact_employment", ATTRIBUTES[:3], {"kind": pick(["CURR", "prev"]), **job})
        inner += "".join(self.element("card", ATTRIBUTES) for _ in range(pick([0, 1, 2])))
        return self.element("contact", ATTRIBUTES, own, inner)

    def element(
        self, name: str, attributes: list[str], own: dict[str, str] | None = None, inner: str = "", blank: float = 0.3
    ) -> str:
        found = dict(own or {})
        for one in attributes:
            if self.random.random() > blank:
                found[one.upper() if self.random.random() < 0.1 else one] = self.random.choice(TEXTS)
        shown = " ".join(f"{key}={quoteattr(value)}" for key, value in found.items())
        return f"<{name} {shown}>{inner}</{name}>"


def loaded(mapper: Mapper, document: str) -> dict[str, list[dict[str, Any]]] | None:
    record = mapped(mapper, document)
    if isinstance(record, Reject):
        return None
    names = {label: table.column_names for label, table in mapper.schema.by_label.items()}
    return {
        label: [
            {name: value for name, value in zip(names[label], row, strict=True) if value is not ABSENT} for row in rows
        ]
        for label, rows in record.rows.items()
        if rows
    }


def ordered(rows: dict[str, list[dict[str, Any]]] | None) -> Any:
    return rows and {table: sorted(map(repr, (sorted(row.items()) for row in found))) for table, found in rows.items()}


@pytest.mark.parametrize("seed", range(24))
def test_an_imported_contract_makes_the_rows_of_the_page(seed: int) -> None:
    made = Made(seed)
    text, notes = convert_legacy(parse_legacy(made.contract, "test"))
    assert notes.not_taken == []
    mapper = Mapper(parse_contract(text))
    for _ in range(30):
        document = made.document()
        [expected] = oracle(made.contract, document)
        assert ordered(loaded(mapper, document)) == ordered(expected), document
