"""Column types and the values of a schema."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.schema import ABSENT, INTEGER_RANGES, TYPE_NAMES, Column, ColumnType, ForeignKey, Schema, Table


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("text", ColumnType("text")),
        ("text(35)", ColumnType("text", length=35)),
        (" text ( 35 ) ", ColumnType("text", length=35)),
        ("binary(16)", ColumnType("binary", length=16)),
        ("decimal(18)", ColumnType("decimal", precision=18, scale=0)),
        ("decimal(18, 5)", ColumnType("decimal", precision=18, scale=5)),
        ("decimal(38,38)", ColumnType("decimal", precision=38, scale=38)),
        ("datetimetz", ColumnType("datetimetz")),
    ],
)
def test_type(text: str, type_: ColumnType) -> None:
    assert ColumnType.parse(text) == type_


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("varchar(5)", "'varchar(5)' is not a type; the types are text, tinyint"),
        ("Text", "is not a type"),
        ("", "is not a type"),
        ("text()", "is not a type"),
        ("text(-1)", "is not a type"),
        ("text(5) null", "is not a type"),
        ("text(0)", "a length is from 1 to"),
        ("binary(0)", "a length is from 1 to"),
        ("text(1,2)", "text takes no second number"),
        ("int(4)", "int takes no length"),
        ("datetime(3)", "datetime takes no length"),
        ("decimal", "decimal needs its number of digits"),
        ("decimal(0)", "decimal has 1 to 38 digits"),
        ("decimal(39)", "decimal has 1 to 38 digits"),
        ("decimal(5,6)", "no more decimals than digits"),
    ],
)
def test_wrong_type(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        ColumnType.parse(text)
    assert message in str(caught.value)


types = st.one_of(
    st.sampled_from([ColumnType(name) for name in TYPE_NAMES if name != "decimal"]),
    st.builds(ColumnType, st.sampled_from(["text", "binary"]), st.integers(1, 10**6)),
    st.integers(1, 38).flatmap(
        lambda digits: st.builds(
            ColumnType, st.just("decimal"), precision=st.just(digits), scale=st.integers(0, digits)
        )
    ),
)


@given(types)
def test_type_reads_what_it_prints(type_: ColumnType) -> None:
    assert ColumnType.parse(str(type_)) == type_


def test_integers() -> None:
    assert [
        name for name in TYPE_NAMES if ColumnType.parse(name if name != "decimal" else "decimal(1)").is_integer
    ] == list(INTEGER_RANGES)


def test_absent_stays_one_object_through_pickling() -> None:
    assert pickle.loads(pickle.dumps(ABSENT)) is ABSENT


def test_table_gives_its_columns_by_name() -> None:
    table = Table(
        "t", "T", None, (Column("a", ColumnType("int")), Column("b", ColumnType("text"))), ("a",),
        ForeignKey(("a",), "p", ("a",)), ("a",),
    )  # fmt: skip
    assert table.column_names == ("a", "b")
    assert table["b"].type.name == "text"
    assert Schema("c", (table,)).by_label == {"t": table}


@pytest.mark.parametrize("text", ["text(99999999999999999999)", "binary(10485761)", f"text({'9' * 6000})", "text(0)"])
def test_length_that_no_database_takes_is_refused(text):
    with pytest.raises(ValueError, match="a length is"):
        ColumnType.parse(text)
