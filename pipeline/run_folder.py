"""The folder that a run leaves: its report and its rejects, on any of Beam's filesystems."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from apache_beam.io.filesystems import FileSystems

from pipeline.options import OptionsError


@dataclass(frozen=True)
class RunFolder:
    """A run's folder. A local one is for its owner alone, as rejects hold personal data."""

    path: str

    @classmethod
    def make(cls, given: str | None, name: str) -> RunFolder:
        """The folder ``given``, without what an earlier run left there, or a new one below ``runs/``.

        Raises :class:`OptionsError` where it cannot be made or written to.
        """
        folder = cls(given or _unused(os.path.join("runs", name)))
        if not folder.is_local:
            return folder
        local = Path(folder.path)
        try:
            (local / "rejects").mkdir(mode=0o700, parents=True, exist_ok=True)
            for old in (local / "report.json", local / "error.txt", *(local / "rejects").glob("*.jsonl")):
                old.unlink(missing_ok=True)
            if not os.access(local, os.W_OK):
                raise PermissionError(13, "it is not writable")
        except OSError as error:
            raise OptionsError(f"--run_dir {folder.path!r} cannot be used: {error.strerror}") from None
        return folder

    @property
    def is_local(self) -> bool:
        return FileSystems.get_scheme(self.path) is None

    @property
    def rejects(self) -> str:
        """Where the rejects go."""
        return FileSystems.join(self.path, "rejects")

    @property
    def unpacked(self) -> Path:
        """Where big compressed files are unpacked to."""
        return Path(self.path) / "unpacked"

    def write(self, name: str, text: str) -> str:
        """Write a file; give its path. Whoever reads it never sees half of it, where the filesystem can do that."""
        path = FileSystems.join(self.path, name)
        if not self.is_local:
            with FileSystems.create(path, "text/plain") as file:
                file.write(text.encode())
            return path
        partial = f"{path}.partial"
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(partial, path)
        return path

    def protect(self) -> None:
        """Let only the owner read the rejects that workers have written."""
        for file in Path(self.rejects).glob("*.jsonl*"):
            file.chmod(0o600)


def _unused(folder: str) -> str:
    number, candidate = 2, folder
    while os.path.exists(candidate):
        number, candidate = number + 1, f"{folder}-{number}"
    return candidate
