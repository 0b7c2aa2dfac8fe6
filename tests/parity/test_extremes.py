"""Cases at the edge of what the types and the lowering allow, chosen by hand, on the host and on both cores."""

from __future__ import annotations

import numpy as np
import pytest

from tinyglow.ir.kernel import Params
from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.accumulator import check_accumulator
from tinyglow.kernels.convolution import conv2d_winograd
from tinyglow.kernels.convolution import conv2d_winograd_4x4_dsp as winograd
from tinyglow.kernels.convolution.conv2d import Conv2DParams
from tinyglow.kernels.convolution.conv2d_winograd_4x4_dsp import Winograd4x4Params
from tinyglow.kernels.elementwise.quantize import QuantizeParams
from tinyglow.kernels.elementwise.rescale import RescaleParams
from tinyglow.kernels.fully_connected.layer import FullyConnectedParams
from tinyglow.kernels.pooling.max_pool import MaxPoolParams
from tinyglow.numerics import glow
from tinyglow.registry import KERNELS
from tinyglow.testing import Case
from tinyglow.testing.emulated import Core
from tinyglow.testing.native import Library

ALL_INT8 = np.arange(-128, 128).astype(np.int8)


def _filled(value: int, count: int) -> np.ndarray:
    return np.full(count, value, np.int8)


def _dense(depth: int, x: int, w: int, offset: int, bias: int) -> Case:
    """One sum of ``depth`` equal products; its scale maps int32 to int8."""
    params = FullyConnectedParams(1, depth, 1, offset, -128, 127, glow.requantize_params(2.0**-24))
    check_accumulator(_filled(w, depth)[None], QuantParams(1.0, offset), QuantParams(1.0, 0), np.array([bias]))
    inputs = {"input": _filled(x, depth), "weights": _filled(w, depth), "bias": np.array([bias], np.int32)}
    return Case(KERNELS["tg_fully_connected_s8"], params, inputs, {"output": 1})


# The largest product is -128 * -255; so many of them, and a bias, reach 2**31 - 1.
_MOST_TERMS, _REST = divmod(glow.INT32_MAX, 128 * 255)


def _convolution(x: int, w: int, in_offset: int, filter_offset: int) -> Case:
    """A 3x3 convolution with padding whose products all have the largest magnitude there is, 255 * 255."""
    params = Conv2DParams(
        *(4, 5, 8, 4, 5, 2, 3, 3, 1, 1, 1, 1, 1, 1),
        **{"group": 1, "images": 1, "in_offset": in_offset, "filter_offset": filter_offset},
        **{"act_min": -128, "act_max": 127, "leaky": 0, "negative": glow.requantize_params(1.0)},
        **{"out": glow.requantize_params(2.0**-15)},
    )
    inputs = {"input": _filled(x, 160), "filter": _filled(w, 144), "bias": np.array([-1, 1], np.int32)}
    return Case(KERNELS["tg_conv2d_s8"], params, inputs, {"output": 40})


def _corners(x: int, w: int) -> Case:
    """A tile of Winograd's with as many channels as the sums of corners allow, of which all inputs are equal."""
    channels = conv2d_winograd.MOST_CHANNELS
    weights = np.full((2, 9 * channels), w, np.int32)
    corners = conv2d_winograd.corners_of(weights, channels)
    assert all(largest <= most for largest, most in conv2d_winograd.limits_of(weights, channels, corners).values())
    params = conv2d_winograd.WinogradParams(
        *(4, 6, channels, 2, 4, 2, 3, 3, 1, 1, 0, 0, 1, 1),
        **{"group": 1, "images": 1, "in_offset": 0, "act_min": -128, "act_max": 127, "leaky": 0, "pool": 0},
        **{"negative": glow.requantize_params(1.0), "corners": corners, "out": glow.Requant(16, 3, 1, 0)},
    )
    constants = {
        "filter": conv2d_winograd.pack(weights, channels, corners),
        "bias": conv2d_winograd.pack_biases(np.zeros(2, np.int32)),
    }
    inputs = {"input": _filled(x, 24 * channels), **constants}
    return Case(KERNELS["tg_conv2d_winograd_s8"], params, inputs, {"output": 16})


def _winograd(weight: int, x: np.ndarray) -> Case:
    """As many channels as weights of the largest magnitude may have; inside, products wrap."""
    params = Winograd4x4Params(
        *(6, 6, 112, 6, 6, 1, 3, 3, 1, 1, 1, 1, 1, 1),
        **{"group": 1, "images": 1, "in_offset": -128, "act_min": -128, "act_max": 127, "leaky": 0, "pool": 0},
        **{"negative": glow.requantize_params(1.0), "out": glow.requantize_params(2.0**-18)},
    )
    weights = np.full((1, 9 * params.in_c), weight, np.int32)
    assert all(largest <= most for largest, most in winograd.limits_of(weights, params.in_c).values())
    constants = {"filter": winograd.pack(weights, params.in_c), "bias": winograd.pack_biases(np.array([-7]))}
    inputs = {"input": np.repeat(x, params.in_c).astype(np.int8), **constants}
    return Case(KERNELS["tg_conv2d_winograd_4x4_dsp_s8"], params, inputs, {"output": 36})


