"""The import of legacy contracts: expressions, by section 5 of the page on them."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beamshred.legacy.grammar import GrammarError, parse
from tests.legacy_contracts import APP, CON_ID, CONTACT, converted, imported, mapping, request, rows_of
from transforms.schema import ABSENT


def computed(expression: str, attributes: str = "", data_type: str = "string", inner: str = "", **more: Any) -> Any:
    mapper = imported(
        mapping(f"{APP}/@raw", "app_base.c", data_type, "calculated_field", expression=expression, **more),
        mapping(f"{APP}/product/@rate", "app_more.rate"),
    )
    return rows_of(mapper, request(inner, attributes))["app_base"][0].get("c", ABSENT)


def holds(condition: str, attributes: str = "", inner: str = "") -> bool:
    return computed(f"CASE WHEN {condition} THEN 'y' ELSE 'n' END", attributes, inner=inner) == "y"


@pytest.mark.parametrize(
    ("condition", "attributes", "expected"),
    [
        ("a = 'x'", 'a="x"', True),
        ("a = 'x'", 'a="X"', False),
        ("A = 'x'", 'a="x"', True),
        ("a != 'x'", "", True),
        ("a <> 'x'", 'a="x"', False),
        ("a = ''", "", True),
        ("a = ''", 'a=""', True),
        ("a = 5", 'a="5.0"', True),
        ("a = '5'", 'a="05"', True),
        ("a = 5", "", False),
        ("a != 5", "", True),
        ("a = '5,000'", 'a="5000.0"', True),
        ("a < '5,000'", 'a="600"', True),
        ("a != -1", "", True),
        ("a <> -1", 'a="-1.0"', False),
        ("a NOT IN (-1, 'x')", "", True),
        ("a NOT BETWEEN -1 AND 10", 'a="x"', True),
        ("a != b + 1", 'b="1"', True),
        ("a != b + 1", 'a="x"', False),
        ("a - -1 = 3", 'a="2"', True),
        ("a < 5", 'a="10"', False),
        ("a < 5", 'a="-1"', True),
        ("a < 5", "", True),
        ("a >= 5", "", False),
        ("5 > a", 'a="4"', True),
        ("a < 'b'", 'a="a"', True),
        ("a = b", 'a="1" b="1.0"', True),
        ("a = b", 'a="x" b="x"', True),
        ("a = b", 'a="x"', False),
        ("a = b", "", True),
        ("a < b", 'a="9" b="10"', True),
        ("a + 1 > 5", 'a="5"', True),
        ("a + 1 > 5", "", False),
        ("(a + 1) * 2 = 8", 'a="3"', True),
        ("a LIKE 'ab%'", 'a="ABC"', True),
        ("a LIKE 'a_c'", 'a="abbc"', False),
        ("a NOT LIKE 'ab%'", "", True),
        ("a IS NULL", "", True),
        ("a IS NULL", 'a=""', False),
        ("a IS NOT NULL", 'a=""', True),
        ("a IS EMPTY", 'a=" "', True),
        ("a IS EMPTY", "", True),
        ("a IS NOT EMPTY", 'a="x"', True),
        ("a IS NOT EMPTY", "", False),
        ("a = 'x' OR a = 'y' AND b = 'z'", 'a="x"', True),
        ("(a = 'x' OR a = 'y') AND b = 'z'", 'a="x"', False),
        ("NOT (a = 'x' OR b = 'z')", "", True),
        ("NOT a = 5", "", True),
        ("a IN ('x', 'y')", 'a="y"', True),
        ("a IN (1, 2)", 'a="2.0"', True),
        ("a NOT IN (1, 'x')", 'a="y"', True),
        ("a NOT IN ('x')", "", True),
        ("a BETWEEN 1 AND 10", 'a="9"', True),
        ("a NOT BETWEEN 1 AND 10", 'a="11"', True),
        ("d < DATE('2024-06-01')", 'd="1/5/2024"', True),
        ("DATE(d) = '2024-01-05'", 'd="2024-01-05 23:00:00"', True),
        ("DATE(d) > DATE('2024-01-01')", "", False),
        ("d >= DATEADD(day, -10, DATE('2024-01-15'))", 'd="2024-01-05"', True),
        ("DATEADD(day, n, d) = DATE('2024-02-01')", 'd="2024-01-31" n="1"', True),
        ("product.rate > 5", "", False),
        ("application.a = 'x'", 'a="x"', True),
    ],
)
def test_conditions(condition: str, attributes: str, expected: bool) -> None:
    assert holds(condition, attributes) is expected


def test_fields_of_other_elements() -> None:
    inner = (
        '<product rate="4"/><product rate="6"/><x><y z="1"/></x>'
        '<contact con_id="1" role="PR" name="Ann"/><contact con_id="2" role="SEC" name="Bob"/>'
    )
    assert holds("product.rate = 6 AND PRODUCT.Rate > 5", "", inner)
    assert holds("contact.name = 'Ann'", "", inner)
    assert holds("y.z = 1", "", inner)


def test_fields_of_the_contact_at_hand() -> None:
    mapper = imported(
        CON_ID,
        mapping(
            f"{CONTACT}/@a", "app_contact_base.c", "string", "calculated_field",
            expression="CASE WHEN a = application.a THEN 'same' WHEN contact.a = a THEN 'primary' ELSE a END",
        ),
    )  # fmt: skip
    inner = "".join(
        f'<contact con_id="{n}" role="{role}" ssn="1" a="{a}"/>'
        for n, role, a in ((1, "PR", "p"), (2, "SEC", "x"), (3, "SEC", "q"))
    )
    found = rows_of(mapper, request(inner, 'a="x"'))["app_contact_base"]
    assert {row["con_id"]: row["c"] for row in found} == {1: "primary", 2: "same", 3: "q"}


@pytest.mark.parametrize(
    ("expression", "attributes", "data_type", "expected"),
    [
        ("a + b * 2", 'a="1" b="2"', "int", 5),
        ("(a + b) * 2", 'a="1" b="2"', "int", 6),
        ("a / 4", 'a="10"', "int", 3),
        ("a * 10", 'a="10"', "string", "100"),
        ("a / 4", 'a="10"', "string", "2.5"),
        ("a / 4", 'a="10"', "decimal", Decimal("2.50")),
        ("a / b", 'a="10" b="0"', "decimal", ABSENT),
        ("a - -1", 'a="1"', "int", 2),
        ("a + 1", "", "int", ABSENT),
        ("CASE WHEN a = 1 THEN b WHEN a = 2 THEN 7 END", 'a="1" b="3.5"', "int", 4),
        ("CASE WHEN a = 1 THEN b WHEN a = 2 THEN 7 END", 'a="2"', "int", 7),
        ("CASE WHEN a = 1 THEN b WHEN a = 2 THEN 7 END", 'a="3"', "int", ABSENT),
        ("CASE WHEN a = 1 THEN 'It''s Me' END", 'a="1"', "string", "It's Me"),
        ("CASE WHEN a = 1 THEN CASE WHEN b = 1 THEN 'x' ELSE 'y' END ELSE 'z' END", 'a="1"', "string", "y"),
        ("CASE WHEN a = 1 THEN 'Y' ELSE 'N' END", 'a="1"', "bit", True),
        ("CASE WHEN a = 1 THEN 1 ELSE 0 END", "", "bit", False),
        ("DATEADD(day, 30, a)", 'a="2024-01-01"', "date", date(2024, 1, 31)),
        ("DATEADD(month, 1, DATE(a))", 'a="2024-01-31 10:00:00"', "datetime", datetime(2024, 2, 29)),
        ("CASE WHEN a IS EMPTY THEN '1900-01-01' ELSE a END", "", "datetime", datetime(1900, 1, 1)),
    ],
)
def test_results_are_of_the_columns_type(expression: str, attributes: str, data_type: str, expected: Any) -> None:
    assert computed(expression, attributes, data_type) == expected


def test_results_are_cut_and_defaults_stand_for_none() -> None:
    assert computed("CASE WHEN a = 1 THEN 'abcdef' END", 'a="1"', data_length=3) == "abc"
    assert computed("CASE WHEN a = 1 THEN b END", 'a="1" b="abcdef"', data_length=3) == "abc"
    assert computed("CASE WHEN a = 1 THEN b END", "", default_value="none") == "none"
    assert computed("a / b", 'a="1" b="0"', "decimal", default_value="7") == Decimal("7.00")


def test_an_expression_without_its_mapping_type_is_evaluated() -> None:
    mapper = imported(mapping(f"{APP}/@a", "app_base.c", "int", expression="a + 1"))
    assert rows_of(mapper, request("", 'a="1"'))["app_base"] == [{"app_id": 7, "c": 2}]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("a +", "a value expected, not its end"),
        ("CASE WHEN a THEN 1 END", "a comparison expected, not 'THEN' at character 13"),
        ("LEN(a)", "there is no function LEN"),
        ("a ? b", "'? b' at character 2"),
    ],
)
def test_an_expression_that_cannot_be_read_is_told(expression: str, message: str) -> None:
    with pytest.raises(GrammarError, match=re.escape(message)):
        parse(expression)
    text, notes = converted(
        mapping(f"{APP}/@a", "app_base.c", "int", "calculated_field", expression=expression, default_value="3")
    )
    [line] = notes.not_taken
    assert line.startswith(f"mapping 2, {APP}/@a -> app_base.c: ")
    assert message in line
    assert "c: {" in text


NAMES = st.sampled_from(["a", "b", "product.rate"])
LITERALS = st.sampled_from(["'x'", "5", "'5'", "''"])
COMPARISONS = st.builds(
    lambda left, operator, right: f"{left} {operator} {right}",
    NAMES,
    st.sampled_from(["=", "!=", "<", ">=", "LIKE"]),
    LITERALS,
)
CONDITIONS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.builds(lambda one, word, other: f"({one}) {word} ({other})", inner, st.sampled_from(["AND", "OR"]), inner),
        st.builds(lambda one: f"NOT ({one})", inner),
    ),
    max_leaves=5,
)


@settings(deadline=None, max_examples=25)
@given(CONDITIONS)
def test_a_condition_and_its_opposite_never_agree(condition: str) -> None:
    for attributes in ("", 'a="x" b="5"', 'a="5" b=""'):
        assert holds(condition, attributes) is not holds(f"NOT ({condition})", attributes)


@pytest.mark.parametrize(
    ("data_type", "expression"),
    [
        ("int", "DATEADD(day, 1, a)"),
        ("date", "CASE WHEN a = 1 THEN b + 1 END"),
        ("int", "DATE(a) + 1"),
        ("int", "CASE WHEN a LIKE b + 1 THEN DATE(a) END"),
    ],
)
def test_an_expression_of_another_type_is_told_and_has_no_value(data_type: str, expression: str) -> None:
    one = mapping(
        f"{APP}/@a", "app_base.c", data_type, "calculated_field", expression=expression, default_value="1900-01-01"
    )
    _, notes = converted(one, mapping(f"{APP}/@b", "app_base.d"))
    assert [line.partition(": ")[0] for line in notes.not_taken][-1:] == [f"mapping 2, {APP}/@a -> app_base.c"]
