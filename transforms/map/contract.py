"""The contract: how records become rows. A YAML (or JSON) file, table by table.

    contract: orders
    record:
      path: /orders/order
      key: {order_id: {from: "@id", type: bigint}}
    tables:
      orders:
        columns:
          placed_at: {from: Placed, type: datetime}
          customer: Customer/Name
      order_line:
        rows: Lines/Line
        key: line_no
        columns:
          line_no: $position
          amount: {from: Amount, type: "decimal(18, 2)", required: true}

Every table gets the columns of the record's key, and of its parent table's key, by itself; they make the
foreign keys. :func:`transforms.map.load.load_contract` reads a file and reports all of its mistakes at once;
``docs/contract.md`` explains every key.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from transforms.map.clean import CLEANINGS, make_cleaning
from transforms.map.habits import type_remedy
from transforms.map.shorthands import AsCleaning, OrNull, OrOne, OrText, OrValues, only_without_extends
from transforms.schema import TYPE_NAMES, ColumnType

SYSTEM_VALUES = {
    "$position": ("int", "the row's number among those that its path selects below the same parent row, from 1"),
    "$source": ("text", "the file, by its absolute path, or the row of a table that the record was read from"),
    "$file": ("text", "the same without its folders"),
    "$ordinal": ("bigint", "the record's number in its source, from 0"),
    "$start": ("bigint", "the first byte of the record in its source"),
    "$end": ("bigint", "the byte after the record in its source"),
    "$checksum": ("text", "the checksum of the record, 32 hexadecimal digits, as the ledger has it"),
    "$run": ("text", "the run's id, as the ledger has it"),
    "$loaded_at": ("datetimetz", "when the run began"),
    "$contract": ("text", "the contract's fingerprint, which changes with its meaning"),
}
"""What ``from`` can name besides paths: the type of each, and what it is."""

UNPIVOT_VALUES = ("$name", "$value")
"""In a table with ``unpivot``: the name of the attribute or element that the row is made of, and its text."""

Scalar = bool | int | float | str


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _null(value: Any) -> Any:
    """YAML takes ``null`` for its own; there is nothing else that it could mean here."""
    return "null" if value is None else value


Names = Annotated[list[str], BeforeValidator(_listed), OrOne()]
Texts = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1), OrOne()]
Cleanings = Annotated[list[Annotated[Any, AsCleaning()]], OrOne()]
Name = Annotated[str, Field(min_length=1, max_length=128)]
Take = Literal["first", "last", "only", "join", "count", "name", "xml", "json"]
OnError = Literal["reject", "null", "default", "truncate"]
Rounding = Literal["half_up", "half_even", "down"]


class _Reading(_Model):
    """How a text becomes a value: what a column says, or ``defaults`` for all columns."""

    clean: Cleanings = Field(
        default_factory=list,
        description="What is done to the text before it is converted, in order: "
        + ", ".join(CLEANINGS)
        + ", or {find: regex, replace: text}.",
    )
    blank: Annotated[Literal["keep", "null"], BeforeValidator(_null), OrNull()] = Field(
        "keep", description="Whether a text of nothing but blanks is a value of type text, or none."
    )
    format: Texts | None = Field(
        None,
        description="How dates, numbers, booleans or binaries are written, where not as XML Schema says; or the name "
        "of one of `formats`.",
    )
    zone: str | None = Field(None, description="The time zone of dates and times: see the types.")
    rounding: Rounding | None = Field(
        None, description="How decimals that the type does not hold are rounded; without it they are errors."
    )
    on_error: Annotated[OnError, BeforeValidator(_null), OrNull()] = Field(
        "reject",
        description="A text that is no value of the type: reject the record, take it for none (the default, or NULL), "
        "take the default, or cut a text to its length.",
    )
    ignore_case: bool = Field(
        False, description="Whether the names in paths match whatever their case; an exact match comes first."
    )
    omit: bool = Field(
        False,
        description="Without a value the column is left out of the INSERT, so that the database's DEFAULT applies.",
    )

    @field_validator("clean", mode="before")
    @classmethod
    def _clean(cls, steps: Any) -> Any:
        for step in _listed(steps):
            make_cleaning(step)
        return _listed(steps)


class Defaults(_Reading):
    """What columns say unless they say otherwise; it applies to those whose type has a use for it."""

    types: dict[str, _Reading] = Field(
        default_factory=dict,
        description="What columns of one type say, before the rest of `defaults`: {int: {rounding: half_up}}; lookups "
        "are not read as their type.",
    )

    @field_validator("types")
    @classmethod
    def _types(cls, types: dict[str, _Reading]) -> dict[str, _Reading]:
        for name in types:
            if name not in TYPE_NAMES:
                raise ValueError(f"{name!r} is not a type; the types are {', '.join(TYPE_NAMES)}")
        return types


class ColumnModel(_Reading):
    """A column: where its value comes from, what type it is, and what happens when that fails."""

    from_: Texts | None = Field(
        None,
        alias="from",
        description="A path from the row's element, or a system value such as $position. Of several, the first that is "
        "there and not blank.",
    )
    value: Scalar | None = Field(None, description="The same value in every row.")
    expression: str | None = Field(None, description="SQL over the columns of the row and [paths].")
    type: str = Field("text", description="The column's type: text(35), int, decimal(18, 2), date, datetimetz ...")
    take: Take = Field(
        "first",
        description="What is taken of the nodes that the path selects: the first, the last, the only one (several are "
        "an error), all joined by `separator`, their number, the first element's name, or the first element with "
        "all below it as XML or JSON.",
    )
    separator: str = Field(" ", description="What stands between joined texts.")
    lookup: str | None = Field(
        None, description="The name of a lookup: the text is replaced by what it stands for there."
    )
    required: bool = Field(False, description="The record is rejected without it.")
    default: Scalar | None = Field(None, description="The value when there is none.")
    identity: bool = Field(False, description="The database numbers this column itself; the contract gives the values.")
    description: str | None = Field(None, description="A note for people.")

    @field_validator("type")
    @classmethod
    def _type(cls, text: str) -> str:
        try:
            return str(ColumnType.parse(text))
        except ValueError as error:
            remedy = type_remedy(text)
            raise ValueError(f"{text!r} is not a type here; {remedy}" if remedy else str(error)) from None

    @model_validator(mode="after")
    def _whole(self) -> ColumnModel:
        if sum(source is not None for source in (self.from_, self.value, self.expression)) != 1:
            raise PydanticCustomError("source", "a column has one of `from`, `value` and `expression`")
        if self.on_error == "default" and self.default is None:
            raise PydanticCustomError("default", "`on_error: default` needs a `default`")
        if self.on_error == "truncate" and self.column_type.name != "text":
            raise PydanticCustomError("truncate", "`on_error: truncate` is for texts")
        return self

    @property
    def column_type(self) -> ColumnType:
        return ColumnType.parse(self.type)


def _column(value: Any) -> Any:
    """A bare text is a path: ``customer: Customer/Name``; that of a system value has its type. A list is several."""
    if isinstance(value, (str, list)):
        value = {"from": value}
    if isinstance(value, dict) and "type" not in value:
        source = value.get("from")
        if isinstance(source, str) and source in SYSTEM_VALUES:
            return {**value, "type": SYSTEM_VALUES[source][0]}
    return value


ColumnSpec = Annotated[ColumnModel, BeforeValidator(_column), OrText()]
Columns = dict[Name, ColumnSpec]


class RecordModel(_Model):
    """Which elements are records, and what identifies one."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema.pop("required"))

    path: str = Field(description="The absolute path of the elements that are records; /* is the document element.")
    key: Columns = Field(min_length=1, description="The columns that identify a record; every table has them.")
    reject_when: list[Rule] = Field(
        default_factory=list, description="Conditions over the key and [paths] that reject the record."
    )
    warn_when: list[Rule] = Field(default_factory=list, description="Conditions that are counted in the report.")


