"""SQL Server: the statements, their parameters and types, and the borders of transactions, as a driver records them."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from types import ModuleType, SimpleNamespace

import pytest

from tests.databases import LINES, ORDERS, SCHEMA, column, order
from transforms.insert import LoadError, LoadPolicy, Target, TargetError, load_batch, open_database, prepare_target
from transforms.insert.ledger import LEDGER, Entry
from transforms.records import MappedRecord
from transforms.schema import ABSENT, Schema, Table

URL = "mssql+pyodbc://ann:s3cret@host/shop?driver=ODBC+Driver+18+for+SQL+Server"
MICROSOFT, FREETDS = "libmsodbcsql-18.6.so.2.1", "libtdsodbc.so"

ALL_TYPES = {
    "text(10)": ("a 'b' 🐘", "nvarchar(max)", ("WVARCHAR", 20, 0)),
    "text": ("x" * 5000, "nvarchar(max)", ("WVARCHAR", 0, 0)),
    "text(2001)": ("x", "nvarchar(max)", ("WVARCHAR", 0, 0)),
    "tinyint": (255, "tinyint", ("BIGINT", 0, 0)),
    "bigint": (-(2**63), "bigint", ("BIGINT", 0, 0)),
    "decimal(38,10)": (Decimal("1E+5"), "decimal(38, 10)", ("DECIMAL", 38, 10)),
    "float": (0.1, "float(53)", ("DOUBLE", 0, 0)),
    "bool": (True, "bit", ("BIT", 0, 0)),
    "date": (date(1, 1, 1), "date", ("TYPE_DATE", 10, 0)),
    "time": (time(23, 59, 59, 999999), "time(6)", ("WVARCHAR", 40, 0)),
    "datetime": (datetime(9999, 12, 31, 23, 59, 59, 999999), "datetime2(6)", ("TYPE_TIMESTAMP", 26, 6)),
    "datetimetz": (
        datetime(2024, 5, 31, 12, tzinfo=timezone(timedelta(hours=-5))), "datetimeoffset(6)", ("WVARCHAR", 40, 0),
    ),
    "json": ('{"a": 1.0}', "nvarchar(max)", ("WVARCHAR", 0, 0)),
    "binary(16)": (b"\x00\xff", "nvarchar(max)", ("VARBINARY", 16, 0)),
}  # fmt: skip


class Server(ModuleType):
    """A pyodbc whose connections write down what they are told, and answer by the first pattern that fits."""

    Error = type("Error", (Exception,), {"__module__": "pyodbc"})
    SQL_DBMS_NAME, SQL_DRIVER_NAME, SQL_IDENTIFIER_QUOTE_CHAR = "dbms", "driver", "quote"

    def __init__(self) -> None:
        super().__init__("pyodbc")
        for name in ("BIGINT", "DOUBLE", "BIT", "DECIMAL", "WVARCHAR", "VARBINARY", "TYPE_DATE", "TYPE_TIMESTAMP",
                     "LONGVARBINARY", "WLONGVARCHAR"):  # fmt: skip
            setattr(self, f"SQL_{name}", name)
        self.log: list = []
        self.driver, self.level, self.entries = MICROSOFT, 160, []
        self.ledger_key: list[tuple] = []
        self.errors: dict[str, list[Exception]] = {}
        self.is_empty = False
        self.strings: list[str] = []
        self.unread: list[str] = []

    def drivers(self):
        return ["ODBC Driver 17 for SQL Server", "FreeTDS", "ODBC Driver 18 for SQL Server"]

    def connect(self, string, autocommit):
        self.strings.append(string)
        self.autocommit = autocommit
        return Connection(self)

    def plain(self, sql: str) -> str:
        """The statement without the brackets of its names, for people to read."""
        self.unread.append(sql)
        return re.sub(r"\[([^\W\d]\w*)\]", r"\1", sql)

    def answer(self, sql: str) -> list[tuple]:
        for pattern, errors in self.errors.items():
            if errors and pattern in sql:
                raise errors.pop(0)
        if "compatibility_level" in sql:
            return [(self.level,)]
        if "is_primary_key" in sql:
            return self.ledger_key
        if "SCHEMA_NAME" in sql:
            return [("dbo",)]
        if "FROM beamshred_tables" in sql:
            return []
        if "OBJECT_ID" in sql:
            return [(None if self.is_empty else 1,)]
        return self.entries if sql.startswith("SELECT") else []

    def statements(self, pattern: str = "") -> list[str]:
        return [entry[0] for entry in self.log if re.search(pattern, entry[0])]


class Connection(SimpleNamespace):
    def __init__(self, server: Server) -> None:
        super().__init__(server=server, close=lambda: server.log.append(("CLOSE",)))

    def getinfo(self, what):
        return {"dbms": "Microsoft SQL Server", "driver": self.server.driver, "quote": '"'}[what]

    def cursor(self):
        return Cursor(self.server)

    def execute(self, sql):
        return self.cursor().execute(sql)

    def commit(self):
        self.server.log.append(("COMMIT",))

    def rollback(self):
        self.server.log.append(("ROLLBACK",))


class Cursor:
    fast_executemany, sizes, rowcount = False, None, 1
    description = tuple((column.name,) for column in LEDGER.columns)

    def __init__(self, server: Server) -> None:
        self.server = server

    def setinputsizes(self, sizes):
        self.sizes = sizes

    def execute(self, sql, parameters=()):
        sql = self.server.plain(sql)
        self.server.log.append((sql, parameters, self.sizes))
        self.rows = self.server.answer(sql)
        return self

    def executemany(self, sql, rows):
        sql = self.server.plain(sql)
        self.server.log.append((sql, list(rows), self.sizes, self.fast_executemany))
        self.server.answer(sql)

    def fetchone(self):
        return self.rows[0]

    def fetchall(self):
        return self.rows

    def nextset(self):
        return False


@pytest.fixture
def server(monkeypatch) -> Server:
    server = Server()
    monkeypatch.setitem(sys.modules, "pyodbc", server)
    return server


def load(schema, *records, way=None, on_existing="skip"):
    loader = open_database(Target.parse(URL), way)
    return load_batch(loader, schema, records, LoadPolicy("run 2", on_existing))


def record(row: tuple) -> MappedRecord:
    return MappedRecord(str(row[0]), row[:1], "a.xml", 0, 0, 9, b"\x01", {"t": [row]})


def one_table(*columns, name="t", schema="dbo") -> Schema:
    return Schema("shop", (Table("t", name, schema, columns, (columns[0].name,), None, (columns[0].name,)),))


def typed() -> tuple[Schema, tuple]:
    columns = (column("id", "int", nullable=False), *(column(f"c{n}", type_) for n, type_ in enumerate(ALL_TYPES)))
    return one_table(*columns), (1, *(value for value, _, _ in ALL_TYPES.values()))


def error(state: str, number: int, message: str = "what") -> Exception:
    return Server.Error(state, f"[{state}] [Microsoft][SQL Server]{message} ({number}) (SQLExecDirectW)")


def test_batch_is_one_transaction_with_one_statement_for_each_table(server):
    result, _ = load(SCHEMA, order("A", 0), order("B", 1, lines=1))
    assert result.loaded == 2
    [_, find, key, ledger, orders, lines, commit] = server.log
    assert "i.ignore_dup_key = 0" in key[0]
    assert (commit, server.autocommit) == (("COMMIT",), False)
    assert find[1] == ("shop", "A", "B")
    assert ledger[0].startswith("INSERT INTO beamshred_ledger (contract, record_key, ")
    assert [row[:4] for row in json.loads(ledger[1][0])] == [
        ["shop", "A", "loaded", "run 2"], ["shop", "B", "loaded", "run 2"],
    ]  # fmt: skip
    assert orders == (
        "INSERT INTO orders (order_id, customer) SELECT order_id, customer"
        " FROM OPENJSON(?) WITH (order_id nvarchar(max) '$[0]', customer nvarchar(max) '$[1]')",
        ('[["A","ann"],["B","ann"]]',),
        [("WVARCHAR", 0, 0)],
    )
    assert lines[:2] == (
        "INSERT INTO order_lines (order_id, line, price) SELECT order_id, line, price FROM OPENJSON(?)"
        " WITH (order_id nvarchar(max) '$[0]', line integer '$[1]', price decimal(10, 2) '$[2]')",
        ('[["A",1,"1.50"],["A",2,"3.00"],["B",1,"1.50"]]',),
    )


def test_ledger_that_knew_nothing_is_not_asked_again(server):
    server.ledger_key = [("record_key",), ("contract",)]
    loader = open_database(Target.parse(URL))
    for key in "AB":
        load_batch(loader, SCHEMA, [order(key, 0)], LoadPolicy("run"))
    assert [sql.split()[0] for sql in server.statements()] == [
        "SELECT", "SELECT", "SELECT", "INSERT", "INSERT", "INSERT", "COMMIT", "INSERT", "INSERT", "INSERT", "COMMIT",
    ]  # fmt: skip


def test_every_name_is_quoted(server):
    server.is_empty = True
    columns = column("within", "int", nullable=False, identity=True), column("try_convert", "text")
    schema = Schema("shop", (Table("t", "within", "dbo.sales", columns, ("within",), None, ("within",)),))
    prepare_target(URL, schema)
    server.entries = [("1", *Entry.of(record((1, "a")), "loaded", "run 1")._replace(checksum=b"2"))]
    load(schema, record((1, "a")), on_existing="replace")
    statements = [sql for sql in server.unread if "within" in sql]
    assert {sql.split()[0] for sql in statements} == {"CREATE", "INSERT", "DELETE", "SET"}
    for sql in statements:
        assert "[dbo].[sales].[within]" in sql
        assert not re.search(r"[^\[\w](within|try_convert)", sql)


def test_types_in_json(server):
    schema, row = typed()
    load(schema, record(row))
    [(sql, (parameter,), _)] = [entry for entry in server.log if "dbo.t" in entry[0]]
    declared = ", ".join(f"c{n} {type_} '$[{n + 1}]'" for n, (_, type_, _) in enumerate(ALL_TYPES.values()))
    assert sql.endswith(f"FROM OPENJSON(?) WITH (id integer '$[0]', {declared})")
    # Binary comes as hexadecimal digits.
    assert "c12, CONVERT(varbinary(max), c13, 2) FROM" in sql
    assert json.loads(parameter) == [[
        1, "a 'b' 🐘", "x" * 5000, "x", 255, -(2**63), "100000", 0.1, True, "0001-01-01", "23:59:59.999999",
        "9999-12-31T23:59:59.999999", "2024-05-31T12:00:00-05:00", '{"a": 1.0}', "00ff",
    ]]  # fmt: skip


def test_types_in_arrays_of_parameters(server):
    schema, row = typed()
    nothing = (2, *[None] * len(ALL_TYPES))
    load(schema, record(row), record(nothing), way="fast")
    [(sql, [first, second], sizes, fast)] = [entry for entry in server.log if "dbo.t" in entry[0]]
    assert sql.startswith("INSERT INTO dbo.t (id, c0, c1, ")
    assert sql.endswith(f"VALUES ({', '.join('?' * len(row))})")
    assert (sizes, fast) == ([("BIGINT", 0, 0), *(size for _, _, size in ALL_TYPES.values())], True)
    # pyodbc drops a time's fractions and a datetime's zone: these two go as text.
    assert first == tuple(
        value.isoformat() if type_ in ("time", "datetimetz") else value
        for type_, value in zip(["int", *ALL_TYPES], row, strict=True)
    )
    assert second == nothing


LONG_TEXT, LONG_BINARY = ("WLONGVARCHAR", 0, 0), ("LONGVARBINARY", 0, 0)


@pytest.mark.parametrize(
    ("driver", "given"),
    [
        (MICROSOFT, {"binary(16)": ("VARBINARY", 16, 0)}),
        (FREETDS, {"binary(16)": LONG_BINARY, "text": LONG_TEXT, "text(2001)": LONG_TEXT, "json": LONG_TEXT}),
    ],
)
def test_plain_gives_the_types_that_values_do_not_show(server, driver, given):
    """As seen on the wire: by FreeTDS a varbinary (0) is empty, and other types end after 8,000 bytes.

    Microsoft's driver refuses the long types (HY104); it sends NULL as a varchar.
    """
    server.driver = driver
    schema, row = typed()
    load(schema, record(row), way="plain")
    [(_, _, sizes, fast)] = [entry for entry in server.log if "dbo.t" in entry[0]]
    assert (sizes, fast) == ([None, *(given.get(type_) for type_ in ALL_TYPES)], False)


def test_what_replaces_an_entry_of_the_ledger_has_types_too(server):
    server.driver = FREETDS
    server.entries = [("1", *Entry.of(record((1,)), "loaded", "run 1")._replace(checksum=b"\x02"))]
    load(one_table(column("id", "int")), record((1,)), way="plain", on_existing="replace")
    [update] = [entry for entry in server.log if entry[0].startswith("UPDATE")]
    assert (update[2][2], update[2][6]) == (LONG_TEXT, LONG_BINARY)  # source and checksum


@pytest.mark.parametrize(("driver", "type_"), [(MICROSOFT, "WVARCHAR"), (FREETDS, "WLONGVARCHAR")])
def test_json_is_sent_whole_by_either_driver(server, driver, type_):
    server.driver = driver
    load(one_table(column("id", "int")), record((1,)), way="json")
    [(_, _, sizes)] = [entry for entry in server.log if "INSERT INTO dbo.t" in entry[0]]
    assert sizes == [(type_, 0, 0)]


@pytest.mark.parametrize("driver", [MICROSOFT, FREETDS])
def test_plain_keeps_the_fraction_of_a_datetime(server, driver):
    """As a text that is cast: drivers may send three decimals, and a column of the old type datetime takes three."""
    server.driver = driver
    key = column("at", "datetime", nullable=False)
    schema = Schema("shop", (Table("t", "t", "dbo", (key, column("n", "int")), ("at",), None, ("at",)),))
    moment = datetime(2024, 5, 31, 12, 0, 0, 123456)
    family = MappedRecord("k", (moment,), "a.xml", 0, 0, 9, b"\x01", {"t": [(moment, 1)]})
    server.entries = [("k", *Entry.of(family, "loaded", "run 1")._replace(checksum=b"\x02"))]
    loader = open_database(Target.parse(URL), "plain")
    load_batch(loader, schema, [family], LoadPolicy("run 2", "replace"))
    [deleted, inserted] = [entry for entry in server.log if "dbo.t" in entry[0]]
    assert "JOIN (VALUES (CAST(? AS datetime2(6)))) AS k (at)" in deleted[0]
    assert inserted[0] == "INSERT INTO dbo.t (at, n) VALUES (CAST(? AS datetime2(6)), ?)"
    assert (deleted[1], inserted[1]) == (["2024-05-31T12:00:00.123456"], [("2024-05-31T12:00:00.123456", 1)])


def test_arrays_are_cut_by_rows_and_by_bytes(server):
    narrow, wide = one_table(column("id", "int")), one_table(column("id", "int"), column("a", "text(2000)"))
    load(narrow, replace(record((0,)), rows={"t": [(n,) for n in range(2500)]}), way="fast")
    load(wide, replace(record((0,)), rows={"t": [(n, "x") for n in range(2500)]}), way="fast")
    sizes = [len(entry[1]) for entry in server.log if "dbo.t" in entry[0]]
    assert sizes[:3] == [1000, 1000, 500]
    assert sum(sizes[3:]) == 2500
    assert max(sizes[3:]) * 2 * 4000 <= 16 * 2**20


def test_identity_insert_is_set_once_for_each_table_and_batch(server):
    people = (column("id", "int", nullable=False, identity=True), column("name", "text", may_be_absent=True))
    pets = (column("n", "int", nullable=False, identity=True), column("id", "int"))
    tables = [
        Table("people", "people", "dbo", people, ("id",), None, ("id",)),
        replace(ORDERS, schema="dbo"),
        Table("pets", "pets", "dbo", pets, ("n",), None, ("id",)),
    ]
    rows = {"people": [(1, "ann"), (2, ABSENT)], "orders": [("A", "ann")], "pets": [(5, 1)]}
    load(Schema("shop", tuple(tables)), replace(record((1,)), rows=rows))
    assert [sql.partition("(")[0].strip() for sql in server.statements("INSERT|SET|COMMIT")] == [
        "INSERT INTO beamshred_ledger",
        "SET IDENTITY_INSERT dbo.people ON",
        "INSERT INTO dbo.people",
        "INSERT INTO dbo.people",
        "SET IDENTITY_INSERT dbo.people OFF",
        "INSERT INTO dbo.orders",
        "SET IDENTITY_INSERT dbo.pets ON",
        "INSERT INTO dbo.pets",
        "SET IDENTITY_INSERT dbo.pets OFF",
        "COMMIT",
    ]


def test_identity_insert_ends_with_what_is_rolled_back(server):
    schema = one_table(column("id", "int", nullable=False, identity=True))
    server.errors["INSERT INTO dbo.t"] = [error("23000", 2627, "Violation of PRIMARY KEY constraint 'PK_t'.")]
    _, [reject] = load(schema, record((7,)))
    assert (reject.rule, reject.path) == ("unique", "t")
    assert server.statements()[-3:] == ["INSERT INTO dbo.t (id) SELECT id FROM OPENJSON(?) WITH (id integer '$[0]')",
        "ROLLBACK", "SET IDENTITY_INSERT dbo.t OFF"]  # fmt: skip


def test_absent_columns_are_left_to_the_default(server):
    schema = one_table(column("id", "int"), column("a", "text", may_be_absent=True))
    load(schema, replace(record((1,)), rows={"t": [(1, ABSENT), (2, "x"), (3, None)]}))
    assert [(entry[0].partition(" SELECT")[0], entry[1]) for entry in server.log if "dbo.t" in entry[0]] == [
        ("INSERT INTO dbo.t (id)", ("[[1]]",)),
        ("INSERT INTO dbo.t (id, a)", ('[[2,"x"],[3,null]]',)),
    ]


def test_replace_locks_the_entries_and_counts_each_deleted_row(server):
    server.entries = [("A", *Entry.of(order("A", 0), "loaded", "run 1"))]
    result, _ = load(SCHEMA, order("A", 0, "bob"), on_existing="replace")
    assert result.replaced == 1
    [_, looked, locked, updated, lines, orders, *inserted] = server.log
    assert "beamshred_ledger WHERE contract = ? AND record_key IN (?)" in looked[0]
    assert "beamshred_ledger WITH (UPDLOCK, HOLDLOCK) WHERE contract = ? AND record_key IN (?)" in locked[0]
    assert updated[0].startswith("UPDATE beamshred_ledger SET status = ?")
    assert lines[:2] == (
        "DELETE t FROM order_lines AS t JOIN (VALUES (?)) AS k (order_id)"
        " ON t.order_id = k.order_id AND t.order_id = k.order_id COLLATE Latin1_General_100_BIN2",
        ["A"],
    )
    assert orders[0].startswith("DELETE t FROM orders AS t ")
    assert [entry[0].split()[0] for entry in inserted] == ["INSERT", "INSERT", "COMMIT"]


def test_keys_of_several_columns_and_numbers(server):
    loader = open_database(Target.parse(URL))
    loader.connect()
    table = replace(LINES, record_key=("order_id", "line"))
    assert loader.delete_rows(table, [(str(n), n) for n in range(150)]) == 2
    [first, second] = [entry for entry in server.log if entry[0].startswith("DELETE")]
    assert "JOIN (VALUES (?, ?), (?, ?), " in first[0]
    assert first[0].endswith("k.order_id COLLATE Latin1_General_100_BIN2 AND t.line = k.line")
    assert (len(first[1]), second[1][:2]) == (200, ["100", 100])


@pytest.mark.parametrize(
    ("raised", "rule"),
    [
        (error("23000", 2627, "Violation of UNIQUE KEY constraint 'u'. Cannot insert duplicate key"), "unique"),
        (error("23000", 515, "Cannot insert the value NULL into column 'a'"), "not_null"),
        (error("23000", 547, "The INSERT statement conflicted with the FOREIGN KEY constraint"), "foreign_key"),
        (error("23000", 547, "The INSERT statement conflicted with the CHECK constraint"), "check"),
        (error("42000", 2628, "String or binary data would be truncated. Truncated value: 'a (1205) b'"), "database"),
        (error("42000", 8114, "Error converting data type nvarchar to int"), "database"),
        (error("42000", 50000, "a trigger says no"), "database"),
        (error("HY019", 0, "Arithmetic overflow"), "database"),
        (error("22003", 8115, "Arithmetic overflow error"), "database"),
    ],
)
def test_refused_row(server, raised, rule):
    server.errors["INSERT INTO orders"] = [raised]
    _, [reject] = load(SCHEMA, order("A", 0))
    assert (reject.rule, reject.path) == (rule, "orders")


@pytest.mark.parametrize(
    ("state", "number"),
    [
        ("40001", 1205),
        ("42000", 1222),
        ("42000", 3960),
        ("42000", 41302),
        ("42000", 10928),
        ("42000", 701),
        ("08S01", 10054),
        ("HYT00", 0),
    ],
)
def test_deadlocks_and_lost_connections_are_tried_again(server, state, number):
    server.errors["INSERT INTO orders"] = [error(state, number)]
    result, _ = load(SCHEMA, order("A", 0))
    assert result.loaded == 1
    assert server.statements("ROLLBACK|COMMIT") == ["ROLLBACK", "COMMIT"]


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        ("data", "2628 8152 8114 8169 8115 220 232 1946 9402 9420 6355 50000 51000 245 241 242 515 547 2601 2627"),
        ("data", "50001 99999 2147483647"),
        (
            "transient",
            "1204 1205 1222 3960 3961 41301 41302 41305 41325 10928 10929 40143 40197 40501 40613 49918 6005",
        ),
        ("transient", "921 976 983 615 701 802 845 8645 8651"),
        ("fatal", "544 102 207 208 229 1105 9002 4060 18456"),
    ],
)
def test_numbers_of_the_server_decide(server, kind, numbers):
    """Whatever the SQLSTATE, as which Microsoft's driver and FreeTDS give 42000 for many."""
    database = open_database(Target.parse(URL))
    for number in numbers.split():
        for driver in "[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]", "[FreeTDS][SQL Server]":
            for suffix in " (SQLExecDirectW)", f"; [42000] {driver}The statement has been terminated. (3621)":
                raised = Server.Error("42000", f"[42000] {driver}what '(9999)' it says ({number}){suffix}")
                assert database.diagnose(raised).kind == kind, number


