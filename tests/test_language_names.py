"""The contract language: values, elements and formats that have a name."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tests.language import all_rows, column, mapper, mistake, mistakes, reject, rows
from transforms.contract.reachable import reach_of
from transforms.parse.parser import RecordParser
from transforms.records import MappedRecord, ParsedRecord, XmlRecord

# let

PRICES = """
    tables:
      t:
        rows: a
        let:
          price: {from: "@p", type: "decimal(9, 2)"}
          count: {from: "@n", type: int, default: 1}
        where: price > 0
        columns:
          total: {expression: price * count, type: "decimal(9, 2)"}
"""


def test_values_of_let_are_no_columns() -> None:
    made = mapper(PRICES)
    assert made.schema.by_label["t"].column_names == ("id", "total")
    found = column(made, '<r id="1"><a p="2.5" n="2"/><a p="0" n="2"/><a p="3"/><a/></r>')
    assert found == [Decimal("5.00"), Decimal("3.00")]


def test_a_value_of_let_that_is_an_error_rejects_the_record_and_never_drops_the_row() -> None:
    assert str(reject(PRICES, '<r id="1"><a p="x"/></r>').message).startswith("t.price: 'x' is not a decimal number")


def test_a_value_of_let_is_never_left_to_the_database() -> None:
    contract = """
        defaults: {omit: true}
        tables: {t: {let: {x: "@x"}, columns: {y: {expression: "COALESCE(x, 'none')"}}}}
    """
    assert column(contract, '<r id="1"/>') == ["none"]


def test_a_row_of_nothing_but_values_of_let_is_empty() -> None:
    contract = 'tables: {t: {rows: a, skip_empty: true, let: {x: "@x"}, columns: {y: "@y"}}}'
    assert column(contract, '<r id="1"><a x="1"/><a y="2"/></r>') == ["2"]


def test_a_source_has_values_of_its_own() -> None:
    contract = """
        tables:
          t:
            let: {kind: {value: far}}
            union: [{rows: a, let: {kind: {value: near}}}, {rows: b}]
            columns: {kind_of: {expression: UPPER(kind)}}
    """
    assert column(contract, '<r id="1"><a/><b/></r>') == ["NEAR", "FAR"]


def test_slots_fill_in_values() -> None:
    contract = """
        tables:
          t:
            slots: [{n: 1}, {n: 2}]
            let: {size: {from: "@s{n}", type: int}}
            where: size > 1
            columns: {n: {value: "{n}", type: int}}
    """
    assert column(contract, '<r id="1" s1="1" s2="2"/>') == [2]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            'let: {x: "@x"}, columns: {x: "@y"}',
            "tables.t.let.x: the rows have a column of this name; give the value another name",
        ),
        (
            'let: {id: "@x"}, columns: {x: "@y"}',
            "tables.t.let.id: the rows have a column of this name; give the value another name",
        ),
        ('let: {x: {frm: "@x"}}', "tables.t.let.x.frm: unknown key; did you mean 'from'?"),
        ('let: {x: {from: "@x", type: int, default: no}}', "tables.t.let.x.default: not a value of type int"),
        (
            "let: {x: {expression: y}, y: {expression: x}}",
            "tables.t.let.x.expression: these expressions form a cycle",
        ),
    ],
)
def test_what_let_cannot_say(table: str, message: str) -> None:
    assert mistakes(f"tables: {{t: {{{table}}}}}")[0].startswith(message)


# unique, with what is below

CONTACTS = """
    tables:
      t:
        rows: c
        let: {role: {from: "@role", clean: upper}}
        key: n
        unique: {by: n, prefer: {role: [PR, SEC]}, keep: last, below: keep}
        columns: {n: {from: "@n", type: int}, name: {from: "@name", type: text(3)}}
      below:
        parent: t
        rows: x
        columns: {v: {from: ".", type: int}}
"""


def test_what_is_below_a_row_that_goes_stays_with_the_one_that_is_kept() -> None:
    xml = (
        '<r id="1"><c n="1" role="pr" name="a"><x>1</x></c><c n="1" role="SEC" name="b"><x>2</x></c>'
        '<c n="2" role="sec" name="c"><x>3</x></c></r>'
    )
    assert all_rows(CONTACTS, xml) == {"t": [(1, "a"), (2, "c")], "below": [(1, 1), (1, 2), (2, 3)]}


def test_errors_of_a_row_that_goes_do_not_count_and_those_of_what_stays_do() -> None:
    xml = '<r id="1"><c n="1" role="SEC" name="long"><x>{}</x></c><c n="1" role="PR"/></r>'
    assert all_rows(CONTACTS, xml.format(2))["below"] == [(1, 2)]
    assert reject(CONTACTS, xml.format("two")).message == "below.v: 'two' is not a whole number"


def test_rows_below_stay_only_where_the_key_is_the_same() -> None:
    contract = 'tables: {t: {rows: c, key: n, unique: {by: m, below: keep}, columns: {n: "@n", m: "@m"}}}'
    assert mistake(contract).startswith("tables.t.unique.below: rows below can stay with another row only where")


# elements

PARTIES = """
    elements:
      buyer: (ps/p[@role = 'buyer'])[last()]
      towns: $buyer/address/town
    defaults: {%s}
    tables:
      t:
        columns:
          no: $buyer/@no
          name: $buyer/name
          last_town: {from: $towns/@n, take: last}
          all: {from: $towns/., take: join}
      line:
        rows: .//line
        columns: {to: {expression: "COALESCE([@to], [$towns/@n])"}}
      town:
        rows: $towns
        columns: {n: "@n", place: $position}
      street:
        rows: $towns/street
        columns: {name: ".", above: ../@n}
