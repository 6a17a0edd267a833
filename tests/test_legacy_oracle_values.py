"""Single values and expressions of imported contracts against the oracle of the page."""

from __future__ import annotations

import random
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest

from beamshred.legacy import convert_legacy
from beamshred.legacy.source import parse_legacy
from tests.legacy_contracts import APP, KEY, mapping, request
from tests.legacy_oracle import oracle
from tests.test_legacy_oracle import BITS, ENUMS, contract_of, loaded
from transforms.contract.read import parse_contract
from transforms.map.mapper import Mapper

HOSTILE = """
1e5|1.0E7|-2.5e-1|1e99|e5|12e|1E|−2.5|-$1,234.56|$ -5|B-12|5-6|20240105T1020|20240105T102030Z|2024-01-05T10|2024-W01-5
2024-01-05 23:59:59.9999999|2024-01-05T10:20:30+02|20240105T10:20:30|2024-0105|1/5/2024  3:04:05  PM
x|0|00|1|01|-1|+1|- 1|−1|1-|(1)|5|255|256|32767|32768|2147483647|2147483648|99999999999|36.50|36.4999|2.5|-2.5|0.5|-0.5
.5|-.5|1.005|2.675|1,234|1,234.56|1,23|12,34|1,234,567.891|1,2345|1.234,56|$5|$ 1,234.56|$-5|-$5|5%|USD 5|5 USD|NaN
inf|Infinity|0x10|1_000|٣|１２|½|²|1 000|12-34|abc 7|7 abc|3.4.5|1..2|100-7|(555) 010-1234|012-34-5678|07002|+31 6 123
true|TRUE|false|FALSE|yes|no|y|Y|n|N|t|f|on|off|2|X| y |None|null|2024-01-05|2024-1-5|2024-02-29|2023-02-29|2024-13-01
0000-00-00|0001-01-01|9999-12-31|2024-01-05 10:20:30|2024-01-05 1:2:3|2024-01-05 10:20:60|2024-01-05 10:20:75
2024-01-05 10:20:30.1|2024-01-05T10:20:30|2024-01-05T10:20|2024-01-05T10:20:30Z|2024-01-05 10:20:30+02:00|20240105
20240105T102030|20240230|2024|2024-01|2024/01/05|05-01-2024|1/5/2024|13/1/2024|1/13/2024|2/29/2024|2/29/2023|29/2/2023
30/2/2024|1/5/24|1/5/2024 10:20:30|1/5/2024 3:04:05 PM|1/5/2024 3:04:05 pm|1/5/2024 12:04:05 AM|13/5/2024 10:20:30
1/5/2024 10:20:75|1/5/2024 3:04:75 PM|1 / 5 / 2024|Jan 5 2024|٢٠٢٤-٠١-٠٥|  a  b  |a\tb|é|e\u0301|😀😀😀😀|it's|&amp;|<b>
Auto| AUTO |boat|g|G |\u00a0|\u00a0a\u00a0|\u2003| ||org.x.Undefined@79eee12e
"""
TEXTS = [text for line in HOSTILE.strip("\n").split("\n") for text in line.split("|")]
TYPES = [
    "string",
    "int",
    "smallint",
    "tinyint",
    "bigint",
    "decimal",
    "float",
    "datetime",
    "smalldatetime",
    "date",
    "bit",
]


def shapes() -> list[dict[str, Any]]:
    """Every type with every conversion that fits it."""
    found: list[tuple[Any, ...]] = [(kind, [], {}) for kind in TYPES]
    found += [(kind, [], {"default_value": "1"}) for kind in ("string", "int", "decimal", "bit")]
    found += [("decimal", [], {"data_length": places}) for places in (0, 1, 4, -1)]
    found += [("string", [], {"data_length": length}) for length in (1, 3, -1)]
    found += [
        (kind, [step], {}) for kind in ("string", "int", "bigint") for step in ("numbers_only", "extract_numeric")
    ]
    found += [(kind, [step], {}) for kind in ("bit", "int") for step in ("char_to_bit", "boolean_to_bit")]
    found += [(kind, ["enum"], {"enum_name": name}) for kind in ("int", "string") for name in ("kinds", "colors")]
    found += [("string", ["enum"], {"enum_name": "words"}), ("int", ["identity_insert"], {})]
    found.append(("date", ["extract_date"], {}))
    return [
        mapping(f"{APP}/@a", f"app_base.c{number}", kind, *steps, **more)
        for number, (kind, steps, more) in enumerate(found)
    ]


