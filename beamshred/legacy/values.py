"""One mapping as a column of our contract: its type conversions become a lookup, cleanings or SQL."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from beamshred.legacy import notes as said
from beamshred.legacy.fields import Fields
from beamshred.legacy.grammar import Arithmetic, DateAdd, GrammarError, Logic, Number, Test, Text, parse
from beamshred.legacy.notes import Notes
from beamshred.legacy.paths import PathsError, Places
from beamshred.legacy.source import Legacy, Mapping, Steps
from beamshred.legacy.sql import Writer, quoted, results, walk
from beamshred.legacy.types import TIME_AT_ALL, column_type, constant
from transforms.schema import ColumnType

Lookup = dict[str, Any]

GIVEN = "{} <> ''"
"""The SQL condition that a text is not blank."""


@dataclass(frozen=True)
class Column:
    """A column as the contract's keys say it, without its name.

    ``source`` is a path, or with ``is_expression`` SQL; ``has_value`` is the SQL condition that it counts as
    data in ``{}``, the column's name; ``always``: it has a value in every row, which counts as data.
    """

    mapping: Mapping
    type: ColumnType
    source: str
    is_expression: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    default: Any = None
    has_value: str = "{} IS NOT NULL"
    always: bool = False

    def spec(self) -> dict[str, Any]:
        """The column's keys and values."""
        spec: dict[str, Any] = {"expression" if self.is_expression else "from": self.source}
        if str(self.type) != "text":
            spec["type"] = str(self.type)
        spec.update(self.options)
        if self.default is not None:
            spec["default"] = self.default
        if self.mapping.is_identity:
            spec["identity"] = True
        if self.mapping.description:
            spec["description"] = self.mapping.description
        return spec


