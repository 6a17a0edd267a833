"""Gets the jars of Flink and of Beam's job server by pip and Maven, once, into a folder outside the tree.

``pinned.txt`` says which, with the SHA-256 of each: a file that differs is refused. Every step has a time limit.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PINNED = Path(__file__).with_name("pinned.txt")
_MAVEN_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
_PIP_SECONDS = 240
_MAVEN_SECONDS = 240
_FLINK_JARS = ("flink-dist-", "log4j-api-", "log4j-core-", "log4j-slf4j-impl-")


class NotHereError(Exception):
    """What the cluster needs cannot be had here; the message says what, and why."""


def fetch() -> Path:
    """The folder of the jars, ``flink/`` and ``beam/`` in it; raises :class:`NotHereError`."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise NotHereError(f"{program} is not installed (Debian: default-jre-headless, maven)")
    folder = _cache() / hashlib.sha256(PINNED.read_bytes()).hexdigest()[:16]
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="part-") as scratch:
        made = Path(scratch, "jars")
        [(flink_sum, flink)], beam = _pinned()
        _get_flink(flink, flink_sum, Path(scratch), made / "flink")
        _get_beam(beam, Path(scratch), made / "beam")
        if not folder.exists():
            made.rename(folder)  # at once: whoever finds the folder finds all of it
    return folder


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "beamshred-test-flink"


def _pinned() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Checksum and name: of what PyPI has, and of what Maven Central has."""
    lines = [line.split() for line in PINNED.read_text().splitlines() if line and not line.startswith("#")]
    pairs = [(checksum, name) for checksum, name in lines]
    return [pair for pair in pairs if "==" in pair[1]], [pair for pair in pairs if "==" not in pair[1]]


def _get_flink(requirement: str, checksum: str, scratch: Path, into: Path) -> None:
    requirements = scratch / "requirements.txt"
    requirements.write_text(f"{requirement} --hash=sha256:{checksum}\n")
    _run(
        [
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
            "-d", str(scratch), "-r", str(requirements),
        ],
        _PIP_SECONDS,
    )  # fmt: skip
    [archive] = scratch.glob("*.tar.gz")
    into.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            name = Path(member.name).name
            if member.isfile() and "/deps/lib/" in member.name and name.startswith(_FLINK_JARS):
                source = tar.extractfile(member)
                assert source is not None, "it is a file"
                with source, (into / name).open("wb") as jar:
                    shutil.copyfileobj(source, jar)


def _get_beam(artifacts: list[tuple[str, str]], scratch: Path, into: Path) -> None:
    # All that is wanted is in the list: nothing is taken along that is not.
    alone = "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
    wanted = [name.split(":") for _, name in artifacts]
    dependencies = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version>{alone}</dependency>"
        for group, name, version in wanted
    )
    (scratch / "pom.xml").write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>beamshred</groupId><artifactId>flink-jars</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies>{dependencies}</dependencies></project>"
    )
    _run(
        ["mvn", "-B", "-q", "-f", str(scratch / "pom.xml"), _MAVEN_PLUGIN, f"-DoutputDirectory={into}"], _MAVEN_SECONDS
    )
    for checksum, coordinates in artifacts:
        _, name, version = coordinates.split(":")
        found = hashlib.sha256((into / f"{name}-{version}.jar").read_bytes()).hexdigest()
        if found != checksum:
            raise ValueError(f"{coordinates}: its SHA-256 is {found}, and {PINNED.name} says {checksum}")


def _run(command: list[str], seconds: int) -> None:
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotHereError(f"{Path(command[0]).name} was not done after {seconds} s") from None
    if ended.returncode:
        said = ended.stdout.decode(errors="replace").strip()
        if "DO NOT MATCH THE HASHES" in said:
            raise ValueError(said)
        raise NotHereError(f"{Path(command[0]).name} failed: {said[-500:]}")


if __name__ == "__main__":
    print(fetch())
