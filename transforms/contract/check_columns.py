"""What makes sense of a column by itself."""

from __future__ import annotations

from collections.abc import Iterator

from transforms.contract.column_model import ColumnModel, is_system_value
from transforms.contract.constants import Finding
from transforms.contract.document import Location
from transforms.contract.model import Contract
from transforms.names import NameTest
from transforms.schema import ColumnType


def text_keys(column: ColumnModel) -> list[str]:
    """What a column says of the texts of elements."""
    return [key for key, said in (("except", column.except_), ("between", column.between is not None)) if said]


def check_text_keys(contract: Contract, place: Location, column: ColumnModel) -> Iterator[Finding]:
    """Check what a column says of the texts of elements."""
    takes_none = column.take in ("count", "name", "xml", "json")
    for key in text_keys(column):
        if not column.from_ or all(map(is_system_value, column.from_)):
            yield (*place, key), "this is about the texts of elements that are read", None, None
        elif takes_none:
            yield (*place, key), f"this is about texts, and `take: {column.take}` gives none", None, None
    for number, name in enumerate(column.except_):
        try:
            NameTest.parse(name, contract.namespaces)
        except ValueError as error:
            yield (*place, "except", number), str(error), None, "name elements, without a path"


def is_for_texts(column: ColumnModel) -> bool:
    """Whether a column says something about the reading of texts."""
    return bool(column.lookup or column.clean or column.format or column.take != "first")


def fits(found: ColumnType, wanted: ColumnType) -> bool:
    """Whether values of one type become the other without a CAST."""
    numbers = ("tinyint", "smallint", "int", "bigint", "decimal")
    dates = ("date", "datetime", "datetimetz")
    if wanted.name == "text" or found.name == wanted.name:
        return True
    if wanted.name == "float":
        return found.name in numbers
    if found.name in numbers:
        return wanted.name == "decimal" or (found.name != "decimal" and wanted.name in numbers)
    return found.name in dates and wanted.name in dates
