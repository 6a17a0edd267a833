"""The command ``beamshred``: one word for each thing that can be done, with a help of its own.

Each word stands for flags of ``run_pipeline.py``, which does the work: ``beamshred check --contract c.yaml ...`` is
``run_pipeline.py --check --contract c.yaml ...``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.command import TOOLS
from pipeline.command_line import canonical, full_parser, given_flags
from pipeline.options import OptionsError
from pipeline.private import add_flag, groups_of
from transforms.user_errors import UserError

_OF_INPUT = ("input", "input_table", "input_key", "input_column", "input_where", "key_range", "max_unpacked")
_OF_RUN = ("contract", "target", "log_level", "retry_seconds")


@dataclass(frozen=True)
class Command:
    """What a word does and means.

    ``flag`` is the flag that it stands for; ``words`` what follows it at once, by metavar and help; ``least`` how many
    of them must; ``flags`` those that its help shows, ``None`` for all; ``means`` makes the words of
    ``run_pipeline.py`` of those that follow, where that is more than to put the flag before them.
    """

    says: str
    flag: str | None = None
    words: tuple[str, str] | None = None
    least: int = 0
    flags: Sequence[str] | None = ()
    means: Callable[[list[str]], list[str]] | None = None


def _replay(words: list[str]) -> list[str]:
    """The contract and the target are those of the run, where no others are given."""
    run, rest = Path(words[0]), words[1:]
    options: dict[str, Any] = {}
    if (run / "report.json").is_file():
        options = json.loads((run / "report.json").read_text(encoding="utf-8")).get("options", {})
    found = ["--input", str(run / "rejects" if (run / "rejects").is_dir() else run)]
    for flag in ("contract", "target"):
        value = str(options.get(flag, ""))
        if flag not in given_flags(rest) and value and "***" not in value:
            found += [f"--{flag}", value]
    return [*found, *rest]


_RUN = "the folder of a run, runs/<run>"

COMMANDS = {
    "run": Command("Load documents into a database, as a contract says.", flags=None, means=list),
    "check": Command(
        "Compare a target with a contract and report what does not match; nothing is written.",
        "check", flags=("input", *_OF_RUN, "create_disposition"),
    ),
    "infer": Command(
        "Print a contract made from documents, or from a schema (--infer_xsd).",
        "infer", ("PATH", "XML files, folders or globs"), flags=("infer_xsd", "record", "sample"),
        means=lambda words: words if words[:1] and words[0].startswith("--") else ["--infer", *words],
    ),
    "preview": Command(
        "Show the first records as tables; no target is needed, and nothing is written.",
        "preview", ("N", "how many records (default 5)"), flags=("preview_format", *_OF_INPUT, "contract"),
    ),
    "explain": Command(
        "Show what a run would do: tables, keys, statements, workers; or how one value was made.",
        "explain", flags=("explain_value", "record_key", "create_sql", "show_code", *_OF_INPUT, *_OF_RUN),
    ),
    "coverage": Command(
        "List the paths of documents that a contract reads or does not read, and its own paths that find nothing.",
        "coverage", flags=(*_OF_INPUT, "contract", "sample"),
    ),
    "import": Command(
        "Print the contract that a legacy mapping contract (JSON) becomes.",
        "import_contract", ("FILE", "the legacy contract"), 1,
    ),
    "report": Command("Make report.html of a run again.", "report", ("RUN", _RUN), 1),
    "rejects": Command(
        "Show what a run has rejected, by rule, with the lines around the fault.",
        "rejects", ("RUN", _RUN), 1, flags=("rule", "number"),
    ),
    "replay": Command(
        "Load the rejects of a run again, with its contract and target unless others are given.",
        "input", ("RUN", _RUN), 1, None, _replay,
    ),
    "compare": Command("Show what changed from one run to another.", "compare", ("RUN RUN", "folders of runs"), 2),
}  # fmt: skip


def main(argv: Sequence[str]) -> int:
    """Do what the words say; the result is the exit code."""
    if not argv or argv[0] in ("-h", "--help"):
        _print_overview()
        return 0
    name, *rest = argv
    try:
        if name not in _known():
            raise OptionsError(_unknown(name))
        command = COMMANDS[name]
        if {"-h", "--help"} & set(rest):
            _helper(name, command).print_help()
            return 0
        if command.words and len([word for word in rest[: command.least] if not word.startswith("-")]) < command.least:
            raise OptionsError(f"write beamshred {name} {command.words[0]} ...; see beamshred {name} --help")
        words = canonical(rest)
        words = command.means(words) if command.means else [f"--{command.flag}", *words]
    except (UserError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    from pipeline.command import main as run_pipeline

    return run_pipeline(words)


def run() -> int:
    """The entry point of the installed command."""
    try:
        return main(sys.argv[1:])
    except KeyboardInterrupt:
        return 130


def _print_overview() -> None:
    print("usage: beamshred COMMAND ...\n\nLoads XML documents into the tables of a database, as a contract says.\n")
    for name in _known():
        print(f"  {name:10}{COMMANDS[name].says}")
    print("\nSee beamshred COMMAND --help. Exit codes: 0 all loaded or skipped; 1 failed;")
    print("2 wrong flags, contract or target; 3 done, with rejects.")


@cache
def _known() -> tuple[str, ...]:
    """The commands whose flags there are."""
    flags = {action.dest for *_, actions in groups_of(full_parser()) for action in actions} | set(TOOLS)
    return tuple(name for name, command in COMMANDS.items() if command.flag is None or command.flag in flags)


def _unknown(name: str) -> str:
    from transforms.contract.document import did_you_mean

    if name.startswith("-"):
        return f"a command must come first: beamshred run {name} ...; beamshred --help lists the commands"
    return f"there is no command {name!r}; {did_you_mean(name, _known()) or 'beamshred --help lists the commands'}"


def _helper(name: str, command: Command) -> argparse.ArgumentParser:
    """What shows the help of a command."""
    usage = f"beamshred {name}{f' {command.words[0]}' if command.words else ''} [flags]"
    parser = argparse.ArgumentParser(prog=f"beamshred {name}", usage=usage, description=command.says, add_help=False)
    if command.words:
        parser.add_argument("words", metavar=command.words[0], help=command.words[1])
    left_out = {"help", command.flag}
    for title, _, actions in groups_of(full_parser()):
        if command.flags is None and title == "instead of a run":
            continue
        shown = [
            action
            for action in actions
            if action.option_strings and action.dest not in left_out
            and (command.flags is None or action.dest in command.flags)
        ]  # fmt: skip
        if shown:
            flags = parser.add_argument_group("flags" if command.flags is not None else title or "flags")
            for action in shown:
                add_flag(flags, action)
    return parser
