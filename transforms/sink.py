"""What becomes of rejects in a pipeline: WriteRejects, and how they travel with what is loaded."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator

import apache_beam as beam
import zstandard

from transforms import coders as coders
from transforms.limits import FULL
from transforms.records import REJECTS, Reject, encode_block
from transforms.rejects import ReadAgain, kept, write_group


class PackRejects(beam.PTransform):
    """Packs rejects into few elements ``(REJECTS, block)``, which can go through a shuffle with other blocks."""

    MOST = 200

    def expand(self, rejects: beam.PCollection[Reject]) -> beam.PCollection[tuple[str, bytes]]:
        return rejects | beam.BatchElements(1, self.MOST) | beam.Map(_packed).with_output_types(tuple[str, bytes])


class UnpackRejects(beam.PTransform):
    """The rejects in elements of :class:`PackRejects` that were grouped by key; nothing of other keys."""

    def expand(self, groups: beam.PCollection[tuple[str, Iterable[bytes]]]) -> beam.PCollection[Reject]:
        return groups | beam.FlatMap(_unpacked).with_output_types(Reject)


def _packed(rejects: Iterable[Reject]) -> tuple[str, bytes]:
    return REJECTS, encode_block(pickle.dumps(reject, 5) for reject in rejects)


def _unpacked(group: tuple[str, Iterable[bytes]]) -> Iterator[Reject]:
    key, blocks = group
    if key == REJECTS:
        for block in blocks:
            yield from map(pickle.loads, pickle.loads(zstandard.decompress(block)))


class WriteRejects(beam.PTransform):
    """Writes rejects to ``<folder>/<name>-<stage>.jsonl``; nothing at all when there are none.

    One file for each stage, under a name that does not depend on the worker: a bundle that is run again
    overwrites what it wrote, and no reject is there twice.

    Args:
      folder: on any Beam filesystem.
      name: of the files, before the stage; or what gives it where they are written.
      read_again: reads the records of rejects that come without one, from their sources.
      keep: ``none``, ``span`` or ``full``, as :mod:`transforms.limits` says.
    """

    def __init__(
        self, folder: str, name: str | Callable[[], str], read_again: ReadAgain | None = None, keep: str = FULL
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
