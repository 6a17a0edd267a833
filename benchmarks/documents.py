"""Documents like those of a lender: wide XML of which a contract reads about 3 % of the bytes.

    python -m benchmarks.documents --count 1000 --seed 7 --out documents/
    python -m benchmarks.documents --count 1000 --one-file documents.xml

One credit application each, with what the systems around it left in the message: bureau reports, traces of
the decision engine, raw replies of vendors. Names and values are invented.

    <Root>
     <Request ID="1000001">
      <vendor_reply>...</vendor_reply>             CDATA with markup, comments
      <CustData>
       <application ...>                           what benchmarks/contracts/applications.yaml reads:
        <pricing/> <decision/> <partner/>          nearly all of it attributes
        <collateral/> <score/> <indicator/> <stipulation/>
        <contact><address/> <employment/> <bureau_summary/></contact>
        <journal>...</journal>                     no more
       </application>
      </CustData>
      <bureau_report>...</bureau_report>           with elements of the same names, that no mapping reads
      <decision_trace>...</decision_trace>
     </Request>
    </Root>

Sizes are log-normal around the median. The same seed gives the same bytes in every version of Python, which
of ``random`` only ``random()`` promises, and of sums of floats only ``math.fsum``.
"""

from __future__ import annotations

import argparse
import math
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

from benchmarks import elements
from benchmarks.elements import Draw, Make

DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
FIRST_ID = 1_000_001
SMALLEST, LARGEST = 7_000, 2_000_000
"""Bounds of a document's size, in bytes."""
SPREAD = 0.8
"""The standard deviation of the logarithm of the size."""

_STOCK = 256 * 1024
"""Bytes of elements made of each kind that no mapping reads; sections are slices of these."""
_SECTION = 32 * 1024
"""The most bytes of a section's elements."""
_LEAST = 1024
"""Fewer bytes than these are not worth a section."""


def _report(draw: Draw) -> str:
    address = elements.address(draw) if draw() < 0.1 else ""
    remark = f"<remark>{elements.remark(draw)} {elements.remark(draw)}</remark>"
    return elements.tradeline(draw, content=address + remark) + "\n"


def _trace(draw: Draw) -> str:
    inputs = "".join(elements.fact(draw) for _ in range(1 + int(draw() * 4)))
    return elements.rule(draw, content=f"{inputs}<because>{elements.remark(draw)}</because>") + "\n"


def _journal(draw: Draw) -> str:
    comment = f"<!-- was {elements.contact(draw)} -->" if draw() < 0.1 else ""
    return elements.entry(draw, content=elements.remark(draw) + comment) + "\n"


def _reply(draw: Draw) -> str:
    """A vendor's answer as it came, or as its fields."""
    if draw() < 0.5:
        answer = f"<?xml version='1.0'?><application>{elements.score(draw)}{elements.contact(draw)}</application>"
        return f"<raw><![CDATA[{answer}]]></raw>\n"
    return "".join(f'<field name="{elements.word(draw)}">{elements.amount(draw)}</field>' for _ in range(8)) + "\n"


_BEFORE, _INSIDE, _AFTER = range(3)
"""Where a section stands: before CustData, in the application, after CustData."""
_SECTIONS = (
    ("bureau_report", _AFTER, _report),
    ("decision_trace", _AFTER, _trace),
    ("vendor_reply", _BEFORE, _reply),
    ("journal", _INSIDE, _journal),
)


class _Stock:
    """Elements of one kind, made once; the sections of all documents are slices of it."""

    def __init__(self, draw: Draw, name: str, place: int, make: Make):
        self.name = name
        self.place = place
        pieces: list[bytes] = []
        self.borders = [0]
        while self.borders[-1] < _STOCK:
            pieces.append(make(draw).encode())
            self.borders.append(self.borders[-1] + len(pieces[-1]))
        self.text = b"".join(pieces)

    def section(self, draw: Draw, size: int) -> bytes:
        """A section of at most ``size`` bytes: whole elements from a random place on, under a tag of its own."""
        begin = f'<{self.name} ref="{elements.number9(draw)}" received="{elements.moment(draw)}">\n'.encode()
        end = f"</{self.name}>\n".encode()
        room = min(size - len(begin) - len(end), int(draw() * _SECTION))
        first = self.borders[bisect_left(self.borders, int(draw() * (_STOCK - room)))]
        last = self.borders[bisect_right(self.borders, first + room) - 1]
        return begin + self.text[first:last] + end


