"""A contract as YAML that people like to read: a line for each column, comments where they help."""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString, SingleQuotedScalarString

from beamshred.legacy.layout import laid_out
from beamshred.legacy.source import CONTACT_TABLE, Legacy

WIDTH = 120
"""Characters of a line, at most."""

Place = tuple["str | int", ...]

_ABOUT = {
    "formats": "How dates are written.",
    "defaults": "How texts are read: blank texts become NULL, and so do texts that cannot be converted.",
    "elements": "Where values are: of several elements of one kind, the last is used.",
    "record": "Keys are strict: a document whose key is not a number is rejected.",
    "lookups": "What texts mean.",
    "tables": "The tables, in the order of their foreign keys.",
}
_CONTACTS = "Of contacts with one number, that of the first type is kept, of one type the last, with what is below all."
_ORDER = (
    "parent", "inherit", "rows", "slots", "elements", "let", "where", "union", "key", "unique", "reject_when",
    "warn_when", "skip_empty", "columns",
)  # fmt: skip
"""The keys of a table: a condition stands below what it names."""
_BLOCKS = {"columns", "let", "elements", "union", "slots", "reject_when", "warn_when"}


def write_yaml(contract: dict[str, Any], legacy: Legacy) -> str:
    """The contract of an import as text."""
    tables = {
        name: {key: table[key] for key in sorted(table, key=_ORDER.index)} for name, table in contract["tables"].items()
    }
    writer = _Writer()
    document = writer.shown({**contract, "tables": tables}, ())
    _comment(document, contract, legacy)
    return writer.filled_in(_dumped(document))


def _dumped(value: Any) -> str:
    yaml = YAML()
    yaml.width = 100_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(
        type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    text = io.StringIO()
    yaml.dump(value, text)
    return text.getvalue()


class _Writer:
    """Lays out the parts of a contract. ``wrapped`` are lists and mappings that take several lines, by what stands
    for them until all is written: ruamel.yaml would break texts too, where it breaks lines."""

    def __init__(self) -> None:
        self.wrapped: dict[str, str] = {}

    def shown(self, value: Any, place: Place, indent: int = 0) -> Any:
        """A part of the contract, on one line where it fits and is not one that people look through."""
        used = indent + (len(f"{place[-1]}: ") if place and isinstance(place[-1], str) else 2)
        if isinstance(value, str):
            if len(_line(value)) <= WIDTH - used:
                return value
            return LiteralScalarString(laid_out(value, WIDTH - indent - 2))
        if not isinstance(value, (dict, list)):
            return value
        if isinstance(value, dict) and _is_path_alone(value) and _is_column(place):
            return self.shown(value["from"], place, indent)
        if not value or (not _is_block(place) and len(_line(value)) <= WIDTH - used):
            return _flow(value)
        if not _is_block(place) and not (_is_column(place) and isinstance(value, dict)):
            items = _items(value)
            if all(len(item) <= WIDTH - used for item in items):
                return self._wrap(items, ("{", "}") if isinstance(value, dict) else ("[", "]"), used, indent + 4)
        if isinstance(value, dict) and place[-1:] == ("let",) and len(value) == 1:
            ((name, spec),) = value.items()
            if _is_path_alone(spec) and isinstance(spec["from"], list):
                return self._wrap(_items(spec["from"]), (f"{{{name}: [", "]}"), used, indent + 4)
        if isinstance(value, dict):
            below = indent + (2 if place else 0)
            return CommentedMap({key: self.shown(one, (*place, key), below) for key, one in value.items()})
        return CommentedSeq([self.shown(one, (*place, number), indent + 4) for number, one in enumerate(value)])

    def _wrap(self, items: list[str], brackets: tuple[str, str], used: int, indent: int) -> str:
        lines = [brackets[0]]
        for number, item in enumerate(items):
            item += "," if number < len(items) - 1 else brackets[1]
            room = WIDTH - (used if len(lines) == 1 else indent)
            if len(lines[-1]) + len(item) + 1 > room:
                lines.append(item)
            else:
                lines[-1] += item if lines[-1] == brackets[0] else f" {item}"
        token = f"WRAPPED{len(self.wrapped)}WRAPPED"
        self.wrapped[token] = f"\n{' ' * indent}".join(lines)
        return token

    def filled_in(self, text: str) -> str:
        for token, lines in self.wrapped.items():
            text = text.replace(token, lines)
        return text


def _items(value: Any) -> list[str]:
    """The items of a list or mapping as they stand in brackets."""
    if isinstance(value, list):
        return [_line(item) for item in value]
    return [_line({key: item})[1:-1] for key, item in value.items()]


def _line(value: Any) -> str:
    return _dumped(CommentedSeq([_flow(value)])).strip().removeprefix("- ")


def _flow(value: Any) -> Any:
    """The value on one line."""
    if isinstance(value, dict):
        shown: Any = CommentedMap({_flow(key): _flow(one) for key, one in value.items()})
    elif isinstance(value, list):
        shown = CommentedSeq([_flow(one) for one in value])
    elif isinstance(value, str) and value.startswith(("?", ":")):
        return SingleQuotedScalarString(value)  # ruamel.yaml leaves them bare, and cannot read them so
    elif isinstance(value, str) and not value.isprintable():
        return DoubleQuotedScalarString(value)
    else:
        return value
    shown.fa.set_flow_style()
    return shown


def _is_path_alone(spec: dict[str, Any]) -> bool:
    """A column of text without more to say is just its path, or its paths."""
    return set(spec) == {"from"}


def _is_column(place: Place) -> bool:
    return place[-2:-1] in (("columns",), ("let",)) or place[:-1] == ("record", "key")


def _is_block(place: Place) -> bool:
    """What never stands on one line."""
    if len(place) <= 1:
        return True
    if place[:1] == ("tables",) and (len(place) == 2 or place[-1] in _BLOCKS or place[-2:-1] == ("union",)):
        return len(place) < 4 or place[2] == "union"
    return place in (("defaults", "types"), ("record", "key"), ("record", "reject_when"))


def _comment(document: CommentedMap, contract: dict[str, Any], legacy: Legacy) -> None:
    about = ["Imported from a legacy contract."]
    if legacy.source_table:
        column = f", column {legacy.source_column}" if legacy.source_column else ""
        about.append(f"Its documents are in the table {legacy.source_table}{column}.")
    document.yaml_set_start_comment(" ".join(about))
    for key, said in _ABOUT.items():
        if key in document:
            document.yaml_set_comment_before_after_key(key, before=f"\n{said}")
    for number, name in enumerate(contract["tables"]):
        if number:
            document["tables"].yaml_set_comment_before_after_key(name, before="\n", indent=2)
    if "prefer" in contract["tables"].get(CONTACT_TABLE, {}).get("unique", {}):
        document["tables"][CONTACT_TABLE].yaml_set_comment_before_after_key("unique", before=_CONTACTS, indent=4)