def test_identity_insert_that_is_off_is_no_fault_of_the_record(server):
    server.errors["INSERT INTO orders"] = [error("23000", 544, "Cannot insert explicit value for identity column")]
    with pytest.raises(LoadError, match="identity column"):
        load(SCHEMA, order("A", 0))


def test_error_of_the_statement_ends_the_load(server):
    server.errors["INSERT INTO orders"] = [error("42S02", 208, "Invalid object name 'orders'. PWD=s3cret")]
    with pytest.raises(LoadError, match=r"failed at the table orders: .*Invalid object name") as raised:
        load(SCHEMA, order("A", 0))
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_text_that_cannot_be_sent_is_rejected(server, value):
    result, [reject] = load(SCHEMA, order("A", 0, value), order("B", 1))
    assert (result.loaded, reject.key, reject.rule) == (1, "A", "database")


@pytest.mark.parametrize(
    ("driver", "level", "asked", "way"),
    [
        (MICROSOFT, 160, None, "json"),
        (MICROSOFT, 120, None, "fast"),
        (FREETDS, 160, None, "plain"),
        (FREETDS, 160, "json", "json"),
        (MICROSOFT, 160, "plain", "plain"),
        (MICROSOFT, 160, "fast", "fast"),
    ],
)
def test_way_is_the_best_for_driver_and_server_unless_asked(server, driver, level, asked, way):
    server.driver, server.level = driver, level
    loader = open_database(Target.parse("odbc:DSN=shop"), asked)
    loader.connect()
    assert (type(loader.dialect).__name__, loader.driver.way) == ("SQLServer", way)


