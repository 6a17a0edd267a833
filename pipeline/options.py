"""Every flag of the command. Beam's own flags pass through; a flag that nobody knows is an error.

Beam is imported only where one of its flags is given: it takes a second.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from pipeline import resources
from pipeline.flags import add_job_flags, add_tool_flags
from pipeline.overlap import WORKERS_PER_CORE

REMOTE_ONLY = ("detach", "start_timeout", "allow_plain_password", "shards")
"""Flags that have no meaning on this machine."""

COMMAND_BYTES, WORKER_BYTES = 200 << 20, 60 << 20
"""Memory of the command with its fork server, and of each worker, beside what a slice takes."""
_LEAST_SLICE_MEMORY = 16 << 20
_USUAL_SLICE_MEMORY = 96 << 20


class OptionsError(ValueError):
    """A flag that is wrong: the message says which, and what would be right."""


class JobOptions(argparse.Namespace):
    """What is loaded, how, and where to: each flag by its name; ``beam`` are Beam's own that were given."""

    beam: dict[str, Any]


class Parser(argparse.ArgumentParser):
    """Of flags: what is wrong is an :class:`OptionsError`."""

    def error(self, message: str) -> NoReturn:
        raise OptionsError(message)


def parse_options(argv: Sequence[str]) -> JobOptions:
    """The options of a command line; raises :class:`OptionsError` for a flag that is unknown or wrong."""
    parser = Parser(add_help=False, allow_abbrev=False)
    add_job_flags(parser)
    options, rest = parser.parse_known_args(canonical(argv), JobOptions())
    options.beam = _beam_options(rest, _names(parser)) if rest else {}
    needed = ("contract", "target") if options.check else ("input", "contract", "target")
    missing = [f"--{name}" for name in needed if not getattr(options, name)]
    if missing:
        raise OptionsError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing; --help lists all flags"
        )
    if any(not given.strip() for given in options.input or ()):
        raise OptionsError("--input is empty; name a file, a folder or a glob: . is the current folder")
    if is_local(options):
        if wrong := sorted(given_flags(argv) & set(REMOTE_ONLY)):
            raise OptionsError(f"--{wrong[0]} is for other runners than the DirectRunner; leave it out")
    else:
        from pipeline.remote_flags import check_remote_flags  # Beam takes a second

        check_remote_flags(options, given_flags(argv))
    if options.direct_running_mode == "multi_threading":
        raise OptionsError(
            "--direct_running_mode multi_threading loses data at volume in Beam; "
            "use --direct_num_workers, which starts processes"
        )
    if options.direct_running_mode == "in_memory" and options.direct_num_workers > 1:
        raise OptionsError(
            "--direct_running_mode in_memory is one process; leave it out, or set --direct_num_workers to 1"
        )
    if options.direct_num_workers < 0:
        raise OptionsError(f"--direct_num_workers is 0 (one for each core) or more, not {options.direct_num_workers}")
    return options


def parse_tool(argv: Sequence[str], add_flags: Callable[[argparse.ArgumentParser], None], *needed: str) -> JobOptions:
    """The flags of a tool that looks at a job and runs none: those of the job, and what ``add_flags`` adds."""
    parser = Parser(add_help=False, allow_abbrev=False)
    add_job_flags(parser)
    add_flags(parser)
    options, rest = parser.parse_known_args(canonical(argv), JobOptions())
    if rest:
        raise _unknown(rest[0], _names(parser))
    if missing := [f"--{name}" for name in needed if not getattr(options, name)]:
        raise OptionsError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing; --help lists all flags"
        )
    return options


def _beam_options(words: Sequence[str], ours: Iterable[str]) -> dict[str, Any]:
    """Beam's flags among words that are none of ours."""
    flags = [word.split("=")[0] for word in words if word.startswith("--")]
    # Beam's flags stand in the text of this one file; what is not there need not wait for Beam.
    beams = _flags_in_source()
    unknown = [flag for flag in flags if flag not in beams] if beams else []
    if unknown or not flags:
        raise _unknown(unknown[0] if unknown else words[0], ours, beams)

    from apache_beam.options.pipeline_options import PipelineOptions

    parser = Parser(add_help=False, allow_abbrev=False)
    for options in _all_subclasses(PipelineOptions):
        options._add_argparse_args(parser)
    _, left = parser.parse_known_args(words)
    if left:
        raise _unknown(next((word for word in left if word.startswith("--")), left[0]), ours, _names(parser))
    given: dict[str, Any] = PipelineOptions(list(words)).get_all_options(drop_default=True)
    return given


