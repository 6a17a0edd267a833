"""The legacy contract, read from its JSON file and checked: all that is wrong is reported at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transforms.names import NCNAME

CONTACT_TABLE, ADDRESS_TABLE, EMPLOYMENT_TABLE = "app_contact_base", "app_contact_address", "app_contact_employment"
BASE_TABLE = "app_base"
LEDGER_TABLE = "processing_log"

SELECTORS = ("last_valid_pr_contact", "last_valid_sec_contact", "authu_contact", "curr_address_only")
"""Mapping types that say of which element a value is taken."""
MAKERS = (
    "add_score",
    "add_indicator",
    "add_history",
    "add_report_lookup",
    "policy_exceptions",
    "warranty_field",
    "add_collateral",
)
"""Mapping types that make rows."""
CONVERTERS = (
    "identity_insert", "enum", "char_to_bit", "boolean_to_bit", "numbers_only", "extract_numeric",
    "calculated_field", "default_getutcdate_if_null", "extract_date",
)  # fmt: skip
"""Mapping types that change a value."""
_ARGUMENT = {"add_score": True, "add_indicator": True, "warranty_field": True, "add_collateral": True}
"""Whether a mapping type must have an argument; those that may: add_report_lookup and policy_exceptions."""

DATA_TYPES = (
    "string", "int", "smallint", "tinyint", "bigint", "decimal", "float", "datetime", "smalldatetime", "date", "bit",
    "boolean",
)  # fmt: skip

_WHOLE = ("int", "smallint", "tinyint", "bigint")
_LONGEST = 10_485_760
"""Characters from which on a text has no limit."""

_NAME = re.compile(rf"{NCNAME}\Z")

_IMPLIED = {
    "add_score": "score",
    "add_indicator": "value",
    "add_history": "value",
    "add_report_lookup": "value",
    "policy_exceptions": "reason_code",
}
"""The column of a mapping type that implies it: the mapping need not name one."""

Steps = tuple[str, ...]
"""An absolute path as the names of its elements."""


class LegacyError(ValueError):
    """A file that is no legacy contract: ``problems`` are lines for people, one for each mistake."""

    def __init__(self, problems: list[str]):
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(self.problems)


@dataclass(frozen=True)
class Step:
    """One mapping type of a chain: ``add_score(TU)`` has the argument ``TU``, ``policy_exceptions()`` the empty one."""

    name: str
    argument: str | None = None


@dataclass(frozen=True)
class Mapping:
    """One mapping; ``number`` counts from 1 in the file, ``length`` is ``None`` where text has no limit."""

    number: int
    path: Steps
    attribute: str
    table: str
    column: str
    data_type: str = "string"
    length: int | None = None
    default: Any = None
    chain: tuple[Step, ...] = ()
    enum_name: str | None = None
    expression: str | None = None
    excludes_default: bool = False
    description: str | None = None

    @property
    def selector(self) -> str | None:
        return next((step.name for step in self.chain if step.name in SELECTORS), None)

    @property
    def maker(self) -> Step | None:
        return next((step for step in self.chain if step.name in MAKERS), None)

    @property
    def is_shared(self) -> bool:
        """Whether it makes no row, but gives a value to all rows of its table: ``policy_exceptions()``."""
        return self.maker is None or (self.maker.name == "policy_exceptions" and not self.maker.argument)

    @property
    def conversions(self) -> tuple[str, ...]:
        """The steps that change the value, in order; an expression without its mapping type comes first."""
        names = tuple(step.name for step in self.chain if step.name in CONVERTERS and step.name != "identity_insert")
        return ("calculated_field", *names) if self.expression and "calculated_field" not in names else names

    @property
    def is_identity(self) -> bool:
        return any(step.name == "identity_insert" for step in self.chain)

    @property
    def is_bit(self) -> bool:
        return self.data_type in ("bit", "boolean") or bool({"char_to_bit", "boolean_to_bit"} & set(self.conversions))

    def __str__(self) -> str:
        return f"mapping {self.number}, /{'/'.join(self.path)}/@{self.attribute} -> {self.table}.{self.column}"


@dataclass(frozen=True)
class Filter:
    """Which elements of a kind are kept: none of ``present`` is blank, those ``one_of`` have one of the values."""

    path: Steps
    present: tuple[str, ...] = ()
    one_of: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def type_attribute(self) -> str | None:
        """The attribute whose values are types, the preferred one first."""
        return next(iter(self.one_of), None)

    @property
    def types(self) -> tuple[str, ...]:
        return self.one_of[self.type_attribute] if self.type_attribute else ()


@dataclass(frozen=True)
class Relationship:
    parent: str
    child: str
    column: str
    child_path: Steps


@dataclass(frozen=True)
class Legacy:
    """A whole legacy contract."""

    name: str
    application: Steps
    mappings: tuple[Mapping, ...]
    filters: dict[str, Filter]
    relationships: tuple[Relationship, ...]
    enums: dict[str, dict[str, Any]]
    bits: dict[str, dict[str, Any]]
    order: tuple[str, ...]
    application_element: str | None = None
    schema: str | None = None
    source_table: str | None = None
    source_column: str | None = None
    unknown: tuple[str, ...] = ()

    @property
    def key(self) -> Mapping:
        """The mapping of the record's key."""
        return next(mapping for mapping in self.mappings if (mapping.table, mapping.column) == (BASE_TABLE, "app_id"))


