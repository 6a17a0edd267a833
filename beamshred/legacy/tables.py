"""The tables of our contract, as plain dictionaries in the order of the legacy file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from beamshred.legacy import notes as said
from beamshred.legacy.fields import NUMBER, Fields, column_name
from beamshred.legacy.notes import Notes
from beamshred.legacy.paths import Places, elements_path
from beamshred.legacy.rows import RowMaker, shared_columns
from beamshred.legacy.source import (
    ADDRESS_TABLE,
    BASE_TABLE,
    CONTACT_TABLE,
    EMPLOYMENT_TABLE,
    Filter,
    Legacy,
    Mapping,
    Steps,
)
from beamshred.legacy.sql import any_given, quoted
from beamshred.legacy.types import DATE_FORMATS, column_type, readings
from beamshred.legacy.values import Column, Values

_NAMED = ("birth_date", "first_name", "last_name", "ssn")
"""Attributes of which a contact has one."""
_EMPLOYED = ("business_name", "b_name", "employer_name", "employer", "job_title", "zip", "city")
"""What an employment carries one of, besides a salary: parts of names of attributes or columns."""
_ABOUT_SALARY = ("basis", "type", "tp", "freq", "frequency", "period", "date", "unit", "code", "enum", "flag")
"""Parts of names of what is said of a salary, and is none."""
_BELOW_CONTACT = (ADDRESS_TABLE, EMPLOYMENT_TABLE)


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
        self.record = self.places.record

    def contract(self) -> dict[str, Any]:
        """The whole contract, as the keys of :class:`transforms.contract.model.Contract`."""
        tables = {name: self._table(name) for name in self._order()}
        tables = {name: table for name, table in tables.items() if table is not None}
        columns = self._columns(tables)
        used = {column.get("type", "text").partition("(")[0] for column in columns if isinstance(column, dict)} | {
            "int"
        }
        contract: dict[str, Any] = {"contract": self.legacy.name}
        if self.legacy.schema:
            contract["schema"] = self.legacy.schema
        has_dates = bool(used & {"date", "datetime"})
        if has_dates:
            contract["formats"] = {"dates": list(DATE_FORMATS)}
        contract["defaults"] = {
            "ignore_case": True,
            "omit": True,
            "clean": "trim",
            "blank": None,
            "on_error": None,
            "rounding": "half_up",
            **({"format": "dates", "zone": "ignore"} if has_dates else {}),
            "types": readings(used),
        }
        record = self._record_model()
        if self.places.elements:
            contract["elements"] = self.places.elements
        contract["record"] = record
        if self.values.lookups:
            contract["lookups"] = self.values.lookups
        return {**contract, "tables": tables}

    @staticmethod
    def _columns(tables: dict[str, Any]) -> list[dict[str, Any]]:
        sources = [source for table in tables.values() for source in (table, *table.get("union", ()))]
        return [column for source in sources for key in ("columns", "let") for column in source.get(key, {}).values()]

    def _record_model(self) -> dict[str, Any]:
        key = self.legacy.key
        path = self.places.attribute(self.record, key.path, key.attribute)
        return {
            "path": "/" + "/".join(self.record),
            "key": {"app_id": _strict(path, key)},
            "reject_when": [_number_rule("app_id", path, f"the {key.attribute}")],
        }

    def _base_table(self, name: str, mappings: list[Mapping]) -> dict[str, Any]:
        """The one row of a document, which also tells what is wrong with the document as a whole."""
        rules: dict[str, Any] = {}
        product = self.legacy.application_element or self.legacy.application[-1]
        application = (*self.legacy.application[:-1], product)
        if application[: len(self.record)] == self.record and application != self.record:
            count = self._let("applications", take="count", type="int", path=elements_path(self.record, application))
            said = "wrong product line: there is no" if self.legacy.application_element else "there is no"
            rules["reject_when"] = [{"when": f"{count} = 0", "message": f"{said} {product}"}]
        key = self.legacy.key.path
        if key != self.record[: len(key)]:
            # What is read beside them makes one record of all: only one can be loaded.
            count = self._let(f"{key[-1].lower()}s", take="count", type="int", path=elements_path(self.record, key))
            rule = {"when": f"{count} > 1", "message": f"more than one {key[-1]}"}
            rules["reject_when"] = [*rules.get("reject_when", ()), rule]
        if any(mapping.table == CONTACT_TABLE for mapping in self.legacy.mappings):
            where = elements_path(self.record, self.places.contact.path)
            name = self.places.contact.path[-1]
            there, found = (
                self._let(label, take="count", type="int", ignore_case=False, path=path)
                for label, path in ((f"{name}s", where), (f"all_{name}s", f".//{name}"))
            )
            rules["warn_when"] = [{"when": f"{found} > {there}", "message": f"contacts outside of {where}"}]
        return self._placed(name, rules, mappings, self.record, always=True)

    def _let(self, name: str, path: str | list[str], **more: Any) -> str:
        """A value that conditions of the table at hand name; its name in SQL."""
        return column_name(self.values.fields.add(name, {"from": path, **more}))

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
        self.places.own = {}
        self._start(own)
        if name == BASE_TABLE:
            table: dict[str, Any] | None = self._base_table(name, mappings)
        elif name == CONTACT_TABLE:
            table = self._contacts(mappings)
        elif name in _BELOW_CONTACT:
            table = self._below_contact(name, mappings)
        elif any(mapping.maker for mapping in mappings):
            rows = RowMaker(self.values, self.notes, self.record, self._taken(own)).rows(name, mappings)
            table = {**self._parent(name, BASE_TABLE), **rows} if rows else None
        else:
            table = self._document_table(name, self._parent(name, BASE_TABLE), mappings)
        return table

    def _start(self, mappings: list[Mapping]) -> None:
        """Begin to collect the fields of a table's expressions."""
        self.values.fields = Fields(self._taken(mappings))

    @staticmethod
    def _taken(mappings: list[Mapping]) -> list[str]:
        """Names that a value of ``let`` cannot have."""
        return ["app_id", "con_id", *(mapping.column for mapping in mappings)]

    @staticmethod
    def _is_key(mapping: Mapping) -> bool:
        """Every table gets the record's key, and the contact tables that of the contact, by themselves."""
        return mapping.column == "app_id" or (
            mapping.column == "con_id" and mapping.table in (CONTACT_TABLE, *_BELOW_CONTACT)
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
                table = {**table, "rows": f"${self.places.name(base)}", "key": []}
            else:
                base = self.record
        return self._placed(name, table, mappings, base)

    def _placed(
        self, name: str, table: dict[str, Any], mappings: list[Mapping], base: Steps, always: bool = False
    ) -> dict[str, Any]:
        columns = shared_columns(self.values, self.notes, mappings, base)
        filters = {} if always else self._not_empty(columns)
        if "where" in table and "where" in filters:
            filters["where"] = f"{table['where']} AND ({filters['where']})"
        own = {"elements": self.places.own} if self.places.own else {}
        let = self.values.fields.let
        table = {**table, **own, **({"let": let} if let else {}), **filters}
        return {**table, "columns": {column: found.spec() for column, found in columns.items()}}

    @staticmethod
    def _not_empty(columns: dict[str, Column]) -> dict[str, Any]:
        """What leaves out a row of nothing but keys and defaults. A computed value counts, and so does every bit."""
        if any(column.always for column in columns.values()):
            return {}
        data = {name: column for name, column in columns.items() if column.source != "NULL"}
        computes = any(column.is_expression for column in data.values())
        if all(column.has_value == Column.has_value for column in data.values()):
            return {"skip_empty": "unless_computed" if computes else True}
        if not computes:
            return {"skip_empty": "with_blanks"}
        plain = {name: column.type.name for name, column in data.items() if column.has_value == Column.has_value}
        others = [
            column.has_value.format(column_name(name))
            for name, column in data.items()
            if column.has_value != Column.has_value
        ]
        return {"where": " OR ".join([*any_given(plain), *others])}

    # Contacts

    def _contacts(self, mappings: list[Mapping]) -> dict[str, Any]:
        rule = self.places.contact
        key = next((one for one in self.legacy.mappings if (one.table, one.column) == (CONTACT_TABLE, "con_id")), None)
        key = key or Mapping(0, rule.path, "con_id", CONTACT_TABLE, "con_id", "int")
        path = self.places.attribute(rule.path, key.path, key.attribute)
        kind = rule.type_attribute and self._let("kind", f"@{rule.type_attribute}", clean=["trim", "upper"])
        conditions = self._required(rule, kind)
        named = self._let("named", [f"@{name}" for name in _NAMED])
        table = {
            **self._parent(CONTACT_TABLE, BASE_TABLE),
            "rows": elements_path(self.record, rule.path),
            "where": " AND ".join([*conditions, f"{named} IS NOT NULL"]),
            "key": ["con_id"],
        }
        unique: dict[str, Any] = {"by": ["con_id"]}
        if kind and len(_types(rule)) > 1:
            unique["prefer"] = {kind: _types(rule)}
        placed = self._placed(CONTACT_TABLE, table, mappings, rule.path, always=True)
        columns = {"con_id": _strict(path, key), **placed.pop("columns")}
        rules = [_number_rule("con_id", path, f"a {key.attribute}")]
        unique.update({"keep": "last", "below": "keep"})
        return {**placed, "unique": unique, "reject_when": rules, "columns": columns}

    @staticmethod
    def _required(rule: Filter, kind: str | None = None) -> list[str]:
        """What a filter asks of an element, as conditions; ``kind`` is the value of ``let`` that is its type."""
        conditions = []
        if rule.type_attribute:
            kind = kind or f"UPPER(TRIM([@{rule.type_attribute}]))"
            conditions.append(f"{kind} IN ({', '.join(map(quoted, _types(rule)))})")
        for name, values in rule.one_of.items():
            if name != rule.type_attribute:
                conditions.append(f"TRIM([@{name}]) IN ({', '.join(quoted(value.strip()) for value in values)})")
        return conditions + [f"TRIM([@{name}]) <> ''" for name in rule.present]

    def _below_contact(self, name: str, mappings: list[Mapping]) -> dict[str, Any]:
        rule = self.places.address if name == ADDRESS_TABLE else self.places.employment
        conditions = self._required(rule)
        carried = []
        if name == ADDRESS_TABLE:
            for mapping in mappings:
                if mapping.default is not None:
                    self.notes.change(said.ONLY_DEFAULTS, mapping)
            attributes = self._mapped(mappings, rule)
        else:
            attributes, salary = self._employed(mappings, rule)
            carried.append(f"{self._let('salary', [f'@{one}' for one in salary], type=NUMBER)} <> 0")
        if attributes:
            carries = self._let("carries", [f"@{one}" for one in attributes])
            carried.insert(0, f"{carries} IS NOT NULL")
        if carried:
            conditions.append(carried[0] if len(carried) == 1 else f"({' OR '.join(carried)})")
        has_contacts = any(mapping.table == CONTACT_TABLE for mapping in self.legacy.mappings)
        start = self.places.contact.path if has_contacts else self.record
        table = {
            **self._parent(name, CONTACT_TABLE if has_contacts else BASE_TABLE),
            "rows": elements_path(start, rule.path),
            **({"where": " AND ".join(conditions)} if conditions else {}),
        }
        return self._placed(name, table, mappings, rule.path, always=self._has_type(mappings, rule))

    def _has_type(self, mappings: list[Mapping], rule: Filter) -> bool:
        """Whether a column has the type of each element that is kept: then no row is empty."""
        for mapping in mappings:
            if mapping.path == rule.path and mapping.attribute.lower() == (rule.type_attribute or "").lower():
                known = self.values.known_texts(mapping)
                if known is None or set(_types(rule)) <= known:
                    return True
        return False

    @staticmethod
    def _mapped(mappings: list[Mapping], rule: Filter) -> list[str]:
        """The attributes of an element that are mapped, but for its type."""
        names = {mapping.attribute.lower(): mapping.attribute for mapping in mappings if mapping.path == rule.path}
        names.pop((rule.type_attribute or "").lower(), None)
        names.pop("", None)
        return list(names.values())

    def _employed(self, mappings: list[Mapping], rule: Filter) -> tuple[list[str], list[str]]:
        """The attributes of which an employment carries one, by their usual names or columns; and its salaries."""
        found = {"business_name": "business_name", "job_title": "job_title", "zip": "zip", "city": "city"}
        salaries = {"salary": "salary"}
        for mapping in mappings:
            if mapping.path != rule.path or not mapping.attribute:
                continue
            names = [f"_{name.lower()}_" for name in (mapping.attribute, mapping.column)]
            if any(f"_{word}_" in name for word in _EMPLOYED for name in names):
                found.setdefault(mapping.attribute.lower(), mapping.attribute)
            elif any("_salary_" in name for name in names) and not any(
                f"_{word}_" in names[0] for word in _ABOUT_SALARY
            ):
                salaries.setdefault(mapping.attribute.lower(), mapping.attribute)
        return list(found.values()), list(salaries.values())


def _types(rule: Filter) -> list[str]:
    """The types of a filter in capitals, the preferred one first."""
    return list(dict.fromkeys(type_.strip().upper() for type_ in rule.types))


def _strict(path: str, key: Mapping) -> dict[str, Any]:
    """The column of a key: a number as it is, never the first one in a text."""
    return {
        "from": path,
        "type": str(column_type(key)),
        "clean": [],
        "format": None,
        "rounding": None,
        "on_error": "reject",
        "identity": True,
    }


def _number_rule(column: str, path: str, what: str) -> dict[str, str]:
    return {
        "when": f"{column} <= 0 OR [{path}] LIKE '%.%'",
        "message": f"{what} is not a whole number above 0",
    }
