"""How far the paths of a contract lead down, and whether they climb out of the record.

Above the record only the start tags of its ancestors are at hand: their names and attributes, not their text
or other elements.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from transforms.contract.steps import Above, Attribute, Before, Child, Follow, Path, Step, Up, paths_within


def depth_of(steps: tuple[Step, ...]) -> int:
    """How far below the element at hand, at the least, stands what steps down select."""
    depth = 0
    for step in steps:
        # What a reference leads to may stand anywhere in the record.
        depth = 0 if isinstance(step, Follow) else depth + isinstance(step, Child)
    return depth


def deepest_of(steps: tuple[Step, ...]) -> float:
    """The same, at the most."""
    if any(isinstance(step, Follow) or (isinstance(step, Child) and step.deep) for step in steps):
        return inf
    return depth_of(steps)


def leaves_record(path: Path, depth: float, at_most: bool = True) -> bool:
    """Whether a path climbs above the record and then down to elements, or to neighbours, which are not there.

    ``depth`` is how far below the record it starts, at the most; or at the least, without ``at_most``.
    """
    for steps in path.alternatives:
        height = depth
        for step, after in _heights(steps, depth, at_most):
            if (isinstance(step, Child) and height < 0) or (isinstance(step, (Above, Before)) and height <= 0):
                return True
            height = after
            if any(leaves_record(inner, height, at_most) for inner in paths_within(step)):
                return True
    return False


def ends_above_record(path: Path, depth: float, at_most: bool = True) -> bool:
    """Whether a path selects an element above the record, whose text is not there."""
    for steps in path.alternatives:
        *_, height = (depth, *(height for _, height in _heights(steps, depth, at_most)))
        if height < 0 and not (steps and isinstance(steps[-1], Attribute)):
            return True
    return False


def reads_above_record(path: Path, depth: int) -> bool:
    """Whether a path reads what stands above the record, where it starts so far below it, at the least."""
    return any(
        height < 0 or any(reads_above_record(inner, int(height)) for inner in paths_within(step))
        for steps in path.alternatives
        for step, height in _heights(steps, depth, False)
    )


def _heights(steps: tuple[Step, ...], depth: float, at_most: bool) -> Iterator[tuple[Step, float]]:
    """How far below the record one stands after each step."""
    height = depth
    for step in steps:
        if isinstance(step, Up):
            height -= 1
        elif isinstance(step, Above):
            # The nearest one above never stands above the record.
            height = height - 1 if at_most else 0
        elif isinstance(step, Follow):
            height = inf if at_most else 0
        elif isinstance(step, Child):
            height = inf if step.deep and at_most else height + 1
        yield step, height
