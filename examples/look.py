"""What `make run` has loaded: two questions in SQL, and their answers.

python examples/look.py
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.table import Table

OUT = Path(__file__).parent / "out"

QUESTIONS = {
    "bank_statements": """\
SELECT currency, direction, count(*) AS entries, min(booked_on) AS first, max(booked_on) AS last
FROM entry GROUP BY currency, direction ORDER BY entries DESC LIMIT 5""",
    "software_lists": """\
SELECT s.publisher, count(DISTINCT s.software) AS titles, count(r.rom_no) AS roms
FROM software s LEFT JOIN rom r USING (list, software)
GROUP BY s.publisher ORDER BY titles DESC LIMIT 5""",
}


def main() -> None:
    console = Console()
    for name, question in QUESTIONS.items():
        file = OUT / f"{name}.db"
        console.print(f"\n{file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file}", style="bold")
        console.print(question, highlight=False, soft_wrap=True)
        with closing(sqlite3.connect(file)) as connection:
            answer = connection.execute(question)
            table = Table(*(column[0] for column in answer.description))
            for row in answer:
                table.add_row(*("" if value is None else str(value) for value in row))
        console.print(table)
    console.print("\nNext: a contract for documents of your own, and a look at what it makes of them", style="bold")
    console.print(
        "  .venv/bin/python run_pipeline.py --infer 'docs/*.xml' > contract.yaml\n"
        "  .venv/bin/python run_pipeline.py --input 'docs/*.xml' --contract contract.yaml --preview 3",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
