"""int16 kernels at the edge of what the lowering proves, on the host and on both cores."""

from __future__ import annotations

import numpy as np
import pytest

from tinyglow.ir.kernel import Params
from tinyglow.kernels.elementwise.addends import Addend16Params
from tinyglow.kernels.elementwise.mul import Product16Params
from tinyglow.kernels.elementwise.quantize import Quantize16Params
from tinyglow.kernels.elementwise.rescale import Rescale16Params
from tinyglow.kernels.fully_connected.fully_connected_s16 import FullyConnected16Params
from tinyglow.kernels.int16 import packed_bias, sum_bounds
from tinyglow.kernels.matmul.matmul_s16 import MatMul16Params
from tinyglow.kernels.pooling.avg_pool import AvgPool16Params
from tinyglow.numerics import wide
from tinyglow.registry import KERNELS
from tinyglow.testing import Case
from tinyglow.testing.emulated import Core
from tinyglow.testing.native import Library

LOW, HIGH = wide.INT16_MIN, wide.INT16_MAX
ENDS = np.array([LOW, LOW + 1, -1, 0, 1, HIGH - 1, HIGH], np.int16)
_LOOPS = {"outer": 1, "middle": 1, "outer_stride": 0, "middle_stride": 0, "inner_stride": 1}


def _dense(depth: int, x: int, w: int, bias: int, is_wide: bool) -> Case:
    """One sum of ``depth`` equal products, scaled so that the largest possible gives about 2**15."""
    weights = np.full(depth, w, np.int8)
    bound = int(sum_bounds(weights[None], np.array([bias]))[0])
    (multiplier,), shift = wide.multipliers([2.0**15 / bound], bound)
    params = FullyConnected16Params(1, depth, 1, LOW, HIGH, 0, 1, 0)
    inputs = {
        **{"input": np.full(depth, x, np.int16), "weights": weights},
        **{"bias": packed_bias(np.array([bias]), is_wide), "channels": np.array([multiplier, shift], np.int32)},
    }
    return Case(KERNELS[f"tg_fully_connected_{'wide_' if is_wide else ''}s16"], params, inputs, {"output": 1})


def _elementwise(symbol: str, params: Params, *operands: np.ndarray) -> Case:
    inputs = dict(zip(("input", "other"), operands, strict=False))
    return Case(KERNELS[symbol], params, inputs, {"output": operands[0].size})


def _pairs() -> tuple[np.ndarray, np.ndarray]:
    return np.repeat(ENDS, len(ENDS)), np.tile(ENDS, len(ENDS))


def _two(symbol: str, params: type[Params], *numbers: int) -> Case:
    x, y = _pairs()
    names = ("input_multiplier", "other_multiplier", "shift") if len(numbers) == 3 else ("multiplier", "shift")
    return _elementwise(symbol, params(**_LOOPS, inner=x.size, **dict(zip(names, numbers, strict=True))), x, y)


_MOST = 2**31 - 1
# 511 products of 2**22 and a bias fill 32 bits; 2**24 of them would fill 47.
_TERMS, _REST = 511, _MOST - 511 * 2**22
_HALVES = (np.concatenate([np.arange(-65540, -65530), np.arange(-9, 10), np.arange(65530, 65540)]) / 2).astype(
    np.float32
)

CASES = {
    "sum of exactly 2**31 - 1": _dense(_TERMS, LOW, -128, _REST, is_wide=False),
    "sum of exactly -(2**31 - 1)": _dense(_TERMS, LOW, 127, -(_MOST - _TERMS * 2**15 * 127), is_wide=False),
    "sum of 2**31": _dense(_TERMS + 1, LOW, -128, 0, is_wide=True),
    "wide, one run more": _dense(2 * _TERMS + 1, LOW, -128, 2**31 + 7, is_wide=True),
    "wide, largest bias": _dense(1, LOW, -128, wide.MAX_SUM - 2**22, is_wide=True),
    "wide, smallest bias": _dense(1, HIGH, -128, -(wide.MAX_SUM - 2**22), is_wide=True),
    "largest products of tensors": Case(
        KERNELS["tg_matmul_s16"],
        MatMul16Params(1, 1, 8, 1, _MOST, 62),
        {"lhs": np.full(8, LOW, np.int16), "rhs": np.full(8, LOW, np.int16)},
        {"output": 1},
    ),
    "add, largest multipliers": _two("tg_add_s16", Addend16Params, _MOST, _MOST, 31),
    "add, smallest multipliers": _two("tg_add_s16", Addend16Params, -_MOST, -_MOST, 31),
    "add, no shift": _two("tg_add_s16", Addend16Params, _MOST, -_MOST, 0),
    "add, all is shifted away": _two("tg_add_s16", Addend16Params, _MOST, _MOST, 62),
    "max of opposite slopes": _two("tg_max_s16", Addend16Params, _MOST, -_MOST, 31),
    "min of opposite slopes": _two("tg_min_s16", Addend16Params, _MOST, -_MOST, 31),
    "mul, largest multiplier": _two("tg_mul_s16", Product16Params, _MOST, 46),
    "mul, no shift": _two("tg_mul_s16", Product16Params, -_MOST, 0),
    "rescale, no shift": _elementwise("tg_rescale_s16", Rescale16Params(7, _MOST, -_MOST, 0, LOW, HIGH), ENDS),
    "rescale, halves": _elementwise("tg_rescale_s16", Rescale16Params(7, 1, 1, 1, LOW, HIGH), ENDS),
    "mean of the most taps": Case(
        KERNELS["tg_avg_pool_s16"],
        AvgPool16Params(1, 65535, 1, 1, 1, 1, 65535, 1, 1, 0, 0, images=1, divide=1, multiplier=1, shift=0),
        {"input": np.full(65535, LOW, np.int16)},
        {"output": 1},
    ),
    "every half step near the ends": _elementwise("tg_quantize_f32_s16", Quantize16Params(_HALVES.size, 1.0), _HALVES),
    "largest scale": _elementwise("tg_dequantize_s16_f32", Quantize16Params(7, 2.0**127), ENDS),
}


@pytest.mark.parametrize("name", CASES)
def test_host_equals_numpy(library: Library, name: str) -> None:
    """C on this machine agrees with numpy."""
    library.run(CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_core_equals_numpy(core: Core, name: str) -> None:
    """C on the emulated core agrees with numpy."""
    core.run(CASES[name])


def test_cases_reach_the_limits_they_name() -> None:
    """The sums of the dense cases are what they are called."""
    for name, expected in (
        ("sum of exactly 2**31 - 1", _MOST),
        ("sum of exactly -(2**31 - 1)", -_MOST),
        ("sum of 2**31", 2**31),
    ):
        inputs = CASES[name].inputs
        total = int((inputs["input"].astype(np.int64) * inputs["weights"]).sum()) + int(inputs["bias"][0])
        assert total == expected
