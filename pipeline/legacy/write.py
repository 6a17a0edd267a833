"""A contract as YAML that people like to read: a line for each column, comments where they help."""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from pipeline.legacy.source import CONTACT_TABLE, Legacy

_KEEP_LAST = "Of contacts with one con_id the last is kept, of the type that stands last here."
_TYPES = "How texts were read before: the first number of a text, true in many words, seconds above 59 as 59."


def write_yaml(contract: dict[str, Any], legacy: Legacy) -> str:
    """The contract of an import as text."""
    document = _block(contract)
    document["defaults"] = _block(contract["defaults"])
    document["defaults"]["format"] = _flow(contract["defaults"]["format"])
    document["defaults"]["types"] = _block(_readings(contract["defaults"]["types"]))
    document["record"] = _block({**contract["record"], "key": _lines(contract["record"]["key"])})
    if "reject_when" in contract["record"]:
        document["record"]["reject_when"] = _block_list(contract["record"]["reject_when"])
    if "lookups" in contract:
        document["lookups"] = _block(
            {name: _block({**one, "values": _flow(one["values"])}) for name, one in contract["lookups"].items()}
        )
    document["tables"] = _block({name: _table(table) for name, table in contract["tables"].items()})
    _comment(document, contract, legacy)
    yaml = YAML()
    yaml.width = 100_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(document, text)
    return text.getvalue()


def _readings(types: dict[str, Any]) -> dict[str, Any]:
    """One line for each type; what is the same for several is written once."""
    shown: dict[str, Any] = {}
    for name, reading in types.items():
        same = next((earlier for earlier in shown if types[earlier] == reading), None)
        if same is None:
            shown[name] = _flow(reading)
        else:
            shown[same].yaml_set_anchor(same)
            shown[name] = shown[same]
    return shown


def _table(table: dict[str, Any]) -> CommentedMap:
    shown = _block(table)
    for key in ("key", "inherit", "unique"):
        if key in table:
            shown[key] = _flow(table[key])
    if "slots" in table:
        shown["slots"] = _items(table["slots"])
    if "union" in table:
        shown["union"] = CommentedSeq([_table(source) for source in table["union"]])
    if "columns" in table:
        shown["columns"] = _lines(table["columns"])
    return shown


def _lines(columns: dict[str, Any]) -> CommentedMap:
    """One line for each; a column of text without more to say is just its path."""
    return _block(
        {
            name: spec["from"]
            if set(spec) == {"from", "type"} and spec["type"] == "text" and isinstance(spec["from"], str)
            else _flow(spec)
            for name, spec in columns.items()
        }
    )


def _items(values: list[dict[str, Any]]) -> CommentedSeq:
    return CommentedSeq([_flow(value) for value in values])


def _block_list(values: list[dict[str, Any]]) -> CommentedSeq:
    return CommentedSeq([_block(value) for value in values])


def _block(values: dict[str, Any]) -> CommentedMap:
    return CommentedMap(values)


def _flow(value: Any) -> Any:
    """The value on one line."""
    if isinstance(value, dict):
        shown: Any = CommentedMap({key: _flow(one) for key, one in value.items()})
    elif isinstance(value, list):
        shown = CommentedSeq([_flow(one) for one in value])
    else:
        return value
    shown.fa.set_flow_style()
    return shown


def _comment(document: CommentedMap, contract: dict[str, Any], legacy: Legacy) -> None:
    about = ["Imported from a legacy contract."]
    if legacy.source_table:
        column = f", column {legacy.source_column}" if legacy.source_column else ""
        about.append(f"Its documents are in the table {legacy.source_table}{column}.")
    document.yaml_set_start_comment(" ".join(about))
    for key in ("defaults", "record", "lookups", "tables"):
        if key in document:
            document.yaml_set_comment_before_after_key(key, before="\n")
    if contract["defaults"]["types"]:
        document["defaults"].yaml_set_comment_before_after_key("types", before=_TYPES, indent=2)
    for number, name in enumerate(contract["tables"]):
        if number:
            document["tables"].yaml_set_comment_before_after_key(name, before="\n", indent=2)
    contacts = contract["tables"].get(CONTACT_TABLE)
    if contacts and "union" in contacts:
        document["tables"][CONTACT_TABLE].yaml_set_comment_before_after_key("union", before=_KEEP_LAST, indent=4)
