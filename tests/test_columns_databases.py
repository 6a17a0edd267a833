"""Reading XML columns of real databases, with and without ODBC: the same records from each."""

from __future__ import annotations

import gzip
import operator
import uuid
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mssql

from tests.servers import need_odbc, new_schema, postgresql_by_odbc
from transforms.database.dialects.dialect import quote_always
from transforms.database.engines import with_driver
from transforms.names import RecordPath
from transforms.read import InputError, Loaded, XmlColumn, check_column, plan_ranges, read_column_again, read_range
from transforms.read.connect import engine_of
from transforms.read.rows import _compared
from transforms.records import Reject, XmlRecord

PATH = RecordPath.parse("/*")
MICROSOFT = ["ODBC Driver 17 for SQL Server", "ODBC Driver 18 for SQL Server"]


def sqlite(folder: Path) -> tuple[sa.URL, str]:
    url = sa.make_url(f"sqlite:///{folder}/source.db")
    return url, str(url)


def sqlite_by_odbc(folder: Path) -> tuple[sa.URL, str]:
    need_odbc("SQLite3")
    return sqlite(folder)[0], f"odbc:DRIVER=SQLite3;Database={folder}/source.db"


def postgresql(folder: Path) -> tuple[sa.URL, str]:
    url, _ = new_schema()
    return url, url.render_as_string(hide_password=False)


def postgresql_odbc(folder: Path) -> tuple[sa.URL, str]:
    url, schema = new_schema()
    return url, postgresql_by_odbc(url, schema)


SOURCES: dict[str, Callable[[Path], tuple[sa.URL, str]]] = {
    "sqlite": sqlite,
    "postgresql": postgresql,
    "sqlite by odbc": sqlite_by_odbc,
    "postgresql by odbc": postgresql_odbc,
}
TEXT = '<?xml version="1.0" encoding="UTF-16"?><a>é😀</a>'


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., XmlColumn]:
    """Makes a table of keys and documents, of these types; returns it as a column to read."""
    url, given = SOURCES[request.param](tmp_path)

    def make(rows: list[tuple[Any, ...]], document: Any, **keys: Any) -> XmlColumn:
        columns = [sa.Column(name, type_) for name, type_ in keys.items()]
        table = sa.Table("app_xml", sa.MetaData(), *columns, sa.Column("xml", document))
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            table.create(connection)
            connection.execute(table.insert(), [dict(zip(table.c.keys(), row, strict=True)) for row in rows])
        return XmlColumn(given, "app_xml", tuple(keys), "xml")

    return make


def read(column: XmlColumn, range_bytes: int = 1) -> list[XmlRecord | Reject]:
    check_column(column)
    return [item for part in plan_ranges(column, range_bytes) for item in read_range(column, part, PATH)]


def sources(column: XmlColumn, range_bytes: int = 1) -> list[str]:
    return [item.source.partition("?")[2] for item in read(column, range_bytes)]


def test_text_loses_only_the_encoding_that_it_declares(source: Callable[..., XmlColumn]) -> None:
    column = source([(2, "<b/>"), (1, TEXT), (3, None), (2**40, "")], sa.Text(), id=sa.BigInteger())
    first, second, null, empty = read(column, 100)
    assert isinstance(first, XmlRecord)
    assert first.payload == '<?xml version="1.0"?><a>é😀</a>'.encode()
    assert (second.source, null.source, empty.source) == ("app_xml?id=2", "app_xml?id=3", f"app_xml?id={2**40}")
    assert isinstance(null, Reject)
    assert isinstance(empty, Reject)
    assert (null.rule, empty.rule) == ("empty", "empty")
    assert list(read_column_again(column, PATH, 100, {(first.source, 0)})) == [first]


def test_bytes_keep_their_encoding_and_may_be_compressed(source: Callable[..., XmlColumn]) -> None:
    documents = [TEXT.encode("utf-16"), gzip.compress(TEXT.encode("utf-16")), b"<a>x</a>"]
    column = source(list(enumerate(documents)), sa.LargeBinary(), id=sa.Integer())
    records = read(column)
    assert [item.payload for item in records] == ["<a>é😀</a>".encode(), "<a>é😀</a>".encode(), b"<a>x</a>"]


@pytest.mark.parametrize("range_bytes", [1, 12, 1 << 20])
def test_composite_keys_with_gaps(source: Callable[..., XmlColumn], range_bytes: int) -> None:
    keys = [(text, number) for text in ("A", "a b", "a'%:é") for number in (-1, 5, 2**33)]
    column = source([(*key, "<a/>") for key in keys], sa.Text(), kind=sa.String(9), number=sa.BigInteger())
    found = sources(column, range_bytes)
    assert sorted(found) == sorted(column.source(key).partition("?")[2] for key in keys)


def test_key_range_and_where(source: Callable[..., XmlColumn]) -> None:
    column = source([(key, f"<a>{key % 2}</a>") for key in range(20)], sa.Text(), id=sa.Integer())
    part = XmlColumn(column.url, "app_xml", ("id",), "xml", where="xml LIKE '%1%'", first="5", last="11")
    assert sources(part) == ["id=5", "id=7", "id=9", "id=11"]


