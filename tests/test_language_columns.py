"""Columns: expressions, system values, what is taken of nodes, case, blanks, absence."""

from __future__ import annotations

import json
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import pytest

from tests.language import HEAD, STARTED, all_rows, column, mapper, mistake, reject, rows
from transforms.contract.plan import schema_of
from transforms.schema import ABSENT


def one(spec: str, xml: str, head: str = "") -> Any:
    """The value of a single column."""
    (value,) = column(f"{head}\ntables: {{t: {{columns: {{c: {spec}}}}}}}", xml)
    return value


# Expressions


def test_computed_columns_stand_in_any_order() -> None:
    contract = """
    tables:
      t:
        columns:
          total: {expression: net + tax, type: "decimal(9, 2)"}
          tax: {expression: "ROUND(net * 0.21, 2)", type: "decimal(9, 2)"}
          net: {from: "@net", type: "decimal(9, 2)"}
          size: {expression: "CASE WHEN total > 100 THEN 'large' ELSE 'small' END"}
    """
    assert rows(contract, "<r id='1' net='100'/>") == [
        (Decimal("121.00"), Decimal("21.00"), Decimal("100.00"), "large")
    ]


def test_expression_reads_keys_paths_and_system_values() -> None:
    contract = """
    tables:
      t: {rows: a, key: n, columns: {n: $position}}
      u:
        parent: t
        rows: b
        columns:
          c: {expression: "CONCAT(id, '/', n, '/', [$position], '/', [../@v], '/', [$file])"}
    """
    assert rows(contract, "<r id='7'><a v='x'><b/></a></r>", "u") == [(1, "7/1/1/x/a.xml")]


@pytest.mark.parametrize(
    ("expression", "type_", "value"),
    [
        ("'2.345'", "text", "2.345"),
        ("2.345", "decimal(9, 2)", Decimal("2.35")),
        ("1 + 1", "decimal(9, 2)", Decimal("2.00")),
        ("7", "float", 7.0),
        ("1 = 1", "bool", True),
        ("1 = 1", "text", "true"),
        ("12", "text", "12"),
        ("[$loaded_at]", "datetimetz", STARTED),
        ("[$loaded_at]", "date", date(2024, 3, 10)),
        ("CURRENT_TIMESTAMP", "datetimetz", STARTED),
        ("CURRENT_DATE", "datetime", datetime(2024, 3, 10)),
        ("[$run]", "text", "run-1"),
        ("NULL", "int", None),
        ("[@none]", "text", None),
    ],
)
def test_expression_gives_the_type_of_its_column(expression: str, type_: str, value: Any) -> None:
    found = one(f'{{expression: "{expression}", type: "{type_}"}}', "<r id='1'/>")
    assert (found, type(found)) == (value, type(value))


def test_expression_that_fails_follows_on_error() -> None:
    def contract(spec: str) -> str:
        return f"tables: {{t: {{columns: {{n: {{from: '@n', type: int}}, c: {{{spec}}}}}}}}}"

    assert reject(contract("expression: 10 % n, type: int"), "<r id='1' n='0'/>").rule == "division_by_zero"
    assert reject(contract("expression: 300 * n, type: tinyint"), "<r id='1' n='1'/>").rule == "overflow"
    compiled = mapper(contract("expression: 10 % n, type: int, on_error: 'null'"))
    assert rows(compiled, "<r id='1' n='0'/>") == [(0, None)]
    assert compiled.failures == {("t.c", "division_by_zero"): 1}
    compiled = mapper(contract("expression: 10 % n, type: int, on_error: default, default: -1"))
    assert column(compiled, "<r id='1' n='0'/>") == column(compiled, "<r id='1'/>") == [-1]


def test_expression_sees_null_for_a_default_and_for_what_is_left_out() -> None:
    contract = """
    tables:
      t:
        columns:
          a: {from: "@a", default: x}
          b: {from: "@b", omit: true}
          c: {expression: "COALESCE(a, b, 'none')"}
    """
    assert rows(contract, "<r id='1'/>") == [("x", ABSENT, "none")]