def documents(count: int, seed: int = 0, median_bytes: int = 145_000) -> Iterator[bytes]:
    """``count`` documents in UTF-8, the same for the same seed; their ids go up from :data:`FIRST_ID`.

    A document is at most as large as was drawn for it, within :data:`SMALLEST` and :data:`LARGEST`; only
    where the part that is mapped is larger by itself, it is that.
    """
    draw = Random(seed).random
    stocks = [_Stock(draw, name, place, make) for name, place, make in _SECTIONS]
    for number in range(FIRST_ID, FIRST_ID + count):
        normal = math.fsum(draw() for _ in range(12)) - 6
        size = round(median_bytes * math.exp(SPREAD * normal))
        yield _document(draw, number, min(max(size, SMALLEST), LARGEST), stocks)


def _document(draw: Draw, number: int, size: int, stocks: list[_Stock]) -> bytes:
    request = f'<Root>\n<Request ID="{number}" received="{elements.moment(draw)}" source="{elements.code(draw)}">\n'
    begin = DECLARATION + request.encode()
    close = b"</application>"
    application = b"<CustData>" + elements.application(draw, content=_mapped(draw, number)).encode().removesuffix(close)
    close += b"</CustData>\n"
    end = b"</Request>\n</Root>\n"
    before, inside, after = _filler(draw, size - sum(map(len, (begin, application, close, end))), stocks)
    return b"".join((begin, *before, application, *inside, close, *after, end))


def _mapped(draw: Draw, number: int) -> str:
    """What stands in an application for its mappings to read."""
    parts = [elements.pricing(draw), elements.decision(draw), elements.partner(draw)]
    parts += [elements.collateral(draw, f' slot="{slot}"') for slot in range(1, 2 + (draw() < 0.2))]
    parts += [elements.score(draw) for _ in range(1 + int(draw() * 4))]
    parts += [elements.indicator(draw, f' name="{name}"') for name in elements.INDICATORS if draw() < 0.4]
    parts += [elements.stipulation(draw) for _ in range(int(draw() * 4))]
    parts += [
        _contact(draw, f' con_id="{number}{digit}" role="{role}"')
        for digit, (role, likely) in enumerate(elements.ROLES.items())
        if draw() < likely
    ]
    return "\n".join(["", *parts, ""])


def _contact(draw: Draw, own: str) -> str:
    parts = [elements.address(draw, ' type="CURRENT"')]
    parts += [elements.address(draw, ' type="PREVIOUS"') for _ in range(int(draw() * 2.5))]
    parts += [elements.employment(draw) for _ in range(int(draw() * 2.5))]
    parts += [elements.bureau_summary(draw) for _ in range(draw() < 0.8)]
    return elements.contact(draw, own, "\n".join(parts))


def _filler(draw: Draw, size: int, stocks: list[_Stock]) -> tuple[list[bytes], ...]:
    """Sections that no mapping reads, at most ``size`` bytes together, by their place."""
    places: tuple[list[bytes], ...] = ([], [], [])
    while size > _LEAST:
        stock = stocks[int(draw() * len(stocks))]
        section = stock.section(draw, size)
        places[stock.place].append(section)
        size -= len(section)
    return places


def write_folder(texts: Iterable[bytes], folder: Path) -> int:
    """Write one file for each document, ``app-0000001.xml`` and on; give the number of bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    return sum((folder / f"app-{number:07}.xml").write_bytes(text) for number, text in enumerate(texts, 1))


def write_list(texts: Iterable[bytes], path: Path) -> int:
    """Write one file with all documents as records, ``/Root-list/Root``; give the number of bytes."""
    with path.open("wb") as file:
        size = file.write(DECLARATION + b"<Root-list>\n")
        size += sum(file.write(text.removeprefix(DECLARATION)) for text in texts)
        return size + file.write(b"</Root-list>\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write documents of the shape of credit applications.")
    parser.add_argument("--count", type=int, required=True, help="how many documents")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same documents (default 0)")
    parser.add_argument("--median-bytes", type=int, default=145_000, help="the median of their sizes (default 145000)")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--out", type=Path, metavar="FOLDER", help="write a file for each document")
    target.add_argument("--one-file", type=Path, metavar="FILE", help="write one file, its records are /Root-list/Root")
    flags = parser.parse_args()
    began = time.perf_counter()
    texts = documents(flags.count, flags.seed, flags.median_bytes)
    size = write_folder(texts, flags.out) if flags.out else write_list(texts, flags.one_file)
    seconds = time.perf_counter() - began
    print(f"{flags.count:,} documents, {size / 1e6:,.1f} MB in {seconds:.1f} s: {size / 1e6 / seconds:,.0f} MB/s")


if __name__ == "__main__":
    main()
