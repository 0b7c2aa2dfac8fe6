"""What each compiler makes of the same bundles: cycles with and without what GNU C has beyond C99 and ACLE.

``python -m tests.benchmarks.compilers`` measures anew; docs/kernels.md shows the table.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tinyglow
from tests.benchmarks.measure import MODELS, SCHEMES, quantized, sample_inputs
from tinyglow.pipeline.stations import target_of
from tinyglow.sim import toolchain
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import load_board

TABLE = Path(__file__).with_name("compilers.json")
CORES = ("cortex-m0plus", "cortex-m4", "cortex-m7")
COMPILERS = ("zig", "gcc")
PLAIN = "-DTG_PLAIN_C"


@contextmanager
def without_gnu_c() -> Iterator[None]:
    """Everything is compiled as by a compiler that has C99 and ACLE alone."""
    common = toolchain._COMMON
    toolchain._COMMON = (*common, PLAIN)
    try:
        yield
    finally:
        toolchain._COMMON = common


def _cycles(network: str, core: str, compiler: str) -> int:
    board = load_board(core)
    program = tinyglow.lower(quantized(network, SCHEMES["asymmetric"]), target=target_of(board))
    with tempfile.TemporaryDirectory(prefix="tinyglow-") as folder:
        tinyglow.emit(program, folder)
        (costs,) = tinyglow.simulate(folder, board, sample_inputs(program), compiler).costs
    return costs.cycles


def measure() -> dict[str, object]:
    """Cycles by network, core and compiler, the latter with "plain" for builds without GNU C; and what they are."""
    versions = {name: find_compiler(name, load_board("cortex-m4")).version() for name in COMPILERS}
    rows: dict[str, dict[str, int]] = {}
    for network in MODELS:
        for core in CORES:
            row = rows[f"{network} {core}"] = {}
            for compiler in COMPILERS:
                row[compiler] = _cycles(network, core, compiler)
                with without_gnu_c():
                    row[f"{compiler} plain"] = _cycles(network, core, compiler)
            print(network, core, row, flush=True)
    return {"versions": versions, "cycles": rows}


def _relative(cycles: int, best: int) -> str:
    return f"{cycles:,} ({100 * (cycles - best) / best:+.0f} %)"


def table_text() -> str:
    """The recorded figures, each beside the first column's."""
    found = json.loads(TABLE.read_text(encoding="utf-8"))
    zig, gcc = (found["versions"][name] for name in COMPILERS)
    lines = [
        f"| network, core | {zig} | as plain C | {gcc} | as plain C |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, row in found["cycles"].items():
        network, core = name.split()
        best, *others = (row[column] for column in ("zig", "zig plain", "gcc", "gcc plain"))
        cells = [f"{best:,}", *(_relative(cycles, best) for cycles in others)]
        lines.append(f"| {network}, {load_board(core).core.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def sentence() -> str:
    """How gcc and plain C compare, in one line."""
    rows = json.loads(TABLE.read_text(encoding="utf-8"))["cycles"].values()

    def span(column: str) -> str:
        low, high = (100 * (find(row[column] / row["zig"] for row in rows) - 1) for find in (min, max))
        return f"{low:+.0f} to {high:+.0f} %"

    return (
        f"These are clang's (zig). gcc takes {span('gcc')}, a compiler without GNU C {span('zig plain')}: "
        "[what each compiler gets](docs/kernels.md#what-each-compiler-gets)."
    )


def main() -> int:
    """Measure and record."""
    TABLE.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
