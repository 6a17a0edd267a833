"""What we use of other libraries that they do not promise. A test that fails here says what to do after an update."""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from lxml import etree

from pipeline import private
from pipeline.beam_results import counters_of
from tests.jobs import ROOT
from transforms.metrics import NAMESPACE
from transforms.private import DEPTH, ENTITIES, ENTITY_LOOP, LIMIT_MESSAGES, TEXT, limit_of, with_lines_replaced

_ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 20}">' for n in range(1, 8))
BROKEN_LIMITS = {
    DEPTH: b"<a>" * 300 + b"</a>" * 300,
    ENTITIES: f'<!DOCTYPE a [<!ENTITY e0 "{"x" * 99}">{_ENTITIES}]><a>&e7;</a>'.encode(),
    ENTITY_LOOP: b'<!DOCTYPE a [<!ENTITY b "&c;"><!ENTITY c "&b;">]><a>&b;</a>',
    TEXT: b"<a>" + b"x" * 10_000_001 + b"</a>",
}


def error_of(document: bytes) -> etree.XMLSyntaxError:
    with pytest.raises(etree.XMLSyntaxError) as caught:
        etree.fromstring(document, etree.XMLParser(resolve_entities="internal"))
    return caught.value


@pytest.mark.parametrize("limit", BROKEN_LIMITS)
def test_messages_of_libxml2_about_its_limits_are_known(limit: str) -> None:
    error = error_of(BROKEN_LIMITS[limit])
    assert limit_of(error) == limit, (
        f"libxml2 {etree.LIBXML_VERSION} says of this limit {error.msg!r}: correct {LIMIT_MESSAGES[limit]!r} in"
        " LIMIT_MESSAGES, transforms/private.py"
    )


@pytest.mark.parametrize("document", [b"<a>\n<b></a>", b"<a>\n<b>"])
def test_messages_of_libxml2_name_the_line_of_the_start_tag(document: bytes) -> None:
    message = str(error_of(document).msg)
    assert "(line 2)" in with_lines_replaced(message, lambda line: f"(line {line})"), (
        f"libxml2 {etree.LIBXML_VERSION} says {message!r}: correct _LINE_OF_START_TAG in transforms/private.py, or the"
        " lines in rejects are those of the parsed document, not of the record"
    )


def test_pipeline_runs_again_and_again_on_the_engine_of_beam() -> None:
    def build(pipeline: beam.Pipeline) -> None:
        counter = beam.metrics.Metrics.counter(NAMESPACE, "private_test")
        pipeline | beam.Create([1, 2, 3]) | beam.Map(lambda _: counter.inc())

    built = private.BuiltPipeline(build, PipelineOptions([], direct_num_workers=1, direct_running_mode="in_memory"))
    counts = [counters_of(built.run())["private_test"] for _ in range(2)]
    assert counts == [3, 3], "correct BuiltPipeline in pipeline/private.py: FnApiRunner runs a pipeline from its proto"


def test_flags_of_beam_are_found() -> None:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    private.add_beams_flags(parser)
    flags = private.flag_names(parser)
    assert "--flink_master" in flags, "correct add_beams_flags in pipeline/private.py: Beam's flags were not added"
    missing = {flag for flag in flags if flag.startswith("--")} - private.flags_in_beams_source()
    # What is not in Beam's source is refused as unknown.
    assert not missing, f"correct flags_in_beams_source in pipeline/private.py: {missing} are defined elsewhere now"


def test_runners_of_beam_are_known_by_name() -> None:
    assert private.runner_named("FlinkRunner"), "correct runner_named in pipeline/private.py"
    with pytest.raises((ValueError, ImportError, AttributeError)):
        private.runner_named("NoRunner")


def test_flags_and_groups_of_a_parser_are_found() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument_group("here", "What is here.").add_argument("--one", "-o")
    other = argparse.ArgumentParser(add_help=False)
    for title, description, flags in private.groups_of(parser):
        if title == "here":
            assert description == "What is here."
            private.add_flag(other.add_argument_group("there"), flags[0])
    assert private.flag_names(parser) == private.flag_names(other) == ["--one", "-o"], (
        "correct what is said of argparse in pipeline/private.py"
    )


def test_fork_server_is_known_by_its_number() -> None:
    import psutil

    from pipeline.local.processes import warm_up

    warm_up()
    number = private.fork_server()
    assert number is not None, "correct fork_server in pipeline/private.py: warm_up has started one"
    assert psutil.Process(number).ppid() == psutil.Process().pid


ALLOWED = {
    # Documented, in spite of the underscore.
    "_replace", "_asdict", "_fields", "_make", "_exit", "_current_frames", "_Element",
}  # fmt: skip
ENGINES = ("apache_beam.runners.portability", "apache_beam.runners.direct", "apache_beam.transforms.environments")


def private_uses(path: Path) -> Iterator[str]:
    """The private names of others that a file of source uses."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            of = node.value
            is_own = (isinstance(of, ast.Name) and of.id in ("self", "cls")) or isinstance(of, ast.Call)
            if not is_own and node.attr not in ALLOWED | own:
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.attr}"
        elif isinstance(node, ast.ImportFrom):
            modules = f"{node.module}.", *(alias.name for alias in node.names)
            if any(part.startswith("_") and part not in ALLOWED for name in modules for part in name.split(".")) and (
                node.module != "__future__"
            ):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.module}"
            if (node.module or "").startswith(ENGINES):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.module}"


def test_private_parts_of_others_are_used_in_two_modules_alone() -> None:
    files = [path for folder in ("pipeline", "transforms", "beamshred") for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 100
    found = [use for path in files if path.name != "private.py" for use in private_uses(path)]
    assert not found, f"put these into pipeline/private.py or transforms/private.py, with a test here: {found}"
    assert list(private_uses(ROOT / "pipeline" / "private.py")), "the search itself finds nothing"


def test_nothing_is_logged_to_by_importing(tmp_path: Path) -> None:
    import subprocess

    code = "import logging, pipeline, transforms, beamshred, pipeline.command; print(logging.getLogger().handlers)"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
