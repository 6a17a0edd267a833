"""Small legacy contracts for tests, and the rows that our import of them makes of a document."""

from __future__ import annotations

from typing import Any

from beamshred.legacy import Notes, convert_legacy
from beamshred.legacy.source import parse_legacy
from transforms.contract.read import parse_contract
from transforms.map.mapper import Mapper
from transforms.parse.parser import RecordParser
from transforms.records import MappedRecord, ParsedRecord, Reject, XmlRecord
from transforms.schema import ABSENT

APP = "/Root/Request/CustData/application"
CONTACT = f"{APP}/contact"
ADDRESS = f"{CONTACT}/contact_address"
EMPLOYMENT = f"{CONTACT}/contact_employment"

FILTERS = {
    "filter_rules": [
        {
            "element_type": "contact", "xml_parent_path": APP, "xml_child_path": CONTACT,
            "required_attributes": {"con_id": True, "role": ["PR", "SEC"]},
        },
        {
            "element_type": "address", "xml_parent_path": CONTACT, "xml_child_path": ADDRESS,
            "required_attributes": {"kind": ["CURR", "PREV"]},
        },
        {
            "element_type": "employment", "xml_parent_path": CONTACT, "xml_child_path": EMPLOYMENT,
            "required_attributes": {"kind": ["CURR", "PREV"]},
        },
    ]
}  # fmt: skip


def mapping(place: str, target: str, data_type: str = "string", *types: str, **more: Any) -> dict[str, Any]:
    """``mapping("/Root/Request/@ID", "app_base.app_id", "int", "identity_insert")``."""
    path, _, attribute = place.rpartition("/@")
    table, column = target.split(".")
    found = {
        "xml_path": path,
        "xml_attribute": attribute,
        "target_table": table,
        "target_column": column,
        "data_type": data_type,
    }
    return {**found, **({"mapping_type": list(types)} if types else {}), **more}


KEY = mapping("/Root/Request/@ID", "app_base.app_id", "int", "identity_insert")
CON_ID = mapping(f"{CONTACT}/@con_id", "app_contact_base.con_id", "int", "identity_insert")


def converted(*mappings: dict[str, Any], **top: Any) -> tuple[str, Notes]:
    """The YAML of a legacy contract of these mappings, and the notes on it."""
    data = {
        "xml_root_element": "Root",
        "xml_application_path": APP,
        "element_filtering": FILTERS,
        "mappings": [KEY, *mappings],
        **top,
    }
    return convert_legacy(parse_legacy(data, "test"))


def imported(*mappings: dict[str, Any], **top: Any) -> Mapper:
    return Mapper(parse_contract(converted(*mappings, **top)[0]))


def mapped(mapper: Mapper, request: str) -> MappedRecord | Reject:
    payload = request.encode()
    parsed = RecordParser().parse(XmlRecord("a.xml", 0, 0, len(payload), payload))
    assert isinstance(parsed, ParsedRecord), parsed
    return mapper.map(parsed)


def rows_of(mapper: Mapper, request: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of a ``<Request>`` by table, each as its columns that have a value; tables without rows are left out."""
    record = mapped(mapper, request)
    assert isinstance(record, MappedRecord), record
    names = {label: table.column_names for label, table in mapper.schema.by_label.items()}
    return {
        label: [
            {name: value for name, value in zip(names[label], row, strict=True) if value is not ABSENT} for row in rows
        ]
        for label, rows in record.rows.items()
        if rows
    }


def request(inner: str = "", attributes: str = "") -> str:
    """A request with number 7 and this in its application."""
    return f'<Request ID="7"><CustData><application {attributes}>{inner}</application></CustData></Request>'


def value(
    place: str,
    data_type: str = "string",
    *types: str,
    inner: str = "",
    attributes: str = "",
    top: Any = None,
    **more: Any,
) -> Any:
    """The value of one mapped column of ``app_base``, or ``ABSENT``."""
    mapper = imported(mapping(place, "app_base.c", data_type, *types, **more), **(top or {}))
    [row] = rows_of(mapper, request(inner, attributes))["app_base"]
    return row.get("c", ABSENT)
