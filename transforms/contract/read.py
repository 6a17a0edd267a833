"""Reading a contract: from a file to its tree, or to the list of all that is wrong with it."""

from __future__ import annotations

import copy
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from transforms.contract.build import build
from transforms.contract.column_model import ColumnModel, Defaults, Scalar, is_system_value
from transforms.contract.document import ContractError, Document, Findings, Location, Problem, did_you_mean, is_column
from transforms.contract.habits import KEYS
from transforms.contract.model import ContractModel, Index, Lookup, RecordModel, Rule, Source, TableModel, Unique
from transforms.contract.paths import PathError, parse_path
from transforms.contract.plan import Contract
from transforms.contract.references import reference, unpivoted_reference


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
    try:
        model = ContractModel.model_validate(document.data)
    except ValidationError as error:
        raise ContractError(_all_problems(document, error)) from None
    model, problems = _with_csv_files(document, model)
    contract, findings = build(model)
    problems += _problems(document, findings)
    if problems or contract is None:
        raise ContractError(_distinct(problems))
    return contract


def _all_problems(document: Document, error: ValidationError) -> list[Problem]:
    """The mistakes that the model names, those in the rest of the contract, and in all paths."""
    problems = [_problem(document, details) for details in error.errors()]
    rest, harmless = _rest(document.data, error)
    found: list[Problem] = []
    if rest is not None:
        model, found = _with_csv_files(document, rest)
        found += _problems(document, build(model)[1])
    wrong = {problem.location[:4] for problem in problems}
    for problem in found:
        of_harmless = problem.location[2:] == ("parent",) and problem.value in harmless
        if problem.location[:4] not in wrong and not of_harmless:
            problems.append(problem)
    problems += [document.problem(place, message) for place, message in _wrong_paths(document.data)]
    return _distinct(problems)


def _problems(document: Document, findings: Findings) -> list[Problem]:
    return [document.problem(_spelled(document, place), *rest) for place, *rest in findings]


def _rest(data: Any, error: ValidationError) -> tuple[ContractModel | None, set[str]]:
    """The contract without what is wrong, if something is left; and the tables that had to become harmless ones."""
    harmless: set[str] = set()
    for above in range(4):
        places = []
        for details in error.errors():
            place = tuple(step for step in details["loc"] if step != "[key]")
            keys = _AT_FAULT.get(details["type"], ()) if above == 0 else ()
            places += [(*place, key) for key in keys] or [place[: max(0, len(place) - above)]]
        if not all(places):
            break
        harmless |= {str(place[1]) for place in places if place[0] == "tables" and len(place) == 2}
        data = _without(data, places)
        try:
            return ContractModel.model_validate(data), harmless
        except ValidationError as next_error:
            error = next_error
    return None, harmless


_AT_FAULT = {"split": ("split",), "union": ("rows", "unpivot", "split", "slots"), "order": ("order",)}
"""The keys that are too many, where a table as a whole is wrong."""


def _with_csv_files(document: Document, model: ContractModel) -> tuple[ContractModel, list[Problem]]:
    """The contract with the values of its CSV files, which stand beside the file that names them."""
    lookups, problems = dict(model.lookups), []
    for name, lookup in model.lookups.items():
        if lookup.csv is not None:
            place: Location = ("lookups", name, "csv")
            try:
                lookups[name] = _read_csv(lookup, Path(document.said_in(place).file).parent)
            except ValueError as error:
                problems.append(document.problem(place, str(error)))
    return model.model_copy(update={"lookups": lookups}), problems


def _read_csv(lookup: Lookup, folder: Path) -> Lookup:
    """The lookup with the values of its CSV file; raises ``ValueError`` that says what is wrong with the file."""
    path = folder / (lookup.csv or "")
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            for name in (lookup.key, lookup.value):
                if name not in (reader.fieldnames or ()):
                    raise ValueError(
                        f"{path} has no column {name!r}; it has {', '.join(reader.fieldnames or ()) or 'none'}"
                    )
            values: dict[str, Scalar] = {}
            for row in reader:
                key, value = row[lookup.key or ""], row[lookup.value or ""]
                if key is None or value is None:
                    raise ValueError(f"{path}:{reader.line_num}: the line has too few columns")
                if values.setdefault(key, value) != value:
                    raise ValueError(f"{path}:{reader.line_num}: {key!r} means both {values[key]!r} and {value!r}")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is not a CSV file in UTF-8: {error}") from None
    return lookup.model_copy(update={"values": values})


def _wrong_paths(data: Any) -> Iterator[tuple[Location, str]]:
    """The places of paths that cannot be read, and why; wherever they stand, also where other things are wrong."""
    prefixes = data.get("namespaces")
    declared = prefixes.items() if isinstance(prefixes, dict) else ()
    namespaces = {prefix: uri for prefix, uri in declared if isinstance(uri, str)}
    for place, text in _paths(data, ()):
        # Where a slot's value will stand, nobody knows yet what the path is.
        if is_system_value(text) or "{" in text:
            continue
        rest = (reference(text) or unpivoted_reference(text) or ("", text))[1]
        try:
            parse_path(rest, namespaces)
        except PathError as error:
            yield place, str(error)


