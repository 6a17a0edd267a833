"""A contract without its shorthands: defaults, groups and slots written out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from transforms.contract.column_model import UNPIVOT_VALUES, ColumnModel, Scalar, is_system_value
from transforms.contract.document import Location
from transforms.contract.model import ContractModel, Source, TableModel

_USES = {
    "zone": ("datetime", "datetimetz"),
    "rounding": ("tinyint", "smallint", "int", "bigint", "decimal", "time", "datetime", "datetimetz"),
    "format": ("date", "datetime", "datetimetz"),
}
"""The types that take over a default; what is not named here, all take over."""


Sources = list[tuple[Location, Source]]
"""All the sources of a table's rows, one for each slot, each with all of its columns; and where each stands."""


def resolve(contract: ContractModel) -> tuple[ContractModel, dict[str, Sources]]:
    """The same contract with defaults and groups in every column; and the sources of each table."""
    tables = {label: _resolve_table(contract, table) for label, table in contract.tables.items()}
    key = _with_defaults(contract, contract.record.key)
    record = contract.record.model_copy(update={"key": key})
    resolved = contract.model_copy(update={"record": record, "tables": tables})
    return resolved, {label: _sources(table) for label, table in tables.items()}


def _resolve_table(contract: ContractModel, table: TableModel) -> TableModel:
    included = {
        name: column for group in table.include for name, column in contract.column_groups.get(group, {}).items()
    }
    columns = _with_defaults(contract, {**included, **table.columns})
    return table.model_copy(
        update={
            "columns": columns,
            "let": _let(contract, table.let),
            "union": [
                source.model_copy(
                    update={
                        "columns": _with_defaults(contract, _typed(source.columns, columns)),
                        "let": _let(contract, _typed(source.let, table.let)),
                    }
                )
                for source in table.union
            ],
        }
    )


def _let(contract: ContractModel, values: dict[str, ColumnModel]) -> dict[str, ColumnModel]:
    """Values that are in no INSERT cannot be left out of one."""
    return {
        name: column.model_copy(update={"omit": False}) for name, column in _with_defaults(contract, values).items()
    }


def _typed(replacements: dict[str, ColumnModel], columns: dict[str, ColumnModel]) -> dict[str, ColumnModel]:
    """The columns of a source, of the types that they have in its table where they say none themselves."""
    return {
        name: column.model_copy(update={"type": columns[name].type})
        if name in columns and "type" not in column.model_fields_set
        else column
        for name, column in replacements.items()
    }


def _with_defaults(contract: ContractModel, columns: dict[str, ColumnModel]) -> dict[str, ColumnModel]:
    defaults = _said(contract.defaults)
    types = {name: _said(reading) for name, reading in defaults.pop("types", {}).items()}
    found = {}
    for name, column in columns.items():
        resolved = column.model_copy(update=dict(_applicable(column, defaults, types)))
        if resolved.format and contract.formats:
            # A name stands for its list, also within a list.
            formats = [one for word in resolved.format for one in contract.formats.get(word, [word])]
            resolved = resolved.model_copy(update={"format": formats})
        found[name] = resolved
    return found


def _said(reading: Any) -> dict[str, Any]:
    return {name: getattr(reading, name) for name in reading.model_fields_set}


def _applicable(
    column: ColumnModel, defaults: dict[str, Any], types: dict[str, dict[str, Any]]
) -> Iterator[tuple[str, Any]]:
    source = (column.from_ or ["$"])[0]
    type_ = column.column_type.name
    # The text of a lookup is not read as a value of the column's type.
    of_type = types.get(type_, {}) if column.lookup is None else {}
    defaults = {**defaults, **of_type}
    if is_system_value(source) and source not in UNPIVOT_VALUES:
        # Constants and system values are as they are; what is computed may only fail or be missing.
        defaults = {name: defaults[name] for name in ("on_error", "omit") if name in defaults and column.expression}
    for name, value in defaults.items():
        if name in column.model_fields_set or (name not in of_type and type_ not in _USES.get(name, (type_,))):
            continue
        if name == "clean" and type_ != "text" and column.lookup is None and name not in of_type:
            # Upper case makes another value of a base64 text, and `digits` of a decimal.
            continue
        if name == "on_error" and (
            (value == "truncate" and type_ != "text") or (value == "default" and column.default is None)
        ):
            continue
        yield name, value


def _sources(table: TableModel) -> Sources:
    if not table.union:
        return [((), source) for source in _slots(table, table.columns, table.where)]
    found: Sources = []
    for number, source in enumerate(table.union):
        where = " AND ".join(f"({condition})" for condition in (table.where, source.where) if condition) or None
        whole = source.model_copy(
            update={"let": {**table.let, **source.let}, "elements": {**table.elements, **source.elements}}
        )
        columns = {**table.columns, **source.columns}
        found += [(("union", number), one) for one in _slots(whole, columns, where)]
    return found


def _slots(source: Source, columns: dict[str, ColumnModel], where: str | None) -> Iterator[Source]:
    for slot in source.slots or [{}]:
        texts = {f"{{{name}}}": _text(value) for name, value in slot.items()}
        yield Source.model_construct(
            rows=_filled(source.rows, texts),
            where=_filled(where, texts),
            unpivot=_filled(source.unpivot, texts),
            split=source.split,
            slots=source.slots,
            columns={name: _filled_column(column, texts) for name, column in columns.items()} if texts else columns,
            let={name: _filled_column(column, texts) for name, column in source.let.items()},
            elements={name: _filled(text, texts) for name, text in source.elements.items()},
        )


def _filled_column(column: ColumnModel, texts: dict[str, str]) -> ColumnModel:
    filled = {
        name: _filled(getattr(column, name), texts) for name in ("from_", "value", "expression", "lookup", "default")
    }
    if column.from_:
        # A slot that has no such field leaves its path empty.
        filled["from_"] = [path for path in filled["from_"] if path.strip()]
    if column.default != "" and filled["default"] == "":
        filled["default"] = None
    return column.model_copy(update=filled)


def _filled(value: Any, texts: dict[str, str]) -> Any:
    """Every text of ``value`` with the slot's values in it."""
    if isinstance(value, list):
        return [_filled(item, texts) for item in value]
    if isinstance(value, str):
        return re.sub(r"\{[^{}]*\}", lambda match: texts.get(match[0], match[0]), value)
    return value


def _text(value: Scalar) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
