"""Some random cases of each target of `make fuzz`, and all that have ever failed."""

from __future__ import annotations

import pytest

from tests.fuzz import TARGETS, check

FAILED = {
    # A damage began at the text before it, or not, as the buffer happened to end.
    "damage": [32, 296, 353],
    "noise": [36, 243],
}


@pytest.mark.parametrize("target", TARGETS)
def test_random_cases(target: str) -> None:
    for seed in range(60):
        check(target, seed)


@pytest.mark.parametrize(("target", "seed"), [(target, seed) for target, seeds in FAILED.items() for seed in seeds])
def test_case_that_has_failed(target: str, seed: int) -> None:
    check(target, seed)
