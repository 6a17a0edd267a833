"""The tests with each Python that is here, and with the lowest versions of what is needed: `make test-matrix`.

`nox -s smoke` is quick: the package is built, installed into a fresh environment without any extra, and loads an
example from another folder. `nox -s tests` runs all tests.
"""

from __future__ import annotations

from pathlib import Path

import nox

PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
EXAMPLE = Path("examples/bank_statements").resolve()

nox.options.sessions = ["smoke", "lowest"]
nox.options.error_on_missing_interpreters = False
nox.options.default_venv_backend = "venv"


@nox.session(python=PYTHONS)
def smoke(session: nox.Session) -> None:
    session.install(".")
    _load_example(session)


@nox.session(python="3.10")
def lowest(session: nox.Session) -> None:
    """The lowest versions that pyproject.toml allows, of what it names."""
    session.install("uv")
    session.run("uv", "pip", "install", "--quiet", "--resolution", "lowest-direct", ".")
    _load_example(session)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    session.install("--editable", ".[test]")
    session.run("pytest", *session.posargs)


def _load_example(session: nox.Session) -> None:
    folder = Path(session.create_tmp())
    (folder / "statements.db").unlink(missing_ok=True)
    session.chdir(folder)
    session.run(
        "beamshred", "run", "--input", str(EXAMPLE / "*.xml"), "--contract", str(EXAMPLE / "contract.yaml"),
        "--target", "sqlite:///statements.db", "--run_dir", "run", "--quiet",
    )  # fmt: skip
    session.run("python", "-c", "import json; assert json.load(open('run/report.json'))['records']['loaded'] > 9")
