"""All that the job uses of private parts of Beam and of Python: they may change without a word.

Tested with Beam 2.77 and Python 3.10 to 3.13. After an update ``tests/test_private.py`` says which of them has changed,
and what to do; nothing else has to be looked at.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.runner import PipelineResult


# Beam's engine, which has no public name: "DirectRunner" chooses another one.


class BuiltPipeline:
    """A pipeline that was built once, and runs on Beam's FnApiRunner as often as wanted."""

    def __init__(self, build: Callable[[beam.Pipeline], None], options: PipelineOptions):
        import apache_beam as beam
        from apache_beam.runners.portability.fn_api_runner import FnApiRunner
        from apache_beam.transforms.environments import EmbeddedPythonEnvironment

        self._runner = FnApiRunner
        self._options = options
        pipeline = beam.Pipeline(FnApiRunner(), options=options)
        build(pipeline)
        self._proto = pipeline.to_runner_api(default_environment=EmbeddedPythonEnvironment.default())

    def run(self) -> PipelineResult:
        """Run it, in this process; it is at its end when this returns."""
        return self._runner().run_via_runner_api(self._proto, self._options)


def runner_named(name: str) -> object:
    """The runner that Beam knows by this name; raises what Beam raises where it cannot be made."""
    from apache_beam.runners import create_runner

    return create_runner(name)


# Beam's flags: which there are is known to its parsers alone.


def add_beams_flags(parser: argparse.ArgumentParser) -> None:
    """Add all flags of Beam."""
    from apache_beam.options.pipeline_options import PipelineOptions

    def add(options: Any) -> None:
        for below in options.__subclasses__():
            if below.__module__ == PipelineOptions.__module__:  # others are of programs that Beam brings along
                below._add_argparse_args(parser)
                add(below)

    add(PipelineOptions)


def flags_in_beams_source() -> set[str]:
    """Beam's flags, found without importing it, in the text of the one file that has them; empty: it was not found."""
    package = find_spec("apache_beam")
    folders = package.submodule_search_locations if package else None
    try:
        text = Path((folders or [""])[0], "options", "pipeline_options.py").read_text(encoding="utf-8")
    except OSError:
        return set()
    return set(re.findall(r"--\w[\w-]*", text))


# The flags that a parser of argparse has.


def flag_names(parser: argparse.ArgumentParser) -> list[str]:
    """All flags as they are written."""
    return [option for action in parser._actions for option in action.option_strings]


def groups_of(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str, list[argparse.Action]]]:
    """The groups of flags, in order: title, description, flags."""
    for group in parser._action_groups:
        yield group.title or "", group.description or "", list(group._group_actions)


def add_flag(group: argparse._ArgumentGroup, action: argparse.Action) -> None:
    """Add a flag of another parser to a group."""
    group._add_action(action)


# The fork server of multiprocessing.


def fork_server() -> int | None:
    """The process number of the fork server, if one was started."""
    from multiprocessing import forkserver

    number: int | None = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    return number
