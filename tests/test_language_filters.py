"""Which rows stay: where, skip_empty, reject_when, warn_when."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.language import all_rows, column, mapper, reject, rows
from transforms.contract.reachable import reach_of

# where


def filtered(where: str) -> str:
    return f"""
    tables:
      t:
        rows: a
        where: {where}
        columns: {{n: {{from: "@n", type: int}}, c: "@c"}}
    """


ROWS = "<r id='1'><a n='1' c='x'/><a n='2'/><a c='y'/></r>"


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("n > 1", [(2, None)]),
        ("NOT n > 1", [(1, "x")]),
        ("n IS NULL", [(None, "y")]),
        ("c <> 'x'", [(None, "y")]),
        ("NOT c IN ('x', NULL)", []),
        ("n = 1 OR c = 'y'", [(1, "x"), (None, "y")]),
        ("\"[@c] = 'x'\"", [(1, "x")]),
        ("\"[../@id] = '1' AND n = 2\"", [(2, None)]),
        ('"[$position] = 3"', [(None, "y")]),
        ("id = 1 AND n = 2", [(2, None)]),
        ("'NULL'", []),
        ("'TRUE'", [(1, "x"), (2, None), (None, "y")]),
    ],
)
def test_where_keeps_what_is_true_and_null_is_not(where: str, kept: list[tuple[object, ...]]) -> None:
    assert rows(filtered(where), ROWS) == kept


def test_position_counts_elements_not_rows_that_are_kept() -> None:
    assert rows("tables: {t: {rows: a, where: n > 1, columns: {p: $position, n: {from: '@n', type: int}}}}", ROWS) == [
        (2, 2)
    ]


def test_children_go_with_their_parent() -> None:
    contract = """
    tables:
      t: {rows: a, where: n > 1, key: n, columns: {n: {from: "@n", type: int}}}
      child: {parent: t, rows: b, columns: {v: {from: "@v", type: int}}}
    """
    xml = "<r id='1'><a n='1'><b v='broken'/></a><a n='2'><b v='3'/></a></r>"
    assert all_rows(contract, xml) == {"t": [(2,)], "child": [(2, 3)]}


def test_error_in_a_dropped_row_does_not_reject() -> None:
    contract = """
    tables:
      t: {rows: a, where: k = 'y', columns: {k: "@k", n: {from: "@n", type: int, required: true}}}
    """
    assert rows(contract, "<r id='1'><a k='x' n='bad'/><a k='x'/><a k='y' n='5'/></r>") == [("y", 5)]
    assert reject(contract, "<r id='1'><a k='y' n='bad'/></r>").path == "t.n"


def test_row_is_not_dropped_because_what_the_condition_reads_is_broken() -> None:
    contract = """
    tables:
      t:
        rows: a
        where: twice > 0
        columns:
          n: {from: "@n", type: int}
          twice: {expression: n * 2, type: int}
    """
    assert rows(contract, "<r id='1'><a n='-1'/><a/></r>") == []
    assert reject(contract, "<r id='1'><a n='1,5'/></r>").path == "t.n"


def test_row_is_dropped_where_the_broken_value_was_made_null_or_is_only_missing() -> None:
    contract = """
    tables:
      t: {rows: a, where: n IS NOT NULL, key: n, columns: {n: {from: "@n", type: int, on_error: "null"}}}
      u: {rows: a, where: m > 0, columns: {m: {from: "@m", type: int, required: true}}}
    """
    assert all_rows(contract, "<r id='1'><a n='bad'/><a n='1'/></r>") == {"t": [(1,)], "u": []}


def test_condition_that_fails_rejects_instead_of_dropping() -> None:
    rejected = reject(filtered("1 / n > 0"), "<r id='1'><a n='0'/></r>")
    assert (rejected.rule, rejected.path) == ("division_by_zero", "t.where")
    assert "NULLIF" in rejected.message


def test_condition_sees_null_where_a_default_will_stand() -> None:
    contract = """
    tables:
      missing: {rows: a, where: c IS NULL, columns: {c: {from: "@c", default: none}}}
      given: {rows: a, where: c = 'none', columns: {c: {from: "@c", default: none}}}
    """
    assert all_rows(contract, ROWS) == {"missing": [("none",)], "given": []}


# skip_empty

EMPTY = """
tables:
  t:
    rows: a
    skip_empty: true
    key: n
    columns:
      n: $position
      kind: {value: x}
      file: $file
      size: {expression: LENGTH(name)}
      state: {from: "@state", default: NY}
      name: "@name"
