"""References: an index of the record's elements, and the step `->` that follows a text to one of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.language import all_rows, column, mapper, mistake, mistakes, reject, rows
from transforms import parse_contract, reach_of
from transforms.contract.paths import parse_path
from transforms.contract.steps import Attribute, Child, Follow
from transforms.map.mapper import Mapper
from transforms.parse import projection
from transforms.parse.parser import RecordParser
from transforms.records import ParsedRecord, XmlRecord

HEAD = "index: {party: {path: Parties/Party, key: '@id'}, place: {path: .//Place, key: Code}}\n"
XML = """<r id='1'>
  <Payer ref=' p2 '/><Payee ref='#p1'/><Agent>p2</Agent><Nobody ref='p9'/>
  <Both><x ref='p2'/><x ref='p1'/><x ref='p2'/></Both>
  <Parties>
    <Party id='p1' at='D'><Name>Ann</Name></Party>
    <Party id='p2' at='L'><Name>Bob</Name></Party>
    <Party id='p1' at='L'><Name>Second</Name></Party>
    <Party id=' '><Name>Blank</Name></Party><Party><Name>None</Name></Party>
  </Parties>
  <Deep><Place><Code>D</Code><Town>Delft</Town></Place><Place><Code> L </Code><Town>Lille</Town></Place></Deep>
</r>"""


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Payer/@ref -> party/Name", "Bob"),
        ("Payer/@ref->party/Name", "Bob"),
        ("Payee/@ref -> party/Name", "Ann"),
        ("Agent -> party/@at", "L"),
        ("Nobody/@ref -> party/Name", None),
        ("Missing/@ref -> party/Name", None),
        ("Payer/@ref -> party/@at -> place/Town", "Lille"),
        ("Payer/@ref -> party", "Bob"),
        ("Payee/@ref -> party/../Party[2]/Name", "Bob"),
        ("Both/x/@ref -> party/Name", "Bob"),
        ("(Both/x/@ref -> party)[2]/Name", "Ann"),
        ("Payer[@ref -> party/Name = 'Bob']/@ref", " p2 "),
        ("Payer[@ref -> party/Name = 'Ann']/@ref", None),
        ("Nobody/@ref -> party/Name | Payer/@ref -> party/Name", "Bob"),
    ],
)
def test_a_reference_is_followed(path: str, value: str | None) -> None:
    assert column(f'{HEAD}tables: {{t: {{columns: {{v: "{path}"}}}}}}', XML) == [value]


def test_each_element_comes_once_in_the_order_of_the_references() -> None:
    contract = (
        f"{HEAD}tables: {{t: {{columns: {{v: {{from: Both/x/@ref -> party/Name, take: join, separator: ','}}}}}}}}"
    )
    assert column(contract, XML) == ["Bob,Ann"]


def test_rows_and_elements_and_conditions_follow_references() -> None:
    contract = (
        HEAD
        + """
elements: {payer: Payer/@ref -> party}
tables:
  t: {rows: Both/x/@ref -> party, columns: {n: $position, v: Name, at: "@at -> place/Town"}}
  u:
    where: "[Payer/@ref -> party/Name] = 'Bob'"
    columns: {v: $payer/Name, w: {expression: "UPPER([$payer/@at -> place/Town])"}}
"""
    )
    assert rows(contract, XML, "t") == [(1, "Bob", "Lille"), (2, "Ann", "Delft")]
    assert rows(contract, XML, "u") == [("Bob", "LILLE")]


def test_the_parts_of_a_list_of_references_are_followed() -> None:
    contract = """
index: {person: {path: person, key: "@id"}}
tables:
  t:
    rows: sp
    unpivot: "@who"
    split: " "
    where: "[$value -> person/@id] IS NOT NULL"
    columns: {v: $value -> person/name}
