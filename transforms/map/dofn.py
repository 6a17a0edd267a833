"""MapDoFn: from the element tree of a record to its rows, as a contract says."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timezone
from time import perf_counter
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput

from transforms import coders as coders
from transforms.contract.plan import Contract
from transforms.map.mapper import Mapper
from transforms.metrics import NAMESPACE, count, count_reject, slowest, spent
from transforms.records import REJECTS, MappedRecord, ParsedRecord, Reject


@beam.typehints.with_input_types(ParsedRecord)
@beam.typehints.with_output_types(MappedRecord)
class MapDoFn(beam.DoFn):
    """Maps records to rows; one that breaks a rule of the contract goes to the output tagged ``rejects``.

    Args:
      contract: from :func:`transforms.load_contract`.
      run_id: names the run, for contracts that put it into a column.
      started: the time of the run, with its zone; now, when it is not given.
    """

    def __init__(self, contract: Contract, run_id: str = "", started: datetime | None = None):
        self.contract = contract
        self.run_id = run_id
        self.started = started or datetime.now(timezone.utc)
        self._rows = Metrics.distribution(NAMESPACE, "map.record_rows")
        self._identity = uuid.uuid4().hex

    def display_data(self) -> dict[str, Any]:
        return {"contract": self.contract.contract, "fingerprint": self.contract.fingerprint()}

    def setup(self) -> None:
        mapper = _idle.pop(self._identity, None)
        if mapper is None:
            mapper = Mapper(self.contract, self.run_id, self.started)
        else:
            mapper.start_again()
        self._mapper = mapper

    def teardown(self) -> None:
        _idle.clear()
        _idle[self._identity] = self._mapper

    def process(self, parsed: ParsedRecord) -> Iterator[MappedRecord | TaggedOutput]:
        began = perf_counter()
        try:
            mapped = self._mapper.map(parsed)
        except Exception as error:
            mapped = Reject.of_bug(parsed.record, "map", error)
        took = perf_counter() - began
        spent["map"] += took
        if took > slowest.least:
            slowest.add(took, "map", parsed.record)
        self._count_oddities()
        if isinstance(mapped, Reject):
            count_reject(mapped)
            yield TaggedOutput(REJECTS, mapped)
        else:
            count("mapped")
            self._rows.update(sum(map(len, mapped.rows.values())))
            yield mapped

    def _count_oddities(self) -> None:
        failures, warnings = self._mapper.failures, self._mapper.warnings
        if failures:
            for (column, rule), number in failures.items():
                count(f"failures.{column}.{rule}", number)
            failures.clear()
        if warnings:
            for warning, number in warnings.items():
                count(f"warnings.{warning}", number)
            warnings.clear()
        if self._mapper.finder.found:
            for name in self._mapper.finder.found:
                count(f"found.{name}")
            self._mapper.finder.found.clear()


_idle: dict[str, Mapper] = {}
"""The mapper of a stage that has been torn down, for when it is set up again: a contract of 230 columns takes a tenth
of a second to compile, and a worker of a local run sets its stages up for each slice. By the stage and not by the
contract, as a mapper must not be shared by two at once."""
