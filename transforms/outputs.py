"""What a stage gives."""

from __future__ import annotations

from typing import Any, NamedTuple

from apache_beam.pvalue import PCollection

from transforms.records import Reject


class Outputs(NamedTuple):
    """Two collections: what came through, and what did not, with its reason."""

    records: PCollection[Any]
    rejects: PCollection[Reject]
