"""The options of a job, and what follows from them: how many workers there are, and how much memory each has."""

from __future__ import annotations

import argparse
from typing import Any

from pipeline import resources
from transforms.user_errors import UserError

COMMAND_BYTES, WORKER_BYTES = 200 << 20, 60 << 20
"""Memory of the command with its fork server, and of each worker, beside what a slice takes."""
WORKERS_PER_CORE = 3
"""The most workers for each core, where they wait for a far database. More would help only where a batch is on its way
more than twice as long as it takes to make one."""
_LEAST_SLICE_MEMORY = 16 << 20
_USUAL_SLICE_MEMORY = 96 << 20


class OptionsError(UserError):
    """A flag is wrong: the message says which, and what would be right."""


class JobOptions(argparse.Namespace):
    """What is loaded, how, and where to: each flag by its name; ``beam`` are Beam's own that were given."""

    allow_plain_password: bool
    batch_bytes: int
    batch_size: int
    beam: dict[str, Any]
    check: bool
    connections: int | None
    contract: str
    create_disposition: str
    detach: bool
    direct_num_workers: int
    direct_running_mode: str
    input: list[str]
    input_column: str | None
    input_key: str | None
    input_table: str | None
    input_where: str | None
    key_range: str | None
    limit: int | None
    log_format: str
    log_level: str
    max_depth: int
    max_record_bytes: int
    max_rejects: str | None
    max_unpacked: int | None
    memory: int | None
    odbc_insert: str | None
    on_existing: str
    progress_seconds: float
    projection: str
    quiet: bool
    reject_payload: str
    retry_seconds: float
    run_dir: str | None
    runner: str
    shards: int | None
    skip_loaded: bool
    slice_bytes: int
    start_timeout: int
    target: str


def is_local(options: JobOptions) -> bool:
    """Whether the job runs on this machine, and not on another of Beam's runners."""
    return options.runner.rpartition(".")[2] in ("DirectRunner", "FnApiRunner")


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
    """Bytes that a worker may hold of one slice, where there are so many workers."""
    share = (memory(given) - COMMAND_BYTES) // workers - WORKER_BYTES
    return max(_LEAST_SLICE_MEMORY, share if given else min(share, _USUAL_SLICE_MEMORY))
