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
from pipeline.overlap import WORKERS_PER_CORE
from transforms.limits import (
    DEFAULT_BATCH_BYTES,
    DEFAULT_BATCH_SIZE,
    DEFAULT_MAX_DEPTH,
    DEFAULT_MAX_RECORD_BYTES,
    FULL,
    MAX_MAX_DEPTH,
    NONE,
    RETRY_SECONDS,
    SPAN,
)

DEFAULT_SLICE_BYTES = 1 << 30
DEFAULT_START_SECONDS = 600
DEFAULT_PROGRESS_SECONDS = 10

REMOTE_ONLY = ("detach", "start_timeout", "allow_plain_password", "shards")
"""Flags that have no meaning on this machine."""

COMMAND_BYTES, WORKER_BYTES = 200 << 20, 60 << 20
"""Memory of the command with its fork server, and of each worker, beside what a slice takes."""
_LEAST_SLICE_MEMORY = 16 << 20
_USUAL_SLICE_MEMORY = 96 << 20


class OptionsError(ValueError):
    """A flag that is wrong: the message says which, and what would be right."""


def _size(text: str) -> int:
    """A number of bytes: 65536, 64k, 16M, 1.5GB."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kKmMgG]?)[iI]?[bB]?", text.strip())
    size = int(float(match[1]) * 1024 ** " kmg".index(match[2].lower() or " ")) if match else 0
    if size < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of bytes, such as 65536, 64k or 16M")
    return size


def positive(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, such as 0, 2.5 or 120")
    return float(text)


def _depth(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_MAX_DEPTH:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MAX_MAX_DEPTH}")
    return int(text)


def _limit_of_rejects(text: str) -> str:
    if not re.fullmatch(r"\d+|\d+(\.\d+)?%", text) or (text.endswith("%") and float(text[:-1]) > 100):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number of records nor a percentage such as 0.5%")
    return text


class JobOptions(argparse.Namespace):
    """What is loaded, how, and where to: each flag by its name; ``beam`` are Beam's own that were given."""

    beam: dict[str, Any]

    @staticmethod
    def add_flags(parser: argparse.ArgumentParser) -> None:
        job = parser.add_argument_group("beamshred")
        job.add_argument(
            "--input",
            action="append",
            metavar="PATH|URL",
            help="An XML file, a folder (its XML files, recursively) or a glob, plain or .gz, .bz2, .xz, "
            ".zst; may be repeated. Or a database, in any form of --target, whose --input_table holds"
            " the documents. Or the rejects of a run, runs/<run>/rejects, which are loaded again.",
        )
        job.add_argument("--input_table", metavar="NAME", help="The table of the documents, as dbo.app_xml.")
        job.add_argument(
            "--input_key",
            metavar="NAME[,NAME]",
            help="The columns of --input_table that tell its rows apart; an index should begin with them.",
        )
        job.add_argument(
            "--input_column",
            metavar="NAME",
            help="The column of the documents: text, xml, or bytes, which may be compressed by gzip.",
        )
        job.add_argument(
            "--input_where",
            metavar="SQL",
            help="Which rows are read, as a condition in the database's SQL.",
        )
        job.add_argument(
            "--key_range",
            metavar="FIRST:LAST",
            help="Which keys are read, both ends included; either may be left out. Of several key columns "
            "it is the first.",
        )
        job.add_argument(
            "--skip_loaded",
            action="store_true",
            help="Let the database leave out rows that are in the ledger, where --input and --target are "
            "one database and the key of a row is that of its record.",
        )
        job.add_argument(
            "--contract",
            metavar="FILE",
            help="The YAML or JSON file that says how records become rows.",
        )
        job.add_argument(
            "--target",
            metavar="URL",
            help="The database: sqlite:///file.db or another SQLAlchemy URL; env:NAME or file:PATH hold "
            "one, so that no password shows.",
        )
        job.add_argument(
            "--run_dir",
            metavar="FOLDER",
            help="Where report.json and rejects/ go; default runs/<UTC time>-<contract>/.",
        )
        job.add_argument(
            "--batch_size",
            type=positive,
            default=DEFAULT_BATCH_SIZE,
            metavar="N",
            help="Records that one transaction loads, at the most (default %(default)s).",
        )
        job.add_argument(
            "--batch_bytes",
            type=_size,
            default=DEFAULT_BATCH_BYTES,
            metavar="SIZE",
            help="Bytes of rows that one transaction loads, about (default 16M).",
        )
        job.add_argument(
            "--shards",
            type=positive,
            metavar="N",
            help="With another runner: batches that load at the same time, at the most; default: by --parallelism and "
            "by what the database takes, 1 for SQLite, which has one writer.",
        )
        job.add_argument(
            "--on_existing",
            choices=["skip", "replace", "fail"],
            default="skip",
            help="What to do with a record that is loaded already and has changed, or whose contract has (default "
            "%(default)s; it is reported).",
        )
        job.add_argument(
            "--odbc_insert",
            choices=["json", "fast", "plain"],
            help="How rows go through ODBC: json (SQL Server: one parameter for a table's rows), fast "
            "(arrays of parameters) or plain (row by row); default: the best for the driver and the "
            "server.",
        )
        job.add_argument(
            "--create_disposition",
            choices=["CREATE_IF_NEEDED", "CREATE_NEVER"],
            default="CREATE_IF_NEEDED",
            help="Whether missing tables are created (default %(default)s).",
        )
        job.add_argument(
            "--retry_seconds",
            type=_seconds,
            default=RETRY_SECONDS,
            metavar="N",
            help="How long the target is waited for, before the run and in it, when it is away, locked or too busy "
            "(default 120).",
        )
        job.add_argument(
            "--check",
            action="store_true",
            help="Only compare the target with the contract, and say what is amiss; exit code 2 if data would be lost.",
        )
        job.add_argument(
            "--max_record_bytes",
            type=_size,
            default=DEFAULT_MAX_RECORD_BYTES,
            metavar="SIZE",
            help="The longest record that is read (default 64M).",
        )
        job.add_argument(
            "--max_unpacked",
            type=_size,
            metavar="SIZE",
            help="The most bytes that a compressed file, or document of a table, may become; default 1G or 200 times "
            "its size, whichever is more.",
        )
        job.add_argument(
            "--max_depth",
            type=_depth,
            default=DEFAULT_MAX_DEPTH,
            metavar="N",
            help="How deep the elements of a record may nest (default %(default)s).",
        )
        job.add_argument(
            "--projection",
            choices=["on", "off", "strict"],
            default="on",
            help="on: of a record of more than 24 KiB, what the contract cannot reach is not parsed, and damage there "
            "is not seen; strict: it is looked for there, too; off: all is parsed. Default %(default)s.",
        )
        job.add_argument(
            "--max_rejects",
            type=_limit_of_rejects,
            metavar="N|P%%",
            help="Stop as failed when more records are rejected than this number, or than this share of those read; "
            "another runner's job is judged when it is done.",
        )
        job.add_argument(
            "--reject_payload",
            choices=[NONE, SPAN, FULL],
            default=FULL,
            help="What is kept of a record that is rejected: full, the record and its place; span, its place, from "
            "where it can be read again; none. Messages may quote a value whatever is chosen. Default %(default)s.",
        )
        job.add_argument("--limit", type=positive, metavar="N", help="Stop after this many records.")
        job.add_argument(
            "--slice_bytes",
            type=_size,
            default=DEFAULT_SLICE_BYTES,
            metavar="SIZE",
            help="The largest slice of the input that a worker loads at once (default 1G): slices begin small and "
            "grow to about five seconds, or their share of --memory.",
        )
        job.add_argument(
            "--memory",
            type=_size,
            metavar="SIZE",
            help="Memory of the whole job, about (default: half of what the machine, or the control group, has). It "
            "bounds the slices, and the number of workers where that is not given; 300M is little.",
        )
        job.add_argument(
            "--connections",
            type=positive,
            metavar="N",
            help="Connections to the target at once, at the most (default: three times --workers). Each worker has "
            "one; where they wait for a far database more are started, which take turns on the cores.",
        )
        job.add_argument(
            "--detach",
            action="store_true",
            help="With another runner: end when the job has been submitted, and let it go on.",
        )
        job.add_argument(
            "--start_timeout",
            type=positive,
            default=DEFAULT_START_SECONDS,
            metavar="SECONDS",
            help="With another runner: how long the first sign of a worker is waited for (default %(default)s); then "
            "the job is cancelled.",
        )
        job.add_argument(
            "--allow_plain_password",
            action="store_true",
            help="With another runner: take a password in --target or --input, although it is stored with the job.",
        )
        job.add_argument(
            "--log_level",
            type=str.upper,
            choices=["DEBUG", "INFO", "WARNING", "ERROR"],
            default="INFO",
            help="What is logged (default %(default)s).",
        )
        job.add_argument(
            "--log_format",
            choices=["text", "json"],
            default="text",
            help="json: each message, each line of progress and the summary is one line of JSON (default %(default)s).",
        )
        job.add_argument(
            "--progress_seconds",
            type=_seconds,
            default=DEFAULT_PROGRESS_SECONDS,
            metavar="N",
            help="Where the output is no terminal: a line of progress every so many seconds (default %(default)s); 0: "
            "none.",
        )
        job.add_argument(
            "--quiet", action="store_true", help="Show warnings and errors alone; the report has all the rest."
        )


