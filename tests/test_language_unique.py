"""unique: of rows that are the same, one is kept."""

from __future__ import annotations

import pytest

from tests.language import all_rows, mistake, reject, rows

PEOPLE = """
<r id='1'>
  <p ssn='1' role='S' name='a'/><p ssn='2' role='P' name='b'/><p ssn='1' role='P' name='c'/>
  <p ssn='1' role='P' name='d'/><p ssn='1' role='Z' name='e'/>
</r>
"""


def people(unique: str) -> str:
    return f"""
    tables:
      t:
        rows: p
        unique: {{by: ssn, {unique}}}
        columns: {{ssn: "@ssn", role: "@role", name: "@name"}}
    """


@pytest.mark.parametrize(
    ("unique", "names"),
    [
        ("", "ab"),
        ("keep: first", "ab"),
        ("keep: last", "be"),
        ("prefer: {role: [P, S]}", "bc"),
        ("prefer: {role: [P, S]}, keep: last", "bd"),
        ("prefer: {role: [X, S]}", "ab"),
        ("prefer: {role: [X]}, keep: last", "be"),
        ("prefer: {name: [e, c]}", "be"),
        ("prefer: {role: [P, S, P]}", "bc"),
    ],
)
def test_which_row_is_kept(unique: str, names: str) -> None:
    assert "".join(row[-1] for row in rows(people(unique), PEOPLE)) == names


def test_same_in_all_columns_of_by() -> None:
    contract = people("").replace("by: ssn", "by: [ssn, role]")
    assert "".join(row[-1] for row in rows(contract, PEOPLE)) == "abce"


def test_nulls_are_the_same() -> None:
    assert len(rows(people(""), "<r id='1'><p/><p/><p ssn=''/></r>")) == 2


def test_values_are_compared_as_values() -> None:
    contract = """
    tables:
      t:
        rows: a
        unique: {by: n, prefer: {p: [1.1, 2]}}
        columns: {n: {from: "@n", type: int}, p: {from: "@p", type: "decimal(5, 2)"}}
    """
    xml = "<r id='1'><a n='1' p='9'/><a n='01' p='2'/><a n=' 1' p='1.100'/></r>"
    assert [str(row[-1]) for row in rows(contract, xml)] == ["1.10"]


def test_defaults_and_computed_values_count() -> None:
    contract = """
    tables:
      t:
        rows: a
        unique: {by: [k, size]}
        columns: {k: {from: "@k", default: x}, v: "@v", size: {expression: LENGTH(v), type: int}}
    """
    assert rows(contract, "<r id='1'><a k='x' v='1'/><a v='2'/><a v='33'/></r>") == [("x", "1", 1), ("x", "33", 2)]


def test_only_rows_below_one_parent_are_compared() -> None:
    contract = """
    tables:
      g: {rows: g, key: n, columns: {n: $position}}
      t: {parent: g, rows: a, unique: {by: v}, columns: {v: "@v"}}
    """
    xml = "<r id='1'><g><a v='1'/><a v='1'/></g><g><a v='1'/></g></r>"
    assert rows(contract, xml) == [(1, "1"), (2, "1")]


CHILDREN = """
tables:
  t: {rows: a, unique: {by: k}, key: k, columns: {k: "@k"}}
  b: {parent: t, rows: b, key: n, unique: {by: v, keep: last}, columns: {n: $position, v: "@v"}}
  c: {parent: b, rows: c, columns: {w: {from: "@w", type: int}}}
"""


def test_children_of_a_dropped_row_go_with_it() -> None:
    xml = """
    <r id='1'>
      <a k='1'><b v='x'><c w='1'/></b><b v='x'><c w='2'/></b></a>
      <a k='1'><b v='y'><c w='3'/></b></a>
    </r>
    """
    assert all_rows(CHILDREN, xml) == {"t": [("1",)], "b": [("1", 2, "x")], "c": [("1", 2, 2)]}


