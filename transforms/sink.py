"""What becomes of rejects in a pipeline: WriteRejects, and how they travel with what is loaded."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator

import apache_beam as beam

from transforms import coders as coders
from transforms.blocks import Batch, Block
from transforms.limits import FULL
from transforms.records import REJECTS, Reject
from transforms.rejects import ReadAgain, kept, write_group


class PackRejects(beam.PTransform):
    """Packs rejects into few elements ``(REJECTS, Block)``, which can go through a shuffle with other blocks."""

    MOST = 200

    def expand(self, rejects: beam.PCollection[Reject]) -> beam.PCollection[tuple[str, Block]]:
        return rejects | beam.BatchElements(1, self.MOST) | beam.Map(_packed).with_output_types(tuple[str, Block])


class UnpackRejects(beam.PTransform):
    """The rejects in batches of what :class:`PackRejects` gave; nothing of other batches."""

    def expand(self, batches: beam.PCollection[Batch]) -> beam.PCollection[Reject]:
        return batches | beam.FlatMap(_unpacked).with_output_types(Reject)


def _packed(rejects: Iterable[Reject]) -> tuple[str, Block]:
    return REJECTS, Block.of([pickle.dumps(reject, 5) for reject in rejects])


def _unpacked(batch: Batch) -> Iterator[Reject]:
    if batch.shard == REJECTS:
        for block in batch.blocks:
            yield from block.values()


class WriteRejects(beam.PTransform):
    """Writes rejects to ``<folder>/<name>-<stage>.jsonl``; no file where there are none.

    One file for each stage, under a name that does not depend on the worker: a bundle that is run again
    overwrites what it wrote, and no reject is there twice.

    Args:
      folder: on any Beam filesystem; all workers must be able to write to it.
      name: of the files, before the stage; or what gives it where they are written.
      read_again: reads the records of rejects that come without one, from their sources.
      keep: ``none``, ``span`` or ``full``, as :mod:`transforms.limits` says.
    """

    def __init__(
        self,
        folder: str,
        name: str | Callable[[], str] = "rejects",
        read_again: ReadAgain | None = None,
        keep: str = FULL,
    ):
        super().__init__()
        self.folder = folder
        self.name = name
        self.read_again = read_again if keep == FULL else None
        self.keep = keep

    def expand(self, rejects: beam.PCollection[Reject]) -> beam.PCollection[str]:
        return (
            rejects
            | "Keep" >> beam.Map(kept, self.keep).with_output_types(tuple[str, Reject])
            | "Gather" >> beam.GroupByKey()
            | "Write" >> beam.Map(write_group, self.folder, self.name, self.read_again).with_output_types(str)
        )
