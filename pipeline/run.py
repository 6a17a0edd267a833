"""One run of the command: prepare the target, run the job, say what happened, and give the exit code."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path

from pipeline.exit_codes import FAILED, LOADED, WITH_REJECTS
from pipeline.job import Job, JobError
from pipeline.local.launch import run_local
from pipeline.local.progress import Progress
from pipeline.look_back import look_back
from pipeline.options import JobOptions
from pipeline.preflight import NOTE, check_target, errors_in
from pipeline.replay import ReplayInput, still_open
from pipeline.report import Report
from pipeline.signals import Interrupts
from pipeline.terminal import Terminal
from transforms import Contract, InputError, LoadError, Target, TargetError, end_run, prepare_target
from transforms.insert.retry import opened

_BUG = "this is a bug, please report it"
_BUG_OF_RUNNER = (
    "the runner has lost or repeated some of what passed between the stages; what was committed is right, and the same"
    " command loads what is missing; try another runner or version of it"
)


def prepared(flags: JobOptions, contract: Contract, terminal: Terminal) -> Job:
    """The job, with a target that is ready for it.

    Raises :class:`UserError` where something is wrong; there is no run folder then.
    """
    job = Job.of(flags, contract)
    try:
        job = _begun(job, terminal)
    except LoadError as error:
        raise TargetError(str(error)) from None
    if job.run.goes_on:
        terminal.note(
            f"Going on with the run {job.run_id}, which was begun at {job.run.started:%F %T} UTC and did not end."
        )
    return job


def _begun(job: Job, terminal: Terminal) -> Job:
    """Check and prepare the target, make the run's folder, and begin the run."""
    # By one connection: it takes as long to make one as to ask several questions.
    with opened(job.flags.target, job.flags.retry_seconds, job.flags.odbc_insert) as database:
        findings = check_target(database, job.schema, job.flags.create_disposition, job.flags.retry_seconds)
        if problems := [finding for finding in findings if finding.severity != NOTE]:
            terminal.findings(problems)
        if errors := errors_in(findings):
            raise TargetError(f"The target does not take what the contract gives, and nothing was written: {errors}")
        job.run_dir.create()
        prepare_target(database, job.schema, job.flags.create_disposition, retry_seconds=job.flags.retry_seconds)
        return job.begun(database)


def run(job: Job, terminal: Terminal, interrupts: Interrupts, started: datetime) -> int:
    contract = {"name": job.contract.contract, "file": job.flags.contract, "fingerprint": job.contract.fingerprint()}
    report = Report(job.run_id, contract, job.contract.tables, job.shown_options(), started)
    with ExitStack() as at_end:
        place, page = _run(job, report, terminal, interrupts, at_end)
    terminal.summary(report.as_dict(), place)
    if page:
        terminal.note(f"The report as a page: {page}")
    if report.error:
        terminal.error(report.error)
    if report.state == "detached":
        terminal.note(f"The job goes on; the ledger of the target holds what it has loaded, as run {job.run_id}.")
        return LOADED
    if report.state != "done":
        terminal.error("What was committed stays; the same command goes on from there.")
        return FAILED
    return WITH_REJECTS if report.records["rejected"] else LOADED


def _run(
    job: Job, report: Report, terminal: Terminal, interrupts: Interrupts, at_end: ExitStack
) -> tuple[str, Path | None]:
    """Load, and leave the report; the result is that of :func:`_leave`."""
    database = None
    with report.usage:
        try:
            if job.is_local:
                progress = Progress(report)
                with terminal.progress(progress):
                    database = run_local(job, report, progress, interrupts, at_end)
            else:
                from pipeline.remote import run_remote

                run_remote(job, report, interrupts)
            if report.state == "running":
                report.state = "done"
            if not report.reconciled and report.state == "done":
                raise JobError(
                    f"the counts do not add up: {report.records}; {_BUG if job.is_local else _BUG_OF_RUNNER}"
                )
        except (JobError, InputError, OSError) as error:
            report.state, report.error = "failed", str(error)
            _keep_details(job, getattr(error, "details", None))
        except KeyboardInterrupt:
            report.state = "interrupted"
    left = _leave(job, report, terminal)
    if report.state != "done":
        return left
    # After all that the run leaves: one that was killed before goes on by the same command, and is told whole.
    try:
        end_run(database or job.flags.target, job.schema, job.input_id, job.run, job.flags.retry_seconds)
    except LoadError as error:
        report.state, report.error = "failed", str(error)
        return _leave(job, report, terminal)
    return left


def _leave(job: Job, report: Report, terminal: Terminal) -> tuple[str, Path | None]:
    """Write what the run leaves in its folder; the result says where the report is, and the page for people."""
    try:
        if isinstance(job.input, ReplayInput):
            report.replay = {"rejects": job.input.rejects, **still_open(job.run_dir.rejects)}
        look_back(job, report)
        place = report.write(job.run_dir)
        report.write_metrics(job.run_dir)
    except OSError as error:
        report.state, report.error = "failed", report.error or str(error)
        return "not written", None
    if job.run_dir.is_local:
        from beamshred.report import write_page  # the page is for people: the run needs nothing of it

        try:
            return place, write_page(Path(job.run_dir.path))
        except Exception as error:  # the run is done, whatever becomes of its page
            terminal.error(f"report.html could not be made: {type(error).__name__}: {error}")
    return place, None


def _keep_details(job: Job, details: str | None) -> None:
    """A traceback is for developers: it goes into the run's folder, not onto the screen."""
    if details:
        with suppress(OSError):  # the disk may be full
            job.run_dir.write("error.txt", job.input.mask(Target.parse(job.flags.target).mask(details)))
