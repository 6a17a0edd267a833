"""What a contract reads of records, and what not."""

from __future__ import annotations

from lxml import etree

from tests.test_mapper import HEAD
from transforms.contract.read import parse_contract
from transforms.map.coverage import MOST_PATHS, Coverage, nearest, shape_of

TABLES = """
tables:
  t: {columns: {a: a, currency: Currency, deep: x/y}}
  line: {rows: l, key: n, columns: {n: $position, v: "@v", w: "@wrong"}}
  never: {rows: ll, key: n, columns: {n: $position}}
"""
RECORD = """<r id='1' other='2'><a>Bob 12</a><DocumentCurrencyCode>EUR</DocumentCurrencyCode><x><yy>2024-01-02</yy></x>
<l v='1' wrang='2'>text</l><l v='2'/></r>"""


def coverage(*records: str, tables: str = TABLES) -> Coverage:
    found = Coverage(parse_contract(f"{HEAD}\n{tables}"))
    for record in records:
        found.add(etree.fromstring(record))
    return found


def test_what_no_column_reads_is_counted() -> None:
    unread = coverage(RECORD, RECORD).unread()
    assert unread == {"@other": 2, "DocumentCurrencyCode": 2, "l": 2, "l/@wrang": 2, "x/yy": 2}


def test_what_is_read_is_counted_too() -> None:
    places = coverage(RECORD).places
    assert (places["l/@v"].count, places["l/@v"].read) == (2, 2)
    assert (places["@id"].count, places["@id"].read) == (1, 1)


def test_paths_that_found_nothing() -> None:
    assert coverage(RECORD).never_matched() == [
        ("t.currency", "Currency"), ("t.deep", "x/y"), ("line.w", "@wrong"), ("rows of never", "ll"),
    ]  # fmt: skip


def test_suggestions_are_names_that_stand_at_that_place() -> None:
    found = coverage(RECORD)
    names = ("t.currency", "t.deep", "line.w")
    assert [found.suggestion(name) for name in names] == ["DocumentCurrencyCode", "yy", "@wrang"]


def test_nothing_near_is_nothing_suggested() -> None:
    assert nearest("Supplier", {"Iban", "@x"}) is None


def test_text_below_an_element_that_is_read_is_read() -> None:
    tables = "tables: {t: {columns: {a: p}}}"
    assert coverage("<r id='1'><p>one <b>two</b></p></r>", tables=tables).unread() == {}


def test_attributes_below_one_that_is_read_are_not_but_by_xml() -> None:
    text = "<r id='1'><p>one <b k='1'>two</b></p></r>"
    assert coverage(text, tables="tables: {t: {columns: {a: p}}}").unread() == {"p/b/@k": 1}
    assert coverage(text, tables="tables: {t: {columns: {a: {from: p, take: xml}}}}").unread() == {}


def test_what_a_condition_looks_at_is_read() -> None:
    tables = "tables: {t: {columns: {a: \"p[@role = 'x']/n\"}}}"
    assert coverage("<r id='1'><p role='x'><n>1</n></p><p role='y'><n>2</n></p></r>", tables=tables).unread() == {
        "p/n": 1
    }


def test_what_a_condition_looks_at_is_read_there_alone() -> None:
    """As in UBL, where many elements have a @schemeID."""
    tables = "tables: {t: {columns: {a: \"i/ID[@s = 'x' and k/c = 'y']\", b: \"*[@w = '1']/n\"}}}"
    record = "<r id='1'><i><ID s='x'>1<k><c>y</c></k></ID></i><EID s='z'>2</EID><j><c>y</c></j><q w='1' s='3'/></r>"
    assert coverage(record, tables=tables).unread() == {"EID": 1, "EID/@s": 1, "j/c": 1, "q/@s": 1}


def test_expressions_and_named_elements_read() -> None:
    tables = 'elements: {p: q/p}\ntables: {t: {columns: {a: $p/n, b: {expression: "upper([z])"}}}}'
    found = coverage("<r id='1'><q><p><n>1</n></p></q><z>1</z></r>", tables=tables)
    assert found.never_matched() == [] or found.unread() == {}


def test_shapes_hold_no_value() -> None:
    assert shape_of("2024-01-02") == "9999-99-99"
    assert shape_of("  Bob\n Smith ") == "Aaa Aaaaa"
    assert shape_of("x" * 100) == "a" * 24 + "..."


def test_new_names_without_end_do_not_fill_the_memory() -> None:
    body = "".join(f"<n{number}>1</n{number}>" for number in range(MOST_PATHS + 100))
    assert len(coverage(f"<r id='1'>{body}</r>").places) == MOST_PATHS


def test_name_that_another_path_means_is_not_suggested() -> None:
    tables = "tables: {d: {rows: dataarea, key: n, columns: {n: $position, v: '@v'}}, e: {rows: diskarea}}"
    found = coverage("<r id='1'><dataarea v='1'/></r>", tables=tables)
    assert found.never_matched() == [("rows of e", "diskarea")]
    assert found.suggestion("rows of e") is None


def test_language_of_an_element_is_named_as_a_path_names_it() -> None:
    record = "<r id='1'><a xml:lang='fr'>x</a><a xml:lang='de'>y</a></r>"
    assert coverage(record).unread() == {"a/@xml:lang": 2}
    assert coverage(record, tables='tables: {t: {columns: {a: a, l: "a/@xml:lang"}}}').unread() == {}
