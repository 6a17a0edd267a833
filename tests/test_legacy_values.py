"""The import of legacy contracts: values, by sections 2, 4 and 6 of the page on them."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import pytest

from tests.legacy_contracts import APP, KEY, converted, imported, mapped, mapping, request, rows_of, value
from transforms.records import Reject
from transforms.schema import ABSENT

ENUMS = {"c": {"Web": 1, "web": 2, "Phone": 3, "": 9}, "color_enum": {"R": "red"}, "loud": {"X": 1}}


@pytest.mark.parametrize(
    ("data_type", "text", "expected"),
    [
        ("string", "  a b  ", "a b"),
        ("string", "07002", "07002"),
        ("string", "", ABSENT),
        ("string", " ", ABSENT),
        ("int", "36", 36),
        ("int", "36.50", 37),
        ("int", "about 36.4 months", 36),
        ("int", "-1", -1),
        ("int", "1,234.56", 1235),
        ("int", "12-34", 12),
        ("int", "none", ABSENT),
        ("int", "", ABSENT),
        ("tinyint", "300", ABSENT),
        ("bigint", "9000000000", 9000000000),
        ("decimal", "1.005", Decimal("1.01")),
        ("decimal", "1,234.5", Decimal("1234.50")),
        ("decimal", "-0.5", Decimal("-0.50")),
        ("decimal", "ten", ABSENT),
        ("float", "1.5", 1.5),
        ("datetime", "2024-01-05 10:20:30.25", datetime(2024, 1, 5, 10, 20, 30, 250000)),
        ("datetime", "2024-01-05 10:20:30", datetime(2024, 1, 5, 10, 20, 30)),
        ("datetime", "2024-1-5", datetime(2024, 1, 5)),
        ("datetime", "1/5/2024", datetime(2024, 1, 5)),
        ("datetime", "01/05/2024 7:08:09", datetime(2024, 1, 5, 7, 8, 9)),
        ("datetime", "1/5/2024 7:08:09 PM", datetime(2024, 1, 5, 19, 8, 9)),
        ("datetime", "25/12/2024", datetime(2024, 12, 25)),
        ("datetime", "25/12/2024 7:08:09", datetime(2024, 12, 25, 7, 8, 9)),
        ("datetime", "2024-01-05T10:20:30", datetime(2024, 1, 5, 10, 20, 30)),
        ("datetime", "2024-01-05 10:20:75", datetime(2024, 1, 5, 10, 20, 59)),
        ("smalldatetime", "2024-01-05T10:20:30Z", datetime(2024, 1, 5, 10, 20, 30)),
        ("datetime", "2024-02-30", ABSENT),
        ("date", "2024-01-05T10:20:30.123Z", date(2024, 1, 5)),
        ("date", "12/25/2024", date(2024, 12, 25)),
        ("date", "2024-01-05 10:20:30", date(2024, 1, 5)),
        ("date", "2024-01-05 10:20", date(2024, 1, 5)),
        ("date", "2024-1-5 9:20:5", date(2024, 1, 5)),
        ("date", "2024-01-05 10:20:30Z", date(2024, 1, 5)),
        ("date", "2024-01-05 23:20:30.1234567+02:00", date(2024, 1, 5)),
        ("date", "20240105T102030", date(2024, 1, 5)),
        ("date", "2024-01-05 25:00:00", ABSENT),
        ("bit", "1", True),
        ("boolean", "No", False),
        ("bit", "maybe", ABSENT),
    ],
)
def test_texts_become_values(data_type: str, text: str, expected: Any) -> None:
    assert value(f"{APP}/@a", data_type, attributes=f'a="{text}"') == expected


@pytest.mark.parametrize(
    ("data_type", "length", "text", "expected"),
    [
        ("string", 3, "abcd", "abc"),
        ("string", -1, "abcd", "abcd"),
        ("decimal", 0, "2.5", Decimal("3")),
        ("decimal", 4, "2.00005", Decimal("2.0001")),
    ],
)
def test_data_length_is_of_text_or_decimals(data_type: str, length: int, text: str, expected: Any) -> None:
    assert value(f"{APP}/@a", data_type, attributes=f'a="{text}"', data_length=length) == expected


@pytest.mark.parametrize(
    ("data_type", "default", "expected"),
    [
        ("string", "none", "none"),
        ("int", "5", 5),
        ("decimal", "0", Decimal("0.00")),
        ("bit", "Y", True),
        ("bit", "0", False),
        ("datetime", "1/1/1900", datetime(1900, 1, 1)),
        ("date", "1900-01-01", date(1900, 1, 1)),
    ],
)
@pytest.mark.parametrize("attributes", ["", 'a="?"'])
def test_a_default_stands_for_no_value_and_for_what_is_none(
    data_type: str, default: str, expected: Any, attributes: str
) -> None:
    found = value(f"{APP}/@a", data_type, attributes=attributes, default_value=default, nullable=True)
    assert found == ("?" if data_type == "string" and attributes else expected)


def test_an_attribute_is_looked_up_exactly_and_then_in_any_case() -> None:
    assert value(f"{APP}/@Rate", attributes='rate="low" Rate="exact"') == "exact"
    assert value(f"{APP}/@Rate", attributes='RATE="other"') == "other"


def test_the_last_element_in_the_document_counts_even_without_the_attribute() -> None:
    assert value(f"{APP}/x/@a", inner='<x a="1"/><x a="2"/>') == "2"
    assert value(f"{APP}/x/@a", inner='<x a="1"/><x b="2"/>') is ABSENT
    assert value(f"{APP}/y/x/@a", inner='<y><x a="1"/></y><y/>') == "1"


def test_identity_is_given() -> None:
    [column] = [one for one in imported().schema.by_label["app_base"].columns if one.name == "app_id"]
    assert column.identity


@pytest.mark.parametrize(
    ("text", "expected"), [("Web", 1), ("web", 2), (" WEB ", 1), ("PHONE", 3), ("Fax", 9), ("", 9), (None, 9)]
)
def test_an_enum_is_exact_and_then_in_any_case(text: str | None, expected: int) -> None:
    attributes = "" if text is None else f'a="{text}"'
    assert value(f"{APP}/@a", "smallint", "enum", attributes=attributes, top={"enum_mappings": ENUMS}) == expected


def test_an_enum_without_an_entry_for_the_rest_has_no_value_for_it() -> None:
    top = {"enum_mappings": ENUMS}
    found = [
        value(f"{APP}/@a", "string", "enum", enum_name="color_enum", attributes=f'a="{a}"', top=top)
        for a in ("r", "green", "")
    ]
    assert found == ["red", ABSENT, ABSENT]
    assert (
        value(
            f"{APP}/@a", "string", "enum", enum_name="color_enum", default_value="none", attributes='a="green"', top=top
        )
        == "none"
    )


def test_an_enum_is_found_by_its_column_without_prefixes() -> None:
    mapper = imported(mapping(f"{APP}/@a", "app_base.app_main_color_enum", "string", "enum"), enum_mappings=ENUMS)
    assert rows_of(mapper, request("", 'a="R"'))["app_base"] == [{"app_id": 7, "app_main_color_enum": "red"}]


def test_an_enum_that_is_missing_is_told() -> None:
    _, notes = converted(mapping(f"{APP}/@a", "app_base.c", "int", "enum"))
    assert notes.not_taken == [f"mapping 2, {APP}/@a -> app_base.c: there is no enum 'c' in `enum_mappings`"]


BITS = {"char_to_bit": {"Y": 1, "N": 0}, "boolean_to_bit": {"true": 1, "false": 0, "yes": 0}}


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("char_to_bit", " y ", True),
        ("char_to_bit", "N", False),
        ("char_to_bit", "true", True),
        ("char_to_bit", "?", False),
        ("char_to_bit", None, False),
        ("boolean_to_bit", "TRUE", True),
        ("boolean_to_bit", "1", True),
        ("boolean_to_bit", "yes", False),
        ("boolean_to_bit", "", False),
        ("boolean_to_bit", None, False),
    ],
)
def test_bits(kind: str, text: str | None, expected: bool) -> None:
    attributes = "" if text is None else f'a="{text}"'
    assert value(f"{APP}/@a", "bit", kind, attributes=attributes, top={"bit_conversions": BITS}) is expected


def test_a_bit_is_0_without_a_text_whatever_its_default() -> None:
    top = {"bit_conversions": BITS}
    for attributes in ("", 'a=" "', 'a="?"'):
        assert value(f"{APP}/@a", "bit", "char_to_bit", attributes=attributes, default_value="1", top=top) is False


@pytest.mark.parametrize("data_type", ["string", "int", "date", "bit"])
def test_a_blank_default_is_none(data_type: str) -> None:
    assert value(f"{APP}/@a", data_type, default_value=" ") is ABSENT
    assert value(f"{APP}/@a", data_type, default_value="") is ABSENT


@pytest.mark.parametrize("kind", ["numbers_only", "extract_numeric"])
@pytest.mark.parametrize(
    ("data_type", "text", "expected"),
    [
        ("string", "(555) 010-1234", "5550101234"),
        ("string", "07002", "07002"),
        ("string", "none", ABSENT),
        ("int", "36 months", 36),
        ("int", "-5", -5),
        ("bigint", "123-45-6789", 123456789),
        ("decimal", "$1,234.56", Decimal("1234.56")),
    ],
)
def test_numbers_keep_the_digits(kind: str, data_type: str, text: str, expected: Any) -> None:
    assert value(f"{APP}/@a", data_type, kind, attributes=f'a="{text}"') == expected


def test_now_stands_for_an_empty_date_only() -> None:
    def found(attributes: str) -> Any:
        return value(f"{APP}/@a", "datetime", "default_getutcdate_if_null", attributes=attributes)

    assert found('a="2024-01-05"') == datetime(2024, 1, 5)
    assert abs((found("") - datetime.now(timezone.utc).replace(tzinfo=None)).total_seconds()) < 60
    assert abs((found('a=" "') - datetime.now(timezone.utc).replace(tzinfo=None)).total_seconds()) < 60
    assert found('a="soon"') is ABSENT


def test_extract_date_leaves_the_time_out() -> None:
    assert value(f"{APP}/@a", "date", "extract_date", attributes='a="2024-01-05 10:20:30"') == date(2024, 1, 5)
    for text in ("2024-01-05 10:20:30", "2024-01-05T10:20:30Z", "20240105T102030", "1/5/2024 3:04:05 PM"):
        assert value(f"{APP}/@a", "datetime", "extract_date", attributes=f'a="{text}"') == datetime(2024, 1, 5)


def test_a_chain_is_applied_in_order() -> None:
    enums = {"c": {"12": 1, "": 0}}
    chain = ("numbers_only", "enum")
    assert value(f"{APP}/@a", "int", *chain, attributes='a="no. 1-2"', top={"enum_mappings": enums}) == 1
    enums = {"c": {"open": "Y", "shut": "N"}}
    chain = ("enum", "char_to_bit")
    top = {"enum_mappings": enums, "bit_conversions": BITS}
    found = [value(f"{APP}/@a", "bit", *chain, attributes=f'a="{a}"', top=top) for a in ("open", "shut")]
    assert found == [True, False]


def test_an_enum_after_an_expression_looks_up_the_raw_attribute_when_that_gives_nothing() -> None:
    def found(attributes: str, data_type: str = "int") -> Any:
        return value(
            f"{APP}/@a", data_type, "calculated_field", "enum", attributes=attributes,
            top={"enum_mappings": {"c": {"Web": 1, "": 9}}}, expression="CASE WHEN kind = 'x' THEN 5 END",
        )  # fmt: skip

    assert [found('kind="x" a="web"'), found('a="WEB"'), found('a="?"'), found("")] == [5, 1, 9, 9]
    assert [found('kind="x"', "string"), found('a="web"', "string")] == ["5", "1"]


def test_defaults_that_are_no_value_are_told() -> None:
    _, notes = converted(mapping(f"{APP}/@a", "app_base.c", "int", default_value="soon"))
    assert notes.not_taken == [f"mapping 2, {APP}/@a -> app_base.c: the default 'soon' is not of type int"]


def test_a_row_of_keys_and_defaults_is_not_made() -> None:
    mapper = imported(
        mapping(f"{APP}/@a", "app_more.a"),
        mapping(f"{APP}/@b", "app_more.b", "int", default_value="3", exclude_default_when_record_empty=True),
        mapping(f"{APP}/@e", "app_more.e", "int", "enum"),
        enum_mappings={"e": {"x": 1, "": 9}},
    )
    assert rows_of(mapper, request()) == {"app_base": [{"app_id": 7}]}
    assert rows_of(mapper, request("", 'b="?"')) == {"app_base": [{"app_id": 7}]}
    assert rows_of(mapper, request("", 'a=""')) == {"app_base": [{"app_id": 7}]}
    assert rows_of(mapper, request("", 'a="x"'))["app_more"] == [{"app_id": 7, "a": "x", "b": 3, "e": 9}]
    assert rows_of(mapper, request("", 'b="1"'))["app_more"] == [{"app_id": 7, "b": 1, "e": 9}]


def test_a_bit_of_0_from_char_to_bit_and_a_computed_value_are_data() -> None:
    bit = imported(
        mapping(f"{APP}/@a", "app_more.a", "bit", "char_to_bit"), mapping(f"{APP}/@b", "app_more.b", default_value="x")
    )
    assert rows_of(bit, request("", 'a="N"'))["app_more"] == [{"app_id": 7, "a": False, "b": "x"}]
    assert rows_of(bit, request())["app_more"] == [{"app_id": 7, "a": False, "b": "x"}]
    sum_ = imported(
        mapping(f"{APP}/@a", "app_more.a", "int", "calculated_field", expression="b + 1"),
        mapping(f"{APP}/@c", "app_more.c"),
    )
    assert rows_of(sum_, request("", 'b="2"'))["app_more"] == [{"app_id": 7, "a": 3}]
    assert "app_more" not in rows_of(sum_, request())


def test_two_mappings_of_one_column() -> None:
    mapper = imported(mapping(f"{APP}/@a", "app_base.c"), mapping(f"{APP}/x/@b", "app_base.c"))
    found = [
        rows_of(mapper, request(inner, 'a="first"'))["app_base"][0]["c"]
        for inner in ('<x b="second"/>', '<x b=" "/>', "")
    ]
    assert found == ["second", "first", "first"]


def test_the_other_product_is_rejected() -> None:
    mapper = imported(source_application_table="application")
    found = [
        mapped(mapper, f'<Request ID="7"><CustData>{inner}</CustData></Request>')
        for inner in ("<other/>", "<application/>", "")
    ]
    assert [type(one).__name__ for one in found] == ["Reject", "MappedRecord", "Reject"]
    assert "wrong product line" in found[0].message


def test_what_identity_and_key_are_is_implied() -> None:
    mapper = imported(
        mapping("/Root/Request/@ID", "app_more.app_id", "int"),
        mapping("/Root/@v", "app_more.v"),
        mapping("/Root/Request/@w", "app_more.w"),
    )
    assert rows_of(mapper, request().replace('ID="7"', 'ID="7" w="1"'))["app_more"] == [{"app_id": 7, "w": "1"}]
    assert KEY["target_column"] == "app_id"


def test_bits_after_an_expression() -> None:
    def found(attributes: str) -> Any:
        return value(
            f"{APP}/@a", "bit", "calculated_field", "char_to_bit", attributes=attributes,
            expression="CASE WHEN k = 1 THEN a WHEN k = 2 THEN 'Y' END",
        )  # fmt: skip

    assert [found('k="1" a="true"'), found('k="1" a="N"'), found('k="2"'), found("")] == [True, False, False, ABSENT]


def test_results_that_are_no_value_of_the_column_are_told() -> None:
    expression = "CASE WHEN a = 1 THEN 'one' ELSE '2' END"
    _, notes = converted(mapping(f"{APP}/@a", "app_base.c", "int", "calculated_field", expression=expression))
    assert notes.not_taken == [f"mapping 2, {APP}/@a -> app_base.c: the result 'one' is not of type int"]


@pytest.mark.parametrize("name", ["order", "value", "end", "case", "group", "date", "odd name"])
def test_columns_may_have_names_that_sql_reads_otherwise(name: str) -> None:
    mapper = imported(
        mapping(f"{APP}/@a", f"app_more.{name}"),
        mapping(f"{APP}/@b", "app_more.b", "int", "calculated_field", expression="b + 1"),
    )
    assert rows_of(mapper, request("", 'a="1"'))["app_more"] == [{"app_id": 7, name: "1"}]


def test_what_stands_beside_the_request_makes_the_record_larger() -> None:
    mapper = imported(mapping("/Root/Header/@version", "app_base.version"))
    assert mapper.contract.record.path == "/Root"
    found = rows_of(mapper, f'<Root><Header version="3"/>{request()}</Root>')
    assert found["app_base"] == [{"app_id": 7, "version": "3"}]
    several = mapped(mapper, f'<Root><Header version="3"/>{request()}{request()}</Root>')
    assert isinstance(several, Reject)
    assert several.message == "app_base: more than one Request"