def test_required_expression_without_value_rejects() -> None:
    contract = 'tables: {t: {columns: {c: {expression: "[@a]", required: true}}}}'
    assert reject(contract, "<r id='1'/>").rule == "required"


def test_error_of_a_column_is_not_said_again_of_those_computed_from_it() -> None:
    contract = """
    tables: {t: {columns: {n: {from: "@n", type: int}, c: {expression: n + 1, type: int}}}}
    """
    assert reject(contract, "<r id='1' n='x'/>").message == "t.n: 'x' is not a whole number"


# System values


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("$position", 1),
        ("$source", "in/a.xml"),
        ("$file", "a.xml"),
        ("$ordinal", 7),
        ("$start", 100),
        ("$end", 111),
        ("$run", "run-1"),
        ("$loaded_at", STARTED),
    ],
)
def test_system_value(name: str, value: Any) -> None:
    assert one(name, "<r id='1'/>") == value


def test_checksum_and_contract_are_those_of_the_ledger() -> None:
    compiled = mapper("tables: {t: {columns: {sum: $checksum, contract: $contract}}}")
    ((checksum, fingerprint),) = rows(compiled, "<r id='1'/>")
    assert len(checksum) == 32
    assert fingerprint == compiled.contract.fingerprint()


def test_system_values_have_their_types_in_the_database() -> None:
    table = schema_of(
        mapper("tables: {t: {columns: {a: $position, b: $loaded_at, c: $end, d: $file}}}").contract
    ).tables[0]
    assert [str(column.type) for column in table.columns[1:]] == ["int", "datetimetz", "bigint", "text"]


# What is taken


SEVERAL = "<r id='1'><p:a xmlns:p='urn:p' k='1'>x <b>y</b></p:a><a> z </a><c/></r>"


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        ("{from: a, take: first}", "x y"),
        ("{from: a, take: last}", " z "),
        ("{from: 'a[2]'}", " z "),
        ("{from: 'a[last()]'}", " z "),
        ("{from: 'a[1]', take: only}", "x y"),
        ("{from: '*', take: join, separator: '|'}", "x y| z |"),
        ("{from: '*', take: join, separator: ''}", "x y z "),
        ("{from: 'a | c', take: count, type: tinyint}", 3),
        ("{from: '@*', take: count, type: int}", 1),
        ("{from: x, take: count, type: int}", 0),
        ("{from: x, take: count, type: int, default: 9}", 0),
        ("{from: '*', take: name}", "a"),
        ("{from: '*[last()]', take: name, clean: upper}", "C"),
        ("{from: ., take: name}", "r"),
        ("{from: a, take: xml}", '<p:a xmlns:p="urn:p" k="1">x <b>y</b></p:a>'),
        ("{from: c, take: xml}", "<c/>"),
        ("{from: x, take: xml}", None),
        ("{from: x, take: json}", None),
        ("{from: [x, c], take: name}", "c"),
    ],
)
def test_take(spec: str, value: Any) -> None:
    assert one(spec, SEVERAL) == value


@pytest.mark.parametrize(
    ("xml", "value"),
    [
        ("<d/>", ""),
        ("<d>x</d>", "x"),
        ("<d k='v'/>", {"@k": "v"}),
        ("<d k='v'>x</d>", {"@k": "v", "#text": "x"}),
        ("<d><e>1</e><f/><e>2</e></d>", {"e": ["1", "2"], "f": ""}),
        ("<d><e><g/></e></d>", {"e": {"g": ""}}),
        ("<d>x<e/>y</d>", {"e": "", "#text": "xy"}),
        ("<d xmlns:q='urn:q' q:k='1'><q:e/></d>", {"@k": "1", "e": ""}),
        ("<d>é&lt;\U0001f600</d>", "é<\U0001f600"),
    ],
)
def test_take_json(xml: str, value: Any) -> None:
    assert json.loads(one("{from: d, take: json, type: json}", f"<r id='1'>{xml}</r>")) == value


