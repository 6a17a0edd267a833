"""A contract as a file: reading YAML or JSON, and saying where in it something is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, ScalarNode

from transforms.user_errors import UserError

Location = tuple["str | int", ...]
Finding = tuple[Location, str, Any, "str | None"]
"""Where, what is wrong, the offending value, and what would be right."""


class Findings(list[Finding]):
    """What is wrong with a contract, as it is found: one mistake hides no other."""

    def add(
        self,
        place: Location,
        message: str,
        value: Any = None,
        remedy: str | None = None,
        *,
        known: Iterable[str] | None = None,
    ) -> None:
        """``known``: of these the value should have been one, or the last key of the place where there is none."""
        if known is not None:
            remedy = did_you_mean(place[-1] if value is None else value, known) or remedy
        self.append((place, message, value, remedy))


_MAX_DEPTH = 50
_MAX_VALUES = 200_000
"""Of a contract: it needs some ten levels, and a large one has ten thousand keys and values."""


@dataclass(frozen=True)
class Problem:
    """One mistake: where it stands (``line`` counts from 1), what is wrong, and what would be right."""

    file: str
    line: int | None
    location: Location
    message: str
    value: Any = None
    suggestion: str | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        path = ".".join(map(str, self.location))
        value = "" if self.value is None else f" (here: {_short(self.value)})"
        remedy = f"; {self.suggestion}" if self.suggestion else ""
        return f"{place} {path + ': ' if path else ''}{self.message}{value}{remedy}"


class ContractError(UserError):
    """A contract with mistakes: all of them, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]):
        super().__init__(problems)
        self.problems = sorted(problems, key=lambda problem: (problem.line or 0, str(problem.location)))

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


class _Constructor(RoundTripConstructor):
    """YAML's values without its surprises: keys are texts, and so are dates and numbers that Python writes otherwise.

    ``007`` and ``1234567890123456.78`` must reach their column as they stand, not as 7 and with an 80 at the end.
    """

    def construct_mapping(self, node: MappingNode, maptyp: Any, deep: bool = False) -> Any:  # type: ignore[override]
        for key, _ in node.value:
            if not isinstance(key, ScalarNode):
                raise MarkedYAMLError(problem="a key must be a text", problem_mark=key.start_mark)
            if key.tag != "tag:yaml.org,2002:merge":
                key.tag = "tag:yaml.org,2002:str"
        return super().construct_mapping(node, maptyp, deep)

    def construct_number(self, node: ScalarNode) -> Any:
        for kind in (int, float):
            try:
                number = kind(node.value)
            except ValueError:
                continue
            if repr(number) == node.value:
                return number
        return node.value


_Constructor.add_constructor("tag:yaml.org,2002:bool", lambda _, node: node.value.lower() == "true")
_Constructor.add_constructor("tag:yaml.org,2002:int", _Constructor.construct_number)
_Constructor.add_constructor("tag:yaml.org,2002:float", _Constructor.construct_number)
_Constructor.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)


