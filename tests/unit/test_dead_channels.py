"""Channels that are always the same are left out, and the network computes what it did, to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper

from tests.helpers import Net, NetBuilder, nets
from tinyglow.ir.graph import Graph
from tinyglow.lowering.graph_to_program import lower
from tinyglow.lowering.plan import plan
from tinyglow.operators.conv2d import Conv2D
from tinyglow.passes.channel_ranges import channel_ranges
from tinyglow.passes.dead_channels import drop_dead_channels, multiplications
from tinyglow.pipeline import stations
from tinyglow.quant.schema import Schema
from tinyglow.quant.scheme import Scheme
from tinyglow.testing import budget

SCHEMES = [
    Scheme(),
    Scheme(Schema.SYMMETRIC),
    Scheme(channelwise=True),
    Scheme(Schema.SYMMETRIC_WITH_POWER2_SCALE, bias_dtype="int8"),
]


def _quantized(net: Net, folder: Path, scheme: Scheme | None = None) -> Graph:
    graph = stations.load(net.save(folder), define=net.define)
    return stations.quantize(graph, stations.profile(graph, net.samples(8)), scheme)


def _same(before: Graph, after: Graph) -> bool:
    """Whether both compute the same integers, for ordinary, extreme and constant inputs."""
    generator = np.random.default_rng(5)
    inputs = {}
    for name in before.inputs:
        type_ = before.type_of(name)
        samples = [generator.integers(-128, 128, type_.shape) for _ in range(6)]
        samples += [generator.choice([-128, 127], type_.shape), np.full(type_.shape, -128), np.full(type_.shape, 127)]
        inputs[name] = np.stack(samples).astype(type_.dtype)
    results = [stations.interpret(plan(lower(graph)), inputs) for graph in (before, after)]
    return all(results[0][name].tobytes() == results[1][name].tobytes() for name in results[0])


def _silence(net: Net, random: np.random.Generator, share: float) -> Net:
    """The model with a share of each layer's units switched off after a ReLU, and some of their weights zero."""
    proto = onnx.ModelProto()
    proto.CopyFrom(net.proto)
    data = {tensor.name: tensor for tensor in proto.graph.initializer}
    for node in proto.graph.node:
        if node.op_type != "Conv" or len(node.input) < 3 or not {*node.input[1:3]} <= data.keys():
            continue
        weights, bias = (numpy_helper.to_array(data[name]).copy() for name in node.input[1:3])
        off = random.random(len(bias)) < share
        bias[off] = random.choice([-30.0, -3.0, 0.5], off.sum())
        weights[off & (bias > -20)] = 0
        for name, array in zip(node.input[1:3], (weights, bias), strict=True):
            data[name].CopyFrom(numpy_helper.from_array(array, name))
    return Net(proto, net.shapes, net.define)


def mobile_net(seed: int = 0, width: int = 12) -> Net:
    """A stem, and two blocks of 1x1, depthwise 3x3 and 1x1 convolutions with ReLUs; padded, as such networks are."""
    build = NetBuilder(seed)

    def conv(x: str, out_c: int, in_c: int, kernel: int, relu: bool = True, **attributes: object) -> str:
        pads = [kernel // 2] * 4
        filters, bias = build.weights(out_c, in_c, kernel, kernel), build.weights(out_c)
        y = build.node("Conv", x, filters, bias, pads=pads, **attributes)
        return build.node("Relu", y) if relu else y

    x = conv("x", width, 3, 3, strides=[2, 2])
    for _ in range(2):
        x = conv(x, 2 * width, width, 1)
        x = conv(x, 2 * width, 1, 3, group=2 * width)
        x = conv(x, width, 2 * width, 1)
    x = build.node("Flatten", build.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]))
    x = build.node("Gemm", x, build.weights(width * 9, 5), build.weights(5))
    return build.build({"x": (1, 3, 12, 12)}, [x])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_half_a_mobile_network_is_dead(scheme: Scheme, tmp_path: Path) -> None:
    """With half of all units silent, more than half of the multiplications go; the results are the same."""
    graph = _quantized(_silence(mobile_net(), np.random.default_rng(0), 0.5), tmp_path, scheme)
    lean = drop_dead_channels(graph)
    assert _same(graph, lean)
    assert multiplications(lean) < multiplications(graph) / 2
    assert sum(v.data.nbytes for v in lean.values.values() if v.data is not None) < 0.6 * sum(
        v.data.nbytes for v in graph.values.values() if v.data is not None
    )


