"""All mistakes of a contract come at once, whatever stands around them."""

from __future__ import annotations

import pytest

from tests.language import HEAD, mistakes

PATHS = """\
contract: test
record: {path: /r, key: {id: '@id['}}
nonsense: 1
elements: {a: 'b[', b: {x: 1}}
index: {i: {path: 'i[', key: 'k[', by: 1}}
column_groups: {g: {c: {from: 'c[', type: txt}}}
tables:
  t:
    rows: 'a['
    columns:
      v: {frm: a, from: [b, 'y['], type: varchar(3)}
      w: {from: '//z', type: intt}
      y: '[bad'
    let: {l: 'l['}
    elements: {e: 'e['}
  u:
    parent: nobody
    union: [{rows: 'q[', columnz: {}}, {rows: 'r[', columns: {k: 'z['}}]
    columns: {k: 'u['}
    warn_when: [{when: 'TRUE', message: ''}]
  x: {columns: [a, b], rows: 'x[', unpivot: ['p[', q]}
  y: {split: ',', rows: 'y[', columns: {a: 'a['}}
  z: {union: [{rows: 'x['}], rows: 'z[', columns: {b: 'b['}}
"""


def test_every_path_is_read_whatever_else_is_wrong() -> None:
    found = "\n".join(mistakes(PATHS))
    words = PATHS.replace("'", " ").replace(" [ ", " ").split()
    wrong = [word for word in words if word in ("//z", "[bad") or (word.endswith("[") and word != "[")]
    assert len(wrong) == 22
    assert [word for word in wrong if f"'{word}': " not in found] == []
    for other in ("nonsense: unknown key", "frm: unknown key", "'intt' is not a type", "b: this should be a text"):
        assert other in found
    assert "u.parent: there is no such table (here: 'nobody')" in found


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("{columns: {v: a, b: {from: 'x', type: nix}}, where: v >}", "w.where: "),
        ("{unique: {bi: v}, columns: {v: a}}", "unique.by: this key is missing"),
        ("{columns: [a]}", "columns: this should be a mapping"),
        ("{split: ','}", "`split` is about"),
        ("{union: [{}], rows: a}", "with `union`"),
        ("{warn_when: [{when: 'TRUE', message: ''}]}", "message: this is empty"),
        ("7", "a table is a mapping"),
    ],
)
def test_other_tables_are_checked_where_one_is_wrong(wrong: str, message: str) -> None:
    tables = f"tables:\n  w: {wrong}\n  s: {{key: k}}\n"
    found = mistakes(HEAD + tables + "  t: {columns: {v: {expression: '1 + TRUE', type: int}}}")
    assert any(message in one for one in found)
    assert any(one.startswith("tables.s.key: there is no such column") for one in found)
    assert any(one.startswith("tables.t.columns.v.expression: ") for one in found)


def test_a_wrong_table_is_no_reason_to_complain_of_those_below_it() -> None:
    [one] = mistakes("tables: {w: 7, t: {parent: w, rows: a, columns: {v: '@v'}}}")
    assert one.startswith("tables.w: a table is a mapping")


def test_a_path_with_a_slot_in_it_is_not_read_before_the_slot_is_known() -> None:
    [one] = mistakes("nonsense: 1\ntables: {t: {slots: [{n: 1}], columns: {v: '@a{n}b', w: 'x{n}'}}}")
    assert one.startswith("nonsense: unknown key")


def test_a_wrong_name_hides_nothing() -> None:
    found = mistakes("contract: '-'\nrecord: {path: [], key: {id: '@id'}}\ntables: {t: {key: k, columns: {v: '['}}}")
    places = ["contract", "record.path", "tables.t.columns.v.from", "tables.t.key"]
    assert sorted(one.partition(":")[0] for one in found) == places


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ("parent: nobody", "tables.t.parent"),
        ("parent: t", "tables.t.parent"),
        ("key: nothing", "tables.t.key"),
        ("inherit: {nothing: n}", "tables.t.inherit.nothing"),
        ("include: nothing", "tables.t.include"),
    ],
)
def test_a_wrong_key_hides_no_mistake_in_expressions(wrong: str, place: str) -> None:
    """A name that nobody knows may be that of a column which the mistake has taken away, or of a key above it."""
    columns = "v: '@v', a: {expression: 'CAST(v AS int) + TRUE', type: int}, b: {expression: 'v >'}"
    maybe = "" if wrong.startswith("key") else ", m: {expression: n || mystery}"
    below = "{parent: t, rows: x, where: 'nothing = 1 OR v +', columns: {w: '@w', c: {expression: w + 1, type: int}}}"
    found = mistakes(f"tables: {{t: {{{wrong}, rows: x, columns: {{{columns}{maybe}}}}}, u: {below}}}")
    places = [one.partition(":")[0] for one in found]
    expected = {"tables.t.columns.a.expression", "tables.t.columns.b.expression", place}
    expected |= {"tables.u.columns.c.expression", "tables.u.where"}
    assert set(places) - {"tables.u.parent"} == expected
