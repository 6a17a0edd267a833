"""`take: sum`, `min` and `max`: exact, over the values of all that a path finds."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.language import column, mapper, mistake, reject
from transforms.schema import ABSENT


def taken(spec: str, *texts: str, head: str = "") -> Any:
    xml = "<r id='1'>" + "".join(f"<n>{text}</n>" for text in texts) + "</r>"
    [value] = column(f"{head}tables: {{t: {{columns: {{v: {{from: n, {spec}}}}}}}}}", xml)
    return value


@pytest.mark.parametrize(
    ("spec", "texts", "value"),
    [
        ("take: sum, type: int", ["1", "2", "-4"], -1),
        ("take: sum, type: 'decimal(9, 2)'", ["0.10", "0.20"], Decimal("0.30")),
        ("take: sum, type: 'decimal(9, 2)', format: '1.234,56'", ["1.000,50", "0,5"], Decimal("1001.00")),
        ("take: sum, type: 'decimal(9, 1)', rounding: half_up", ["0.05", "0.05"], Decimal("0.2")),
        ("take: sum, type: float", ["0.1"] * 10, 1.0),
        ("take: sum, type: int", [], None),
        ("take: sum, type: int", ["", " "], None),
        ("take: sum, type: int, default: 0", [], 0),
        ("take: sum, type: int, omit: true", [""], ABSENT),
        ("take: sum, type: int, clean: digits", ["a1", "", "b2", "x"], 3),
        ("take: max, type: int", ["9", "10", ""], 10),
        ("take: min, type: int", ["9", "10", ""], 9),
        ("take: max, type: date, format: '%d/%m/%Y'", ["02/01/2024", "01/12/2023"], date(2024, 1, 2)),
        ("take: min, type: datetimetz", ["2024-01-01T00:00:00Z", "2024-01-01T00:30:00+01:00"],
            datetime(2023, 12, 31, 23, 30, tzinfo=timezone.utc)),
        ("take: max", ["b", "a", "B"], "b"),
        ("take: min", ["b", " ", "a"], "a"),
        ("take: max, type: text(2), on_error: truncate", ["abc", "aaaa"], "ab"),
        ("take: sum, type: int, on_error: null", ["1", "x"], None),
        ("take: sum, type: int, on_error: default, default: -1", ["1", "x"], -1),
        ("take: sum, type: tinyint, on_error: null", ["200", "100"], None),
        ("take: max, lookup: l, type: int", ["a", "b"], 2),
        ("take: sum, lookup: l, type: int", ["a", "b"], 3),
    ],
)  # fmt: skip
def test_combined(spec: str, texts: list[str], value: Any) -> None:
    assert taken(spec, *texts, head="lookups: {l: {a: 1, b: 2}}\n") == value


@pytest.mark.parametrize(
    ("spec", "texts", "rule", "message"),
    [
        ("take: sum, type: int", ["1", "x"], "type", "'x' is not a whole number"),
        ("take: sum, type: tinyint", ["200", "100"], "overflow", "300"),
        ("take: sum, type: int, required: true", [" "], "required", "a required value is missing or blank"),
        ("take: max, type: text(1)", ["a", "bc"], "length", "2 characters"),
    ],
)
def test_errors(spec: str, texts: list[str], rule: str, message: str) -> None:
    xml = "<r id='1'>" + "".join(f"<n>{text}</n>" for text in texts) + "</r>"
    rejected = reject(f"tables: {{t: {{columns: {{v: {{from: n, {spec}}}}}}}}}", xml)
    assert (rejected.rule, rejected.path) == (rule, "t.v")
    assert message in rejected.message


def test_attributes_and_paths_that_no_walk_serves() -> None:
    contract = "tables: {t: {columns: {v: {from: \".//n[@k='a']/@v\", take: sum, type: int}}}}"
    assert column(contract, "<r id='1'><n k='a' v='1'/><n k='b' v='2'/><x><n k='a' v='4'/></x></r>") == [5]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "{from: n, take: sum}",
            "`take: sum` gives no text, but one of tinyint, smallint, int",
        ),
        ("{from: n, take: sum, type: date}", "`take: sum` gives no date, but one of tinyint"),
        ("{from: n, take: max, type: bool}", "`take: max` gives no bool, but one of tinyint"),
        ("{value: 1, take: max, type: int}", "a constant is the value itself: `lookup`, `clean`, `format` and `take`"),
    ],
)
def test_wrong_use(spec: str, message: str) -> None:
    assert mistake(f"tables: {{t: {{columns: {{v: {spec}}}}}}}").startswith(f"tables.t.columns.v: {message}")


@settings(deadline=None)
@given(st.lists(st.decimals(-(10**30), 10**30, places=4), min_size=1, max_size=20))
def test_decimals_are_added_to_the_last_digit(values: list[Decimal]) -> None:
    contract = mapper("tables: {t: {columns: {v: {from: n, take: sum, type: 'decimal(38, 4)'}}}}")
    xml = "<r id='1'>" + "".join(f"<n>{value:f}</n>" for value in values) + "</r>"
    total = sum(int(f"{value:.4f}".replace(".", "")) for value in values)
    assert column(contract, xml) == [Decimal(f"{total}e-4")]
