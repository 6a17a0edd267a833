"""What is said once: defaults, column groups, lookups, CSV files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.language import HEAD, column, mapper, mistake, mistakes, reject, rows
from transforms.contract.document import ContractError, Problem
from transforms.contract.read import load_contract
from transforms.map.mapper import Mapper
from transforms.schema import ABSENT

# Defaults


def resolved(defaults: str, spec: str) -> Any:
    contract = mapper(
        f"defaults: {defaults}\nlookups: {{l: {{A: '1'}}}}\ntables: {{t: {{columns: {{c: {spec}}}}}}}"
    ).contract
    return contract.tables["t"].columns["c"].model


@pytest.mark.parametrize(
    ("defaults", "spec", "key", "value"),
    [
        ("{clean: trim}", "c", "clean", ["trim"]),
        ("{clean: trim}", "{from: c, clean: upper}", "clean", ["upper"]),
        ("{clean: trim}", "{from: c, clean: []}", "clean", []),
        ("{clean: upper}", "{from: c, type: binary}", "clean", []),
        ("{clean: upper}", "{from: c, type: json}", "clean", []),
        ("{clean: upper}", "{from: c, type: int, lookup: l}", "clean", ["upper"]),
        ("{clean: trim}", "$file", "clean", []),
        ("{clean: trim}", "{value: ' x '}", "clean", []),
        ("{zone: UTC}", "{from: c, type: datetime}", "zone", "UTC"),
        ("{zone: UTC}", "{from: c, type: date}", "zone", None),
        ("{zone: UTC}", "c", "zone", None),
        ("{rounding: half_up}", "{from: c, type: decimal(9)}", "rounding", "half_up"),
        ("{rounding: half_up}", "{from: c, type: int}", "rounding", "half_up"),
        ("{rounding: half_up}", "{from: c, type: float}", "rounding", None),
        ("{format: '%d/%m/%Y'}", "{from: c, type: date}", "format", ["%d/%m/%Y"]),
        ("{format: '%d/%m/%Y'}", "{from: c, type: bool}", "format", None),
        ("{format: '%d/%m/%Y'}", "{from: c, type: time}", "format", None),
        ("{on_error: 'null'}", "c", "on_error", "null"),
        ("{on_error: null}", "c", "on_error", "null"),
        ("{on_error: 'null'}", "{from: c, on_error: reject}", "on_error", "reject"),
        ("{on_error: 'null'}", "{expression: '1', type: int}", "on_error", "null"),
        ("{on_error: 'null'}", "$file", "on_error", "reject"),
        ("{on_error: truncate}", "{from: c, type: text(3)}", "on_error", "truncate"),
        ("{on_error: truncate}", "{from: c, type: int}", "on_error", "reject"),
        ("{on_error: default}", "c", "on_error", "reject"),
        ("{on_error: default}", "{from: c, default: x}", "on_error", "default"),
        ("{omit: true}", "c", "omit", True),
        ("{omit: true}", "{expression: '1', type: int}", "omit", True),
        ("{omit: true}", "{value: x}", "omit", False),
        ("{ignore_case: true}", "c", "ignore_case", True),
        ("{blank: 'null'}", "c", "blank", "null"),
    ],
)
def test_which_columns_take_a_default(defaults: str, spec: str, key: str, value: Any) -> None:
    assert getattr(resolved(defaults, spec), key) == value


def test_defaults_are_for_keys_groups_and_sources_too() -> None:
    contract = """
    contract: test
    defaults: {clean: trim, ignore_case: true}
    record: {path: /r, key: {id: "@ID"}}
    column_groups: {g: {a: "@A"}}
    tables:
      t: {include: g, union: [{columns: {b: "@C"}}], columns: {b: "@B"}}
    """
    assert rows(contract, "<r id=' 1 ' a=' x ' c=' y '/>") == [("x", "y")]


def test_defaults_by_type() -> None:
    contract = """
    defaults: {clean: trim, types: {datetime: {zone: UTC}, "decimal": {clean: {find: "[$]"}}}}
    tables: {t: {columns: {at: {from: "@at", type: datetime}, n: {from: "@n", type: decimal(5)}, c: "@c"}}}
    """
    assert rows(contract, "<r id='1' at='2024-01-01T02:00:00+02:00' n='$5' c=' $ '/>") == [
        (datetime(2024, 1, 1), 5, "$")
    ]
    assert mistake("defaults: {types: {integer: {zone: UTC}}}\ntables: {t: {columns: {v: v}}}").startswith(
        "defaults.types: 'integer' is not a type"
    )


# Column groups

GROUPS = """
column_groups:
  audit: {run: $run, file: $file}
  money: {amount: {from: "@amount", type: "decimal(9, 2)"}, currency: "@ccy"}
