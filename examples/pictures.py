"""The pictures of the documentation, made of real output: `python examples/pictures.py` after `make run`.

docs/pictures/preview.svg    what a contract makes of a bank statement
docs/pictures/run.svg        what a run says
docs/pictures/report.png     report.html of that run, by Chromium, where there is one
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
STATEMENTS = [
    "--input",
    "examples/bank_statements/camt053*.xml",
    "--contract",
    "examples/bank_statements/contract.yaml",
]
WIDTH = 100


def output(*arguments: str) -> str:
    """What the command writes onto a terminal of this width, in colours."""
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "beamshred", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.stdout


def draw(name: str, title: str, prompt: str, text: str, lines: int) -> None:
    """Write a picture of a terminal with these lines."""
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    console.print(f"$ {prompt}", style="bold", highlight=False, markup=False)
    console.print(Text.from_ansi("\n".join(text.splitlines()[:lines])))
    (PICTURES / f"{name}.svg").write_text(console.export_svg(title=title))


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    shown = "--input 'camt053*.xml' --contract contract.yaml"
    draw("preview", "beamshred preview", f"beamshred preview 1 {shown}", output("preview", "1", *STATEMENTS), 34)
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder, "run")
        said = output("run", *STATEMENTS, "--target", f"sqlite:///{folder}/bank.db", "--run_dir", str(run_dir))
        said = said.replace(str(run_dir), "runs/monday")
        draw("run", "beamshred run", f"beamshred run {shown} --target sqlite:///bank.db", said, 40)
        if chromium := shutil.which("chromium") or shutil.which("google-chrome"):
            picture = f"--screenshot={PICTURES / 'report.png'}"
            options = ["--headless=new", "--no-sandbox", "--hide-scrollbars", "--window-size=900,1400", picture]
            subprocess.run([chromium, *options, (run_dir / "report.html").as_uri()], check=True, capture_output=True)


if __name__ == "__main__":
    main()
