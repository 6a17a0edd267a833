"""The flags of the command: their names, types, defaults and what is said of them, in the order of ``--help``."""

from __future__ import annotations

import argparse
import re

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

MOST, MOST_BYTES = (1 << 31) - 1, 1 << 50
"""The largest numbers of flags: Beam's coders, the clock and the databases have limits too."""


def add_job_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of a run, what a beginner needs first, and those of Beam that we read ourselves."""
    group = parser.add_argument_group("begin here", "These are enough for most.")
    group.add_argument(
        "--input",
        action="extend",
        nargs="+",
        metavar="PATH|URL",
        help="An XML file, a folder (its XML files, recursively) or a glob, plain or .gz, .bz2, .xz, "
        ".zst; several at once, as the shell expands a glob. Or a database, in any form of --target, whose "
        "--input_table holds"
        " the documents. Or the rejects of a run, runs/<run>/rejects, which are loaded again.",
    )
    group.add_argument(
        "--contract",
        metavar="FILE",
        help="The YAML or JSON file that says how records become rows.",
    )
    group.add_argument(
        "--target",
        metavar="URL",
        help="The database: sqlite:///file.db or another SQLAlchemy URL, or odbc: and a connection string; env:NAME or "
        "file:PATH hold one of these, so that no password shows.",
    )
    group.add_argument(
        "--workers",
        "--direct_num_workers",
        dest="direct_num_workers",
        type=_whole,
        default=0,
        metavar="N",
        help="Worker processes of a local run; default: one for each core.",
    )
    group.add_argument(
        "--check",
        action="store_true",
        help="Only compare the target with the contract, and report differences; exit code 2 if data would be lost.",
    )
    group.add_argument("--limit", type=positive, metavar="N", help="Stop after this many records.")
    group.add_argument(
        "--run_dir",
        metavar="FOLDER",
        help="Where report.json and rejects/ go; default runs/<UTC time>-<contract>/.",
    )
    group = parser.add_argument_group("records")
    group.add_argument(
        "--on_existing",
        choices=["skip", "replace", "fail"],
        default="skip",
        help="What to do with a record that is loaded already and has changed, or whose contract has (default "
        "%(default)s; it is reported).",
    )
    group.add_argument(
        "--max_rejects",
        type=_limit_of_rejects,
        metavar="N|P%",
        help="Stop as failed when more records are rejected than this number, or than this share of those read; "
        "on another runner this is checked when the job is done.",
    )
    group.add_argument(
        "--reject_payload",
        choices=[NONE, SPAN, FULL],
        default=FULL,
        help="What is kept of a rejected record: full, the record and its place; span, its place, from "
        "where it can be read again; none. Messages may quote a value whatever is chosen. Default %(default)s.",
    )
    group.add_argument(
        "--projection",
        choices=["on", "off", "strict"],
        default="on",
        help="on: of a record of more than 24 KiB, what the contract cannot reach is not parsed, and damage there "
        "is not seen; strict: it is looked for there, too; off: all is parsed. Default %(default)s.",
    )
    group.add_argument(
        "--max_record_bytes",
        type=_size,
        default=DEFAULT_MAX_RECORD_BYTES,
        metavar="SIZE",
        help="The longest record that is read (default 64M).",
    )
    group.add_argument(
        "--max_depth",
        type=_depth,
        default=DEFAULT_MAX_DEPTH,
        metavar="N",
        help="How deep the elements of a record may nest (default %(default)s).",
    )
    group.add_argument(
        "--max_unpacked",
        type=_size,
        metavar="SIZE",
        help="The most bytes that a compressed file, or document of a table, may become; default 1G or 200 times "
        "its size, whichever is more.",
    )
    group = parser.add_argument_group("documents in a table", "For an --input that is a database.")
    group.add_argument("--input_table", metavar="NAME", help="The table of the documents, as dbo.app_xml.")
    group.add_argument(
        "--input_key",
        metavar="NAME[,NAME]",
        help="The columns of --input_table that identify a row; an index should begin with them.",
    )
    group.add_argument(
        "--input_column",
        metavar="NAME",
        help="The column of the documents: text, xml, or bytes, which may be compressed by gzip.",
    )
    group.add_argument(
        "--input_where",
        metavar="SQL",
        help="A condition in the SQL of the database: only rows that meet it are read.",
    )
    group.add_argument(
        "--key_range",
        metavar="FIRST:LAST",
        help="The keys that are read, both ends included; either may be left out. With several key columns, keys "
        "of the first.",
    )
    group.add_argument(
        "--skip_loaded",
        action="store_true",
        help="Let the database leave out rows that are in the ledger, where --input and --target are "
        "one database and the key of a row is that of its record.",
    )
    group = parser.add_argument_group("target")
    group.add_argument(
        "--create_disposition",
        choices=["CREATE_IF_NEEDED", "CREATE_NEVER"],
        default="CREATE_IF_NEEDED",
        help="Whether missing tables are created (default %(default)s).",
    )
    group.add_argument(
        "--batch_size",
        type=positive,
        default=DEFAULT_BATCH_SIZE,
        metavar="N",
        help="Records that one transaction loads, at the most (default %(default)s).",
    )
    group.add_argument(
        "--batch_bytes",
        type=_size,
        default=DEFAULT_BATCH_BYTES,
        metavar="SIZE",
        help="Bytes of rows that one transaction loads, about (default 16M).",
    )
    group.add_argument(
        "--connections",
        type=positive,
        metavar="N",
        help="Connections to the target at once, at the most (default: three times --workers). Each worker has "
        "one; where they wait for a far database, more are started, which take turns on the cores.",
    )
    group.add_argument(
        "--retry_seconds",
        type=_seconds,
        default=RETRY_SECONDS,
        metavar="N",
        help="How long to wait for a target that is away, locked or too busy, before the run and in it (default 120).",
    )
    group.add_argument(
        "--odbc_insert",
        choices=["json", "fast", "plain"],
        help="How rows go through ODBC: json (SQL Server: one parameter for a table's rows), fast "
        "(arrays of parameters) or plain (row by row); default: the best for the driver and the "
        "server.",
    )
    group = parser.add_argument_group("memory")
    group.add_argument(
        "--memory",
        type=_size,
        metavar="SIZE",
        help="Memory of the whole job, about (default: half of what the machine, or the control group, has). It "
        "bounds the slices, and the number of workers where that is not given. About 300M is enough for one worker.",
    )
    group.add_argument(
        "--slice_bytes",
        type=_size,
        default=DEFAULT_SLICE_BYTES,
        metavar="SIZE",
        help="The largest slice of the input that a worker loads at once (default 1G): slices begin small and "
        "grow to about ten seconds, or their share of --memory.",
    )
    group = parser.add_argument_group("messages")
    group.add_argument("--quiet", action="store_true", help="Show only warnings and errors; the report has the rest.")
    group.add_argument(
        "--progress_seconds",
        type=_seconds,
        default=DEFAULT_PROGRESS_SECONDS,
        metavar="N",
        help="Where the output is not a terminal: a line of progress every so many seconds (default %(default)s); 0: "
        "none.",
    )
    group.add_argument(
        "--log_format",
        choices=["text", "json"],
        default="text",
        help="json: each message, each line of progress and the summary is one line of JSON (default %(default)s).",
    )
    group.add_argument(
        "--log_level",
        type=str.upper,
        choices=["DEBUG", "INFO", "WARNING", "ERROR"],
        default="INFO",
        help="What is logged (default %(default)s).",
    )
    group = parser.add_argument_group("another runner of Beam", "Its own flags pass through to it.")
    group.add_argument(
        "--runner",
        metavar="NAME",
        default="DirectRunner",
        help="Beam's runner: DirectRunner (default), FlinkRunner, SparkRunner, DataflowRunner ...",
    )
    group.add_argument(
        "--shards",
        type=positive,
        metavar="N",
        help="With another runner: batches that load at the same time, at the most; default: by --parallelism and "
        "by what the database takes, 1 for SQLite, which has one writer.",
    )
    group.add_argument(
        "--detach",
        action="store_true",
        help="With another runner: end when the job has been submitted, and let it go on.",
    )
    group.add_argument(
        "--start_timeout",
        type=positive,
        default=DEFAULT_START_SECONDS,
        metavar="SECONDS",
        help="With another runner: how long to wait for the first worker to begin (default %(default)s); then the "
        "job is cancelled.",
    )
    group.add_argument(
        "--allow_plain_password",
        action="store_true",
        help="With another runner: take a password in --target or --input, although it is stored with the job.",
    )
    group.add_argument(
        "--direct_running_mode",
        choices=["multi_processing", "in_memory", "multi_threading"],
        default="multi_processing",
        help=argparse.SUPPRESS,
    )


def add_tool_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of what is done instead of a run."""
    group = parser.add_argument_group("instead of a run")
    group.add_argument(
        "--import_contract",
        metavar="FILE",
        help="Print the contract that a legacy mapping contract (JSON) becomes; what changes is listed on stderr.",
    )
    group.add_argument(
        "--infer",
        metavar="PATH",
        help="Print a contract that loads all values of these documents: files, folders or globs, as for --input.",
    )
    group.add_argument(
        "--infer_xsd",
        metavar="FILE",
        help="Print a contract for the documents that an XML Schema describes.",
    )
    group.add_argument(
        "--record",
        metavar="PATH",
        help="With --infer or --infer_xsd: the path of the records, such as /orders/order, or in a schema the name of "
        "their document element (default: it is found from the documents).",
    )
    group.add_argument(
        "--sample",
        metavar="N",
        help="With --infer: look at N documents at most, and in each at N elements below the document element. With "
        "--coverage: at N records (default 1000).",
    )
    group.add_argument(
        "--coverage",
        action="store_true",
        help="List the paths of the records of --input that the contract reads or does not read, with counts and the "
        "shape of a value, and its own paths that find nothing. Writes nothing.",
    )
    group.add_argument("--report", metavar="RUN", help="Make report.html of a run's folder, runs/<run>, again.")
    group.add_argument("--compare", nargs=2, metavar="RUN", help="Print what changed from one run to another.")
    group.add_argument(
        "--rejects",
        metavar="RUN",
        help="Show what a run has rejected, by rule; with --rule or --number one of them, with the lines around its "
        "fault.",
    )
    group.add_argument("--rule", metavar="STAGE.RULE", help="With --rejects: those of this rule, such as map.type.")
    group.add_argument(
        "--number",
        metavar="N",
        help="With --rejects: the Nth, from 1, of all or of those of --rule (default, with --rule: the first).",
    )
    group.add_argument(
        "--preview",
        metavar="N",
        help="Show the first N records (default 5) as tables, with what was done to their values. Needs --input and "
        "--contract, and writes nothing.",
    )
    group.add_argument(
        "--preview_format",
        choices=["table", "json", "csv"],
        help="How --preview shows them (default table).",
    )
    group.add_argument(
        "--explain",
        action="store_true",
        help="Say what a run would do: tables, keys, statements, workers, slices, and with --input how much there is.",
    )
    group.add_argument(
        "--explain_value",
        metavar="TABLE.COLUMN",
        help="Say how this value of the record with --record_key was made: which paths were tried, what they found, "
        "what was done to it.",
    )
    group.add_argument(
        "--record_key",
        metavar="KEY",
        help="The key of that record; with several columns, their values with commas between them.",
    )
    group.add_argument("--create_sql", action="store_true", help="Print the SQL that creates the tables of --target.")
    group.add_argument("--show_code", action="store_true", help="Print the Python code that --contract becomes.")


