"""Graph rules: normalizations, pads, arithmetic and bounds around convolutions, 1-D images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import NetBuilder
from tinyglow.interp import run_graph
from tinyglow.ir.graph import Graph
from tinyglow.operators.reshape import Reshape
from tinyglow.quant.profile import Profile
from tinyglow.quant.scheme import Scheme

Builder = Callable[[NetBuilder], str]


def _batch_norm(build: NetBuilder, x: str, channels: int) -> str:
    rng = build.rng
    statistics = [build.weights(channels) for _ in range(3)]
    variance = build.constant(rng.uniform(0.5, 2, channels).astype(np.float32))
    return build.node("BatchNormalization", x, *statistics, variance, epsilon=1e-3)


def _conv(build: NetBuilder, x: str, channels: int, out: int, kernel: int = 3) -> str:
    return build.node("Conv", x, build.weights(out, channels, kernel, kernel), pads=[kernel // 2] * 4)


def conv_then_norm(build: NetBuilder) -> str:
    """A normalization after a convolution and a ReLU."""
    return build.node("Relu", _batch_norm(build, _conv(build, "x", 3, 4), 4))


def norm_alone(build: NetBuilder) -> str:
    """A normalization of an image that no convolution made."""
    return _conv(build, _batch_norm(build, build.node("MaxPool", "x", kernel_shape=[2, 2]), 3), 3, 2)


def norm_behind_dense(build: NetBuilder) -> str:
    """A normalization after a fully connected layer."""
    flat = build.node("Flatten", "x")
    return _batch_norm(build, build.node("Gemm", flat, build.weights(5, 3 * 6 * 6), build.weights(5), transB=1), 5)


def norm_behind_product(build: NetBuilder) -> str:
    """A normalization after a product of matrices without a bias."""
    return _batch_norm(build, build.node("MatMul", build.node("Flatten", "x"), build.weights(3 * 6 * 6, 5)), 5)


def pad_then_conv(build: NetBuilder) -> str:
    """A pad of zeros in front of a convolution, as TensorFlow exports it."""
    amounts = build.constant(np.array([0, 0, 1, 0, 0, 0, 2, 1]))
    return build.node("Conv", build.node("Pad", "x", amounts), build.weights(2, 3, 3, 3), strides=[2, 2])


def arithmetic_behind_conv(build: NetBuilder) -> str:
    """((conv + a) * b - c) / d, with constants for each channel."""
    y = _conv(build, "x", 3, 4)
    for op in ("Add", "Mul", "Sub", "Div"):
        constant = build.constant(build.rng.uniform(0.5, 2, (1, 4, 1, 1)).astype(np.float32))
        y = build.node(op, y, constant)
    return y


def constant_minus_conv(build: NetBuilder) -> str:
    """c - conv(x): the sign of all filters turns."""
    constant = build.constant(build.rng.uniform(0.5, 2, (1, 4, 1, 1)).astype(np.float32))
    return build.node("Sub", constant, _conv(build, "x", 3, 4))


def clip_of_clip(build: NetBuilder) -> str:
    """Bounds of bounds of a ReLU."""
    y = build.node("Relu", _conv(build, "x", 3, 4))
    for low, high in ((-1.0, 2.0), (0.25, 3.0)):
        bounds = [build.constant(np.array(bound, np.float32)) for bound in (low, high)]
        y = build.node("Clip", y, *bounds)
    return y


def bounds_that_do_not_meet(build: NetBuilder) -> str:
    """Of bounds below zero after a ReLU one number is left, and of a ReLU after them another."""
    y = build.node("Relu", _conv(build, "x", 3, 4))
    for low, high in ((-2.0, -0.5), (0.0, 3.0)):
        bounds = [build.constant(np.array(bound, np.float32)) for bound in (low, high)]
        y = build.node("Clip", y, *bounds)
    return y


def norm_behind_one_dimension(build: NetBuilder) -> str:
    """A normalization after a convolution of a sequence, which is an image of height 1 inside."""
    y = build.node("Reshape", "x", build.constant([1, 3, 36]))
    y = build.node("Conv", y, build.weights(4, 3, 3), build.weights(4))
    return build.node("Relu", _batch_norm(build, y, 4))


def relus_into_concat(build: NetBuilder) -> str:
    """Two branches, each with its ReLU, side by side."""
    branches = [build.node("Relu", _conv(build, "x", 3, out)) for out in (2, 4)]
    return build.node("Concat", *branches, axis=1)


def concat_of_concat(build: NetBuilder) -> str:
    """Branches joined two by two, and the whole joined with nothing."""
    branches = [_conv(build, "x", 3, out) for out in (1, 2, 3)]
    joined = build.node("Concat", build.node("Concat", *branches[:2], axis=1), branches[2], axis=1)
    return build.node("Concat", joined, axis=1)


def nothing_moved(build: NetBuilder) -> str:
    """Pads of 0, a slice of everything, windows of 1 x 1."""
    y = build.node("Pad", _conv(build, "x", 3, 4), build.constant(np.zeros(8, np.int64)))
    y = build.node("Slice", y, *(build.constant(np.array(at)) for at in ([0], [4], [1])))
    return build.node("MaxPool", build.node("AveragePool", y, kernel_shape=[1, 1]), kernel_shape=[1, 1])


def mirrored(build: NetBuilder) -> str:
    """A slice of everything backwards: the same shape, other places."""
    return build.node("Slice", "x", *(build.constant(np.array(at)) for at in ([-1], [-100], [3], [-1])))


def slices_beside_repeats(build: NetBuilder) -> str:
    """A value joined twice, in front of slices that make one again."""
    relu = build.node("Relu", "x")
    slices = [
        build.node("Slice", "x", *(build.constant(np.array(at)) for at in ([begin], [begin + 1], [1])))
        for begin in range(2)
    ]
    return build.node("Concat", relu, relu, *slices, axis=1)


CASES = {
    slices_beside_repeats: ["Relu", "Slice", "Slice", "Concat"],
    concat_of_concat: ["Transpose", "Conv2D", "Conv2D", "Conv2D", "Concat", "Transpose"],
    nothing_moved: ["Transpose", "Conv2D", "Transpose"],
    mirrored: ["Slice"],
    conv_then_norm: ["Transpose", "Conv2D", "Relu", "Transpose"],
    norm_alone: ["Transpose", "MaxPool", "Conv2D", "Conv2D", "Transpose"],
    norm_behind_dense: ["Reshape", "FullyConnected"],
    norm_behind_product: ["Reshape", "FullyConnected"],
    pad_then_conv: ["Transpose", "Conv2D", "Transpose"],
    arithmetic_behind_conv: ["Transpose", "Conv2D", "Transpose"],
    constant_minus_conv: ["Transpose", "Conv2D", "Transpose"],
    bounds_that_do_not_meet: ["Transpose", "Conv2D", "Clip", "Transpose"],
    norm_behind_one_dimension: ["Reshape", "Transpose", "Conv2D", "Relu", "Reshape", "Transpose"],
    clip_of_clip: ["Transpose", "Conv2D", "Clip", "Transpose"],
    relus_into_concat: ["Transpose", "Conv2D", "Conv2D", "Concat", "Relu", "Transpose"],
}


def _load(make: Builder, folder: Path, like_glow: bool) -> tuple[Graph, dict[str, np.ndarray], dict[str, np.ndarray]]:
    build = NetBuilder(seed=3)
    net = build.build({"x": (1, 3, 6, 6)}, [make(build)])
    inputs = net.samples(3)
    return tinyglow.load(net.save(folder), like_glow=like_glow), inputs, net.reference(inputs)


@pytest.mark.parametrize("like_glow", [False, True], ids=["tiny", "glow"])
@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_rule_changes_no_result(make: Builder, like_glow: bool, tmp_path: Path) -> None:
    """The graph computes what onnx's reference does, in both forms."""
    graph, inputs, expected = _load(make, tmp_path, like_glow)
    if graph.deviations:
        assert make is bounds_that_do_not_meet
        return
    for name, array in run_graph(graph, inputs).items():
        np.testing.assert_allclose(array, expected[graph.source_names[name]], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_rule_leaves_the_fewest_operators(make: Builder, tmp_path: Path) -> None:
    """What can be folded is folded."""
    graph, _, _ = _load(make, tmp_path, like_glow=False)
    assert [node.op.kind for node in graph.nodes] == CASES[make]


def test_glow_spells_a_normalization_out(tmp_path: Path) -> None:
    """After a fully connected layer Glow computes subtraction, root, division, product and sum."""
    graph = _int8(norm_behind_dense, tmp_path, like_glow=True)
    kinds = [node.op.kind for node in graph.nodes]
    assert kinds == ["Reshape", "FullyConnected", "Sub", "Quantize", "Div", "Reshape", "Mul", "Add"]


def test_one_dimensional_convolution_is_one_of_height_one(tmp_path: Path) -> None:
    """Conv over [n, c, width], with stride, dilation and unequal padding."""
    build = NetBuilder()
    filters, bias = build.weights(4, 3, 3), build.weights(4)
    y = build.node("Conv", "x", filters, bias, strides=[2], dilations=[2], pads=[1, 2])
    net = build.build({"x": (1, 3, 11)}, [y])
    inputs = net.samples(2)
    graph = tinyglow.load(net.save(tmp_path))
    for name, array in run_graph(graph, inputs).items():
        np.testing.assert_allclose(array, net.reference(inputs)[graph.source_names[name]], rtol=1e-4, atol=1e-5)


def _int8(make: Builder, folder: Path, like_glow: bool) -> Graph:
    graph, inputs, _ = _load(make, folder, like_glow)
    return tinyglow.quantize(graph, tinyglow.profile(graph, inputs), Scheme(like_glow=like_glow))


@pytest.mark.parametrize(("like_glow", "expected"), [(True, "float32"), (False, "int8")])
def test_a_maximum_over_dimensions_is_float_in_glow(like_glow: bool, expected: str, tmp_path: Path) -> None:
    """Glow has no int8 kernel for ReduceMax; here int8 is exact, and the default."""

    def largest(build: NetBuilder) -> str:
        return build.node("ReduceMax", _conv(build, "x", 3, 4), axes=[2, 3], keepdims=0)

    graph = _int8(largest, tmp_path, like_glow)
    (node,) = [node for node in graph.nodes if node.op.kind == "ReduceMax"]
    assert graph.type_of(node.inputs[0]).dtype == expected


@pytest.mark.parametrize(
    ("op_type", "attributes", "expected"),
    [
        ("MaxPool", {"kernel_shape": [2, 2]}, ["MaxPool", "MaxPool"]),  # and into the Dequantize
        ("Resize", {"mode": "nearest"}, ["MaxPool", "Rescale", "ResizeNearest"]),
    ],
)
def test_a_rescale_sinks_where_glow_lets_it(
    op_type: str, attributes: dict[str, object], expected: list[str], tmp_path: Path
) -> None:
    """Below a MaxPool, not below a Resize."""

    def pool_then_other(build: NetBuilder) -> str:
        sizes = [] if op_type == "MaxPool" else ["", build.constant(np.array([1, 1, 2, 2], np.float32))]
        y = build.node("MaxPool", "x", kernel_shape=[2, 2])
        return build.node(op_type, y, *sizes, **attributes)

    kinds = [node.op.kind for node in _int8(pool_then_other, tmp_path, like_glow=True).nodes]
    assert [kind for kind in kinds if kind in ("MaxPool", "Rescale", "ResizeNearest")] == expected


@pytest.mark.parametrize("like_glow", [False, True])
def test_a_rescale_passes_a_reshape_downwards_only_in_glow(like_glow: bool, tmp_path: Path) -> None:
    """Of an input and its Reshape, tuned to half the range: a MaxPool behind has the input's scale in Glow's graph."""
    build = NetBuilder()
    y = build.node("MaxPool", "x", kernel_shape=[2, 2], strides=[2, 2])
    net = build.build({"x": (1, 1, 8, 8)}, [_conv(build, y, 1, 4)])
    graph = tinyglow.load(net.save(tmp_path), like_glow=like_glow)
    reshaped = next(node.outputs[0] for node in graph.nodes if isinstance(node.op, Reshape))
    inputs = {"x": np.random.default_rng(0).uniform(0, 1, (8, 1, 8, 8)).astype(np.float32)}
    ranges = dict(tinyglow.profile(graph, inputs).ranges)
    whole = ranges["x:0"]
    ranges[f"{reshaped}:0"] = replace(ranges[f"{reshaped}:0"], high=whole.high / 2)
    quantized = tinyglow.quantize(graph, Profile(ranges), Scheme(like_glow=like_glow))
    pooled = next(node.outputs[0] for node in quantized.nodes if node.op.kind == "MaxPool")
    quant = quantized.type_of(pooled).quant
    assert quant is not None
    assert quant.scale * 255 == pytest.approx(whole.high if like_glow else whole.high / 2, rel=1e-2)
