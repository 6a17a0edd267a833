"""Reading ``--target`` and hiding what is secret in it."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import sqlalchemy as sa

from transforms.insert import Target, TargetError, writers

PASSWORD = "p@ss;w/rd"


def test_url():
    assert Target.parse("sqlite:///folder/x.db") == Target(url=sa.make_url("sqlite:///folder/x.db"))


def test_env_holds_the_target(monkeypatch):
    monkeypatch.setenv("ORDERS_DB", " sqlite:///x.db\n")
    assert Target.parse("env:ORDERS_DB") == Target.parse("sqlite:///x.db")


def test_file_holds_the_target(tmp_path):
    (tmp_path / "target").write_text("sqlite:///x.db\n")
    assert Target.parse(f"file:{tmp_path}/target") == Target.parse("sqlite:///x.db")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("env:NOT_SET", "no environment variable 'NOT_SET'"),
        ("env:EMPTY", "env:EMPTY holds nothing"),
        ("env:NESTED", "holds another env: or file:"),
        ("file:no/such/file", "no/such/file cannot be read: No such file"),
        ("file:{folder}/binary", "cannot be read: it is not a text file"),
        ("oracle://scott:tiger@host/db", "scheme 'oracle' is not supported; write sqlite:///"),
        ("statements.db", "not a database URL; write sqlite:///"),
        ("", "not a database URL"),
    ],
)
def test_wrong_target(monkeypatch, tmp_path, text, message):
    monkeypatch.setenv("EMPTY", " ")
    monkeypatch.setenv("NESTED", "env:EMPTY")
    monkeypatch.delenv("NOT_SET", raising=False)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=message):
        Target.parse(text.format(folder=tmp_path))


@pytest.mark.parametrize("text", [f"my{PASSWORD}", f"oracle://scott:{PASSWORD}@host/db", f"sqlite:/u:{PASSWORD}@h"])
def test_error_shows_no_password(text):
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - what it says is tested above
        Target.parse(text)
    assert "ss;w" not in str(raised.value)
    assert raised.value.__context__ is None or raised.value.__suppress_context__


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        (
            Target(url=sa.URL.create("postgresql", "ann", PASSWORD, "host", database="db")),
            "postgresql://ann:***@host/db",
        ),
        (
            Target(url=sa.URL.create("postgresql", host="h", query={"sslpassword": PASSWORD, "sslmode": "require"})),
            "postgresql://h?sslmode=require&sslpassword=***",
        ),
        (
            Target(url=sa.URL.create("mssql+pyodbc", query={"odbc_connect": f"DSN=x;PWD={{{PASSWORD}}}"})),
            "mssql+pyodbc://?odbc_connect=DSN%3Dx%3BPWD%3D***",
        ),
        (Target(odbc=f"DRIVER={{X}};UID=ann;pwd = {{{PASSWORD}}};APP=y"), "odbc:DRIVER={X};UID=ann;pwd = ***;APP=y"),
        (Target(odbc="Server=x;Password=secret;App=y"), "odbc:Server=x;Password=***;App=y"),
    ],
)
def test_password_is_masked(target, shown):
    assert str(target) == shown
    assert repr(target) == f"Target({shown!r})"
    assert f"{target}" == shown
    assert pickle.loads(pickle.dumps(target)) == target
    password = "secret" if "Password" in shown else PASSWORD
    assert target.mask(f"login with {password} failed") == "login with *** failed"


def test_mask_without_a_password_changes_nothing():
    assert Target.parse("sqlite:///x.db").mask("no such table: x") == "no such table: x"


@pytest.mark.parametrize(("scheme", "expected"), [("sqlite:///{}", 1), ("postgresql://u@127.0.0.1:1/x", 3)])
def test_writers_are_no_more_than_the_database_takes(tmp_path: Path, scheme: str, expected: int) -> None:
    assert writers(scheme.format(tmp_path / "x.db"), 3) == expected


def test_writers_of_a_source_that_cannot_be_reached() -> None:
    with pytest.raises(TargetError):
        writers("odbc:DRIVER=NoSuchDriver;PWD=s3cret", 3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("postgresql://u:s3cr@t@host/db", "write %40"),
        ("mssql+pyodbc://u:s3c@r/t@host/db", "write %40"),
        ("sqlite:///dir?x/t.db", "has a \\?"),
        ("mssql+pymssql://u@host/db", "driver 'pymssql' is not supported"),
        ("postgresql+asyncpg://u@host/db", "driver 'asyncpg' is not supported"),
    ],
)
def test_url_that_would_be_read_otherwise_than_meant_is_refused(text, words):
    with pytest.raises(ValueError, match=words) as raised:
        Target.parse(text)
    assert not any(part in str(raised.value) for part in ("s3c", "r/t", "t@"))


@pytest.mark.parametrize("name", ["PWD", "Password", "AccessKey", "Passphrase", "PRIVATE_KEY_PASSPHRASE", "SecretKey"])
def test_secrets_of_odbc_drivers_are_masked(name):
    target = Target.parse(f"odbc:DSN=x;{name}=s3cret;UID=ann")
    assert "s3cret" not in str(target)
    assert target.mask("it is s3cret") == "it is ***"
