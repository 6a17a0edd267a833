"""The whole job through the command: what goes in, what comes out, what is reported."""

from __future__ import annotations

import gzip
import json
import lzma
import stat
from pathlib import Path

import pytest
import zstandard

from tests.jobs import Folder, order, orders


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_all_records_are_loaded_and_reported(folder: Folder) -> None:
    folder.write("a.xml", orders(order(number) for number in range(10)))
    assert folder.run("--workers", "2") == 0
    report = folder.report
    assert report["records"] == {"read": 10, "loaded": 10, "skipped": 0, "replaced": 0, "rejected": 0}
    assert report["tables"] == {"orders": 10, "line": 20}
    assert report["reconciled"] is True
    assert report["state"] == "done"
    assert {"rejects", "conversions", "seconds", "options", "contract", "versions", "peak_memory_bytes"} <= set(report)
    assert folder.rows("SELECT id, name, amount FROM orders WHERE id = 3") == [(3, "n", 1.5)]
    assert folder.rows("SELECT count(*), count(DISTINCT id) FROM line") == [(20, 10)]


def test_same_input_again_is_skipped(folder: Folder) -> None:
    folder.write("a.xml", orders([order(1), order(2)]))
    assert folder.run() == 0
    assert folder.run() == 0
    assert folder.report["records"] == {"read": 2, "loaded": 0, "skipped": 2, "replaced": 0, "rejected": 0}
    assert folder.report["skipped"] == {
        "unchanged": 2,
        "changed": 0,
        "contract changed": 0,
        "duplicates": 0,
        "superseded": 0,
    }


@pytest.mark.parametrize(
    ("policy", "code", "names", "counts"),
    [
        ("skip", 0, ["old"], {"skipped": 1}),
        ("replace", 0, ["new"], {"replaced": 1}),
        ("fail", 1, ["old"], {}),
    ],
)
def test_changed_record(folder: Folder, policy: str, code: int, names: list[str], counts: dict[str, int]) -> None:
    folder.write("a.xml", orders([order(1, "old", lines=3)]))
    folder.run()
    folder.write("a.xml", orders([order(1, "new", lines=1)]))
    assert folder.run("--on_existing", policy) == code
    assert [name for (name,) in folder.rows("SELECT name FROM orders")] == names
    assert folder.rows("SELECT count(*) FROM line") == [(3 if names == ["old"] else 1,)]
    records = folder.report["records"]
    assert {name: records[name] for name in counts} == counts
    if policy == "fail":
        assert "1" in folder.report["error"]
        assert "Traceback" not in folder.report["error"]


def test_bad_records_are_rejected_with_reason_and_payload(folder: Folder) -> None:
    bad = order(2, amount="many")
    folder.write("a.xml", orders([order(1), bad, order(3)]))
    assert folder.run() == 3
    [reject] = folder.rejects
    assert (reject["stage"], reject["rule"], reject["path"], reject["key"]) == ("map", "type", "orders.amount", "2")
    assert reject["payload"] == bad
    assert Path(reject["source"]).read_bytes()[slice(*reject["span"])].decode() == bad
    assert folder.report["records"]["rejected"] == 1
    assert folder.report["rejects"] == {"map.type": 1}
    assert folder.report["conversions"] == {"orders.amount": {"type": 1}}
    [file] = (folder.run_dir / "rejects").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_record_that_the_database_refuses_is_rejected_whole(folder: Folder) -> None:
    folder.write("a.xml", orders([order(1)]))
    folder.run()
    folder.rows("DELETE FROM beamshred_ledger")
    folder.write("b.xml", orders([order(2), order(1), order(3)]))
    import sqlite3

    with sqlite3.connect(folder.database) as connection:
        connection.execute("DELETE FROM beamshred_ledger")
    assert folder.run(inputs=["b.xml"]) == 3
    assert folder.report["records"] == {"read": 3, "loaded": 2, "skipped": 0, "replaced": 0, "rejected": 1}
    [reject] = folder.rejects
    assert (reject["stage"], reject["key"], reject["payload"]) == ("insert", "1", order(1))


def test_damaged_file_loads_up_to_the_damage(folder: Folder) -> None:
    whole = orders([order(1), order(2)])
    folder.write("a.xml", whole[: whole.index('<order id="2"') + 20])
    folder.write("b.xml", "")
    folder.write("c.xml", "no XML at all")
    folder.write("d.xml", orders([order(4)]))
    assert folder.run() == 3
    assert folder.report["records"] == {"read": 5, "loaded": 2, "skipped": 0, "replaced": 0, "rejected": 3}
    assert {Path(reject["source"]).name for reject in folder.rejects} == {"a.xml", "b.xml", "c.xml"}


@pytest.mark.parametrize(("limit", "code"), [("1", 1), ("2", 3), ("10%", 1), ("60%", 3)])
def test_more_rejects_than_allowed_fail_the_job(folder: Folder, limit: str, code: int) -> None:
    folder.write("a.xml", orders([order(1), order(2, amount="x"), order(3, amount="x"), order(4)]))
    assert folder.run("--max_rejects", limit) == code
    assert folder.report["state"] == ("failed" if code == 1 else "done")


@pytest.mark.parametrize("slice_bytes", ["500", "64M"])
def test_compressed_files(folder: Folder, slice_bytes: str) -> None:
    folder.write("a.xml.gz", gzip.compress(orders(order(number) for number in range(100)).encode()))
    folder.write("b.xml.xz", lzma.compress(orders(order(number) for number in range(100, 200)).encode()))
    folder.write("c.xml.zst", zstandard.compress(orders(order(number) for number in range(200, 300)).encode()))
    assert folder.run("--slice_bytes", slice_bytes, inputs=[""]) == 0
    assert folder.rows("SELECT count(*), min(id), max(id) FROM orders") == [(300, 0, 299)]
    assert (folder.report["slices"] > 1) is (slice_bytes == "500")
    assert not (folder.run_dir / "unpacked").exists()


