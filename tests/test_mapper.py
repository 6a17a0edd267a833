"""Mapping: from an element to its rows, as the keys of a contract say."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from transforms.contract.read import parse_contract
from transforms.map.mapper import MAX_KEY_LENGTH, Mapper
from transforms.parse.parser import RecordParser
from transforms.records import Context, MappedRecord, ParsedRecord, Reject, XmlRecord
from transforms.schema import ABSENT

HEAD = """
contract: test
record:
  path: /r
  key: {id: {from: "@id", type: int}}
"""
SOURCE = "in/a.xml"


def mapper(tables: str, head: str = HEAD) -> Mapper:
    return Mapper(parse_contract(f"{head}\n{tables}"))


def parsed(xml: str, **context: Any) -> ParsedRecord:
    payload = xml.encode()
    record = RecordParser().parse(XmlRecord(SOURCE, 7, 100, 100 + len(payload), payload, Context(**context)))
    assert isinstance(record, ParsedRecord)
    return record


def mapped(tables: str | Mapper, xml: str, head: str = HEAD, **context: Any) -> MappedRecord:
    result = (tables if isinstance(tables, Mapper) else mapper(tables, head)).map(parsed(xml, **context))
    assert isinstance(result, MappedRecord), result
    return result


def rejected(tables: str | Mapper, xml: str, head: str = HEAD) -> Reject:
    result = (tables if isinstance(tables, Mapper) else mapper(tables, head)).map(parsed(xml))
    assert isinstance(result, Reject), result
    return result


def column(spec: str, body: str, attributes: str = "") -> Any:
    """The value of one column in one row, of a record with this inside."""
    rows = mapped(f"tables: {{t: {{columns: {{c: {spec}}}}}}}", f"<r id='1' {attributes}>{body}</r>").rows["t"]
    assert len(rows) == 1
    return rows[0][1]


def refusal(spec: str, body: str) -> str:
    return rejected(f"tables: {{t: {{columns: {{c: {spec}}}}}}}", f"<r id='1'>{body}</r>").rule


# Rows

NESTED = """
tables:
  a: {rows: a, key: n, columns: {n: $position, name: "@n"}}
  b: {parent: a, rows: b, key: m, columns: {m: $position, name: "@n"}}
  c: {parent: b, rows: x/c, key: k, columns: {k: $position, name: "@n"}}
"""


def test_rows_nest_and_positions_restart_under_each_parent() -> None:
    record = mapped(
        NESTED,
        "<r id='1'><a n='a1'><b n='b1'><x><c n='c1'/><c n='c2'/></x><x><c n='c3'/></x></b><b n='b2'/></a>"
        "<a n='a2'><b n='b3'><x><c n='c4'/></x></b></a><b n='stray'/></r>",
    )
    assert record.rows == {
        "a": [(1, 1, "a1"), (1, 2, "a2")],
        "b": [(1, 1, 1, "b1"), (1, 1, 2, "b2"), (1, 2, 1, "b3")],
        "c": [(1, 1, 1, 1, "c1"), (1, 1, 1, 2, "c2"), (1, 1, 1, 3, "c3"), (1, 2, 1, 1, "c4")],
    }


def test_rows_of_no_element_are_no_rows() -> None:
    assert mapped(NESTED, "<r id='1'/>").rows == {"a": [], "b": [], "c": []}


def test_tables_nest_as_deep_as_one_likes() -> None:
    tables = ["tables:"]
    for level in range(20):
        parent = f"parent: t{level - 1}, " if level else ""
        tables.append(f"  t{level}: {{{parent}rows: a, key: k{level}, columns: {{k{level}: $position}}}}")
    record = mapped("\n".join(tables), "<r id='1'>" + "<a>" * 20 + "</a>" * 20 + "</r>")
    assert record.rows["t19"] == [(1,) * 21]


def test_contract_order_of_tables_does_not_matter() -> None:
    head, *tables = NESTED.strip().splitlines()
    again = "\n".join([head, *reversed(tables)])
    xml = "<r id='1'><a n='1'><b n='2'><x><c n='3'/></x></b></a></r>"
    assert mapped(again, xml).rows == mapped(NESTED, xml).rows


def test_inherited_keys_are_renamed() -> None:
    record = mapped(
        """
tables:
  a: {rows: a, key: n, inherit: {id: order_id}, columns: {n: $position}}
  b: {parent: a, rows: b, key: n, inherit: {n: a_n}, columns: {n: $position}}
