"""LeakyRelu: float as ONNX defines it, int8 with one requantization for each side of zero."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from tests.unit.operators.activation_support import assert_computes, int8_program, one_node, snr
from tinyglow.kernels.elementwise.leaky_relu import LEAKY_RELU, LeakyReluParams, slope_requant
from tinyglow.numerics import glow
from tinyglow.testing import Case, budget, cases

ALPHAS = [0.01, 0.25, 0.0, -0.5, 1.0, 1.75]


@pytest.mark.parametrize("opset", [11, 14, 16])
@pytest.mark.parametrize("alpha", [None, *ALPHAS])
def test_leaky_relu_computes_what_onnx_says(alpha: float | None, opset: int, tmp_path: Path) -> None:
    """Any slope, or ONNX's default."""
    attributes = {} if alpha is None else {"alpha": alpha}
    assert_computes(one_node("LeakyRelu", (2, 3, 4), opset=opset, **attributes), tmp_path)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_int8_leaky_relu_is_close_to_float(alpha: float, tmp_path: Path) -> None:
    """int8 results are within the error of rounding to 8 bits; slopes of 0 and below included."""
    net = one_node("LeakyRelu", (1, 40), alpha=alpha)
    assert snr(net, net.samples(8)["x"], tmp_path) > 30


def test_the_slope_is_multiplied_before_the_scales_are_divided(tmp_path: Path) -> None:
    """input scale * alpha / output scale in float32, in this order."""
    net = one_node("LeakyRelu", (1, 40), alpha=0.3)
    x = net.samples(8)["x"]
    (call,) = [call for call in int8_program(net, x, tmp_path).calls if call.kernel is LEAKY_RELU]
    assert isinstance(call.params, LeakyReluParams)
    low, high = min(float(x.min()), 0.0), float(x.max())
    source = np.float32((high - low) / 255)
    result = np.float32((high - float(np.float32(low) * np.float32(0.3))) / 255)
    offset = call.params.negative.offset
    assert call.params.positive == glow.requantize_params(float(source / result), offset)
    assert call.params.negative == glow.requantize_params(float(source * np.float32(0.3) / result), offset)


@pytest.mark.parametrize("slope", [0.125, 0.3, 2.5])
def test_a_negative_slope_mirrors_the_positive_one(slope: float) -> None:
    """The constants differ in the multiplier's sign alone."""
    up, down = slope_requant(glow.float32(slope), 7), slope_requant(-glow.float32(slope), 7)
    assert up == glow.requantize_params(glow.float32(slope), 7)
    assert (down.pre, down.post, down.multiplier, down.offset) == (up.pre, up.post, -up.multiplier, 7)


def test_a_slope_of_zero_is_a_relu() -> None:
    """Every value becomes the offset."""
    values = np.array([-255, -1, 0], np.int32)
    assert glow.requantize(values, slope_requant(0.0, -9)).tolist() == [-9] * 3


@budget(60)
@given(case=cases(LEAKY_RELU))
def test_the_int8_leaky_relu_is_that_of_libjit(case: Case) -> None:
    """Element by element: the offset itself counts as positive."""
    p, out = case.params, []
    assert isinstance(p, LeakyReluParams)
    for x in case.inputs["input"].tolist():
        constants = p.positive if x >= p.in_offset else p.negative
        scaled = glow.requantize(np.array([x - p.in_offset], np.int32), constants)
        out.append(min(max(int(scaled[0]), -128), 127))
    assert case.expected()["output"].tolist() == out