def test_arrays_are_never_sent_by_freetds(server):
    server.driver = FREETDS
    with pytest.raises(TargetError, match=r"libtdsodbc\.so cannot do --odbc_insert fast; choose plain"):
        prepare_target(URL, SCHEMA, odbc_insert="fast")


@pytest.mark.parametrize("number", [20003, 20004, 20006, 20017, 20047])
def test_connection_that_freetds_has_lost(server, number):
    """It gives the SQLSTATE of a warning, as seen: 01000."""
    raised = Server.Error("01000", f"[01000] [FreeTDS][SQL Server]Unexpected EOF from the server ({number}) (SQLExec)")
    assert open_database(Target.parse(URL)).diagnose(raised).kind == "transient"


def test_tables_are_created_with_their_keys(server):
    server.is_empty = True
    schema, _ = typed()
    [table] = schema.tables
    table = replace(table, schema="sales", columns=(replace(table.columns[0], identity=True), *table.columns[1:]))
    prepare_target(URL, Schema("shop", (table,)))
    [ledger, *_, created] = [" ".join(sql.split()) for sql in server.statements("CREATE TABLE")]
    assert created == (
        "CREATE TABLE sales.t ( id INTEGER NOT NULL IDENTITY, c0 NVARCHAR(10) NULL, c1 NVARCHAR(max) NULL,"
        " c2 NVARCHAR(2001) NULL, c3 TINYINT NULL, c4 BIGINT NULL, c5 DECIMAL(38, 10) NULL, c6 FLOAT(53) NULL,"
        " c7 BIT NULL, c8 DATE NULL, c9 TIME(6) NULL, c10 DATETIME2(6) NULL, c11 DATETIMEOFFSET(6) NULL,"
        " c12 NVARCHAR(max) NULL, c13 VARBINARY(16) NULL, PRIMARY KEY (id) )"
    )
    assert "record_key NVARCHAR(400) COLLATE Latin1_General_100_BIN2 NOT NULL" in ledger
    assert ledger.endswith("PRIMARY KEY NONCLUSTERED (contract, record_key) )")


@pytest.mark.parametrize(
    ("target", "string"),
    [
        (URL, "DRIVER={ODBC Driver 18 for SQL Server};Server=host;Database=shop;UID=ann;PWD=s3cret"),
        (
            "mssql://host:1434/shop",
            "DRIVER={ODBC Driver 18 for SQL Server};Server=host,1434;Database=shop;Trusted_Connection=Yes",
        ),
        ("mssql+pyodbc://ann:x@shop_dsn", "dsn=shop_dsn;UID=ann;PWD=x"),
        ("mssql+pyodbc:///?odbc_connect=DSN%3Dshop%3BPWD%3Dx", "DSN=shop;PWD=x"),
        ("odbc:DSN=shop;PWD=x;", "DSN=shop;PWD=x"),
    ],
)  # fmt: skip
def test_connection_string(server, target, string):
    open_database(Target.parse(target)).connect()
    assert server.strings[-1] == string
