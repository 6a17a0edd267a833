"""Memory of the job over the size of its input, and the rows of every table against an independent count.

    python -m benchmarks.memory all-lists.xml

Loads the whole file and its first quarter with 1 and 2 workers and several slice sizes. Every load is compared, table
by table, with what lxml.iterparse counts. The table is for RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from lxml import etree

CONTRACT = Path(__file__).parent / "contracts" / "all_lists.yaml"
TABLES = ("software", "info", "sharedfeat", "part", "feature", "dataarea", "rom", "diskarea", "disk")


def counted(file: Path) -> dict[str, int]:
    """The elements of each table's name, by a plain reader."""
    counts: Counter[str] = Counter()
    for _, element in etree.iterparse(file, events=("end",), remove_comments=True):
        counts[element.tag] += 1
        if element.tag == "software":
            element.clear()
    return {table: counts[table] for table in TABLES}


def first_quarter(file: Path, into: Path) -> Path:
    """The first quarter of the file, as a document: up to the last record that ends in it."""
    content = file.read_bytes()[: file.stat().st_size // 4]
    end = content.rindex(b"</software>") + len(b"</software>")
    quarter = into / "quarter.xml"
    quarter.write_bytes(content[:end] + b"</softwarelist></softwarelists>")
    return quarter


def load(file: Path, workers: int, slice_bytes: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "run_pipeline.py", "--input", str(file), "--contract", str(CONTRACT),
            "--workers", str(workers), "--slice_bytes", slice_bytes,
            "--target", f"sqlite:///{folder}/out.db", "--run_dir", f"{folder}/run",
        ]  # fmt: skip
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        return json.loads(Path(folder, "run", "report.json").read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--slices", nargs="+", default=["16M", "32M", "64M"])
    arguments = parser.parse_args()
    print("| input (MB) | workers | slice | records | rows as counted | wall (s) | records/s | peak memory (MB) |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for file in (first_quarter(arguments.file, Path(folder)), arguments.file):
            expected = counted(file)
            for workers in (1, 2):
                for slice_bytes in arguments.slices:
                    report = load(file, workers, slice_bytes)
                    wrong = report["tables"] != expected
                    columns = (
                        f"{file.stat().st_size / 1e6:.0f}", workers, slice_bytes, f"{report['records']['loaded']:,}",
                        f"NO: {report['tables']} and not {expected}" if wrong else "yes",
                        f"{report['seconds']:.1f}", f"{report['records_per_second']:,.0f}",
                        f"{report['peak_memory_bytes'] / 2**20:,.0f}",
                    )  # fmt: skip
                    print("|", " | ".join(map(str, columns)), "|", flush=True)


if __name__ == "__main__":
    main()