_KEYS = {
    "xml_root_element", "xml_application_path", "source_table", "source_column", "source_application_table",
    "target_schema", "table_insertion_order", "element_filtering", "mappings", "relationships", "enum_mappings",
    "bit_conversions",
}  # fmt: skip
_MAPPING_KEYS = {
    "xml_path", "xml_attribute", "target_table", "target_column", "data_type", "data_length", "nullable", "required",
    "default_value", "mapping_type", "enum_name", "expression", "exclude_default_when_record_empty", "description",
}  # fmt: skip


def read_legacy(file: str | Path) -> Legacy:
    """Read a legacy contract; raise :class:`LegacyError` with all that is wrong, each with its mapping."""
    path = Path(file)
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise LegacyError([f"{path} cannot be read: {error.strerror}"]) from None
    except (ValueError, RecursionError) as error:
        raise LegacyError([f"{path} is not JSON: {error}"]) from None
    return parse_legacy(data, path.stem)


def parse_legacy(data: Any, name: str = "legacy") -> Legacy:
    """The same from parsed JSON; ``name`` becomes the name of the contract."""
    if not isinstance(data, dict) or not isinstance(data.get("mappings"), list) or not data["mappings"]:
        raise LegacyError(["a legacy contract is a JSON object with a list of `mappings`"])
    problems: list[str] = []
    root = _text(data.get("xml_root_element")) or "Root"
    application = _steps(data.get("xml_application_path")) or (root, "Request", "CustData", "application")
    unknown = [f"the key {key!r} of the file is not known" for key in data if key not in _KEYS]
    mappings = []
    for number, item in enumerate(data["mappings"], 1):
        try:
            mappings.append(_mapping(number, item, application))
        except ValueError as error:
            problems.append(f"mapping {number} ({_label(item)}): {error}")
        if isinstance(item, dict):
            unknown += [f"mapping {number}: the key {key!r} is not known" for key in item if key not in _MAPPING_KEYS]
    sections = {key: data.get(key) or {} for key in ("enum_mappings", "bit_conversions")}
    for key, section in sections.items():
        if not isinstance(section, dict) or not all(isinstance(values, dict) for values in section.values()):
            problems.append(f"`{key}` is not an object of objects")
    filters = dict(_checked(_filters(data.get("element_filtering") or {}), problems))
    relationships = tuple(_checked(_relationships(data.get("relationships") or []), problems))
    keys = [one for one in mappings if (one.table, one.column) in ((BASE_TABLE, "app_id"), (CONTACT_TABLE, "con_id"))]
    if not problems and not any(one.table == BASE_TABLE for one in keys):
        problems.append(f"no mapping fills {BASE_TABLE}.app_id, which identifies a record")
    problems += [
        f"{one}: a key is a whole number, not a {one.data_type}" for one in keys if one.data_type not in _WHOLE
    ]
    order = data.get("table_insertion_order") or []
    if not isinstance(order, list) or not all(isinstance(table, str) for table in order):
        problems.append("`table_insertion_order` is not a list of names")
    product = _text(data.get("source_application_table"))
    names = _no_names((*application, *([product] if product else [])))
    problems += [f"{name!r}, of the application, is not the name of an element" for name in names]
    if problems:
        raise LegacyError(problems)
    return Legacy(
        name=re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-_.")[:64] or "legacy",
        application=application,
        mappings=tuple(mappings),
        filters=filters,
        relationships=relationships,
        enums=sections["enum_mappings"],
        bits=sections["bit_conversions"],
        order=tuple(table for table in order if table != LEDGER_TABLE),
        application_element=product,
        schema=_text(data.get("target_schema")),
        source_table=_text(data.get("source_table")),
        source_column=_text(data.get("source_column")),
        unknown=tuple(unknown),
    )


def _mapping(number: int, item: Any, application: Steps) -> Mapping:
    if not isinstance(item, dict):
        raise ValueError(f"{item!r} is not an object")
    chain = _chain(item.get("mapping_type"))
    expression = _text(item.get("expression"))
    names = {step.name for step in chain}
    if "calculated_field" in names and not expression:
        raise ValueError("`calculated_field` needs an `expression`")
    if not expression and not item.get("xml_attribute"):
        raise ValueError("`xml_attribute` is missing: only attributes can be mapped")
    implied = next((step for step in chain if step.name in _IMPLIED), None)
    column = _text(item.get("target_column"))
    if not column and implied:
        column = _IMPLIED[implied.name] if implied.argument or implied.name != "policy_exceptions" else "notes"
    if not _text(item.get("target_table")):
        raise ValueError("`target_table` is missing")
    if not column:
        raise ValueError("`target_column` is missing")
    data_type = (_text(item.get("data_type")) or ("int" if "add_score" in names else "string")).lower()
    if data_type not in DATA_TYPES:
        raise ValueError(f"the data_type {data_type!r} is not one of {', '.join(DATA_TYPES)}")
    length = item.get("data_length")
    if length is not None and not re.fullmatch(r"-?\d+", str(length)):
        raise ValueError(f"the data_length {length!r} is not a whole number")
    path = _steps(item.get("xml_path"))
    attribute = (_text(item.get("xml_attribute")) or "").lstrip("@")
    for name in _no_names((*path, *([attribute] if attribute else []))):
        raise ValueError(f"{name!r} is not the name of an element or attribute")
    if not path and not expression:
        raise ValueError(f"the xml_path {item.get('xml_path')!r} is not an absolute path such as /Root/Request")
    return Mapping(
        number=number,
        path=path or application,
        attribute=attribute,
        table=_text(item["target_table"]) or "",
        column=column,
        data_type=data_type,
        length=_length(length, data_type),
        default=item.get("default_value"),
        chain=chain,
        enum_name=_text(item.get("enum_name")),
        expression=expression,
        excludes_default=bool(item.get("exclude_default_when_record_empty")),
        description=_text(item.get("description")),
    )


