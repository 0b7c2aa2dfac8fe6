"""The bound of each kernel: no data that its operands' types hold takes more cycles, whichever run it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.drawn_cases import DrawnCases
from tests.unit.checker.test_numbers_of_kernels import program_of
from tests.unit.sim.canaries import Guarded
from tinyglow.checker.extents import loop_of
from tinyglow.ir.graph import Array
from tinyglow.targets.boards import load_board
from tinyglow.testing import Case, covered_kernels, is_full

CORES = ("cortex-m0plus", "cortex-m7") if is_full() else ("cortex-m0plus",)
# Layers are in the networks of ``test_bound``, and weights that are streams need no input.
_OTHERS = [symbol for symbol in covered_kernels() if not loop_of(symbol)]
# A division, a root, a rounding of 64 bits, and bits that are counted.
_FAST = ("tg_div_f32", "tg_map_sqrt_f32", "tg_quantize_fused_f32_s8", "tg_softmax_tflite_s16")
SYMBOLS = _OTHERS if is_full() else _FAST
_ELEMENTS = 40
_SPECIAL = (0.0, -0.0, 1e-45, -3e-42, 1e-38, 1.0, -1.5, 0.5, 3e38, -3e38, np.inf, -np.inf, np.nan, 88.0, -104.0, 7e5)


def _values(case: Case, rng: np.random.Generator) -> Iterator[dict[str, Array]]:
    """Any bits, the ends, equal numbers, and floats of all magnitudes: subnormal ones, infinity and NaN."""
    given = {name: data for name, data in case.inputs.items() if data.size}
    yield given
    for kind in range(6):
        yield {name: _drawn(data, kind, rng) if name in _FREE else data for name, data in given.items()}


_FREE = ("input", "other", "lhs", "rhs", "product", "hidden", "cell", "state")  # which may hold anything


def _drawn(data: Array, kind: int, rng: np.random.Generator) -> Array:
    if data.dtype == np.float32:
        if kind < 2:
            return rng.choice(np.array(_SPECIAL, np.float32), data.size)
        if kind == 2:
            return rng.integers(0, 2**32, data.size, np.uint32).view(np.float32)
        if kind == 3:  # subnormal and just above
            return rng.integers(1, 2**24, data.size, np.uint32).view(np.float32)
        return rng.uniform(-1, 1, data.size).astype(np.float32) * np.float32(10.0 ** (4 * kind - 18))
    limits = np.iinfo(data.dtype)
    if kind < 2:
        return np.full_like(data, (limits.min, limits.max)[kind])
    if kind == 2:
        return np.resize(np.array([limits.min, limits.max], data.dtype), data.size)
    return rng.integers(limits.min, limits.max, data.size, data.dtype, endpoint=True)


@pytest.mark.long
@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_no_data_take_more_than_the_bound(symbol: str, core: str, drawn: DrawnCases, tmp_path: Path) -> None:
    """With floats of all kinds where the kernel takes floats."""
    case = min(drawn(symbol, 5), key=lambda case: abs(sum(case.outputs.values()) - _ELEMENTS))
    program = program_of(case)
    guarded = Guarded(program, load_board(core), tmp_path, "flash")
    taken, bounds = [], []
    for values in _values(case, np.random.default_rng(1)):
        inputs = {name: values[name][np.newaxis] for name in program.inputs}
        calls = guarded.profile(inputs).calls
        assert all(call.most_cycles is not None for call in calls), "no bound"
        taken.append(sum(call.cost.cycles for call in calls))
        bounds.append(sum(call.most_cycles or 0 for call in calls))
    assert max(taken) <= min(bounds), (taken, bounds)
    # Blocks that one run does not reach are cut otherwise, which may cost a cycle more at a branch.
    assert max(bounds) <= 1.01 * min(bounds), f"loops depend on the data: {bounds}"
