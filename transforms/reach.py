"""What a contract can read of a record: known to mapping, of use to parsing."""

from __future__ import annotations

from dataclasses import dataclass

from transforms.names import NameTest


@dataclass(frozen=True)
class Reach:
    """What can be read of an element, besides its attributes.

    ``children`` are the steps down from it, each with what can be read there; a child element that several
    tests take is read by all of them. ``whole``: all that is below is needed, because its text is a value
    or a step looks at any depth. An element that is neither ``whole`` nor a child of any step is never seen,
    nor is text outside ``whole`` elements. ``counted``: elements of these names, in this case, are counted
    wherever they stand.
    """

    children: tuple[tuple[NameTest, Reach], ...] = ()
    whole: bool = False
    counted: tuple[NameTest, ...] = ()

    def __or__(self, other: Reach) -> Reach:
        """What either can read."""
        return Reach(self.children + other.children, self.whole or other.whole, self.counted + other.counted)
