"""Rejects as lines of JSON: what could not be loaded, why, and the record itself.

    {"stage": "map", "rule": "date", "path": "order.placed", "message": "...", "source": "orders.xml",
     "ordinal": 17, "span": [9120, 9733], "key": "4711", "payload": "<order ...>...</order>"}

A payload that is no UTF-8 text stands as ``payload_base64``. The files hold personal data: the folder
is made for its owner alone.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

import apache_beam as beam
import orjson
from apache_beam.io.filesystems import FileSystems

from transforms.records import Reject

logger = logging.getLogger(__name__)

FetchPayload = Callable[[str, int, int], bytes]
"""Reads bytes of a source again: its name, start and end."""


def reject_to_json(reject: Reject) -> bytes:
    """One reject as a line of JSON, without the line end."""
    line: dict[str, Any] = {
        "stage": reject.stage,
        "rule": reject.rule,
        "path": reject.path,
        "message": reject.message,
        "source": reject.source,
        "ordinal": reject.ordinal,
        "span": None if reject.start is None else [reject.start, reject.end],
        "key": reject.key,
    }
    if reject.details is not None:
        line["details"] = reject.details
    payload = reject.payload
    try:
        line["payload"] = None if payload is None else payload.decode()
    except UnicodeDecodeError:
        line["payload_base64"] = base64.b64encode(payload or b"").decode()
    try:
        return orjson.dumps(line)
    except orjson.JSONEncodeError:
        # A file name need not be UTF-8 text; Python escapes what it cannot write.
        return json.dumps(line).encode()


class WriteRejects(beam.PTransform):
    """Writes rejects to ``<folder>/<name>-<stage>.jsonl``; nothing at all when there are none.

    One file for each stage, under a name that does not depend on the worker: a bundle that is run again
    overwrites what it wrote, and no reject is there twice.

    Args:
      folder: on any Beam filesystem.
      name: of the files, before the stage.
      fetch_payload: reads the payload of a reject that comes without one, from its source.
    """

    def __init__(self, folder: str, name: str, fetch_payload: FetchPayload | None = None):
        super().__init__()
        self.folder = folder
        self.name = name
        self.fetch_payload = fetch_payload

    def expand(self, rejects: beam.PCollection[Reject]) -> beam.PCollection[str]:
        return (
            rejects
            | "ToJSON" >> beam.Map(_to_line, self.fetch_payload).with_output_types(tuple[str, bytes])
            | "Gather" >> beam.GroupByKey()
            | "Write" >> beam.Map(_write, self.folder, self.name).with_output_types(str)
        )


def _to_line(reject: Reject, fetch_payload: FetchPayload | None) -> tuple[str, bytes]:
    if reject.payload is None and fetch_payload is not None and reject.start is not None and reject.end is not None:
        try:
            reject = reject.with_payload(fetch_payload(reject.source, reject.start, reject.end))
        except OSError:
            logger.warning("%s cannot be read again; a reject goes without its payload", reject.source)
    return reject.stage, reject_to_json(reject)


def write_rejects(
    rejects: Iterable[Reject], folder: str, name: str, stage: str, fetch_payload: FetchPayload | None = None
) -> None:
    """Write rejects of one stage as :class:`WriteRejects` does, without a pipeline; nothing where there are none."""
    lines = (_to_line(reject, fetch_payload)[1] for reject in rejects)
    for first in lines:
        _write((stage, chain([first], lines)), folder, name)


def _write(group: tuple[str, Iterable[bytes]], folder: str, name: str) -> str:
    stage, lines = group
    path = FileSystems.join(folder, f"{name}-{stage}.jsonl")
    partial = path + ".partial"
    with FileSystems.create(partial, "application/x-ndjson") as file:
        for line in lines:
            file.write(line + b"\n")
    if FileSystems.exists(path):
        FileSystems.delete([path])
    FileSystems.rename([partial], [path])
    return path