class Rule(_Model):
    """A condition and what it means."""

    when: str = Field(description="An SQL condition over the columns of the row and [paths].")
    message: str = Field(min_length=1, description="What is said of a record that it holds for.")


class Unique(_Model):
    """Which of several rows below the same parent row are kept."""

    by: Texts = Field(description="Rows with the same values in these columns are the same; one of them is kept.")
    keep: Literal["first", "last"] = Field("first", description="Which one, where `prefer` does not decide.")
    prefer: dict[str, list[Scalar]] = Field(
        default_factory=dict,
        max_length=1,
        description="{name: [best value, next best, ...]}: the row whose value stands first, of a column or of `let`.",
    )
    below: Literal["drop", "keep"] = Field(
        "drop",
        description="What becomes of the rows below one that goes: they go too, or stay with the one kept.",
    )


class Source(_Model):
    """Where rows of a table come from: the whole of a table's own selection, or one of its `union`."""

    rows: str = Field(
        ".", description="The path of the elements that are rows, from the parent's row, or from the record."
    )
    where: str | None = Field(
        None, description="An SQL condition over the columns of the row and [paths]: rows that it is true for are kept."
    )
    unpivot: Texts | None = Field(
        None,
        description="Paths of attributes (`@score_*` matches several) or elements: each that is there makes a row, of "
        "its $name and $value.",
    )
    split: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="With `unpivot`: what stands between the parts of a value, each of which makes a row; a blank is "
        "any white space.",
    )
    slots: list[dict[str, Scalar]] = Field(
        default_factory=list,
        description="Each makes a row of every row element; {name} in paths, values and conditions stands for the "
        "slot's value; a path that is empty then finds nothing.",
    )
    elements: dict[Name, str] = Field(
        default_factory=dict, description="Elements by name, from the row's element: {current: Address[1]}."
    )
    let: Columns = Field(
        default_factory=dict,
        description="Values by name, written like columns, for conditions and expressions: they are not in the table.",
    )
    columns: Columns = Field(
        default_factory=dict, description="The columns by name: a path, a system value, or the keys of a column."
    )

    @model_validator(mode="after")
    def _splits_values(self) -> Source:
        if self.split is not None and self.unpivot is None:
            raise PydanticCustomError("split", "`split` is about the values that `unpivot` finds: unpivot: '@ids'")
        return self

    @property
    def named(self) -> dict[str, ColumnModel]:
        """All that expressions may name: the columns, and the values of ``let``."""
        return {**self.columns, **self.let}


