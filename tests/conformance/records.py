"""What became of each of ONNX's tests when that was last recorded, and the page that says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RECORDS = Path(__file__).with_name("verdicts.json")
PAGE = ROOT / "docs" / "onnx-conformance.md"
_TEXT = """# ONNX conformance

ONNX describes each operator by node tests: small models with inputs and expected outputs. Its package has models
from exporters too, many of operator set 6. `make conformance` runs them all through the reader and the interpreter, in
float, with each test's own tolerance; and what is right there as C, which must have the same bits.
`make conformance ARGS=--update` writes this page.

{summaries}

* *constants*: of so many tests some inputs were given as constants. Shapes, axes and sizes must be known at import.
* float16, bfloat16 and double inputs and outputs are float32 in the network; the harness converts them. Tests of
  doubles that float32 cannot hold count as refused.
* An output that ONNX has as uint8, of a quantized model, is int8 here, less 128.

{tables}"""
_SUMMARY = """Of {total} tests of the collection *{name}* {right} are right and {refused} refused by name; {wrong} are
wrong, {crashed} crash. In C {same} are the same."""


@dataclass(frozen=True)
class Collection:
    """What became of the tests of one of onnx's collections.

    Attributes:
        counts: How many are right, refused, wrong and crash.
        same: How many are the same in C.
        table: By operator.
    """

    counts: Mapping[str, int]
    same: int
    table: str


def recorded() -> dict[str, str]:
    """The verdict on each test, by its name."""
    found = json.loads(RECORDS.read_text(encoding="utf-8"))
    return {name: kind for kind, names in found.items() for name in names}


def summary(name: str, counts: Mapping[str, int], same: int) -> str:
    """One sentence about a collection."""
    return _SUMMARY.format(total=sum(counts.values()), name=name, same=same, **counts)


def page(collections: Mapping[str, Collection]) -> str:
    """The page of the documentation."""
    summaries = "\n\n".join(summary(name, found.counts, found.same) for name, found in collections.items())
    tables = "\n".join(f"## {name}\n\n{found.table}" for name, found in collections.items())
    return _TEXT.format(summaries=summaries, tables=tables)