"""
    people = "<person id='a'><name>Ann</name></person><person id='b'><name>Bob</name></person>"
    xml = f"<r id='1'><sp who='#a #b #c'/>{people}</r>"
    assert column(contract, xml) == ["Ann", "Bob"]


LISTS = "index: {person: {path: person, key: '@id'}}\n"
PEOPLE = "<person id='a' n='1'><name>Ann</name></person><person id='b' n='2'><name>Bob</name></person>"
SEVERAL = 'is a list of references, and `-> person` follows one; `unpivot` with `split: "{}"` makes a row of each'


@pytest.mark.parametrize(
    ("text", "separator"),
    [("#a #b", " "), ("a b", " "), (" a\tb ", " "), ("a a", " "), ("#a #nobody", " "), ("a, b", ","), ("b;a", ";")],
)
@pytest.mark.parametrize("path", ["@who -> person/name", "@who -> person/@n", "(@who -> person)[last()]/name"])
def test_a_list_of_references_in_one_text_is_refused(text: str, separator: str, path: str) -> None:
    contract = f'{LISTS}tables: {{t: {{columns: {{u: "@x", v: "{path}"}}}}}}'
    rejected = reject(contract, f"<r id='1' who='{text}'>{PEOPLE}</r>")
    assert (rejected.rule, rejected.path) == ("reference", "t.v")
    assert rejected.message.endswith(SEVERAL.format(separator))


@pytest.mark.parametrize("text", ["", " ", "nobody", "#nobody #no-one", "no one, nobody"])
def test_references_to_nothing_find_nothing(text: str) -> None:
    contract = f"{LISTS}tables: {{t: {{columns: {{v: '@who -> person/name'}}}}, u: {{rows: '@who -> person'}}}}"
    assert all_rows(contract, f"<r id='1' who='{text}'>{PEOPLE}</r>") == {"t": [(None,)], "u": []}


def test_a_key_with_blanks_is_one_reference() -> None:
    people = "<person id='a b'><name>Both</name></person>" + PEOPLE
    contract = f"{LISTS}tables: {{t: {{columns: {{v: '@who -> person/name'}}}}}}"
    assert column(contract, f"<r id='1' who='#a b'>{people}</r>") == ["Both"]


@pytest.mark.parametrize(
    ("table", "place"),
    [
        ("{columns: {v: {expression: 'UPPER([@who -> person/name])'}}}", "t.v"),
        ("{columns: {v: person, w: {from: 'person[../@who -> person]'}}}", "t.w"),
        ("{let: {w: '@who -> person/name'}, where: w = 'Ann'}", "t.w"),
        ("{where: \"[@who -> person/name] = 'Ann'\"}", "t.where"),
        ("{rows: '@who -> person', columns: {v: name}}", "t.rows"),
        ("{unpivot: '@who -> person/name', columns: {v: $value}}", "t.unpivot"),
        ("{unpivot: '@who', columns: {v: $value -> person/name}}", "t.v"),
        ("{reject_when: [{when: '[@who -> person/@n] IS NULL', message: nobody}]}", "t: nobody"),
    ],
)
def test_a_list_of_references_is_refused_wherever_it_is_followed(table: str, place: str) -> None:
    rejected = reject(f"{LISTS}tables: {{t: {table}}}", f"<r id='1' who='a b'>{PEOPLE}</r>")
    assert (rejected.rule, rejected.path) == ("reference", place)
    assert rejected.key in ("1", None)


def test_a_list_of_references_to_a_named_element_is_refused() -> None:
    contract = f"{LISTS}elements: {{who: '@who -> person'}}\ntables: {{t: {{columns: {{v: $who/name}}}}}}"
    rejected = reject(contract, f"<r id='1' who='a b'>{PEOPLE}</r>")
    assert (rejected.rule, rejected.path) == ("reference", "elements.who")


@pytest.mark.parametrize("spec", ["from: '@who -> person/name'", "expression: '[@who -> person/name]'"])
def test_on_error_takes_a_list_of_references_for_none(spec: str) -> None:
    made = mapper(f"{LISTS}tables: {{t: {{columns: {{v: {{{spec}, on_error: null, default: x}}}}}}}}")
    assert column(made, f"<r id='1' who='a b'>{PEOPLE}</r>") == ["x"]
    assert made.failures == {("t.v", "reference"): 1}


def test_a_row_that_is_dropped_drops_its_list_of_references() -> None:
    contract = f"{LISTS}tables: {{t: {{rows: sp, where: '[@x] IS NULL', columns: {{v: '@who -> person/name'}}}}}}"
    assert column(contract, f"<r id='1'><sp who='a b' x='1'/><sp who='b'/>{PEOPLE}</r>") == ["Bob"]


def test_an_index_is_built_anew_for_each_record() -> None:
    contract = mapper("index: {p: {path: a, key: '@k'}}\ntables: {t: {columns: {v: '@ref -> p'}}}")
    assert column(contract, "<r id='1' ref='x'><a k='x'>1</a></r>") == ["1"]
    assert column(contract, "<r id='1' ref='x'><a k='x'>2</a></r>") == ["2"]
    assert column(contract, "<r id='1' ref='x'><a k='y'>2</a></r>") == [None]


def test_a_key_that_begins_with_a_hash_comes_first() -> None:
    contract = "index: {p: {path: a, key: '@k'}}\ntables: {t: {columns: {v: '@ref -> p'}}}"
    assert column(contract, "<r id='1' ref='#x'><a k='x'>1</a><a k='#x'>2</a></r>") == ["2"]
    assert column(contract, "<r id='1' ref='##x'><a k='x'>1</a></r>") == [None]


def test_a_required_column_reports_a_reference_to_nowhere() -> None:
    rejected = reject(f"{HEAD}tables: {{t: {{columns: {{v: {{from: Nobody/@ref -> party, required: true}}}}}}}}", XML)
    assert (rejected.rule, rejected.path) == ("required", "t.v")


def test_an_element_without_children_is_found() -> None:
    contract = "index: {p: {path: a, key: '@k'}}\ntables: {t: {columns: {v: '@ref -> p/@v'}}}"
    assert column(contract, "<r id='1' ref='x'><a k='x' v='1'/></r>") == ["1"]


@pytest.mark.parametrize(
    ("contract", "message"),
    [
        (
            f"{HEAD}tables: {{t: {{columns: {{v: '@a -> parti/Name'}}}}}}",
            "tables.t.columns.v.from: there is no such index (here: 'parti'); did you mean 'party'?",
        ),
        (
            "tables: {t: {columns: {v: '@a -> p'}}}",
            "tables.t.columns.v.from: there is no such index (here: 'p'); declare it under `index`",
        ),
        (
            f"{HEAD}tables: {{t: {{rows: 'a[@b -> x]'}}}}",
            "tables.t.rows: there is no such index (here: 'x'); known: party, place",
        ),
        (
            "tables: {t: {columns: {v: '@a -> '}}}",
            "tables.t.columns.v.from: '@a -> ': after -> the name of an index must follow, but here is its end",
        ),
        (
            f"{HEAD}tables: {{t: {{columns: {{v: '$value -> party'}}}}}}",
            "tables.t.columns.v.from: only a table with `unpivot` has $value (here: '$value -> party')",
        ),
        (
            "index: {p: {path: a/@b, key: '@k'}}\ntables: {t: {}}",
            "index.p.path: this selects attributes (here: 'a/@b'); `key` names them",
        ),
        (
            "index: {p: {path: ../a, key: '@k'}}\ntables: {t: {}}",
            "index.p.path: elements stand below the record, and `..` leads out of it (here: '../a')",
        ),
        (
            "index: {p: {path: a, key: '@k -> p'}}\ntables: {t: {}}",
            "index.p.key: the paths of an index follow no references (here: '@k -> p')",
        ),
        (
            "elements: {e: a}\nindex: {p: {path: $e/b, key: '@k'}}\ntables: {t: {}}",
            "index.p.path: an index begins at the record, not at a named element (here: '$e/b')",
        ),
        (
            "index: {a b: {path: a, key: '@k'}}\ntables: {t: {}}",
            "index.a b: `->` could not name this index (here: 'a b'); use letters, digits and underscores",
        ),
        ("index: {p: {path: a}}\ntables: {t: {}}", "index.p.key: this key is missing"),
        ("index: {p: a}\ntables: {t: {}}", "index.p: an index is a mapping, of `path` and `key` (here: 'a')"),
    ],
)
def test_wrong_use(contract: str, message: str) -> None:
    assert mistake(contract) == message


def test_wrong_use_is_all_told_at_once() -> None:
    assert len(mistakes("index: {p: {path: '[', ky: a}}\ntables: {t: {columns: {v: '@a -> q'}}}")) >= 2


names = st.from_regex(r"[A-Za-z_][A-Za-z_.\-]{0,5}", fullmatch=True)


@given(names, names, names, st.sampled_from(["->", " -> ", " ->", "-> "]))
def test_an_arrow_is_told_from_a_dash_in_a_name(owner: str, attribute: str, index: str, arrow: str) -> None:
    [steps] = parse_path(f"{owner}/@{attribute}{arrow}{index}/x").alternatives
    child, name, follow, last = steps
    assert isinstance(child, Child)
    assert child.name.local == owner
    assert name == Attribute(attribute)
    assert follow == Follow(index)
    assert isinstance(last, Child)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text("xy", max_size=2))), st.sampled_from(["a", "b", "#c", ""]))
def test_the_first_element_of_a_key_is_found(elements: list[tuple[str, str]], reference: str) -> None:
    contract = mapper("index: {p: {path: e, key: '@k'}}\ntables: {t: {columns: {v: '@ref -> p'}}}")
    body = "".join(f"<e k='{key}'>{text}</e>" for key, text in elements)
    xml = f"<r id='1' ref='{reference}'>{body}</r>"
    expected = next((text for key, text in elements if key == reference.lstrip("#")), None)
    assert column(contract, xml) == [expected]


@pytest.mark.parametrize(
    "index", ["{path: Parties/Party, key: '@id'}", "{path: .//Party, key: '@id'}", "{path: '*/Party', key: K/L}"]
)
@pytest.mark.parametrize("path", ["Payer/@ref -> p/Name", "Agent -> p/Name/..", "Agent[. -> p/Name = 'Ann']"])
def test_the_parser_keeps_what_references_lead_to(index: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "MIN_BYTES", 0)
    contract = parse_contract(
        "contract: test\nrecord: {path: /r, key: {id: {from: '@id', type: int}}}\n"
        f'index: {{p: {index}}}\ntables: {{t: {{columns: {{v: "{path}"}}}}}}'
    )
    xml = (
        b"<r id='1'><Skip><a/></Skip><Payer ref='1'/><Agent>1</Agent>"
        b"<Parties><Party id='1'><K><L>1</L></K><Name>Ann</Name></Party></Parties></r>"
    )
    record = XmlRecord("a", 0, 0, len(xml), xml)
    whole, cut = RecordParser().parse(record), RecordParser(reach=reach_of(contract)).parse(record)
    assert isinstance(whole, ParsedRecord)
    assert isinstance(cut, ParsedRecord)
    assert Mapper(contract).map(cut) == Mapper(contract).map(whole)
