"""Contracts as people write them by the habits of XPath, SQL and Java: each is answered with what to write here."""

from __future__ import annotations

import pytest

from tests.language import column, mistake


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        ("count(x)", "`take: count` counts what a path finds"),
        ("a/text()", "leave /text() out"),
        ("a[text()='x']", "[.='x']"),
        ("a[contains(@b, 'c')]", "LIKE '%c%'"),
        ("a[starts-with(@b, 'c')]", "LIKE 'c%'"),
        ("a[position()=1]", "as in a[1]"),
        ("self::a", "`.` is the current element"),
        ("parent::a/@b", "`..` is the element above"),
        ("ancestor::a/@b", "above(a)/@b"),
        ("descendant::a", ".//a"),
        ("following-sibling::a", "back by before(a)"),
        ("preceding-sibling::a", "before(a)"),
        ("sum(a)", "`take: sum`"),
        ("id(@ref)", "@ref -> party/Name"),
        ("a[@n>1]", "where: n > 1"),
        ("a[@n<=1]", "where: n > 1"),
        ("a[last()-1]", "[last()]"),
        ("concat(a, b)", "CONCAT([a], [b])"),
        ("name(a)", "`take: name`"),
        ("//a", "write .// for any depth"),
        ("/r/a", "the path begins below it"),
    ],
)
def test_xpath(path: str, remedy: str) -> None:
    assert remedy in mistake(f'tables: {{t: {{columns: {{c: "{path}"}}}}}}').partition(";")[2]


@pytest.mark.parametrize(
    ("type_", "remedy"),
    [
        ("varchar(20)", "write text(20)"),
        ("nvarchar(max)", "write text"),
        ("string", "write text"),
        ("numeric(18,2)", "write decimal(18,2)"),
        ("integer", "write int or bigint"),
        ("boolean", "write bool"),
        ("timestamp", "write datetime"),
    ],
)
def test_types_of_databases(type_: str, remedy: str) -> None:
    said = mistake(f'tables: {{t: {{columns: {{c: {{from: a, type: "{type_}"}}}}}}}}')
    assert said == f"tables.t.columns.c.type: '{type_}' is not a type here; {remedy}"


@pytest.mark.parametrize(
    ("format_", "remedy"),
    [("yyyy-MM-dd", "%Y-%m-%d"), ("MM/dd/yyyy HH:mm:ss", "%m/%d/%Y %H:%M:%S"), ("YYYYMMDD", "%Y%m%d")],
)
def test_formats_of_java(format_: str, remedy: str) -> None:
    said = mistake(f'tables: {{t: {{columns: {{c: {{from: a, type: datetime, format: "{format_}"}}}}}}}}')
    assert said.endswith(f"formats are those of strptime: write '{remedy}'")


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("path: X", "the path of a column is `from`"),
        ("length: 20", "the length is part of the type"),
        ("nullable: true", "`required: true`"),
    ],
)
def test_keys_of_other_languages(key: str, remedy: str) -> None:
    said = mistake(f"tables: {{t: {{columns: {{c: {{{key}}}}}}}}}")
    assert "unknown key" in said
    assert remedy in said


def test_an_element_is_compared_by_its_own_text() -> None:
    assert column("tables: {t: {columns: {c: \"a[.='x']/@n\"}}}", '<r id="1"><a n="1">y</a><a n="2">x</a></r>') == ["2"]
