"""Which records of a source are read again: those that were rejected, each at its place, and nothing else.

A reject names a record by its ordinal and its span. The source may have been repaired since then, so that

* a *record* is taken if it still begins at its place: its own bytes may have been changed, those before it not;
* the *rest* of a source, from which on it could not be read, is all from that ordinal on, if nothing before its
  place has changed. A source that now ends there in order has nothing left to read.

What is not found so is a reject again, of the rule ``moved``: what is at the place now may be another record. The
rule is ``source`` where the source itself is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from transforms.records import Reject, XmlRecord

_MOVED = (
    "the source has changed before this place, or ends before it: rejected records cannot be told from loaded ones;"
    " load all of {source} again"
)
_GONE = (
    "{source} does not exist any more; rows of a table are read again with --input_table, --input_key and "
    "--input_column"
)


class RecordPlace(NamedTuple):
    """Where a reject is in its source."""

    ordinal: int
    start: int
    end: int


@dataclass(frozen=True)
class Wanted:
    """The places of records, in order, and the place of a rest; ``is_gone``: there is no such source any more."""

    records: tuple[RecordPlace, ...] = ()
    rest: RecordPlace | None = None
    is_gone: bool = False

    def __bool__(self) -> bool:
        return bool(self.records) or self.rest is not None

    def divided(self, end: int) -> tuple[Wanted, Wanted]:
        """What of it is among the records before the ``end``-th, and what is behind them: of a rest, it is in both."""
        here = tuple(place for place in self.records if place.ordinal < end)
        begins_here = self.rest is not None and self.rest.ordinal < end
        return (
            replace(self, records=here, rest=self.rest if begins_here else None),
            replace(self, records=self.records[len(here) :]),
        )

    def has_moved_rest(self, found: Iterable[RecordPlace], end: int) -> bool:
        """Whether something else is at the place of the rest than what could not be read; ``end`` is that of what
        is before the first that was found."""
        for place in found:
            if self.rest is not None and place.ordinal == self.rest.ordinal:
                return end > self.rest.start or place.start < self.rest.start
            end = place.end
        return False

    def is_missing_behind(self, end: int) -> bool:
        """Whether any of it should be in a source that ends before the ``end``-th record."""
        return bool(self.records) or (self.rest is not None and self.rest.ordinal > end)

    def select(self, found: Iterable[XmlRecord | Reject], source: str, first: int = 0) -> Iterator[XmlRecord | Reject]:
        """What is wanted of all that was found, from the ``first``-th on; for what is not, a reject."""
        records = {place.ordinal: place for place in self.records}
        rest, ordinal, before = self.rest, first - 1, 0
        for item in found:
            here = RecordPlace(item.ordinal or 0, item.start or 0, item.end or 0)
            ordinal = here.ordinal
            if self.has_moved_rest([here], before):
                yield self.rest_not_found(source)
                rest = None
            before = here.end
            place = records.pop(ordinal, None)
            if rest is not None and ordinal >= rest.ordinal:
                yield item
            elif place is not None:
                yield item if here.start == place.start else self._not_found(source, place)
            if not records and rest is None:
                return
        for place in records.values():
            yield self._not_found(source, place)
        if rest is not None and (self.is_gone or ordinal + 1 < rest.ordinal):
            yield self.rest_not_found(source)

    def rest_not_found(self, source: str) -> Reject:
        assert self.rest is not None
        return self._not_found(source, self.rest, is_rest=True)

    def _not_found(self, source: str, place: RecordPlace, is_rest: bool = False) -> Reject:
        rule, message = ("source", _GONE) if self.is_gone else ("moved", _MOVED)
        return Reject("read", rule, message.format(source=source), source, *place, is_rest=is_rest)


def records_at(items: Iterable[XmlRecord | Reject], places: Collection[tuple[str, int]]) -> Iterator[XmlRecord]:
    """Of what is read, the records at these places, sources and ordinals."""
    for item in items:
        if isinstance(item, XmlRecord) and (item.source, item.ordinal) in places:
            yield item
