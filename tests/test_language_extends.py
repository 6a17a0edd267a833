"""extends: a contract says only what differs from another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.language import HEAD, reject, rows
from transforms.contract.document import ContractError, Problem
from transforms.contract.read import load_contract
from transforms.map.mapper import Mapper

BASE = f"""{HEAD}
defaults: {{clean: trim}}
lookups: {{status: {{A: active, D: dead}}}}
tables:
  t:
    rows: a
    columns:
      s: {{from: "@s", lookup: status}}
      n: {{from: "@n", type: int}}
"""


def problems_of(path: Path) -> list[Problem]:
    with pytest.raises(ContractError) as caught:
        load_contract(path)
    return caught.value.problems


def extended(folder: Path, text: str, base: str = BASE) -> Path:
    (folder / "shared").mkdir(exist_ok=True)
    (folder / "shared" / "base.yaml").write_text(base)
    path = folder / "mine.yaml"
    path.write_text(f"extends: shared/base.yaml\n{text}")
    return path


def test_what_is_not_said_is_as_the_other_contract_says(tmp_path: Path) -> None:
    path = extended(
        tmp_path,
        """
contract: mine
lookups: {status: {D: gone, X: unknown}}
tables:
  t:
    columns:
      n: {required: true}
      m: "@m"
  u: {columns: {v: "@v"}}
""",
    )
    compiled = Mapper(load_contract(path))
    assert compiled.contract.contract == "mine"
    xml = "<r id='1' v=' x '><a s='A' n='1' m='y'/><a s='D' n='2'/><a s='X' n='3'/></r>"
    assert rows(compiled, xml) == [("active", 1, "y"), ("gone", 2, None), ("unknown", 3, None)]
    assert rows(compiled, xml, "u") == [("x",)]
    assert reject(compiled, "<r id='1'><a/></r>").rule == "required"


def test_list_and_scalar_are_replaced_whole(tmp_path: Path) -> None:
    base = BASE.replace("rows: a", "rows: a\n    key: [s, n]").replace('from: "@s"', 'from: ["@s", "@t"]')
    contract = load_contract(extended(tmp_path, 'tables: {t: {key: n, columns: {s: {from: "@x"}}}}', base))
    assert contract.tables["t"].key == ("n",)
    assert contract.tables["t"].columns["s"].from_ == ["@x"]


def test_column_may_get_another_source(tmp_path: Path) -> None:
    base = BASE.replace('{from: "@s", lookup: status}', '"@s"')
    path = extended(tmp_path, "tables: {t: {columns: {s: {value: none}, n: {expression: LENGTH(s)}}}}", base)
    assert rows(Mapper(load_contract(path)), "<r id='1'><a s='x' n='1'/></r>") == [("none", 4)]


def test_column_that_is_a_bare_path_is_merged_like_any_other(tmp_path: Path) -> None:
    base = BASE.replace('{from: "@s", lookup: status}', '"@s"')
    path = extended(tmp_path, "tables: {t: {columns: {s: {required: true}, n: '@m'}}}", base)
    columns = load_contract(path).tables["t"].columns
    assert (columns["s"].from_, columns["s"].required) == (["@s"], True)
    assert (columns["n"].from_, columns["n"].model.type) == (["@m"], "int")


def test_columns_may_be_called_like_the_keys_of_one(tmp_path: Path) -> None:
    base = BASE.replace("    columns:", "    columns:\n      from: '@f'\n      value: '@v'")
    path = extended(tmp_path, "tables: {t: {columns: {value: '@w'}}}", base)
    assert list(load_contract(path).tables["t"].columns) == ["from", "value", "s", "n"]


def test_extends_may_be_chained(tmp_path: Path) -> None:
    extended(tmp_path, "tables: {t: {columns: {m: '@m'}}}").rename(tmp_path / "shared" / "middle.yaml")
    (tmp_path / "shared" / "middle.yaml").write_text("extends: base.yaml\ntables: {t: {columns: {m: '@m'}}}")
    path = tmp_path / "last.yaml"
    path.write_text("extends: shared/middle.yaml\ntables: {t: {columns: {k: '@k'}}}")
    assert list(load_contract(path).tables["t"].columns) == ["s", "n", "m", "k"]


def test_csv_file_stands_beside_the_contract_that_names_it(tmp_path: Path) -> None:
    base = BASE.replace("{A: active, D: dead}", "{csv: s.csv, key: k, value: v}")
    path = extended(tmp_path, "contract: mine", base)
    (tmp_path / "shared" / "s.csv").write_text("k,v\nA,shared\n")
    assert rows(Mapper(load_contract(path)), "<r id='1'><a s='A'/></r>") == [("shared", None)]


def test_circle_of_contracts(tmp_path: Path) -> None:
    path = extended(tmp_path, "contract: mine", f"extends: ../mine.yaml\n{BASE}")
    (problem,) = problems_of(path)
    assert problem.message == "the contracts that extend one another form a cycle"
    assert (Path(problem.file).name, problem.line, problem.location) == ("base.yaml", 1, ("extends",))


def test_contract_that_extends_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"extends: a.yaml\n{BASE}")
    assert problems_of(path)[0].message == "the contracts that extend one another form a cycle"


def test_mistake_names_the_file_that_makes_it(tmp_path: Path) -> None:
    path = extended(
        tmp_path,
        "tables:\n  t:\n    columns:\n      n: {type: in}\n      s: {lookup: state}\n",
        BASE.replace("rows: a", "rows: 'a['"),
    )
    found = {(Path(problem.file).name, problem.line, problem.location[2:]) for problem in problems_of(path)}
    assert found == {
        ("base.yaml", 8, ("rows",)),
        ("mine.yaml", 5, ("columns", "n", "type")),
        ("mine.yaml", 6, ("columns", "s", "lookup")),
    }


@pytest.mark.parametrize(
    ("text", "base", "file"),
    [
        ("contract: x", '"@s["', "base.yaml"),
        ("contract: x", "{from: '@s['}", "base.yaml"),
        ("tables: {t: {columns: {s: '@s['}}}", '"@s"', "mine.yaml"),
        ("tables: {t: {columns: {s: '@s['}}}", "{from: '@s'}", "mine.yaml"),
        ("tables: {t: {columns: {s: {required: true}}}}", '"@s["', "base.yaml"),
    ],
)
def test_mistake_in_a_path_names_the_file_that_makes_it(tmp_path: Path, text: str, base: str, file: str) -> None:
    (problem,) = problems_of(extended(tmp_path, text, BASE.replace('{from: "@s", lookup: status}', base)))
    assert (Path(problem.file).name, problem.location[-1]) == (file, "from")


def test_base_that_is_not_there_or_no_yaml(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extends: none.yaml\n" + BASE)
    assert problems_of(path)[0].message == "cannot be read: No such file or directory"
    assert Path(problems_of(path)[0].file).name == "none.yaml"
    assert "not valid YAML" in problems_of(extended(tmp_path, "contract: x", "a: [b"))[0].message
    path.write_text("extends: 5\n" + BASE)
    assert str(problems_of(path)[0]).endswith("mine.yaml:1 extends: this should be a text (here: 5)")