def _length(value: Any, data_type: str) -> int | None:
    """A text's length, or a decimal's places; ``None`` where there is no limit."""
    if value is None or (data_type != "decimal" and not 0 < int(value) < _LONGEST):
        return None
    return int(value)


def _chain(value: Any) -> tuple[Step, ...]:
    names = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(_step(str(name).strip()) for name in names if str(name).strip())


def _step(text: str) -> Step:
    match = re.fullmatch(r"(\w+)\s*(?:\((.*)\))?", text)
    name, argument = (match[1], match[2]) if match else (text, None)
    argument = argument.strip().strip("'\"") if argument is not None else None
    if name not in SELECTORS + MAKERS + CONVERTERS:
        raise ValueError(
            f"there is no mapping type {text!r}; the mapping types are {', '.join(CONVERTERS + SELECTORS + MAKERS)}"
        )
    if _ARGUMENT.get(name) and not argument:
        raise ValueError(f"the mapping type {name} needs what it is for in brackets: {name}(1)")
    return Step(name, argument)


def _filters(section: Any) -> Iterator[tuple[str, Filter]]:
    rules = section.get("filter_rules") or [] if isinstance(section, dict) else []
    if not isinstance(rules, list):
        raise ValueError("`filter_rules` is not a list")
    for number, rule in enumerate(rules, 1):
        kind = rule.get("element_type") if isinstance(rule, dict) else None
        if kind not in ("contact", "address", "employment"):
            raise ValueError(
                f"filter rule {number}: the element_type {kind!r} is not one of contact, address, employment"
            )
        parent, child = _steps(rule.get("xml_parent_path")), _steps(rule.get("xml_child_path"), absolute=False)
        if not child:
            raise ValueError(f"filter rule {number}: `xml_child_path` is missing")
        required = rule.get("required_attributes") or {}
        if not isinstance(required, dict):
            raise ValueError(f"filter rule {number}: `required_attributes` is not an object")
        for name in _no_names((*parent, *child, *required)):
            raise ValueError(f"filter rule {number}: {name!r} is not the name of an element or attribute")
        yield (
            kind,
            Filter(
                path=child if child[: len(parent)] == parent else (*parent, child[-1]),
                present=tuple(name for name, wanted in required.items() if wanted is True),
                one_of={
                    name: tuple(str(value) for value in (wanted if isinstance(wanted, list) else [wanted]))
                    for name, wanted in required.items()
                    if wanted and wanted is not True
                },
            ),
        )


def _relationships(items: Any) -> Iterator[Relationship]:
    if not isinstance(items, list):
        raise ValueError("`relationships` is not a list")
    for number, item in enumerate(items, 1):
        if not isinstance(item, dict) or not item.get("parent_table") or not item.get("child_table"):
            raise ValueError(f"relationship {number} has no `parent_table` and `child_table`")
        parent, child = _steps(item.get("xml_parent_path")), _steps(item.get("xml_child_path"), absolute=False)
        path = child if child[: len(parent)] == parent or not child else (*parent, child[-1])
        for name in _no_names(path):
            raise ValueError(f"relationship {number}: {name!r} is not the name of an element")
        yield Relationship(item["parent_table"], item["child_table"], _text(item.get("foreign_key_column")) or "", path)


def _no_names(names: Iterable[str]) -> list[str]:
    """Those that no element or attribute can have."""
    return [name for name in names if not _NAME.match(name)]


def _checked(items: Iterator[Any], problems: list[str]) -> Iterator[Any]:
    try:
        yield from items
    except ValueError as error:
        problems.append(str(error))


def _steps(value: Any, absolute: bool = True) -> Steps:
    text = _text(value) or ""
    # A name in a path of ours is that in any namespace.
    return (
        tuple(step.rpartition(":")[2] for step in text.split("/") if step)
        if text.startswith("/") or not absolute
        else ()
    )


def _text(value: Any) -> str | None:
    return str(value).strip() or None if value is not None else None


def _label(item: Any) -> str:
    return f"{item.get('target_table')}.{item.get('target_column')}" if isinstance(item, dict) else "?"
