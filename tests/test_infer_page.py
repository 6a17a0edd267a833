"""The example of docs/infer.md is what --infer makes."""

from __future__ import annotations

import re
from pathlib import Path

from beamshred.infer import infer_contract

PAGE = Path(__file__).parent.parent / "docs/infer.md"


def test_example(tmp_path: Path) -> None:
    [document] = re.findall(r"```xml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    [expected] = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "orders.xml").write_text(document)
    text = infer_contract([str(tmp_path)])
    assert text[text.index("contract: ") :] == expected
