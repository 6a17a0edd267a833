"""The command ``beamshred``: one word for each thing that can be done, with a help of its own.

Each word stands for flags of ``run_pipeline.py``, which does the work: ``beamshred check --contract c.yaml ...`` is
``run_pipeline.py --check --contract c.yaml ...``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from pipeline.command import TOOLS
from pipeline.options import OptionsError, canonical, full_parser, given_flags

_OF_INPUT = ("input", "input_table", "input_key", "input_column", "input_where", "key_range", "max_unpacked")
_OF_RUN = ("contract", "target", "log_level", "retry_seconds")


@dataclass(frozen=True)
class Command:
    """A word: what it does, what stands behind it (its positionals, and the flags its help shows), and what it means.

    ``flag`` is the flag that it stands for; ``flags`` ``None`` is all.
    """

    says: str
    flag: str | None = None
    words: Sequence[tuple[str, dict[str, Any]]] = ()
    flags: Sequence[str] | None = ()
    means: Callable[[argparse.Namespace, list[str]], list[str]] = field(default=lambda given, rest: rest)


def _switch(flag: str) -> Callable[[argparse.Namespace, list[str]], list[str]]:
    return lambda given, rest: [f"--{flag}", *rest]


def _valued(flag: str) -> Callable[[argparse.Namespace, list[str]], list[str]]:
    return lambda given, rest: [*([f"--{flag}"] if given.word else []), *given.word, *rest]


def _preview(given: argparse.Namespace, rest: list[str]) -> list[str]:
    return ["--preview", *([given.word] if given.word else []), *rest]


def _many(metavar: str, says: str, number: int | str = 1) -> tuple[tuple[str, dict[str, Any]], ...]:
    return (("word", {"nargs": number, "metavar": metavar, "help": says}),)


def _replay(given: argparse.Namespace, rest: list[str]) -> list[str]:
    """The contract and the target are those of the run, where no others are given."""
    run = Path(given.word[0])
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
_DOCUMENTS = "XML files, folders or globs"

COMMANDS = {
    "run": Command("Load documents into a database, as a contract says.", flags=None),
    "check": Command(
        "Compare a target with a contract, and say what is amiss; nothing is written.",
        "check", flags=("input", *_OF_RUN, "create_disposition"), means=_switch("check"),
    ),
    "infer": Command(
        "Print a contract for documents that nobody has described.",
        "infer", _many("PATH", _DOCUMENTS, "*"), ("infer_xsd", "record", "sample"), _valued("infer"),
    ),
    "preview": Command(
        "Show the first records as tables; no target is needed, and nothing is written.",
        "preview", _many("N", "how many records (default 5)", "?"),
        ("preview_format", *_OF_INPUT, "contract"), _preview,
    ),
    "explain": Command(
        "Show what a run would do: tables, keys, statements, workers; or how one value comes about.",
        "explain", flags=("explain_value", "record_key", "create_sql", *_OF_INPUT, *_OF_RUN), means=_switch("explain"),
    ),
    "coverage": Command(
        "Say which paths of documents a contract reads, which it does not, and which of its own occur nowhere.",
        "coverage", flags=(*_OF_INPUT, "contract", "sample"), means=_switch("coverage"),
    ),
    "import": Command(
        "Print the contract that a legacy mapping contract (JSON) becomes.",
        "import_contract", _many("FILE", "the legacy contract"), means=_valued("import_contract"),
    ),
    "report": Command(
        "Make report.html of a run again.", "report", _many("RUN", _RUN), means=_valued("report")
    ),
    "rejects": Command(
        "Show what a run has rejected, by rule, with the lines around the fault.",
        "rejects", _many("RUN", _RUN), means=_valued("rejects"),
    ),
    "replay": Command(
        "Load the rejects of a run again; its contract and its target, where no others are given.",
        "input", _many("RUN", _RUN), None, _replay,
    ),
    "compare": Command(
        "Show what changed from one run to another.", "compare", _many("RUN", _RUN, 2), means=_valued("compare")
    ),
}  # fmt: skip


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise OptionsError(f"{message}; {self.prog} --help says more")


def main(argv: Sequence[str]) -> int:
    """Do what the words say; the result is the exit code."""
    if not argv or argv[0] in ("-h", "--help"):
        _print_overview()
        return 0
    name, *rest = argv
    try:
        if name not in _known():
            raise OptionsError(_unknown(name))
        command, parser = COMMANDS[name], _parser(name)
        if {"-h", "--help"} & set(rest):
            _helper(parser, command).print_help()
            return 0
        given, flags = parser.parse_known_args(rest) if command.words else (argparse.Namespace(), rest)
        words = command.means(given, canonical(flags))
    except (ValueError, OSError) as error:
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
    print(
        "\nbeamshred COMMAND --help says more. Exit codes: 0 all loaded or skipped; 1 failed; 2 wrong flags, contract"
    )
    print("or target; 3 done, with rejects.")


@cache
def _known() -> tuple[str, ...]:
    """The commands whose flags there are."""
    flags = {action.dest for action in full_parser()._actions} | set(TOOLS)
    return tuple(name for name, command in COMMANDS.items() if command.flag is None or command.flag in flags)


def _unknown(name: str) -> str:
    from transforms.map.document import did_you_mean

    if name.startswith("-"):
        return f"say first what is to be done: beamshred run {name} ...; beamshred --help lists the commands"
    return f"beamshred knows no {name!r}; {did_you_mean(name, _known()) or 'beamshred --help lists the commands'}"


def _parser(name: str) -> argparse.ArgumentParser:
    parser = _Parser(prog=f"beamshred {name}", description=COMMANDS[name].says, add_help=False, allow_abbrev=False)
    for word, settings in COMMANDS[name].words:
        parser.add_argument(word, **settings)
    return parser


def _helper(parser: argparse.ArgumentParser, command: Command) -> argparse.ArgumentParser:
    """The parser with the flags that its help shows."""
    left_out = {"help", command.flag}
    for group in full_parser()._action_groups:
        if command.flags is None and group.title == "instead of a run":
            continue
        shown = [
            action
            for action in group._group_actions
            if action.option_strings and action.dest not in left_out
            and (command.flags is None or action.dest in command.flags)
        ]  # fmt: skip
        if shown:
            flags = parser.add_argument_group("flags" if command.flags is not None else group.title or "flags")
            for action in shown:
                flags._add_action(action)
    return parser
