"""The README's networks on cores without a cycle model: bit-exact with the interpreter, and their instructions.

``python -m tests.benchmarks.other_cores`` measures and writes ``other_cores.json``, from which the documentation's
table is made; tests/unit/sim/test_other_cores.py compares.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import tinyglow
from tests.benchmarks.measure import MODELS, SCHEMES, quantized
from tinyglow.pipeline.stations import target_of
from tinyglow.targets.cores import PORTABLE
from tinyglow.targets.portable import portable_board

RECORD = Path(__file__).with_name("other_cores.json")
VECTORS = 4


def measure_one(model: str, core: str) -> dict[str, Any]:
    """Run a network on four samples; AssertionError if an answer is not the interpreter's to the bit."""
    board = portable_board(core)
    program = tinyglow.lower(quantized(model, SCHEMES["asymmetric"]), target=target_of(board))
    rng = np.random.default_rng(len(model))
    inputs = {}
    for name in program.inputs:
        shape = program.buffers[name].type.shape
        inputs[name] = rng.standard_normal((VECTORS, *shape)).astype(np.float32)
    with tempfile.TemporaryDirectory(prefix="tinyglow-") as folder:
        tinyglow.emit(program, folder, board)
        done = tinyglow.simulate(folder, board, inputs)
    for name, expected in tinyglow.interpret(program, inputs).items():
        assert len(expected) == VECTORS and np.array_equal(done.outputs[name], expected), (model, core, name)
    assert done.most("cycles") is None and done.milliseconds is None and done.sizes is not None
    return {
        "compiler": done.compiler,
        "instructions": done.most("instructions"),
        "stack": done.most("stack"),
        "flash": done.sizes.flash,
        "ram": done.sizes.ram,
    }


def recorded() -> dict[str, dict[str, dict[str, Any]]]:
    """Rows by model and core."""
    table: dict[str, dict[str, dict[str, Any]]] = json.loads(RECORD.read_text(encoding="utf-8"))
    return table


def table_text() -> str:
    """The documentation's table."""
    titles = " | ".join(f"{PORTABLE[core].title}: instructions | stack | flash | RAM" for core in PORTABLE)
    lines = [f"| network | {titles} |", "|---|" + "--:|" * 4 * len(PORTABLE)]
    for model, rows in recorded().items():
        figures = [f"{rows[core][key]:,}" for core in PORTABLE for key in ("instructions", "stack", "flash", "ram")]
        lines.append(f"| {model} | {' | '.join(figures)} |")
    compilers = " and ".join({row["compiler"]: None for rows in recorded().values() for row in rows.values()})
    return "\n".join([*lines, "", f"Bytes, and instructions of the slowest sample; compilers: {compilers}."])


def main() -> int:
    """Measure all networks on the cores that are named, or all of these, and record."""
    chosen = sys.argv[1:] or list(PORTABLE)
    before = recorded()
    table = {model: {**before[model], **{core: measure_one(model, core) for core in chosen}} for model in MODELS}
    RECORD.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
