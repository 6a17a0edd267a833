"""The stage functions of a job alone, one after another in one process: no Beam, no workers, no report.

    python -m benchmarks.stages documents/ --contract benchmarks/contracts/applications.yaml --target sqlite:///out.db

What the job takes beyond it is the price of the engine. Prints a line of JSON: processor seconds by stage.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from transforms import (
    MappedRecord,
    ParsedRecord,
    RecordPath,
    Target,
    load_contract,
    prepare_target,
    reach_of,
    schema_of,
)
from transforms.blocks import Batch, Block, encode_families, families_of
from transforms.insert import LoadPolicy, load_batch, open_database
from transforms.limits import DEFAULT_BATCH_BYTES, DEFAULT_BATCH_SIZE
from transforms.map.mapper import Mapper
from transforms.parse.parser import RecordParser
from transforms.read.files import expand
from transforms.read.splits import MAX_RECORD_BYTES, plan_splits, read_split
from transforms.records import XmlRecord

_AT_ONCE = 50


def run(given: str, contract_file: str, target: str) -> dict[str, float]:
    """Load the input; give the seconds of each stage, and of ``"imports and start"``."""
    seconds = Counter({"imports and start": time.process_time()})
    contract = load_contract(contract_file)
    schema, path = schema_of(contract), RecordPath.parse(contract.record.path, contract.namespaces)
    parser, mapper = RecordParser(reach=reach_of(contract)), Mapper(contract)
    prepare_target(target, schema)
    database, policy = open_database(Target.parse(target)), LoadPolicy("stages", "skip", 60)
    database.connect()
    seconds["imports and start"] = time.process_time()

    @contextmanager
    def spent(stage: str) -> Iterator[None]:
        began = time.process_time()
        yield
        seconds[stage] += time.process_time() - began

    def load(families: list[MappedRecord]) -> None:
        with spent("pack"):
            batch = Batch("0", (Block.of([part for _, part in encode_families(families, DEFAULT_BATCH_BYTES)]),))
            unpacked = list(families_of(batch, DEFAULT_BATCH_SIZE))
        with spent("load"):
            for one in unpacked:
                load_batch(database, schema, one, policy)

    records = _records(given, path)
    waiting: list[MappedRecord] = []
    while True:
        with spent("plan and read"):
            some = list(islice(records, _AT_ONCE))
        if not some:
            break
        with spent("parse"):
            parsed = [parser.parse(record) for record in some]
        with spent("map"):
            mapped = [mapper.map(one) for one in parsed if isinstance(one, ParsedRecord)]
        waiting += [one for one in mapped if isinstance(one, MappedRecord)]
        if len(waiting) >= DEFAULT_BATCH_SIZE:
            load(waiting)
            waiting = []
    if waiting:
        load(waiting)
    database.close()
    return dict(seconds)


def _records(given: str, path: RecordPath) -> Iterator[XmlRecord]:
    for source in expand([given]):
        for split in plan_splits(source, path):
            for record in read_split(split, path, MAX_RECORD_BYTES):
                if isinstance(record, XmlRecord):
                    yield record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input")
    parser.add_argument("--contract", required=True, type=Path)
    parser.add_argument("--target", required=True)
    parser.add_argument("--out", type=Path, help="where the line goes, if not to standard output")
    given = parser.parse_args()
    line = json.dumps(run(given.input, str(given.contract), given.target))
    if given.out:
        given.out.write_text(line)
    else:
        print(line)


if __name__ == "__main__":
    main()
