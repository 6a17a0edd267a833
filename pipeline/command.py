"""The command: parse the flags, run the job, and give the exit code.

What a wrong flag, or a wrong contract, does not need is imported after it was found to be right.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from importlib import import_module

from pipeline.options import OptionsError, canonical, given_flags, is_local, parse_options, print_help

TOOLS = {
    "import_contract": "beamshred.legacy:run_import",
    "infer": "beamshred.infer:run",
    "infer_xsd": "beamshred.infer:run",
    "preview": "beamshred.preview:run",
    "coverage": "beamshred.coverage:run",
    "report": "beamshred.report:run",
    "compare": "beamshred.compare:run",
    "rejects": "beamshred.rejects:run",
    "explain": "beamshred.explain:run",
    "explain_value": "beamshred.trace:run",
    "create_sql": "beamshred.explain:run",
    "show_code": "beamshred.explain:run",
}
"""What runs instead of the job, by its flag."""

LOADED, FAILED, WRONG, WITH_REJECTS = 0, 1, 2, 3
"""The exit codes: all loaded or skipped; the job failed; wrong flags, contract or target; done, with rejects."""


def main(argv: Sequence[str]) -> int:
    """Run the command line; the result is the exit code."""
    started = datetime.now(timezone.utc)
    if {"-h", "--help"} & set(argv):
        print_help()
        return LOADED
    if tool := next((TOOLS[flag] for flag in TOOLS if flag in given_flags(argv)), None):
        module, name = tool.split(":")
        return int(getattr(import_module(module), name)(canonical(argv)))
    from pipeline.processes import cool_down, warm_up
    from pipeline.signals import Interrupts
    from pipeline.terminal import Terminal

    terminal = Terminal("INFO")
    with Interrupts() as interrupts:
        try:
            flags = parse_options(argv)
            terminal = Terminal(flags.log_level, flags.log_format, flags.quiet, flags.progress_seconds)
            flags.log_level = terminal.log_level
            if is_local(flags) and not flags.check:
                warm_up()
            from transforms.contract.read import load_contract

            contract = load_contract(flags.contract)
            from pipeline import run

            if flags.check:
                return run.check(flags, contract, terminal)
            job = run.prepared(flags, contract, terminal)
        except (ValueError, OSError) as error:
            cool_down()
            terminal.error(str(error))
            return WRONG
        except KeyboardInterrupt:
            cool_down()
            terminal.error("Stopped before anything was loaded.")
            return FAILED
        try:
            with job.run_dir.owned():
                return run.run(job, terminal, interrupts, started)
        except OptionsError as error:
            terminal.error(str(error))
            return WRONG