tables:
  t: {include: [audit, money], columns: {v: "@v", currency: {value: EUR}}}
  u: {include: audit}
"""


def test_groups_come_first_and_the_table_has_the_last_word() -> None:
    contract = mapper(GROUPS).contract
    assert list(contract.tables["t"].columns) == ["run", "file", "amount", "currency", "v"]
    ((run, file, amount, currency, v),) = rows(GROUPS, "<r id='1' amount='2' ccy='USD' v='x'/>")
    assert (run, file, str(amount), currency, v) == ("run-1", "a.xml", "2.00", "EUR", "x")
    assert rows(GROUPS, "<r id='1'/>", "u") == [("run-1", "a.xml")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            GROUPS.replace("include: audit", "include: audits"),
            "tables.u.include: there is no such column group (here: 'audits'); did you mean 'audit'?",
        ),
        (GROUPS.replace("include: audit", "include: 5"), "tables.u.include: this should be a text (here: 5)"),
        (
            GROUPS.replace("file: $file", "file: $fill"),
            "column_groups.audit.file.from: there is no such system value (here: '$fill')",
        ),
        (GROUPS.replace('"@ccy"', "5"), "column_groups.money.currency: a column is a path, or a mapping"),
        (
            GROUPS.replace("run: $run", "run: {frm: a}"),
            "column_groups.audit.run.frm: unknown key; did you mean 'from'?",
        ),
        (GROUPS.replace("run: $run", "id: $run"), "tables.t.columns.id: every row has this column already"),
    ],
)
def test_wrong_use_of_groups(text: str, said: str) -> None:
    assert mistakes(text)[0].startswith(said)


# Lookups


def looked_up(lookup: str, text: str, more: str = "") -> Any:
    (value,) = column(
        f"lookups: {{l: {lookup}}}\ntables: {{t: {{columns: {{c: {{from: '@c', lookup: l{more}}}}}}}}}",
        f"<r id='1' c='{text}'/>",
    )
    return value


def test_short_and_long_form() -> None:
    assert looked_up("{A: active, 02: two, key: k, value: v}", "02") == "two"
    assert looked_up("{A: active, key: k, value: v}", "key") == "k"
    assert looked_up("{values: {A: active, csv: c, values: v}}", "values") == "v"


def test_ignore_case_of_a_lookup() -> None:
    lookup = "{values: {a: 1, A: 2, Bb: 3}, ignore_case: true}"
    assert [looked_up(lookup, text, ", type: int") for text in ("a", "A", "bB")] == [1, 2, 3]
    assert looked_up("{values: {ab: 1, AB: 2}, ignore_case: true}", "Ab", ", type: int") == 1


def test_otherwise() -> None:
    lookup = "{values: {A: active}, otherwise: other}"
    assert [looked_up(lookup, text) for text in ("A", "a", "")] == ["active", "other", "other"]
    assert column(
        f"lookups: {{l: {lookup}}}\ntables: {{t: {{columns: {{c: {{from: '@c', lookup: l}}}}}}}}", "<r id='1'/>"
    ) == [None]
    assert looked_up("{values: {A: a}, ignore_case: true, otherwise: o}", "b") == "o"


def test_unknown_text_is_an_error_of_the_rule_lookup() -> None:
    contract = "lookups: {l: {A: active}}\ntables: {t: {columns: {c: {from: '@c', lookup: l}}}}"
    rejected = reject(contract, "<r id='1' c='B'/>")
    assert (rejected.rule, rejected.path) == ("lookup", "t.c")
    assert looked_up("{A: active}", "B", ", on_error: 'null'") is None
    assert looked_up("{A: active}", "B", ", on_error: default, default: none") == "none"
    assert looked_up("{A: active}", "B", ", on_error: 'null', omit: true") is ABSENT


def test_text_is_cleaned_before_it_is_looked_up() -> None:
    assert looked_up("{A: active}", " a ", ", clean: [trim, upper]") == "active"


def test_value_of_a_lookup_is_of_the_columns_type() -> None:
    assert looked_up("{Y: true, N: false}", "Y", ", type: bool") is True
    assert str(looked_up("{low: 1.5}", "low", ', type: "decimal(5, 2)"')) == "1.50"


@pytest.mark.parametrize(
    ("lookup", "said"),
    [
        ("5", "lookups.l: a lookup is a mapping of texts to what they mean (here: 5)"),
        ("{A: [1]}", "lookups.l.A: this should be a text, a number, true or false (here: [1])"),
        ("{values: {A: a}, ignorecase: true}", "lookups.l.ignorecase: unknown key; did you mean 'ignore_case'?"),
        (
            "{A: a, ignore_case: true}",
            "lookups.l.A: unknown key; known: csv, ignore_case, key, otherwise, value, values",
        ),
        ("{values: {A: a}, csv: a.csv, key: k, value: v}", "lookups.l: a lookup has either `values` or `csv`"),
        ("{otherwise: o}", "lookups.l: a lookup has either `values` or `csv`"),
        ("{csv: a.csv}", "lookups.l: `csv`, `key` and `value` come together"),
        ("{values: {A: a}, key: k}", "lookups.l: `csv`, `key` and `value` come together"),
        ("{values: 5}", "lookups.l.values: this should be a mapping of keys (here: 5)"),
    ],
)
def test_wrong_lookup(lookup: str, said: str) -> None:
    contract = f"lookups: {{l: {lookup}}}\ntables: {{t: {{columns: {{c: {{from: '@c', lookup: l}}}}}}}}"
    assert mistakes(contract)[0].startswith(said)
    assert not any("there is no such lookup" in message for message in mistakes(contract))


def test_value_of_another_type_than_the_columns() -> None:
    lookups = "lookups: {l: {values: {A: 1, B: x}, otherwise: y}}"
    contract = f"{lookups}\ntables: {{t: {{columns: {{c: {{from: c, lookup: l, type: int}}}}}}}}"
    assert [said.split(" (")[0] for said in mistakes(contract)] == [
        "lookups.l.otherwise: not a value of type int: 'y' is not a whole number",
        "lookups.l.values.B: not a value of type int: 'x' is not a whole number",
    ]


# CSV files

CSV = (
    f"{HEAD}lookups: {{l: {{csv: codes/l.csv, key: code, value: name}}}}\n"
    "tables: {t: {columns: {c: {from: '@c', lookup: l}}}}\n"
)


def with_csv(folder: Path, content: bytes, text: str = CSV) -> Path:
    (folder / "codes").mkdir()
    (folder / "codes" / "l.csv").write_bytes(content)
    path = folder / "a.yaml"
    path.write_text(text)
    return path


def problems_of(path: Path) -> list[Problem]:
    with pytest.raises(ContractError) as caught:
        load_contract(path)
    return caught.value.problems


def test_csv_file_stands_beside_the_contract(tmp_path: Path) -> None:
    content = 'x,code,name\r\n1,A,"one, ""big"""\r\n\r\n2,é,two\r\n3,A,"one, ""big"""\r\n'
    compiled = Mapper(load_contract(with_csv(tmp_path, content.encode("utf-8-sig"))))
    assert column(compiled, "<r id='1' c='A'/>") == ['one, "big"']
    assert column(compiled, "<r id='1' c='é'/>") == ["two"]
    assert reject(compiled, "<r id='1' c='B'/>").rule == "lookup"


