"""What generated code does itself is what the column's function does."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from xml.sax.saxutils import quoteattr

from hypothesis import example, given, settings
from hypothesis import strategies as st

from transforms import MappedRecord, Reject, XmlRecord, parse_contract
from transforms.map.cells import ColumnError, make_column
from transforms.map.mapper import Mapper, key_text
from transforms.parse.parser import RecordParser

texts = st.one_of(
    st.sampled_from(
        ["", " ", "\t\n", "\u00a0", "\u2003", "0", "007", "-5", "+5", "5.0", "٣", "²", "9" * 18, "9" * 19, "1e3"]
    ),
    st.text("ab 1\t\u00a0", max_size=6),
    st.integers(-(10**20), 10**20).map(str),
)
options = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "text(3)", "text(1)", "int", "bigint", "smallint", "tinyint"])},
    optional={
        "clean": st.sampled_from(["trim", "collapse", "digits", "first_number", ["trim", "upper"]]),
        "blank": st.sampled_from(["keep", "null"]),
        "required": st.booleans(),
        "default": st.just("7"),
        "on_error": st.sampled_from(["reject", "null", "default"]),
    },
)


@settings(max_examples=400, deadline=None)
@given(options, st.lists(st.none() | texts, max_size=4))
@example({"type": "int"}, ["²"])
@example({"type": "text", "blank": "null"}, [" ", "a "])
@example({"type": "text", "required": True}, [" "])
@example({"type": "text(1)", "clean": "trim"}, [" a ", " ", "ab"])
def test_row_has_what_the_columns_function_gives(column: dict[str, Any], values: list[str | None]) -> None:
    given_columns = {"n": "$position", "a": {"from": "@v", **column}, "e": {"from": "v", **column}}
    contract = {
        "contract": "c",
        "record": {"path": "/r", "key": {"id": "@id"}},
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
