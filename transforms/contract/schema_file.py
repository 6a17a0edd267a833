"""The JSON Schema of contracts, by which editors complete and check them.

python -m transforms.contract.schema_file docs/contract.schema.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from transforms.contract.model import ContractModel


def schema_text() -> str:
    """The schema as the text of its file."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **ContractModel.model_json_schema(by_alias=True),
        "title": "beamshred contract",
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema_text(), encoding="utf-8")
