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
foreign keys. :func:`transforms.contract.read.load_contract` reads a file and reports all of its mistakes at once;
``docs/contract.md`` explains every key. Here is the form of the file; what it means is :mod:`transforms.contract.plan`.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from pydantic_core import PydanticCustomError

from transforms.contract.column_model import (
    ColumnModel,
    Columns,
    ContractPart,
    Defaults,
    Name,
    Names,
    OrValues,
    Scalar,
    Texts,
)


class RecordModel(ContractPart):
    """Which elements are records, and what identifies one."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema.pop("required"))

    path: str = Field(description="The absolute path of the elements that are records; /* is the document element.")
    key: Columns = Field(min_length=1, description="The columns that identify a record; every table has them.")
    reject_when: list[Rule] = Field(
        default_factory=list, description="Conditions over the key and [paths] that reject the record."
    )
    warn_when: list[Rule] = Field(default_factory=list, description="Conditions that are counted in the report.")


class Rule(ContractPart):
    """A condition and what it means."""

    when: str = Field(description="An SQL condition over the columns of the row and [paths].")
    message: str = Field(min_length=1, description="The message for a record that it is true for.")


class Unique(ContractPart):
    """Which of several rows below the same parent row are kept."""

    by: Texts = Field(description="Rows with the same values in these columns are the same; one of them is kept.")
    keep: Literal["first", "last"] = Field("first", description="Which one, where `prefer` does not decide.")
    prefer: dict[str, list[Scalar]] = Field(
        default_factory=dict,
        max_length=1,
        description="{name: [best value, next best, ...]}: the row whose value, of a column or of `let`, comes first "
        "in the list.",
    )
    below: Literal["drop", "keep"] = Field(
        "drop",
        description="What happens to the child rows of a row that is dropped: they are dropped too, or kept "
        "under the row that stays.",
    )


class Index(ContractPart):
    """Elements of the record that others refer to."""

    path: str = Field(description="The path of the elements, from the record.")
    key: str = Field(description="The path of the text that others name an element by, from the element: @id.")


class Source(ContractPart):
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
        "its $name and $value; `$leaves` is all of them, each named by its path.",
    )
    split: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="With `unpivot`: the separator between the parts of a value, each of which makes a row; a blank is "
        "any white space.",
    )
    slots: list[dict[str, Scalar]] = Field(
        default_factory=list,
        description="Each makes a row of every row element; {name} in paths, values and conditions is replaced by the "
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
    order: Literal["sources", "document"] = Field(
        "sources",
        description="Whether the rows of a `union` come source by source, or in the order of their elements in the "
        "document; $position then counts over all.",
    )
    unique: Unique | None = Field(None, description="Of rows that are the same, one is kept; the others are dropped.")
    skip_empty: Literal[False, True, "unless_computed", "with_blanks"] = Field(
        False,
        description="Leave out rows that hold nothing but keys, constants, computed values and defaults; with "
        "`unless_computed`, computed values count; with `with_blanks`, blank texts do not.",
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
        if self.order == "document" and not self.union:
            raise PydanticCustomError("order", "`order: document` is about the sources of a `union`")
        return self


class Lookup(ContractPart):
    """What each text means."""

    values: dict[str, Scalar] | None = Field(None, description="What each text means: {text: value}.")
    csv: str | None = Field(None, description="A CSV file with a header, beside the contract, instead of `values`.")
    key: str | None = Field(None, description="The column of the CSV file with the texts.")
    value: str | None = Field(None, description="The column of the CSV file with what they mean.")
    ignore_case: bool = Field(False, description="Whether texts match in any case; an exact match comes first.")
    otherwise: Scalar | None = Field(
        None, description="What every other text means; without it, such a text is an error of the rule `lookup`."
    )

    @model_validator(mode="after")
    def _one_origin(self) -> Lookup:
        if (self.values is None) == (self.csv is None):
            raise PydanticCustomError("lookup", "a lookup has either `values` or `csv`")
        if (self.csv is None) != (self.key is None) or (self.csv is None) != (self.value is None):
            raise PydanticCustomError(
                "lookup",
                "`csv`, `key` and `value` come together: a file, and its columns of texts and of what they mean",
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


def _only_without_extends(schema: dict[str, Any]) -> None:
    """A contract that extends another may leave out what that one says."""
    record = {"properties": {"record": {"required": ["path", "key"]}}}
    schema["if"] = {"not": {"required": ["extends"]}}
    schema["then"] = {"required": schema.pop("required"), **record}


class ContractModel(ContractPart):
    """A whole contract as its file has it: each key is known, and its value of the right kind."""

    model_config = ConfigDict(json_schema_extra=_only_without_extends)

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
        default_factory=dict,
        description='Lists of formats by name, for `format` and STRPTIME: {us_dates: ["%m/%d/%Y", iso]}.',
    )
    elements: dict[Name, str] = Field(
        default_factory=dict,
        description='Elements of the record by name: {buyer: Parties/Party[@role="buyer"]}. Any path may begin with '
        "one: $buyer/Name.",
    )
    index: dict[Name, Index] = Field(
        default_factory=dict,
        description="Elements that others refer to, by name: a step `-> name` in a path follows a reference.",
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
