"""Flags with another runner: each works there or is refused, and nothing that is secret travels."""

from __future__ import annotations

import argparse

import pytest

from pipeline.command import main
from pipeline.command_line import REMOTE_ONLY, parse_options
from pipeline.flags import add_job_flags
from pipeline.options import OptionsError
from pipeline.remote_flags import LOCAL_ONLY, shards_for
from tests.jobs import Folder, order, orders

WORKS_ANYWHERE = {
    "allow_plain_password", "batch_bytes", "batch_size", "check", "contract", "create_disposition", "detach", "input",
    "input_column", "input_key", "input_table", "input_where", "key_range", "log_format", "log_level", "max_depth",
    "max_record_bytes", "max_rejects", "max_unpacked", "odbc_insert", "on_existing", "projection", "quiet",
    "reject_payload", "retry_seconds", "run_dir", "shards", "skip_loaded", "start_timeout", "target",
}  # fmt: skip
FLINK = ("--runner", "FlinkRunner", "--parallelism", "2", "--run_dir", "run")


def refused(*more: str) -> str:
    """The message of a command line that is refused."""
    argv = ["--contract", "c.yaml", *more]
    for flag, value in (("--input", "x.xml"), ("--target", "sqlite:///x.db")):
        if flag not in more:
            argv += [flag, value]
    with pytest.raises(OptionsError) as error:
        parse_options(argv)
    return str(error.value)


def test_every_flag_works_elsewhere_or_is_refused() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    add_job_flags(parser)
    assert set(vars(parser.parse_args([]))) == WORKS_ANYWHERE | {"runner"} | (set(LOCAL_ONLY) - {"workers"})


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--limit", "1"),
        ("--slice_bytes", "1M"),
        ("--memory", "1G"),
        ("--progress_seconds", "5"),
        ("--slice-bytes", "64M"),  # its default, and said all the same
        ("--workers", "2"),
        ("--direct_num_workers", "2"),
        ("--direct_running_mode", "in_memory"),
    ],
)
def test_flag_of_one_machine_is_refused_elsewhere(flag: str, value: str) -> None:
    assert "works on the DirectRunner only" in refused(*FLINK, flag, value)
    assert "works on the DirectRunner only" in refused(*FLINK, f"{flag}={value}")


@pytest.mark.parametrize(
    "flag", [["--detach"], ["--start_timeout", "5"], ["--allow_plain_password"], ["--shards", "2"]]
)
def test_flag_of_other_runners_is_refused_here(tmp_path, capfd, flag: list[str]) -> None:
    assert flag[0][2:] in REMOTE_ONLY
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1)]))
    assert folder.run(*flag) == 2
    assert f"{flag[0]} is for other runners" in " ".join(capfd.readouterr().err.split())


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--runner", "PrismRunner"], "PrismRunner is refused: it lost one of 13 elements"),
        (["--runner", "FlinkRunner", "--parallelism", "2"], "--run_dir must name a folder"),
        (["--runner", "FlinkRunner", "--run_dir", "run"], "--parallelism N"),
        (["--runner", "FlinkRunner", "--run_dir", "run", "--shards", "3"], "give --parallelism N"),
        (["--runner", "SparkRunner", "--run_dir", "run"], "or at least --shards N"),
        ([*FLINK, "--detach"], "needs a job server that goes on"),
        ([*FLINK, "--detach", "--job_endpoint", "embed"], "needs a job server that goes on"),
        ([*FLINK, "--detach", "--job_endpoint", "h:1", "--environment_type", "LOOPBACK"], "LOOPBACK"),
        ([*FLINK, "--target", "postgresql://me:secret@host/db"], "--target holds a password"),
        ([*FLINK, "--target", "odbc:DSN=x;UID=y;PWD=secret"], "--target holds a password"),
        ([*FLINK, "--input", "postgresql://me:secret@host/db", "--input_table", "t"], "--input holds a password"),
    ],
)
def test_what_cannot_be_elsewhere(flags: list[str], words: str) -> None:
    message = refused(*flags)
    assert words in message
    assert "secret" not in message


@pytest.mark.parametrize(
    "flags",
    [
        ["--target", "env:WHEREVER"],
        ["--target", "postgresql://me@host/db"],
        ["--target", "postgresql://me:secret@host/db", "--allow_plain_password"],
        ["--detach", "--job_endpoint", "host:8099"],
    ],
)
def test_what_can_be(flags: list[str]) -> None:
    argv = ["--input", "x.xml", "--contract", "c.yaml", *([] if "--target" in flags else ["--target", "sqlite:///x"])]
    argv += [*FLINK, *flags]
    assert parse_options(argv).runner == "FlinkRunner"


@pytest.mark.parametrize(("slots", "free", "shards"), [(2, None, 8), (2, 100, 8), (100, 20, 19), (4, 1, 1)])
def test_shards_follow_from_slots_and_from_what_the_database_takes(slots: int, free: int | None, shards: int) -> None:
    assert shards_for(slots, free) == shards


def test_missing_number_of_slots_ends_the_command_before_anything_is_made(tmp_path, capfd) -> None:
    folder = Folder(tmp_path)
    folder.write("a.xml", orders([order(1)]))
    assert main([*folder.arguments(), "--runner", "FlinkRunner"]) == 2
    assert "--parallelism" in capfd.readouterr().err
    assert not folder.run_dir.exists()
    assert not folder.database.exists()


@pytest.mark.parametrize("flag", ["--job-server-timeout", "--job_server_timeout"])
def test_flag_that_beam_writes_with_hyphens_passes_through(flag: str) -> None:
    options = parse_options(["--input", "x.xml", "--contract", "c.yaml", "--target", "sqlite:///x.db", f"{flag}=7"])
    assert options.beam["job_server_timeout"] == 7