def test_hostile_texts_become_what_the_page_says() -> None:
    contract = contract_of([KEY, *shapes()], enum_mappings=ENUMS, bit_conversions=BITS)
    text, notes = convert_legacy(parse_legacy(contract, "test"))
    assert notes.not_taken == []
    mapper = Mapper(parse_contract(text))
    for one in TEXTS:
        document = request("", f"a={quoteattr(one)}")
        assert [loaded(mapper, document)] == oracle(contract, document), one


# Expressions

FIELDS = ["a", "B", "c", "d", "application.a", "contact.e", "part.f", "missing"]
LITERALS = ["'x'", "'X'", "'5'", "'05'", "5", "5.0", "0", "-1", "''", "'10'", "100", "'It''s'", "'5,000'", "4999.5"]
DATES = ["DATE('2024-01-05')", "DATE(a)", "DATEADD(day, 3, d)", "DATEADD(day, -3, DATE('2024-01-08'))"]
FOUND = [
    "", " ", "x", "X", "5", "05", "5.0", " 5 ", "-1", "10", "5,000", "abc", "It's", "2024-01-05", "1/5/2024",
    "2024-01-05 10:20:30", "7x", ".5", "a%", "ab\nc",
]  # fmt: skip


class Expressions:
    """Expressions of a seed, with all that the page knows."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def pick(self, *items: str) -> str:
        return self.random.choice(items)

    def field(self) -> str:
        return self.pick(*FIELDS)

    def sum(self) -> str:
        return f"({self.field()} {self.pick('+ 1', '* 2', '- 2.5', '/ 2', f'- {self.field()}')})"

    def condition(self, depth: int = 2) -> str:
        one, other = (self.condition(depth - 1) if depth else "a = 5" for _ in range(2))
        compared = self.pick("=", "!=", "<>", "<", ">", "<=", ">=")
        no = self.pick("", "NOT ")
        simple = [
            f"{self.pick(*FIELDS, *LITERALS)} {compared} {self.pick(*FIELDS, *LITERALS)}",
            f"{self.sum()} {compared} {self.pick(*FIELDS, '5', '-1', '2.5')}",
            f"{self.field()} {no}LIKE '{self.pick('x', 'a%', '%5%', '_', '')}'",
            f"{self.field()} IS {no}{self.pick('NULL', 'EMPTY')}",
            f"{self.field()} {no}IN ({', '.join(self.random.sample(LITERALS, 3))})",
            f"{self.field()} {no}BETWEEN {self.pick('1', '-1')} AND {self.pick('100', repr('50'))}",
            f"{self.pick(*DATES, 'd')} {self.pick('=', '<', '>=')} {self.pick(*DATES)}",
        ]
        both = [f"{one} AND {other}", f"{one} OR {other}", f"NOT ({one})", f"({one})"]
        return self.pick(*simple, *(both * 2 if depth else []))

    def expression(self) -> str:
        value = self.pick(self.field(), self.sum(), "'It''s'", "7")
        return f"CASE WHEN {self.condition()} THEN {value} WHEN {self.condition(1)} THEN {self.field()} ELSE '0' END"


@pytest.mark.parametrize("seed", range(12))
def test_expressions_give_what_the_page_says(seed: int) -> None:
    made = Expressions(seed)
    mappings = [
        mapping(
            f"{APP}/@raw", f"app_base.c{number}", made.pick("string", "int", "decimal"), "calculated_field",
            expression=made.expression(),
        )
        for number in range(20)
    ]  # fmt: skip
    contract = contract_of([KEY, *mappings, mapping(f"{APP}/part/@f", "more.f")])
    text, _ = convert_legacy(parse_legacy(contract, "test"))
    mapper = Mapper(parse_contract(text))
    for _ in range(20):
        given = {name: quoteattr(made.pick(*FOUND)) for name in "abcdef" if made.random.random() < 0.7}
        inner = f'<part f={given.pop("f", repr("5"))}/><contact con_id="1" role="PR" e={given.pop("e", repr(""))}/>'
        document = request(inner, " ".join(f"{name}={text}" for name, text in given.items()))
        rows, [expected] = loaded(mapper, document) or {}, oracle(contract, document)
        for one in mappings:
            name = one["target_column"]
            wanted = (expected or {})["app_base"][0].get(name)
            assert rows["app_base"][0].get(name) == wanted, (one["expression"], document)
