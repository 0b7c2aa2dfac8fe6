"""Cycles, flash, RAM and stack on emulated boards, against the committed table; ``--update`` writes that.

The figures are exact and repeatable for one compiler, pip's ziglang. Anything more than 2 % worse fails.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import tinyglow
from tinyglow.boards import Board, load_board
from tinyglow.demo.digits import demo_set
from tinyglow.demo.tour import INPUT
from tinyglow.pipeline.execute import Execution
from tinyglow.quant.quantizer import Scheme
from tinyglow.quant.schema import Schema

TABLE = Path(__file__).with_name("benchmark.json")
MODEL = Path(__file__).parents[1] / "examples" / "mnist" / "mnist_nxp.onnx"
PROFILE = Path(__file__).parent / "golden" / "mnist_nxp" / "profile.yaml"
BOARDS = ("frdm-ke16z", "mimxrt1060-evk")
SCHEMES = {
    "asymmetric": Scheme(),
    "symmetric": Scheme(Schema.SYMMETRIC),
    "channelwise": Scheme(channelwise=True),
    "power2_bias8": Scheme(Schema.SYMMETRIC_WITH_POWER2_SCALE, bias_dtype="int8"),
}
FIGURES = ("cycles", "flash", "ram", "stack")
TOLERANCE = 1.02
VECTORS = 4
Table = dict[str, dict[str, int]]


def _figures(execution: Execution) -> dict[str, int]:
    cycles, stack, sizes = execution.most("cycles"), execution.most("stack"), execution.sizes
    assert cycles is not None and stack is not None and sizes is not None
    return {"cycles": cycles, "flash": sizes.flash, "ram": sizes.ram, "stack": stack}


def _run(scheme: Scheme, boards: list[Board]) -> Iterator[tuple[str, dict[str, int]]]:
    images, _ = demo_set()
    graph = tinyglow.load(MODEL, "mnist", {"N": 1})
    program = tinyglow.lower(tinyglow.quantize(graph, tinyglow.load_profile(PROFILE), scheme))
    with tempfile.TemporaryDirectory(prefix="tinyglow-") as folder:
        tinyglow.emit(program, folder)
        for board in boards:
            yield board.name, _figures(tinyglow.simulate(folder, board, {INPUT: images[:VECTORS]}, "zig"))


def measure() -> Table:
    """The figures of today, by "scheme on board": the worst of a few inferences."""
    boards = [load_board(name) for name in BOARDS]
    return {
        f"mnist_nxp {name} on {board}": figures
        for name, scheme in SCHEMES.items()
        for board, figures in _run(scheme, boards)
    }


def regressions(recorded: Table, measured: Table) -> list[str]:
    """What is missing, new, or more than 2 % worse than recorded, one line each."""
    found = [f"{name}: recorded, but not measured" for name in recorded if name not in measured]
    for name, figures in measured.items():
        if name not in recorded:
            found.append(f"{name}: measured, but not recorded")
            continue
        for figure in FIGURES:
            old, new = recorded[name][figure], figures[figure]
            if new > old * TOLERANCE:
                found.append(f"{name}: {new:,} {figure}, {100 * (new / old - 1):.1f} % more than the recorded {old:,}")
    return found


def main() -> int:
    """Exit status 1 if anything got worse."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help="record the figures of today")
    update = parser.parse_args().update
    measured = measure()
    for name, figures in measured.items():
        print(f"{name:45}" + "".join(f"{figures[figure]:>11,} {figure}" for figure in FIGURES))
    if update:
        TABLE.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
        return 0
    found = regressions(json.loads(TABLE.read_text(encoding="utf-8")), measured)
    print("\n".join(found) or "nothing is more than 2 % worse than recorded")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