# Signs of the numbers that B'd B takes most of each input for, 100 times in all.
_SIGNS = np.sign(np.outer((4, 1, -5, 1, 1, 1), (4, 1, -5, 1, 1, 1)))


def _elementwise(symbol: str, params: Params, x: np.ndarray) -> Case:
    return Case(KERNELS[symbol], params, {"input": x}, {"output": x.size})


def _pool(height: int, width: int) -> Case:
    """The smallest window over an image of one channel: the result is the image."""
    x = np.resize(ALL_INT8, height * width)
    params = MaxPoolParams(height, width, 1, height, width, *(1, 1, 1, 1, 0, 0), images=1)
    return Case(KERNELS["tg_max_pool_s8"], params, {"input": x}, {"output": x.size})


def _pool_in_padding() -> Case:
    """Windows that lie in the padding altogether, on every side."""
    params = MaxPoolParams(2, 2, 1, 12, 12, *(2, 2, 1, 1, 5, 5), images=1)
    return Case(KERNELS["tg_max_pool_s8"], params, {"input": ALL_INT8[:4]}, {"output": 144})


_HALVES = (np.arange(-260, 261) / 2).astype(np.float32)

CASES = {
    "sum of exactly 2**31 - 1": _dense(_MOST_TERMS, -128, -128, 127, _REST),
    "sum of exactly -(2**31 - 1)": _dense(_MOST_TERMS, -128, 127, -128, -_REST),
    "bias of 2**31 - 1 on zero weights": _dense(3, 127, -128, -128, glow.INT32_MAX),
    "convolution, largest positive products": _convolution(-128, -128, 127, 127),
    "convolution, largest negative products": _convolution(127, -128, -128, 127),
    "largest sums of corners": _corners(127, -128),
    "least sums of corners": _corners(-128, -128),
    "Winograd, largest sums": _winograd(-255, np.full(36, -128)),
    "Winograd, least sums": _winograd(255, np.full(36, -128)),
    "Winograd, largest transforms": _winograd(255, np.where(_SIGNS > 0, 127, -128)),
    "Winograd, least transforms": _winograd(-255, np.where(_SIGNS > 0, -128, 127)),
    "rows as long as 16 bits count": _pool(1, 65535),
    "columns as long as 16 bits count": _pool(65535, 1),
    "windows in the padding": _pool_in_padding(),
    "rescale by the largest constants": _elementwise(
        "tg_rescale_s8", RescaleParams(256, -128, -128, glow.Requant(31, 31, glow.INT32_MAX, 127)), ALL_INT8
    ),
    "rescale, product of -2**31": _elementwise(
        "tg_rescale_s8", RescaleParams(256, 127, -128, glow.Requant(0, 0, glow.INT32_MIN, -128)), ALL_INT8
    ),
    "relu": _elementwise("tg_rescale_s8", RescaleParams(256, 5, 5, glow.requantize_params(1.0, 5)), ALL_INT8),
    "every half step": _elementwise("tg_quantize_f32_s8", QuantizeParams(_HALVES.size, 1.0, 0), _HALVES),
    "every half step, odd offset": _elementwise("tg_quantize_f32_s8", QuantizeParams(_HALVES.size, 1.0, 1), _HALVES),
    "smallest scale": _elementwise("tg_quantize_f32_s8", QuantizeParams(_HALVES.size, 2.0**-149, 0), _HALVES),
    "largest scale": _elementwise("tg_dequantize_s8_f32", QuantizeParams(256, 2.0**127, -128), ALL_INT8),
}


@pytest.mark.parametrize("name", CASES)
def test_host_equals_numpy(library: Library, name: str) -> None:
    """C on this machine agrees with numpy."""
    library.run(CASES[name])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if sum(case.outputs.values()) < 1000])
def test_core_equals_numpy(core: Core, name: str) -> None:
    """C on the emulated core agrees with numpy."""
    core.run(CASES[name])


def test_cases_reach_the_limits_they_name() -> None:
    """The sums of the two largest fully connected cases are the limits: one more would be refused."""
    for name, limit in (("sum of exactly 2**31 - 1", glow.INT32_MAX), ("sum of exactly -(2**31 - 1)", -glow.INT32_MAX)):
        case = CASES[name]
        x, weights, bias = (case.inputs[key].astype(np.int64) for key in ("input", "weights", "bias"))
        assert isinstance(case.params, FullyConnectedParams)
        total = int((x * (weights - case.params.weights_offset)).sum() + bias[0])
        assert total == limit
        with pytest.raises(UnsupportedError):
            _dense(_MOST_TERMS, -128, -128, 127, _REST + 1)