""",
        "<r id='9'><a/><a><b/><b/></a></r>",
    )
    assert record.rows == {"a": [(9, 1), (9, 2)], "b": [(9, 2, 1), (9, 2, 2)]}


def test_dot_makes_a_row_of_the_element_of_the_row_above() -> None:
    record = mapped(
        """
tables:
  a: {rows: a, key: n, columns: {n: $position}}
  detail: {parent: a, columns: {name: "@n"}}
  whole: {columns: {first: a/@n}}
""",
        "<r id='1'><a n='x'/><a n='y'/></r>",
    )
    assert record.rows == {"a": [(1, 1), (1, 2)], "detail": [(1, 1, "x"), (1, 2, "y")], "whole": [(1, "x")]}


def test_table_without_columns_of_its_own() -> None:
    assert mapped("tables: {t: {rows: a}}", "<r id='1'><a/><a/></r>").rows == {"t": [(1,), (1,)]}


def test_tables_of_the_same_elements_do_not_mix() -> None:
    record = mapped(
        """
tables:
  a: {rows: x, key: n, columns: {n: $position, v: "@v"}}
  b: {parent: a, rows: y, key: m, columns: {m: $position}}
  c: {rows: x, key: n, columns: {n: $position, w: "@w"}}
  d: {parent: c, rows: y, key: m, columns: {m: $position, w: ../@w}}
