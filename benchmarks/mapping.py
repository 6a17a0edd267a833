"""Mapping and projection against lxml's full parse, in processor time per record.

    python -m benchmarks.mapping --count 200

Generated documents (benchmarks/documents.py) and two contracts: a plain one, 230 mapped columns in 12 tables; and
one that was imported from a legacy contract of 253 mappings: names in any case, dates in eleven forms, columns from the
last contact of a type, 34 expressions, slots. In turn, ``--runs`` times: lxml alone; mapping alone; parse and map
without projection; parse and map with it; projection alone. Medians and ratios to lxml alone, for RESULTS.md.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from lxml import etree

from benchmarks.documents import documents
from transforms import ParsedRecord, XmlRecord, load_contract, reach_of
from transforms.map.mapper import Mapper
from transforms.parse.parser import RecordParser

CONTRACTS = ("applications.yaml", "imported.yaml")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--count", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--contract", choices=CONTRACTS, help="only this one")
    options = arguments.parse_args()
    texts = list(documents(options.count, options.seed))
    for name in [options.contract] if options.contract else CONTRACTS:
        measure(name, texts, options.runs)


def measure(name: str, texts: list[bytes], runs: int) -> None:
    """Print the table of one contract."""
    contract = load_contract(Path(__file__).parent / "contracts" / name)
    mapper = Mapper(contract)
    whole, projected = RecordParser(), RecordParser(reach=reach_of(contract))
    records = [XmlRecord("s", 0, 0, len(one), one) for one in (_record(text, contract.record.path) for text in texts)]
    parsed = [whole.parse(record) for record in records]
    plain = etree.XMLParser(resolve_entities="internal", no_network=True, remove_comments=True, remove_pis=True)
    # Each way for one record: nothing is kept, as in a pipeline, where a record is done when the next one comes.
    ways: dict[str, Callable[[XmlRecord, ParsedRecord], object]] = {
        "lxml parse alone": lambda record, _: etree.fromstring(record.payload, plain),
        "map alone": lambda _, tree: mapper.map(tree),
        "parse + map": lambda record, _: mapper.map(whole.parse(record)),
        "parse + map, with projection": lambda record, _: mapper.map(projected.parse(record)),
        "projection and parse alone": lambda record, _: projected.parse(record),
    }
    gc.freeze()
    figures: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(runs):
        for way, call in ways.items():
            began = time.process_time()
            for record, tree in zip(records, parsed, strict=True):
                call(record, tree)
            figures[way].append((time.process_time() - began) / len(records) * 1e3)
    size = median(len(record.payload) for record in records)
    print(
        f"{name}: {len(records)} documents, median {size / 1e3:,.0f} kB\n\n"
        "| | ms per record | of lxml alone |\n|---|---|---|"
    )
    for way, values in figures.items():
        ratio = median(value / alone for value, alone in zip(values, figures["lxml parse alone"], strict=True))
        print(f"| {way} | {median(values):.2f} | {ratio:.2f} |")
    print()


def _record(text: bytes, path: str) -> bytes:
    """The one record of a document: the element that the record path names."""
    name = path.rpartition("/")[2].encode()
    return text[text.index(b"<" + name) : text.rindex(b"</" + name + b">") + len(name) + 3]


if __name__ == "__main__":
    main()
