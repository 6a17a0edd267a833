"""Which local files a pattern means, and in which order."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from apache_beam.io.localfilesystem import LocalFileSystem
from hypothesis import given
from hypothesis import strategies as st

from transforms.filesystems import is_local
from transforms.read import expand
from transforms.read import listing as walking
from transforms.read.listing import _translated, glob, walk

NAMES = ["a.xml", "a/b.xml", "a/z/c.xml", "a-b.xml", "a0.xml", "b/a.xml", ".hidden", "ä.xml"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"<a/>")
    return tmp_path


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_paths_come_in_their_order_however_few_are_held(
    folder: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(walking, "AT_ONCE", at_once)
    assert [os.path.relpath(path, folder) for path in walk(str(folder))] == sorted(NAMES)


def test_links_to_folders_are_not_followed_and_those_to_files_are(folder: Path) -> None:
    (folder / "loop").symlink_to(folder)
    (folder / "link.xml").symlink_to(folder / "a.xml")
    assert [os.path.relpath(path, folder) for path in walk(str(folder))] == sorted([*NAMES, "link.xml"])


def test_folder_that_cannot_be_listed_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("/z"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(PermissionError):
        list(walk(str(folder)))
    assert list(glob(f"{folder}/b/*")) == [f"{folder}/b/a.xml"]


def test_glob_goes_no_deeper_than_its_pattern(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
    assert [os.path.relpath(path, folder) for path in glob(f"{folder}/*.xml")] == [
        "a-b.xml",
        "a.xml",
        "a0.xml",
        "ä.xml",
    ]
    assert listed == [str(folder)]


@pytest.mark.filterwarnings("ignore:Possible nested set")
@given(st.text("ab*?[]!^/.\\", max_size=8), st.text("ab*[]^!/.", max_size=6))
def test_pattern_means_what_it_means_to_beam(pattern: str, name: str) -> None:
    try:
        beams = re.compile(LocalFileSystem.translate_pattern(pattern))
    except (re.error, IndexError):
        return
    if re.search(r"(?:/|\A)\*\*/", pattern):
        return  # ours finds more: see below
    ours = re.compile(_translated(pattern), re.DOTALL)
    assert (ours.fullmatch(name) is None) == (beams.match(name) is None)


def test_two_stars_and_a_slash_are_any_number_of_folders(folder: Path) -> None:
    found = [os.path.relpath(path, folder) for path in glob(f"{folder}/**/*.xml")]
    assert found == sorted(name for name in NAMES if name.endswith(".xml"))
    assert [os.path.relpath(path, folder) for path in glob(f"{folder}/a/**/c.xml")] == ["a/z/c.xml"]
    assert list(glob(f"{folder}/x**/a.xml")) == []


def test_other_files_of_a_folder_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("transforms.read.files.logger.warning", lambda text, *values: said.append(text % values))
    assert len(list(expand([str(folder)]))) == 7
    assert len(said) == 1
    assert "which are not read: 1, such as .hidden" in said[0]


def test_glob_that_is_none_is_explained() -> None:
    with pytest.raises(ValueError, match=r"'\[b-a\].xml' is not a valid glob"):
        list(glob("[b-a].xml"))


@pytest.mark.parametrize("path", ["gs://bucket/a.xml", "s3://b/*.xml", "hdfs://h/x"])
def test_other_filesystems(path: str) -> None:
    assert not is_local(path)
    assert is_local("./" + path)