""",
        "<r id='1'><x v='1' w='2'><y/></x><x v='3' w='4'/></r>",
    )
    assert record.rows == {
        "a": [(1, 1, "1"), (1, 2, "3")],
        "b": [(1, 1, 1)],
        "c": [(1, 1, "2"), (1, 2, "4")],
        "d": [(1, 1, 1, "2")],
    }


@pytest.mark.parametrize("rows", ["a | b", "b | a", "*[@n]", "a | .//b", ".//*[@n]"])
def test_union_of_rows_comes_in_document_order(rows: str) -> None:
    tables = f"tables: {{t: {{rows: '{rows}', key: n, columns: {{n: $position, v: '@n'}}}}}}"
    record = mapped(tables, "<r id='1'><a n='1'/><b n='2'/><a n='3'/><c/></r>")
    assert record.rows["t"] == [(1, 1, "1"), (1, 2, "2"), (1, 3, "3")]


def test_rows_at_any_depth_and_in_themselves() -> None:
    tables = "tables: {t: {rows: .//a, key: n, columns: {n: $position, v: '@n', up: ../@n}}}"
    record = mapped(tables, "<r id='1' n='top'><a n='1'><b n='x'><a n='2'/></b></a><a n='3'/></r>")
    assert record.rows["t"] == [(1, 1, "1", "top"), (1, 2, "2", "x"), (1, 3, "3", "top")]


def test_rows_by_condition() -> None:
    tables = "tables: {t: {rows: \"a[@k in ('x', 'y')][not(b)]\", key: n, columns: {n: $position, v: '@v'}}}"
    record = mapped(tables, "<r id='1'><a k='x' v='1'/><a k='z'/><a k='y'><b/></a><a k='y' v='2'/></r>")
    assert record.rows["t"] == [(1, 1, "1"), (1, 2, "2")]


def test_namespaces() -> None:
    head = HEAD.replace("contract:", "namespaces: {p: 'urn:p'}\ncontract:")
    tables = "tables: {t: {columns: {any: a, p: 'p:a', none: '{}a'}}}"
    xml = "<r id='1' xmlns:q='urn:p'><a>none</a><q:a>p</q:a></r>"
    assert mapped(tables, xml, head).rows["t"] == [(1, "none", "p", "none")]


# What a column takes


@pytest.mark.parametrize(
    ("spec", "body", "value"),
    [
        ("a", "<a>1</a><a>2</a>", "1"),
        ("a", "<a/><a>2</a>", ""),
        ("a", "", None),
        ("a", "<a> x <b>y</b> </a>", " x y "),
        ("[a, b]", None, None),
        ("{from: [a, b]}", "<a>1</a><b>2</b>", "1"),
        ("{from: [a, b]}", "<b>2</b>", "2"),
        ("{from: [a, b]}", "<a>  </a><b>2</b>", "2"),
        ("{from: [a, b]}", "<a>  </a><b/>", "  "),
        ("{from: [a, b, '@id']}", "", "1"),
        ("{from: a, take: first}", "<a>1</a><a>2</a>", "1"),
        ("{from: a, take: last}", "<a>1</a><a>2</a>", "2"),
        ("{from: a/@b, take: last}", "<a b='1'/><a/>", "1"),
        ("{from: a, take: join}", "<a>1</a><a>2</a>", "1 2"),
        ("{from: a, take: join, separator: '; '}", "<a>1</a><a/><a>2</a>", "1; ; 2"),
        ("{from: a, take: join}", "", None),
        ("{from: './/a', take: join}", "<a>1</a><b><a>2</a></b>", "1 2"),
        ("{from: a, take: count, type: int}", "<a/><b/><a/>", 2),
        ("{from: a, take: count, type: int}", "", 0),
        ("{from: './/a', take: count, type: int}", "", 0),
        ("{from: [a, b], take: count, type: int}", "<b/><b/>", 2),
        ("{from: a, take: only}", "<a>1</a>", "1"),
        ("{from: a, take: only}", "", None),
        ("{from: '*', take: name}", "<q:a xmlns:q='urn:q'/><b/>", "a"),
        ("{from: '*', take: name}", "", None),
        ("{from: a, type: int}", "<a> 5 </a>", 5),
        ("{from: a, type: int}", "<a>  </a>", None),
        ("{from: a, type: int}", "<a/>", None),
        ("{from: a, type: date, clean: {find: 'T.*'}}", "<a>2024-01-01T10:00</a>", None),
        ("{from: a, clean: [trim, upper]}", "<a> x </a>", "X"),
        ("{from: a, take: join, clean: collapse}", "<a> 1 </a><a> 2 </a>", "1 2"),
        ("{value: x}", "", "x"),
        ("{value: '12', type: int}", "", 12),
        ("{value: true, type: bool}", "", True),
        ("{value: 1234567890123456.78, type: 'decimal(18, 2)'}", "", "1234567890123456.78"),
        ("{value: 007}", "", "007"),
        ("{value: 2024-01-31, type: date}", "", "2024-01-31"),
        ("$file", "", "a.xml"),
        ("$source", "", SOURCE),
        ("$ordinal", "", 7),
        ("$start", "", 100),
        ("{from: $ordinal, type: text(3)}", "", "7"),
        ("{from: $ordinal, type: smallint}", "", 7),
    ],
)
def test_value(spec: str, body: str | None, value: Any) -> None:
    if body is None:
        spec, body, value = "{from: [a, b], type: int}", "<a> </a><b>7</b>", 7
    if "type: date, clean" in spec:
        assert str(column(spec, body)) == "2024-01-01"
    elif "decimal" in spec or "type: date" in spec:
        assert str(column(spec, body)) == value
    else:
        assert column(spec, body) == value


def test_time_of_the_run_as_text_is_iso() -> None:
    value = column("{from: $loaded_at, type: text(40)}", "")
    assert datetime.fromisoformat(value).utcoffset() == timedelta(0)
    assert "T" in value


def test_end_is_the_byte_after_the_record() -> None:
    assert mapped("tables: {t: {columns: {e: $end}}}", "<r id='1'/>").rows["t"] == [(1, 111)]


def test_lookup() -> None:
    tables = """
lookups: {status: {A: active, "": none}, code: {A: 1, 02: 2}}
tables:
  t:
    columns:
      s: {from: s, lookup: status}
      c: {from: s, lookup: code, clean: trim, type: int, on_error: 'null'}
"""
    compiled = mapper(tables)
    assert mapped(compiled, "<r id='1'><s>A</s></r>").rows["t"] == [(1, "active", 1)]
    assert mapped(compiled, "<r id='1'><s/></r>").rows["t"] == [(1, "none", None)]
    assert mapped(compiled, "<r id='1'/>").rows["t"] == [(1, None, None)]
    reject = rejected(compiled, "<r id='1'><s>02</s></r>")
    assert (reject.rule, reject.path) == ("lookup", "t.s")
    assert "'02' is not in the lookup status" in reject.message


def test_a_blank_text_is_missing_in_a_lookup_too() -> None:
    head = f"{HEAD}\nlookups: {{l: {{values: {{A: 1}}, otherwise: 9}}, m: {{A: 1, '': 2}}}}"
    tables = """
tables:
  t:
    columns:
      plain: {from: s, lookup: l, type: int}
      other: {from: s, lookup: l, type: int, blank: null, clean: trim, default: 5}
      own: {from: s, lookup: m, type: int, blank: null, clean: trim}