def test_only_is_an_error_with_several() -> None:
    rejected = reject("tables: {t: {columns: {c: {from: a, take: only}}}}", SEVERAL)
    assert (rejected.rule, rejected.path) == ("several", "t.c")
    assert "2 nodes where only one is allowed: 'x y', ' z '" in rejected.message


@pytest.mark.parametrize("take", ["name", "xml", "json"])
def test_take_of_elements_is_not_for_attributes(take: str) -> None:
    said = f"tables.t.columns.c.from: `take: {take}` is about elements, and this selects attributes (here: '@a')"
    assert mistake(f"tables: {{t: {{columns: {{c: {{from: '@a', take: {take}}}}}}}}}") == said


# Case

FOLDED = "<r ID='1'><Acct IBAN='x'><cur>EUR</cur></Acct><acct iban='y'/></r>"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("acct/@iban", "x"),
        ("ACCT/CUR", "EUR"),
        ("acct[@iban='y']/@IBAN", "y"),
        (".//CUR", "EUR"),
        ("acct/@i*", "x"),
        ("acct[2]/@iban", "y"),
        ("acct/cur/../@iban", "x"),
    ],
)
def test_ignore_case(path: str, value: str) -> None:
    assert one(f'{{from: "{path}", ignore_case: true}}', FOLDED.replace("ID", "id")) == value


def test_ignore_case_is_said_by_each_column_or_by_defaults() -> None:
    head = HEAD.replace("/r,", "/r, ")
    xml = FOLDED.replace("ID", "id")
    assert one("{from: ACCT/CUR}", xml) is None
    assert one("{from: ACCT/CUR, ignore_case: false}", xml, "defaults: {ignore_case: true}") is None
    assert column(
        f"defaults: {{ignore_case: true}}\n{head}tables: {{t: {{rows: ACCT, columns: {{c: '@Iban'}}}}}}", FOLDED
    ) == [
        "x",
        "y",
    ]


def test_exact_name_comes_before_one_of_another_case() -> None:
    assert one("{from: '@ab', ignore_case: true}", "<r id='1' AB='1' ab='2' Ab='3'/>") == "2"
    assert one("{from: '@aB', ignore_case: true}", "<r id='1' AB='1' ab='2'/>") == "1"
    assert one("{from: 'a[1]/@ab', ignore_case: true}", "<r id='1'><a AB='1' ab='2'/></r>") == "2"


def test_ignore_case_is_about_names_and_not_values() -> None:
    assert one("{from: \"a[@k='X']\", ignore_case: true}", "<r id='1'><A K='x'>1</A><a k='X'>2</a></r>") == "2"


def test_expressions_and_rows_take_ignore_case_from_defaults() -> None:
    contract = """
    defaults: {ignore_case: true}
    tables: {t: {rows: A, where: "[@k] = '1'", columns: {c: {expression: "[b/@V]"}}}}
    """
    assert column(contract, "<r id='1'><a K='1'><B v='x'/></a><a K='2'/></r>") == ["x"]


# Blanks, defaults of the database, keys


def test_blank() -> None:
    blanks = "<r id='1' a=' ' b='x'/>"
    assert one("{from: '@a'}", blanks) == " "
    assert one("{from: '@a', blank: keep}", blanks, "defaults: {blank: 'null'}") == " "
    assert one("{from: '@a', blank: 'null'}", blanks) is one("{from: '@a', blank: null}", blanks) is None
    assert one("{from: '@a', blank: 'null', default: d}", blanks) == "d"
    assert one("{from: '@a', blank: 'null', omit: true}", blanks) is ABSENT
    assert one("{from: '@b', clean: {find: x}, blank: 'null'}", blanks) is None
    assert one("{from: ['@a', '@c'], blank: 'null'}", blanks) is None


