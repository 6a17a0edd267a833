"""One run of the command, with every flag resolved and checked."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from pipeline.inputs import Input, input_id, make_input
from pipeline.options import (
    WORKER_BYTES,
    JobOptions,
    OptionsError,
    is_local,
    most_workers,
    slice_memory,
    workers,
)
from pipeline.replay import ReplayInput
from pipeline.report import RunFolder
from transforms import Contract, LoadPolicy, Run, Schema, Target, begin_run, schema_of, writers
from transforms.database.database import Database
from transforms.database.target import MASK, is_secret
from transforms.insert.lookup import free_connections


class JobError(Exception):
    """The job failed: the message says why, for people; ``details`` may hold a traceback."""

    def __init__(self, message: str, details: str | None = None):
        super().__init__(message)
        self.details = details


@dataclass(frozen=True)
class Job:
    """What to load, from where, to where, and how.

    ``input_id`` tells its input from others, ``run`` is a new run until :meth:`begun` was called. ``workers`` read,
    parse and map at once; where these wait for the database there may be ``most_workers``.
    """

    flags: JobOptions
    contract: Contract
    schema: Schema
    input: Input
    input_id: str
    run: Run
    run_dir: RunFolder
    workers: int
    most_workers: int
    one_writer: bool
    shards: int

    @classmethod
    def of(cls, flags: JobOptions, contract: Contract) -> Job:
        """Resolve the flags; raise :class:`UserError` for a flag, an input or a target that is wrong."""
        # First, before anything is created: a wrong target is found here, too.
        if is_local(flags):
            number, shards = workers(flags), 1
            one_writer = writers(flags.target, 2, flags.retry_seconds) == 1
            most_at_once = number if one_writer else most_workers(flags)
        else:
            from pipeline.remote_flags import shards_for, slots

            number = most_at_once = slots(flags)
            most = shards_for(number, free_connections(flags.target))
            shards = flags.shards or writers(flags.target, most, flags.retry_seconds)
            one_writer = shards == 1
        now = datetime.now(timezone.utc)
        given = make_input(flags, contract)
        run_dir = RunFolder.named(flags.run_dir, f"{now:%Y%m%dT%H%M%SZ}-{contract.contract}")
        if isinstance(given, ReplayInput) and given.is_in(run_dir.path):
            raise OptionsError(
                f"--run_dir {run_dir.path!r} holds the rejects of --input, which a run removes: give another"
            )
        run = Run(f"{now:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}", now)
        return cls(
            flags, contract, schema_of(contract), given, input_id(flags), run, run_dir, number, most_at_once,
            one_writer, shards,
        )  # fmt: skip

    def begun(self, database: Database) -> Job:
        """The job as the run that it is: a new one, or one that was interrupted. The target must be ready."""
        run = begin_run(
            database, self.schema, self.input_id, self.run, self.input.changed_since, self.flags.retry_seconds
        )
        return replace(self, run=run, input=self.input.of_run(run.run_id))

    @property
    def is_local(self) -> bool:
        return is_local(self.flags)

    @property
    def run_id(self) -> str:
        return self.run.run_id

    @property
    def policy(self) -> LoadPolicy:
        """How records are loaded."""
        return LoadPolicy(self.run_id, self.flags.on_existing, self.flags.retry_seconds, self.schema.fingerprint)

    @property
    def worker_memory(self) -> int:
        """Bytes of a worker's own that it may hold between two slices; it is replaced where it holds more."""
        return WORKER_BYTES + self.slice_memory(self.workers)

    def slice_memory(self, workers: int) -> int:
        """Bytes that a worker may hold of one slice, where there are so many."""
        return slice_memory(self.flags.memory, workers)

    def check_rejects(self, records: Mapping[str, int]) -> None:
        """Raise :class:`JobError` where more of these records were rejected than ``--max_rejects`` allows."""
        if self.flags.max_rejects is None:
            return
        read, rejected = records["read"], records["rejected"]
        share = self.flags.max_rejects.removesuffix("%")
        allowed = float(share) / 100 * read if share != self.flags.max_rejects else float(share)
        if rejected > allowed:
            raise JobError(f"{rejected:,} of {read:,} records were rejected, --max_rejects is {self.flags.max_rejects}")

    def shown_options(self) -> dict[str, Any]:
        """The options for the report: ours, and Beam's where they were given; no secrets."""
        given = {name: value for name, value in vars(self.flags).items() if name != "beam"}
        target = str(Target.parse(self.flags.target))
        shown = {**self.flags.beam, **given, "direct_num_workers": self.workers, "target": target}
        shown["input"] = [self.input.mask(given) for given in shown["input"]]
        return {
            name: MASK
            if is_secret(name) and value
            else value
            if isinstance(value, (int, float, bool, list, type(None)))
            else str(value)
            for name, value in sorted(shown.items())
        }
