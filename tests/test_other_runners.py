"""One submission to another runner: Beam's portable one, with its job service in this process."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apache_beam as beam
import grpc
import pytest
from apache_beam.runners.runner import PipelineResult, PipelineState

from pipeline import remote
from pipeline.command_line import parse_options
from pipeline.job import Job
from pipeline.report import Report
from pipeline.signals import Interrupts
from tests.jobs import Folder, order, orders
from transforms import load_contract, prepare_target

PORTABLE = (
    "--runner",
    "PortableRunner",
    "--job_endpoint",
    "embed",
    "--environment_type",
    "LOOPBACK",
    "--parallelism",
    "2",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    # Beam's servers would listen on all interfaces.
    server = grpc.server

    def local_server(*arguments: Any, **options: Any) -> grpc.Server:
        made = server(*arguments, **options)
        listen = made.add_insecure_port
        made.add_insecure_port = lambda address: listen(address.replace("[::]", "127.0.0.1"))
        return made

    monkeypatch.setattr(grpc, "server", local_server)
    return Folder(tmp_path)


def test_job_on_a_portable_runner(folder: Folder) -> None:
    folder.write("a.xml", orders([order(1), order(2, amount="x"), *(order(number) for number in range(3, 40))]))
    assert folder.run_elsewhere(*PORTABLE) == 3
    assert folder.report["records"] == {"read": 39, "loaded": 38, "skipped": 0, "replaced": 0, "rejected": 1}
    assert folder.report["reconciled"] is True
    assert folder.rows("SELECT count(*) FROM orders") == [(38,)]
    assert [reject["key"] for reject in folder.rejects] == ["2"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.run_dir.glob("rejects/*")} == {0o600}
    left = sorted(path.name for path in folder.run_dir.iterdir())
    assert left == ["metrics.prom", "rejects", "report.html", "report.json"]
    assert folder.run_elsewhere(*PORTABLE) == 3
    assert folder.report["records"]["skipped"] == 38


def test_runner_that_cannot_be_reached_is_a_failure_in_words(folder: Folder) -> None:
    folder.write("a.xml", orders([order(1)]))
    unreachable = (
        "--runner",
        "PortableRunner",
        "--job_endpoint",
        "127.0.0.1:1",
        "--job_server_timeout",
        "1",
        "--shards",
        "1",
    )
    assert folder.run_elsewhere(*unreachable) == 1
    assert folder.report["state"] == "failed"
    assert "Traceback" not in folder.report["error"]


def test_failed_job_says_what_the_ledger_holds_and_knows_no_counts(
    folder: Folder, capfd: pytest.CaptureFixture[str]
) -> None:
    folder.write("a.xml", orders([order(1)]))
    assert folder.run() == 0
    folder.write("a.xml", orders([order(1, "changed"), order(2)]))
    assert folder.run_elsewhere(*PORTABLE, "--on_existing", "fail", "--batch_size", "1", "--shards", "1") == 1
    report = folder.report
    assert report["state"] == "failed"
    assert "has changed" in report["error"]
    assert set(report["records"].values()) == {None}
    assert report["reconciled"] is None
    assert report["records_per_second"] is None
    assert report["ledger"] == {"loaded": len(folder.rows("SELECT 1 FROM orders WHERE id = 2")), "replaced": 0}
    errors = capfd.readouterr().err
    assert "unknown" in errors
    assert "what the ledger holds of this run" in errors


def test_counts_that_a_runner_got_wrong_are_no_bug_of_ours(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write("a.xml", orders([order(1), order(2)]))
    monkeypatch.setattr(remote, "counters_of", lambda result: {"read": 2, "loaded": 1})
    assert folder.run_elsewhere(*PORTABLE) == 1
    assert "the runner has lost or repeated" in folder.report["error"]
    assert "report it" not in folder.report["error"]


# Waiting for a job, with a runner that does what it is told to.


class FakeResult(PipelineResult):
    """A job of a runner: its states, one for each time that it is asked; an exception is no answer."""

    def __init__(self, *states: str | Exception):
        self.states = list(states)
        self.cancelled = False

    @property
    def state(self) -> str:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if isinstance(state, Exception):
            raise state
        return state

    def cancel(self) -> None:
        self.cancelled = True
        self.states = [PipelineState.CANCELLED]

    def wait_until_finish(self, duration: int | None = None) -> str:
        if self.state == PipelineState.FAILED:
            raise RuntimeError("java.lang.Exception: no more slots")
        return self.state


@pytest.fixture
def submit(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Report, Interrupts, Exception | None]]:
    """Waits for a job, that is this result, and gives the report, and what was raised."""
    folder.write("a.xml", orders([order(1)]))
    monkeypatch.setattr(remote, "_POLL_SECONDS", 0.001)
    monkeypatch.setattr(remote, "counters_of", lambda result: {"read": 1, "loaded": 1})

    def submitted(
        result: FakeResult, *more: str, interrupt: bool = False
    ) -> tuple[Report, Interrupts, Exception | None]:
        argv = folder.arguments("--runner", "SparkRunner", "--shards", "1", *more)
        flags = parse_options(argv)
        job = Job.of(flags, load_contract(flags.contract))
        prepare_target(job.flags.target, job.schema)
        report = Report(job.run_id, {}, job.contract.tables, {})
        interrupts = Interrupts()

        def run(pipeline: beam.Pipeline) -> FakeResult:
            if interrupt:
                interrupts._handle(2, None)
            return result

        monkeypatch.setattr(beam.Pipeline, "run", run)
        try:
            remote.run_remote(job, report, interrupts)
        except remote.JobError as error:
            return report, interrupts, error
        return report, interrupts, None

    return submitted


def test_done(submit: Callable[..., Any]) -> None:
    report, _, error = submit(FakeResult(PipelineState.RUNNING, PipelineState.DONE))
    assert error is None
    assert report.records["loaded"] == 1
    assert report.is_counted


def test_signal_cancels_the_job(submit: Callable[..., Any]) -> None:
    result = FakeResult(PipelineState.RUNNING)
    report, _, error = submit(result, interrupt=True)
    assert error is None
    assert result.cancelled
    assert report.state == "interrupted"
    assert not report.is_counted


def test_job_that_was_done_before_it_could_be_cancelled_is_counted(submit: Callable[..., Any]) -> None:
    result = FakeResult(PipelineState.RUNNING)
    result.cancel = lambda: result.states.__setitem__(0, PipelineState.DONE)  # type: ignore[method-assign]
    report, _, error = submit(result, interrupt=True)
    assert error is None
    assert report.is_counted
    assert report.state == "running"


def test_job_that_cannot_be_cancelled_may_go_on(submit: Callable[..., Any]) -> None:
    result = FakeResult(PipelineState.RUNNING)
    result.cancel = lambda: (_ for _ in ()).throw(OSError("gone"))  # type: ignore[method-assign]
    _, _, error = submit(result, interrupt=True)
    assert "could not be cancelled and may go on" in str(error)


def test_no_worker_begins(submit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    monkeypatch.setattr(remote, "_FIRST_WORD_SECONDS", 0.1)
    result = FakeResult(PipelineState.RUNNING)
    _, _, error = submit(result, "--start_timeout", "1")
    assert "no worker has begun after 1 s" in str(error)
    assert result.cancelled
    assert "No worker has begun yet" in caplog.text


def test_runner_that_does_not_answer_for_a_while(submit: Callable[..., Any]) -> None:
    report, _, error = submit(FakeResult(PipelineState.RUNNING, OSError("try again"), PipelineState.DONE))
    assert error is None
    assert report.is_counted


def test_runner_that_is_gone(submit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_SILENCE_SECONDS", 0.05)
    _, _, error = submit(FakeResult(OSError("gone")))
    assert "the runner has not answered" in str(error)


def test_runner_that_fails_says_why(submit: Callable[..., Any]) -> None:
    report, _, error = submit(FakeResult(PipelineState.FAILED))
    assert "no more slots" in str(error)
    assert not report.is_counted


def test_detached_job_is_not_waited_for(submit: Callable[..., Any]) -> None:
    result = FakeResult(PipelineState.RUNNING)
    report, _, error = submit(result, "--detach", "--job_endpoint", "127.0.0.1:1")
    assert error is None
    assert report.state == "detached"
    assert not result.cancelled
    assert set(report.as_dict()["records"].values()) == {None}
