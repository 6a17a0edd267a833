"""Where rows come from besides elements: union, slots, unpivot."""

from __future__ import annotations

import pytest

from tests.language import all_rows, column, mapper, mistake, mistakes, reject, rows

# union

HISTORY = """
tables:
  t:
    key: [source, n]
    where: v <> 'none'
    union:
      - {rows: old, columns: {source: {value: old}}}
      - {rows: new, where: n > 1, columns: {source: {value: new}, v: v/@now}}
      - {rows: old, columns: {source: {value: again}, n: {expression: "[$position] + 100"}}}
    columns:
      source: {value: ""}
      n: $position
      v: "@v"
"""


def test_union_replaces_columns_and_combines_conditions() -> None:
    xml = "<r id='1'><new><v now='1'/></new><old v='2'/><old v='none'/><new><v now='3'/></new></r>"
    assert set(rows(HISTORY, xml)) == {("old", 1, "2"), ("new", 2, "3"), ("again", 101, "2")}


def test_conditions_of_a_union_are_both_whole() -> None:
    # Without brackets around each, AND would bind to `b = 1` alone.
    contract = """
    tables:
      t:
        where: a = 1 OR b = 1
        union: [{rows: x, where: a = 2 OR b = 2}]
        columns: {a: {from: "@a", type: int}, b: {from: "@b", type: int}}
    """
    assert rows(contract, "<r id='1'><x a='1' b='1'/><x a='1' b='2'/><x a='2'/></r>") == [(1, 2)]


def test_column_of_a_source_has_the_type_of_its_table() -> None:
    contract = """
    tables:
      t:
        union: [{rows: a}, {rows: b, columns: {v: "@w"}}, {rows: c, columns: {v: {value: 7}}}]
        columns: {v: {from: "@v", type: smallint}}
    """
    assert column(contract, "<r id='1'><a v='1'/><b w='2'/><c/></r>") == [1, 2, 7]
    assert reject(contract, "<r id='1'><b w='70000'/></r>").rule == "overflow"


def test_children_of_a_union_are_of_all_its_sources() -> None:
    contract = """
    tables:
      t:
        key: [s, n]
        union: [{rows: a}, {rows: b/c, columns: {s: {value: b}}}]
        columns: {s: {value: a}, n: $position}
      d: {parent: t, rows: d, columns: {v: "@v"}}
    """
    xml = "<r id='1'><a><d v='1'/></a><b><c><d v='2'/></c></b></r>"
    assert all_rows(contract, xml)["d"] == [("a", 1, "1"), ("b", 1, "2")]


def test_source_without_rows_is_the_element_at_hand() -> None:
    contract = "tables: {t: {union: [{columns: {v: '@a'}}, {columns: {v: '@b'}}], columns: {v: '@c'}}}"
    assert column(contract, "<r id='1' a='1' b='2'/>") == ["1", "2"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            "{rows: a, union: [{rows: b}], columns: {v: v}}",
            "tables.t: with `union`, each of its sources has its own `rows`, `unpivot`, `split` and `slots`",
        ),
        (
            "{union: [{rows: b, columns: {w: w, x: x}}], columns: {w: w, xx: x}}",
            "tables.t.union.0.columns.x: a source replaces columns of its table, and this one it does not have; "
            "did you mean 'xx'?",
        ),
        (
            "{union: [{rows: b, columns: {v: {from: w, type: int}}}], columns: {v: v}}",
            "tables.t.union.0.columns.v.type: the column is text in the table (here: 'int')",
        ),
        (
            "{union: [{rows: b, columns: {v: {from: w, omit: true}}}], columns: {v: v}}",
            "tables.t.union.0.columns.v.omit: the column of the table must say so, too (here: True)",
        ),
        ("{union: {rows: b}, columns: {v: v}}", "tables.t.union: this should be a list"),
        ("{union: [{row: b}], columns: {v: v}}", "tables.t.union.0.row: unknown key; did you mean 'rows'?"),
        ("{union: [{rows: '@b'}], columns: {v: v}}", "tables.t.union.0.rows: rows are elements"),
        (
            "{union: [{where: w = '1'}], columns: {v: v}}",
            "tables.t.union.0.where: line 1, column 2: there is no column",
        ),
        (
            "{union: [{rows: b, columns: {v: 'w['}}], columns: {v: v}}",
            "tables.t.union.0.columns.v.from: 'w[': the name of an element expected before its end",
        ),
    ],
)
def test_wrong_use_of_union(table: str, said: str) -> None:
    assert mistake(f"tables: {{t: {table}}}").startswith(said)


