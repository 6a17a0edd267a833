"""The import of legacy contracts: SQL and paths over several lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamshred.legacy.layout import laid_out


def test_the_branches_of_a_case_stand_below_it() -> None:
    sql = "COALESCE(CASE WHEN a = 'x y' THEN 1 WHEN b = 2 AND c = 'END' THEN CASE WHEN d = 1 THEN 2 END ELSE 3 END, 4)"
    assert laid_out(sql, 80).splitlines() == [
        "COALESCE(CASE",
        "  WHEN a = 'x y' THEN 1",
        "  WHEN b = 2 AND c = 'END' THEN CASE WHEN d = 1 THEN 2 END",
        "  ELSE 3",
        "END, 4)",
    ]


def test_a_short_case_stays_on_its_line() -> None:
    assert laid_out("CASE WHEN a = 1 THEN 'y' END", 80) == "CASE WHEN a = 1 THEN 'y' END"


def test_a_long_condition_goes_on_before_its_words() -> None:
    sql = "CASE WHEN " + " OR ".join(f"column_{number} = {number}" for number in range(8)) + " THEN 1 END"
    lines = laid_out(sql, 60).splitlines()
    assert max(map(len, lines)) <= 60
    assert all(line.lstrip().startswith(("CASE", "WHEN", "OR", "END")) for line in lines)


def test_a_long_path_goes_on_before_a_step() -> None:
    assert laid_out("a_long_name/another_long_name/@an_attribute", 20).splitlines()[1:] == [
        "  /another_long_name",
        "  /@an_attribute",
    ]


WORDS = st.sampled_from(
    ["CASE", "WHEN", "THEN", "ELSE", "END", "a", "'x y'", "(b", "c)", "AND", "a_long_name_of_a_column"]
)


@pytest.mark.parametrize("width", [20, 60])
@given(words=st.lists(WORDS, min_size=1, max_size=30))
def test_nothing_is_lost(words: list[str], width: int) -> None:
    text = " ".join(words)
    assert laid_out(text, width).split() == text.split()
