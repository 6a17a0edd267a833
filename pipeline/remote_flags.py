"""What the flags of a job mean on another of Beam's runners: each works there, or is refused with the reason."""

from __future__ import annotations

from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    PipelineOptions,
    PortableOptions,
    SetupOptions,
    SparkRunnerOptions,
    WorkerOptions,
)

from pipeline.options import JobOptions, OptionsError
from pipeline.private import runner_named
from transforms import Target
from transforms.database.target import is_reference

LOCAL_ONLY = {
    "connections": "say by --shards how many batches load at the same time",
    "limit": "give a part of the input",
    "memory": "say to the runner how much its workers have",
    "progress_seconds": "the runner shows how far its job is",
    "slice_bytes": "the runner divides the input itself",
    "workers": "say by --parallelism how many slots are used, or by the runner's own flags",
    "direct_num_workers": "say by --parallelism how many slots are used, or by the runner's own flags",
    "direct_running_mode": "it is for one machine",
}
"""Flags that have no meaning on another runner, and what to do instead."""

_REFUSED = {
    "PrismRunner": "it lost one of 13 elements in one of 26 runs (Beam 2.77): use DirectRunner, FlinkRunner,"
    " SparkRunner or DataflowRunner",
    "BundleBasedDirectRunner": "it is slow and for tests of Beam: use DirectRunner",
}
_SHARDS_PER_SLOT = 4
"""Shards are dealt to slots by a hash: with as many as slots a third of these would have none."""


def check_remote_flags(job: JobOptions, given: set[str]) -> None:
    """Raise :class:`OptionsError` for what cannot be on another runner; ``given`` are the flags that were."""
    runner, options = runner_name(job.runner), PipelineOptions([], **job.beam)
    if runner in _REFUSED:
        raise OptionsError(f"--runner {runner} is refused: {_REFUSED[runner]}")
    try:
        runner_named(job.runner)
    except (ValueError, ImportError, AttributeError) as error:
        raise OptionsError(f"--runner {runner} cannot be used: {error}") from None
    if wrong := sorted(given & set(LOCAL_ONLY)):
        raise OptionsError(f"--{wrong[0]} works on the DirectRunner only; leave it out: {LOCAL_ONLY[wrong[0]]}")
    if not job.run_dir:
        raise OptionsError("with another runner, --run_dir must name a folder that all workers can write to")
    if not job.shards and parallelism(options) is None:
        raise OptionsError(
            f"with --runner {runner}, say how many slots or workers there are: --parallelism N (--max_num_workers N on"
            " Dataflow), or at least --shards N, how many batches load at the same time; it cannot be found"
            " out otherwise"
        )
    if runner == "FlinkRunner" and options.view_as(FlinkRunnerOptions).parallelism < 1:
        raise OptionsError(
            "with --runner FlinkRunner, give --parallelism N, the slots that the job uses: by itself Flink uses 1"
        )
    if job.detach:
        _check_detach(options, runner)
    if not job.allow_plain_password:
        _check_secrets(job)


def slots(job: JobOptions) -> int:
    """How many parts of the job run at once, as far as a flag says so."""
    return parallelism(PipelineOptions([], **job.beam)) or job.shards or 0


def parallelism(options: PipelineOptions) -> int | None:
    """How many parts of the job run at once, where a flag says so."""
    workers = options.view_as(WorkerOptions)
    known = (options.view_as(FlinkRunnerOptions).parallelism, workers.max_num_workers, workers.num_workers)
    return next((number for number in known if number and number > 0), None)


def shards_for(number: int, free_connections: int | None) -> int:
    """How many shards a job has, for this number of slots. No more batches load at once than shards, and than slots."""
    if free_connections is None or number < free_connections:
        return _SHARDS_PER_SLOT * number
    return max(1, free_connections - 1)  # a slot has one connection at the most, and somebody else may want one


def runner_name(runner: str) -> str:
    """Without the module that it may be given with."""
    return runner.rpartition(".")[2]


def workers_have_us(options: PipelineOptions) -> bool:
    """Whether the workers have this package, so that it need not be sent to them."""
    portable, worker = options.view_as(PortableOptions), options.view_as(WorkerOptions)
    setup = options.view_as(SetupOptions)
    if setup.setup_file or setup.extra_packages:
        return True  # the user says what is sent
    return bool(
        portable.environment_type in ("LOOPBACK", "EXTERNAL", "PROCESS")
        or portable.environment_config
        or worker.sdk_container_image
    )


def _check_detach(options: PipelineOptions, runner: str) -> None:
    portable = options.view_as(PortableOptions)
    lasting = (
        runner == "DataflowRunner"
        or portable.job_endpoint not in (None, "embed")
        or options.view_as(FlinkRunnerOptions).flink_submit_uber_jar
        or options.view_as(SparkRunnerOptions).spark_submit_uber_jar
    )
    if portable.environment_type == "LOOPBACK":
        raise OptionsError("--detach cannot be used with --environment_type LOOPBACK: its workers are in this process")
    if not lasting:
        raise OptionsError(
            "--detach needs a job server that goes on when the command ends: give --job_endpoint HOST:PORT of one"
        )


def _check_secrets(job: JobOptions) -> None:
    for flag, given in (("--target", [job.target]), ("--input", job.input if job.input_table else ())):
        for text in given:
            if not is_reference(text) and Target.parse(text).has_secret:
                raise OptionsError(
                    f"{flag} holds a password, which would be stored with the job on the runner: give env:NAME or"
                    " file:PATH, which the workers read themselves, or --allow_plain_password"
                )
