"""What a run never found of what its contract asks for, and what no column reads: said at its end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import islice
from typing import Any

from pipeline.inputs import ColumnInput, FileInput
from pipeline.job import Job
from pipeline.report import Report
from transforms import Part, RecordPath, Reject, Split, XmlRecord, expand, plan_ranges, read_part
from transforms.map.coverage import Coverage
from transforms.map.missing import never_found
from transforms.parse.parser import RecordParser

MOST_FILES = 20
MOST_OF_EACH = 5
MOST_BYTES = 4 << 20
"""The sample: the first records of the first files, or of rows or rejects."""

MOST_PATHS = 200
"""Paths that the report tells of; those that are not read come first."""

_RANGE_BYTES = 1 << 20

logger = logging.getLogger(__name__)


def look_back(job: Job, report: Report) -> None:
    """Add to the report what was never found, by its counts, and what a small sample of the input says of names."""
    records = report.counters["parsed"]
    if not records or not report.is_counted:
        return
    found = {name.removeprefix("found.") for name in report.counters if name.startswith("found.")}
    # A text that could not be a value was there.
    found |= {
        column
        for column, _, _ in (name[9:].rpartition(".") for name in report.counters if name.startswith("failures."))
    }
    missing = never_found(job.contract, found)
    coverage = Coverage(job.contract)
    try:
        for record in sample(job):
            coverage.add(record)
    except Exception as error:  # the run is done, whatever becomes of this
        logger.warning("A sample of the input could not be looked at: %s", job.input.mask(str(error)))
    report.never_found = {name: coverage.suggestion(name) for name in missing}
    report.coverage = {
        "records": coverage.records,
        "paths": {
            path: {"count": place.count, "read": place.read, "shape": place.shape}
            for path, place in coverage.sorted_places()[:MOST_PATHS]
        },
        "never_matched": [f"{name}: {path}" for name, path in coverage.never_matched()],
    }


def sample(job: Job) -> Iterator[Any]:
    """The elements of some records, parsed whole: those of the same input are the same each time."""
    parser = RecordParser(job.flags.max_record_bytes, job.flags.max_depth)
    left = MOST_BYTES
    for part in islice(_parts(job), MOST_FILES):
        path = RecordPath.parse(job.contract.record.path, job.contract.namespaces)
        for record in islice(read_part(part, path, job.flags.max_record_bytes, job.input.column), MOST_OF_EACH):
            if not isinstance(record, XmlRecord):
                continue
            left -= len(record.payload)
            if left < 0:
                return
            parsed = parser.parse(record)
            if not isinstance(parsed, Reject):
                yield parsed.root


def _parts(job: Job) -> Iterator[Part]:
    if isinstance(job.input, FileInput):
        return (Split.of(file) for file in expand(job.input.patterns, job.input.max_unpacked))
    if isinstance(job.input, ColumnInput):
        return iter(islice(plan_ranges(job.input.column, _RANGE_BYTES), 1))
    return iter((*job.input.parts, *(Split.of(file) for file in job.input.files)))