"""


def test_row_of_keys_constants_computed_values_and_defaults_is_empty() -> None:
    assert rows(EMPTY, "<r id='1'><a/><a state=''/><a name='Ann'/></r>") == [
        (2, "x", "a.xml", None, "", None),
        (3, "x", "a.xml", "3", "NY", "Ann"),
    ]


def test_blank_row_is_empty_where_blank_is_null() -> None:
    contract = "defaults: {blank: 'null'}\n" + EMPTY
    assert [row[0] for row in rows(contract, "<r id='1'><a state=' ' name=''/><a name='x'/></r>")] == [2]


def test_blank_row_is_empty_where_skip_empty_says_so() -> None:
    contract = EMPTY.replace("skip_empty: true", "skip_empty: with_blanks")
    xml = "<r id='1'><a state=' ' name=''/><a name='x' state=''/><a state='\u00a0'/><a/></r>"
    assert rows(contract, xml) == [(2, "x", "a.xml", "1", "", "x")]


def test_row_with_a_broken_value_is_not_empty() -> None:
    contract = "tables: {t: {rows: a, skip_empty: true, columns: {n: {from: '@n', type: int}}}}"
    assert rows(contract, "<r id='1'><a/><a n=' '/></r>") == []
    assert reject(contract, "<r id='1'><a n='x'/></r>").rule == "type"
    assert rows(contract.replace("int}", "int, on_error: 'null'}"), "<r id='1'><a n='x'/></r>") == []


def test_empty_row_that_lacks_a_required_value_is_skipped() -> None:
    contract = "tables: {t: {rows: a, skip_empty: true, columns: {n: {from: '@n', required: true}, m: '@m'}}}"
    assert rows(contract, "<r id='1'><a/></r>") == []
    assert reject(contract, "<r id='1'><a m='1'/></r>").rule == "required"


def test_empty_row_takes_what_is_below_it_along() -> None:
    contract = """
    tables:
      t: {rows: a, skip_empty: true, key: n, columns: {n: $position, v: "@v"}}
      child: {parent: t, rows: b, columns: {w: "@w"}}
    """
    assert all_rows(contract, "<r id='1'><a><b w='1'/></a></r>") == {"t": [], "child": []}


def test_name_of_an_unpivoted_value_does_not_fill_a_row() -> None:
    contract = "tables: {t: {unpivot: '@v_*', skip_empty: true, columns: {n: $name, v: {from: $value, type: int}}}}"
    assert rows(contract, "<r id='1' v_a='' v_b='2'/>") == [("v_b", 2)]


# reject_when and warn_when

RULES = """
tables:
  t:
    rows: a
    where: kind = 'in'
    columns:
      kind: "@kind"
      n: {from: "@n", type: int, default: 0}
    reject_when:
      - {when: n < 0, message: negative}
    warn_when:
      - {when: n > 100, message: "large: look at it"}
      - {when: n IS NULL, message: no number}
"""


def test_rule_rejects_with_the_users_message() -> None:
    rejected = reject(RULES, "<r id='5'><a kind='in' n='-1'/></r>")
    assert (rejected.rule, rejected.path, rejected.message, rejected.key) == ("reject_when", "t", "t: negative", "5")


def test_rules_are_about_rows_that_are_kept() -> None:
    assert rows(RULES, "<r id='5'><a kind='out' n='-1'/></r>") == []


def test_warnings_are_counted_and_see_null_not_the_default() -> None:
    compiled = mapper(RULES)
    assert column(compiled, "<r id='1'><a kind='in' n='101'/><a kind='in'/><a kind='in'/><a kind='x'/></r>") == [
        101,
        0,
        0,
    ]
    assert compiled.warnings == Counter({"t: large: look at it": 1, "t: no number": 2})


def test_rule_that_is_null_does_nothing() -> None:
    contract = "tables: {t: {columns: {c: '@c'}, reject_when: [{when: c <> 'x', message: m}]}}"
    assert rows(contract, "<r id='1'/>") == [(None,)]


def test_rule_that_fails_rejects_and_is_no_warning() -> None:
    compiled = mapper("tables: {t: {columns: {c: '@c'}, warn_when: [{when: 1 / LENGTH(c) > 0, message: m}]}}")
    rejected = reject(compiled, "<r id='1' c=''/>")
    assert (rejected.rule, rejected.path) == ("division_by_zero", "t: m")
    assert not compiled.warnings


RECORD = """
contract: test
record:
  path: /r
  key: {id: {from: "@id", type: int}}
  reject_when:
    - {when: "[@product] = 'X'", message: wrong product}
    - {when: id > 100, message: id out of range}
  warn_when:
    - {when: "[a/@n] IS NULL", message: nothing inside}
    - {when: "[$ordinal] = 7", message: the seventh}
tables: {t: {rows: a, columns: {n: "@n"}}}
"""


def test_rules_of_the_record() -> None:
    compiled = mapper(RECORD)
    assert reject(compiled, "<r id='1' product='X'/>").message == "record: wrong product"
    assert reject(compiled, "<r id='101' product='X'/>").message == "record: wrong product; record: id out of range"
    compiled.warnings.clear()
    assert rows(compiled, "<r id='100' product='Y'/>") == []
    assert compiled.warnings == Counter({"record: nothing inside": 1, "record: the seventh": 1})
    assert reach_of(compiled.contract).children, "projection reads the rules, too"


def test_a_computed_value_makes_a_row_where_it_counts() -> None:
    contract = """
        tables:
          t:
            rows: a
            skip_empty: %s
            columns:
              x: "@x"
              double: {expression: "CAST([@n] AS int) * 2", type: int}
              at: $position
    """
    xml = '<r id="1"><a/><a n="2"/><a x="1"/></r>'
    assert rows(contract % "unless_computed", xml) == [(None, 4, 2), ("1", None, 3)]
    assert rows(contract % "true", xml) == [("1", None, 3)]
