"""Two runs of any input end in equal tables, ledgers and rejects, whatever the workers, slices and interruptions."""

from __future__ import annotations

import random
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults import targets
from tests.faults.targets import SQLiteTarget
from tests.faults.workload import CONTRACT, make
from tests.jobs import Folder
from transforms import load_contract, plan_splits, prepare_target, reach_of, read_split, schema_of
from transforms.database.opening import open_database
from transforms.database.target import Target
from transforms.insert.load import LoadPolicy, load_batch
from transforms.map.mapper import Mapper
from transforms.names import RecordPath
from transforms.parse.parser import RecordParser
from transforms.read import SourceFile, Split
from transforms.records import MappedRecord, Reject, XmlRecord

STARTED = datetime(2026, 1, 1, tzinfo=timezone.utc)


def damaged(content: bytes, chance: random.Random, times: int) -> bytes:
    """Bytes changed, left out or put in, and now and then the end cut off."""
    data = bytearray(content)
    for _ in range(times if data else 0):
        at = chance.randrange(len(data))
        what = chance.choice(["change", "change", "delete", "insert", "insert", "cut"])
        if what == "change":
            data[at] = chance.choice(b"<>/&\"'= \x00\xff\xc3" + bytes([chance.randrange(256)]))
        elif what == "delete":
            del data[at : at + chance.randrange(1, 12)]
        elif what == "insert":
            data[at:at] = chance.choice(
                [b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<order>", b"</order>", b"<?x", b"&y;"]
            )
        elif chance.random() < 0.1:
            del data[at:]
        if not data:
            break
    return bytes(data)


def files(seed: int, kind: str = "unique") -> dict[str, bytes]:
    chance = random.Random(seed)
    found = make(kind, seed, 60).files
    return {name: damaged(content, chance, chance.randrange(3)) for name, content in found.items()}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_any_number_of_workers_ends_in_the_same(tmp_path: Path, seed: int) -> None:
    ends = []
    for workers, slice_bytes in (("1", "1M"), ("2", "2k")):
        (tmp_path / workers).mkdir()
        folder = Folder(tmp_path / workers)
        folder.contract.write_text(CONTRACT)
        for name, content in files(seed).items():
            folder.write(name, content)
        target = SQLiteTarget(folder.database)
        folder.run("--workers", workers, "--slice_bytes", slice_bytes, inputs=["*.xml", "*.gz"])
        assert folder.report["reconciled"]
        rejects = sorted(repr(reject).replace(str(folder.path), "") for reject in folder.rejects)
        left = repr(targets.left_in(target)).replace(str(folder.path), "")
        ends.append((left, rejects, folder.report["records"]["read"]))
    assert ends[0] == ends[1]


@dataclass
class Loader:
    """The stages as plain functions: an input into a target, in parts."""

    folder: Path
    target: SQLiteTarget

    def __post_init__(self) -> None:
        (self.folder / "contract.yaml").write_text(CONTRACT)
        self.contract = load_contract(str(self.folder / "contract.yaml"))
        self.path = RecordPath.parse(self.contract.record.path)
        self.schema = schema_of(self.contract)
        self.parser = RecordParser(reach=reach_of(self.contract))
        self.mapper = Mapper(self.contract, "run", STARTED)
        self.database = open_database(Target.parse(self.target.url))
        prepare_target(self.target.url, self.schema)

    def parts(self, split_bytes: int) -> list[Split]:
        sources = [SourceFile(file.name, str(file), file.stat().st_size) for file in sorted(self.folder.glob("*.xml*"))]
        return [split for source in sources for split in plan_splits(source, self.path, split_bytes)]

    def load(self, part: Split, run_id: str, batch_size: int) -> list[Reject]:
        """Load one part; what was rejected of it."""
        done = [self._mapped(item) for item in read_split(part, self.path)]
        families = [item for item in done if isinstance(item, MappedRecord)]
        rejects = [item for item in done if isinstance(item, Reject)]
        policy = LoadPolicy(run_id, fingerprint=self.schema.fingerprint)
        for at in range(0, len(families), batch_size):
            rejects += load_batch(self.database, self.schema, families[at : at + batch_size], policy)[1]
        return rejects

    def _mapped(self, item: XmlRecord | Reject) -> MappedRecord | Reject:
        if isinstance(item, Reject):
            return item
        parsed = self.parser.parse(item)
        return parsed if isinstance(parsed, Reject) else self.mapper.map(parsed)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6), split_bytes=st.sampled_from([1, 300, 2000, 1 << 20]),
    batch_size=st.sampled_from([1, 7, 1000]), order=st.randoms(use_true_random=False),
)  # fmt: skip
def test_any_order_and_repetition_of_any_parts_ends_in_the_same(
    tmp_path_factory: pytest.TempPathFactory, seed: int, split_bytes: int, batch_size: int, order: random.Random
) -> None:
    content = files(seed)

    def loader() -> Loader:
        folder = tmp_path_factory.mktemp("load")
        for name, data in content.items():
            (folder / name).write_bytes(data)
        return Loader(folder, SQLiteTarget(folder / "target.db"))

    def end(loader: Loader, rejects: Iterable[Reject]) -> tuple[str, list[str]]:
        # A message may name the file.
        said = {repr(reject).replace(str(loader.folder), "") for reject in rejects}
        return repr(targets.left_in(loader.target)), sorted(said)

    plain, torn = loader(), loader()
    with closing(plain.database), closing(torn.database):
        expected = [reject for part in plain.parts(1 << 20) for reject in plain.load(part, "one run", 1000)]
        parts = torn.parts(split_bytes)
        order.shuffle(parts)
        # A run that is given up somewhere, and one in which some parts come twice.
        for part in parts[: order.randrange(len(parts))]:
            torn.load(part, "killed run", batch_size)
        order.shuffle(parts)
        found = []
        for part in parts:
            for _ in range(order.choice([1, 1, 2])):
                again = torn.load(part, "next run", batch_size)
            found += again
        assert end(torn, found) == end(plain, expected)
