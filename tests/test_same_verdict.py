"""Whether a record loads follows from its bytes, the contract and the flags, not from its place or a clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.jobs import Folder, orders

RECORDS = 60
FILLER = "<skip>" + "<x>some text</x>" * 1600 + "</skip>"


def order(number: int, damaged: bool, filler: str) -> str:
    """A record with damage where the contract does not read, if asked for."""
    damage = "<skip><b x=1></b></skip>" if damaged else "<skip/>"
    return f'<order id="{number}"><name>n</name>{filler}{damage}<amount>1.50</amount></order>'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("filler", "projection", "rejected"),
    [(FILLER, "on", 0), (FILLER, "strict", RECORDS // 2), (FILLER, "off", RECORDS // 2), ("", "on", RECORDS // 2)],
    ids=["wide: not seen", "strict", "off", "short: seen"],
)
def test_same_damage_at_every_second_position(tmp_path: Path, filler: str, projection: str, rejected: int) -> None:
    document = orders(order(number, number % 2 == 0, filler) for number in range(RECORDS))
    results = []
    for workers, attempt in (("1", "a"), ("2", "a"), ("2", "b")):
        path = tmp_path / (workers + attempt)
        path.mkdir()
        folder = Folder(path)
        folder.write("a.xml", document)
        folder.run("--workers", workers, "--slice_bytes", "200k", "--projection", projection)
        assert folder.report["records"]["rejected"] == rejected
        loaded = folder.rows("SELECT id FROM orders ORDER BY id")
        results.append((loaded, sorted((reject["ordinal"], reject["rule"]) for reject in folder.rejects)))
    assert results[0] == results[1] == results[2]
