"""The command: parse the flags, run the job, and give the exit code.

What a wrong flag, or a wrong contract, does not need is imported after it was found to be right.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from importlib import import_module
from typing import TYPE_CHECKING

from pipeline.command_line import canonical, full_parser, given_flags, parse_options
from pipeline.exit_codes import FAILED, LOADED, WRONG
from pipeline.options import JobOptions, OptionsError, is_local
from transforms.user_errors import UserError

if TYPE_CHECKING:
    from pipeline.job import Job
    from pipeline.terminal import Terminal

TOOLS = {
    "import_contract": "beamshred.legacy:run_import",
    "infer": "beamshred.infer:run",
    "infer_xsd": "beamshred.infer:run",
    "preview": "beamshred.preview:run",
    "coverage": "beamshred.show_coverage:run",
    "report": "beamshred.report:run",
    "compare": "beamshred.compare:run",
    "rejects": "beamshred.show_rejects:run",
    "explain": "beamshred.explain:run",
    "explain_value": "beamshred.trace:run",
    "create_sql": "beamshred.explain:run",
    "show_code": "beamshred.explain:run",
}
"""What runs instead of the job, by its flag."""


def main(argv: Sequence[str]) -> int:
    """Run the command line; the result is the exit code."""
    started = datetime.now(timezone.utc)
    # Beam warns, when it is imported, of packages that only Google's cloud needs.
    logging.basicConfig(handlers=[logging.NullHandler()])
    if {"-h", "--help"} & set(argv):
        full_parser().print_help()
        return LOADED
    try:
        tool = _tool(argv)
        return _load(argv, started) if tool is None else tool(canonical(argv))
    except Exception as error:
        _tell_bug(argv, error)
        return FAILED


def _tool(argv: Sequence[str]) -> Callable[[list[str]], int] | None:
    """What runs instead of the job, where a flag says so."""
    given = given_flags(argv)
    place = next((TOOLS[flag] for flag in TOOLS if flag in given), None)
    if place is None:
        return None
    module, name = place.split(":")
    tool: Callable[[list[str]], int] = getattr(import_module(module), name)
    return tool


def _load(argv: Sequence[str], started: datetime) -> int:
    """Run the job, or only check its target."""
    from pipeline.signals import Interrupts
    from pipeline.terminal import Terminal

    terminal = Terminal("INFO")  # until the flags say otherwise
    with Interrupts() as interrupts:
        try:
            flags = parse_options(argv)
            terminal = Terminal(flags.log_level, flags.log_format, flags.quiet, flags.progress_seconds)
            flags.log_level = terminal.log_level
            if flags.check:
                return _check(flags, terminal)
            job = _prepared(flags, terminal)
        except (UserError, OSError) as error:
            terminal.error(str(error))
            return WRONG
        except KeyboardInterrupt:
            terminal.error("Stopped before anything was loaded.")
            return FAILED
        from pipeline.run import run

        try:
            with job.run_dir.owned():
                return run(job, terminal, interrupts, started)
        except OptionsError as error:
            terminal.error(str(error))
            return WRONG


def _check(flags: JobOptions, terminal: Terminal) -> int:
    """Compare the target with the contract, and show what was found."""
    from transforms.contract.read import load_contract

    contract = load_contract(flags.contract)
    from pipeline.preflight import check_job, errors_in

    findings = check_job(flags, contract)
    terminal.checked(findings)
    return WRONG if errors_in(findings) else LOADED


def _prepared(flags: JobOptions, terminal: Terminal) -> Job:
    """The job, whose target is ready for it."""
    from pipeline.local.processes import cool_down, warm_up

    try:
        if is_local(flags):
            warm_up()
        from transforms.contract.read import load_contract

        contract = load_contract(flags.contract)
        from pipeline.run import prepared

        return prepared(flags, contract, terminal)
    except BaseException:
        cool_down()
        raise


def _tell_bug(argv: Sequence[str], error: Exception) -> None:
    from pipeline.terminal import Terminal

    is_json = re.search(r"--log_format[= ]json\b", " ".join(canonical(argv)))
    details = "".join(traceback.format_exception(error))
    Terminal("INFO", "json" if is_json else "text").bug(
        _masked(f"{type(error).__name__}: {error}", argv), _masked(details, argv)
    )


def _masked(text: str, argv: Sequence[str]) -> str:
    """``text`` without the secrets of databases that the command line names."""
    from transforms.database.target import Target

    for word in argv:
        with suppress(UserError):
            text = Target.parse(word.partition("=")[2] if word.startswith("--") else word).mask(text)
    return text
