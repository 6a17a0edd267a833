"""What makes sense of a contract as a whole: its references, paths and constants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from transforms.map.contract import SYSTEM_VALUES, ColumnModel, Contract, TableModel
from transforms.map.convert import ConversionError, make_converter
from transforms.map.document import Location, did_you_mean
from transforms.map.paths import Child, Path, PathError, Up, parse_path
from transforms.map.tables import inherited, parents_first, primary_key
from transforms.names import RecordPath
from transforms.schema import ColumnType

_HOLDS_INT = ("tinyint", "smallint", "int", "bigint", "text")

Finding = tuple[Location, str, Any, "str | None"]
"""Where, what is wrong, the offending value, and what would be right."""


def check_contract(contract: Contract) -> Iterator[Finding]:
    """Every mistake that a look at one key alone cannot find."""
    try:
        RecordPath.parse(contract.record.path, contract.namespaces)
    except ValueError as error:
        yield ("record", "path"), str(error), None, None
    for name, column in contract.record.key.items():
        location: Location = ("record", "key", name)
        yield from _check_column(contract, location, column, 0)
        if column.from_ == ["$position"]:
            yield (*location, "from"), "a record has no position; its number in the source is $ordinal", None, None
    ordered = parents_first(contract)
    depths: dict[str, int] = {}
    for label in [*ordered, *(label for label in contract.tables if label not in ordered)]:
        table = contract.tables[label]
        yield from _check_table(contract, label, table, label in ordered)
        depth = depths.get(table.parent or "", 0) + (yield from _check_rows(contract, label, table))
        depths[label] = depth
        for name, column in table.columns.items():
            yield from _check_column(contract, ("tables", label, "columns", name), column, depth)


def _check_table(contract: Contract, label: str, table: TableModel, ordered: bool) -> Iterator[Finding]:
    place: Location = ("tables", label)
    for name in table.key:
        if name not in table.columns:
            yield (*place, "key"), "there is no such column in this table", name, did_you_mean(name, table.columns)
    if table.parent is not None and table.parent not in contract.tables:
        yield (*place, "parent"), "there is no such table", table.parent, did_you_mean(table.parent, contract.tables)
        return
    if not ordered:
        if not _missing_ancestor(contract, label):
            yield (*place, "parent"), "the parents of this table lead in a circle", table.parent, None
        return
    if table.parent is not None and not primary_key(contract, table.parent):
        yield (*place, "parent"), "a parent needs a `key`, which tells its rows apart", table.parent, "give it one; $position numbers them"
    names = inherited(contract, label)
    for name in table.inherit:
        if name not in names:
            yield (*place, "inherit", name), "the parent has no such key column", None, did_you_mean(name, names)
    for name in set(names.values()) & set(table.columns):
        yield (*place, "columns", name), "every row has this column already, from the key above it", None, "leave it out, or rename it under `inherit`"
    if not names and not table.columns:
        yield place, "a table needs columns", None, None


def _missing_ancestor(contract: Contract, label: str) -> bool:
    seen: set[str] = set()
    at: str | None = label
    while at is not None and at not in seen:
        if at not in contract.tables:
            return True
        seen.add(at)
        at = contract.tables[at].parent
    return False


def _check_rows(contract: Contract, label: str, table: TableModel):
    """Check the row path; give how many elements below the row above its rows stand, at the least."""
    try:
        path = parse_path(table.rows, contract.namespaces)
    except PathError as error:
        yield ("tables", label, "rows"), str(error), None, None
        return 0
    if not path.selects_elements:
        yield ("tables", label, "rows"), "rows are elements, and this selects attributes", table.rows, None
    if any(isinstance(step, Up) for steps in path.alternatives for step in steps):
        yield ("tables", label, "rows"), "rows stand below their parent's row, and `..` leads out of it", table.rows, None
    return min(len(steps) for steps in path.alternatives)


def _check_column(contract: Contract, location: Location, column: ColumnModel, depth: int) -> Iterator[Finding]:
    for text in column.from_ or ():
        if text.startswith("$"):
            if text not in SYSTEM_VALUES:
                yield (*location, "from"), "there is no such system value", text, did_you_mean(text, SYSTEM_VALUES)
            elif len(column.from_ or ()) > 1:
                yield (*location, "from"), "a system value is always there, so it stands alone", text, None
            elif column.column_type.name not in (SYSTEM_VALUES[text][0], *_HOLDS_INT) or column.clean or column.lookup:
                yield location, f"{text} is a {SYSTEM_VALUES[text][0]} and is taken as it is", column.type, None
            continue
        try:
            path = parse_path(text, contract.namespaces)
        except PathError as error:
            yield (*location, "from"), str(error), None, None
            continue
        if column.take == "name" and not path.selects_elements:
            yield (*location, "take"), "the name is that of an element, and this selects attributes", text, None
        if _leaves_record(path, depth):
            yield (*location, "from"), "above the record only the attributes of its ancestors are read, not their other elements", text, "choose a record path further up"
    if column.lookup is not None and column.lookup not in contract.lookups:
        yield (*location, "lookup"), "there is no such lookup", column.lookup, did_you_mean(column.lookup, contract.lookups)
    type_ = column.column_type
    try:
        make_converter(type_, formats=column.format or (), rounding=column.rounding, zone=column.zone)
    except ValueError as error:
        yield location, str(error), None, None
    for key in ("value", "default"):
        constant = getattr(column, key)
        if constant is not None:
            yield from _check_constant((*location, key), type_, constant)
    for text, value in contract.lookups.get(column.lookup or "", {}).items():
        yield from _check_constant(("lookups", column.lookup or "", text), type_, value)


def _check_constant(location: Location, type_: ColumnType, constant: Any) -> Iterator[Finding]:
    try:
        convert_constant(type_, constant)
    except ConversionError as error:
        yield location, f"no value of the type {type_}: {error}", constant, None


def convert_constant(type_: ColumnType, constant: Any) -> Any:
    """A scalar of the contract as a value of a type; raises :class:`ConversionError`.

    It is written as in a document, or as YAML writes it: ``true``, ``12``, ``1.5``.
    """
    convert: Callable[[str], Any] = make_converter(type_)
    if isinstance(constant, bool):
        return convert("true" if constant else "false")
    return convert(constant if isinstance(constant, str) else repr(constant))


def _leaves_record(path: Path, depth: int) -> bool:
    """Whether a path climbs above the record and then down to elements, which are not there."""
    for steps in path.alternatives:
        climbed = 0
        for step in steps:
            if isinstance(step, Up):
                climbed += 1
            elif isinstance(step, Child):
                if climbed > depth:
                    return True
                climbed -= 1
    return False


def reads_above_record(path: Path, depth: int) -> bool:
    """Whether a path reads what stands above the record."""
    for steps in path.alternatives:
        height = depth
        for step in steps:
            height += -1 if isinstance(step, Up) else isinstance(step, Child)
            if height < 0:
                return True
    return False
