"""Which files an input means, and their bytes."""

from __future__ import annotations

import bz2
import gzip
import itertools
import lzma
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from transforms.names import RecordPath
from transforms.read import InputError, SourceFile, expand, files, plan_splits, read_files_again, read_split, unpack
from transforms.read.files import open_input
from transforms.records import Reject, XmlRecord

PATH = RecordPath.parse("/root/rec")
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}
# Numbers, so that it does not shrink to a few bytes that cannot be cut in the middle.
RECORDS = [f"<rec>{random.Random(i).getrandbits(4000)}</rec>".encode() for i in range(300)]
DOCUMENT = b"<root>" + b"".join(RECORDS) + b"</root>"


def read_all(file: SourceFile) -> list[bytes | str]:
    found: list[bytes | str] = []
    for split in plan_splits(file, PATH, 1000):
        for item in read_split(split, PATH):
            found.append(item.rule if isinstance(item, Reject) else item.payload)
    return found


def names(patterns: list[str], folder: Path) -> list[str]:
    return [str(Path(file.source).relative_to(folder)) for file in expand(patterns)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in "b.xml", "a.XML", "c.xml.gz", "sub/d.xml.zst", "sub/e.xml.bz2", "sub/sub/f.xml.xz", "g.txt", "h[1].xml":
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"<root/>")
    return tmp_path


def test_folder_means_its_xml_files_recursively_by_name(folder: Path) -> None:
    every = ["a.XML", "b.xml", "c.xml.gz", "h[1].xml", "sub/d.xml.zst", "sub/e.xml.bz2", "sub/sub/f.xml.xz"]
    assert names([str(folder)], folder) == names([f"{folder}/"], folder) == every


def test_glob_file_and_overlap_give_each_file_once(folder: Path) -> None:
    assert names([f"{folder}/*.xml", f"{folder}/b.xml", f"{folder}/./b.xml"], folder) == ["b.xml", "h[1].xml"]
    assert names([f"{folder}/g.txt"], folder) == ["g.txt"]
    assert names([f"{folder}/**.bz2"], folder) == ["sub/e.xml.bz2"]


def test_name_with_glob_characters_means_the_file_that_exists(folder: Path) -> None:
    assert names([f"{folder}/h[1].xml"], folder) == ["h[1].xml"]
    (folder / "h[1]").mkdir()
    (folder / "h[1]" / "i.xml").write_bytes(b"")
    assert names([f"{folder}/h[1]"], folder) == ["h[1]/i.xml"]


def test_relative_names(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert names(["*.xml"], folder) == ["b.xml", "h[1].xml"]
    name = str(folder / "sub" / "d.xml.zst")
    assert list(expand(["sub/d.xml.zst"])) == [SourceFile(name, name, 7)]
    assert len(list(expand(["."]))) == 7


@pytest.mark.parametrize("pattern", ["*.gif", "none.xml", "none/", "empty", "empty/*"])
def test_pattern_that_matches_nothing_is_an_error_that_names_it(folder: Path, pattern: str) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match="matches no file") as error:
        expand([str(folder), str(folder / pattern)])
    assert pattern.rstrip("/") in str(error.value)


