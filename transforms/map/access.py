"""What a column reads, as Python expressions in the functions of rows: texts, lists of texts, system values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transforms.contract.plan import ColumnPlan, Contract, Read, SystemValue, is_of_one
from transforms.contract.steps import (
    Above,
    Attribute,
    Follow,
    Path,
    Up,
    all_steps,
    ends_above_record,
    leaves_record,
    reads_above_record,
)
from transforms.map.cells import Failures
from transforms.map.current_record import CurrentRecord
from transforms.map.row_function import Identifiers, RowFunction
from transforms.map.runtime import make_refusal
from transforms.map.select import compile_from_all, compile_path, own_attribute, within
from transforms.map.take import IN_A_LIST, Pairs, compile_pairs, compile_take, leaves
from transforms.map.texts import TextOf, make_text_of, text_of
from transforms.names import NameTest

_SYSTEM = {
    "$position": "{position}",
    "$parent_position": "{parent_position}",
    "$depth": "current.depth(element)",
    "$path": "current.path(element)",
    "$source": "record.source",
    "$file": "file_name(record.source)",
    "$ordinal": "record.ordinal",
    "$start": "record.start",
    "$end": "record.end",
    "$checksum": "checksum(record).hex()",
    "$content": "current.content()",
    "$run": "run_id",
    "$loaded_at": "started",
    "$contract": "fingerprint",
    "$name": "pair[0]",
    "$value": "pair[1]",
}
"""System values as Python expressions in a row's function."""


def current_record_of(contract: Contract) -> CurrentRecord:
    """What paths know of the record at hand, by a contract."""
    return CurrentRecord(
        {name: (compile_path(index.path), compile_path(index.key)) for name, index in contract.indexes.items()}
    )