# slots

CARS = """
lookups:
  kind_1: {A: automobile}
  kind_2: {A: aeroplane}
tables:
  t:
    slots:
      - {n: 1, who: first}
      - {n: 2, who: second}
    where: make IS NOT NULL AND "[@car{n}_gone]" IS NULL
    key: n
    columns:
      n: {value: "{n}", type: int}
      who: {value: "the {who}"}
      make: "@car{n}_make"
      kind: {from: "@car{n}_kind", lookup: "kind_{n}"}
      year: {from: "@car{n}_year", type: int, default: "190{n}"}
      text: {expression: "CONCAT('{who} ', make, ' ', [@owner])"}
""".replace('"[@car{n}_gone]"', "[@car{n}_gone]")


def test_slots_fill_paths_values_lookups_defaults_conditions_and_expressions() -> None:
    xml = "<r id='1' owner='Ann' car1_make='Ford' car1_kind='A' car2_make='VW' car2_kind='A' car2_year='2001'/>"
    assert rows(CARS, xml) == [
        (1, "the first", "Ford", "automobile", 1901, "first Ford Ann"),
        (2, "the second", "VW", "aeroplane", 2001, "second VW Ann"),
    ]


def test_slot_is_no_row_unless_its_condition_holds_whatever_the_defaults() -> None:
    assert [row[0] for row in rows(CARS, "<r id='1' car1_year='1999' car2_make='VW'/>")] == [2]
    assert rows(CARS, "<r id='1' car1_make='x' car1_gone='1'/>") == []


def test_slots_stand_in_row_paths_and_unpivot_too() -> None:
    contract = """
    tables:
      a: {rows: "part{n}/item", slots: [{n: 1}, {n: 2}], columns: {slot: {value: "{n}"}, v: "@v"}}
      b: {unpivot: "@s{n}_*", slots: [{n: 1}, {n: 2}], columns: {name: $name, v: $value}}
    """
    xml = "<r id='1' s1_x='7' s2_y='8'><part2><item v='b'/></part2><part1><item v='a'/></part1></r>"
    assert all_rows(contract, xml) == {"a": [("1", "a"), ("2", "b")], "b": [("s1_x", "7"), ("s2_y", "8")]}


def test_uris_in_braces_are_no_slots() -> None:
    contract = """
    tables:
      t: {slots: [{n: 1}, {n: 2}], columns: {v: "{urn:n}a{n}", w: "{}b"}}
    """
    xml = "<r id='1'><q:a1 xmlns:q='urn:n'>x</q:a1><a2>y</a2><b>z</b></r>"
    assert rows(contract, xml) == [("x", "z"), (None, "z")]


def test_slot_values_are_filled_in_once() -> None:
    contract = 'tables: {t: {slots: [{a: "{b}", b: x}], columns: {v: {value: "{a}{b}"}}}}'
    assert rows(contract, "<r id='1'/>") == [("{b}x",)]


def test_slot_without_a_field_leaves_its_path_empty() -> None:
    contract = """
    tables:
      t:
        slots: [{n: a, year: "@a_year"}, {n: b, year: ""}]
        columns: {v: "@{n}", y: {from: "{year}", default: none}, z: {from: ["{year}", "@z"]}}
    """
    assert rows(contract, "<r id='1' a='1' a_year='2' b='3' z='4'/>") == [("1", "2", "2"), ("3", "none", "4")]