@pytest.mark.parametrize("suffix", ["", *COMPRESSORS])
def test_compressed_file_gives_the_same_records(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"d.xml{suffix}"
    file.write_bytes(COMPRESSORS.get(suffix, bytes)(DOCUMENT))
    [source] = expand([str(file)])
    assert read_all(source) == RECORDS
    again = read_files_again(PATH, 1 << 20, {(source.source, 7), (source.source, 299), (source.source, 300)})
    assert [record.payload for record in again] == [RECORDS[7], RECORDS[299]]


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_several_members_are_one_file(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"d.xml{suffix}"
    cuts = [0, 1, 50_000, 50_000, len(DOCUMENT)]
    file.write_bytes(b"".join(COMPRESSORS[suffix](DOCUMENT[a:b]) for a, b in itertools.pairwise(cuts)))
    assert read_all(*expand([str(file)])) == RECORDS


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_compressed_file_cut_off_gives_the_records_before_and_one_reject(tmp_path: Path, suffix: str) -> None:
    compressed = COMPRESSORS[suffix](DOCUMENT)
    file = tmp_path / f"d.xml{suffix}"
    for cut in 1, 5, 20, len(compressed) // 2, len(compressed) - 1:
        file.write_bytes(compressed[:cut])
        *before, reject = read_all(SourceFile("d", str(file), cut))
        assert reject == "compression"
        assert before == RECORDS[: len(before)]
    if suffix != ".bz2":  # There the one block is all of it, or nothing.
        assert len(before) > len(RECORDS) / 2


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_file_that_is_not_compressed_as_its_name_says_is_a_reject(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"d.xml{suffix}"
    file.write_bytes(DOCUMENT)
    assert read_all(*expand([str(file)])) == ["compression"]


@pytest.mark.parametrize("suffix", ["", *COMPRESSORS])
def test_file_of_no_bytes_is_a_reject(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"d.xml{suffix}"
    file.write_bytes(COMPRESSORS.get(suffix, bytes)(b""))
    assert read_all(*expand([str(file)])) == ["empty"]


def test_missing_file_is_an_error_not_damage() -> None:
    with pytest.raises(FileNotFoundError), open_input("missing.xml.gz") as read:
        read(1)


def test_unpacked_file_keeps_its_name_and_can_be_split(tmp_path: Path) -> None:
    file = tmp_path / "d.xml.gz"
    file.write_bytes(gzip.compress(DOCUMENT))
    [packed] = expand([str(file)])
    unpacked = unpack(packed, str(tmp_path / "spool"))
    assert (unpacked.source, unpacked.size) == (packed.source, len(DOCUMENT))
    assert len(list(plan_splits(unpacked, PATH, 1000))) > 1
    assert read_all(unpacked) == RECORDS
    assert unpack(unpacked, str(tmp_path)) is unpacked


def test_damaged_file_is_unpacked_as_far_as_it_goes(tmp_path: Path) -> None:
    file = tmp_path / "d.xml.gz"
    for document in (DOCUMENT, DOCUMENT.decode().encode("utf-16")):
        compressed = gzip.compress(document)
        for cut in (len(compressed) - 1, len(compressed) // 2, 1):
            file.write_bytes(compressed[:cut])
            [packed] = expand([str(file)])
            unpacked = unpack(packed, str(tmp_path / "spool"))
            assert unpacked.path != packed.path
            *before, reject = read_all(unpacked)
            assert reject == "compression"
            assert before == read_all(packed)[:-1] == RECORDS[: len(before)]


def test_unpacked_files_are_for_their_owner_alone_from_the_first_byte_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "d.xml.gz"
    file.write_bytes(gzip.compress(DOCUMENT))
    modes = []
    spool = tmp_path / "spool"

    def look(*_: object) -> None:
        modes.extend(path.stat().st_mode & 0o777 for path in (spool, *spool.iterdir()))

    monkeypatch.setattr(files, "_need_space", look)
    unpack(*expand([str(file)]), str(spool))
    assert modes == [0o700, 0o600]
    assert [path.stat().st_mode & 0o777 for path in spool.iterdir()] == [0o600]


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_bomb_gives_the_records_before_the_limit_and_a_reject_that_names_file_and_flag(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / f"d.xml{suffix}"
    file.write_bytes(COMPRESSORS[suffix](DOCUMENT[:-7] + 2_000_000 * b" " + b"</root>"))
    monkeypatch.setattr(files, "UNPACKED_BYTES", 1_000)
    monkeypatch.setattr(files, "UNPACKED_RATIO", 5)
    [bomb] = expand([str(file)])
    for source in (bomb, unpack(bomb, str(tmp_path / "spool"))):
        *before, reject = [item for part in plan_splits(source, PATH, 1000) for item in read_split(part, PATH)]
        assert [record.payload for record in before if isinstance(record, XmlRecord)] == RECORDS
        assert isinstance(reject, Reject)
        assert reject.rule == "max_unpacked"
        assert str(file) in reject.message
        assert "--max_unpacked" in reject.message
    [allowed] = expand([str(file)], 3_000_000)
    assert read_all(allowed) == read_all(unpack(allowed, str(tmp_path / "spool"))) == RECORDS


def test_file_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    file = tmp_path / "d.xml.gz"
    file.write_bytes(gzip.compress(DOCUMENT))
    assert read_all(*expand([str(file)], len(DOCUMENT))) == RECORDS
    assert read_all(*expand([str(file)], len(DOCUMENT) - 1)) == [*RECORDS, "max_unpacked"]


def test_disk_without_space_for_an_unpacked_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "d.xml.gz"
    file.write_bytes(gzip.compress(DOCUMENT))
    usage = files.shutil.disk_usage(tmp_path)._replace(free=5)
    monkeypatch.setattr(files.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(InputError, match=r"no space to unpack .*d\.xml\.gz into .*spool: 5 bytes are free.*--run_dir"):
        unpack(*expand([str(file)]), str(tmp_path / "spool"))


def test_disk_that_is_full_while_a_file_is_unpacked_is_told(tmp_path: Path) -> None:
    file = tmp_path / "d.xml.gz"
    file.write_bytes(gzip.compress(DOCUMENT))
    [packed] = expand([str(file)])
    spool = tmp_path / "spool"
    place = Path(unpack(packed, str(spool)).path)
    place.unlink()
    place.symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"no space to unpack .*d\.xml\.gz .*No space left on device.*--run_dir"):
        unpack(packed, str(spool))


def test_source_is_the_absolute_path_however_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    file = tmp_path / "in" / "a.xml"
    file.write_bytes(DOCUMENT)
    (tmp_path / "link").symlink_to(tmp_path / "in")
    monkeypatch.chdir(tmp_path)
    for given in ("in", "./in", "in/*.xml", "in/../in/a.xml", "**.xml", str(file), str(tmp_path)):
        assert {found.source for found in expand([given])} - {str(tmp_path / "link" / "a.xml")} == {str(file)}
    assert len(list(expand(["in", "./in/a.xml", str(file)]))) == 1


def test_broken_link_is_told_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<a/>")
    (tmp_path / "b.xml").symlink_to("nowhere")
    (tmp_path / "c.xml").symlink_to("c.xml")
    for name in "bc":
        with pytest.raises(InputError, match=rf"^the link \S+/{name}.xml cannot be read: .*; remove or mend it"):
            list(expand([str(tmp_path / f"[a{name}].xml")]))
