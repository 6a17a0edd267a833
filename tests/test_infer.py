"""Which elements --infer takes for records, keys and tables, and what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from beamshred.infer import infer_contract, tree
from beamshred.infer import keys as keys_module
from beamshred.infer.tree import InferError
from pipeline.command import main
from tests.leaves import missing
from transforms.contract.plan import Contract
from transforms.contract.read import load_contract, parse_contract


def _contract(tmp_path: Path, *documents: str, **options: object) -> tuple[str, Contract]:
    for number, document in enumerate(documents):
        (tmp_path / f"{number}.xml").write_text(document)
    text = infer_contract([str(tmp_path)], **options)  # type: ignore[arg-type]
    return text, parse_contract(text)


def _line(text: str, word: str) -> str:
    return next(line.strip() for line in text.splitlines() if word in line)


def test_what_repeats_below_wrappers_is_the_record(tmp_path: Path) -> None:
    _, contract = _contract(tmp_path, '<shop n="a"><orders><o id="1"/><o id="2"/></orders></shop>')
    assert contract.record.path == "/shop/orders/o"
    assert contract.record.key["o_id"].from_ == ["@id"]
    assert contract.tables["o"].columns["shop_n"].from_ == ["../../@n"]


def test_long_lists_are_no_records_but_what_they_hold_is(tmp_path: Path) -> None:
    lists = "".join(f'<l name="{n}">' + "".join(f'<o id="{i}"/>' for i in range(60)) + "</l>" for n in "ab")
    _, contract = _contract(tmp_path, f"<all>{lists}</all>")
    assert contract.record.path == "/all/l/o"
    assert [column.from_ for column in contract.record.key.values()] == [["../@name"], ["@id"]]


def test_list_that_may_be_empty_is_the_record(tmp_path: Path) -> None:
    lists = "".join(f'<l n="{n}">' + "".join(f'<o id="{i}"/>' for i in range(60)) + "</l>" for n in "ab")
    _, contract = _contract(tmp_path, f'<all>{lists}<l n="c"/></all>')
    assert contract.record.path == "/all/l"


def test_text_beside_what_repeats_keeps_the_document_whole(tmp_path: Path) -> None:
    text, contract = _contract(tmp_path, '<shop><head>x</head><o id="1"/><o id="2"/></shop>')
    assert contract.record.path == "/shop"
    assert "NOT READ" not in text


def test_large_document_is_cut_and_what_is_beside_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beamshred.infer.record.LARGE_DOCUMENT", 100)
    orders = "".join(f'<o id="{number}"><n>{number}</n></o>' for number in range(50))
    text, contract = _contract(tmp_path, f'<shop><head at="1">x</head>{orders}</shop>')
    assert contract.record.path == "/shop/o"
    assert "NOT READ, because it is beside the records: head, head/@at." in text


def test_record_is_as_the_user_says(tmp_path: Path) -> None:
    _, contract = _contract(tmp_path, "<a><b><c><d>1</d><d>2</d></c></b></a>", record="/a/b")
    assert contract.record.path == "/a/b"
    with pytest.raises(InferError, match=r"--record /a/x: x does not occur"):
        infer_contract([str(tmp_path)], record="/a/x")
    with pytest.raises(InferError, match="the document element is a, not b"):
        infer_contract([str(tmp_path)], record="/b")


def test_documents_of_several_kinds_are_records_of_one_contract(tmp_path: Path) -> None:
    _, contract = _contract(tmp_path, "<a><id>1</id></a>", "<b><id>2</id></b>")
    assert contract.record.path == "/*"
    assert contract.tables["document"].columns["element"].model.take == "name"
    assert missing(contract, sorted(tmp_path.glob("*.xml"))) == []


def test_key_that_two_records_share_is_none(tmp_path: Path) -> None:
    text, contract = _contract(tmp_path, '<r><o id="1"/><o id="2"/><o id="1"/></r>')
    assert list(contract.record.key) == ["file", "ordinal"]
    assert "UNSURE: no value identifies a record" in text


def test_constant_of_documents_is_no_key_with_the_file(tmp_path: Path) -> None:
    """A document that is the record has any value once in its file."""
    text, contract = _contract(tmp_path, *(f'<doc><code code="34"/><title>{n}</title></doc>' for n in "ab"))
    assert [column.from_ for column in contract.record.key.values()] == [["$file"]]
    assert "No two records share title." in text


def test_extension_of_an_id_is_a_key(tmp_path: Path) -> None:
    documents = (f'<doc><id root="1.2" extension="D{n}"/><code code="34"/></doc>' for n in "12")
    _, contract = _contract(tmp_path, *documents)
    assert [column.from_ for column in contract.record.key.values()] == [["id/@extension"]]


def test_unique_value_not_named_like_a_key_is_told(tmp_path: Path) -> None:
    text, contract = _contract(tmp_path, '<all><m type="a/b"/><m type="c/d"/></all>')
    assert list(contract.record.key) == ["file", "ordinal"]
    assert "UNSURE: no value named like a key identifies a record" in text
    assert "No two records share @type." in text


def test_key_with_what_stands_above(tmp_path: Path) -> None:
    first, second = ('<l name="a"><o id="1"/><o id="2"/></l>', '<l name="b"><o id="1"/><o id="2"/></l>')
    _, contract = _contract(tmp_path, first, second)
    assert {name: column.from_ for name, column in contract.record.key.items()} == {
        "l_name": ["../@name"],
        "o_id": ["@id"],
    }


def test_key_in_a_namespace(tmp_path: Path) -> None:
    _, contract = _contract(tmp_path, '<l xmlns:x="urn:x"><o x:id="1"/><o x:id="2"/></l>')
    assert contract.record.key["o_id"].from_ == ["@x:id"]


def test_key_is_unsure_beyond_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_module, "MAX_HASHES", 5)
    text, _ = _contract(tmp_path, "<r>" + "".join(f'<o id="{number}"/>' for number in range(9)) + "</r>")
    assert "UNSURE: no two of the first 5 records share it; 9 were too many to compare" in text


def test_files_of_one_name_are_told_apart_by_their_folder(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.xml").write_text("<a>same</a>")
    contract = parse_contract(infer_contract([str(tmp_path)]))
    assert contract.record.key["file"].from_ == ["$source"]
    assert missing(contract, sorted(tmp_path.glob("*/*.xml"))) == []


def test_sample_leaves_a_document_early(tmp_path: Path) -> None:
    document = "<r>" + "<o><n>1</n></o>" * 20 + "<o><late>x</late></o></r>"
    text, contract = _contract(tmp_path, document, document, most=5)
    assert "a sample of 5" in text
    assert "late" not in contract.tables["o"].columns


def test_wide_rows_become_several_tables(tmp_path: Path) -> None:
    parts = "".join(f"<p{p}>" + "".join(f"<c{c}>{c}</c{c}>" for c in range(80)) + f"</p{p}>" for p in range(5))
    _, contract = _contract(tmp_path, f"<r>{parts}</r>")
    assert len(contract.tables) > 1
    assert all(len(table.columns) <= 200 for table in contract.tables.values())
    assert missing(contract, [tmp_path / "0.xml"]) == []


def test_id_within_an_element_of_that_name_is_no_recursion(tmp_path: Path) -> None:
    text, contract = _contract(tmp_path, "<r><Id><Other><Id>5</Id></Other></Id></r>")
    assert list(contract.tables) == ["r"]
    assert "recursive" not in text


def test_recursion_keeps_the_tree_by_rows_within(tmp_path: Path) -> None:
    _, contract = _contract(tmp_path, "<r><h/><s n='1'><s n='2'><s n='3'/></s><s n='4'/></s><s n='5'/></r>")
    assert contract.tables["s"].sources[0].rows.text == "s | s/.//s"
    from tests.leaves import rows_of

    [record] = rows_of(contract, [tmp_path / "0.xml"])
    assert [row[1:] for row in record.rows["s"]] == [(1, 3, 1), (2, 1, 2), (3, 0, 3), (4, 0, 4), (5, 0, 5)]


def test_damaged_document_counts_as_far_as_it_goes(tmp_path: Path) -> None:
    text, contract = _contract(tmp_path, "<a><b>1</b><c>2</a>", "<a><b>2</b></a>")
    assert "Not well-formed, and read only up to the fault:" in text
    assert "c" in contract.tables["a"].columns


def test_no_document_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("no xml")
    with pytest.raises(InferError, match="no element was found"):
        infer_contract([str(tmp_path)])


def test_names_that_are_data_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MAX_PLACES", 50)
    with pytest.raises(InferError, match="more than 50 different paths"):
        _contract(tmp_path, "<a>" + "".join(f"<x{number}/>" for number in range(60)) + "</a>")


def test_entities_of_the_document_are_read(tmp_path: Path) -> None:
    document = '<!DOCTYPE a [<!ENTITY x "5">]><a><b>&x;</b></a>'
    _, contract = _contract(tmp_path, document)
    assert contract.tables["a"].columns["b"].model.type == "int"
    assert missing(contract, [tmp_path / "0.xml"]) == []


def test_entities_that_expand_without_end_are_refused(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(12))
    document = (
        f'<!-- <a> {"x" * 100_000} --><!DOCTYPE a [<!ENTITY e0 "xxxxxxxxxx">{entities}]><a><b>1</b><c>&e12;</c></a>'
    )
    text, _ = _contract(tmp_path, document)
    assert "Not well-formed" in text


def test_long_texts_and_deep_elements(tmp_path: Path) -> None:
    (tmp_path / "deep.xml").write_text("<a>" * 400 + "</a>" * 400)
    text, contract = _contract(tmp_path, f"<a><b>{'x' * 11_000_000}</b></a>")
    assert "deep.xml: elements nest deeper than" in " ".join(text.replace("#", " ").split())
    assert contract.tables["a"].columns["b"].model.type == "text"


def test_keys_that_differ_in_case_alone_are_none(tmp_path: Path) -> None:
    _, contract = _contract(tmp_path, '<r><o id="a"/><o id="A"/></r>')
    assert list(contract.record.key) == ["file", "ordinal"]


def test_external_entities_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    document = f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{tmp_path}/secret.txt">]><a><b>1</b><c>&x;</c></a>'
    text, _ = _contract(tmp_path, document)
    assert _line(text, "c:").startswith("c: {from: c, take: count") or "Not well-formed" in text


def test_command_prints_a_contract_that_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "0.xml").write_text("<r><o id='1'>a</o><o id='2'>b</o></r>")
    assert main(["--infer", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    (tmp_path / "contract.yaml").write_text(printed.out)
    assert load_contract(tmp_path / "contract.yaml").contract == "o"
    assert "maps 2 of 2 records" in printed.err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--infer", "nowhere/*.xml"], "matches no file"),
        (["--infer=nowhere.xml", "--record", "x"], "matches no file"),
        (["--infer", "a.xml", "--sample", "0"], "at least 1"),
        (["--infer", "a.xml", "--smaple", "1"], "--smaple"),
        (["--infer"], "--infer"),
    ],
)
def test_command_says_what_is_wrong(flags: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(flags) == 2
    assert said in capsys.readouterr().err
