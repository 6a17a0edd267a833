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
foreign keys. :func:`transforms.map.load.load_contract` reads a file and reports all of its mistakes at once.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, field_validator, model_validator
from pydantic_core import PydanticCustomError

from transforms.map.clean import CLEANINGS, make_cleaning
from transforms.schema import ColumnType

SYSTEM_VALUES = {
    "$position": ("int", "the row's number among the rows of its table below the same parent row, from 1"),
    "$source": ("text", "the name of the file or table that the record was read from"),
    "$file": ("text", "the same without its folders"),
    "$ordinal": ("bigint", "the record's number in its source, from 0"),
    "$start": ("bigint", "the first byte of the record in its source"),
    "$end": ("bigint", "the byte after the record in its source"),
}
"""What ``from`` can name besides paths: the type of each, and what it is."""

Scalar = Union[bool, int, float, str]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Texts = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)]


class ColumnModel(_Model):
    """A column: where its value comes from, what type it is, and what happens when that fails."""

    from_: Texts | None = Field(
        None,
        alias="from",
        description="A path from the row's element, or a system value such as $position. Of several, the first that is there and not blank.",
    )
    value: Scalar | None = Field(None, description="The same value in every row.")
    type: str = Field("text", description="The column's type: text(35), int, decimal(18, 2), date, datetimetz ...")
    take: Literal["first", "last", "join", "count", "only", "name"] = Field(
        "first",
        description="Which of several nodes: the first, the last, all joined by `separator`, their number, the name of the first element; `only`: more than one is an error.",
    )
    separator: str = Field(" ", description="What stands between joined texts.")
    clean: list[Any] = Field(
        default_factory=list,
        description="What is done to the text before it is converted, in order: " + ", ".join(CLEANINGS) + ", or {find: regex, replace: text}.",
    )
    lookup: str | None = Field(None, description="The name of a lookup: the text is replaced by what it stands for there.")
    format: Texts | None = Field(None, description="How dates, numbers, booleans or binaries are written, where not as XML Schema says.")
    zone: str | None = Field(None, description="The time zone of dates: see the types.")
    rounding: Literal["half_up", "half_even", "down"] | None = Field(None, description="How decimals that the type does not hold are rounded.")
    required: bool = Field(False, description="The record is rejected without it.")
    default: Scalar | None = Field(None, description="The value when there is none.")
    on_error: Literal["reject", "null", "default", "truncate"] = Field(
        "reject",
        description="A text that is no value of the type: reject the record, take NULL, take the default, or cut a text to its length.",
    )
    identity: bool = Field(False, description="The database numbers this column itself; the contract gives the values.")
    omit: bool = Field(False, description="Without a value the column is left out of the INSERT, so that the database's DEFAULT applies.")
    description: str | None = None

    @field_validator("type")
    @classmethod
    def _type(cls, text: str) -> str:
        return str(ColumnType.parse(text))

    @field_validator("clean", mode="before")
    @classmethod
    def _clean(cls, steps: Any) -> Any:
        for step in _listed(steps):
            make_cleaning(step)
        return _listed(steps)

    @model_validator(mode="after")
    def _one_source(self) -> ColumnModel:
        if (self.from_ is None) == (self.value is None):
            raise PydanticCustomError("source", "a column has either `from` or `value`")
        if self.on_error == "default" and self.default is None:
            raise PydanticCustomError("default", "`on_error: default` needs a `default`")
        if self.on_error == "truncate" and ColumnType.parse(self.type).name != "text":
            raise PydanticCustomError("truncate", "`on_error: truncate` is for texts")
        return self

    @property
    def column_type(self) -> ColumnType:
        return ColumnType.parse(self.type)


def _column(value: Any) -> Any:
    """A bare text is a path: ``customer: Customer/Name``; that of a system value has its type."""
    if isinstance(value, str):
        value = {"from": value}
    if isinstance(value, dict) and "type" not in value:
        source = value.get("from")
        if isinstance(source, str) and source in SYSTEM_VALUES:
            return {**value, "type": SYSTEM_VALUES[source][0]}
    return value


class _OrText:
    """In the JSON Schema, a column may be written as a bare text too."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "description": "A path or a system value."}, handler(schema)]}


ColumnSpec = Annotated[ColumnModel, BeforeValidator(_column), _OrText()]
ColumnName = Annotated[str, Field(min_length=1, max_length=128)]


class RecordModel(_Model):
    """Which elements are records, and what identifies one."""

    path: str = Field(description="The absolute path of the elements that are records; /* is the document element.")
    key: dict[ColumnName, ColumnSpec] = Field(min_length=1, description="The columns that identify a record; every table has them.")


class TableModel(_Model):
    """A table: which elements are its rows, and its columns."""

    parent: str | None = Field(None, description="The table whose rows these rows belong to.")
    rows: str = Field(".", description="The path of the elements that are rows, from the parent's row, or from the record.")
    key: Annotated[list[str], BeforeValidator(_listed)] = Field(
        default_factory=list, description="The columns that, with the parent's key, make the primary key."
    )
    inherit: dict[str, str] = Field(default_factory=dict, description="Other names for inherited key columns: {parent's name: name here}.")
    columns: dict[ColumnName, ColumnSpec] = Field(default_factory=dict)
    name: str | None = Field(None, description="The table's name in the database, where it is another.")
    schema_: str | None = Field(None, alias="schema", description="The database schema of this table.")
    description: str | None = None


class Contract(_Model):
    """A whole contract, validated."""

    contract: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", description="The contract's name; the ledger keeps records apart by it.")
    description: str | None = None
    namespaces: dict[str, str] = Field(default_factory=dict, description="Prefixes for paths: {prefix: URI}.")
    schema_: str | None = Field(None, alias="schema", description="The database schema of the tables.")
    record: RecordModel
    lookups: dict[str, dict[str, Scalar]] = Field(default_factory=dict, description="Tables of {text: value} for `lookup`.")
    tables: dict[ColumnName, TableModel] = Field(min_length=1)

    def fingerprint(self) -> str:
        """A short hash that changes whenever the meaning of the contract may change."""
        meaning = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:16]
