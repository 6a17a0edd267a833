"""Reading XML documents from a column: ranges of keys, hostile documents, the same rows as from files."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.names import RecordPath
from transforms.read import (
    InputError,
    KeyRange,
    Loaded,
    RowsAgain,
    Wanted,
    XmlColumn,
    check_column,
    input_bytes,
    plan_ranges,
    read_column_again,
    read_range,
    read_rows,
)
from transforms.read.transform import ReadXMLColumn
from transforms.read.wanted import RecordPlace
from transforms.records import Reject, XmlRecord

# Without the time, that tests are named after.
zipped = partial(gzip.compress, mtime=0)


DOCUMENT = RecordPath.parse("/*")


def table(folder: Path, rows: Iterable[tuple[Any, ...]], keys: str = "id INTEGER", **options: Any) -> XmlColumn:
    """A SQLite table `docs` with these rows of keys and a document, as the column to read."""
    path = folder / "source.db"
    path.unlink(missing_ok=True)
    names = [part.split()[0] for part in keys.split(", ")]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE docs ({keys}, xml)")
        connection.executemany(f"INSERT INTO docs VALUES (?{', ?' * len(names)})", rows)
    options.setdefault("url", f"sqlite:///{path}")
    options.setdefault("key", tuple(names))
    return XmlColumn(table="docs", column="xml", **options)


def read(column: XmlColumn, range_bytes: int = 1 << 20, path: RecordPath = DOCUMENT, **options: int) -> list[Any]:
    return [item for part in plan_ranges(column, range_bytes) for item in read_range(column, part, path, **options)]


def keys_read(column: XmlColumn, range_bytes: int = 1) -> list[str]:
    return [item.source.partition("?")[2] for item in read(column, range_bytes)]


def test_row_is_a_source_of_its_own(tmp_path: Path) -> None:
    [record] = read(table(tmp_path, [(4711, "<a>é</a>")]))
    assert record == XmlRecord("docs?id=4711", 0, 0, 9, "<a>é</a>".encode())


@pytest.mark.parametrize("range_bytes", [1, 20, 1 << 20])
def test_gaps_between_keys_lose_no_row(tmp_path: Path, range_bytes: int) -> None:
    keys = [-5, 0, 3, 4, 100, 2**40, 2**62]
    column = table(tmp_path, [(key, "<a/>") for key in reversed(keys)])
    assert keys_read(column, range_bytes) == [f"id={key}" for key in keys]


def test_ranges_hold_places_and_no_documents(tmp_path: Path) -> None:
    column = table(tmp_path, [(1, "<a/>"), (2, "<a/>"), (5, "<a/>")])
    assert list(plan_ranges(column, 8)) == [KeyRange(None, (2,), 2, 8), KeyRange((2,), (5,), 1, 4)]
    assert input_bytes(column) == 12


def test_page_of_keys_ends_where_the_next_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transforms.read.columns._PAGE_ROWS", 3)
    column = table(tmp_path, [(key, "<a/>") for key in range(10)])
    assert [part.rows for part in plan_ranges(column, 8)] == [2, 2, 2, 2, 2]
    assert keys_read(column, 8) == [f"id={key}" for key in range(10)]


@settings(deadline=None)  # the machine may be busy
@given(
    keys=st.lists(st.tuples(st.text("aBé '%:?&/\x01", max_size=3), st.integers(-3, 3)), unique=True),
    size=st.integers(1, 9),
)
def test_composite_keys_of_any_text_give_each_row_once(
    tmp_path_factory: pytest.TempPathFactory, keys: list[tuple[str, int]], size: int
) -> None:
    column = table(tmp_path_factory.mktemp("db"), [(*key, "<a/>") for key in keys], "a TEXT, b INTEGER")
    records = read(column, 4 * size)
    assert [record.source for record in records] == [column.source(key) for key in sorted(keys)]
    places = {(record.source, 0) for record in records}
    again = read_column_again(column, DOCUMENT, 9, places)
    assert sorted(again, key=lambda record: record.source) == sorted(records, key=lambda record: record.source)


def test_three_column_key_is_read_in_its_order(tmp_path: Path) -> None:
    keys = [(a, b, c) for a in (1, 2) for b in ("x", "y") for c in (1, 2, 3)]
    column = table(tmp_path, [(*key, "<a/>") for key in keys], "a INTEGER, b TEXT, c INTEGER")
    assert keys_read(column) == [f"a={a}&b={b}&c={c}" for a, b, c in keys]


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [("2", "10", [2, 9, 10]), (None, "9", [1, 2, 9]), ("9", None, [9, 10, 11]), ("3", "8", [])],
)
def test_key_range_compares_numbers_and_has_both_ends(
    tmp_path: Path, first: str | None, last: str | None, found: list[int]
) -> None:
    column = table(tmp_path, [(key, "<a/>") for key in (1, 2, 9, 10, 11)], "id", first=first, last=last)
    assert keys_read(column) == [f"id={key}" for key in found]


def test_key_range_that_is_no_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'abc' is not a value of the key, which is a number such as 7"):
        read(table(tmp_path, [(7, "<a/>")], first="abc"))


def test_where_is_the_databases_own_sql(tmp_path: Path) -> None:
    column = table(tmp_path, [("a:b", "<a/>"), ("a%", "<a/>"), ("c", "<a/>")], "id TEXT", where="id LIKE 'a%' OR 1 = 0")
    assert keys_read(column) == ["id=a%25", "id=a%3Ab"]


@pytest.mark.parametrize("document", [None, "", b"", "  \n", b"\xef\xbb\xbf", zipped(b""), "<?xml version='1.0'?>"])
@pytest.mark.parametrize("path", ["/*", "/a/b"])
def test_document_with_nothing_in_it_is_a_reject(tmp_path: Path, document: Any, path: str) -> None:
    [reject] = read(table(tmp_path, [(1, document)]), path=RecordPath.parse(path))
    assert (reject.stage, reject.rule, reject.source, reject.ordinal) == ("read", "empty", "docs?id=1", 0)


@pytest.mark.parametrize(
    "document",
    [
        '<?xml version="1.0" encoding="UTF-16"?><a>é😀</a>',
        "<?xml version='1.0' encoding='iso-8859-1' standalone='yes'?><a>é😀</a>",
        '<?xml version="1.0" encoding="no-such"?><a>é😀</a>',
        '\ufeff<?xml version="1.0" encoding="windows-1252"?><a>é😀</a>',
        '<?xml version="1.0" encoding="utf-8"?><a>é😀</a>',
        "<a>é😀</a>",
        '<?xml version="1.0"?><a>é😀</a>'.encode(),
        '<?xml version="1.0" encoding="UTF-16"?><a>é😀</a>'.encode("utf-16"),
        '<?xml version="1.0" encoding="UTF-16"?><a>é😀</a>'.encode(),
        '<?xml version="1.0" encoding="gb18030"?><a>é😀</a>'.encode("gb18030"),
        zipped('<?xml version="1.0" encoding="UTF-16"?><a>é😀</a>'.encode("utf-16")),
        zipped(b"<a>") + zipped("é😀</a>".encode()),
    ],
)
@pytest.mark.parametrize("path", ["/*", "/a"])
def test_declared_encoding_of_text_does_not_count_that_of_bytes_does(tmp_path: Path, document: Any, path: str) -> None:
    from transforms.parse.parser import RecordParser

    [record] = read(table(tmp_path, [(1, document)]), path=RecordPath.parse(path))
    assert RecordParser().parse(record).root.text == "é😀"


def test_declaration_inside_a_document_stays(tmp_path: Path) -> None:
    document = "<a><![CDATA[<?xml version='1.0' encoding='latin-1'?>]]></a>"
    [record] = read(table(tmp_path, [(1, document)]))
    assert record.payload == document.encode()


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        (zipped(b"<a>1</a>")[:-9], "compression"),
        (b"\x1f\x8bno gzip", "compression"),
        (17, "not_xml"),
        ("<a", "truncated"),
        ('<?xml version="1.0" encoding="utf-8"?><a>\ud800</a>', "encoding"),
    ],
)
def test_document_that_cannot_be_read_is_a_reject_and_the_next_is_read(
    tmp_path: Path, document: Any, rule: str
) -> None:
    if isinstance(document, str) and "\ud800" in document:
        column = table(tmp_path, [(2, "<b/>")])
        with closing(sqlite3.connect(tmp_path / "source.db")) as connection, connection:
            broken = document.encode("utf-8", "surrogatepass")
            connection.execute("INSERT INTO docs VALUES (1, CAST(? AS TEXT))", (broken,))
    else:
        column = table(tmp_path, [(1, document), (2, "<b/>")])
    reject, record = read(column)
    assert (reject.rule, reject.source) == (rule, "docs?id=1")
    assert record.payload == b"<b/>"


def test_document_of_many_records_numbers_them_from_0(tmp_path: Path) -> None:
    column = table(tmp_path, [(1, "<a><r/><x/><r>2</r></a>"), (2, "<a/>"), (3, zipped(b"<a><r>"))])
    first, second, reject = read(column, path=RecordPath.parse("/a/r"))
    assert [(r.source, r.ordinal, r.start, r.end, r.payload) for r in (first, second)] == [
        ("docs?id=1", 0, 3, 7, b"<r/>"),
        ("docs?id=1", 1, 11, 19, b"<r>2</r>"),
    ]
    assert (reject.rule, reject.source, reject.ordinal) == ("truncated", "docs?id=3", 0)


def test_record_that_is_too_long_can_be_fetched_again(tmp_path: Path) -> None:
    document = "<?xml version='1.0' encoding='latin-1'?><a>" + 100 * "é" + "</a>"
    column = table(tmp_path, [(1, document), (2, zipped(document.encode("latin-1")))])
    rejects = list(read(column, max_record_bytes=100))
    assert len(rejects) == 2
    for reject in rejects:
        assert isinstance(reject, Reject)
        assert (reject.rule, reject.payload) == ("max_record_bytes", None)
        wanted = Wanted((RecordPlace(0, reject.start or 0, reject.end or 0),))
        rows = RowsAgain(((reject.source, wanted), ("docs?id=3", wanted)), 1)
        record, gone = read_rows(column, rows, DOCUMENT)
        assert isinstance(record, XmlRecord)
        assert record.payload.endswith(b"</a>")
        assert list(read_rows(column, replace(rows, most=1), DOCUMENT)) == [record]
        assert isinstance(gone, Reject)
        assert (gone.rule, gone.source) == ("source", "docs?id=3")


def test_names_of_columns_are_found_whatever_their_case(tmp_path: Path) -> None:
    column = table(tmp_path, [(1, "<a/>")])
    assert keys_read(XmlColumn(column.url, "docs", ("ID",), "XML")) == ["ID=1"]


def test_rows_without_a_key_are_refused(tmp_path: Path) -> None:
    column = table(tmp_path, [(1, "x", "<a/>"), (2, None, "<a/>")], "a INTEGER, b TEXT")
    with pytest.raises(InputError, match=r"rows without a key, a, b is NULL.*--input_where 'a IS NOT NULL'"):
        check_column(column)
    check_column(XmlColumn(column.url, "docs", ("a", "b"), "xml", where="b IS NOT NULL"))


@pytest.mark.parametrize("range_bytes", [1, 8, 1 << 20])
def test_two_rows_with_one_key_are_refused(tmp_path: Path, range_bytes: int) -> None:
    column = table(tmp_path, [(1, "<a/>"), (2, "<a/>"), (2, "<b/>"), (3, "<a/>")])
    with pytest.raises(InputError, match=r"several rows have the key docs\?id=2"):
        read(column, range_bytes)


def test_key_that_changes_on_its_way_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a datetime of SQL Server does: behind the last row, there it is again."""
    column = table(tmp_path, [(1.0, "<a/>"), (2.5, "<a/>")], "id REAL")
    from transforms.read.rows import Rows

    exact = Rows.page
    monkeypatch.setattr(Rows, "page", lambda self, after, size: [(int(key),) for (key,) in exact(self, after, size)])
    with pytest.raises(InputError, match="does not compare equal to itself"):
        read(column)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"key": ("idd",)}, "docs has no column 'idd'; it has id, xml"),
        ({"where": "missing = 1"}, "no such column: missing"),
        ({"url": "sqlite:///no/such.db"}, "there is no file 'no/such.db'"),
        ({"url": "env:NO_SUCH_VARIABLE"}, "--input: .*NO_SUCH_VARIABLE"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_read(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_column(table(tmp_path, [(1, "<a/>")], **changed))


def test_password_shows_nowhere(tmp_path: Path) -> None:
    column = XmlColumn("postgresql+psycopg://me:secret@127.0.0.1:1/x", "docs", ("id",), "xml")
    assert "secret" not in repr(column)


def test_binary_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is binary"):
        check_column(table(tmp_path, [(b"\x01", "<a/>")], "id BLOB"))


def test_rows_in_the_ledger_are_skipped_if_they_came_from_this_very_row(tmp_path: Path) -> None:
    column = table(tmp_path, [(key, f"<a>{key}</a>") for key in range(1, 6)], skip=Loaded("ledger", "c"))
    with closing(sqlite3.connect(tmp_path / "source.db")) as connection, connection:
        connection.execute("CREATE TABLE ledger (contract TEXT, record_key TEXT, source TEXT)")
        connection.executemany(
            "INSERT INTO ledger VALUES (?, ?, ?)",
            [("c", "1", "docs?id=1"), ("c", "2", "a.xml"), ("other", "3", "docs?id=3"), ("c", "9", "docs?id=4")],
        )
    assert keys_read(column) == ["id=2", "id=3", "id=4", "id=5"]
    assert input_bytes(column) == 4 * 8


def test_pipeline_gives_records_and_rejects(tmp_path: Path) -> None:
    column = table(tmp_path, [(1, "<a/>"), (2, None), (3, "<a/>")])
    with beam.Pipeline(FnApiRunner()) as pipeline:
        records, rejects = pipeline | ReadXMLColumn(column, "/*", range_bytes=4)
        assert_that(records | beam.Map(lambda r: r.source), equal_to(["docs?id=1", "docs?id=3"]))
        assert_that(rejects | beam.Map(lambda r: r.source), equal_to(["docs?id=2"]), "rejects")
