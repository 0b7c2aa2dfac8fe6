"""Canaries: on emulated cores nothing is written beside a bundle's areas, nor below the stack that it is said to use.

The linker leaves room around each area, which is filled with bytes that nobody may change.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.benchmarks.measure import MODELS, SCHEMES, quantized
from tests.unit.sim.canaries import Guarded
from tinyglow.errors import SimulationError
from tinyglow.ir.program import Program
from tinyglow.pipeline.fit import sample_inputs
from tinyglow.pipeline.stations import target_of
from tinyglow.targets.boards import load_board
from tinyglow.testing import is_full

BOARDS = ("cortex-m0plus", "cortex-m4", "cortex-m7")
_RUNS = [(model, board) for model in MODELS for board in BOARDS]
_FAST = [("mnist_nxp", "cortex-m0plus"), pytest.param("mobilenet_block", "cortex-m7", marks=pytest.mark.long)]


def _program(model: str, board: str, scheme: str = "asymmetric") -> Program:
    return tinyglow.lower(quantized(model, SCHEMES[scheme]), target=target_of(load_board(board)))


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["flash", "ram"])
@pytest.mark.parametrize(("model", "board"), _RUNS if is_full() else _FAST)
def test_nothing_is_written_beside_an_area(model: str, board: str, weights: str, tmp_path: Path) -> None:
    """Inputs at random and at the ends of the range: all guards are whole, and the answers are the interpreter's."""
    if weights == "ram" and not is_full() and model != "mnist_nxp":
        pytest.skip("takes minutes: TINYGLOW_FULL=1")
    program = _program(model, board)
    guarded = Guarded(program, load_board(board), tmp_path, weights)
    name, value = next(iter(sample_inputs(program).items()))
    value = value[:1]
    ends = [np.full_like(value, value.min()), np.full_like(value, value.max())]
    for sample in (value, *ends):
        outputs = guarded.run({name: sample})
        for output, expected in tinyglow.interpret(program, {name: sample}).items():
            assert np.array_equal(outputs[output], expected)


# What to add to the firmware's call of the network, and the area beside which it writes.
_FAULTS = {
    "activations": "tg_activations[MNIST_NXP_ACTIVATIONS_MEM_SIZE] = 1;",
    "mutable": "(tg_mutable_weight - 1)[0] = 1;",
    "weights": "((uint8_t *)tg_constant_weight)[MNIST_NXP_CONSTANT_MEM_SIZE + 3] = 1;",
    "stack": "volatile uint8_t here; *(volatile uint8_t *)((uintptr_t)&here - 600) = 1;",
}


@pytest.mark.long
@pytest.mark.parametrize("area", _FAULTS)
def test_a_planted_write_is_found(area: str, tmp_path: Path) -> None:
    """One byte beside an area, and the area is named."""
    program = _program("mnist_nxp", "cortex-m0plus")
    guarded = Guarded(program, load_board("cortex-m0plus"), tmp_path, "ram", spoil=_FAULTS[area])
    with pytest.raises(SimulationError, match=re.escape(area)):
        guarded.run(sample_inputs(program))
