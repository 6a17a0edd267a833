"""A contract compiled into the function that turns a record into its rows."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timezone

import orjson
import xxhash

from transforms.contract.plan import Contract
from transforms.generated import compile_shown
from transforms.map.builder import MapperBuilder
from transforms.map.cells import ColumnError, Failures, text_of_value
from transforms.map.missing import Finder
from transforms.records import MappedRecord, ParsedRecord, Reject, Row, XmlRecord

MAX_KEY_LENGTH = 400
"""Characters of a record key: SQL Server indexes no more than 900 bytes."""

_MOST_ERRORS = 20
"""Errors of one record that its reject names."""


class Mapper:
    """The compiled contract.

    ``failures`` counts texts that were no values, by column and rule; ``warnings`` the conditions of
    ``warn_when`` that held, by table and message; ``finder`` knows what was
    found; ``source`` is the Python source that the contract became.

    Args:
      contract: from :func:`transforms.load_contract`.
      run_id: what ``$run`` gives.
      started: the time of the run, for ``$loaded_at`` and ``CURRENT_TIMESTAMP``; now, when it is not given.
    """

    def __init__(self, contract: Contract, run_id: str = "", started: datetime | None = None):
        started = started or datetime.now(timezone.utc)
        self.contract = contract
        self.schema = contract.schema
        self.failures: Failures = Counter()
        self.warnings: Counter[str] = Counter()
        builder = MapperBuilder(contract, self.failures, self.warnings)
        self.source = builder.source()
        names = {
            **builder.names,
            "checksum": self.checksum,
            "fingerprint": contract.fingerprint(),
            "now": started.astimezone(timezone.utc).replace(tzinfo=None),
            "run_id": run_id,
            "started": started,
            "warnings": self.warnings,
        }
        exec(compile_shown(self.source, f"contract {contract.contract}"), names)  # our own text: see row_function
        self._shred = names["rows_of_record"]
        self._labels = tuple(contract.tables)
        self._reads_above = builder.reads_above
        self.finder = Finder(contract)

    def start_again(self) -> None:
        """Forget what was counted and found."""
        self.failures.clear()
        self.warnings.clear()
        self.finder.start_again()

    def map(self, parsed: ParsedRecord) -> MappedRecord | Reject:
        """The rows of a record, or the reject that names its errors (the first :data:`_MOST_ERRORS`)."""
        record = parsed.record
        rows: dict[str, list[Row]] = {label: [] for label in self._labels}
        errors: list[ColumnError] = []
        try:
            key_values = self._shred(parsed.root, 1, record, rows, errors)
        except RecursionError:
            return Reject.of(record, "map", "depth", "its elements nest too deep for `take: json`")
        except ColumnError as error:
            # Of what makes rows: it is no row's own.
            self.failures[error.path, error.rule] += 1
            errors.append(error)
            key_values = (None,)
        self.finder.look(rows)
        if errors:
            return self._reject(record, errors, key_values)
        key = key_text(key_values)
        if len(key) > MAX_KEY_LENGTH:
            message = f"the key has {len(key)} characters, the ledger holds {MAX_KEY_LENGTH}: {key[:60]!r}..."
            return Reject.of(record, "map", "key_length", message, "record.key")
        return MappedRecord(
            key, key_values, record.source, record.ordinal, record.start, record.end, self.checksum(record), rows
        )

    def checksum(self, record: XmlRecord) -> bytes:
        """A hash of all of the source that the rows are made from: 16 bytes.

        XXH3 finds changes, not forgeries: who can forge a source can change it. A cryptographic hash would take
        a tenth of the time that parsing takes.
        """
        digest = xxhash.xxh3_128(record.payload)
        if record.context.prolog:
            digest.update(record.context.prolog)
        if self._reads_above:
            digest.update(record.context.open_tags)
        return digest.digest()

    def _reject(self, record: XmlRecord, errors: list[ColumnError], key_values: Row) -> Reject:
        message = "; ".join(map(str, errors[:_MOST_ERRORS]))
        if len(errors) > _MOST_ERRORS:
            message += f"; and {len(errors) - _MOST_ERRORS} more"
        key = None if None in key_values else key_text(key_values)
        return Reject.of(record, "map", errors[0].rule, message, errors[0].path, key)


def key_text(values: Row) -> str:
    """A record key as the one text that the ledger keeps; JSON where it has several columns."""
    if len(values) == 1:
        return text_of_value(values[0])
    return orjson.dumps([value if type(value) is str else text_of_value(value) for value in values]).decode()