def test_slot_values_are_scalars_as_written() -> None:
    contract = """
    tables:
      t: {slots: [{v: 1.50, b: true}, {v: 007, b: false}], columns: {v: {value: "{v}"}, b: {value: "{b}", type: bool}}}
    """
    assert rows(contract, "<r id='1'/>") == [("1.50", True), ("007", False)]


def test_every_slot_makes_a_row_of_every_element() -> None:
    contract = "tables: {t: {rows: a, slots: [{n: 1}, {n: 2}], columns: {p: $position, v: '@v{n}'}}}"
    xml = "<r id='1'><a v1='a' v2='b'/><a v1='c' v2='d'/></r>"
    assert sorted(rows(contract, xml)) == [(1, "a"), (1, "b"), (2, "c"), (2, "d")]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            "{slots: [{n: 1}, {n: 2, m: 3}], columns: {v: v}}",
            "tables.t.slots.1: every slot has the same names (here: 'n, m'); the first has n",
        ),
        (
            "{slots: [{n: 1}], columns: {v: v}, reject_when: [{when: \"v = '{n}'\", message: m}]}",
            "tables.t.reject_when.0.when: a rule is one for all slots, without {n} (here: \"v = '{n}'\"); "
            "make a column of it, and name that",
        ),
        (
            "{union: [{slots: [{n: 1}]}], columns: {v: v}, warn_when: [{when: \"v = '{n}'\", message: m}]}",
            "tables.t.warn_when.0.when: a rule is one for all slots",
        ),
        ("{slots: [5], columns: {v: v}}", "tables.t.slots.0: this should be a mapping of keys (here: 5)"),
        ("{slots: {n: 1}, columns: {v: v}}", "tables.t.slots: this should be a list"),
        (
            "{slots: [{n: [1]}], columns: {v: v}}",
            "tables.t.slots.0.n: this should be a text, a number, true or false (here: [1])",
        ),
        (
            "{slots: [{n: x}], columns: {v: {value: '{n}', type: int}}}",
            "tables.t.columns.v.value: not a value of type int: 'x' is not a whole number (here: 'x')",
        ),
        (
            "{slots: [{n: x}], columns: {v: '@a{m}'}}",
            "tables.t.columns.v.from: '@a{m}': '{' at character 3 does not belong into a path",
        ),
        (
            "{slots: [{n: x}], columns: {v: {from: a, lookup: 'l{n}'}}}",
            "tables.t.columns.v.lookup: there is no such lookup (here: 'lx')",
        ),
        (
            "{slots: [{n: x}], where: '{n} = 1', columns: {v: v}}",
            "tables.t.where: line 1, column 1: there is no column 'x'",
        ),
    ],
)
def test_wrong_use_of_slots(table: str, said: str) -> None:
    assert mistake(f"tables: {{t: {table}}}").startswith(said)


# unpivot


def scores(unpivot: str, more: str = "") -> str:
    return f"""
    tables:
      t:
        unpivot: {unpivot}
        {more}
        key: n
        columns: {{n: $position, name: {{from: $name, clean: {{find: "^score_"}}}}, value: {{from: $value, type: int}}}}
    """


SCORES = "<r id='1' score_b='2' score_a='1' other='9'><s><vant>3</vant><fico>4</fico></s><s><vant/></s></r>"


@pytest.mark.parametrize(
    ("unpivot", "found"),
    [
        ('"@score_*"', [(1, "b", 2), (2, "a", 1)]),
        ('["@score_a", "@score_b"]', [(1, "a", 1), (2, "b", 2)]),
        ('["@score_a", "@score_x"]', [(1, "a", 1)]),
        ('"@score_a | @score_b"', [(1, "a", 1), (2, "b", 2)]),
        ("s/*", [(1, "vant", 3), (2, "fico", 4), (3, "vant", None)]),
        ("s[1]/fico", [(1, "fico", 4)]),
        ('["@score_a", s/fico]', [(1, "a", 1), (2, "fico", 4)]),
        ('"@none_*"', []),
    ],
)
def test_unpivot(unpivot: str, found: list[tuple[object, ...]]) -> None:
    assert rows(scores(unpivot), SCORES) == found


