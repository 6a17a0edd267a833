"""Command lines that are wrong in any way: exit code 2 and a message, never a traceback."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
from collections.abc import Iterator
from pathlib import Path

from pipeline.command import main
from pipeline.flags import add_job_flags
from pipeline.private import flag_names
from tests.faults.workload import CONTRACT


def _of_the_job() -> list[str]:
    parser = argparse.ArgumentParser(add_help=False)
    add_job_flags(parser)
    return flag_names(parser)


_FLAGS = (
    *_of_the_job(), "--workers", "--direct_num_workers",
    "--direct_running_mode", "--runner", "--nope", "--inptu",
    "-x", "--", "-", "word", "--streaming", "--temp_location", "--flink_master", "--save_main_session", "--job_name",
)  # fmt: skip
_VALUES = (
    "", " ", "0", "1", "-1", "2", "1e9", "1.5", "nan", "inf", "9" * 40, "١٢", "64k", "1GB", "-5M", "0k", "50%", "101%",
    "%",
    "skip", "replace", "fail", "json", "fast", "plain", "on", "off", "strict", "CREATE_NEVER", "in_memory", "INFO",
    "multi_threading", "DirectRunner", "FlinkRunner", "NoRunner", "os.path", "'", '"', ";", "\n", "é", "🎉", "a" * 300,
    "a:b", ":", "1:2:3", "x,y", ",", "nope.xml", "/nonexistent/a.xml", "[", "*", "/dev/null/x", "gs://b/o", "s3://", "://",
    "file:///x", "sqlite:///", "sqlite://", "sqlite:////nonexistent/t.db", "sqlite:///{folder}/t.db", "sqlite:///a?b@c",
    "postgresql+psycopg://u:p@w@127.0.0.1:1/x", "postgresql+psycopg://127.0.0.1:1/x", "postgresql://127.0.0.1:1/x",
    "mssql+pymssql://x", "odbc:", "odbc:DRIVER=nope", "env:", "env:NOPE", "file:", "file:/nonexistent", "oracle://x",
    "{folder}", "{folder}/contract.yaml", "{folder}/bad.yaml", "{folder}/empty", "{folder}/a.xml", "{folder}/*.xml",
)  # fmt: skip


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    # As contextlib.chdir, which Python 3.10 lacks.
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def flags(chance: random.Random, folder: Path) -> None:
    """A random command line, of which at least the contract, the input or the target is wrong."""
    (folder / "contract.yaml").write_text(CONTRACT)
    (folder / "bad.yaml").write_text(CONTRACT.replace("tables:", "table:"))
    (folder / "empty").write_text("")
    (folder / "a.xml").write_text("<orders/>")
    words = []
    if chance.random() < 0.7:
        right = [
            ("--input", "{folder}/a.xml"), ("--contract", "{folder}/contract.yaml"),
            ("--target", "sqlite:///{folder}/t.db"), ("--run_dir", "{folder}/run"),
        ]  # fmt: skip
        wrong = chance.randrange(3)
        right[wrong] = (right[wrong][0], chance.choice(["", "/nonexistent/x", "env:NOPE", "{folder}/empty/x"]))
        words = [word for pair in right for word in pair]
    for _ in range(chance.randrange(1, 4)):
        flag, value = chance.choice(_FLAGS), chance.choice(_VALUES)
        if flag in ("--contract", "--target", "--input") and words:
            continue
        at = 2 * chance.randrange(len(words) // 2 + 1)
        words[at:at] = chance.choice([[flag, value], [f"{flag}={value}"], [flag], [flag.replace("_", "-"), value]])
    words = [word.replace("{folder}", str(folder)) for word in words]
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said), _inside(folder):
        try:
            code = main(words)
        except BaseException as error:
            raise AssertionError(f"{words} raises") from error
    assert code == 2, (words, code, said.getvalue())
    assert "Traceback" not in said.getvalue(), words
    assert said.getvalue().strip(), words
