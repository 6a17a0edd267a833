"""Inputs for the fault tests: files with good and bad records, and what a contract makes of them.

An input is several files, each of several slices: plain ones, a compressed one, one that is cut off and an empty one.
Of the records some are not well-formed, some break the contract, some break a constraint that only the database has;
and some keys stand in several places, with the same content or another.
"""

from __future__ import annotations

import gzip
import random
from dataclasses import dataclass, field

CONTRACT = """
contract: orders
record:
  path: /orders/order
  key: {id: {from: "@id", type: int}}
tables:
  orders:
    columns:
      name: name
      amount: {from: amount, type: "decimal(10, 2)", required: true}
  line:
    rows: line
    key: line_no
    columns:
      line_no: $position
      item: {from: "@item", type: text(8), required: true}
"""

REFUSED_AMOUNT = "666.00"
"""The tables have a constraint against it, which the contract does not know: the database refuses such a record."""

TABLES = (
    f"CREATE TABLE orders (id INTEGER NOT NULL PRIMARY KEY, name TEXT, amount DECIMAL(10, 2) NOT NULL"
    f" CHECK (amount <> {REFUSED_AMOUNT}))",
    "CREATE TABLE line (id INTEGER NOT NULL REFERENCES orders (id), line_no INTEGER NOT NULL,"
    " item VARCHAR(8) NOT NULL, PRIMARY KEY (id, line_no))",
)

KINDS = ("unique", "copies", "conflicts", "replace", "fail")
"""``unique``: each key once. ``copies``: some again with the same content. ``conflicts``: some again with another.
``replace``: over an earlier load of which a part has changed. ``fail``: ``--on_existing fail``, with copies."""


@dataclass(frozen=True)
class Workload:
    """What a command is given: ``files`` by name, and ``before``, what an earlier run loaded from the same names.

    ``good`` counts the keys that end in the tables.
    """

    kind: str
    on_existing: str
    files: dict[str, bytes]
    before: dict[str, bytes] = field(default_factory=dict)
    good: int = 0

    @property
    def flags(self) -> tuple[str, ...]:
        """Small slices and batches: many points at which a job can be hit."""
        size = sum(map(len, self.files.values()))
        return (
            "--slice_bytes", str(size // 5), "--batch_size", "20", "--log_level", "WARNING",
            "--on_existing", self.on_existing,
        )  # fmt: skip


def make(kind: str, seed: int, records: int = 400) -> Workload:
    """The input of this kind; the same for the same seed."""
    chance = random.Random(f"{kind} {seed}")
    on_existing = {"replace": "replace", "fail": "fail"}.get(kind, "skip")
    keys = chance.sample(range(1, 10 * records), records)
    good: set[int] = set()
    texts = [_record(chance, key, good) for key in keys]
    before = {}
    if kind == "replace":
        before = _files(texts)
        good_before = set(good)
        for at in chance.sample(range(records), records // 3):
            good.discard(keys[at])
            texts[at] = _record(chance, keys[at], good)
        # One that was loaded and is now bad stays as it was.
        good |= good_before
    elif kind != "unique":
        for _ in range(records // 8):
            at = chance.randrange(len(keys))
            text = _record(chance, keys[at], good) if kind == "conflicts" else texts[at]
            place = chance.randrange(len(texts))
            keys.insert(place, keys[at])
            texts.insert(place, text)
    return Workload(kind, on_existing, _files(texts), before, len(good))


def _files(texts: list[str]) -> dict[str, bytes]:
    parts = [texts[at : at + len(texts) // 4 + 1] for at in range(0, len(texts), len(texts) // 4 + 1)]
    files = {f"{name}.xml": _document(part) for name, part in zip("abcd", parts, strict=True)}
    files["b.xml.gz"] = gzip.compress(files.pop("b.xml"), mtime=0)
    files["c.xml"] = files["c.xml"].removesuffix(b"</orders>\n") + b'<order id="1"><name>cut off'
    files["e.xml"] = b""
    return files


def _document(texts: list[str]) -> bytes:
    return ("<?xml version='1.0'?>\n<orders>\n" + "\n".join(texts) + "\n</orders>\n").encode()


def _record(chance: random.Random, key: int, good: set[int]) -> str:
    name = chance.choice(["Ann", "Bob &amp; Co", "Chloé", "<![CDATA[<order id='0'>]]>", ""]) + str(chance.random())
    lines = [f'<line item="i{chance.randrange(10**6)}"/>' for _ in range(chance.randrange(5))]
    amount = f"{chance.randrange(100, 600)}.{chance.randrange(100):02}"
    damage = chance.random()
    if damage < 0.03:
        lines.append('<line item="longer than eight"/>')
    elif damage < 0.05:
        amount = "much"
    elif damage < 0.07:
        lines.append("<line item=unquoted/>")
    elif damage < 0.09:
        amount = REFUSED_AMOUNT
    else:
        good.add(key)
    return f'<order id="{key}"><name>{name}</name><amount>{amount}</amount>{"".join(lines)}</order>'
