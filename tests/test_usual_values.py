"""What generated code does itself is what the column's function does."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import quoteattr

from hypothesis import example, given, settings
from hypothesis import strategies as st

from transforms import MappedRecord, Reject, XmlRecord, parse_contract
from transforms.conversion.convert import ConversionError, make_converter
from transforms.map.cells import ColumnError, make_column
from transforms.map.computed import make_fit
from transforms.map.mapper import Mapper, key_text
from transforms.parse.parser import RecordParser
from transforms.schema import ColumnType

NUMBERS = [
    "0", "007", "-5", "+5", "5.0", "٣", "²", "1e3", "9" * 18, "9" * 19, "12345", "12.50", "12.5", " 12.50", "1,234.50",
    "1.234,50", "-0.00", "000.00", "0.125", "99999.99", "100000.00", "1.", ".5", "٣.٣٣",
]  # fmt: skip
MOMENTS = [
    "2024-02-29", "2023-02-29", "2024-02-29T23:59:59", "2024-02-29T24:00:00", "2024-02-29T23:59:60",
    "2024-02-29T10:00", "2024-02-29 10:00:00", "2024-02-29Z", "0000-01-01", "２０２４-01-01", "01/02/2024",
]  # fmt: skip
OTHERS = ["", " ", "\t\n", "\u00a0", "\u2003", "A", "a", " A", "AB"]
texts = st.one_of(
    st.sampled_from([*NUMBERS, *MOMENTS, *OTHERS]),
    st.text("ab 1\t\u00a0", max_size=6),
    st.integers(-(10**20), 10**20).map(str),
)
CLEANINGS = ["trim", "collapse", "digits", "first_number", ["trim", "upper"], {"find": ":60$", "replace": ":59"}]


def columns(types: list[str], default: Any, **own: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Columns of these types, with the options that all have and their own."""
    return st.fixed_dictionaries(
        {"type": st.sampled_from(types)},
        optional={
            "clean": st.sampled_from(CLEANINGS),
            "required": st.booleans(),
            "omit": st.booleans(),
            "default": st.just(default),
            "on_error": st.sampled_from(["reject", "null", "default"]),
            **own,
        },
    )


half_up = st.just("half_up")
options = st.one_of(
    columns(["text", "text(3)", "text(1)"], "7", blank=st.sampled_from(["keep", "null"])),
    columns(["int", "bigint", "smallint", "tinyint"], 7, rounding=half_up, format=st.just("1,234.56")),
    columns(
        ["decimal(7, 2)", "decimal(4, 0)", "decimal(5, 5)"], 0, rounding=half_up,
        format=st.sampled_from(["1,234.56", "1.234,56"]),
    ),
    columns(
        ["date", "datetime"], "2001-01-01", zone=st.just("ignore"),
        format=st.sampled_from([["iso", "%m/%d/%Y"], ["%d/%m/%Y", "iso"], ["%Y-%d-%m", "iso"]]),
    ),
    columns(["text", "int", "decimal(7, 2)"], 7, lookup=st.sampled_from(["exact", "folded"])),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(options, st.lists(st.none() | texts, max_size=4))
@example({"type": "int"}, ["²"])
@example({"type": "text", "blank": "null"}, [" ", "a "])
@example({"type": "text", "required": True}, [" "])
@example({"type": "decimal(7, 2)", "clean": "digits"}, ["12.50"])
@example({"type": "decimal(7, 2)", "format": "1.234,56"}, ["1.250", "12.50"])
@example({"type": "text(1)", "clean": "trim"}, [" a ", " ", "ab"])
def test_row_has_what_the_columns_function_gives(column: dict[str, Any], values: list[str | None]) -> None:
    given_columns = {"n": "$position", "a": {"from": "@v", **column}, "e": {"from": "v", **column}}
    contract = {
        "contract": "c",
        "record": {"path": "/r", "key": {"id": "@id"}},
        "lookups": {
            "exact": {"A": "1", "12.50": "2", " A": "3"},
            "folded": {"values": {"A": "1", "0": "0"}, "ignore_case": True, "otherwise": "9"},
        },
        "tables": {"t": {"rows": "x", "key": "n", "columns": given_columns}},
    }
    try:
        parsed = parse_contract(json.dumps(contract))
    except ValueError:
        return  # options that do not go together
    document = "".join("<x/>" if text is None else f"<x v={quoteattr(text)}><v>{text}</v></x>" for text in values)
    payload = f'<r id="1">{document}</r>'.encode()
    mapper = Mapper(parsed)
    root = RecordParser().parse(XmlRecord("s", 0, 0, len(payload), payload))
    assert not isinstance(root, Reject)
    mapped = mapper.map(root)

    failures: Counter[tuple[str, str]] = Counter()
    columns = parsed.tables["t"].columns
    expected: list[tuple[Any, ...]] = []
    errors = []
    for number, element in enumerate(root.root.iterchildren("x"), 1):
        row: list[Any] = ["1", number]
        for name, raw in (("a", element.get("v")), ("e", element.findtext("v"))):
            function = make_column(f"t.{name}", columns[name], failures)
            try:
                row.append(raw if function is None else function(raw))
            except ColumnError as error:
                failures[error.path, error.rule] += 1
                errors.append(str(error))
        expected.append(tuple(row))
    assert mapper.failures == failures
    if errors:
        assert isinstance(mapped, Reject)
        assert mapped.message == "; ".join(errors)
    else:
        assert isinstance(mapped, MappedRecord)
        assert [(row, [type(value) for value in row]) for row in mapped.rows["t"]] == [
            (row, [type(value) for value in row]) for row in expected
        ]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=3))
@example(['\x00\x1f\x7f\u2028"\\/', "\b\f\n\r\t"])
def test_key_of_several_columns_is_plain_json(values: list[str]) -> None:
    """The ledgers of earlier versions hold it."""
    assert key_text(tuple(values)) == json.dumps(values, ensure_ascii=False, separators=(",", ":"))


@given(
    st.decimals(allow_nan=False, allow_infinity=False),
    st.sampled_from(["decimal(18, 2)", "decimal(5, 5)", "decimal(38, 10)", "decimal(3, 0)"]),
)
@example(Decimal("99999999.995"), "decimal(10, 2)")
@example(Decimal("-0.001"), "decimal(10, 2)")
@example(Decimal("1E-399"), "decimal(10, 2)")
@example(Decimal("1E+5"), "decimal(10, 2)")
def test_computed_decimal_is_what_its_text_would_be(value: Decimal, type_: str) -> None:
    parsed = ColumnType.parse(type_)
    by_text = make_converter(parsed, rounding="half_up")

    def outcome(convert: Callable[[Any], Any], given: Any) -> tuple[str, str]:
        try:
            return "", str(convert(given))
        except ConversionError as error:
            return error.rule, error.message

    assert outcome(make_fit(parsed, by_text), value) == outcome(by_text, format(value, "f"))
