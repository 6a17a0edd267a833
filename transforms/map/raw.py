"""What a column reads, as Python expressions in the functions of the scopes: texts, lists of texts, system values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transforms.map.climb import ends_above_record, leaves_record, reads_above_record
from transforms.map.column_model import LEAVES, ColumnModel
from transforms.map.contract import Contract
from transforms.map.elements import elements_of, is_of_one, read_path, unpivoted_reference
from transforms.map.frame import Frame
from transforms.map.paths import parse_path
from transforms.map.scope import Scope
from transforms.map.select import compile_from_all, compile_path, own_attribute, within
from transforms.map.steps import Above, Attribute, Follow, Path, Up, all_steps
from transforms.map.takes import IN_A_LIST, Pairs, compile_pairs, compile_take, leaves
from transforms.map.texts import TextOf, make_text_of, text_of
from transforms.names import NameTest

_SYSTEM = {
    "$position": "{position}",
    "$parent_position": "{parent_position}",
    "$depth": "frame.depth(element)",
    "$path": "frame.path(element)",
    "$source": "record.source",
    "$file": "file_name(record.source)",
    "$ordinal": "record.ordinal",
    "$start": "record.start",
    "$end": "record.end",
    "$checksum": "checksum(record).hex()",
    "$content": "frame.content()",
    "$run": "run_id",
    "$loaded_at": "started",
    "$contract": "fingerprint",
    "$name": "pair[0]",
    "$value": "pair[1]",
}
"""System values as Python expressions in a scope's function."""


class RawValues:
    """Writes what is read of a row's element, and gives names to what that source uses.

    ``own`` are the named elements of the row at hand; ``parent_position`` is the variable of the position of its
    parent's row; ``frame`` is the record at hand, if anything read needs to know it: ``uses_frame``.
    """

    def __init__(self, contract: Contract):
        self.contract = contract
        self.reads_above = False
        self.elements = elements_of(contract)
        self.own: dict[str, str] = {}
        self.parent_position = ""
        self.uses_frame = False
        self._text_of: TextOf = text_of
        self.frame = Frame(
            {
                name: (compile_path(self.parse(index.path)), compile_path(self.parse(index.key)))
                for name, index in contract.index.items()
            }
        )
        self.names: dict[str, Any] = {"frame": self.frame}

    def parse(self, text: str) -> Path:
        """A path of rows, elements or values to unpivot."""
        return parse_path(text, self.contract.namespaces, self.contract.defaults.ignore_case)

    def frame_for(self, path: Path, depth: int) -> Frame | None:
        """The record at hand, where a path from so far below it, at the least, needs to know it."""
        self.reads_above |= reads_above_record(path, depth)
        if (
            any(isinstance(step, (Above, Follow)) for step in all_steps(path))
            or leaves_record(path, depth, at_most=False)
            or ends_above_record(path, depth, at_most=False)
        ):
            self.uses_frame = True
            return self.frame
        return None

    def name(self, kind: str, thing: Any) -> str:
        name = f"{kind}_{len(self.names)}"
        self.names[name] = thing
        return name

    def pairs(self, text: str, depth: int) -> Pairs:
        """What gives the names and texts of what a path of `unpivot` finds."""
        if text == LEAVES:
            return leaves
        path = self.parse(text)
        return compile_pairs(path, self.frame_for(path, depth))

    def of_column(self, scope: Scope, column: ColumnModel, text: str, position: str) -> str:
        """What a column reads by one of its paths."""
        left_out = [NameTest.parse(name, self.contract.namespaces, column.ignore_case) for name in column.except_]
        self._text_of = make_text_of(left_out, column.between)
        raw = self.of_path(scope, text, column.take, column.ignore_case, position)
        self._text_of = text_of
        return raw

    def of_path(self, scope: Scope, text: str, take: str, ignore_case: bool, position: str) -> str:
        if text in _SYSTEM:
            self.uses_frame |= text in ("$depth", "$path", "$content")
            return _SYSTEM[text].format(position=position, parent_position=self.parent_position)
        if follow := unpivoted_reference(text):
            return self._of_pair(*follow, take, ignore_case)
        name, path = read_path(text, self.contract.namespaces, ignore_case, self.own)
        if name:
            return self._of_named(scope, name, path, take)
        frame = self.frame_for(path, scope.depth)
        own = own_attribute(path)
        if own is not None and take in ("first", "last"):
            if not own.ignore_case:
                return f"get({own.name!r})"
            scope.folds = True
            return f"own[{own.name!r}]"
        if take in ("first", "last", *IN_A_LIST) and self._text_of is text_of:
            slot = scope.slot()
            if scope.walk.add_value(path, take, slot):
                return f"found_{slot}"
        follows = any(isinstance(step, Follow) for step in all_steps(path))  # what may be an error of this column
        shared = _shared(path) if take in ("first", "last") and not follows else None
        if shared is not None:
            owners, attribute = shared
            is_one = attribute.ignore_case and is_of_one(owners)
            key = repr(owners.alternatives)
            if key not in scope.owners:
                found = f"{self.name('select', compile_path(owners, frame))}(element)"
                scope.own(key, f"{'attributes_of_one' if is_one else 'Owners'}({found})")
            return self._of_owners(scope.owners[key], attribute, take, is_one)
        select = compile_path(path, frame)
        return f"{self.name('take', compile_take(self._readable(select, take, frame), take, self._text_of))}(element)"

    def _of_pair(self, value: str, rest: str, take: str, ignore_case: bool) -> str:
        """What the name or the value of the pair at hand refers to."""
        path = parse_path(rest, self.contract.namespaces, ignore_case)
        frame = self.frame_for(path, 0)
        select = self._readable(compile_from_all(path, frame), take, frame)
        return f"{self.name('take', compile_take(select, take, self._text_of))}([{_SYSTEM[value]}])"

    @staticmethod
    def _readable(select: Callable[[Any], list[Any]], take: str, frame: Frame | None) -> Callable[[Any], list[Any]]:
        """What is selected, where its texts are read, without the elements above the record."""
        return select if frame is None or take in ("name", "count") else within(select, frame)

    def _of_named(self, scope: Scope, name: str, path: Path, take: str) -> str:
        """A value below a named element, which has been looked up for the record."""
        frame = self.frame_for(path, self.elements[name].depth)
        attribute = own_attribute(path)
        if attribute is not None and take in ("first", "last"):
            is_one = attribute.ignore_case and self.elements[name].is_one
            if name not in scope.owners:
                scope.own(name, f"attributes[{name!r}]" if is_one else f"Owners(named[{name!r}])")
            return self._of_owners(scope.owners[name], attribute, take, is_one)
        select = self._readable(compile_from_all(path, frame), take, frame)
        return f"{self.name('take', compile_take(select, take, self._text_of))}(named[{name!r}])"

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