class Values:
    """Makes columns of mappings, and collects the lookups that they use.

    ``fields`` are those of the expressions of the table, or slot, at hand.
    """

    def __init__(self, legacy: Legacy, places: Places, notes: Notes):
        self.legacy = legacy
        self.places = places
        self.notes = notes
        self.lookups: dict[str, Lookup] = {}
        self.fields = Fields(())

    def column(self, mapping: Mapping, base: Steps, type_: ColumnType | None = None) -> Column | None:
        """The column of a mapping, read from the element ``base``; ``None`` where it can have no value."""
        type_ = type_ or column_type(mapping)
        default = self._default(mapping, type_)
        try:
            path = (
                self.places.paths(mapping, base, any(step.name == "add_history" for step in mapping.chain))
                if mapping.attribute
                else ""
            )
            column = self._column(mapping, base, type_, path)
        except (PathsError, GrammarError, ValueError) as error:
            self.notes.cannot(f"{error}", mapping)
            column = None
        if column is None:
            return Column(mapping, type_, "NULL", True, default=default) if default is not None else None
        self._note(mapping, type_)
        if "lookup" in column.options and column.default is None and not column.is_expression:
            otherwise = self.lookups[column.options["lookup"]].get("otherwise")
            first = (
                mapping.conversions[0] in ("char_to_bit", "boolean_to_bit")
                and not mapping.selector
                and not mapping.maker
            )
            if mapping.conversions[-1] == "enum" or first:
                column = replace(column, default=default if otherwise is None else constant(type_, otherwise))
        column = column if column.default is not None else replace(column, default=default)
        return replace(column, options={**column.options, **self._on_error(column)})

    @staticmethod
    def _on_error(column: Column) -> dict[str, Any]:
        """What cannot be converted is no value: the default of the contract is NULL, but to cut texts."""
        if column.type.name == "text" and column.is_expression and _computes(column.mapping):
            return {"on_error": None}
        return {}

    def flag(self, mapping: Mapping, base: Steps) -> Column | None:
        """A mapping's text, before it is converted; ``None`` where there can be none."""
        text = ColumnType("text")
        try:
            if not mapping.expression:
                return Column(mapping, text, self.places.paths(mapping, base))
            self._note_expression(mapping)
            return Column(mapping, text, self._writer(mapping, base, text).column(parse(mapping.expression)), True)
        except (PathsError, GrammarError, ValueError) as error:
            self.notes.cannot(f"{error}", mapping)
            return None

    def _writer(self, mapping: Mapping, base: Steps, type_: ColumnType) -> Writer:
        return Writer(lambda found: self.places.field(mapping, base, found), type_, self.fields)

    def _column(self, mapping: Mapping, base: Steps, type_: ColumnType, path: str) -> Column | None:
        conversions = mapping.conversions
        if "calculated_field" in conversions:
            return self._calculated(mapping, base, type_, path)
        if "default_getutcdate_if_null" in conversions:
            return self._or_now(mapping, type_, path)
        options: dict[str, Any] = {}
        tables = [name for name in conversions if name in ("enum", "char_to_bit", "boolean_to_bit")]
        if {"numbers_only", "extract_numeric"} & set(conversions):
            options["clean"] = "digits" if tables or type_.name == "text" else "number_or_digits"
        elif mapping.is_identity and type_.is_integer:
            # A number, and never the first one in a text.
            options.update({"clean": [], "format": None, "rounding": None})
        elif "extract_date" in conversions and type_.name != "date":
            options["clean"] = TIME_AT_ALL
        if tables:
            name = self._lookup(mapping, tables, type_)
            if name is None:
                return None
            options["lookup"] = name
            if mapping.selector and "enum" not in tables:
                options["blank"] = "keep"  # a selector's blank is a value, whose bit is 0
        elif mapping.selector and type_.name == "text" and not mapping.maker and "clean" not in options:
            # It is a value, but no data.
            return Column(mapping, type_, path, options={"blank": "keep"}, has_value=GIVEN)
        always = bool(conversions) and conversions[0] == "char_to_bit" and not mapping.selector and not mapping.maker
        return Column(mapping, type_, path, options=options, always=always)

    def _default(self, mapping: Mapping, type_: ColumnType) -> Any:
        if mapping.default is None or not str(mapping.default).strip():
            return None
        default = constant(type_, mapping.default)
        if default is None and "enum" in mapping.conversions:
            table = self._enum(mapping) or {}
            default = constant(type_, table[str(mapping.default)]) if str(mapping.default) in table else None
        if default is None:
            self.notes.cannot(f"the default {mapping.default!r} is not of type {type_}", mapping)
        return default

    # Lookups

    def _lookup(self, mapping: Mapping, tables: list[str], type_: ColumnType) -> str | None:
        """The name of the lookup that a chain of enums and bit conversions amounts to."""
        lookup: Lookup | None = None
        names = []
        for kind in tables:
            found = self._enum_named(mapping) if kind == "enum" else (kind, self._bits(kind, mapping))
            if found is None:
                self.notes.cannot(
                    f"there is no enum {mapping.enum_name or mapping.column!r} in `enum_mappings`", mapping
                )
                return None
            names.append(found[0])
            lookup = found[1] if lookup is None else _composed(lookup, found[1])
        assert lookup is not None
        fitted = self._fitted(lookup, type_, mapping)
        name = "_".join(names)
        # One lookup serves all columns that it fits alike.
        while self.lookups.setdefault(name, fitted) != fitted:
            name = f"{name}_{mapping.column}" if not name.endswith(f"_{mapping.column}") else f"{name}_{mapping.number}"
        return name

    def _fitted(self, lookup: Lookup, type_: ColumnType, mapping: Mapping) -> Lookup:
        values = {}
        for text, value in lookup["values"].items():
            fitted = constant(type_, value)
            if fitted is None:
                self.notes.cannot(f"the value {value!r} of {text!r} is not of type {type_}", mapping)
            else:
                values[text] = _as_written(value, fitted)
        fitted_lookup: Lookup = {"values": values, "ignore_case": True}
        if lookup.get("otherwise") is not None and (fitted := constant(type_, lookup["otherwise"])) is not None:
            fitted_lookup["otherwise"] = _as_written(lookup["otherwise"], fitted)
        return fitted_lookup

    def _enum_named(self, mapping: Mapping) -> tuple[str, Lookup] | None:
        found = self._enum_name(mapping)
        if found is None:
            return None
        table = {text.strip(): value for text, value in self.legacy.enums[found].items() if value is not None}
        otherwise = table.pop("", None)
        return found, {"values": table, "otherwise": otherwise}

    def known_texts(self, mapping: Mapping) -> set[str] | None:
        """The texts, in capitals, that give a mapping's column a value that is data; ``None`` where all do."""
        if mapping.conversions == ("enum",):
            return {text.strip().upper() for text in self._enum(mapping) or {}}
        return None if mapping.data_type == "string" and not mapping.conversions else set()

    def _enum(self, mapping: Mapping) -> dict[str, Any] | None:
        found = self._enum_name(mapping)
        return None if found is None else self.legacy.enums[found]

    def _enum_name(self, mapping: Mapping) -> str | None:
        names = [name for name in (mapping.enum_name, mapping.column, mapping.attribute) if name]
        parts = [name.split("_") for name in names]
        names += ["_".join(part[start:]) for part in parts for start in range(1, len(part))]
        folded = {name.lower(): name for name in self.legacy.enums}
        return next((folded[name.lower()] for name in names if name.lower() in folded), None)

    def _bits(self, kind: str, mapping: Mapping) -> Lookup:
        values = {
            text.strip(): int(constant(ColumnType("bool"), value) or 0)
            for text, value in self.legacy.bits.get(kind, {}).items()
        }
        known = {text.lower() for text in values}
        if missing := [word for word in ("1", "true", "yes") if word not in known]:
            values.update(dict.fromkeys(missing, 1))
            self.notes.change(said.TRUE_WORDS, mapping)
        return {"values": {text: value for text, value in values.items() if text}, "otherwise": values.get("", 0)}

    # Expressions

    def _or_now(self, mapping: Mapping, type_: ColumnType, path: str) -> Column:
        text = self.fields.text(path)
        sql = f"CASE WHEN {text} = '' THEN CURRENT_TIMESTAMP ELSE {self.fields.date(path)} END"
        if type_.name not in ("date", "datetime"):
            sql = f"CAST({sql} AS text)"
        return Column(mapping, type_, sql, True, has_value=GIVEN.format(text))

    def _calculated(self, mapping: Mapping, base: Steps, type_: ColumnType, path: str) -> Column:
        tree = parse(mapping.expression or "")
        for leaf in results(tree):
            if isinstance(leaf, Text) and leaf.value.strip() and constant(type_, leaf.value) is None:
                self.notes.cannot(f"the result {leaf.value!r} is not of type {type_}", mapping)
        sql = self._writer(mapping, base, type_).column(tree)
        for kind in mapping.conversions:
            if kind in ("calculated_field", "extract_date"):
                continue
            if kind == "enum":
                sql = self._enum_after(mapping, type_, sql, path)
            elif kind in ("char_to_bit", "boolean_to_bit"):
                text = self._writer(mapping, base, ColumnType("text")).column(tree)
                words = ", ".join(
                    quoted(word.lower()) for word, bit in self._bits(kind, mapping)["values"].items() if bit
                )
                yes, no = ("TRUE", "FALSE") if type_.name == "bool" else ("1", "0")
                value = self.fields.add(f"{mapping.column}_text", {"expression": text})
                sql = f"CASE WHEN LOWER(TRIM({value})) IN ({words}) THEN {yes} WHEN {value} IS NOT NULL THEN {no} END"
            elif not (kind in ("numbers_only", "extract_numeric") and type_.name != "text"):
                self.notes.cannot(f"what an expression gives is not changed by {kind}", mapping)
        if type_.length and _computes(mapping):
            sql = f"CAST({sql} AS {type_})"
        return Column(mapping, type_, sql, True)

    def _enum_after(self, mapping: Mapping, type_: ColumnType, sql: str, path: str) -> str:
        found = self._enum_named(mapping)
        if found is None or not path:
            if found is None:
                self.notes.cannot(
                    f"there is no enum {mapping.enum_name or mapping.column!r} in `enum_mappings`", mapping
                )
            return sql
        lookup = self._fitted(found[1], type_, mapping)
        literal = _literal(type_)
        branches = {text.lower(): value for text, value in reversed(lookup["values"].items())}
        whens = " ".join(f"WHEN {quoted(text)} THEN {literal(value)}" for text, value in reversed(branches.items()))
        otherwise = f" ELSE {literal(lookup['otherwise'])}" if "otherwise" in lookup else ""
        if whens:
            looked_up = f"CASE LOWER({self.fields.text(path)}) {whens}{otherwise} END"
        else:
            looked_up = otherwise.removeprefix(" ELSE ") or "NULL"
        return (
            f"COALESCE(NULLIF(TRIM({sql}), ''), {looked_up})"
            if type_.name == "text"
            else f"COALESCE({sql}, {looked_up})"
        )

    # Notes

    def _note(self, mapping: Mapping, type_: ColumnType) -> None:
        conversions, change = mapping.conversions, self.notes.change
        if {"numbers_only", "extract_numeric"} & set(conversions) and type_.name == "text":
            change(said.LEADING_ZEROS, mapping)
        elif (type_.is_integer or type_.name in ("decimal", "float")) and not {
            "enum",
            "char_to_bit",
            "boolean_to_bit",
            "calculated_field",
        } & set(conversions):
            change(said.NUMBERS, mapping)
            if {"numbers_only", "extract_numeric"} & set(conversions):
                change(said.WHOLE_NUMBERS, mapping)
        if type_.name == "text" and type_.length is None and not conversions:
            change(said.LAST_CHARACTER, mapping)
        if mapping.excludes_default and mapping.default is not None:
            change(said.EMPTY_DEFAULT, mapping)
        if mapping.expression:
            self._note_expression(mapping)

    def _note_expression(self, mapping: Mapping) -> None:
        if all(step.name != "calculated_field" for step in mapping.chain):
            self.notes.change(said.OWN_EXPRESSION, mapping)
        parts = list(walk(parse(mapping.expression or "")))
        words = (mapping.expression or "").upper()
        if (
            any(isinstance(part, Logic) for part in parts)
            or any(isinstance(part, Test) and part.kind == "IN" for part in parts)
            or " NOT " in words
        ):
            self.notes.change(said.LOGIC, mapping)
        if any(isinstance(part, Number) for part in parts) or any(
            isinstance(part, Text) and part.value != part.value.lower() for part in parts
        ):
            self.notes.change(said.LITERALS, mapping)
        if any(isinstance(part, DateAdd) for part in parts):
            self.notes.change(said.DAYS, mapping)