"""
PARTIES_XML = (
    '<r id="1"><ps><p role="buyer" no="1"/><p role="buyer" no="2"><name>Ann</name><address><town n="A">a'
    '<street>s</street></town><town n="B">b</town></address></p></ps><line/><ls><line to="X"/></ls></r>'
)
PARTIES_ROWS = {
    "t": [("2", "Ann", "B", "as b")],
    "line": [("A",), ("X",)],
    "town": [("A", 1), ("B", 2)],
    "street": [("s", "A")],
}


@pytest.mark.parametrize("ignore_case", ["false", "true"])
def test_paths_begin_at_elements_by_name(ignore_case: str) -> None:
    assert all_rows(PARTIES % f"ignore_case: {ignore_case}", PARTIES_XML) == PARTIES_ROWS


def test_elements_of_one_record_are_not_those_of_the_next() -> None:
    made = mapper(PARTIES % "")
    assert all_rows(made, PARTIES_XML) == PARTIES_ROWS
    assert all_rows(made, '<r id="2"/>') == {"t": [(None, None, None, None)], "line": [], "town": [], "street": []}


def test_what_is_below_elements_with_a_name_is_not_cut() -> None:
    contract = (
        'elements: {x: "(a/b)[last()]"}\ntables: {t: {columns: {text: $x/c, n: $x/d/@n, all: {from: ".", take: name}}}}'
    )
    made = mapper(contract)
    payload = b'<r id="1"><a><b><c>1<q/></c><d n="2"><z/></d><y>' + b"<v/>" * 20_000 + b"</y></b></a></r>"
    parsed = RecordParser(reach=reach_of(made.contract)).parse(XmlRecord("a", 0, 0, len(payload), payload))
    assert isinstance(parsed, ParsedRecord)
    mapped = made.map(parsed)
    assert isinstance(mapped, MappedRecord)
    assert mapped.rows["t"] == [(1, "1", "2", "r")]


@pytest.mark.parametrize(
    ("elements", "table", "message"),
    [
        (
            "{a: b}",
            "{columns: {x: $c/@x}}",
            "tables.t.columns.x.from: there is no element of this name under `elements`",
        ),
        ("{a: $b/x, b: c}", "{columns: {x: $a/@x}}", "elements.a: this element is declared below (here: '$b')"),
        ("{a: b/@c}", "{columns: {x: $a/@x}}", "elements.a: this selects attributes"),
        ("{position: b}", "{columns: {x: $position/@x}}", "elements.position: $position is a system value"),
        ("{'a b': b}", "{columns: {x: '@x'}}", "elements.a b: a path could not begin with this name"),
        ("{a: 'b['}", "{columns: {x: '@x'}}", "elements.a: 'b[': "),
        ("{a: b}", "{columns: {x: {expression: '[$c/@x]'}}}", "tables.t.columns.x.expression: there is no element"),
        ("{a: b}", "{columns: {x: $a/../../../c}}", "tables.t.columns.x.from: above the record only the attributes"),
    ],
)
def test_what_elements_cannot_say(elements: str, table: str, message: str) -> None:
    assert mistakes(f"elements: {elements}\ntables: {{t: {table}}}\n")[0].startswith(message)


def test_only_tables_of_the_record_find_their_rows_by_name() -> None:
    contract = """
        elements: {a: b}
        tables: {t: {rows: x, key: n, columns: {n: $position}}, u: {parent: t, rows: $a, columns: {m: "@m"}}}
    """
    assert mistake(contract).startswith("tables.u.rows: only rows of the record itself are found by the name")


HOMES = """
    elements: {city: cities/city}
    tables:
      p:
        rows: p
        elements: {home: "(a[@k = 'home'])[last()]", in_city: $city/x}
        where: "[$home/@t] <> 'no'"
        columns: {n: "@n", t: $home/@t, s: $home/s, x: $in_city/@x}
      q:
        slots: [{k: home}, {k: work}]
        elements: {all: "p/a[@k = '{k}']"}
        columns: {t: {from: $all/@t, take: last}}
