"""The stages for Beam YAML: a pipeline that is a file.

    pipeline:
      transforms:
        - {type: ReadXml, name: Read, config: {path: "orders/*.xml", contract: contract.yaml}}
        - {type: ParseXml, name: Parse, input: Read.records, config: {contract: contract.yaml}}
        - {type: MapXml, name: Map, input: Parse.records, config: {contract: contract.yaml}}
        - type: LoadToDatabase
          name: Load
          input: Map.records
          config: {contract: contract.yaml, target: "env:ORDERS_DB"}
        - type: WriteRejects
          input: [Read.rejects, Parse.rejects, Map.rejects, Load.rejects]
          config: {folder: rejects}
    providers:
      - type: python
        config: {}
        transforms:
          ReadXml: transforms.beam_yaml.ReadXml
          ParseXml: transforms.beam_yaml.ParseXml
          MapXml: transforms.beam_yaml.MapXml
          LoadToDatabase: transforms.beam_yaml.LoadToDatabase
          WriteRejects: transforms.beam_yaml.WriteRejects

Each stage but the last has the outputs ``records`` and ``rejects``. The options are those of the stages, and of the
command where it has them. Contracts are read, and the tables of the target made, where the pipeline is built.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from functools import cache

import apache_beam as beam

from transforms import (
    LoadRecords,
    MapRecords,
    ParseXML,
    ReadXML,
    ReadXMLColumn,
    XmlColumn,
    load_contract,
    prepare_target,
    schema_of,
)
from transforms.limits import (
    DEFAULT_BATCH_BYTES,
    DEFAULT_BATCH_SIZE,
    DEFAULT_MAX_DEPTH,
    DEFAULT_MAX_RECORD_BYTES,
)
from transforms.sink import WriteRejects as WriteRejects

YamlOutputs = dict[str, beam.PCollection]


class ReadXml(beam.PTransform):
    """Records of XML files; with ``table``, ``key`` and ``column`` those of a column of the database ``path``."""

    def __init__(
        self,
        path: str | list[str],
        contract: str,
        table: str | None = None,
        key: str | list[str] | None = None,
        column: str | None = None,
        where: str | None = None,
        max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
    ) -> None:
        super().__init__()
        record, namespaces = (loaded := load_contract(contract)).record.path, loaded.namespaces
        self.read: ReadXML | ReadXMLColumn
        if table is None and key is None and column is None and where is None:
            self.read = ReadXML(path, record, namespaces, max_record_bytes)
            return
        if not isinstance(path, str) or table is None or not key or column is None:
            raise ValueError("to read a column of a table, give path (one database), table, key and column")
        keys = (key,) if isinstance(key, str) else tuple(key)
        self.read = ReadXMLColumn(XmlColumn(path, table, keys, column, where), record, namespaces, max_record_bytes)

    def expand(self, begin: beam.pvalue.PBegin) -> YamlOutputs:
        return (begin | self.read)._asdict()


class ParseXml(beam.PTransform):
    """:class:`ParseXML`; ``projection`` is ``on``, ``strict`` or ``off``."""

    def __init__(
        self,
        contract: str,
        projection: str = "on",
        max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
        max_depth: int = DEFAULT_MAX_DEPTH,
    ) -> None:
        super().__init__()
        self.parse = ParseXML(load_contract(contract), projection, max_record_bytes, max_depth)

    def expand(self, records: beam.PCollection) -> YamlOutputs:
        return (records | self.parse)._asdict()


class MapXml(beam.PTransform):
    """:class:`MapRecords`."""

    def __init__(self, contract: str, run_id: str | None = None) -> None:
        super().__init__()
        self.map = MapRecords(load_contract(contract), run_id or _run_id(), datetime.now(timezone.utc))

    def expand(self, records: beam.PCollection) -> YamlOutputs:
        return (records | self.map)._asdict()


class LoadToDatabase(beam.PTransform):
    """:class:`LoadRecords`, which makes the tables that are missing."""

    def __init__(
        self,
        contract: str,
        target: str,
        run_id: str | None = None,
        batch_size: int = DEFAULT_BATCH_SIZE,
        batch_bytes: int = DEFAULT_BATCH_BYTES,
        shards: int = 1,
        on_existing: str = "skip",
        create_disposition: str = "CREATE_IF_NEEDED",
        odbc_insert: str | None = None,
    ) -> None:
        super().__init__()
        loaded = load_contract(contract)
        self.load = LoadRecords(
            target, loaded, run_id or _run_id(), batch_size, batch_bytes, shards, on_existing, odbc_insert=odbc_insert
        )
        prepare_target(target, schema_of(loaded), create_disposition, odbc_insert)

    def expand(self, records: beam.PCollection) -> YamlOutputs:
        return (records | self.load)._asdict()


@cache
def _run_id() -> str:
    """The run of all stages of a process that are given none."""
    return f"{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