class TableModel(Source):
    """A table: which elements are its rows, and its columns."""

    parent: str | None = Field(None, description="The table whose rows these rows belong to.")
    union: list[Source] = Field(
        default_factory=list, description="Several sources of rows; the columns of a source replace those of the table."
    )
    unique: Unique | None = Field(None, description="Of rows that are the same, one is kept; the others go.")
    skip_empty: Literal[False, True, "unless_computed"] = Field(
        False,
        description="Leave out rows that hold nothing but keys, constants, computed values and defaults; with "
        "`unless_computed`, computed values count.",
    )
    reject_when: list[Rule] = Field(default_factory=list, description="Conditions on a row that reject its record.")
    warn_when: list[Rule] = Field(
        default_factory=list, description="Conditions on a row that are counted in the report."
    )
    key: Names = Field(
        default_factory=list, description="The columns that, with the parent's key, make the primary key."
    )
    inherit: dict[str, str] = Field(
        default_factory=dict, description="Other names for inherited key columns: {parent's name: name here}."
    )
    include: Names = Field(default_factory=list, description="Column groups whose columns the table has too.")
    name: str | None = Field(None, description="The table's name in the database, where it is another.")
    schema_: str | None = Field(None, alias="schema", description="The database schema of this table.")
    description: str | None = Field(None, description="A note for people.")

    @model_validator(mode="after")
    def _one_selection(self) -> TableModel:
        if self.union and {"rows", "unpivot", "split", "slots"} & self.model_fields_set:
            raise PydanticCustomError(
                "union", "with `union`, each of its sources has its own `rows`, `unpivot`, `split` and `slots`"
            )
        return self


