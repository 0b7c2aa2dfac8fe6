"""Clip: both of ONNX's forms, and int8 bounds as Glow quantizes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given

from tests.helpers import NetBuilder
from tests.unit.operators.activation_support import assert_computes, int8_program, model_problem, one_node, snr
from tests.unit.operators.checks import check_float
from tinyglow.frontend.onnx import load_onnx
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.elementwise.clip import CLIP, HIGHEST, LOWEST, ClipParams, clip_bounds
from tinyglow.operators.clip import Clip
from tinyglow.testing import Case, budget, cases


@pytest.mark.parametrize("opset", [11, 12, 13, 14])
@pytest.mark.parametrize(
    "bounds", [(), (0.0, 6.0), (-1.5,), (None, 2.5), (-0.5, None), (np.array([0.25]), np.array([[1.0]])), (2.0, -2.0)]
)
def test_bounds_as_inputs_compute_what_onnx_says(
    bounds: tuple[npt.ArrayLike | None, ...], opset: int, tmp_path: Path
) -> None:
    """From operator set 11 on: constant inputs, each of which may be left out, in any order of size."""
    if any(isinstance(bound, np.ndarray) for bound in bounds):
        (node,) = load_onnx(one_node("Clip", (2, 3), *bounds, opset=opset).save(tmp_path)).nodes
        assert node.op == Clip(0.25, 1.0)
        return
    assert_computes(one_node("Clip", (2, 3), *bounds, opset=opset), tmp_path)


@pytest.mark.parametrize("attributes", [{}, {"min": 0.0, "max": 6.0}, {"min": -1.5}, {"max": 2.5}])
@pytest.mark.parametrize("opset", [7, 10])
def test_bounds_as_attributes_compute_what_numpy_says(attributes: dict[str, float], opset: int, tmp_path: Path) -> None:
    """Up to operator set 10: attributes, missing ones being the limits of float32."""
    (node,) = load_onnx(one_node("Clip", (2, 3), opset=opset, **attributes).save(tmp_path)).nodes
    assert node.op == Clip(attributes.get("min", LOWEST), attributes.get("max", HIGHEST))
    x = np.linspace(-9, 9, 24, dtype=np.float32).reshape(4, 2, 3)
    expected = np.clip(x, attributes.get("min", -np.inf), attributes.get("max", np.inf))
    np.testing.assert_array_equal(node.op.run_float(x)[0], expected.astype(np.float32))


@pytest.mark.parametrize("bounds", [(0.0, 6.0), (-0.7, 0.9), (0.1, None), (None, 0.3)])
def test_int8_clip_is_close_to_float(bounds: tuple[float | None, ...], tmp_path: Path) -> None:
    """int8 results are within the error of rounding to 8 bits, missing bounds included."""
    net = one_node("Clip", (1, 40), *bounds)
    assert snr(net, net.samples(8)["x"], tmp_path) > 28


@pytest.mark.parametrize("bounds", [(-2.0, -0.1), (3.0, 5.0), (0.5, 0.5)])
def test_bounds_that_the_input_does_not_reach_are_kept(bounds: tuple[float, float], tmp_path: Path) -> None:
    """After a sigmoid, whose int8 values are 0 to 1: the nearer bound, not the end of those."""
    build = NetBuilder()
    y = build.node("Clip", build.node("Sigmoid", "x"), *(build.constant(np.float32(bound)) for bound in bounds))
    net = build.build({"x": (1, 40)}, [y])
    assert snr(net, net.samples(8)["x"], tmp_path) > 40


@pytest.mark.parametrize(
    ("low", "high", "params", "expected"),
    [
        (0.0, 6.0, QuantParams(0.0625, -28), (-28, 68)),
        (0.0, 6.0, QuantParams(float(np.float32(6 / 255)), -128), (-128, 127)),
        (-1.0, 1.0, QuantParams(2.0**-9, 0), (-128, 127)),
        (0.25, 0.75, QuantParams(0.5, 0), (0, 2)),  # ties to even
        (LOWEST, HIGHEST, QuantParams(2.0**-10, 5), (-128, 127)),
        (LOWEST, HIGHEST, QuantParams(2.0**10, 5), (-128, 127)),
    ],
)
def test_bounds_are_quantized_and_saturated(
    low: float, high: float, params: QuantParams, expected: tuple[int, int]
) -> None:
    """As any other value; an absent bound is that of int8, even where it overflows float32 on the way."""
    assert clip_bounds(low, high, params) == expected


@budget(60)
@given(case=cases(CLIP))
def test_the_int8_clip_is_that_of_libjit(case: Case) -> None:
    """Element by element with plain integers."""
    p, out = case.params, []
    assert isinstance(p, ClipParams)
    for x in case.inputs["input"].tolist():
        value = (min(max(x, p.low), p.high) - p.in_offset) >> p.out.pre
        scaled = _int32(value * p.out.multiplier + ((1 << p.out.post) >> 1)) >> p.out.post
        out.append(min(max(_int32(scaled + p.out.offset), -128), 127))
    assert case.expected()["output"].tolist() == out


def _int32(x: int) -> int:
    return (x + 2**31) % 2**32 - 2**31


def test_bounds_are_in_the_inputs_parameters(tmp_path: Path) -> None:
    """Glow brings the input's integers between the bounds before it rescales them."""
    net = one_node("Clip", (1, 40), -0.7, 0.9)
    x = net.samples(8)["x"]
    (call,) = [call for call in int8_program(net, x, tmp_path).calls if call.kernel is CLIP]
    assert isinstance(call.params, ClipParams)
    scale = (float(x.max()) - float(x.min())) / 255
    assert call.params.low == round(-0.7 / scale) + call.params.in_offset
    assert call.params.high == round(0.9 / scale) + call.params.in_offset


def test_bounds_may_be_computed(tmp_path: Path) -> None:
    """Bounds that other nodes compute, in any order of size, are those that onnx takes."""
    build = NetBuilder()
    build.node("Clip", "x", build.node("Neg", "b"), build.node("Relu", "b"), output="y")
    check_float(build.build({"x": (1, 30), "b": ()}, ["y"]), tmp_path, 8)


def test_bounds_of_several_elements_are_refused(tmp_path: Path) -> None:
    """A bound is a single number, constant or not."""
    net = one_node("Clip", (1, 3), None, np.ones(3))
    assert "a bound max of shape [3]; expected a single number" in model_problem(net, tmp_path)
    build = NetBuilder()
    build.node("Clip", "x", build.node("Relu", "b"), output="y")
    assert "a bound min" in model_problem(build.build({"x": (1, 3), "b": (3,)}, ["y"]), tmp_path)
