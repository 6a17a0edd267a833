"""This program as a wheel, for workers that do not have it.

It is put together from what is imported here, be it a checkout that nobody may write to or an installed package:
nothing is built, and two submissions at once do not meet.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import pipeline
import transforms
from transforms.database.packages import EXTRAS

NAME = "beamshred"
_TAG = "py3-none-any"


def make_wheel(folder: Path) -> Path:
    """Write the wheel into ``folder``; ``LookupError`` where nothing says what it depends on."""
    try:
        installed = metadata.distribution(NAME)
    except metadata.PackageNotFoundError:
        raise LookupError(
            f"the package {NAME} is not installed here, so that workers cannot be told what it needs; run pip install"
            " -e . once, or give workers an image that has it (--sdk_container_image, --environment_config)"
        ) from None
    info = f"{NAME}-{installed.version}.dist-info"
    wheel = folder / f"{NAME}-{installed.version}-{_TAG}.whl"
    needs = [f"Requires-Dist: {need}\n" for need in _needs(installed.requires or ())]
    about = f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {installed.version}\n{''.join(needs)}"
    files = {f"{info}/METADATA": about.encode()}
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: {NAME}\nRoot-Is-Purelib: true\nTag: {_TAG}\n".encode()
    for package in (pipeline, transforms):
        [root] = package.__path__
        for path in sorted(Path(root).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                files[f"{package.__name__}/{path.relative_to(root).as_posix()}"] = path.read_bytes()
    record = [f"{name},sha256={_digest(content)},{len(content)}" for name, content in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return wheel


def _needs(requires: Iterable[str]) -> Iterator[str]:
    """What workers need: all that has no condition, and the drivers of databases that are installed here."""
    for need in requires:
        name, _, condition = need.partition(";")
        if "extra ==" not in condition:
            yield need
        elif re.split(r"[^\w.-]", name)[0] in EXTRAS:
            with suppress(metadata.PackageNotFoundError):
                metadata.distribution(re.split(r"[^\w.-]", name)[0])
                yield name.strip()


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
