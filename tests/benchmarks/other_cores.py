"""The README's networks on cores without a cycle model: bit-exact with the interpreter, and their instructions.

``python -m tests.benchmarks.other_cores`` measures and writes ``other_cores.json``, from which the documentation's
table is made; tests/unit/sim/test_other_cores.py compares.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
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
NO_VECTORS = "cortex-m55, DSP alone"  # by the kernels that the Cortex-M4 gets
ROWS = (*PORTABLE, NO_VECTORS)


def measure_one(model: str, core: str) -> dict[str, Any]:
    """Run a network on four samples; AssertionError if an answer is not the interpreter's to the bit.

    core: of ``PORTABLE``; or ``NO_VECTORS``.
    """
    board = portable_board(core.partition(",")[0])
    target = target_of(board) if core in PORTABLE else replace(target_of(board), core=board.core.costs)
    program = tinyglow.lower(quantized(model, SCHEMES["asymmetric"]), target=target)
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
    """The documentation's table of the cores that are no Arm cores."""
    return _table([core for core in PORTABLE if not PORTABLE[core].is_arm])


def helium_text() -> str:
    """The documentation's table of the Cortex-M55, with kernels for vectors and without."""
    return _table(["cortex-m55", NO_VECTORS])


def _table(cores: Sequence[str]) -> str:
    names = [PORTABLE[core].title if core in PORTABLE else "with DSP instructions alone" for core in cores]
    titles = " | ".join(f"{name}: instructions | stack | flash | RAM" for name in names)
    lines = [f"| network | {titles} |", "|---|" + "--:|" * 4 * len(cores)]
    for model, rows in recorded().items():
        figures = [f"{rows[core][key]:,}" for core in cores for key in ("instructions", "stack", "flash", "ram")]
        lines.append(f"| {model} | {' | '.join(figures)} |")
    used = " and ".join({rows[core]["compiler"]: None for rows in recorded().values() for core in cores})
    return "\n".join([*lines, "", f"Bytes, and instructions of the slowest sample; compiled by {used}."])


def main() -> int:
    """Measure all networks on the cores that are named, or all of these, and record."""
    chosen = sys.argv[1:] or ROWS
    before = recorded()
    table = {model: {**before[model], **{core: measure_one(model, core) for core in chosen}} for model in MODELS}
    RECORD.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
