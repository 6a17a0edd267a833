"""What a contract reads of some records, and what not: counted on whole records.

What a condition looks at counts as read in all elements of the name that the condition is about.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from lxml.etree import _Element

from transforms.contract.paths import XML_NAMESPACE
from transforms.contract.plan import Contract, Formula, Read, SourcePlan, SystemValue, TablePlan
from transforms.contract.steps import Attribute, Child, Condition, Connective, Path, Step, ValueTest
from transforms.map.access import current_record_of
from transforms.map.select import Select, compile_path
from transforms.names import split_tag

MOST_PATHS = 1_000
"""Different paths of the documents that are counted; names without end must not fill the memory."""

MOST_NAMES = 200
"""Names that a suggestion is made of."""

_SHAPE = 24
"""Characters of a shape."""


@dataclass
class PathCount:
    """A kind of element with text, or of attribute: how many there were, how many were read, the shape of the first."""

    count: int = 0
    read: int = 0
    shape: str = ""
    is_tested: bool = False
    """Whether a condition looks at it: then all are read."""


class Coverage:
    """Counts, record by record, what the paths of a contract find, and what none of them reads.

    ``records`` were seen; ``places`` are the paths that occurred, from the record's element down; ``matches`` says how
    many nodes each path of the contract found: by table and column, or ``rows of table``, and the path.
    """

    def __init__(self, contract: Contract):
        self.contract = contract
        self.records = 0
        self.places: dict[str, PathCount] = {}
        self.matches: Counter[tuple[str, str]] = Counter()
        self._current = current_record_of(contract)
        self._tests = tuple({f"/{path}".casefold() for path in _paths_in_conditions(contract)})
        self._near: dict[str, tuple[str, set[str]]] = {}
        self._elements: dict[str, list[_Element]] = {}
        self._whole: set[_Element] = set()
        self._attributes: set[tuple[_Element, str]] = set()
        self._rows: set[_Element] = set()
        self._astray: list[tuple[str, Step, list[_Element]]] = []
        self._select_by: dict[tuple[tuple[Step, ...], ...], Select] = {}

    def add(self, root: _Element) -> None:
        """Look at a record, parsed whole."""
        self.records += 1
        self._whole, self._attributes, self._rows, self._astray = set(), set(), set(), []
        self._current.enter(root)
        self._elements = {}
        for name, element in self.contract.elements.items():
            start = self._start([root], element.read)
            self._elements[name] = self._select(start, element.read.path)
            if start:
                self.matches[f"${name}", element.read.path.text] += len(self._elements[name])
        for name, column in self.contract.record.key.items():
            for read in column.reads:
                self._read(f"record.{name}", [root], read, column.model.take)
        for rule in self.contract.record.rules.all:
            self._formula("record", [root], rule.when)
        found: dict[str | None, list[_Element]] = {None: [root]}
        for table in self.contract.parents_first:
            found[table.label] = [row for source in table.sources for row in self._source(table, source, found)]
        self._note_near()
        self._count(root)

    def suggestion(self, name: str) -> str | None:
        """The name that may have been meant by what was never found: of those that stand where it was looked for."""
        wanted, names = self._near.get(name, ("", set()))
        return nearest(wanted, names)

    def sorted_places(self) -> list[tuple[str, PathCount]]:
        """The paths that occurred: those that are not all read first, the most frequent of them first."""
        return sorted(self.places.items(), key=lambda item: (item[1].read >= item[1].count, -item[1].count, item[0]))

    def unread(self) -> dict[str, int]:
        """The paths of which some were not read, the most frequent first, and how many."""
        left = {path: place.count - place.read for path, place in self.places.items() if place.read < place.count}
        return dict(sorted(left.items(), key=lambda item: (-item[1], item[0])))

    def never_matched(self) -> list[tuple[str, str]]:
        """The paths of the contract that found nothing, with what they are for."""
        return [key for key, number in self.matches.items() if not number]

    def _source(self, table: TablePlan, source: SourcePlan, found: dict[str | None, list[_Element]]) -> list[_Element]:
        label = table.label
        rows = self._row_elements(f"rows of {label}", found[table.parent], source.rows)
        self._rows.update(rows)
        for name, column in source.named.items():
            for read in column.reads:
                self._read(f"{label}.{name}", rows, read, column.model.take)
        for read in source.unpivot:
            if isinstance(read, SystemValue):
                self._read_all(rows)
            self._read(f"rows of {label}", rows, read, "first")
        for name, formula in source.formulas():
            self._formula(f"{label}.{name}", rows, formula)
        return rows

    def _formula(self, what: str, rows: list[_Element], formula: Formula) -> None:
        for read in formula.reads.values():
            self._read(what, rows, read, "first")

    def _start(self, rows: list[_Element], read: Read) -> list[_Element]:
        return self._elements[read.element] if read.element else rows

    def _read(self, what: str, rows: list[_Element], read: Read | SystemValue, take: str) -> None:
        """Note what a path finds, and that it is read."""
        if isinstance(read, SystemValue) or read.pair is not None:
            return
        start = self._start(rows, read)
        if start:  # of a table without rows nothing more is said
            self.matches[what, read.text] += 0
        for steps in read.path.alternatives:
            last = steps[-1] if steps else None
            if isinstance(last, Attribute):
                owners = self._select(start, Path(read.text, (steps[:-1],)))
                found = [(owner, str(key)) for owner in owners for key in owner.attrib if last.matches(str(key))]
                self._attributes.update(found)
                number = len(found)
            else:
                elements = self._select(start, Path(read.text, (steps,)))
                number = len(elements)
                if take not in ("name", "count"):
                    self._whole.update(elements)
                if take in ("xml", "json"):
                    self._read_all(elements)
            if start:
                self.matches[what, read.text] += number
            if start and not self.matches[what, read.text]:
                self._goes_astray(what, start, steps)

    def _read_all(self, elements: list[_Element]) -> None:
        """Note that the texts and attributes of these and of all below them are read."""
        self._whole.update(elements)
        self._attributes.update((one, str(key)) for top in elements for one in top.iter("*") for key in one.attrib)

    def _row_elements(self, what: str, above: list[_Element], read: Read) -> list[_Element]:
        start = self._start(above, read)
        found = self._select(start, read.path)
        if read.path.alternatives != ((),):
            self.matches[what, read.text] += len(found)
            if not found and start:
                for steps in read.path.alternatives:
                    self._goes_astray(what, start, steps)
        return found

    def _select(self, start: list[_Element], path: Path) -> list[_Element]:
        if path.alternatives == ((),):
            return start
        select = self._select_by.get(path.alternatives)
        if select is None:
            select = self._select_by[path.alternatives] = compile_path(path, self._current)
        return [node for element in start for node in select(element) if isinstance(node, _Element)]

    def _goes_astray(self, what: str, start: list[_Element], steps: Sequence[Step]) -> None:
        """Keep where a path finds nothing more."""
        here = start
        for step in steps:
            below = [] if isinstance(step, Attribute) else self._select(here, Path("", ((step,),)))
            if not below:
                self._astray.append((what, step, here))
                return
            here = below

    def _note_near(self) -> None:
        """Keep the names that stand where paths went astray, but for those that other paths mean."""
        used = {*self._whole, *self._rows, *(owner for owner, _ in self._attributes)}
        used.update([above for element in used for above in element.iterancestors()])
        for what, step, here in self._astray:
            _, names = self._near.setdefault(what, (_name_of(step), set()))
            for element in here:
                if len(names) > MOST_NAMES:
                    break
                names.update(split_tag(str(one.tag))[1] for one in element.iterchildren("*") if one not in used)
                names.update(
                    _attribute(str(key)) for key in element.attrib if (element, str(key)) not in self._attributes
                )

    def _count(self, root: _Element) -> None:
        top = split_tag(str(root.tag))[1]
        waiting: list[tuple[_Element, str, bool]] = [(root, "", False)]
        while waiting:
            element, path, is_read = waiting.pop()
            is_read = is_read or element in self._whole
            if element.text and element.text.strip():
                self._note(top, path or ".", is_read, element.text)
            for key, value in element.attrib.items():
                name = _attribute(str(key))
                found = (element, str(key)) in self._attributes
                self._note(top, f"{path}/{name}" if path else name, found, str(value))
            for child in element.iterchildren("*"):
                name = split_tag(str(child.tag))[1]
                waiting.append((child, f"{path}/{name}" if path else name, is_read))

    def _note(self, top: str, path: str, is_read: bool, text: str) -> None:
        place = self.places.get(path)
        if place is None:
            if len(self.places) >= MOST_PATHS:
                return
            is_tested = f"/{top}/{path}".removesuffix("/.").casefold().endswith(self._tests)
            place = self.places[path] = PathCount(shape=shape_of(text), is_tested=is_tested)
        place.count += 1
        place.read += is_read or place.is_tested


def shape_of(text: str) -> str:
    """What a value looks like, and not what it is: ``9`` for a digit, ``A`` and ``a`` for letters."""
    shape = re.sub(r"\s+", " ", text.strip())[: _SHAPE + 1]
    shape = "".join("9" if one.isdigit() else "A" if one.isupper() else "a" if one.isalpha() else one for one in shape)
    return shape if len(shape) <= _SHAPE else f"{shape[:_SHAPE]}..."


def nearest(wanted: str, names: set[str]) -> str | None:
    """The name of an element or attribute that a path may have meant: spelled alike, or with more around it."""
    known = {name.lstrip("@").casefold(): name for name in sorted(names, reverse=True)}
    local = wanted.lstrip("@").casefold()
    if close := get_close_matches(local, known, 1):
        return known[close[0]]
    longer = [name for name in known if len(min(local, name, key=len)) > 3 and (local in name or name in local)]
    return known[min(longer, key=len)] if longer else None


def _attribute(name: str) -> str:
    """An attribute as a path names it: in any namespace by its local name, but for those of XML itself."""
    uri, local = split_tag(name)
    return f"@xml:{local}" if uri == XML_NAMESPACE else f"@{local}"


def _name_of(step: Step) -> str:
    if isinstance(step, Attribute):
        return _attribute(step.name)
    return (step.name.local or "") if isinstance(step, Child) else ""


def _paths_in_conditions(contract: Contract) -> Iterator[str]:
    """How the paths end that predicates and indexes look at, with the name of the element that is tested, if any."""

    def of_condition(condition: Condition, owner: str | None) -> Iterator[str]:
        if isinstance(condition, Connective):
            for term in condition.terms:
                yield from of_condition(term, owner)
        elif isinstance(condition, ValueTest):
            yield from of_path(condition.path, owner, True)

    def of_path(path: Path, owner: str | None = None, ends: bool = False) -> Iterator[str]:
        for steps in path.alternatives:
            for step in steps:
                if isinstance(step, Child):
                    for predicate in step.predicates:
                        if isinstance(predicate, (ValueTest, Connective)):
                            yield from of_condition(predicate, step.name.local)
            if ends and steps and (last := _name_of(steps[-1])):
                names = [owner, *(_name_of(step) for step in steps)]
                is_plain = all(names) and not any(isinstance(step, Child) and step.deep for step in steps)
                yield "/".join(str(name) for name in names) if is_plain else last

    for element in contract.elements.values():
        yield from of_path(element.read.path)
    for table in contract.tables.values():
        for source in table.sources:
            for read in (
                source.rows,
                *source.unpivot,
                *(one for column in source.named.values() for one in column.reads),
            ):
                if isinstance(read, Read) and read.pair is None:
                    yield from of_path(read.path)
    for index in contract.indexes.values():
        yield from of_path(index.key, ends=True)