def _paths(node: Any, place: Location) -> Iterator[tuple[Location, str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key != "slots":
                yield from _paths(value, (*place, key))
    elif isinstance(node, list):
        for number, item in enumerate(node):
            yield from _paths(item, (*place, number) if place[-1] != "from" and not is_column(place) else place)
    elif isinstance(node, str):
        if is_column(place):
            yield (*place, "from"), node
        elif _is_path(place):
            yield place, node


def _is_path(place: Location) -> bool:
    """Whether a text at a place is a path, but for columns that are nothing else."""
    *above, last = [step for step in place if isinstance(step, str)]
    if place[0] in ("tables", "record", "column_groups") and last in ("from", "rows", "unpivot"):
        return True
    return above[-1:] == ["elements"] or (place[0] == "index" and last in ("path", "key"))


def _distinct(problems: list[Problem]) -> list[Problem]:
    return list({(problem.location, problem.message): problem for problem in problems}.values())


def _without(data: Any, locations: list[Location]) -> Any:
    """The same data where wrong columns and lookups are replaced by harmless ones, and other wrong keys are left out.

    So the rest can be checked too, without complaints that only follow from the first mistake.
    """
    data = copy.deepcopy(data)
    for location in locations:
        part = _column_of(location)
        is_column = bool(part)
        part = part or location
        above = data
        for step in part[:-1]:
            above = _item(above, step)
        if not isinstance(above, dict):
            continue
        if is_column:
            above[part[-1]] = {"value": ""}
        elif location in _HARMLESS:
            above[part[-1]] = _HARMLESS[location]
        elif location[0] == "tables" and len(location) == 2:
            above[location[1]] = {}
        elif location[0] == "lookups" and len(location) > 1:
            data["lookups"][location[1]] = {}
        else:
            above.pop(part[-1], None)
    return data


_HARMLESS: dict[Location, str] = {("contract",): "x", ("record", "path"): "/*"}
"""What stands for a wrong key that cannot be left out."""


def _item(above: Any, step: str | int) -> Any:
    try:
        return above[step]
    except (KeyError, IndexError, TypeError):
        return None


def _column_of(location: Location) -> Location:
    """The place of the column that a location is in; nothing where it is in none."""
    for key in ("columns", "let"):
        if location[0] == "tables" and key in location[2:-1]:
            return location[: location.index(key, 2) + 2]
    if location[:2] == ("record", "key") or location[0] == "column_groups":
        return location[:3] if len(location) > 2 else ()
    return ()


def _spelled(document: Document, location: Location) -> Location:
    """A place in a lookup as its short form has it, without ``values``."""
    if location[:1] == ("lookups",) and location[2:3] == ("values",) and not document.has(location[:3]):
        return (*location[:2], *location[3:])
    return location


def _problem(document: Document, details: Any) -> Problem:
    """One of pydantic's errors in our words."""
    kind, location = details["type"], _spelled(document, tuple(step for step in details["loc"] if step != "[key]"))
    # A scalar's error names the type that was tried, and a single text is an item of a list: no places of the file.
    is_scalar = location[-1:] in [("bool",), ("int",), ("float",), ("str",)] and not document.has(location)
    while kind != "missing" and not document.has(location):
        location = location[:-1]
    context = details.get("ctx", {})
    if kind == "extra_forbidden":
        remedy = KEYS.get(str(location[-1])) if _column_of(location) else None
        remedy = remedy or did_you_mean(location[-1], _known_keys(location))
        return document.problem(location, "unknown key", suggestion=remedy)
    if kind == "value_error":
        return document.problem(location, str(context["error"]))
    if kind == "literal_error":
        return document.problem(location, "not one of " + context["expected"], details["input"])
    message = "this should be a text, a number, true or false" if is_scalar else _WORDS.get(kind, details["msg"])
    if kind == "model_type":
        message = _SHAPES.get(context["class_name"], _WORDS["dict_type"])
    return document.problem(location, message, None if kind == "missing" else details["input"])


_WORDS = {
    "missing": "this key is missing",
    "string_type": "this should be a text",
    "bool_type": "this should be true or false",
    "dict_type": "this should be a mapping of keys",
    "list_type": "this should be a list",
    "too_short": "there should be at least one",
    "too_long": "there should be only one",
    "string_too_short": "this is empty",
    "string_too_long": "this is too long",
    "string_pattern_mismatch": "a name is letters, digits, dots, dashes and underscores, at most 64",
}
"""Pydantic's errors by their kinds."""

_SHAPES = {
    "ColumnModel": "a column is a path, or a mapping with `from`, `value` or `expression`",
    "TableModel": "a table is a mapping, with `columns`",
    "Unique": "this should be a mapping, with `by`",
    "Rule": "a rule is a mapping, of `when` and `message`",
    "Index": "an index is a mapping, of `path` and `key`",
    "Lookup": "a lookup is a mapping of texts to what they mean",
}


_MODELS: dict[Location, type[BaseModel]] = {
    ("record",): RecordModel,
    ("defaults",): Defaults,
    ("lookups",): Lookup,
    ("index",): Index,
    ("tables",): TableModel,
}


def _known_keys(location: Location) -> list[str]:
    """The keys of the model that a location is in."""
    above = location[:-1]
    model = _MODELS.get(above[:1], ContractModel)
    if _column_of(location):
        model = ColumnModel
    elif "reject_when" in above or "warn_when" in above:
        model = Rule
    elif "union" in above:
        model = Source
    elif "unique" in above:
        model = Unique
    return [field.alias or name for name, field in model.model_fields.items()]
