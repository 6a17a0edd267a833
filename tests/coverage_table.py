"""After the tests, `python -m tests.coverage_table`: how much of the code they ran, and the files they ran little of.

It is measured in the processes of the tests, where each test function runs for the first time. What runs in worker
processes alone is not counted.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from coverage import Coverage
from coverage.exceptions import CoverageException

LITTLE = 85


def main() -> int:
    coverage = Coverage()
    coverage.load()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "coverage.json"
        try:
            coverage.json_report(outfile=str(file))
        except CoverageException as error:
            print(f"no coverage: {error}; run pytest --cov first", file=sys.stderr)
            return 1
        measured = json.loads(file.read_text())
    files = {name: found["summary"] for name, found in measured["files"].items()}
    little = {name: found for name, found in files.items() if found["percent_covered"] < LITTLE}
    total = measured["totals"]
    print(f"coverage: {total['percent_covered']:.1f} % of {total['num_statements']:,} statements in {len(files)} files")
    for name, found in sorted(little.items(), key=lambda item: item[1]["percent_covered"]):
        print(f"  {found['percent_covered']:5.1f} %  {found['missing_lines']:4} lines missing  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
