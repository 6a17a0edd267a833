"""The tables of our contract, as plain dictionaries in the order of the legacy file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pipeline.legacy import notes as said
from pipeline.legacy.notes import Notes
from pipeline.legacy.paths import Places, attribute_path, elements_path, present, required, shared
from pipeline.legacy.rows import RowMaker, shared_columns
from pipeline.legacy.source import (
    ADDRESS_TABLE,
    BASE_TABLE,
    CONTACT_TABLE,
    EMPLOYMENT_TABLE,
    Filter,
    Legacy,
    Mapping,
    Steps,
)
from pipeline.legacy.sql import column_name
from pipeline.legacy.types import DATE_FORMATS, column_type, readings
from pipeline.legacy.values import Column, Values

_NAMED = ("birth_date", "first_name", "last_name", "ssn")
"""Attributes of which a contact has one."""
_CARRIED = {
    ADDRESS_TABLE: (
        ("zip", "postal"),
        ("city",),
        ("street_name", "street"),
        ("street_number", "street_no", "street_num", "street_nbr"),
        ("state",),
    ),
    EMPLOYMENT_TABLE: (
        ("business_name", "b_name", "employer_name", "employer"),
        ("salary",),
        ("job_title",),
        ("zip",),
        ("city",),
    ),
}
"""What an address or an employment carries one of: parts of names of attributes or columns, the usual one first."""


@dataclass
class Tables:
    """Makes the contract of a legacy file, and notes what changed."""

    legacy: Legacy
    notes: Notes
    record: Steps = field(init=False)
    places: Places = field(init=False)
    values: Values = field(init=False)

    def __post_init__(self) -> None:
        self.places = Places(self.legacy)
        self.values = Values(self.legacy, self.places, self.notes)
        self.record = self._record()

    def contract(self) -> dict[str, Any]:
        """The whole contract, as the keys of :class:`transforms.map.contract.Contract`."""
        tables = {name: self._table(name) for name in self._order()}
        tables = {name: table for name, table in tables.items() if table is not None}
        columns = [*self._columns(tables), *self._record_model()["key"].values()]
        used = {column["type"].partition("(")[0] for column in columns if isinstance(column, dict) and "type" in column}
        contract: dict[str, Any] = {"contract": self.legacy.name}
        if self.legacy.schema:
            contract["schema"] = self.legacy.schema
        contract["defaults"] = {
            "ignore_case": True,
            "omit": True,
            "clean": "trim",
            "on_error": "null",
            "rounding": "half_up",
            "zone": "ignore",
            "format": list(DATE_FORMATS),
            "types": readings(used),
        }
        contract["record"] = self._record_model()
        if self.values.lookups:
            contract["lookups"] = self.values.lookups
        return {**contract, "tables": tables}

    @staticmethod
    def _columns(tables: dict[str, Any]) -> list[dict[str, Any]]:
        sources = [source for table in tables.values() for source in (table, *table.get("union", ()))]
        return [column for source in sources for column in source.get("columns", {}).values()]

    def _record(self) -> Steps:
        """The element of the key, or what holds it and all else that is read."""
        record = self.legacy.key.path
        for path in (*(mapping.path for mapping in self.legacy.mappings), self.legacy.application):
            if path != record[: len(path)]:
                record = shared(record, path)
        return record or self.legacy.key.path[:1]

    def _record_model(self) -> dict[str, Any]:
        key = self.legacy.key
        column: dict[str, Any] = {
            "from": attribute_path(self.record, key.path, key.attribute),
            "type": str(column_type(key)),
            "identity": True,
        }
        record: dict[str, Any] = {"path": "/" + "/".join(self.record), "key": {"app_id": column}}
        name = self.legacy.application_element
        if name:
            above = self.legacy.application[:-1]
            record["reject_when"] = [
                {
                    "when": f"{self._other_product(above, name)} IS NOT NULL",
                    "message": f"wrong product line: there is no {name}",
                }
            ]
        return record

    def _other_product(self, above: Steps, name: str) -> str:
        """A path that finds the record's key where there are elements in the place of ``name``."""
        key = attribute_path(self.record, self.legacy.key.path, self.legacy.key.attribute)
        down = elements_path(self.record, above, f"* and not({name})")
        back = "/.." * (len(above) - len(self.record))
        return f"[{down}{back}/{key}]"

    def _order(self) -> list[str]:
        mapped = list(dict.fromkeys(mapping.table for mapping in self.legacy.mappings))
        for name in self.legacy.order:
            if name not in mapped:
                self.notes.cannot(f"table {name}: nothing is mapped to it")
        for name in mapped:
            if name not in self.legacy.order and self.legacy.order:
                self.notes.cannot(f"table {name} is not in `table_insertion_order`: it comes last")
        return [name for name in dict.fromkeys((*self.legacy.order, *mapped)) if name in mapped]

    def _table(self, name: str) -> dict[str, Any] | None:
        own = [mapping for mapping in self.legacy.mappings if mapping.table == name]
        mappings = [mapping for mapping in own if not self._is_key(mapping)]
        if name == BASE_TABLE:
            return self._placed(name, {}, mappings, self.record, always=True)
        if name == CONTACT_TABLE:
            return self._contacts(mappings)
        if name in _CARRIED:
            return self._below_contact(name, mappings)
        table = self._parent(name, BASE_TABLE)
        if any(mapping.maker for mapping in mappings):
            rows = RowMaker(self.values, self.notes, self.record).rows(name, mappings)
            return {**table, **rows} if rows else None
        return self._document_table(name, table, mappings)

    @staticmethod
    def _is_key(mapping: Mapping) -> bool:
        """Every table gets the record's key, and the contact tables that of the contact, by themselves."""
        return mapping.column == "app_id" or (
            mapping.column == "con_id" and mapping.table in (CONTACT_TABLE, *_CARRIED)
        )

    def _parent(self, name: str, parent: str) -> dict[str, Any]:
        key = "con_id" if parent == CONTACT_TABLE else "app_id"
        renamed = [
            one.column
            for one in self.legacy.relationships
            if one.child == name and one.parent == parent and one.column not in ("", "app_id", "con_id")
        ]
        return {"parent": parent, **({"inherit": {key: renamed[0]}} if renamed else {})}

    def _document_table(self, name: str, table: dict[str, Any], mappings: list[Mapping]) -> dict[str, Any]:
        """One row for each document. Where all is read from one element, that element is the row."""
        base = self.record
        owners = {mapping.path for mapping in mappings}
        simple = all(not mapping.selector and "calculated_field" not in mapping.conversions for mapping in mappings)
        bits = any(mapping.conversions[:1] == ("char_to_bit",) for mapping in mappings)
        if len(owners) == 1 and simple and not bits and owners != {self.record}:
            (base,) = owners
            if base[: len(self.record)] == self.record:
                table = {**table, "rows": f"({elements_path(self.record, base)})[last()]", "key": []}
            else:
                base = self.record
        return self._placed(name, table, mappings, base)

    def _placed(
        self, name: str, table: dict[str, Any], mappings: list[Mapping], base: Steps, always: bool = False
    ) -> dict[str, Any]:
        columns = shared_columns(self.values, self.notes, mappings, base)
        if not always:
            table = {**table, **self._not_empty(columns)}
        return {**table, "columns": {column: found.spec() for column, found in columns.items()}}

    @staticmethod
    def _not_empty(columns: dict[str, Column]) -> dict[str, Any]:
        """What leaves out a row of nothing but keys and defaults. A computed value counts, and so does every bit."""
        if any(column.always for column in columns.values()):
            return {}
        data = {name: column for name, column in columns.items() if column.source != "NULL"}
        if not any(column.is_expression for column in data.values()):
            return {"skip_empty": True}
        return {"where": " OR ".join(column.has_value.format(column_name(name)) for name, column in data.items())}

    # Contacts

    def _contacts(self, mappings: list[Mapping]) -> dict[str, Any]:
        rule = self.places.contact
        key = next((one for one in self.legacy.mappings if (one.table, one.column) == (CONTACT_TABLE, "con_id")), None)
        key = key or Mapping(0, rule.path, "con_id", CONTACT_TABLE, "con_id", "int")
        con_id = {
            "from": attribute_path(rule.path, key.path, key.attribute),
            "type": str(column_type(key)),
            "identity": True,
        }
        table = {**self._parent(CONTACT_TABLE, BASE_TABLE), **self._contact_rows(rule), "key": ["con_id"]}
        placed = self._placed(CONTACT_TABLE, table, mappings, rule.path, always=True)
        columns = {"con_id": con_id, **placed.pop("columns")}
        return {**placed, "unique": {"by": ["con_id"], "keep": "last"}, "columns": columns}

    def _contact_rows(self, rule: Filter) -> dict[str, Any]:
        """The contacts that are kept: those of the preferred type come last, as the last of one ``con_id`` stays."""

        def rows(type_: str | None) -> str:
            conditions = [*required(rule, type_), f"({present(*_NAMED)})"]
            return elements_path(self.record, rule.path, " and ".join(conditions))

        if len(rule.types) < 2:
            return {"rows": rows(None)}
        return {"union": [{"rows": rows(type_)} for type_ in reversed(rule.types)]}

    def _below_contact(self, name: str, mappings: list[Mapping]) -> dict[str, Any]:
        rule = self.places.address if name == ADDRESS_TABLE else self.places.employment
        for mapping in mappings:
            if name == ADDRESS_TABLE and mapping.default is not None:
                self.notes.change(said.ONLY_DEFAULTS, mapping)
        conditions = [*required(rule), f"({present(*self._carried(name, mappings, rule))})"]
        has_contacts = any(mapping.table == CONTACT_TABLE for mapping in self.legacy.mappings)
        table = self._parent(name, CONTACT_TABLE if has_contacts else BASE_TABLE)
        table["rows"] = elements_path(self.places.contact.path, rule.path, " and ".join(conditions))
        return self._placed(name, table, mappings, rule.path)

    @staticmethod
    def _carried(name: str, mappings: list[Mapping], rule: Filter) -> list[str]:
        """The attributes of which an element has one: by their usual names, and what is mapped to such columns."""
        found = {words[0].lower(): words[0] for words in _CARRIED[name]}
        for mapping in mappings:
            names = [part.lower() for part in (mapping.attribute, mapping.column)]
            ends = [f"_{word}" for words in _CARRIED[name] for word in words]
            if mapping.path == rule.path and any(
                f"_{one}".endswith(end) or f"_{one}_".find(f"{end}_") >= 0 for one in names for end in ends
            ):
                found.setdefault(mapping.attribute.lower(), mapping.attribute)
        return list(found.values())