def _size(text: str) -> int:
    """A number of bytes: 65536, 64k, 16M, 1.5GB."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kKmMgG]?)[iI]?[bB]?", text.strip())
    size = float(match[1]) * 1024 ** " kmg".index(match[2].lower() or " ") if match else 0
    if size < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of bytes, such as 65536, 64k or 16M")
    if size > MOST_BYTES:
        raise argparse.ArgumentTypeError(f"{text!r} is more than {MOST_BYTES >> 30}G")
    return int(size)


def positive(text: str) -> int:
    """A whole number of at least 1."""
    return _number(text, 1, "a whole number of at least 1")


def _number(text: str, least: int, what: str) -> int:
    number = float(text) if text.isdecimal() else -1  # int() refuses thousands of digits
    if number < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    if number > MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is more than {MOST}")
    return int(text)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, such as 0, 2.5 or 120")
    if float(text) > MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is more than {MOST}")
    return float(text)


def _depth(text: str) -> int:
    if not text.isdecimal() or not 1 <= float(text) <= MAX_MAX_DEPTH:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MAX_MAX_DEPTH}")
    return int(text)


def _limit_of_rejects(text: str) -> str:
    if not re.fullmatch(r"\d+|\d+(\.\d+)?%", text) or (text.endswith("%") and float(text[:-1]) > 100):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number of records nor a percentage such as 0.5%")
    return text


def _whole(text: str) -> int:
    return _number(text, 0, "a whole number")