def test_fingerprint_follows_the_csv_file(tmp_path: Path) -> None:
    path = with_csv(tmp_path, b"code,name\nA,a\n")
    before = load_contract(path).fingerprint()
    (tmp_path / "codes" / "l.csv").write_bytes(b"code,name\nA,b\n")
    assert load_contract(path).fingerprint() != before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no column 'code'; it has none"),
        (b"code;name\nA;a\n", "has no column 'code'; it has code;name"),
        (b"code,nam\nA,a\n", "has no column 'name'; it has code, nam"),
        (b"code,name\nA\n", "l.csv:2: the line has too few columns"),
        (b"code,name\nA,a\n\nA,b\n", "l.csv:4: 'A' means both 'a' and 'b'"),
        (b"code,name\nA,\xe9\n", "is not a CSV file in UTF-8: "),
        (b'code,name\nA,"' + b"x" * 200_000, "is not a CSV file in UTF-8: field larger than field limit"),
    ],
)
def test_wrong_csv_file(tmp_path: Path, content: bytes, said: str) -> None:
    (problem,) = problems_of(with_csv(tmp_path, content))
    assert (problem.location, problem.line) == (("lookups", "l", "csv"), 3)
    assert said in problem.message


def test_csv_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(CSV)
    (problem,) = problems_of(path)
    assert problem.message == f"{tmp_path / 'codes' / 'l.csv'} cannot be read: No such file or directory"


def test_csv_values_are_checked_against_the_columns_type(tmp_path: Path) -> None:
    (problem,) = problems_of(
        with_csv(tmp_path, b"code,name\nA,1\nB,x\n", CSV.replace("lookup: l", "lookup: l, type: int"))
    )
    assert "not a value of type int: 'x' is not a whole number" in problem.message


def test_all_csv_mistakes_come_with_the_others(tmp_path: Path) -> None:
    path = with_csv(tmp_path, b"", CSV.replace("from: '@c'", "from: '@c d'"))
    assert [problem.location[0] for problem in problems_of(path)] == ["lookups", "tables"]