class Parser(argparse.ArgumentParser):
    """Of flags: what is wrong is an :class:`OptionsError`."""

    def error(self, message: str) -> NoReturn:
        raise OptionsError(message)


def parse_options(argv: Sequence[str]) -> JobOptions:
    """The options of a command line; raises :class:`OptionsError` for a flag that is unknown or wrong."""
    parser = Parser(add_help=False, allow_abbrev=False)
    JobOptions.add_flags(parser)
    _add_beam_flags(parser)
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
    JobOptions.add_flags(parser)
    _add_beam_flags(parser)
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
        raise _unknown(unknown[0] if unknown else words[0], [*ours, *beams])

    from apache_beam.options.pipeline_options import PipelineOptions

    parser = Parser(add_help=False, allow_abbrev=False)
    for options in _all_subclasses(PipelineOptions):
        options._add_argparse_args(parser)
    _, left = parser.parse_known_args(words)
    if left:
        raise _unknown(next((word for word in left if word.startswith("--")), left[0]), [*ours, *_names(parser)])
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


def _unknown(word: str, known: Iterable[str]) -> OptionsError:
    from transforms.map.document import did_you_mean

    flag = word.split("=")[0]
    suggestion = did_you_mean(flag, known)
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
        description="Loads XML documents into the tables of a database, as a contract says.",
        epilog="Exit codes: 0 all loaded or skipped; 1 failed; 2 wrong flags, contract or target; "
        "3 done, with rejects. "
        "Beam's own flags (--temp_location, --flink_master, ...) pass through to it.",
    )
    JobOptions.add_flags(parser)
    tools = parser.add_argument_group("instead of a run")
    tools.add_argument(
        "--import_contract",
        metavar="FILE",
        help="Print the contract that a legacy mapping contract (JSON) becomes; what changed is said on stderr.",
    )
    tools.add_argument(
        "--infer",
        metavar="PATH",
        help="Print a contract that loads all values of these documents: files, folders or globs, as for --input.",
    )
    tools.add_argument(
        "--infer_xsd",
        metavar="FILE",
        help="Print a contract for the documents that an XML Schema describes.",
    )
    tools.add_argument(
        "--record",
        metavar="PATH",
        help="With either: the path of the records, such as /orders/order, or in a schema the name of their document "
        "element; found, where it is not given.",
    )
    tools.add_argument(
        "--sample",
        metavar="N",
        help="With --infer: look at N documents at most, and in each at N elements below the document element.",
    )
    tools.add_argument("--report", metavar="RUN", help="Make report.html of a run's folder, runs/<run>, again.")
    tools.add_argument("--compare", nargs=2, metavar="RUN", help="Print what changed from one run to another.")
    tools.add_argument(
        "--preview",
        metavar="N",
        help="Show the first N records (default 5) as tables, with what was done to their values. Needs --input and "
        "--contract, and writes nothing.",
    )
    tools.add_argument(
        "--preview_format",
        choices=["table", "json", "csv"],
        help="How --preview shows them (default table).",
    )
    tools.add_argument(
        "--explain",
        action="store_true",
        help="Say what a run would do: tables, keys, statements, workers, slices, and with --input how much there is.",
    )
    tools.add_argument(
        "--explain_value",
        metavar="TABLE.COLUMN",
        help="Say how this value of the record with --record_key comes about: which paths were tried, what they found, "
        "what was done to it.",
    )
    tools.add_argument("--record_key", metavar="KEY", help="Of several columns: with commas between the values.")
    tools.add_argument("--create_sql", action="store_true", help="Print the SQL that creates the tables of --target.")
    _add_beam_flags(parser)
    return parser


def _add_beam_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of Beam that we read ourselves; its defaults are one worker, in this process."""
    beam = parser.add_argument_group("Beam")
    beam.add_argument(
        "--runner",
        metavar="NAME",
        default="DirectRunner",
        help="Beam's runner: DirectRunner (default), FlinkRunner, SparkRunner, DataflowRunner ...",
    )
    beam.add_argument(
        "--direct_num_workers",
        "--workers",
        type=_whole,
        default=0,
        metavar="N",
        help="Worker processes of a local run; default: one for each core.",
    )
    beam.add_argument(
        "--direct_running_mode",
        choices=["multi_processing", "in_memory", "multi_threading"],
        default="multi_processing",
        help=argparse.SUPPRESS,
    )


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


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