def test_omitted_column_is_absent_and_not_null() -> None:
    assert one("{from: '@a', omit: true, type: int}", "<r id='1'/>") is ABSENT
    assert one("{from: '@a', omit: true, type: int, default: 5}", "<r id='1'/>") == 5
    assert one("{expression: '[@a]', omit: true}", "<r id='1'/>") is ABSENT
    assert one("$file", "<r id='1'/>", "defaults: {omit: true}") == "a.xml"
    table = schema_of(mapper("tables: {t: {columns: {a: {from: a, omit: true}, b: b}}}").contract).tables[0]
    assert [column.may_be_absent for column in table.columns] == [False, True, False]


def test_empty_key_says_that_there_is_at_most_one_row() -> None:
    contract = """
    tables:
      t: {rows: "a[1]", key: [], columns: {v: "@v"}}
      u: {parent: t, rows: b, columns: {w: "@w"}}
    """
    assert all_rows(contract, "<r id='1'><a v='1'><b w='2'/></a><a v='3'><b w='4'/></a></r>") == {
        "t": [("1",)],
        "u": [("2",)],
    }
    assert schema_of(mapper(contract).contract).by_label["t"].primary_key == ("id",)


def test_table_whose_rows_may_repeat_has_no_key_of_itself() -> None:
    contract = "tables: {t: {rows: a, columns: {v: v}}, u: {columns: {v: v}}, s: {slots: [{n: 1}], columns: {v: v}}}"
    keys = {table.label: table.primary_key for table in schema_of(mapper(contract).contract).tables}
    assert keys == {"t": (), "u": ("id",), "s": ()}
    assert (
        mistake(contract.replace("u: {", "u: {parent: t, "))
        == "tables.u.parent: a parent needs a `key`, which tells its rows apart (here: 't'); "
        "give it one; $position numbers them"
    )


def test_started_is_one_moment_for_all_records() -> None:
    compiled = mapper("tables: {t: {columns: {a: $loaded_at, b: {expression: CURRENT_TIMESTAMP, type: datetimetz}}}}")
    moments = {moment for _ in range(3) for moment in rows(compiled, "<r id='1'/>")[0]}
    assert moments == {datetime(2024, 3, 10, 12, 30, tzinfo=timezone.utc)}


def test_texts_that_are_cut_are_counted_as_cut() -> None:
    made = mapper("""
        tables:
          t:
            columns:
              a: {from: "@a", type: text(3), on_error: truncate}
              b: {expression: "CONCAT(a, 'xyz')", type: text(4), on_error: truncate}
              c: {from: "@a", type: text(3), on_error: null}
    """)
    assert rows(made, '<r id="1" a="abcdef"/>') == [("abc", "abcx", None)]
    assert made.failures == {("t.a", "cut"): 1, ("t.b", "cut"): 1, ("t.c", "length"): 1}


def test_a_list_of_paths_is_a_column() -> None:
    contract = 'tables: {t: {let: {x: [q, "@x"]}, columns: {a: [a, "@b"], b: {expression: UPPER(x)}}}}'
    assert rows(contract, '<r id="1" b="2" x="y"/>') == [("2", "Y")]
    assert mistake("tables: {t: {columns: {a: []}}}").startswith(
        "tables.t.columns.a.from: there should be at least one"
    )
    assert mistake("tables: {t: {columns: {a: [a, 'b[']}}}").startswith("tables.t.columns.a")


@pytest.mark.parametrize("default", ["true", "false"])
@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("path", ["$w/@k", "(..)[1]/@k"])
def test_neighbours_that_read_one_attribute_differ_about_its_case(default: str, is_first: bool, path: str) -> None:
    columns = [f'c: {{from: "{path}", ignore_case: true}}', f'd: {{from: "{path}", ignore_case: false}}']
    contract = f"""
    defaults: {{ignore_case: {default}}}
    elements: {{w: "(w)[last()]"}}
    tables: {{t: {{rows: w, columns: {{{", ".join(columns if is_first else columns[::-1])}}}}}}}
    """
    assert rows(contract, "<r id='1' K='7'><w K='7'/></r>") == [("7", None) if is_first else (None, "7")]