@budget(quick=40)
@given(net=nets(), seed=st.integers(0, 2**20), scheme=st.sampled_from(SCHEMES))
def test_any_network_computes_the_same(
    net: Net, seed: int, scheme: Scheme, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """With and without the pass, a network gives the same integers."""
    silenced = _silence(net, np.random.default_rng(seed), 0.5)
    graph = _quantized(silenced, tmp_path_factory.mktemp("net"), scheme)
    assert _same(graph, drop_dead_channels(graph))
    assert _same(graph, drop_dead_channels(graph, multiple=4))


def test_channels_stay_that_make_groups_whole(tmp_path: Path) -> None:
    """With a multiple, layers keep dead channels up to it, and drop the rest; there is nothing to drop then."""
    graph = _quantized(_silence(mobile_net(width=16), np.random.default_rng(0), 0.4), tmp_path)
    counts: dict[int, list[int]] = {}
    for multiple in (1, 4):
        lean = drop_dead_channels(graph, multiple)
        assert _same(graph, lean)
        assert drop_dead_channels(lean, multiple) is lean
        counts[multiple] = [
            lean.type_of(node.outputs[0]).shape[-1] for node in lean.nodes if isinstance(node.op, Conv2D)
        ]
    assert any(count % 4 for count in counts[1])
    assert all(count % 4 == 0 for count in counts[4])
    pairs = zip(counts[1], counts[4], strict=True)
    assert all(count <= kept < count + 4 for count, kept in pairs)


@budget(quick=25)
@given(seed=st.integers(0, 2**20), share=st.sampled_from([0.2, 0.5, 0.9, 1.0]), scheme=st.sampled_from(SCHEMES))
def test_mobile_networks_compute_the_same(
    seed: int, share: float, scheme: Scheme, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same for chains of depthwise and 1x1 convolutions, where most is found to be dead."""
    net = _silence(mobile_net(seed, 5), np.random.default_rng(seed), share)
    graph = _quantized(net, tmp_path_factory.mktemp("net"), scheme)
    lean = drop_dead_channels(graph)
    assert _same(graph, lean)
    assert multiplications(lean) <= multiplications(graph)


def test_every_value_lies_in_its_range(tmp_path: Path) -> None:
    """No channel leaves the range that is proven for it, whatever the input."""
    graph = _quantized(_silence(mobile_net(3), np.random.default_rng(3), 0.3), tmp_path)
    ranges = channel_ranges(graph)
    program = plan(lower(graph))
    from tinyglow.interp import start

    shape = graph.type_of(graph.inputs[0]).shape
    state = start(
        program, {graph.inputs[0]: np.random.default_rng(0).integers(-128, 128, (20, *shape)).astype(np.int8)}
    )
    seen = 0
    for call in program.calls:
        state.run(call)
        for name in call.writes:
            if name in ranges:
                values = state.view(program.buffers[name]).reshape(-1, ranges[name].channels)
                assert (values >= ranges[name].low).all() and (values <= ranges[name].high).all()
                seen += 1
    assert seen > 6


def test_a_constant_in_padding_stays(tmp_path: Path) -> None:
    """A channel that is constant, but not 0.0, is kept where a padded convolution reads it: borders differ."""
    for pads, kept in (([1, 1, 1, 1], 3), ([0, 0, 0, 0], 2)):
        build = NetBuilder(1)
        weights, bias = build.rng.standard_normal((3, 2, 1, 1)), np.array([0.1, 0.7, 0.2])
        weights[1] = 0
        x = build.node("Relu", build.node("Conv", "x", build.constant(weights), build.constant(bias)))
        x = build.node("Conv", x, build.weights(2, 3, 3, 3), build.weights(2), pads=pads)
        graph = _quantized(build.build({"x": (1, 2, 5, 5)}, [x]), tmp_path)
        lean = drop_dead_channels(graph)
        first = next(node for node in lean.nodes if isinstance(node.op, Conv2D))
        assert lean.type_of(first.outputs[0]).shape[-1] == kept
        assert _same(graph, lean)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_equal_channels_become_one(scheme: Scheme, tmp_path: Path) -> None:
    """Units with equal weights and biases are computed once, if the sums of the weights that read them are int8."""
    build = NetBuilder(4)
    weights, bias = build.rng.standard_normal((6, 2, 3, 3)), build.rng.standard_normal(6)
    weights[[3, 5]], bias[[3, 5]] = weights[0], bias[0]
    x = build.node("Relu", build.node("Conv", "x", build.constant(weights), build.constant(bias), pads=[1, 1, 1, 1]))
    depthwise = build.rng.standard_normal((6, 1, 3, 3))
    depthwise[[3, 5]] = depthwise[0]
    same = build.rng.standard_normal(6)
    same[3] = same[0]  # channel 5 differs here
    x = build.node("Conv", x, build.constant(depthwise), build.constant(same), group=6, pads=[1, 1, 1, 1])
    readers = build.rng.uniform(-1, 1, (4, 6, 3, 3))
    readers[:, [0, 3]] *= 0.4
    y = build.node("Conv", build.node("Relu", x), build.constant(readers), build.weights(4), pads=[1, 1, 1, 1])
    graph = _quantized(build.build({"x": (1, 2, 7, 6)}, [y]), tmp_path, scheme)
    lean = drop_dead_channels(graph)
    first = next(node for node in lean.nodes if isinstance(node.op, Conv2D))
    assert lean.type_of(first.outputs[0]).shape[-1] == 5
    assert _same(graph, lean)