"""
    for text in ("", " "):
        assert mapped(tables, f"<r id='1'><s>{text}</s></r>", head).rows["t"] == [(1, 9, 5, 2)]


def test_trimmed_text_is_looked_up_without_its_blanks() -> None:
    head = f"{HEAD}\nlookups: {{l: {{A: 1, ' A': 2}}}}"
    tables = "tables: {t: {columns: {trimmed: {from: s, lookup: l, type: int, clean: trim}}}}"
    assert mapped(tables, "<r id='1'><s> A</s></r>", head).rows["t"] == [(1, 1)]


# Errors


def test_on_error() -> None:
    assert refusal("{from: a, type: int}", "<a>x</a>") == "type"
    assert refusal("{from: a, type: int, on_error: reject}", "<a>99999999999</a>") == "overflow"
    assert refusal("{from: a, type: int, required: true, on_error: 'null'}", "<a>x</a>") == "type"
    assert refusal("{from: a, take: only}", "<a/><a/>") == "several"
    assert column("{from: a, type: int, on_error: 'null'}", "<a>x</a>") is None
    assert column("{from: a, type: int, on_error: 'null', default: 7}", "<a>x</a>") == 7
    assert column("{from: a, type: int, on_error: default, default: -1}", "<a>x</a>") == -1
    assert column("{from: a, type: text(3), on_error: truncate}", "<a>abcd</a>") == "abc"
    assert refusal("{from: a, take: only, type: text(3), on_error: truncate}", "<a/><a/>") == "several"


def test_default_stands_for_what_is_missing_not_for_what_is_wrong() -> None:
    spec = "{from: a, type: int, default: 5}"
    assert column(spec, "") == column(spec, "<a> </a>") == 5
    assert refusal(spec, "<a>x</a>") == "type"
    assert column("{from: a, default: x}", "<a/>") == ""


def test_required() -> None:
    for spec in ("{from: a, required: true}", "{from: a, required: true, type: int}"):
        assert refusal(spec, "") == refusal(spec, "<a> </a>") == "required"
    assert column("{from: a, required: true, default: x}", "") == "x"
    assert column("{from: a, required: true, take: count, type: int}", "") == 0


def test_key_columns_are_required() -> None:
    tables = "tables: {t: {rows: a, key: k, columns: {k: '@k'}}}"
    assert rejected(tables, "<r id='1'><a/></r>").rule == "required"
    reject = rejected(tables, "<r><a k='1'/></r>")
    assert (reject.rule, reject.path, reject.key) == ("required", "record.key.id", None)


def test_omit_leaves_the_column_to_the_database() -> None:
    assert column("{from: a, omit: true}", "") is ABSENT
    assert column("{from: a, omit: true, type: int}", "<a/>") is ABSENT
    assert column("{from: a, omit: true, type: int, on_error: 'null'}", "<a>x</a>") is ABSENT
    assert column("{from: a, omit: true, type: int}", "<a>0</a>") == 0


def test_omit_is_no_way_around_required() -> None:
    assert refusal("{from: a, omit: true, required: true}", "") == "required"
    tables = "tables: {t: {rows: a, key: k, columns: {k: {from: '@k', omit: true}}}}"
    assert rejected(tables, "<r id='1'><a/></r>").rule == "required"
    head = HEAD.replace("type: int", "omit: true")
    assert rejected("tables: {t: {columns: {a: a}}}", "<r/>", head).rule == "required"


@pytest.mark.parametrize("spec", ["{from: a, take: only}", "{from: a, lookup: l}", "{from: a, type: int}"])
def test_message_of_a_long_text_is_short(spec: str) -> None:
    tables = f"lookups: {{l: {{A: b}}}}\ntables: {{t: {{columns: {{c: {spec}}}}}}}"
    reject = rejected(tables, f"<r id='1'><a>{'x' * 10_000}</a><a>{'y' * 10_000}</a></r>")
    assert len(reject.message) < 300


@pytest.mark.parametrize("spec", ["{from: $file, type: text(3)}", "{from: $end, type: tinyint}"])
def test_system_value_that_does_not_fit_is_a_reject(spec: str) -> None:
    assert refusal(spec, "x" * 200) in ("length", "overflow")


ERRORS = """
tables:
  t:
    columns:
      a: {from: a, type: int, on_error: 'null'}
      b: {from: b, type: int}
      c: {from: c, type: date}
  u: {rows: u, columns: {d: {from: d, required: true}}}