class Access:
    """Writes what is read of a row's element, and gives names to what that source uses.

    ``what`` says what the source that is written next is for, such as ``orders.total``: things are named after it.
    ``parent_position`` is the variable of the position of the parent's row; ``current`` is the record at hand,
    if anything that is read needs to know it: ``uses_record``.
    """

    def __init__(self, contract: Contract, failures: Failures):
        self.contract = contract
        self._failures = failures
        self.reads_above = False
        self.what = ""
        self.identifiers = Identifiers()
        self.parent_position = ""
        self.uses_record = False
        self._text_of: TextOf = text_of
        self.current = current_record_of(contract)
        self.names: dict[str, Any] = {"current": self.current}

    def reads(self, path: str, column: ColumnPlan | None = None) -> None:
        """Say what the paths that are compiled next are for: it is named where a text of theirs cannot be followed."""
        self.what = path
        is_forgiven = column is not None and column.model.on_error in ("null", "default")
        self.current.refuse = make_refusal(self._failures, path, is_forgiven)

    def record_for(self, path: Path, depth: int) -> CurrentRecord | None:
        """The record at hand, where a path from so far below it, at the least, needs to know it."""
        self.reads_above |= reads_above_record(path, depth)
        if (
            any(isinstance(step, (Above, Follow)) for step in all_steps(path))
            or leaves_record(path, depth, at_most=False)
            or ends_above_record(path, depth, at_most=False)
        ):
            self.uses_record = True
            return self.current
        return None

    def name(self, kind: str, thing: Any, what: str | None = None) -> str:
        """A new name for a thing that the source uses."""
        name = self.identifiers.new(kind, what or self.what)
        self.names[name] = thing
        return name

    def call(self, kind: str, thing: Any, *arguments: str) -> str:
        """The source of a call of a thing, under a new name."""
        return f"{self.name(kind, thing)}({', '.join(arguments)})"

    def slot(self, function: RowFunction) -> str:
        """A new variable of a function that its walk fills."""
        return function.slot(self.identifiers.new("found", self.what).removeprefix("found_"))

    def pairs(self, read: Read | SystemValue, depth: int) -> Pairs:
        """What gives the names and texts of what a path of `unpivot` finds."""
        if isinstance(read, SystemValue):
            return leaves
        return compile_pairs(read.path, self.record_for(read.path, depth))

    def of_column(self, function: RowFunction, column: ColumnPlan, read: Read | SystemValue, position: str) -> str:
        """What a column reads by one of its paths."""
        model = column.model
        left_out = [NameTest.parse(name, self.contract.namespaces, model.ignore_case) for name in model.except_]
        self._text_of = make_text_of(left_out, model.between)
        raw = self.of_path(function, read, model.take, position)
        self._text_of = text_of
        return raw

    def of_path(self, function: RowFunction, read: Read | SystemValue, take: str, position: str) -> str:
        if isinstance(read, SystemValue):
            self.uses_record |= read.text in ("$depth", "$path", "$content")
            return _SYSTEM[read.text].format(position=position, parent_position=self.parent_position)
        path = read.path
        if read.pair:
            return self._of_pair(read.pair, path, take)
        if read.element:
            return self._of_named(function, read.element, path, take)
        current = self.record_for(path, function.depth)
        own = own_attribute(path)
        if own is not None and take in ("first", "last"):
            if not own.ignore_case:
                return f"get({own.name!r})"
            function.folds = True
            return f"own[{own.name!r}]"
        if take in ("first", "last", *IN_A_LIST) and self._text_of is text_of:
            slot = self.slot(function)
            if function.walk.add_value(path, take, slot):
                return f"found_{slot}"
        follows = any(isinstance(step, Follow) for step in all_steps(path))  # what may be an error of this column
        shared = _shared(path) if take in ("first", "last") and not follows else None
        if shared is not None:
            owners, attribute = shared
            is_one = attribute.ignore_case and is_of_one(owners)
            key = repr((owners.alternatives, is_one))
            if key not in function.owners:
                found = self.call("select", compile_path(owners, current), "element")
                function.own(key, f"{'attributes_of_one' if is_one else 'Owners'}({found})")
            return self._of_owners(function.owners[key], attribute, take, is_one)
        select = compile_path(path, current)
        return self.call("take", compile_take(self._readable(select, take, current), take, self._text_of), "element")

    def _of_pair(self, value: str, path: Path, take: str) -> str:
        """What the name or the value of the pair at hand refers to."""
        current = self.record_for(path, 0)
        select = self._readable(compile_from_all(path, current), take, current)
        return self.call("take", compile_take(select, take, self._text_of), f"[{_SYSTEM[value]}]")

    @staticmethod
    def _readable(
        select: Callable[[Any], list[Any]], take: str, current: CurrentRecord | None
    ) -> Callable[[Any], list[Any]]:
        """What is selected, where its texts are read, without the elements above the record."""
        return select if current is None or take in ("name", "count") else within(select, current)

    def _of_named(self, function: RowFunction, name: str, path: Path, take: str) -> str:
        """A value below a named element, which has been looked up for the record."""
        current = self.record_for(path, self.contract.elements[name].depth)
        attribute = own_attribute(path)
        if attribute is not None and take in ("first", "last"):
            # Only where the whole contract ignores case, the attributes of an element are read once for its record.
            is_one = attribute.ignore_case and self.contract.ignore_case and self.contract.elements[name].is_one
            key = repr((name, is_one))
            if key not in function.owners:
                function.own(key, f"attributes[{name!r}]" if is_one else f"Owners(named[{name!r}])")
            return self._of_owners(function.owners[key], attribute, take, is_one)
        select = self._readable(compile_from_all(path, current), take, current)
        return self.call("take", compile_take(select, take, self._text_of), f"named[{name!r}]")

    @staticmethod
    def _of_owners(owners: str, attribute: Attribute, take: str, is_one: bool) -> str:
        """The attribute of the first, or last, of some elements that has it."""
        if is_one:
            return f"{owners}[{attribute.name!r}]"
        if attribute.ignore_case:
            return f"{owners}.{take}_folded({attribute.name!r})"
        return f"{owners}.{take}({attribute.name!r})"


def _shared(path: Path) -> tuple[Path, Attribute] | None:
    """A path to one attribute as that to its elements and the attribute."""
    *steps, attribute = path.alternatives[0] or (None,)
    if len(path.alternatives) > 1 or not isinstance(attribute, Attribute) or attribute.pattern:
        return None
    if steps == [Up()] and not attribute.ignore_case:
        return None  # there is a quicker way for ../@name
    return Path(path.text, (tuple(steps),)), attribute
