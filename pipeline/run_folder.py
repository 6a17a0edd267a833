"""The folder that a run leaves: its report and its rejects, on any of Beam's filesystems."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.options import OptionsError
from transforms.filesystems import is_local, join

RUNS = "runs"
"""The folder of the folders of runs, where none is given."""


FILES = ("report.json", "report.html", "metrics.prom", "error.txt")
"""What a run writes beside its rejects."""


@dataclass(frozen=True)
class RunFolder:
    """A run's folder. A local one is for its owner alone, as rejects hold personal data."""

    path: str

    @classmethod
    def named(cls, given: str | None, name: str) -> RunFolder:
        """The folder ``given``, or a new one below ``runs/``; nothing is made yet."""
        return cls(given or _unused(os.path.join(RUNS, name)))

    def create(self) -> None:
        """Make the folder, without what an earlier run left there; raise :class:`OptionsError` where that fails."""
        if not self.is_local:
            return
        local = Path(self.path)
        try:
            local.parent.mkdir(parents=True, exist_ok=True)
            for folder in (local, local / "rejects"):
                folder.mkdir(mode=0o700, exist_ok=True)
            for old in (*(local / name for name in FILES), *(local / "rejects").glob("*.jsonl*")):
                old.unlink(missing_ok=True)
            if not os.access(local, os.W_OK):
                raise PermissionError(13, "it is not writable")
        except OSError as error:
            raise OptionsError(f"--run_dir {self.path!r} cannot be used: {error.strerror}") from None

    @contextmanager
    def owned(self) -> Iterator[None]:
        """While entered, this process alone uses the folder; unpacked files of runs that were killed are removed.

        Raises :class:`OptionsError` where another run uses it.
        """
        if not self.is_local:
            yield
            return
        local = Path(self.path)
        with _locked(local) as is_ours:
            if not is_ours:
                raise OptionsError(f"--run_dir {self.path!r} is in use by another run; choose another folder")
            for folder in (local, *(local.parent.iterdir() if local.parent == Path(RUNS) else ())):
                _clear(folder, self.unpacked)
            try:
                yield
            finally:
                shutil.rmtree(self.unpacked, ignore_errors=True)

    @property
    def is_local(self) -> bool:
        return is_local(self.path)

    @property
    def rejects(self) -> str:
        """Where the rejects go."""
        return join(self.path, "rejects")

    @property
    def unpacked(self) -> Path:
        """Where big compressed files are unpacked to."""
        return Path(self.path) / "unpacked"

    def write(self, name: str, text: str) -> str:
        """Write a file; give its path. Whoever reads it never sees half of it, where the filesystem can do that."""
        path = join(self.path, name)
        if not self.is_local:
            from apache_beam.io.filesystems import FileSystems

            with FileSystems.create(path, "text/plain") as file:
                file.write(text.encode())
            return path
        partial = f"{path}.partial"
        try:
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(partial, path)
        except OSError as error:
            raise OSError(
                f"{path} cannot be written: {error.strerror}; make space, or give another --run_dir"
            ) from None
        return path

    def remove_rejects(self, name: str) -> None:
        """Remove the rejects of a slice that is loaded again."""
        for file in Path(self.rejects).glob(f"{name}-*.jsonl*"):
            file.unlink(missing_ok=True)

    def protect(self) -> None:
        """Let only the owner read the rejects that workers have written."""
        for file in Path(self.rejects).glob("*.jsonl*"):
            file.chmod(0o600)


def _unused(folder: str) -> str:
    number, candidate = 2, folder
    while os.path.exists(candidate):
        number, candidate = number + 1, f"{folder}-{number}"
    return candidate


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Hold the lock of a folder, if it is free. The system gives it back when the process ends, however it does."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = True
        except OSError as error:
            # Some network filesystems have no locks; the folder is used without one there.
            is_ours = not isinstance(error, BlockingIOError)
        yield is_ours
    finally:
        os.close(descriptor)


def _clear(folder: Path, ours: Path) -> None:
    unpacked = folder / ours.name
    if not unpacked.is_dir() or not (folder / "rejects").is_dir():
        return
    if unpacked == ours:
        shutil.rmtree(unpacked, ignore_errors=True)
        return
    with _locked(folder) as is_free:
        if is_free:
            shutil.rmtree(unpacked, ignore_errors=True)
