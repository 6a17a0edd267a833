"""The command: parse the flags, run the job, say what happened, and give the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.check import NOTE, check_job, check_target, errors_in
from pipeline.job import Job
from pipeline.launch import JobError, run_local, run_remote
from pipeline.legacy import is_import, run_import
from pipeline.options import JobOptions, OptionsError, is_local, parse_options, print_help
from pipeline.processes import warm_up
from pipeline.replay import ReplayInput, still_open
from pipeline.report import Report
from pipeline.signals import Interrupts
from pipeline.terminal import Terminal
from transforms import InputError, Target, prepare_target

LOADED, FAILED, WRONG, WITH_REJECTS = 0, 1, 2, 3
"""The exit codes: all loaded or skipped; the job failed; wrong flags, contract or target; done, with rejects."""


def main(argv: Sequence[str]) -> int:
    """Run the command line; the result is the exit code."""
    if {"-h", "--help"} & set(argv):
        print_help()
        return LOADED
    if is_import(argv):
        return run_import(argv)
    terminal = Terminal("INFO")
    with Interrupts() as interrupts:
        try:
            options = parse_options(argv)
            flags = options.view_as(JobOptions)
            terminal = Terminal(flags.log_level)
            if flags.check:
                return _check(flags, terminal)
            if is_local(options):
                warm_up()
            job = _prepared(options, terminal)
        except (ValueError, OSError) as error:
            terminal.error(str(error))
            return WRONG
        except KeyboardInterrupt:
            terminal.error("Stopped before anything was loaded.")
            return FAILED
        try:
            with job.run_dir.owned():
                return _run(job, is_local(options), terminal, interrupts)
        except OptionsError as error:
            terminal.error(str(error))
            return WRONG


def _check(flags: JobOptions, terminal: Terminal) -> int:
    findings = check_job(flags)
    terminal.checked(findings)
    return WRONG if errors_in(findings) else LOADED


def _prepared(options: PipelineOptions, terminal: Terminal) -> Job:
    """The job, with a target that is ready for it; ``ValueError`` where something is wrong, and no run folder then."""
    job = Job.of(options)
    findings = check_target(job.target, job.schema, job.create_disposition, job.retry_seconds)
    if problems := [finding for finding in findings if finding.severity != NOTE]:
        terminal.findings(problems)
    if errors := errors_in(findings):
        raise ValueError(f"The target does not take what the contract gives, and nothing was written: {errors}")
    job.run_dir.create()
    prepare_target(job.target, job.schema, job.create_disposition, job.odbc_insert, job.retry_seconds)
    job = job.begun()
    if job.run.goes_on:
        terminal.note(
            f"Going on with the run {job.run_id}, which was begun at {job.run.started:%F %T} UTC and did not end."
        )
    return job


def _run(job: Job, here: bool, terminal: Terminal, interrupts: Interrupts) -> int:
    contract = {"name": job.contract.contract, "file": job.contract_file, "fingerprint": job.contract.fingerprint()}
    report = Report(job.run_id, contract, job.contract.tables, job.shown_options())
    with report.usage:
        try:
            if here:
                with terminal.progress(job.input.size()) as progress:
                    run_local(job, report, progress, interrupts)
            else:
                run_remote(job, report)
            if report.state == "running":
                report.state = "done"
            if not report.reconciled and report.state == "done":
                raise JobError(f"the counts do not add up: {report.records}; this is a bug, please report it")
        except (JobError, InputError, OSError) as error:
            report.state, report.error = "failed", str(error)
            _keep_details(job, getattr(error, "details", None))
        except KeyboardInterrupt:
            report.state = "interrupted"
    try:
        if isinstance(job.input, ReplayInput):
            report.replay = {"rejects": job.input.rejects, **still_open(job.run_dir.rejects)}
        place = report.write(job.run_dir)
    except OSError as error:
        place = "not written"
        report.state, report.error = "failed", report.error or str(error)
    terminal.summary(report.as_dict(), place)
    if report.error:
        terminal.error(report.error)
    if report.state != "done":
        terminal.error("What was committed stays; the same command goes on from there.")
        return FAILED
    return WITH_REJECTS if report.records["rejected"] else LOADED


def _keep_details(job: Job, details: str | None) -> None:
    """A traceback is for whoever mends the program: it goes into the run's folder, not onto the screen."""
    if details:
        with suppress(OSError):  # the disk may be full
            job.run_dir.write("error.txt", job.input.mask(Target.parse(job.target).mask(details)))
