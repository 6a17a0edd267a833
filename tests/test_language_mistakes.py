"""What a look at the whole contract finds: every check, with its place and its words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.language import HEAD, all_rows, column, mistake, mistakes
from transforms.contract.document import ContractError
from transforms.contract.read import parse_contract

# Tables


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ("{t: 5}", "tables.t: a table is a mapping, with `columns` (here: 5)"),
        ("{t: }", "tables.t: a table is a mapping, with `columns`"),
        ("{}", "tables: there should be at least one (here: {})"),
        ("{t: {columns: [a]}}", "tables.t.columns: this should be a mapping of keys (here: ['a'])"),
        ("{t: {column: {a: a}}}", "tables.t.column: unknown key; did you mean 'columns'?"),
        ("{t: {rows: [a], columns: {a: a}}}", "tables.t.rows: this should be a text (here: ['a'])"),
        ("{t: {key: 5, columns: {a: a}}}", "tables.t.key: this should be a text (here: 5)"),
        (
            "{t: {key: [a, b], columns: {a: a}}}",
            "tables.t.key: there is no such column in this table (here: 'b'); known: a",
        ),
        (
            "{t: {skip_empty: yes, columns: {a: a}}}",
            "tables.t.skip_empty: not one of False, True, 'unless_computed' or 'with_blanks' (here: 'yes')",
        ),
        ("{t: {parent: u, columns: {a: a}}}", "tables.t.parent: there is no such table (here: 'u'); known: t"),
        (
            "{t: {parent: t, columns: {a: a}}}",
            "tables.t.parent: the parents of this table form a cycle (here: 't')",
        ),
        (
            "{t: {inherit: {ib: x}, columns: {a: a}}}",
            "tables.t.inherit.ib: the parent has no such key column; known: id",
        ),
        ("{t: {inherit: {id: 5}, columns: {a: a}}}", "tables.t.inherit.id: this should be a text (here: 5)"),
        (
            "{t: {key: k, columns: {k: k}}, u: {parent: t, inherit: {id: x, k: x}}}",
            "tables.u.inherit: two inherited columns would have one name",
        ),
        (
            "{t: {columns: {id: a}}}",
            "tables.t.columns.id: every row has this column already, from the key above it; "
            "leave it out, or rename it under `inherit`",
        ),
        (
            "{t: {rows: a/@b}}",
            "tables.t.rows: rows are elements, and this selects attributes (here: 'a/@b'); `unpivot`",
        ),
        (
            "{t: {rows: a/../b}}",
            "tables.t.rows: rows stand below their parent's row, and `..` leads out of it (here: 'a/../b')",
        ),
        ("{t: {reject_when: a = 1}}", "tables.t.reject_when: this should be a list (here: 'a = 1')"),
        (
            "{t: {warn_when: [id = 1]}}",
            "tables.t.warn_when.0: a rule is a mapping, of `when` and `message` (here: 'id = 1')",
        ),
        ("{t: {warn_when: [{when: id = 1}]}}", "tables.t.warn_when.0.message: this key is missing"),
        ("{t: {warn_when: [{when: id = 1, message: ''}]}}", "tables.t.warn_when.0.message: this is empty (here: '')"),
        (
            "{t: {warn_when: [{wen: id = 1, message: m}]}}",
            "tables.t.warn_when.0.wen: unknown key; did you mean 'when'?",
        ),
        (
            "{t: {warn_when: [{when: ib = 1, message: m}]}}",
            "tables.t.warn_when.0.when: line 1, column 1: there is no column 'ib'",
        ),
        (
            "{t: {where: id, columns: {a: a}}}",
            "tables.t.where: line 1, column 1: a condition is expected, and this is int",
        ),
        ("{t: {where: id =, columns: {a: a}}}", "tables.t.where: line 1, column 5: the expression ends too early"),
        ("{t: {where: '[a[] = 1'}}", "tables.t.where: line 1, column 1: the bracket [ of a path is not closed"),
        ("{t: {where: \"[@a b] = '1'\"}}", "tables.t.where: '@a b': the path ends before 'b' at character 4"),
        (
            "{t: {where: \"[../../b] = '1'\"}}",
            "tables.t.where: above the record only the attributes of its ancestors are read",
        ),
        (
            "{t: {where: '[$none] = 1'}}",
            "tables.t.where: line 1, column 1: there is no system value [$none] here; there are [$position]",
        ),
        ("{t: {name: 5}}", "tables.t.name: this should be a text (here: 5)"),
    ],
)
def test_table(tables: str, said: str) -> None:
    assert mistakes(f"tables: {tables}")[0].startswith(said)


def test_parent_without_its_key_is_one_mistake_however_deep_the_tables() -> None:
    contract = """
    tables:
      a: {rows: a, columns: {v: v}}
      b: {parent: a, rows: b, key: n, columns: {n: $position}}
      c: {parent: b, rows: c, columns: {v: {expression: n + 1}}}
    """
    assert mistake(contract).startswith("tables.b.parent: a parent needs a `key`")


def test_parent_with_an_unknown_key_is_one_mistake() -> None:
    contract = "tables: {a: {rows: a, key: x, columns: {v: v}}, b: {parent: a, rows: b, columns: {w: w}}}"
    assert mistake(contract) == "tables.a.key: there is no such column in this table (here: 'x'); known: v"


def test_wrong_table_hides_no_mistake_of_its_parent_and_sisters() -> None:
    found = mistakes("tables: {a: {where: x = 1, key: []}, b: {parent: c, where: x = 1}, d: {parent: a, where: x = 1}}")
    assert [said.split(":")[0] for said in found] == ["tables.a.where", "tables.b.parent", "tables.d.where"]


def test_circle_names_all_its_tables() -> None:
    found = mistakes(
        "tables: {a: {parent: b, columns: {v: 'v['}}, b: {parent: c}, c: {parent: a}, d: {columns: {w: w}}}"
    )
    assert [said.split(":")[0] for said in found] == [
        "tables.a.columns.v.from",
        "tables.a.parent",
        "tables.b.parent",
        "tables.c.parent",
    ]


# Columns


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("5", "c: a column is a path, or a mapping with `from`, `value` or `expression` (here: 5)"),
        ("", "c: a column is a path, or a mapping"),
        ("{type: int}", "c: a column has one of `from`, `value` and `expression`"),
        ("{from: a, value: b}", "c: a column has one of `from`, `value` and `expression`"),
        ("{from: 5}", "c.from: this should be a text (here: 5)"),
        ("{from: []}", "c.from: there should be at least one (here: [])"),
        ("{frm: a}", "c.frm: unknown key; did you mean 'from'?"),
        ("{from: a, type: txt}", "c.type: 'txt' is not a type; the types are text, tinyint"),
        ("{from: a, type: decimal}", "c.type: decimal needs its number of digits"),
        (
            "{from: a, take: frist}",
            "c.take: not one of 'first', 'last', 'only', 'join', 'count', 'sum', 'min', 'max', 'name', 'xml' or 'json'",
        ),
        (
            "{from: a, on_error: skip}",
            "c.on_error: not one of 'reject', 'null', 'default' or 'truncate' (here: 'skip')",
        ),
        ("{from: a, on_error: default}", "c: `on_error: default` needs a `default`"),
        ("{from: a, type: int, on_error: truncate}", "c: `on_error: truncate` is for texts"),
        ("{from: a, blank: never}", "c.blank: not one of 'keep' or 'null' (here: 'never')"),
        (
            "{from: a, clean: shout}",
            "c.clean: 'shout' is not one of trim, collapse, upper, lower, digits, first_number, number_or_digits, nor",
        ),
        ("{from: a, clean: [trim, {find: '('}]}", "c.clean: {'find': '('}: missing ), unterminated subpattern"),
        (
            "{from: a, clean: {find: a, replace: '\\2'}}",
            "c.clean: {'find': 'a', 'replace': '\\\\2'}: invalid group reference 2",
        ),
        ("{from: a, clean: {fnd: a}}", "c.clean: {'fnd': 'a'} is neither one of trim, collapse"),
        ("{from: a, rounding: down}", "c: `rounding` means nothing for the type text"),
        ("{from: a, type: int, rounding: up}", "c.rounding: not one of 'half_up', 'half_even' or 'down' (here: 'up')"),
        ("{from: a, type: int, zone: UTC}", "c: `zone` means nothing for the type int"),
        ("{from: a, type: datetimetz, zone: Mars}", "c: 'Mars' is not a time zone of the IANA database"),
        ("{from: a, type: bool, format: yes}", "c: the format 'yes' of a bool is not its true and its false word"),
        ("{from: a, type: decimal(9), format: '1_000'}", "c: the format '1_000' of a number is not one of"),
        (
            "{from: a, type: int, default: x}",
            "c.default: not a value of type int: 'x' is not a whole number (here: 'x')",
        ),
        ("{value: 300, type: tinyint}", "c.value: not a value of type tinyint: '300' does not fit into tinyint"),
        ("{value: [1]}", "c.value: this should be a text, a number, true or false (here: [1])"),
        ("{value: A, lookup: yn}", "c: a constant is the value itself: `lookup`, `clean`, `format` and `take`"),
        ("{value: A, clean: lower}", "c: a constant is the value itself"),
        ("{expression: \"'a'\", take: last}", "c.expression: an expression gives the value itself: `lookup`, `clean`"),
        (
            "{expression: \"'a'\", type: int}",
            "c.expression: the expression gives text, and the column is int; CAST(... AS int)",
        ),
        ("{expression: '[@a]', type: date}", "c.expression: the expression gives text, and the column is date"),
        ("{expression: x + 1}", "c.expression: line 1, column 1: there is no column 'x'"),
        (
            "{expression: c + 1, type: int}",
            "c.expression: these expressions form a cycle: each needs the value of another",
        ),
        ("{expression: FOO(1)}", "c.expression: line 1, column 1: "),
        (
            "{expression: '[..]'}",
            "c.expression: above the record only the attributes of its ancestors are read, and their names",
        ),
        ("$filename", "c.from: there is no such system value (here: '$filename'); did you mean '$file'?"),
        ("{from: [$file, a]}", "c.from: a system value is always there, so it must be the only source (here: '$file')"),
        ("{from: $position, type: date}", "c: $position is of type int and is taken as it is (here: 'date')"),
        ("{from: $file, clean: upper}", "c: $file is of type text and is taken as it is (here: 'text')"),
        (
            "{from: $loaded_at, type: int}",
            "c: $loaded_at is of type datetimetz and is taken as it is (here: 'int')",
        ),
        (
            "..",
            "c.from: above the record only the attributes of its ancestors are read, and their names (here: '..')",
        ),
        (
            "{from: ../a, take: count, type: int}",
            "c.from: above the record only the attributes of its ancestors are read",
        ),
        ("'a[b'", "c.from: 'a[b': ']' expected before its end"),
        ("/a", "c.from: '/a': a path starts at the current element, without a slash"),
        ("q:a", "c.from: 'q:a': the prefix 'q' of 'q:a' is not declared under `namespaces`"),
        ("{from: a, lookup: ny}", "c.lookup: there is no such lookup (here: 'ny'); known: yn"),
        ("{from: a, lookup: yn, type: int}", "not a value of type int: 'yes' is not a whole number (here: 'yes')"),
        ("{from: a, omit: 1}", "c.omit: this should be true or false (here: 1)"),
        ("{from: a, type: int, identity: on}", "c.identity: this should be true or false (here: 'on')"),
        ("{from: a, separator: 5}", "c.separator: this should be a text (here: 5)"),
    ],
)
def test_column(spec: str, said: str) -> None:
    found = mistakes(f"lookups: {{yn: {{y: 'yes'}}}}\ntables: {{t: {{columns: {{c: {spec}}}}}}}")
    assert any(said in message for message in found), found


def test_names_of_ancestors_may_be_read() -> None:
    assert column("tables: {t: {rows: a, columns: {n: {from: .., take: name}}}}", "<r id='1'><a/></r>") == ["r"]
    assert column("tables: {t: {columns: {n: {from: .., take: name}}}}", "<r id='1'/>") == [None]


def test_circle_of_expressions_is_found_beside_sound_ones() -> None:
    contract = """
    tables:
      t:
        columns:
          a: {expression: b + 1, type: int}
          b: {expression: a + 1, type: int}
          c: {expression: d + 1, type: int}
          d: {from: "@d", type: int}
    """
    assert mistakes(contract) == [
        "tables.t.columns.a.expression: these expressions form a cycle: each needs the value of another",
        "tables.t.columns.b.expression: these expressions form a cycle: each needs the value of another",
    ]


# The record


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("{key: {id: a}}", "record.path: this key is missing"),
        ("{path: /r}", "record.key: this key is missing"),
        ("{path: /r, key: {}}", "record.key: there should be at least one (here: {})"),
        ("{path: /r, keys: {id: a}}", "record.key: this key is missing"),
        ("{path: //r, key: {id: a}}", "record.path: '//r': records are at one depth"),
        (
            "{path: '/r[1]', key: {id: a}}",
            "record.path: '/r[1]': the path of records has only names of elements, not 'r[1]'",
        ),
        ("{path: /p:r, key: {id: a}}", "record.path: the prefix 'p' of 'p:r' is not declared under `namespaces`"),
        (
            "{path: /r, key: {id: $position}}",
            "record.key.id.from: a record has no position; its number in the source is $ordinal",
        ),
        ("{path: /r, key: {id: $value}}", "record.key.id.from: only a table with `unpivot` has $value"),
        (
            "{path: /r, key: {id: {expression: '1'}}}",
            "record.key.id.expression: a key is read, not computed (here: '1')",
        ),
        ("{path: /r, key: {id: ../a}}", "record.key.id.from: above the record only the attributes"),
        (
            "{path: /r, key: {id: a}, reject_when: [{when: x = 1, message: m}]}",
            "record.reject_when.0.when: line 1, column 1: there",
        ),
        (
            "{path: /r, key: {id: a}, warn_when: [{when: '[$position] = 1', message: m}]}",
            "record.warn_when.0.when: line 1, column 1",
        ),
        ("{path: /r, key: {id: a}, warn_when: [{message: m}]}", "record.warn_when.0.when: this key is missing"),
        ("5", "record: this should be a mapping of keys (here: 5)"),
    ],
)
def test_record(record: str, said: str) -> None:
    found = mistakes(f"contract: test\nrecord: {record}\ntables: {{t: {{columns: {{v: v}}}}}}")
    assert found[0].startswith(said)


# The contract


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("namespaces: {p: 5}", "namespaces.p: this should be a text (here: 5)"),
        ("schema: 5", "schema: this should be a text (here: 5)"),
        ("description: 5", "description: this should be a text (here: 5)"),
        ("lookup: {}", "lookup: unknown key; did you mean 'lookups'?"),
        ("defaults: {take: last}", "defaults.take: unknown key"),
        ("defaults: {blank: 'no'}", "defaults.blank: not one of 'keep' or 'null' (here: 'no')"),
        ("defaults: {clean: shout}", "defaults.clean: 'shout' is not one of trim"),
        ("defaults: 5", "defaults: this should be a mapping of keys (here: 5)"),
        ("$schema: x", "$schema: unknown key"),
    ],
)
def test_contract(line: str, said: str) -> None:
    assert mistake(f"{HEAD}{line}\ntables: {{t: {{columns: {{v: v}}}}}}").startswith(said)


def test_wrong_name() -> None:
    for name in ("-x", "a b", "x" * 65, "''"):
        (said,) = mistakes(HEAD.replace("test", name) + "tables: {t: {columns: {v: v}}}")
        assert said.startswith("contract: a name is letters, digits, dots, dashes and underscores, at most 64")


def test_long_names_of_tables_and_columns() -> None:
    long = "x" * 129
    assert mistake(f"tables: {{t: {{columns: {{{long}: v}}}}}}").endswith(f"this is too long (here: '{'x' * 76}...)")
    assert all_rows(f"tables: {{{long[1:]}: {{columns: {{v: v}}}}}}", "<r id='1'/>")


def test_comments_that_name_a_schema_are_only_comments() -> None:
    contract = "# yaml-language-server: $schema=contract.schema.json\ntables: {t: {columns: {v: '@v'}}}"
    assert column(contract, "<r id='1' v='x'/>") == ["x"]


def test_mistakes_have_lines(tmp_path: Path) -> None:
    columns = "      a: 5\n      b: {from: 'x['}\n      c: {expression: zz}\n"
    text = f"{HEAD}tables:\n  t:\n    where: a >\n    columns:\n{columns}"
    with pytest.raises(ContractError) as caught:
        parse_contract(text, str(tmp_path / "a.yaml"))
    assert [problem.line for problem in caught.value.problems] == [5, 7, 8, 9]


def test_a_condition_that_is_empty_is_a_mistake() -> None:
    said = mistake("tables: {t: {where: '', columns: {v: v}}}")
    assert said.startswith("tables.t.where: line 1, column 1: the expression is empty")
