"""What a contract can read of a record, from all of its paths: what parsing may leave out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from transforms.map.column_model import LEAVES, SYSTEM_VALUES, UNPIVOT_VALUES, ColumnModel, is_system_value
from transforms.map.contract import Contract, Source
from transforms.map.elements import elements_of, read_path, unpivoted_reference
from transforms.map.expressions import compile_expression
from transforms.map.resolve import resolve, sources
from transforms.map.steps import (
    Above,
    Attribute,
    Before,
    Child,
    Compare,
    Condition,
    Follow,
    Logic,
    Path,
    Pick,
    Position,
    Step,
    Up,
)
from transforms.map.tables import parents_first, schema_of, system_types, types_of
from transforms.names import NameTest, Reach


@dataclass
class _Node:
    """A kind of element that a path comes by."""

    above: _Node | None = None
    children: dict[NameTest, _Node] = field(default_factory=dict)
    whole: bool = False

    def below(self, name: NameTest) -> _Node:
        return self.children.setdefault(name, _Node(self))

    def reach(self) -> Reach:
        if self.whole:
            return Reach(whole=True)
        return Reach(tuple((name, node.reach()) for name, node in self.children.items()))


def reach_of(contract: Contract) -> Reach:
    """What the contract's paths can come by, from the record's element on."""
    contract = resolve(contract)
    root = _Node()
    finder = _Finder(contract, root)
    finder.named(root)
    for column in contract.record.key.values():
        finder.column([root], column)
    for rule in [*contract.record.reject_when, *contract.record.warn_when]:
        types = {name: column.column_type for name, column in contract.record.key.items()} | system_types()
        finder.expression([root], rule.when, types)
    schema = schema_of(contract)
    nodes: dict[str | None, list[_Node]] = {None: [root]}
    for label in parents_first(contract):
        table = contract.tables[label]
        found: list[_Node] = []
        for _, source in sources(table):
            finder.own = {}
            rows = finder.path(nodes[table.parent], source.rows, contract.defaults.ignore_case)
            finder.own = source.elements
            found += rows
            finder.source(rows, source)
            types = types_of(contract, schema, label, source)
            rules = [rule.when for rule in [*table.reject_when, *table.warn_when]]
            computed = [column.expression for column in source.named.values() if column.expression is not None]
            for text in [*rules, *computed, *([source.where] if source.where else [])]:
                finder.expression(rows, text, types)
        nodes[label] = found
    return replace(root.reach(), counted=tuple(finder.counted))


class _Finder:
    def __init__(self, contract: Contract, root: _Node):
        self.contract = contract
        self.root = root
        self.elements: dict[str, list[_Node]] = {}
        self.index: dict[str, list[_Node]] = {}
        self.own: dict[str, str] = {}
        self.counted: dict[NameTest, None] = {}

    def named(self, root: _Node) -> None:
        """Find the named elements of the contract, which all paths may begin with."""
        for name, index in self.contract.index.items():
            self.index[name] = self.path([root], index.path, self.contract.defaults.ignore_case)
            _read_whole(self.path(self.index[name], index.key, self.contract.defaults.ignore_case))
        for name, element in elements_of(self.contract).items():
            start = self.elements[element.base] if element.base else [root]
            self.elements[name] = self._walk(start, element.path)

    def source(self, rows: list[_Node], source: Source) -> None:
        for column in source.named.values():
            self.column(rows, column)
        for text in source.unpivot or ():
            if text == LEAVES:
                _read_whole(rows)
                continue
            _read_whole(self.path(rows, text, self.contract.defaults.ignore_case))

    def column(self, rows: list[_Node], column: ColumnModel) -> None:
        for text in column.from_ or ():
            if text == "$content":
                self.root.whole = True
            if column.take == "count" and not column.ignore_case and (name := self._counted(text)):
                self.counted[name] = None
            elif text not in SYSTEM_VALUES and text not in UNPIVOT_VALUES:
                found = self.path(rows, text, column.ignore_case)
                if column.take not in ("name", "count"):
                    _read_whole(found)

    def expression(self, rows: list[_Node], text: str, types: dict) -> None:
        for path in compile_expression(text, types, self.contract.formats).paths:
            if path == "$content":
                self.root.whole = True
            if path not in SYSTEM_VALUES and path not in UNPIVOT_VALUES:
                _read_whole(self.path(rows, path, self.contract.defaults.ignore_case))

    def path(self, start: list[_Node], text: str, ignore_case: bool) -> list[_Node]:
        """Walk a path; give the elements that it ends at, none where it ends at attributes."""
        if follow := unpivoted_reference(text):
            # Whatever the value, only the elements of the index are read.
            start, text = [_Node()], follow[1]
        name, path = read_path(text, self.contract.namespaces, ignore_case, self.own)
        return self._walk(self.elements[name] if name else start, path)

    def _counted(self, text: str) -> NameTest | None:
        """The name in ``.//name``, whose elements are few and need only be there to be counted."""
        if is_system_value(text):
            return None
        name, path = read_path(text, self.contract.namespaces, False, self.own)
        step = path.alternatives[0][0] if name is None and [*map(len, path.alternatives)] == [1] else None
        if not isinstance(step, Child) or not step.deep or step.predicates or step.name.local is None:
            return None
        return step.name

    def _walk(self, start: list[_Node], path: Path) -> list[_Node]:
        return [end for steps in path.alternatives for node in start for end in self._steps(node, steps)]

    def _steps(self, node: _Node, steps: tuple[Step, ...]) -> Iterator[_Node]:
        for number, step in enumerate(steps, 1):
            if isinstance(step, Attribute):
                if steps[number:]:
                    yield from self._referred(steps[number:])
                return
            if isinstance(step, Follow):
                node.whole = True
                yield from self._referred(steps[number - 1 :])
                return
            if isinstance(step, Pick):
                continue
            if isinstance(step, Up):
                if node.above is None:
                    return  # above the record everything is kept
                node = node.above
            elif isinstance(step, Before):
                if node.above is None:
                    return
                node = self._child(node.above, step.element)
            elif isinstance(step, Above) or step.deep:
                # What is below it at any depth, and what stands around that: all of the record, to be safe.
                while node.above is not None:
                    node = node.above
                node.whole = True
                return
            else:
                node = self._child(node, step)
        yield node

    def _referred(self, steps: tuple[Step, ...]) -> Iterator[_Node]:
        """The ends of steps that begin by following a reference."""
        follow, *rest = steps
        assert isinstance(follow, Follow)
        for node in self.index[follow.index]:
            yield from self._steps(node, tuple(rest))

    def _child(self, node: _Node, step: Child) -> _Node:
        below = node.below(step.name)
        for predicate in step.predicates:
            if not isinstance(predicate, Position):
                self._condition(below, predicate)
        return below

    def _condition(self, node: _Node, condition: Condition) -> None:
        if isinstance(condition, Logic):
            for term in condition.terms:
                self._condition(node, term)
        elif isinstance(condition, Compare):
            found = self._walk([node], condition.path)
            if condition.values is not None or condition.normalized:
                _read_whole(found)


def _read_whole(nodes: list[_Node]) -> None:
    for node in nodes:
        node.whole = True