def test_errors_of_a_dropped_row_and_its_children_do_not_count() -> None:
    dropped = "<r id='1'><a k='1'/><a k='1'><b v='y'><c w='bad'/></b></a></r>"
    assert all_rows(CHILDREN, dropped)["t"] == [("1",)]
    kept = "<r id='1'><a k='1'><b v='y'><c w='bad'/></b></a><a k='1'/></r>"
    assert reject(CHILDREN, kept).path == "c.w"


UNPIVOTED = """
tables:
  t: {unpivot: "@v_*", unique: {by: k, keep: KEEP}, columns: {k: {value: 1, type: int}, v: {from: $value, type: int}}}
"""


@pytest.mark.parametrize(("keep", "is_rejected"), [("first", False), ("last", True)])
def test_errors_of_unpivoted_rows_stay_with_their_row(keep: str, is_rejected: bool) -> None:
    contract, xml = UNPIVOTED.replace("KEEP", keep), "<r id='1' v_a='1' v_b='bad'/>"
    if is_rejected:
        assert reject(contract, xml).path == "t.v"
    else:
        assert rows(contract, xml) == [(1, 1)]


def test_rows_of_slots_and_unions_are_compared_with_one_another() -> None:
    contract = """
    tables:
      slots:
        slots: [{n: 1}, {n: 2}, {n: 3}]
        unique: {by: v}
        columns: {n: {value: "{n}"}, v: "@v{n}"}
      union:
        unique: {by: v, keep: last}
        union: [{rows: a}, {rows: b}]
        columns: {v: "@v"}
    """
    found = all_rows(contract, "<r id='1' v1='x' v2='y' v3='x'><a v='1'/><a v='2'/><b v='1'/></r>")
    assert found == {"slots": [("1", "x"), ("2", "y")], "union": [("2",), ("1",)]}


@pytest.mark.parametrize(
    ("unique", "said"),
    [
        ("{by: nme}", "tables.t.unique: there is no such column in this table (here: 'nme'); did you mean 'name'?"),
        ("{by: []}", "tables.t.unique.by: there should be at least one (here: [])"),
        ("{keep: last}", "tables.t.unique.by: this key is missing"),
        ("{by: name, keep: frist}", "tables.t.unique.keep: not one of 'first' or 'last' (here: 'frist')"),
        ("name", "tables.t.unique: this should be a mapping, with `by` (here: 'name')"),
        (
            "{by: name, prefer: {nme: [x]}}",
            "tables.t.unique.prefer: there is no such column in this table, nor is it in its `let` (here: 'nme')",
        ),
        ("{by: name, prefer: {name: x}}", "tables.t.unique.prefer.name: this should be a list (here: 'x')"),
        ("{by: name, prefer: {name: [x], n: [1]}}", "tables.t.unique.prefer: there should be only one"),
        (
            "{by: name, prefer: {n: [1, one]}}",
            "tables.t.unique.prefer.n.1: not a value of type int: 'one' is not a whole number (here: 'one')",
        ),
        ("{by: name, order: n}", "tables.t.unique.order: unknown key; known: below, by, keep, prefer"),
    ],
)
def test_wrong_use(unique: str, said: str) -> None:
    contract = f"tables: {{t: {{rows: a, unique: {unique}, columns: {{name: '@name', n: {{from: '@n', type: int}}}}}}}}"
    assert mistake(contract).startswith(said)


def test_children_of_a_dropped_row_can_be_kept() -> None:
    contract = """
    tables:
      t: {rows: a, unique: {by: k, below: keep}, key: k, columns: {k: "@k"}}
      b: {parent: t, rows: b, key: v, columns: {v: "@v"}}
    """
    xml = "<r id='1'><a k='1'><b v='x'/></a><a k='1'><b v='y'/></a></r>"
    assert all_rows(contract, xml) == {"t": [("1",)], "b": [("1", "x"), ("1", "y")]}
