"""The lookups of a contract: from CSV files, and as values of a column's type."""

from __future__ import annotations

import csv
from pathlib import Path

from transforms.contract.column_model import Scalar
from transforms.contract.model import Lookup


def read_csv(lookup: Lookup, folder: Path) -> Lookup:
    """The lookup with the values of its CSV file; raises ``ValueError`` that says what is wrong with the file."""
    path = folder / (lookup.csv or "")
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            for name in (lookup.key, lookup.value):
                if name not in (reader.fieldnames or ()):
                    raise ValueError(
                        f"{path} has no column {name!r}; it has {', '.join(reader.fieldnames or ()) or 'none'}"
                    )
            values: dict[str, Scalar] = {}
            for row in reader:
                key, value = row[lookup.key or ""], row[lookup.value or ""]
                if key is None or value is None:
                    raise ValueError(f"{path}:{reader.line_num}: the line has too few columns")
                if values.setdefault(key, value) != value:
                    raise ValueError(f"{path}:{reader.line_num}: {key!r} stands for {values[key]!r} and for {value!r}")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is no CSV file in UTF-8: {error}") from None
    return lookup.model_copy(update={"values": values})
