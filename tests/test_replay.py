"""Rejects that are loaded again: exactly those, with the very rows that their sources give."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.replay import make_replay
from tests.jobs import Folder
from transforms import RecordPath, Reject, XmlRecord, expand, plan_splits, read_part, read_split
from transforms.read import splits
from transforms.rejects import reject_of_json, reject_to_json

CONTRACT = """
contract: orders
namespaces: {o: urn:o}
record:
  path: PATH
  key: {id: {from: "@id", type: int}}
tables:
  orders:
    columns:
      name: o:name
      day: {from: "../@day"}
      amount: {from: o:amount, type: TYPE}
      source: $source
      ordinal: $ordinal
      start_at: $start
      end_at: $end
      checksum: $checksum
"""
BAD = {3, 7, 8, 19}
LEDGER = "SELECT record_key, source, ordinal, span_start, span_end, hex(checksum) FROM beamshred_ledger ORDER BY 1"


def record(number: int, name: str = "é&n;") -> str:
    amount = "1,50" if number in BAD else "1.50"
    return f'<o:order id="{number}"><o:name>{name}</o:name><o:amount>{amount}</o:amount></o:order>'


def document(encoding: str, mark: str = "") -> bytes:
    head = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE o:orders [<!ENTITY n "nn">]>\n'
    groups = "".join(
        f'<o:orders day="{day}">' + "\n".join(record(10 * day + at) for at in range(10)) + "</o:orders>"
        for day in range(2)
    )
    return (mark + head + f'<o:all xmlns:o="urn:o">{groups}</o:all>').encode(encoding)


def contract(of_type: str, path: str = "/o:all/o:orders/o:order") -> str:
    return CONTRACT.replace("TYPE", of_type).replace("PATH", path)


STRICT, MENDED = '"decimal(9, 2)"', '"decimal(9, 2)", clean: {find: ",", replace: "."}'


class Replays(Folder):
    """A folder in which runs go to run/ and replays to replay/."""

    def __init__(self, path: Path):
        super().__init__(path)
        self.contract.write_text(contract(STRICT))

    def replay(self, *more: str, source: str = "run", into: str = "replay") -> int:
        before, self.run_dir = self.run_dir, self.path / into
        assert before.exists()
        return self.run(*more, inputs=[f"{source}/rejects"])

    def undisturbed(self) -> list[list[Any]]:
        """What the contract as it is now makes of the input by itself."""
        database, run_dir = self.database, self.run_dir
        self.database, self.run_dir = self.path / "other.db", self.path / "other"
        assert self.run(inputs=["*.xml*"]) == 0
        found = self.tables()
        self.database, self.run_dir = database, run_dir
        return found

    def tables(self) -> list[list[Any]]:
        return [self.rows("SELECT * FROM orders ORDER BY id"), self.rows(LEDGER)]

    def edit(self, change: Callable[[dict[str, Any]], None]) -> None:
        for file in (self.run_dir / "rejects").iterdir():
            lines = [json.loads(line) for line in file.read_text().splitlines()]
            for line in lines:
                change(line)
            file.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def folder(tmp_path: Path) -> Replays:
    return Replays(tmp_path)


@pytest.mark.parametrize(("encoding", "keep", "suffix"), [("iso-8859-1", "span", ".gz"), ("utf-16", "full", "")])
def test_replay_gives_the_rows_and_the_ledger_of_an_undisturbed_run(
    folder: Replays, encoding: str, keep: str, suffix: str
) -> None:
    file = folder.write(f"a.xml{suffix}", (gzip.compress if suffix else bytes)(document(encoding)))
    assert folder.run("--reject_payload", keep, inputs=["*.xml*"]) == 3
    assert folder.report["records"]["rejected"] == len(BAD)
    assert all((line["payload"] is None) is (keep == "span") for line in folder.rejects)
    folder.contract.write_text(contract(MENDED))
    if keep == "full":
        file.rename(folder.path / "elsewhere")
    assert folder.replay() == 0
    assert folder.report["records"] == {"read": 4, "loaded": 4, "skipped": 0, "replaced": 0, "rejected": 0}
    assert folder.report["replay"] == {"rejects": 4, "open": 0, "open_by_rule": {}, "first_open": []}
    if keep == "full":
        (folder.path / "elsewhere").rename(file)
    assert folder.tables() == folder.undisturbed()
    assert folder.run(inputs=["*.xml*"]) == 0
    skipped = {why: number for why, number in folder.report["skipped"].items() if number}
    assert skipped == {"unchanged": 4, "contract changed": 16}


def test_two_workers_replay_records_that_are_documents_of_their_own(folder: Replays) -> None:
    folder.contract.write_text(contract(STRICT, "/o:order"))
    for number in range(20):
        text = f'<?xml version="1.0" encoding="iso-8859-1"?>{record(number, "é")}'
        folder.write(f"{number:02}.xml", text.replace("<o:order", '<o:order xmlns:o="urn:o"').encode("latin-1"))
    assert folder.run() == 3
    assert [line["encoding"] for line in folder.rejects] == 4 * ["iso-8859-1"]
    assert "<o:name>é</o:name>" in folder.rejects[0]["payload"]
    folder.contract.write_text(contract(MENDED, "/o:order"))
    assert folder.replay("--slice_bytes", "100", "--workers", "2") == 0
    assert folder.report["records"]["loaded"] == 4
    assert folder.tables() == folder.undisturbed()


def test_records_that_the_database_refuses_keep_their_payload_and_context(folder: Replays) -> None:
    folder.contract.write_text(contract(MENDED))
    folder.write("a.xml", document("utf-16"))
    folder.write("b.xml", document("utf-8").replace(b'id="', b'id="2'))
    assert folder.run("--limit", "1") == 0
    with sqlite3.connect(folder.database) as connection:
        connection.execute("DELETE FROM orders")
        connection.execute("DELETE FROM beamshred_ledger")
        connection.execute(
            "CREATE TRIGGER t BEFORE INSERT ON orders WHEN NEW.id IN (3, 7, 213) BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    assert folder.run() == 3
    assert [line["stage"] for line in folder.rejects] == 3 * ["insert"]
    assert all("<o:order id=" in line["payload"] and line["context"]["depth"] == 2 for line in folder.rejects)
    with sqlite3.connect(folder.database) as connection:
        connection.execute("DROP TRIGGER t")
    (folder.path / "a.xml").rename(folder.path / "gone")
    assert folder.replay() == 0
    (folder.path / "gone").rename(folder.path / "a.xml")
    assert folder.tables() == folder.undisturbed()


def test_what_is_rejected_again_is_named_and_mended_by_hand_it_is_loaded(folder: Replays) -> None:
    folder.write("a.xml", document("iso-8859-1"))
    assert folder.run() == 3
    assert folder.replay() == 3
    replay = folder.report["replay"]
    assert (replay["rejects"], replay["open"], replay["open_by_rule"]) == (4, 4, {"map.type": 4})
    assert sorted(one["ordinal"] for one in replay["first_open"]) == sorted(BAD)
    assert {one["source"] for one in replay["first_open"]} == {str(folder.path / "a.xml")}

    def mend(line: dict[str, Any]) -> None:
        line["payload"] = line["payload"].replace("1,50", "2.50").replace("é", "é€") + "\n"

    folder.edit(mend)
    assert folder.replay("--limit", "3", source="replay", into="third") == 0
    assert folder.report["records"]["loaded"] == 3
    assert folder.replay(source="replay", into="fourth") == 0  # the same again goes on
    assert (folder.report["records"]["loaded"], folder.report["records"]["skipped"]) == (1, 3)
    assert folder.rows("SELECT name, amount FROM orders WHERE id = 7") == [("é€nn", 2.5)]
    # The source still says the same as before: it is rejected again, and what was loaded stays.
    assert folder.run() == 3
    assert folder.rows("SELECT name, amount FROM orders WHERE id = 7") == [("é€nn", 2.5)]


def test_damaged_file_that_was_repaired_is_read_from_the_damage_on(folder: Replays) -> None:
    folder.contract.write_text(contract(MENDED))
    whole = document("utf-8").replace(b"<o:name>", b"<o:name>" + 2000 * b"x")
    folder.write("a.xml.gz", gzip.compress(whole[: whole.index(b'<o:order id="12"') + 50]))
    assert folder.run("--slice_bytes", "1000", inputs=["*.gz"]) == 3
    [damage] = folder.rejects
    assert (damage["rest"], damage["ordinal"], "payload" in damage) == (True, 12, False)
    folder.write("a.xml.gz", gzip.compress(whole))
    assert folder.replay("--slice_bytes", "1000") == 0
    assert folder.report["records"] == {"read": 8, "loaded": 8, "skipped": 0, "replaced": 0, "rejected": 0}
    assert folder.report["replay"]["open"] == 0


def test_inputs_that_are_refused(folder: Replays, capsys: Any) -> None:
    folder.write("a.xml", document("utf-8"))
    assert folder.run(inputs=["."]) == 3  # a folder with XML files, and one of rejects below it
    rejects = folder.rejects
    (folder.path / "link").symlink_to(folder.run_dir)

    def told(*inputs: str, run_dir: str = "replay") -> str:
        capsys.readouterr()
        folder.run_dir = folder.path / run_dir
        assert folder.run(inputs=inputs) == 2
        return " ".join(capsys.readouterr().err.split())

    for run_dir in ("run", "link"):
        assert "holds the rejects of --input, which a run removes" in told("run/rejects", run_dir=run_dir)
    assert folder.rejects == rejects
    assert "run once for each" in told("run/rejects", "a.xml")
    [file] = (folder.path / "run" / "rejects").iterdir()
    first = file.read_text().splitlines()[0]
    wrong = {
        "{": "line 2", "[]": "a JSON object", "{}": "'span' is missing",
        first.replace('"ordinal":3', '"ordinal":"3"'): "`ordinal` and `span` are numbers",
        first.replace('"depth":2', '"depth":"x"'): "it is not a line of a file of rejects",
    }  # fmt: skip
    for line, message in wrong.items():
        file.write_text(f"{first}\n{line}\n")
        error = told(f"run/rejects/{file.name}")
        assert message in error
        assert "line 2:" in error
    assert not (folder.path / "replay").exists()


# The same without an engine: what is read again of which places


class Places:
    """A source, and the rejects that were made of it."""

    path = RecordPath.parse("/all/orders/order")

    def __init__(self, folder: Path, suffix: str = "", split_bytes: int = 1 << 20):
        self.file = folder / f"a.xml{suffix}"
        self.rejects = folder / "rejects.jsonl"
        self.suffix = suffix
        self.split_bytes = split_bytes

    def write(self, data: bytes) -> None:
        self.file.write_bytes(gzip.compress(data) if self.suffix else data)

    def read(self, **limits: int) -> list[XmlRecord | Reject]:
        [file] = expand([str(self.file)])
        parts = plan_splits(file, self.path, self.split_bytes)
        return [item for part in parts for item in read_split(part, self.path, **limits)]

    def reject(self, *rejects: Reject) -> None:
        self.rejects.write_bytes(b"".join(reject_to_json(reject) + b"\n" for reject in rejects))

    def reject_records(self, *ordinals: int, keep: bool = False) -> list[XmlRecord]:
        records = [item for item in self.read() if isinstance(item, XmlRecord) and item.ordinal in ordinals]
        rejects = [Reject.of(record, "map", "type", "no") for record in records]
        self.reject(*(rejects if keep else [reject.without_payload() for reject in rejects]))
        return records

    def again(self) -> list[XmlRecord | Reject]:
        given = make_replay([str(self.rejects)], None)
        found = [item for part in given.parts for item in read_part(part, self.path)]
        planned = [split for file in given.files for split in plan_splits(file, self.path, self.split_bytes)]
        return found + [item for split in planned for item in read_split(split, self.path)]

    def brief(self) -> list[Any]:
        return [item.rule if isinstance(item, Reject) else item.ordinal for item in self.again()]


@pytest.fixture(params=[("", 1 << 20), ("", 200), (".gz", 200)], ids=["whole", "split", "gz"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Places:
    return Places(tmp_path, *request.param)


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "utf-16", "windows-1252", "utf-8-sig"])
@pytest.mark.parametrize("keep", [True, False])
def test_the_very_same_records(places: Places, encoding: str, keep: bool) -> None:
    places.write(document(encoding))
    assert len(records := places.reject_records(*BAD, keep=keep)) == len(BAD)
    if keep:
        places.file.unlink()
    assert places.again() == records


def test_line_and_reject_are_the_same() -> None:
    record = XmlRecord("a.xml", 3, 10, 14, b"<a>\xff</a>", splits.Context(b"<!DOCTYPE a>", b"<b x='\xff'>", b"</b>", 1))
    for payload in (b"<a/>", b"<a>\xff</a>", "<a>é</a>".encode()):
        reject = Reject.of(record, "map", "rule", "message", "t.c", "k").with_payload(
            XmlRecord("a.xml", 3, 10, 14, payload, record.context)
        )
        assert reject_of_json(reject_to_json(reject)) == reject


def test_record_mended_in_its_source_is_read_and_those_behind_it_are_told(places: Places) -> None:
    places.write(document("utf-8"))
    places.reject_records(*BAD)
    places.write(document("utf-8").replace(b"1,50", b"100.00", 1))
    assert places.brief() == [3, "moved", "moved", "moved"]
    moved = [item for item in places.again() if isinstance(item, Reject)]
    assert f"load all of {places.file} again" in moved[0].message
    # The same length again, and what was told to be moved is found where it was.
    places.reject(*moved)
    places.write(document("utf-8").replace(b"1,50", b"1.75"))
    assert places.brief() == [7, 8, 19]


def test_source_that_is_gone_or_shorter(places: Places) -> None:
    whole = document("utf-8")
    places.write(whole)
    places.reject_records(*BAD)
    places.write(whole[: whole.index(b'<o:order id="8"') + 5])
    assert places.brief() == [3, 7, "truncated", "moved"]
    places.file.unlink()
    assert places.brief() == 4 * ["source"]


def test_rest_that_is_still_damaged_repaired_or_cut_off(places: Places) -> None:
    whole = document("utf-8")
    places.write(whole[: whole.index(b'<o:order id="12"') + 50])
    *_, damage = places.read()
    assert isinstance(damage, Reject)
    places.reject(damage)
    assert places.brief() == ["truncated"]
    places.write(whole)
    assert places.brief() == list(range(12, 20))
    places.write(whole[: whole.index(b'<o:order id="12"')] + b"</o:orders></o:all>")
    assert places.brief() == []
    places.write(whole[: whole.index(b'<o:order id="9"')] + b"</o:orders></o:all>")
    assert places.brief() == ["moved"]
    places.file.unlink()
    assert places.brief() == ["source"]


def test_source_of_which_nothing_could_be_read(places: Places) -> None:
    places.write(b"")
    [damage] = places.read()
    assert isinstance(damage, Reject)
    places.reject(damage)
    places.file.unlink()
    assert places.brief() == ["source"]
    places.write(b"<all><orders/></all>")
    assert places.brief() == []
    places.write(document("utf-8"))
    assert places.brief() == list(range(20))


@pytest.mark.parametrize("change", [(record(1), ""), ('<o:orders day="0">', '<o:orders day="0">' + 50 * " ")])
def test_rest_of_a_source_whose_beginning_has_changed_is_told_once(places: Places, change: tuple[str, str]) -> None:
    whole = document("utf-8")
    places.write(whole[: whole.index(b'<o:order id="12"') + 50])
    *_, damage = places.read()
    assert isinstance(damage, Reject)
    places.reject(damage)
    places.write(whole.replace(change[0].encode(), change[1].encode()))
    assert places.brief() == ["moved"]


def test_record_that_was_too_long_is_read_with_a_higher_limit(places: Places) -> None:
    places.write(document("utf-8").replace(record(5).encode(), record(5, 1000 * "x").encode()))
    [long] = [item for item in places.read(max_record_bytes=900) if isinstance(item, Reject)]
    assert (long.rule, long.payload) == ("max_record_bytes", None)
    places.reject(long)
    assert places.brief() == [5]


def test_reject_that_keeps_nothing_is_told(places: Places) -> None:
    places.write(document("utf-8"))
    places.reject_records(3)
    places.reject(*(reject_of_json(line).without_place() for line in places.rejects.read_bytes().splitlines()))
    assert places.brief() == ["not_kept"]


def test_payload_that_is_no_longer_one_record_is_a_reject_again(places: Places) -> None:
    places.write(document("utf-8"))
    [found] = places.reject_records(3, keep=True)
    for payload in (
        "<o:order id='1'/><o:order id='2'/>", "<o:other/>", "", "no", "<o:order>", "</o:order><o:order/>",
        "x<o:order/>",
    ):  # fmt: skip
        changed = XmlRecord(found.source, 3, found.start, found.end, payload.encode(), found.context)
        places.reject(Reject.of(changed, "map", "type", "no"))
        assert places.brief() == ["payload"]
    places.reject_records(3, keep=True)
    places.path = RecordPath.parse("/all/orders/order/name")  # type: ignore[misc]
    assert places.brief() == ["payload"]


def test_payload_without_its_context_is_read_from_its_source(places: Places) -> None:
    places.write(document("utf-8"))
    places.reject_records(3, keep=True)
    line = json.loads(places.rejects.read_text())
    del line["context"]
    places.rejects.write_text(json.dumps(line))
    assert places.brief() == [3]


def test_many_rejects_of_one_file_are_read_again_in_one_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    exact = splits.open_input
    monkeypatch.setattr(splits, "open_input", lambda path, *more: opened.append(path) or exact(path, *more))
    places = Places(tmp_path, ".gz")
    places.write(document("utf-8"))
    wanted = frozenset((str(places.file), ordinal) for ordinal in BAD)
    assert [found.ordinal for found in splits.read_files_again(places.path, 10_000, wanted)] == sorted(BAD)
    assert len(opened) == 1
