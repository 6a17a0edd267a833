"""The package as it is sent to workers: what pip would have built, without building."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from setuptools import find_packages

from pipeline.wheel import _needs, make_wheel

ROOT = Path(__file__).resolve().parent.parent


def test_installing_adds_few_names_to_the_top_level() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert 'include = ["beamshred*", "pipeline*", "transforms*"]' in text
    assert 'py-modules = ["run_pipeline"]' in text
    found = find_packages(str(ROOT), include=["beamshred*", "pipeline*", "transforms*"])
    assert {name.partition(".")[0] for name in found} == {"beamshred", "pipeline", "transforms"}


def test_wheel_is_one_that_pip_installs(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        "to",
        str(wheel),
    ]
    subprocess.run(command, cwd=tmp_path, check=True)
    code = "import pipeline; from importlib import metadata; print(pipeline.__file__, metadata.version('beamshred'))"
    said = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=tmp_path / "to", check=True, capture_output=True, text=True
    )
    place, version = said.stdout.split()
    assert place == str(tmp_path / "to" / "pipeline" / "__init__.py")
    assert version in wheel.name


def test_wheel_holds_all_code_and_what_it_needs(tmp_path: Path) -> None:
    with zipfile.ZipFile(make_wheel(tmp_path)) as archive:
        names = set(archive.namelist())
        about = next(archive.read(name).decode() for name in names if name.endswith("/METADATA"))
    for package in ("pipeline", "transforms"):
        code = {path.relative_to(ROOT).as_posix() for path in (ROOT / package).rglob("*.py")}
        assert code <= names
    assert "Requires-Dist: apache-beam" in about


def test_nothing_is_written_beside_the_code(tmp_path: Path) -> None:
    before = {path for path in ROOT.iterdir() if path.name not in (".pytest_cache", ".hypothesis")}
    make_wheel(tmp_path)
    assert {path for path in ROOT.iterdir() if path.name not in (".pytest_cache", ".hypothesis")} == before


def test_drivers_that_are_installed_go_along() -> None:
    needs = ["lxml<7,>=6", 'psycopg[binary]<4,>=3.2; extra == "postgres"', 'pytest>=8; extra == "test"']
    assert list(_needs(needs)) == ["lxml<7,>=6", "psycopg[binary]<4,>=3.2"]