"""


def test_a_table_names_elements_of_its_rows() -> None:
    xml = (
        '<r id="1"><p n="1"><a k="home" t="A"/><a k="home" t="B"><s>st</s></a><a k="work" t="C"/></p>'
        '<p n="2"><a k="home" t="no"/></p><cities><city><x x="9"/></city></cities></r>'
    )
    assert all_rows(HOMES, xml) == {"p": [("1", "B", "st", "9")], "q": [("no",), ("C",)]}


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ("{x: a/@b}", "tables.t.elements.x: this selects attributes"),
        ("{x: 'a['}", "tables.t.elements.x: 'a[': "),
        ("{top: a}", "tables.t.elements.top: the contract has an element of this name; choose another"),
        ("{x: $y/a, y: b}", "tables.t.elements.x: there is no element of this name"),
    ],
)
def test_what_elements_of_a_table_cannot_be(elements: str, message: str) -> None:
    contract = f"elements: {{top: a}}\ntables: {{t: {{elements: {elements}, columns: {{c: '@c'}}}}}}"
    assert mistakes(contract)[0].startswith(message)


def test_columns_share_the_search_for_their_elements() -> None:
    made = mapper("""
        tables:
          t:
            columns:
              a: (c[@role = 'PR'])[last()]/@a
              b: (c[@role = 'PR'])[last()]/@b
              first: c[@role]/@a
              last: {from: "c[@role]/@a", take: last}
    """)
    assert made.source.count("Owners(") == 2
    xml = '<r id="1"><c role="PR" a="1" b="2"/><c role="SEC" a="3"/><c role="PR" b="4"/></r>'
    assert rows(made, xml) == [(None, "4", "1", "3")]


# formats


def test_a_list_of_formats_has_a_name() -> None:
    contract = """
        formats: {us: ["%m/%d/%Y", iso], more: ["%d %b %Y"]}
        defaults: {format: us}
        tables:
          t:
            columns: {a: {from: "@a", type: date}, b: {from: "@b", type: date, format: [us, more]}}
    """
    assert rows(contract, '<r id="1" a="12/31/2024" b="2 Jan 2025"/>') == [(date(2024, 12, 31), date(2025, 1, 2))]


def test_a_format_that_is_no_name_of_a_list_is_a_mistake() -> None:
    contract = 'formats: {us: ["%m/%d/%Y"]}\ntables: {t: {columns: {a: {from: "@a", type: date, format: usa}}}}'
    assert mistake(contract).startswith("tables.t.columns.a: the format 'usa' of a date has no year")


# Paths that do not regard case


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a[upper-case(@k) = 'X']/@n", "1"),
        ("a[lower-case(normalize-space(@k)) in ('y', 'z')]/@n", "2"),
        ("a[normalize-space(upper-case(@k)) != 'X']/@n", "2"),
    ],
)
def test_texts_are_compared_in_one_case(path: str, expected: str) -> None:
    contract = f'tables: {{t: {{columns: {{n: "{path}"}}}}}}'
    assert column(contract, '<r id="1"><a k="x" n="1"/><a k=" Y " n="2"/></r>') == [expected]


def test_a_text_that_no_capitals_can_equal_is_a_mistake() -> None:
    assert "upper-case(...) is never equal to a text that is not so itself" in mistake(
        "tables: {t: {columns: {n: \"a[upper-case(@k) = 'x']/@n\"}}}"
    )


def test_a_slot_without_a_default_has_none() -> None:
    contract = """
        tables:
          t:
            slots: [{n: 1, d: 5}, {n: 2, d: ""}]
            columns: {n: {value: "{n}", type: int}, x: {from: "@x{n}", type: int, default: "{d}"}}
    """
    assert rows(contract, '<r id="1"/>') == [(1, 5), (2, None)]


def test_expressions_name_lists_of_formats_wherever_they_stand() -> None:
    contract = """
formats: {us: ["%m/%d/%Y", iso]}
tables:
  t:
    rows: a
    let: {at: {expression: "STRPTIME([@at], us)", type: datetime}}
    where: YEAR(TRY_STRPTIME([@at], us)) = 2024
    warn_when: [{when: "MONTH(STRPTIME([@at], us)) = 12", message: late}]
    columns:
      next: {expression: "DATEADD(day, 1, at)", type: date}
      v: {expression: "CONCAT(DAY(STRPTIME([@at], '%d.%m.%Y', us)), [@x])"}
"""
    made = mapper(contract)
    xml = "<r id='1'><a at='2/28/2024' x='!'/><a at='2023-01-01'/><a at='soon'/><a at='2024-12-31'/></r>"
    assert rows(made, xml) == [(date(2024, 2, 29), "28!"), (date(2025, 1, 1), "31")]
    assert made.warnings == {"t: late": 1}
    assert reach_of(made.contract)


def test_an_unknown_list_of_formats_in_an_expression_is_a_mistake() -> None:
    contract = (
        'formats: {us: ["%m/%d/%Y"]}\ntables: {t: {columns: {a: {expression: "STRPTIME([@a], usa)", type: datetime}}}}'
    )
    assert mistake(contract).startswith(
        "tables.t.columns.a.expression: line 1, column 16: there is no list 'usa' under `formats`; did you mean 'us'?"
    )