class _Composer(Composer):
    """Refuses what is small as a text and without bounds as a value: aliases of aliases, and brackets in brackets."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader=loader)
        self._sizes: dict[int, int] = {}
        self._open = [0]

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.parser.peek_event()
        if len(self._open) > _MAX_DEPTH:
            raise MarkedYAMLError(problem=f"it nests deeper than {_MAX_DEPTH} levels", problem_mark=event.start_mark)
        self._open.append(1)
        node = super().compose_node(parent, index)
        size = self._open.pop()
        if isinstance(event, AliasEvent):
            if id(node) not in self._sizes:
                raise MarkedYAMLError(
                    problem=f"*{event.anchor} is inside the value that it refers to", problem_mark=event.start_mark
                )
            size = self._sizes[id(node)]
        self._sizes[id(node)] = size
        self._open[-1] += size
        if self._open[-1] > _MAX_VALUES:
            raise MarkedYAMLError(
                problem=f"with its aliases written out, it has more than {_MAX_VALUES:,} values",
                problem_mark=event.start_mark,
            )
        return node


class Document:
    """A parsed YAML or JSON text that remembers the line of every key and value.

    With ``extends``, ``data`` is that of the other file with what this one says in its place.
    """

    def __init__(self, text: str, file: str, above: tuple[Path, ...] = ()):
        self.file = file
        yaml = YAML(typ="rt")
        yaml.Constructor = _Constructor
        yaml.Composer = _Composer
        try:
            self._marked = yaml.load(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            reason = " ".join(part for part in (error.problem, error.context) if part)
            raise ContractError(
                [Problem(file, mark.line + 1 if mark else None, (), f"not valid YAML: {reason}")]
            ) from None
        except YAMLError as error:
            raise ContractError([Problem(file, None, (), f"not valid YAML: {error}")]) from None
        self.data = _plain(self._marked)
        self.base: Document | None = None
        if isinstance(self.data, dict) and isinstance(self.data.get("extends"), str):
            self._extend(Path(file).parent / self.data["extends"], (*above, Path(file).resolve()))

    def _extend(self, path: Path, above: tuple[Path, ...]) -> None:
        if path.resolve() in above:
            raise ContractError(
                [self.problem(("extends",), "the contracts that extend one another form a cycle", str(path))]
            )
        self.base = Document.read(path, above)
        self.data = _merged(self.base.data, self.data, ())

    @classmethod
    def read(cls, path: str | Path, above: tuple[Path, ...] = ()) -> Document:
        """Read a file; raise :class:`ContractError` where it cannot be read or is no YAML."""
        try:
            text = Path(path).read_text(encoding="utf-8-sig")
        except OSError as error:
            raise ContractError([Problem(str(path), None, (), f"cannot be read: {error.strerror}")]) from None
        except UnicodeDecodeError as error:
            raise ContractError(
                [Problem(str(path), None, (), f"is not UTF-8 text: byte {error.start} is not part of a character")]
            ) from None
        return cls(text, str(path), above)

    def line(self, location: Location) -> int | None:
        """The line of a key or list item, or of the nearest one above it that exists."""
        node, line = self._marked, None
        for step in location:
            try:
                marks = node.lc
                line = (marks.key(step) if isinstance(node, dict) else marks.item(step))[0] + 1
                node = node[step]
            except (AttributeError, KeyError, IndexError, TypeError):
                break
        return line

    def has(self, location: Location) -> bool:
        """Whether there is such a key or list item."""
        return _leads(self.data, location)

    def said_in(self, location: Location) -> Document:
        """The document, this one or one that it extends, whose file says what stands at a place, or else above it."""
        while not self.has(location):
            location = location[:-1]
        if self.base is not None and not _leads(self._marked, location) and self.base.has(location):
            return self.base.said_in(location)
        return self

    def problem(self, location: Location, message: str, value: Any = None, suggestion: str | None = None) -> Problem:
        """A problem at a place, in the file that says what stands there."""
        document = self.said_in(location)
        return Problem(document.file, document.line(location), location, message, value, suggestion)


def did_you_mean(word: Any, known: Iterable[str]) -> str | None:
    """A suggestion for a misspelt word, or the list of what is known where it is short."""
    known = list(known)
    close = difflib.get_close_matches(str(word), known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(sorted(known))}" if 0 < len(known) <= 20 else None


def _leads(node: Any, location: Location) -> bool:
    """Whether there is something at a place; a column that is a bare text, or a list of them, has its ``from``."""
    for step in location:
        if isinstance(node, str) or (isinstance(node, list) and step == "from"):
            return step == "from"
        try:
            node = node[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _merged(base: Any, data: Any, location: Location) -> Any:
    """Mappings are merged key by key; anything else in ``data`` stands in place of what ``base`` has."""
    if is_column(location):
        base, data = ({"from": column} if isinstance(column, (str, list)) else column for column in (base, data))
        if isinstance(base, dict) and isinstance(data, dict) and _SOURCES & data.keys():
            base = {key: value for key, value in base.items() if key not in _SOURCES}
    if not (isinstance(base, dict) and isinstance(data, dict)):
        return data
    return {**base, **{key: _merged(base.get(key), value, (*location, key)) for key, value in data.items()}}


_SOURCES = {"from", "value", "expression"}
"""Where a column's value comes from: it has one of them."""


def is_column(location: Location) -> bool:
    """Whether a column stands at a place."""
    return (
        location[-2:-1] in (("columns",), ("let",))
        or location[:-1] == ("record", "key")
        or (location[:1] == ("column_groups",) and len(location) == 3)
    )


def _plain(node: Any) -> Any:
    """ruamel's marked types as the plain ones below them."""
    if isinstance(node, dict):
        return {_plain(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if isinstance(node, str):
        # JSON writes a character beyond the first 65,536 as two escapes, which YAML takes for two characters.
        return node.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    return node


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