"""


def test_all_errors_of_a_record_are_in_its_reject() -> None:
    reject = rejected(ERRORS, "<r id='3'><a>x</a><b>y</b><c>z</c><u/><u/></r>")
    assert (reject.stage, reject.rule, reject.path, reject.key) == ("map", "type", "t.b", "3")
    assert (reject.source, reject.ordinal, reject.start) == (SOURCE, 7, 100)
    assert reject.payload is not None
    parts = reject.message.split("; ")
    assert [part.split(":")[0] for part in parts if part.startswith(("t.", "u."))] == ["t.b", "t.c", "u.d", "u.d"]


def test_many_errors_are_cut_short() -> None:
    reject = rejected(ERRORS, "<r id='3'>" + "<u/>" * 100 + "</r>")
    assert reject.message.count("u.d: ") == 20
    assert reject.message.endswith("; and 80 more")


def test_failures_are_counted_once_by_column_and_rule() -> None:
    compiled = mapper(ERRORS)
    rejected(compiled, "<r id='3'><a>x</a><b>y</b><c>z</c><u/><u/></r>")
    assert compiled.failures == Counter(
        {("t.a", "type"): 1, ("t.b", "type"): 1, ("t.c", "date"): 1, ("u.d", "required"): 2}
    )
    mapped(compiled, "<r id='3'><a>x</a></r>")
    assert compiled.failures["t.a", "type"] == 2


def test_a_mapper_is_not_spoilt_by_a_reject() -> None:
    compiled = mapper(ERRORS)
    before = mapped(compiled, "<r id='3'><b>1</b></r>")
    rejected(compiled, "<r id='3'><b>x</b></r>")
    assert mapped(compiled, "<r id='3'><b>1</b></r>").rows == before.rows == {"t": [(3, None, 1, None)], "u": []}


# Keys and checksums


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ('{k: "@a"}', " x "),
        ('{k: {from: "@n", type: int}}', "7"),
        ('{k: {from: "@n", type: "decimal(5,2)"}}', "7.00"),
        ('{k: {from: "@d", type: date}}', "2024-01-31"),
        ('{k: "@a", l: {from: "@n", type: int}}', '[" x ","7"]'),
        ('{k: "@q", l: "@u"}', '["\\"","é"]'),
    ],
)
def test_key_text(key: str, text: str) -> None:
    head = f"contract: test\nrecord: {{path: /r, key: {key}}}"
    xml = "<r a=' x ' n='007' d='2024-01-31' q='&quot;' u='é'/>"
    assert mapped("tables: {t: {columns: {a: '@a'}}}", xml, head).key == text


def test_keys_of_several_columns_do_not_run_together() -> None:
    head = 'contract: test\nrecord: {path: /r, key: {a: "@a", b: "@b"}}'
    compiled = mapper("tables: {t: {columns: {c: c}}}", head)
    xmls = [
        "<r a='1,2' b='3'/>",
        "<r a='1' b='2,3'/>",
        "<r a='1&quot;,&quot;2' b='3'/>",
        "<r a='1' b='2&quot;,&quot;3'/>",
    ]
    assert len({mapped(compiled, xml).key for xml in xmls}) == 4


def test_key_length() -> None:
    head = 'contract: test\nrecord: {path: /r, key: {a: "@a"}}'
    compiled = mapper("tables: {t: {columns: {c: c}}}", head)
    assert len(mapped(compiled, f"<r a='{'x' * MAX_KEY_LENGTH}'/>").key) == MAX_KEY_LENGTH
    reject = rejected(compiled, f"<r a='{'x' * (MAX_KEY_LENGTH + 1)}'/>")
    assert (reject.rule, reject.path) == ("key_length", "record.key")
    assert len(reject.message) < 200


def checksum(column: str, payload: str, rows: str = ".", **context: Any) -> bytes:
    tables = f"tables: {{t: {{rows: {rows!r}, columns: {{c: {column!r}}}}}}}"
    head = HEAD.replace("/r", "/top/r")
    result = mapper(tables, head).map(parsed(payload, **context))
    assert isinstance(result, MappedRecord)
    return result.checksum


ABOVE = {"open_tags": b"<top v='1'>", "close_tags": b"</top>", "depth": 1}
OTHER_ABOVE = {**ABOVE, "open_tags": b"<top v='2'>"}


def test_checksum_follows_the_payload() -> None:
    first, same, other = (checksum("a", xml, **ABOVE) for xml in ("<r id='1'/>", "<r id='1'/>", "<r id='1' />"))
    assert first == same != other
    assert len(first) == 16


def test_checksum_follows_the_prolog() -> None:
    prolog = b"<!DOCTYPE top [<!ENTITY e '%d'>]>"
    assert checksum("a", "<r id='1'/>", prolog=prolog % 1, **ABOVE) != checksum(
        "a", "<r id='1'/>", prolog=prolog % 2, **ABOVE
    )


@pytest.mark.parametrize(
    ("column", "rows", "reads_above"),
    [
        ("@x", ".", False),
        ("../@v", ".", True),
        ("a/../@v", ".", False),
        ("../@v", "a", False),
        ("../../@v", "a", True),
        ("a[../@v='1']", ".", False),
        ("a[../../@v='1']", ".", True),
        ("a[b/../../../@v='1']", ".", True),
        ("a[not(@x) and (b or ../../@v)]", ".", True),
        ("@x", "a[../../@v='1']", True),
        ("@x", "a[../@v='1']", False),
    ],
)
def test_checksum_follows_the_ancestors_only_where_they_are_read(column: str, rows: str, reads_above: bool) -> None:
    payload = "<r id='1'><a x='1'><b/></a></r>"
    changes = checksum(column, payload, rows, **ABOVE) != checksum(column, payload, rows, **OTHER_ABOVE)
    assert changes is reads_above


def test_ancestors_attributes_are_read() -> None:
    head = HEAD.replace("/r", "/top/r")
    tables = "tables: {t: {rows: a, columns: {v: ../../@v, w: '../../@none'}}}"
    assert mapped(tables, "<r id='1'><a/></r>", head, **ABOVE).rows["t"] == [(1, "1", None)]


# The source


def test_no_text_of_a_contract_gets_into_the_source_unquoted() -> None:
    hostile = "x'] = __import__('os').abort() #"
    tables = f"""
