"""Paths where they stand in a contract: parsed once, checked, and bound to the element that they begin at.

    elements:
      buyer: (Parties/Party[@role = 'buyer'])[last()]
      address: $buyer/Address[1]
    ...
      town: $address/Town

Named elements are looked up once for each record, in the order of the contract. A table may name elements of its rows:
those are only another way to write the paths.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from transforms.contract.column_model import LEAVES, SYSTEM_VALUES, UNPIVOT_VALUES
from transforms.contract.document import Findings, Location
from transforms.contract.model import ContractModel, Index, Source
from transforms.contract.paths import PathError, parse_path
from transforms.contract.plan import ElementPlan, IndexPlan, Read, SystemValue, is_of_one
from transforms.contract.steps import (
    Above,
    Before,
    Follow,
    Path,
    Up,
    all_steps,
    deepest_of,
    depth_of,
    ends_above_record,
    leaves_record,
)
from transforms.names import NCNAME

_REFERENCE = re.compile(r"\s*((?:\(\s*)*)\$([^\s/\[\]()@|]+)\s*(?:/\s*(.*))?\Z", re.DOTALL)
_OF_PAIR = re.compile(r"\s*(\$(?:name|value))\s*(->.*)", re.DOTALL)


def reference(text: str) -> tuple[str, str] | None:
    """``$name/path`` as name and path, which is ``.`` where there is none; ``None`` for any other path.

    Brackets around it stay around the path: ``($name/path)[last()]``.
    """
    match = _REFERENCE.match(text)
    return (match[2], match[1] + (match[3] or ".")) if match else None


def unpivoted_reference(text: str) -> tuple[str, str] | None:
    """``$value -> party/Name`` as the system value and the path from there."""
    match = _OF_PAIR.fullmatch(text)
    return (match[1], f". {match[2]}") if match else None


_NOTHING = Read("", Path("", ()))


@dataclass(frozen=True)
class SourceReads:
    """Where the rows of a source are, how far below the record at the most, and what is read or named of them."""

    rows: Read
    depth: float
    own: dict[str, str]
    unpivot: tuple[Read | SystemValue, ...]


class References:
    """Reads the paths of one contract. What is wrong goes to ``findings``, and nothing is read then.

    ``elements`` and ``indexes`` are those that the contract declares.
    """

    def __init__(self, model: ContractModel, findings: Findings):
        self.ignore_case = model.defaults.ignore_case
        self.elements: dict[str, ElementPlan] = {}
        self.indexes: dict[str, IndexPlan] = {}
        self._model = model
        self._findings = findings
        self._parsed: dict[tuple[str, bool], Path] = {}
        self._deepest: dict[str, float] = {}  # below the record, at the most
        for name, index in model.index.items():
            self._index(("index", name), index)
        for name, text in model.elements.items():
            self._named_element(("elements", name), name, text)

    def elements_of(self, place: Location, text: str, depth: float) -> tuple[Read | None, float]:
        """A path of elements below those that stand so far below the record, at the most; and how far these do."""
        name, rest = reference(text) or (None, text)
        if name is not None and name not in self._deepest:
            self._unknown(place, name)
            return None, depth
        start = depth if name is None else self._deepest[name]
        path = self._parse(place, rest, self.ignore_case)
        if path is None:
            return None, depth
        if not path.selects_elements:
            if place[-1] == "rows":
                message, remedy = "rows are elements, and this selects attributes", "`unpivot` makes rows of attributes"
            else:
                remedy = "name their element: $name/@id reads them"
                message, remedy = "this selects attributes", "`key` names them" if place[0] == "index" else remedy
            self._findings.add(place, message, text, remedy)
        self._follows(place, path)
        climbs = [step for steps in path.alternatives for step in steps if isinstance(step, (Up, Above, Before))]
        if climbs:
            word = {Up: "..", Above: "above(...)", Before: "before(...)"}[type(climbs[0])]
            what, above = ("rows", "their parent's row") if place[-1] == "rows" else ("elements", "the record")
            self._findings.add(place, f"{what} stand below {above}, and `{word}` leads out of it", text)
        return Read(text, path, name), start + max(map(deepest_of, path.alternatives))

    def value(
        self,
        place: Location,
        text: str,
        depth: float,
        own: Mapping[str, str],
        *,
        ignore_case: bool | None = None,
        unpivots: bool = False,
        takes_text: bool = True,
    ) -> Read | None:
        """A path of values, from elements that stand so far below the record, at the most.

        Args:
          own: the elements that the table names, of its rows.
          unpivots: whether the row has a name and a value, which may be references.
          takes_text: whether the texts of elements are read, and not only their names or number.
        """
        pair = unpivoted_reference(text)
        if pair and not unpivots:
            self._findings.add(place, f"only a table with `unpivot` has {pair[0]}", text)
        rest = pair[1] if pair else text
        name, path = self._from_own(place, rest, self.ignore_case if ignore_case is None else ignore_case, own)
        if path is None:
            return None
        if name is not None and name not in self._deepest:
            self._unknown(place, name)
            return None
        depth = inf if pair else depth if name is None else self._deepest[name]
        self._follows(place, path)
        if leaves_record(path, depth) or (takes_text and ends_above_record(path, depth)):
            self._findings.add(
                place,
                "above the record only the attributes of its ancestors are read, and their names",
                rest,
                "choose a record path further up",
            )
        return Read(text, path, name, pair[0] if pair else None)

    def source(self, place: Location, source: Source, above: float) -> SourceReads:
        """What a source of rows says of its elements; ``above`` is the depth of the parent's rows, at the most."""
        rows, depth = self._rows((*place, "rows"), source.rows, above)
        own: dict[str, str] = {}
        for name, text in source.elements.items():
            at: Location = (*place, "elements", name)
            if name in self._model.elements:
                self._findings.add(at, "the contract has an element of this name", None, "choose another")
            elif self._own_element(at, text, depth, own):
                own[name] = text
        values = [
            self._to_unpivot((*place, "unpivot", number), text, depth)
            for number, text in enumerate(source.unpivot or ())
        ]
        return SourceReads(rows, depth, own, tuple(value for value in values if value is not None))

    def _rows(self, place: Location, text: str, above: float) -> tuple[Read, float]:
        if above and reference(text):
            message = "only rows of the record itself are found by the name of an element"
            self._findings.add(place, message, text, "start at the parent's row")
            return _NOTHING, above
        read, depth = self.elements_of(place, text, above)
        return read or _NOTHING, depth

    def _to_unpivot(self, place: Location, text: str, depth: float) -> Read | SystemValue | None:
        if text == LEAVES:
            return SystemValue(text)
        if reference(text):
            self._findings.add(place, "these paths start at the row's element", text, "let `rows` be that element")
            return None
        return self.value(place, text, depth, {})

    def _own_element(self, place: Location, text: str, depth: float, own: Mapping[str, str]) -> bool:
        """Check an element that a table names, below those in ``own``; whether paths that begin with it can be read."""
        before = len(self._findings)
        read = self.value(place, text, depth, own, takes_text=False)
        if read is not None and not read.path.selects_elements:
            self._findings.add(place, "this selects attributes", text, "name their element: $name/@id reads them")
        return len(self._findings) == before

    def _from_own(
        self, place: Location, text: str, ignore_case: bool, own: Mapping[str, str]
    ) -> tuple[str | None, Path | None]:
        """The element of the contract that a path begins at, if one, and the path from there."""
        name, rest = reference(text) or (None, text)
        path = self._parse(place, rest, ignore_case)
        if path is None or name is None or name not in own:
            return name, path
        base, above = self._from_own(place, own[name], ignore_case, own)
        if above is None:
            return base, None
        return base, Path(text, tuple(one + other for one in above.alternatives for other in path.alternatives))

    def _parse(self, place: Location, text: str, ignore_case: bool) -> Path | None:
        path = self._parsed.get((text, ignore_case))
        if path is None:
            try:
                path = self._parsed[text, ignore_case] = parse_path(text, self._model.namespaces, ignore_case)
            except PathError as error:
                self._findings.add(place, str(error))
        return path

    def _index(self, place: Location, index: Index) -> None:
        if not re.fullmatch(NCNAME, str(place[-1])):
            self._findings.add(
                place, "`->` could not name this index", place[-1], "use letters, digits and underscores"
            )
        found: dict[str, Read | None] = {}
        depth = 0.0
        for key, text in (("path", index.path), ("key", index.key)):
            at: Location = (*place, key)
            if reference(text):
                self._findings.add(at, "an index begins at the record, not at a named element", text)
            elif key == "path":
                found[key], depth = self.elements_of(at, text, 0)
            else:
                found[key] = self.value(at, text, depth, {})
            if "->" in text:
                self._findings.add(at, "the paths of an index follow no references", text)
        path, read = found.get("path"), found.get("key")
        if path is not None and read is not None:
            self.indexes[str(place[-1])] = IndexPlan(path.path, read.path)

    def _named_element(self, place: Location, name: str, text: str) -> None:
        if f"${name}" in (*SYSTEM_VALUES, *UNPIVOT_VALUES, LEAVES):
            self._findings.add(place, f"${name} is a system value", None, "give the element another name")
        if not reference(f"${name}/."):
            self._findings.add(
                place, "a path could not begin with this name", name, "use letters, digits and underscores"
            )
        read, self._deepest[name] = self.elements_of(place, text, 0)
        if read is None:
            return
        base = self.elements.get(read.element or "")
        depth = (base.depth if base else 0) + min(map(depth_of, read.path.alternatives))
        self.elements[name] = ElementPlan(read, depth, (base is None or base.is_one) and is_of_one(read.path))

    def _follows(self, place: Location, path: Path) -> None:
        for step in all_steps(path):
            if isinstance(step, Follow) and step.index not in self._model.index:
                self._findings.add(
                    place,
                    "there is no such index",
                    step.index,
                    "declare it under `index`",
                    known=self._model.index,
                )

    def _unknown(self, place: Location, name: str) -> None:
        if name in self._model.elements:
            self._findings.add(place, "this element is declared below", f"${name}", "put it above")
            return
        known = [f"${known}" for known in self._model.elements]
        message = "there is no element of this name under `elements`"
        self._findings.add(place, message, f"${name}", known=known)
