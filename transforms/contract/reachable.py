"""What a contract can read of a record, from all of its paths: what parsing may leave out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from transforms.contract.plan import ColumnPlan, Contract, Formula, Read, SourcePlan, SystemValue
from transforms.contract.steps import (
    Above,
    Attribute,
    Before,
    Child,
    Condition,
    Connective,
    Follow,
    Path,
    Pick,
    Position,
    Step,
    Up,
    ValueTest,
)
from transforms.names import NameTest, Reach


@dataclass
class _ReachNode:
    """A kind of element that a path comes by."""

    above: _ReachNode | None = None
    children: dict[NameTest, _ReachNode] = field(default_factory=dict)
    whole: bool = False

    def below(self, name: NameTest) -> _ReachNode:
        return self.children.setdefault(name, _ReachNode(self))

    def reach(self) -> Reach:
        if self.whole:
            return Reach(whole=True)
        return Reach(tuple((name, node.reach()) for name, node in self.children.items()))


def reach_of(contract: Contract) -> Reach:
    """What the contract's paths can come by, from the record's element on."""
    root = _ReachNode()
    finder = _ReachFinder(contract, root)
    for column in contract.record.key.values():
        finder.column([root], column)
    for rule in contract.record.rules.all:
        finder.formula([root], rule.when)
    rows: dict[str | None, list[_ReachNode]] = {None: [root]}
    for table in contract.parents_first:
        rows[table.label] = []
        for source in table.sources:
            found = finder.found(rows[table.parent], source.rows)
            rows[table.label] += found
            finder.source(found, source)
    return replace(root.reach(), counted=tuple(finder.counted))


class _ReachFinder:
    def __init__(self, contract: Contract, root: _ReachNode):
        self.root = root
        self.elements: dict[str, list[_ReachNode]] = {}
        self.index: dict[str, list[_ReachNode]] = {}
        self.counted: dict[NameTest, None] = {}
        for name, index in contract.indexes.items():
            self.index[name] = self._walk([root], index.path)
            _read_whole(self._walk(self.index[name], index.key))
        for name, element in contract.elements.items():
            self.elements[name] = self.found([root], element.read)

    def source(self, rows: list[_ReachNode], source: SourcePlan) -> None:
        for column in source.named.values():
            self.column(rows, column)
        for read in source.unpivot:
            if isinstance(read, SystemValue):
                _read_whole(rows)
            else:
                _read_whole(self.found(rows, read))
        for _, formula in source.formulas():
            self.formula(rows, formula)

    def column(self, rows: list[_ReachNode], column: ColumnPlan) -> None:
        for read in column.reads:
            if column.model.take == "count" and isinstance(read, Read) and (name := _counted(read)):
                self.counted[name] = None
            else:
                self._value(rows, read, column.model.take not in ("name", "count"))

    def formula(self, rows: list[_ReachNode], formula: Formula) -> None:
        for read in formula.reads.values():
            self._value(rows, read, True)

    def _value(self, rows: list[_ReachNode], read: Read | SystemValue, takes_text: bool) -> None:
        if isinstance(read, SystemValue):
            self.root.whole |= read.text == "$content"
            return
        found = self.found(rows, read)
        if takes_text:
            _read_whole(found)

    def found(self, rows: list[_ReachNode], read: Read) -> list[_ReachNode]:
        """Walk a path; give the elements that it ends at, none where it ends at attributes."""
        if read.pair is not None:
            # Whatever the value, only the elements of the index are read.
            return self._walk([_ReachNode()], read.path)
        return self._walk(self.elements[read.element] if read.element else rows, read.path)

    def _walk(self, start: list[_ReachNode], path: Path) -> list[_ReachNode]:
        return [end for steps in path.alternatives for node in start for end in self._steps(node, steps)]

    def _steps(self, node: _ReachNode, steps: tuple[Step, ...]) -> Iterator[_ReachNode]:
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

    def _referred(self, steps: tuple[Step, ...]) -> Iterator[_ReachNode]:
        """The ends of steps that begin by following a reference."""
        follow, *rest = steps
        assert isinstance(follow, Follow)
        for node in self.index[follow.index]:
            yield from self._steps(node, tuple(rest))

    def _child(self, node: _ReachNode, step: Child) -> _ReachNode:
        below = node.below(step.name)
        for predicate in step.predicates:
            if not isinstance(predicate, Position):
                self._condition(below, predicate)
        return below

    def _condition(self, node: _ReachNode, condition: Condition) -> None:
        if isinstance(condition, Connective):
            for term in condition.terms:
                self._condition(node, term)
        elif isinstance(condition, ValueTest):
            found = self._walk([node], condition.path)
            if condition.values is not None or condition.normalized:
                _read_whole(found)


def _read_whole(nodes: list[_ReachNode]) -> None:
    for node in nodes:
        node.whole = True


def _counted(read: Read) -> NameTest | None:
    """The name in ``.//name``, whose elements are few and need only be there to be counted."""
    step = read.path.alternatives[0][0] if [*map(len, read.path.alternatives)] == [1] else None
    if read.element or not isinstance(step, Child) or not step.deep or step.predicates or step.name.ignore_case:
        return None
    return step.name if step.name.local is not None else None
