"""From documents, or from a schema of theirs, to a contract that loads them.

    python run_pipeline.py --infer 'docs/*.xml' > contract.yaml

values    the texts of one place: which types hold for all of them
tree      the tree of all paths, read as events in bounded memory
record    which elements are the records
keys      what identifies a record
tables    what repeats as tables, all else as columns
naming    names that databases take
xsd       the same tree from an XML Schema
write     the contract as YAML, with comments

Every text and every attribute of the documents lands in a column.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import PurePath

from beamshred.infer.contract_text import contract_text
from beamshred.infer.keys import find_key
from beamshred.infer.record import Record, find_record, named_record, record_path
from beamshred.infer.table_plans import Prefixes, TablePlanner
from beamshred.infer.tree import InferError, Profile, profile
from beamshred.sample import sample
from beamshred.words import counted
from pipeline.command_line import Parser
from pipeline.flags import positive
from transforms import RecordPath, expand
from transforms.contract.read import parse_contract
from transforms.map.mapper import Mapper
from transforms.records import ParsedRecord, Reject
from transforms.user_errors import UserError

__all__ = ["InferError", "infer_contract", "run"]

_TRIED = 1_000
"""Records that the new contract is tried on at once."""


def infer_contract(
    patterns: Sequence[str], record: str | None = None, most: int | None = None, name: str | None = None
) -> str:
    """The contract that loads the documents of ``patterns``.

    Args:
      patterns: files, folders and globs, as ``--input`` takes them.
      record: the path of the records; found, where it is not given.
      most: how many documents are looked at, and elements below the document element of each; all, if not given.
      name: the contract's; made from the record's, if not given.
    """
    found = profile(lambda: expand(patterns), most)
    place = named_record(found, record) if record else find_record(found)
    path = record_path(place, found)
    prefixes = Prefixes(found)
    records = sample(expand(patterns), RecordPath.parse(path), each=most, files_most=most)
    key = find_key(place, prefixes, records, found.documents, found.names_repeat)
    tables = TablePlanner(prefixes, place, list(key.columns), key.paths)
    return contract_text(
        name or _name(tables.tables[0].name),
        path,
        key.columns,
        tables.tables,
        prefixes.declared,
        list(_about(found, place, most)),
        key.notes,
    )


def _about(found: Profile, place: Record, most: int | None) -> list[str]:
    read = f"Read: {counted(found.documents, 'document')}, {counted(place.node.count, 'record')}"
    about = [f"{read}{f', a sample of {most:,}' if most else ''}."]
    about += [f"UNSURE: {note}." for note in place.notes]
    if place.unread:
        names = ", ".join(place.unread[:20]) + (f" and {len(place.unread) - 20} more" if len(place.unread) > 20 else "")
        about.append(f"NOT READ, because it is beside the records: {names}.")
    about += [f"Not well-formed, and read only up to the fault: {said}." for said in found.damaged[:5]]
    return about


def _name(table: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", table.encode("ascii", "ignore").decode()).strip("-")[:60] or "documents"


def try_contract(text: str, patterns: Sequence[str], most: int | None) -> tuple[int, list[Reject]]:
    """Maps the first records by the contract: how many were mapped, and the rejects."""
    contract = parse_contract(text)
    mapper = Mapper(contract)
    path = RecordPath.parse(contract.record.path, contract.namespaces)
    mapped, rejects = 0, []
    for record in sample(expand(patterns), path, _TRIED, most, files_most=most):
        done = mapper.map(record) if isinstance(record, ParsedRecord) else record
        if isinstance(done, Reject):
            rejects.append(done)
        else:
            mapped += 1
    return mapped, rejects


def run(argv: Sequence[str]) -> int:
    """Print the contract for documents or a schema; what was found goes to stderr. The result is the exit code."""
    parser = Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--infer", nargs="+", action="extend", metavar="PATH")
    parser.add_argument("--infer_xsd", metavar="FILE")
    parser.add_argument("--record", metavar="PATH")
    parser.add_argument("--sample", type=positive, metavar="N")
    try:
        options = parser.parse_args(argv)
        if options.infer_xsd:
            from beamshred.infer.xsd import infer_from_schema

            if options.infer or options.sample:
                raise InferError("--infer_xsd reads only a schema: leave out --infer and --sample")
            print(infer_from_schema(options.infer_xsd, options.record), end="")
            return 0
        text = infer_contract(options.infer, options.record, options.sample)
        mapped, rejects = try_contract(text, options.infer, options.sample)
    except (UserError, OSError) as error:
        print(f"no contract was made: {error}", file=sys.stderr)
        return 2
    print(text, end="")
    print(f"The contract maps {mapped:,} of {mapped + len(rejects):,} records that it was tried on.", file=sys.stderr)
    for reject in rejects[:5]:
        print(f"  {PurePath(reject.source).name}: {reject.message}", file=sys.stderr)
    unsure = counted(text.count("UNSURE") - 1, "place")
    print(f"Look at what is UNSURE: {unsure}. Next: `beamshred preview 5` shows rows.", file=sys.stderr)
    return 0
