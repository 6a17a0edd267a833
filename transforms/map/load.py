"""Reading a contract: from a file to a validated model, or to the list of all that is wrong with it."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from transforms.map.check import check_contract
from transforms.map.contract import ColumnModel, Contract, RecordModel, TableModel
from transforms.map.document import ContractError, Document, Location, Problem, did_you_mean


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
            raise ContractError(problems) from None
    found = [document.problem(*finding) for finding in check_contract(contract)]
    wrong = {problem.location[:4] for problem in problems}
    problems += [problem for problem in found if problem.location[:4] not in wrong]
    if problems:
        raise ContractError(list(dict.fromkeys(problems)))
    return contract


def _without(data: Any, locations: list[Location]) -> Any:
    """The same data where wrong columns are replaced by a harmless one, and other wrong keys are left out.

    So the rest can be checked too, without complaints that only follow from the first mistake.
    """
    data = copy.deepcopy(data)
    for location in locations:
        depth = 3 if location[:2] == ("record", "key") else 4 if location[2:3] == ("columns",) else len(location)
        node = data
        for step in location[: depth - 1]:
            node = node[step] if isinstance(node, dict) and step in node else None
        if not isinstance(node, dict) or not location:
            continue
        if depth < len(location) or (len(location) == depth and location[-2] in ("columns", "key")):
            node[location[depth - 1]] = {"value": ""}
        else:
            node.pop(location[-1], None)
    return data


def _problem(document: Document, details: Any) -> Problem:
    """One of pydantic's errors in our words."""
    kind, location = details["type"], tuple(step for step in details["loc"] if step != "[key]")
    # A union's error names the members it tried: no place of the file.
    while location and document.value(location) is None and document.value(location[:-1]) is not None and kind != "missing" and not isinstance(document.value(location[:-1]), dict):
        location = location[:-1]
    context = details.get("ctx", {})
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


def _known_keys(location: tuple[Any, ...]) -> list[str]:
    model: type[BaseModel] = Contract
    if location[0] == "record":
        model = ColumnModel if len(location) > 3 else RecordModel
    elif location[0] == "tables":
        model = ColumnModel if len(location) > 4 else TableModel
    return [field.alias or name for name, field in model.model_fields.items()]
