"""A column of a contract: where its value comes from, and how a text becomes that value; and the short forms of all."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from transforms.contract.habits import type_remedy
from transforms.conversion.convert import CLEANINGS, make_cleaning
from transforms.schema import TYPE_NAMES, ColumnType

SYSTEM_VALUES = {
    "$position": ("int", "the row's number among those that its path selects below the same parent row, from 1"),
    "$parent_position": ("int", "the position of the parent's row"),
    "$depth": ("int", "how many levels the row's element is below the record; 0 is the record itself"),
    "$path": ("text", "the names of the elements from the record down to the row's: `part/section`; `.` is the record"),
    "$source": ("text", "the file, by its absolute path, or the row of a table that the record was read from"),
    "$file": ("text", "the same without its folders"),
    "$ordinal": ("bigint", "the record's number in its source, from 0"),
    "$start": ("bigint", "the first byte of the record in its source"),
    "$end": ("bigint", "the byte after the record in its source"),
    "$checksum": ("text", "the checksum of the record, 32 hexadecimal digits, as the ledger has it"),
    "$content": ("text", "a hash of what the record says, 32 hexadecimal digits, the same in any layout and any file"),
    "$run": ("text", "the run's id, as the ledger has it"),
    "$loaded_at": ("datetimetz", "when the run began"),
    "$contract": ("text", "the contract's fingerprint, which changes with its meaning"),
}
"""What ``from`` can name besides paths: the type of each, and what it is."""

UNPIVOT_VALUES = ("$name", "$value")
"""In a table with ``unpivot``: the name of the attribute or element that the row is made of, and its text."""

LEAVES = "$leaves"
"""In ``unpivot``: every attribute and text below the row's element; $name is then the path that leads there."""

Scalar = bool | int | float | str


_NUMBERS = ("tinyint", "smallint", "int", "bigint", "decimal", "float")
_ORDERED = (*_NUMBERS, "text", "date", "time", "datetime", "datetimetz")
WHICH_TYPES = {"sum": _NUMBERS, "min": _ORDERED, "max": _ORDERED}
"""The types of columns whose ``take`` computes with values."""


def is_system_value(text: str) -> bool:
    """Whether a path is none, but the name of a system value, known or not."""
    return text.startswith("$") and "/" not in text and "->" not in text


# The validators below turn a short form into the long one; by these marks the JSON Schema of contracts allows both.


class OrOne:
    """A list of one may be written as that one."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        of_list = handler(schema)
        return {"anyOf": [of_list["items"], of_list]}


class AsCleaning:
    """What :func:`make_cleaning` takes."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        text = {"type": "string"}
        replacement = {
            "properties": {"find": text, "replace": text},
            "required": ["find"],
            "additionalProperties": False,
        }
        return {"anyOf": [{"enum": list(CLEANINGS)}, {"type": "object", **replacement}]}


class OrNull:
    """The word ``null`` may stand without quotes."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        words = handler(schema)
        return {"enum": [*words["enum"], None]}


class OrText:
    """A column may be written as a bare text too, or as a list of them."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        path = {"type": "string", "description": "A path or a system value."}
        return {"anyOf": [path, {"type": "array", "items": path, "minItems": 1}, handler(schema)]}


class OrValues:
    """A lookup may be its values alone."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        values = {"type": "object", "additionalProperties": {"type": ["boolean", "number", "string"]}}
        return {"anyOf": [handler(schema), values]}


class ContractPart(BaseModel):
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
Take = Literal["first", "last", "only", "join", "count", "sum", "min", "max", "name", "xml", "json"]
OnError = Literal["reject", "null", "default", "truncate"]
Rounding = Literal["half_up", "half_even", "down"]


class _TextOptions(ContractPart):
    """How a text becomes a value: what a column says, or ``defaults`` for all columns."""

    clean: Cleanings = Field(
        default_factory=list,
        description="What is done to the text before it is converted, in order: "
        + ", ".join(CLEANINGS)
        + ", or {find: regex, replace: text}.",
    )
    blank: Annotated[Literal["keep", "null"], BeforeValidator(_null), OrNull()] = Field(
        "keep", description="Whether a text of nothing but blanks is a value of type text, or a missing one."
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
        description="What is done with a text that is not a value of the type: reject the record, treat the value as "
        "missing (the default, or NULL), use the default, or cut a text to its length.",
    )
    ignore_case: bool = Field(
        False, description="Whether the names in paths match in any case; an exact match comes first."
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


class Defaults(_TextOptions):
    """What columns say unless they say otherwise; it applies to those whose type has a use for it."""

    types: dict[str, _TextOptions] = Field(
        default_factory=dict,
        description="What columns of one type say, before the rest of `defaults`: {int: {rounding: half_up}}; lookups "
        "are not read as their type.",
    )

    @field_validator("types")
    @classmethod
    def _types(cls, types: dict[str, _TextOptions]) -> dict[str, _TextOptions]:
        for name in types:
            if name not in TYPE_NAMES:
                raise ValueError(f"{name!r} is not a type; the types are {', '.join(TYPE_NAMES)}")
        return types


class ColumnModel(_TextOptions):
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
        "an error), all joined by `separator`, their number, their sum, the least or the greatest of their values, the "
        "first element's name, or the first element with all below it as XML or JSON.",
    )
    separator: str = Field(" ", description="The separator between joined texts.")
    except_: Names = Field(
        default_factory=list,
        alias="except",
        description="Names of elements whose text does not count as that of an element around them; with `*` only an "
        "element's own text counts.",
    )
    between: str | None = Field(
        None,
        description="What is put into the text of an element where one child element ends and the next begins, and in "
        "place of an empty one.",
    )
    lookup: str | None = Field(None, description="The name of a lookup: the text is replaced by what it means there.")
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
        if self.take in WHICH_TYPES and self.column_type.name not in WHICH_TYPES[self.take]:
            types = ", ".join(WHICH_TYPES[self.take])
            raise PydanticCustomError(
                "take", f"`take: {self.take}` gives no {self.column_type.name}, but one of {types}"
            )
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
