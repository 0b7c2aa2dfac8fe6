"""What became of each of ONNX's node tests when that was last recorded, and the page that says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RECORDS = Path(__file__).with_name("verdicts.json")
PAGE = ROOT / "docs" / "onnx-conformance.md"
_TEXT = """# ONNX conformance

ONNX describes each operator by node tests: small models with inputs and expected outputs. `make conformance` runs
them all through the reader and the interpreter, in float, with each test's own tolerance; and what is right there as C,
which must have the same bits. `make conformance ARGS=--update` writes this page.

Of {total} tests {right} are right and {refused} refused by name; {wrong} are wrong, {crashed} crash. In C {same} are
the same.

* *constants*: of so many tests some inputs were given as constants. Shapes, axes and sizes must be known at import.
* float16, bfloat16 and double inputs and outputs are float32 in the network; the harness converts them.
* An output that ONNX has as uint8, of a quantized model, is int8 here, less 128.

{table}"""


def recorded() -> dict[str, str]:
    """The verdict on each test, by its name."""
    found = json.loads(RECORDS.read_text(encoding="utf-8"))
    return {name: kind for kind, names in found.items() for name in names}


def page(counts: Mapping[str, int], same: int, table: str) -> str:
    """The page of the documentation."""
    return _TEXT.format(total=sum(counts.values()), same=same, table=table, **counts)