def test_position_of_an_unpivoted_value_counts_those_that_where_drops() -> None:
    assert rows(scores("s/*", "where: value IS NOT NULL AND \"[$name]\" <> 'vant'".replace('"', "")), SCORES) == [
        (2, "fico", 4)
    ]


def test_unpivot_of_each_row_element() -> None:
    contract = """
    tables:
      g: {rows: g, key: g, columns: {g: $position}}
      t: {parent: g, rows: a, unpivot: "@*", columns: {name: $name, value: $value, up: ../@u}}
    """
    xml = "<r id='1'><g u='x'><a p='1'/><a q='2'/></g><g><a p='3'/></g></r>"
    assert rows(contract, xml) == [(1, "p", "1", "x"), (1, "q", "2", "x"), (2, "p", "3", None)]


def test_name_has_no_namespace_and_the_case_of_the_document() -> None:
    contract = "defaults: {ignore_case: true}\ntables: {t: {unpivot: ['@s_*', X], columns: {n: $name}}}"
    xml = "<r id='1' S_a='1' q:s_b='2' xmlns:q='urn:q'><q:x/></r>"
    assert column(contract, xml) == ["S_a", "x"]


def test_unpivoted_value_beside_another_path() -> None:
    contract = "tables: {t: {unpivot: '@v_*', columns: {v: {from: [$value, '@other']}}}}"
    assert column(contract, "<r id='1' v_a='' v_b='x' other='9'/>") == ["9", "x"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("{columns: {v: $value}}", "tables.t.columns.v.from: only a table with `unpivot` has $value (here: '$value')"),
        ("{unpivot: 'a[', columns: {v: v}}", "tables.t.unpivot.0: 'a[': the name of an element expected"),
        ("{unpivot: [], columns: {v: v}}", "tables.t.unpivot: there should be at least one (here: [])"),
        ("{unpivot: 5, columns: {v: v}}", "tables.t.unpivot: this should be a text (here: 5)"),
        (
            "{where: '[$name] = 1', columns: {v: v}}",
            "tables.t.where: line 1, column 1: there is no system value [$name]",
        ),
    ],
)
def test_wrong_use_of_unpivot(table: str, said: str) -> None:
    assert mistake(f"tables: {{t: {table}}}").startswith(said)


@pytest.mark.parametrize("above", ["unpivot: '@a'", "union: [{unpivot: '@a'}]"])
def test_nothing_stands_below_unpivoted_values(above: str) -> None:
    contract = f"tables: {{t: {{{above}, key: n, columns: {{n: $position}}}}, u: {{parent: t}}}}"
    assert "tables.u.parent: the rows of a table with `unpivot` are values, which have no child rows (here: 't')" in (
        mistakes(contract)
    )


def test_unpivot_of_a_slot_and_of_a_source() -> None:
    contract = """
    tables:
      t:
        union:
          - {unpivot: "@a_*"}
          - {rows: x, unpivot: "@b_*", columns: {v: {value: b}}}
        columns: {name: $name, v: $value}
    """
    assert rows(mapper(contract), "<r id='1' a_1='1'><x b_2='2'/></r>") == [("a_1", "1"), ("b_2", "b")]


def test_a_value_is_split_into_rows() -> None:
    contract = 'tables: {t: {unpivot: ["@a", b], split: "%s", columns: {name: $name, n: $position, v: $value}}}'
    xml = '<r id="1" a=" x\ty  z "><b>1 2</b><b> </b></r>'
    assert rows(contract % " ", xml) == [("a", 1, "x"), ("a", 2, "y"), ("a", 3, "z"), ("b", 4, "1"), ("b", 5, "2")]
    assert rows(contract % ";", '<r id="1" a="x y; z;;"/>') == [("a", 1, "x y"), ("a", 2, "z")]


def test_only_what_is_unpivoted_is_split() -> None:
    assert mistake('tables: {t: {split: ",", columns: {a: "@a"}}}').startswith("tables.t: `split` is about the values")