def test_rows_that_the_ledger_has_are_skipped(source: Callable[..., XmlColumn]) -> None:
    column = source([(key, "<a/>") for key in range(4)], sa.Text(), id=sa.Integer())
    for item in read(column):
        assert item.source in {f"app_xml?id={key}" for key in range(4)}
    skipping = XmlColumn(column.url, "app_xml", ("id",), "xml", skip=Loaded("ledger", "c"))
    with engine_of(column.url).begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE ledger (contract VARCHAR(100), record_key VARCHAR(400), source VARCHAR(4000))"
        )
        connection.exec_driver_sql("INSERT INTO ledger VALUES ('c', '1', 'app_xml?id=1'), ('c', '3', 'other.xml')")
    assert sources(skipping) == ["id=0", "id=2", "id=3"]


def test_uuid_dates_and_decimals_are_keys_too(source: Callable[..., XmlColumn]) -> None:
    keys = [
        (uuid.UUID(int=number), datetime(2024, 1, day, 10, 30, 0, 123456), Decimal("0.10000"))
        for number in range(3)
        for day in (1, 2)
    ]
    rows = [(*key, "<a/>") for key in keys]
    column = source(rows, sa.Text(), id=sa.Uuid(), at=sa.DateTime(), amount=sa.Numeric(20, 5, asdecimal=True))
    if "DRIVER=SQLite3" in column.url:
        # The driver takes fractions of seconds off a parameter.
        with pytest.raises(InputError, match="does not compare equal to itself"):
            sources(column)
        return
    assert len(sources(column, 8)) == len(set(sources(column))) == len(keys)


def test_table_that_is_not_there(source: Callable[..., XmlColumn]) -> None:
    column = source([(1, "<a/>")], sa.Text(), id=sa.Integer())
    with pytest.raises(InputError, match="missing_table"):
        check_column(XmlColumn(column.url, "missing_table", ("id",), "xml"))


def test_table_in_another_schema() -> None:
    url, schema = new_schema()
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql('CREATE TABLE "T 1" ("Id" int PRIMARY KEY, "Xml" text)')
        connection.exec_driver_sql("""INSERT INTO "T 1" VALUES (1, '<a>é</a>')""")
    plain = url.update_query_dict({"options": ""}).render_as_string(hide_password=False)
    [record] = read(XmlColumn(plain, f"{schema}.T 1", ("id",), "xml"))
    assert isinstance(record, XmlRecord)
    assert (record.source, record.payload) == (f"{schema}.T 1?id=1", "<a>é</a>".encode())


def test_no_connection_shows_no_password() -> None:
    with pytest.raises(InputError, match="cannot be read") as caught:
        check_column(XmlColumn("postgresql+psycopg://me:geheim@127.0.0.1:1/x", "t", ("id",), "xml"))
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "installed", "driver"),
    [
        ("mssql+pyodbc://h/db", ["FreeTDS", *MICROSOFT], MICROSOFT[1]),
        ("mssql+pyodbc://h/db?driver=FreeTDS", MICROSOFT, "FreeTDS"),
        ("mssql+pyodbc://dsn", MICROSOFT, None),
    ],
)
def test_sql_server_gets_the_best_driver(url: str, installed: list[str], driver: str | None) -> None:
    assert with_driver(sa.make_url(url), lambda: installed).query.get("driver") == driver


def test_sql_server_seeks_in_its_index() -> None:
    """No server is here: this is the SQL that its dialect makes."""
    keys = [sa.column("kind", sa.VARCHAR(9)), sa.column("number")]
    sa.table("app_xml", *keys, schema="dbo")
    behind = _compared(keys, ("a", 5), operator.gt, operator.gt)
    page = sa.select(*keys).where(behind).order_by(*keys).limit(10)
    sql = str(page.compile(dialect=quote_always(mssql.dialect(paramstyle="qmark")))).replace("[dbo].[app_xml].", "")
    assert " ".join(sql.split()) == (
        "SELECT TOP __[POSTCOMPILE_param_1] [kind], [number] FROM [dbo].[app_xml]"
        " WHERE [kind] >= ? AND ([kind] > ? OR [number] > ?) ORDER BY [kind], [number]"
    )


@pytest.mark.parametrize("range_bytes", [1, 1 << 20])
def test_rows_without_a_key_are_rejects_and_no_other_is_lost(
    source: Callable[..., XmlColumn], range_bytes: int
) -> None:
    """SQLite sorts NULL first, PostgreSQL last; and nothing is greater than NULL."""
    rows = [(1, 1, "<a>1</a>"), (1, None, "<n/>"), (2, None, None), (2, 5, "<a>2</a>"), (3, 1, "<a>3</a>")]
    column = source(rows, sa.Text(), id=sa.Integer(), part=sa.Integer())
    with pytest.raises(InputError, match="rows without a key"):
        read(column)  # as the command does
    items = [item for part in plan_ranges(column, range_bytes) for item in read_range(column, part, PATH)]
    assert [item.payload for item in items if isinstance(item, XmlRecord)] == [b"<a>1</a>", b"<a>2</a>", b"<a>3</a>"]
    rejects = [item for item in items if isinstance(item, Reject)]
    assert sorted((reject.rule, reject.source) for reject in rejects) == [
        ("no_key", "app_xml?id=1"), ("no_key", "app_xml?id=2"),
    ]  # fmt: skip
    assert "id, part is NULL" in rejects[0].message


@pytest.mark.parametrize("url", ["postgresql://host/shop", "postgresql+psycopg2://host/shop"])
def test_postgresql_is_read_by_the_driver_that_is_installed(url: str) -> None:
    """Whichever SQLAlchemy takes: before 2.1 that is psycopg2."""
    assert engine_of(url).driver == "psycopg"
