"""report.html: what it says, that it needs nothing else, and how it looks in a real browser."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from lxml import html

from beamshred.report import page_of, sentences
from beamshred.report.report_file import masked, reject_examples, shape
from pipeline.command import main
from tests.jobs import Folder, order, orders

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.write(
        "a.xml", orders([order(1), order(2, amount="Zx-4711"), order(3, name="<![CDATA[<script>x</script>]]>")])
    )
    assert folder.run("--quiet") == 3
    return folder


def page(folder: Folder) -> str:
    return (folder.run_dir / "report.html").read_text()


def text_of(document: str) -> str:
    return " ".join(html.fromstring(document).text_content().split())


def test_run_leaves_a_page_with_its_result(folder: Folder) -> None:
    text = text_of(page(folder))
    assert "Of 3 records, 2 were loaded and 1 rejected (33.33%), in " in text
    for part in ("map.type", "Rows by table", "Time by stage", "orders.amount", "Settings"):
        assert part in text
    assert (folder.run_dir / "report.html").stat().st_mode & 0o777 == 0o600


def test_values_of_rejects_are_masked(folder: Folder) -> None:
    assert "Zx-4711" in folder.rejects[0]["message"]
    assert "Zx-4711" not in page(folder)
    assert "Aa-9999" in page(folder)


def test_page_needs_nothing_from_elsewhere(folder: Folder) -> None:
    tree = html.fromstring(page(folder))
    assert not tree.xpath("//script | //link | //img | //iframe | //object")
    assert "default-src 'none'" in page(folder)
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?:https?:)?//""", page(folder))
    assert "@import" not in page(folder)


def test_page_is_made_again(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    place = folder.run_dir / "report.html"
    place.unlink()
    assert main(["--report", str(folder.run_dir)]) == 0
    assert capsys.readouterr().out.strip() == str(place)
    assert place.exists()


def test_folder_that_is_none_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--report", str(tmp_path)]) == 2
    assert "has no report.json; name one, as runs/<run>" in capsys.readouterr().err
    (tmp_path / "report.json").write_text("[1")
    assert main(["--report", str(tmp_path)]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_what_a_report_says_more_is_shown(folder: Folder) -> None:
    report = folder.report | {
        "never_found": {"orders.currency": "Currency", "orders.note": None},
        "slowest": [{"seconds": 0.5, "stage": "map", "source": "<a>.xml", "ordinal": 1, "start": 0, "bytes": 1500}],
        "coverage": {
            "records": 5, "never_matched": [],
            "paths": {"@id": {"count": 5, "read": 5, "shape": "9"}, "<b>": {"count": 1200, "read": 0, "shape": "Aa"}},
        },
        "later": {"news": "of a later version"},
    }  # fmt: skip
    shown = page_of(report, {})
    assert "Never found" in shown
    assert "1.5 kB" in shown
    assert "&lt;a&gt;.xml" in shown
    assert "did you mean <code>Currency</code>?" in shown
    assert "Coverage: 1 of 2 paths are not read" in shown
    assert shown.index("&lt;b&gt;") < shown.index("@id")
    assert "of a later version" in shown
    assert "1,200" in shown


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state": "failed", "error": "the disk is full"}, "t failed: the disk is full"),
        ({"state": "interrupted"}, "t was stopped after 1 min 30 s, with 3 records read."),
        ({"records": dict.fromkeys(("read", "loaded", "skipped", "replaced", "rejected"))}, "has told no counts"),
        ({"records": {"read": 0}}, "there was no record to read"),
    ],
)
def test_result_in_a_sentence(change: dict[str, Any], said: str) -> None:
    records = {"read": 3, "loaded": 3, "skipped": 0, "replaced": 0, "rejected": 0}
    report = {"state": "done", "error": None, "contract": {"name": "t"}, "records": records, "seconds": 90.04}
    assert said in sentences.sentence(report | change)


def test_masks() -> None:
    assert shape("Xy-42 ü" + "z" * 50) == "Aa-99 a" + "a" * 33 + "..."
    assert masked("""'O\\'Neil, 12' is 8 long; Key (id)=(4711) exists; "A" of 123456""") == (
        """'A\\'Aaaa, 99' is 8 long; Key (id)=(9999) exists; "A" of 999999"""
    )


def test_rejects_that_were_cut_off_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"stage": "map"}\n{"stage": "map", "rule": "type", "message": "m"}\n{"sta\n[]\n')
    assert list(reject_examples(tmp_path)) == ["map.type"]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
def test_page_in_a_browser_fits_a_phone(folder: Folder, tmp_path: Path) -> None:
    probe = tmp_path / "probe.html"
    measured = "<script>document.title = document.documentElement.scrollWidth + ' of ' + innerWidth</script></body>"
    # The page itself allows no script: the probe is a copy that does.
    probe.write_text(re.sub(r"<meta http-equiv[^>]*>", "", page(folder)).replace("</body>", measured))
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=500,900",
        f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={tmp_path / 'page.png'}", "--dump-dom",
        probe.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=os.environ | {"HOME": str(tmp_path)}
    )
    tree = html.fromstring(done.stdout)
    width, of = map(int, tree.findtext(".//title").split(" of "))
    assert width <= of
    assert len(tree.xpath("//*[local-name()='svg']")) >= 2
