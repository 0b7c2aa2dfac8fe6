"""Node tests on emulated cores: one without floats in hardware, and one with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.pipeline.execute import simulate
from tinyglow.targets.boards import load_board
from tinyglow.testing.conformance.run import Verdict

BOARDS = ("cortex-m0plus", "cortex-m7")


def differences_on(board: str, verdicts: Sequence[Verdict]) -> dict[str, str]:
    """What a core computes otherwise than the interpreter, by test; "" where the bits are the same.

    verdicts: of tests that are right in the interpreter. Those without inputs are left out.
    """
    chosen, found = load_board(board), {}
    for verdict in verdicts:
        if verdict.program is None or not verdict.program.inputs:
            continue
        wrong = []
        for given, results in zip(verdict.inputs, verdict.results, strict=False):
            outputs = simulate(verdict.program, chosen, given).outputs
            for name, expected in results.items():
                data = np.ascontiguousarray(expected).astype(outputs[name].dtype)
                wrong += [name] if outputs[name].tobytes() != data.tobytes() else []
        found[verdict.test.name] = ", ".join(wrong)
    return found