@pytest.mark.parametrize("limit", [1, 7, 30, 1000])
def test_limit_counts_records_over_files_of_all_kinds(folder: Folder, limit: int) -> None:
    folder.write("a.xml", orders(order(number) for number in range(10)))
    folder.write("b.xml.gz", gzip.compress(orders(order(number) for number in range(10, 20)).encode()))
    folder.write("c.xml", orders(order(number) for number in range(20, 30)).encode("utf-16"))
    folder.path.joinpath("c.xml").write_bytes(
        orders(order(number) for number in range(20, 30)).replace("'1.0'", "'1.0' encoding='UTF-16'").encode("utf-16")
    )
    assert folder.run("--limit", str(limit), "--slice_bytes", "300", inputs=[""]) == 0
    assert folder.rows("SELECT count(*), max(id) FROM orders") == [(min(limit, 30), min(limit, 30) - 1)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--bacth_size", "5"], "did you mean '--batch_size'?"),
        (["--batch_size", "none"], "'none' is not a whole number"),
        *(
            ([flag, "9" * digits], "is more than")
            for flag in (
                "--batch_size",
                "--limit",
                "--retry_seconds",
                "--batch_bytes",
                "--workers",
                "--progress_seconds",
            )
            for digits in (23, 5000)
        ),
        (["--preview", "9" * 23], "is more than"),
        (["--target", "oracle://x"], "'oracle' is not supported"),
        (["--target", "sqlite:////no/such/folder/x.db"], "there is no folder"),
        (["--target", "env:NO_SUCH_VARIABLE"], "NO_SUCH_VARIABLE"),
        (["--direct_running_mode", "multi_threading"], "loses data"),
        (["--contract", "/no/such/contract.yaml"], "cannot be read"),
        (["--input", ""], "--input is empty"),
        (["--max_rejects", "200%"], "percentage"),
        (["--direct_running_mode", "in_memory", "--direct_num_workers", "2"], "in_memory is one process"),
        (["--runner", "FlinkRunner", "--limit", "1", "--run_dir", "x"], "--limit works on the DirectRunner only"),
        (["--runner", "NoSuchRunner"], "--runner NoSuchRunner cannot be used"),
        (["--input", "/no/such/*.xml"], "matches no file"),
        (["--input", "nosuch://bucket/x.xml"], "Path specified: nosuch://bucket/x.xml"),
        (["--run_dir", "nosuch://bucket/run"], "Path specified: nosuch://bucket/run"),
        (["--create_disposition", "CREATE_NEVER"], "has no table"),
    ],
)
def test_wrong_flag_is_explained(
    folder: Folder, capfd: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    folder.write("a.xml", orders([order(1)]))
    assert folder.run(*arguments) == 2
    errors = " ".join(capfd.readouterr().err.split())
    assert words in errors
    assert "Traceback" not in errors


def test_every_mistake_of_a_contract_is_reported_with_its_line(
    folder: Folder, capfd: pytest.CaptureFixture[str]
) -> None:
    folder.contract.write_text(
        folder.contract.read_text()
        .replace("text(5)", "txt")
        .replace("name: name", "name: {frm: name}")
        .replace("rows:", "row:")
    )
    folder.write("a.xml", orders([order(1)]))
    assert folder.run() == 2
    errors = capfd.readouterr().err
    assert "contract.yaml:9 tables.orders.columns.name.frm: unknown key; did you mean 'from'?" in errors
    assert "contract.yaml:12 tables.line.row: unknown key; did you mean 'rows'?" in errors
    assert "contract.yaml:16 tables.line.columns.item.type: 'txt' is not a type" in errors


def test_secret_of_a_target_is_nowhere_in_the_run_folder(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TARGET", f"sqlite:///{folder.database}?password=s3cret")
    folder.write("a.xml", orders([order(1)]))
    assert folder.run("--target", "env:TARGET") == 0
    assert all("s3cret" not in file.read_text() for file in folder.run_dir.rglob("*") if file.is_file())
    assert folder.report["options"]["target"].startswith("sqlite:///")


def test_blank_slices_and_a_file_without_records(folder: Folder) -> None:
    folder.write("a.xml", "<orders/>")
    assert folder.run() == 0
    assert folder.report["records"]["read"] == 0
    assert json.dumps(folder.report["tables"]) == '{"orders": 0, "line": 0}'


def test_secret_flag_of_beam_is_nowhere_in_the_run_folder(folder: Folder) -> None:
    folder.write("a.xml", orders([order(1)]))
    assert folder.run("--s3_secret_access_key", "hush-hush") == 0
    assert folder.report["options"]["s3_secret_access_key"] == "***"
    assert b"hush" not in b"".join(file.read_bytes() for file in folder.run_dir.rglob("*") if file.is_file())


class Killed(BaseException):
    """As SIGKILL: nothing of ours comes after it."""


@pytest.mark.parametrize(
    "at",
    [
        "pipeline.run.look_back",
        "pipeline.report.Report.write_metrics",
        "beamshred.report.write_page",
        "pipeline.run.end_run",
    ],
)
def test_run_that_is_killed_at_its_very_end_is_told_whole_by_the_next(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise Killed

    folder.write("a.xml", orders(map(order, range(3))))
    with monkeypatch.context() as patched:
        patched.setattr(at, killed)
        with pytest.raises(Killed):
            folder.run()
    assert folder.run() == 0
    assert folder.report["records"] == {"read": 3, "loaded": 3, "skipped": 0, "replaced": 0, "rejected": 0}
    assert folder.run() == 0
    assert folder.report["records"]["skipped"] == 3
