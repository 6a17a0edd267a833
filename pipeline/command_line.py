"""The command line: it is parsed, and what is wrong with it is said. Beam's own flags pass through.

Beam is imported only where one of its flags is given: it takes a second.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from pipeline import private
from pipeline.flags import add_job_flags, add_tool_flags
from pipeline.options import JobOptions, OptionsError, is_local

REMOTE_ONLY = ("detach", "start_timeout", "allow_plain_password", "shards")
"""Flags that have no meaning on this machine."""


class Parser(argparse.ArgumentParser):
    """Of flags: what is wrong is an :class:`OptionsError`."""

    def error(self, message: str) -> NoReturn:
        raise OptionsError(message)


def parse_options(argv: Sequence[str]) -> JobOptions:
    """The options of a command line; raises :class:`OptionsError` for a flag that is unknown or wrong."""
    parser = Parser(add_help=False, allow_abbrev=False)
    add_job_flags(parser)
    options, rest = parser.parse_known_args(canonical(argv), JobOptions())
    options.beam = _beam_options(rest, private.flag_names(parser)) if rest else {}
    _need(options, *(("contract", "target") if options.check else ("input", "contract", "target")))
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
        raise _unknown(rest[0], private.flag_names(parser))
    _need(options, *needed)
    return options


def _need(options: JobOptions, *names: str) -> None:
    if missing := [f"--{name}" for name in names if not getattr(options, name)]:
        raise OptionsError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing; --help lists all flags"
        )


def _beam_options(words: Sequence[str], ours: Iterable[str]) -> dict[str, Any]:
    """Beam's flags among words that are not flags of ours."""
    # A flag that is not in Beam's source is unknown: that is said without the second that Beam's import takes.
    beams = {canonical([flag])[0]: flag for flag in private.flags_in_beams_source()}
    flags = [word.split("=")[0] for word in words if word.startswith("--")]
    unknown = [flag for flag in flags if flag not in beams] if beams else []
    if unknown or not flags:
        raise _unknown(unknown[0] if unknown else words[0], ours, beams)
    words = [_spelled(word, beams) for word in words]

    from apache_beam.options.pipeline_options import PipelineOptions

    parser = Parser(add_help=False, allow_abbrev=False)
    private.add_beams_flags(parser)
    _, left = parser.parse_known_args(words)
    if left:
        raise _unknown(
            next((word for word in left if word.startswith("--")), left[0]), ours, private.flag_names(parser)
        )
    given: dict[str, Any] = PipelineOptions(list(words)).get_all_options(drop_default=True)
    return given


def _spelled(word: str, flags: Mapping[str, str]) -> str:
    """A flag as Beam writes it: a few have hyphens."""
    flag, equals, value = word.partition("=")
    return flags.get(flag, flag) + equals + value


def _unknown(word: str, ours: Iterable[str], beams: Iterable[str] = ()) -> OptionsError:
    from transforms.contract.document import did_you_mean

    flag = word.split("=")[0]
    suggestion = did_you_mean(flag, ours) or did_you_mean(flag, beams)
    return OptionsError(
        f"unknown flag or argument {flag!r}" + (f"; {suggestion}" if suggestion else "; --help lists all")
    )


def given_flags(argv: Sequence[str]) -> set[str]:
    """The names of the flags of a command line, as they are spelled in the options."""
    return {word[2:].partition("=")[0].replace("-", "_") for word in argv if word.startswith("--")}


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
