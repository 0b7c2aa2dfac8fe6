"""PRelu: float as ONNX defines it, int8 as the product and the selection that Glow makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from tests.helpers import NetBuilder
from tests.unit.operators.activation_support import (
    assert_computes,
    int8_program,
    kernels_of,
    model_problem,
    one_node,
    snr,
)
from tinyglow.frontend.onnx import load_onnx
from tinyglow.interp import run_graph
from tinyglow.kernels.elementwise.prelu import PRELU, PReluParams
from tinyglow.numerics import glow
from tinyglow.pipeline import stations
from tinyglow.testing import Case, budget, cases

SLOPES = [
    ((2, 3, 4, 5), (3, 1, 1)),
    ((2, 3, 4, 5), (1,)),
    ((2, 3, 4, 5), ()),
    ((2, 3, 4, 5), (5,)),
    ((2, 3, 4, 5), (3, 4, 5)),
    ((2, 3, 4, 5), (2, 3, 4, 5)),
    ((1, 7), (7,)),
    ((1, 7), (1, 7)),
    ((6,), (6,)),
]


def _slopes(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(3).uniform(-0.3, 0.9, shape)


@pytest.mark.parametrize("opset", [9, 11, 16])
@pytest.mark.parametrize(("shape", "slopes"), SLOPES)
def test_prelu_computes_what_onnx_says(
    shape: tuple[int, ...], slopes: tuple[int, ...], opset: int, tmp_path: Path
) -> None:
    """One slope for each channel, for each element, or one for all."""
    assert_computes(one_node("PRelu", shape, _slopes(slopes), opset=opset), tmp_path)


def test_slopes_may_be_computed(tmp_path: Path) -> None:
    """Slopes that are no constant are as good."""
    build = NetBuilder()
    build.node("PRelu", "x", build.node("Sigmoid", "s"), output="y")
    net = build.build({"x": (1, 3, 4), "s": (1, 3, 4)}, ["y"])
    inputs = net.samples(3)
    graph = stations.load(net.save(tmp_path))
    program = stations.lower(stations.quantize(graph, stations.profile(graph, inputs), float_io=True))
    (actual,), (expected,) = stations.interpret(program, inputs).values(), net.reference(inputs).values()
    assert np.abs(actual - expected.reshape(actual.shape)).max() < 0.06


@pytest.mark.parametrize(("shape", "slopes"), [((1, 6, 4, 5), (6, 1, 1)), ((1, 40), ()), ((1, 40), (40,))])
def test_int8_prelu_is_close_to_float(shape: tuple[int, ...], slopes: tuple[int, ...], tmp_path: Path) -> None:
    """int8 results are within the error of rounding to 8 bits."""
    net = one_node("PRelu", shape, _slopes(slopes))
    assert snr(net, net.samples(8)["x"], tmp_path) > 30


@budget(60)
@given(case=cases(PRELU))
def test_the_int8_prelu_is_that_of_libjit(case: Case) -> None:
    """Element by element: the comparison with zero is one with the offset; either side has its own constants."""
    p, out = case.params, []
    assert isinstance(p, PReluParams)
    for x, product in zip(case.inputs["input"].tolist(), case.inputs["product"].tolist(), strict=True):
        value, constants = (
            (x - p.in_offset, p.positive) if x >= p.in_offset else (product - p.product_offset, p.negative)
        )
        out.append(min(max(int(glow.requantize(np.array([value], np.int32), constants)[0]), -128), 127))
    assert case.expected()["output"].tolist() == out


def test_two_kernels_do_it(tmp_path: Path) -> None:
    """The product, and the selection."""
    net = one_node("PRelu", (1, 6, 4, 5), _slopes((6, 1, 1)))
    kernels = kernels_of(int8_program(net, net.samples(4)["x"], tmp_path))
    assert [name for name in kernels if "quantize" not in name] == ["tg_mul_s8", "tg_prelu_s8"]


def test_nodes_are_named_as_glow_names_them(tmp_path: Path) -> None:
    """Glow's Broadcast takes the node's name; the lowered parts are named after the operator, the next one."""
    graph = load_onnx(one_node("PRelu", (1, 3, 4, 5), _slopes((3, 1, 1))).save(tmp_path))
    assert [(node.name, node.op.kind_in_glow) for node in graph.nodes] == [
        ("node__1_mul", "Mul"),
        ("node__1_select", "Select"),
    ]
    assert graph.nodes[0].inputs[0] == "node_tile3__1_constfold"
    assert graph.type_of(graph.nodes[0].inputs[0]).shape == (1, 3, 1, 1)


def test_transposes_sink_below_prelu(tmp_path: Path) -> None:
    """Between two pools, a PRelu with a slope for each channel leaves no transpose."""
    build = NetBuilder()
    x = build.node("PRelu", build.node("MaxPool", "x", kernel_shape=[2, 2]), build.constant(_slopes((3, 1, 1))))
    net = build.build({"x": (1, 3, 8, 8)}, [build.node("MaxPool", x, kernel_shape=[2, 2])])
    graph = stations.load(net.save(tmp_path))
    kinds = [node.op.kind for node in graph.nodes]
    assert kinds == ["Transpose", "MaxPool", "Mul", "PRelu", "MaxPool", "Transpose"]
    inputs = net.samples(2)
    (actual,), (expected,) = run_graph(graph, inputs).values(), net.reference(inputs).values()
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def test_slopes_that_do_not_broadcast_to_the_input_are_refused(tmp_path: Path) -> None:
    """The result would have more elements than the input, which ONNX does not allow."""
    net = one_node("PRelu", (1, 3), np.ones((2, 1)))
    assert "slopes of shape [2, 1]; expected a shape that broadcasts to [1, 3]" in model_problem(net, tmp_path)
