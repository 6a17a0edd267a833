"""How far the paths of a contract lead down, and whether they climb out of the record.

Above the record only the start tags of its ancestors are at hand: their names and attributes, not their text
or other elements.
"""

from __future__ import annotations

from transforms.map.steps import Child, Path, Step, Up, paths_within


def depth_of(steps: tuple[Step, ...]) -> int:
    """How many steps lead down: as far below the element at hand, at the least, stands what they select."""
    return sum(isinstance(step, Child) for step in steps)


def leaves_record(path: Path, depth: int) -> bool:
    """Whether a path climbs above the record and then down to elements, which are not there."""
    for steps in path.alternatives:
        climbed = 0
        for step in steps:
            if isinstance(step, Up):
                climbed += 1
            elif isinstance(step, Child):
                if climbed > depth:
                    return True
                climbed -= 1
            if any(leaves_record(inner, depth - climbed) for inner in paths_within(step)):
                return True
    return False


def ends_above_record(path: Path, depth: int) -> bool:
    """Whether a path selects an element above the record, whose text is not there."""
    return any(
        steps and isinstance(steps[-1], Up) and depth_of(steps) + depth < sum(isinstance(step, Up) for step in steps)
        for steps in path.alternatives
    )


def reads_above_record(path: Path, depth: int) -> bool:
    """Whether a path reads what stands above the record."""
    for steps in path.alternatives:
        height = depth
        for step in steps:
            height += -1 if isinstance(step, Up) else isinstance(step, Child)
            if height < 0 or any(reads_above_record(inner, height) for inner in paths_within(step)):
                return True
    return False
