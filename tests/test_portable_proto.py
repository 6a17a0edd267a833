"""What is sent to another runner, without one: nothing tied to this machine, nothing secret, and all of it loads in a
worker that has nothing but the package."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.portability.portable_runner import JobServiceHandle

from pipeline.command_line import parse_options
from pipeline.job import Job
from pipeline.remote import build, options_for
from pipeline.wheel import make_wheel
from tests.jobs import CONTRACT, order, orders
from transforms import load_contract

ROOT = Path(__file__).resolve().parent.parent
SECRET = "correct-horse-battery"

# Runs in a worker: all functions of the proto are loaded as the SDK's harness loads them, and those that can be are
# set up; no test and no checkout is on its path.
_LOAD = """
import sys, tempfile
sys.path[:0] = [sys.argv[1]]
sys.path = [folder for folder in sys.path if folder and folder != sys.argv[3]]
from apache_beam.internal import pickler
from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.pipeline_context import PipelineContext
import pipeline, transforms
assert pipeline.__file__.startswith(sys.argv[1]), pipeline.__file__
proto = beam_runner_api_pb2.Pipeline.FromString(open(sys.argv[2], "rb").read())
loaded = []
for transform in proto.components.transforms.values():
    if transform.spec.urn == "beam:transform:pardo:v1":
        do_fn = beam_runner_api_pb2.ParDoPayload.FromString(transform.spec.payload).do_fn
        if do_fn.urn == python_urns.PICKLED_DOFN_INFO:  # others are Beam's, by name
            loaded.append(type(pickler.loads(do_fn.payload)[0]).__name__)
context = PipelineContext(proto.components)
for name in proto.components.coders:
    context.coders.get_by_id(name)
print(*sorted(set(loaded)))
"""


@pytest.fixture
def submitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Job, PipelineOptions]:
    """A job from a database into another, both with a password in the environment."""
    source = tmp_path / "in.db"
    with sa.create_engine(f"sqlite:///{source}").begin() as connection:
        connection.exec_driver_sql("CREATE TABLE doc (id INTEGER PRIMARY KEY, xml TEXT)")
        connection.exec_driver_sql("INSERT INTO doc VALUES (1, ?)", (orders([order(1)]),))
    (tmp_path / "contract.yaml").write_text(CONTRACT)
    monkeypatch.setenv("TEST_SOURCE", f"sqlite:///{source}?password={SECRET}")
    monkeypatch.setenv("TEST_TARGET", f"sqlite:///{tmp_path}/out.db?password={SECRET}")
    argv = [
        "--input", "env:TEST_SOURCE", "--input_table", "doc", "--input_key", "id", "--input_column", "xml",
        "--contract", str(tmp_path / "contract.yaml"), "--target", "env:TEST_TARGET", "--run_dir", "/shared/run",
        "--runner", "DataflowRunner", "--num_workers", "3", "--region", "r", "--temp_location", "/shared/tmp",
    ]  # fmt: skip
    flags = parse_options(argv)
    job = Job.of(flags, load_contract(flags.contract))
    return job, options_for(job, "beamshred-test")


def proto_of(job: Job, options: PipelineOptions) -> beam_runner_api_pb2.Pipeline:
    plain = PipelineOptions([], **{**options.get_all_options(drop_default=True), "runner": "DirectRunner"})
    return build(job, plain, "/shared/run/started").to_runner_api()


def pieces(proto: beam_runner_api_pb2.Pipeline) -> bytes:
    """All bytes of a proto, with its compressed pickles opened, too."""
    import base64
    import bz2

    found = [proto.SerializeToString()]
    for word in re.findall(rb"[A-Za-z0-9+/=]{40,}", found[0]):
        try:
            found.append(bz2.decompress(base64.b64decode(word)))
        except (OSError, ValueError):
            continue
    return b"\n".join(found)


def test_no_secret_and_no_path_of_this_machine_is_sent(submitted: tuple[Job, PipelineOptions], tmp_path: Path) -> None:
    job, options = submitted
    sent = pieces(proto_of(job, options))
    assert b"env:TEST_TARGET" in sent  # or the pickles were not opened
    assert b"env:TEST_SOURCE" in sent
    # Functions without a name, that Beam itself has, are sent with the place of their code; none of ours is.
    for what in (SECRET, str(tmp_path), str(ROOT / "pipeline"), str(ROOT / "transforms")):
        at = sent.find(what.encode())
        assert at < 0, sent[max(at - 200, 0) : at + 300]


def test_list_of_files_is_not_sent(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"file-{number}.xml").write_text(orders([order(number)]))
    (tmp_path / "contract.yaml").write_text(CONTRACT)
    argv = [
        "--input", str(tmp_path / "*.xml"), "--contract", str(tmp_path / "contract.yaml"), "--target", "sqlite:///x.db",
        "--run_dir", "/shared/run", "--runner", "SparkRunner", "--shards", "2",
    ]  # fmt: skip
    flags = parse_options(argv)
    job = Job.of(flags, load_contract(flags.contract))
    sent = pieces(proto_of(job, options_for(job, "beamshred-test")))
    assert b"*.xml" in sent
    assert b"file-7.xml" not in sent


def test_options_of_ours_are_not_shown_to_the_runner(submitted: tuple[Job, PipelineOptions]) -> None:
    _, options = submitted
    shown = JobServiceHandle.encode_pipeline_options(options.get_all_options(drop_default=True))
    names = set(dict(shown))
    assert "beam:option:num_workers:v1" in names
    assert not names & {f"beam:option:{name}:v1" for name in ("target", "input", "input_where", "contract", "run_dir")}


def test_worker_with_nothing_but_the_package_loads_all_of_it(
    submitted: tuple[Job, PipelineOptions], tmp_path: Path
) -> None:
    import zipfile

    proto = tmp_path / "pipeline.pb"
    proto.write_bytes(proto_of(*submitted).SerializeToString())
    with zipfile.ZipFile(make_wheel(tmp_path)) as wheel:
        wheel.extractall(tmp_path / "installed")
    command = [sys.executable, "-c", _LOAD, str(tmp_path / "installed"), str(proto), os.getcwd()]
    loaded = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert loaded.returncode == 0, loaded.stderr
    assert {"ParseDoFn", "MapDoFn", "BulkInsertDoFn"} <= set(loaded.stdout.split())
