"""Reading a contract: from a file to a validated model, or to the list of all that is wrong with it."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from transforms.map.check import Finding, check_contract
from transforms.map.contract import ColumnModel, Contract, Defaults, Lookup, RecordModel, Rule, Source, TableModel, Unique
from transforms.map.document import ContractError, Document, Location, Problem, did_you_mean
from transforms.map.resolve import read_csv


def load_contract(path: str | Path) -> Contract:
    """Read and check a contract; raise :class:`ContractError` with every mistake in it."""
    return read_contract(Document.read(path))


def parse_contract(text: str, file: str = "contract") -> Contract:
    """The same from a text; ``file`` is the name that errors give."""
    return read_contract(Document(text, file))


def read_contract(document: Document) -> Contract:
    """The contract of a parsed document; all that is wrong with it is collected before anything is raised."""
    if not isinstance(document.data, dict):
        raise ContractError([document.problem((), "a contract is a mapping of keys, beginning with `contract: name`")])
    problems: list[Problem] = []
    try:
        contract = Contract.model_validate(document.data)
    except ValidationError as error:
        problems = [_problem(document, details) for details in error.errors()]
        try:
            contract = Contract.model_validate(_without(document.data, [problem.location for problem in problems]))
        except ValidationError:
            raise ContractError(_distinct(problems)) from None
    found = [document.problem(*finding) for finding in check_contract(contract)]
    wrong = {problem.location[:4] for problem in problems}
    problems += [problem for problem in found if problem.location[:4] not in wrong]
    if problems:
        raise ContractError(_distinct(problems))
    return contract


def _distinct(problems: list[Problem]) -> list[Problem]:
    return list({(problem.location, problem.message): problem for problem in problems}.values())


def _without(data: Any, locations: list[Location]) -> Any:
    """The same data where wrong columns are replaced by a harmless one, and other wrong keys are left out.

    So the rest can be checked too, without complaints that only follow from the first mistake.
    """
    data = copy.deepcopy(data)
    for location in locations:
        is_column = "columns" in location[:-1] or location[:2] == ("record", "key") or location[0] == "column_groups"
        part = _part(location) if is_column else location
        above = data
        for step in part[:-1]:
            above = above[step] if isinstance(above, dict) and step in above else None
        if not isinstance(above, dict):
            continue
        if is_column and len(part) > 2:
            above[part[-1]] = {"value": ""}
        else:
            above.pop(part[-1], None)
    return data


def _part(location: Location) -> Location:
    """The place of the column that a location is in."""
    return location[: location.index("columns", 2) + 2] if "columns" in location[2:] else location[:3]


def _problem(document: Document, details: Any) -> Problem:
    """One of pydantic's errors in our words."""
    kind, location = details["type"], tuple(step for step in details["loc"] if step != "[key]")
    # A union's error names the members it tried: no place of the file.
    in_union = kind != "missing" and not document.has(location)
    while kind != "missing" and not document.has(location):
        location = location[:-1]
    context = details.get("ctx", {})
    if in_union and kind in ("bool_type", "int_type", "float_type", "string_type"):
        return document.problem(location, "this should be a text, a number, true or false", details["input"])
    if kind == "extra_forbidden":
        return document.problem(location, "unknown key", suggestion=did_you_mean(location[-1], _known_keys(location)))
    if kind == "missing":
        return document.problem(location, "this key is missing")
    if kind == "value_error":
        return document.problem(location, str(context["error"]))
    if kind == "literal_error":
        return document.problem(location, "not one of " + context["expected"], details["input"])
    if kind == "string_pattern_mismatch":
        return document.problem(location, "a name is letters, digits, dots, dashes and underscores, at most 64", details["input"])
    return document.problem(location, re.sub(r"^Input should", "this should", details["msg"]), details["input"])


def _known_keys(location: Location) -> list[str]:
    """The keys of the model that a location is in."""
    above = location[:-1]
    model: type[BaseModel] = {
        (): Contract, ("record",): RecordModel, ("defaults",): Defaults, ("lookups",): Lookup, ("tables",): TableModel,
    }.get(above[:1], Contract)  # fmt: skip
    if "columns" in above or above[:2] == ("record", "key") or above[:1] == ("column_groups",):
        model = ColumnModel
    elif "reject_when" in above or "warn_when" in above:
        model = Rule
    elif "union" in above:
        model = Source
    elif "unique" in above:
        model = Unique
    return [field.alias or name for name, field in model.model_fields.items()]