def _as_written(value: Any, fitted: Any) -> Any:
    """The value of an enum as the file has it, where that is the same."""
    same = re.sub(r"\.0+\Z", "", str(int(fitted) if isinstance(fitted, bool) else fitted))
    return value if isinstance(value, int) and not isinstance(value, bool) and str(value) == same else fitted


def _computes(mapping: Mapping) -> bool:
    """Whether a row may have no value for an expression: a division by zero, a date beyond the last."""
    return any(isinstance(part, (Arithmetic, DateAdd)) for part in walk(parse(mapping.expression or "NULL")))


def _composed(first: Lookup, second: Lookup) -> Lookup:
    """The lookup of what a lookup gives."""
    folded = {text.lower(): value for text, value in second["values"].items()}

    def then(value: Any) -> Any:
        return folded.get(str(value).lower(), second.get("otherwise"))

    values = {text: then(value) for text, value in first["values"].items()}
    otherwise = second.get("otherwise") if first.get("otherwise") is None else then(first["otherwise"])
    return {"values": {text: value for text, value in values.items() if value is not None}, "otherwise": otherwise}


def _literal(type_: ColumnType) -> Any:
    """How a value of a type is written in SQL."""
    if type_.name == "text":
        return lambda value: quoted(str(value))
    if type_.name == "bool":
        return lambda value: "TRUE" if constant(type_, value) else "FALSE"
    if type_.name in ("date", "datetime"):
        return lambda value: f"CAST({quoted(str(constant(type_, value)))} AS {type_})"
    return lambda value: str(constant(type_, value))