def _flags_in_source() -> set[str]:
    package = find_spec("apache_beam")
    folders = package.submodule_search_locations if package else None
    try:
        text = Path((folders or [""])[0], "options", "pipeline_options.py").read_text(encoding="utf-8")
    except OSError:
        return set()
    return set(re.findall(r"--\w+", text))


def _unknown(word: str, ours: Iterable[str], beams: Iterable[str] = ()) -> OptionsError:
    from transforms.contract.document import did_you_mean

    flag = word.split("=")[0]
    suggestion = did_you_mean(flag, ours) or did_you_mean(flag, beams)
    return OptionsError(
        f"unknown flag or argument {flag!r}" + (f"; {suggestion}" if suggestion else "; --help lists all")
    )


def _names(parser: argparse.ArgumentParser) -> list[str]:
    return [option for action in parser._actions for option in action.option_strings]


def given_flags(argv: Sequence[str]) -> set[str]:
    """The names of the flags of a command line, as they are spelled in the options."""
    return {word[2:].partition("=")[0].replace("-", "_") for word in argv if word.startswith("--")}


def workers(options: JobOptions) -> int:
    """The number of local worker processes; without the flag, one for each core, if memory allows."""
    if options.direct_running_mode == "in_memory":
        return 1
    wanted = int(options.direct_num_workers) or max(1, min(resources.cores(), _room(options)))
    return min(wanted, options.connections or wanted)


def most_workers(options: JobOptions) -> int:
    """How many there may be where they wait for the database: as connections and memory allow."""
    number = workers(options)
    if options.direct_running_mode == "in_memory":
        return number
    return max(number, min(options.connections or WORKERS_PER_CORE * number, _room(options)))


def _room(options: JobOptions) -> int:
    """The workers that there is memory for."""
    return (memory(options.memory) - COMMAND_BYTES) // (WORKER_BYTES + _LEAST_SLICE_MEMORY)


def memory(given: int | None) -> int:
    """Bytes of memory for the whole job."""
    return given or resources.memory() // 2


def slice_memory(given: int | None, workers: int) -> int:
    """Bytes that a worker may hold of one slice, where there are so many."""
    share = (memory(given) - COMMAND_BYTES) // workers - WORKER_BYTES
    return max(_LEAST_SLICE_MEMORY, share if given else min(share, _USUAL_SLICE_MEMORY))


def is_local(options: JobOptions) -> bool:
    return options.runner.rpartition(".")[2] in ("DirectRunner", "FnApiRunner")


def print_help() -> None:
    full_parser().print_help()


def full_parser() -> argparse.ArgumentParser:
    """Our flags and the ones of Beam that matter on one machine; Beam has hundreds."""
    parser = argparse.ArgumentParser(
        prog="run_pipeline.py",
        usage="run_pipeline.py --input PATH --contract FILE --target URL [flag ...]",
        description="Loads XML documents into the tables of a database, as a contract says.",
        epilog="Exit codes: 0 all loaded or skipped; 1 failed; 2 wrong flags, contract or target; "
        "3 done, with rejects. "
        "Beam's own flags (--temp_location, --flink_master, ...) pass through to it.",
    )
    add_job_flags(parser)
    add_tool_flags(parser)
    return parser


def canonical(argv: Sequence[str]) -> list[str]:
    """``--batch-size 5`` as ``--batch_size 5``."""
    words = []
    for word in argv:
        if word.startswith("--"):
            flag, equals, value = word.partition("=")
            word = "--" + flag[2:].replace("-", "_") + equals + value
        words.append(word)
    return words


def _all_subclasses(cls: Any) -> list[Any]:
    return [found for below in cls.__subclasses__() for found in (below, *_all_subclasses(below))]