class Lookup(_Model):
    """What texts stand for."""

    values: dict[str, Scalar] | None = Field(None, description="What texts stand for: {text: value}.")
    csv: str | None = Field(None, description="A CSV file with a header, beside the contract, instead of `values`.")
    key: str | None = Field(None, description="The column of the CSV file with the texts.")
    value: str | None = Field(None, description="The column of the CSV file with what they stand for.")
    ignore_case: bool = Field(False, description="Whether texts match whatever their case; an exact match comes first.")
    otherwise: Scalar | None = Field(
        None, description="What every other text stands for; without it, it is an error of the rule `lookup`."
    )

    @model_validator(mode="after")
    def _one_origin(self) -> Lookup:
        if (self.values is None) == (self.csv is None):
            raise PydanticCustomError("lookup", "a lookup has either `values` or `csv`")
        if (self.csv is None) != (self.key is None) or (self.csv is None) != (self.value is None):
            raise PydanticCustomError(
                "lookup",
                "`csv`, `key` and `value` come together: a file, and its columns of texts and of what they stand for",
            )
        return self


def _lookup(value: Any) -> Any:
    """A mapping with none of a lookup's own keys is its values: ``lookups: {status: {A: active}}``.

    ``key`` and ``value`` alone may be texts of a document.
    """
    if isinstance(value, dict) and not {"values", "csv", "ignore_case", "otherwise"} & set(value):
        return {"values": value}
    return value


LookupSpec = Annotated[Lookup, BeforeValidator(_lookup), OrValues()]


class Contract(_Model):
    """A whole contract, validated."""

    model_config = ConfigDict(json_schema_extra=only_without_extends)

    contract: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        description="The contract's name; the ledger keeps records apart by it.",
    )
    description: str | None = Field(None, description="A note for people.")
    extends: str | None = Field(
        None, description="Another contract, beside this one: what is not said here is as it says."
    )
    namespaces: dict[str, str] = Field(default_factory=dict, description="Prefixes for paths: {prefix: URI}.")
    schema_: str | None = Field(None, alias="schema", description="The database schema of the tables.")
    defaults: Defaults = Field(
        default_factory=Defaults.model_construct, description="What columns say unless they say otherwise."
    )
    formats: dict[Name, Texts] = Field(
        default_factory=dict, description='Lists of formats by name, for `format`: {us_dates: ["%m/%d/%Y", iso]}.'
    )
    elements: dict[Name, str] = Field(
        default_factory=dict,
        description='Elements of the record by name: {buyer: Parties/Party[@role="buyer"]}. Any path may begin with '
        "one: $buyer/Name.",
    )
    record: RecordModel = Field(description="Which elements are records, and what identifies one.")
    lookups: dict[Name, LookupSpec] = Field(default_factory=dict, description="Tables of {text: value} for `lookup`.")
    column_groups: dict[Name, Columns] = Field(default_factory=dict, description="Columns that several tables include.")
    tables: dict[Name, TableModel] = Field(min_length=1, description="The tables by name.")

    def fingerprint(self) -> str:
        """A short hash that changes whenever the meaning of the contract may change."""
        meaning = _without_notes(self.model_dump(mode="json", by_alias=True, exclude_defaults=True))
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:16]


def _without_notes(model: Any) -> Any:
    if isinstance(model, dict):
        # A column may have this name, but its value is no text then.
        return {
            name: _without_notes(value)
            for name, value in model.items()
            if name != "description" or not isinstance(value, str)
        }
    return [_without_notes(value) for value in model] if isinstance(model, list) else model


RecordModel.model_rebuild()