tables:
  {hostile!r}:
    name: t
    rows: a
    columns: {{"c')": "@c", {hostile!r}: {{from: b, on_error: 'null', type: int}}}}
"""
    assert mapped(tables, "<r id='1'><a c='1'><b>2</b></a></r>").rows == {hostile: [(1, "1", 2)]}


def test_examples_compile_to_source_that_can_be_read() -> None:
    source = mapper(NESTED).source
    assert source.startswith("def rows_of_record(")


def test_json_of_elements_that_nest_deeper_than_python_goes_is_a_reject() -> None:
    payload = b'<r id="1">' + b"<a>" * 1500 + b"</a>" * 1500 + b"</r>"
    record = RecordParser(max_depth=2000).parse(XmlRecord(SOURCE, 0, 0, len(payload), payload))
    assert isinstance(record, ParsedRecord)
    refused = mapper("tables: {t: {columns: {v: {from: a, take: json, type: json}}}}").map(record)
    assert isinstance(refused, Reject)
    assert refused.rule == "depth"


NAMED = (
    HEAD
    + """
elements: {buyer: Party}
tables:
  "Bücher-Zeilen":
    rows: l
    key: n
    columns:
      {n: $position, "class": {from: "@c", clean: upper}, "Größe": $buyer/@x, sum: {expression: n + 1, type: int}}
  "Bücher Zeilen":
    rows: m
    columns: {"class": "@c"}
    warn_when: [{when: '"class" = ''x''', message: "it is 'x'!"}]
"""
)


def test_code_bears_the_names_of_the_contract_and_no_two_are_the_same() -> None:
    mapper = Mapper(parse_contract(NAMED))
    functions = re.findall(r"^def (\w+)", mapper.source, re.MULTILINE)
    assert functions == ["rows_of_record", "rows_of_Bucher_Zeilen", "rows_of_Bucher_Zeilen_2"]
    for name in (
        "column_Bucher_Zeilen_class(",
        "value_Bucher_Zeilen_sum",
        "rule_Bucher_Zeilen_it_is_x(",
        "found_elements_buyer",
    ):
        assert name in mapper.source
    xml = "<r id='1'><Party x='7'/><l c='a'/><l c='b'/><m c='x'/></r>"
    mapped = mapper.map(parsed(xml))
    assert list(mapped.rows.values()) == [[(1, 1, "A", "7", 2), (1, 2, "B", "7", 3)], [(1, "x")]]
    assert mapper.warnings == {"Bücher Zeilen: it is 'x'!": 1}
