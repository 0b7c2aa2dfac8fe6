"""Normalization at a network's inputs: folded where that is exact, float where int8 would lose the features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import Net, NetBuilder
from tinyglow.interp import run_graph
from tinyglow.ir.graph import Array, Graph
from tinyglow.quant.profile import Profile
from tinyglow.quant.quantizer import settle
from tinyglow.quant.scheme import Scheme

_MEAN, _STD = np.array([1013.0, 22.0, 0.05, 45000.0]), np.array([8.0, 5.0, 0.02, 12000.0])
_ARITHMETIC = {"Add", "Sub", "Mul", "Div", "ElementTable"}


def _sensor_samples(count: int, seed: int) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {"x": (_MEAN + _STD * rng.uniform(-2, 2, (count, 1, 4))).astype(np.float32)}


def _dense(build: NetBuilder, y: str, width: int = 4) -> str:
    y = build.node("Relu", build.node("Gemm", y, build.weights(width, 16), build.weights(16)))
    return build.node("Gemm", y, build.weights(16, 3), build.weights(3))


def _scaled(build: NetBuilder, form: str, x: str) -> str:
    mean, std = build.constant(_MEAN), build.constant(_STD)
    if form == "sub div":
        return build.node("Div", build.node("Sub", x, mean), std)
    if form == "mul add":
        y = build.node("Mul", build.constant(1 / _STD), x)
        return build.node("Add", y, build.constant(-_MEAN / _STD))
    if form == "turned":
        return build.node("Mul", build.node("Sub", mean, x), build.constant(-1 / _STD))
    rows = [build.constant(data) for data in (np.ones(4), np.zeros(4), _MEAN, _STD**2)]
    return build.node("BatchNormalization", x, *rows, epsilon=0.0)


def _graph_and_profile(net: Net, samples: dict[str, Array], folder: Path) -> tuple[Graph, Profile]:
    graph = tinyglow.load(net.save(folder))
    return graph, tinyglow.profile(graph, samples)


def _snr(graph: Graph, profile: Profile, scheme: Scheme, inputs: dict[str, Array]) -> float:
    program = tinyglow.lower(tinyglow.quantize(graph, profile, scheme))
    (actual,), (expected,) = tinyglow.interpret(program, inputs).values(), run_graph(graph, inputs).values()
    quant = program.buffers[program.outputs[0]].type.quant
    real = actual if quant is None else (actual.astype(np.float64) - quant.offset) * quant.scale
    noise = ((real.reshape(expected.shape) - expected) ** 2).sum()
    return float(10 * np.log10((expected.astype(np.float64) ** 2).sum() / noise))


@pytest.mark.parametrize("precision", ["int8", "int16"])
@pytest.mark.parametrize("form", ["sub div", "mul add", "turned", "batch norm"])
def test_features_of_mixed_sizes_come_in_as_floats(form: str, precision: str, tmp_path: Path) -> None:
    """One int8 scale for all of them would keep nothing of the small ones: the input and its scaling stay float."""
    build = NetBuilder(7)
    net = build.build({"x": (1, 4)}, [_dense(build, _scaled(build, form, "x"))])
    samples = _sensor_samples(64, 1)
    graph, profile = _graph_and_profile(net, samples, tmp_path)
    scheme = Scheme(precision=precision)
    assert tinyglow.quantize(graph, profile, scheme).type_of("x").dtype == "float32"
    assert _snr(graph, profile, scheme, _sensor_samples(64, 2)) > 30


def test_moves_between_the_input_and_its_scaling_stay_float_too(tmp_path: Path) -> None:
    """The same behind a Transpose and a Reshape."""
    build = NetBuilder(8)
    y = build.node("Transpose", "x", perm=[0, 2, 1])
    y = _scaled(build, "sub div", build.node("Reshape", y, build.constant(np.array([1, 4]))))
    net = build.build({"x": (1, 4, 1)}, [_dense(build, y)])
    samples = {"x": _sensor_samples(64, 1)["x"].reshape(64, 1, 4, 1)}
    graph, profile = _graph_and_profile(net, samples, tmp_path)
    inputs = {"x": _sensor_samples(64, 2)["x"].reshape(64, 1, 4, 1)}
    assert _snr(graph, profile, Scheme(), inputs) > 30


def test_values_far_from_zero_come_in_as_floats(tmp_path: Path) -> None:
    """Temperatures in Kelvin: int8 must hold zero, and has two steps left for what varies."""
    build = NetBuilder(9)
    y = build.node("Div", build.node("Sub", "x", build.constant(np.float32(300))), build.constant(np.float32(5)))
    net = build.build({"x": (1, 4)}, [_dense(build, y)])
    samples = {name: 300 + 5 * data for name, data in net.samples(64).items()}
    graph, profile = _graph_and_profile(net, samples, tmp_path)
    assert _snr(graph, profile, Scheme(), {name: data[::-1] for name, data in samples.items()}) > 28


def _image(build: NetBuilder, pads: int, shift: float, per_channel: bool, group: int = 1) -> Net:
    shape = (3, 1, 1) if per_channel else (1,)
    factors = build.constant(build.rng.uniform(0.015, 0.02, shape))
    y = build.node("Mul", build.node("Sub", "x", build.constant(np.full(shape, shift))), factors)
    filters = build.weights(6, 3 // group, 3, 3)
    return build.build(
        {"x": (1, 3, 8, 7)}, [build.node("Conv", y, filters, build.weights(6), pads=[pads] * 4, group=group)]
    )


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("group", [1, 3])
@pytest.mark.parametrize(("pads", "shift", "folded"), [(0, 120.0, True), (1, 0.0, True), (1, 120.0, False)])
def test_normalized_images_go_into_the_convolution(
    pads: int, shift: float, folded: bool, group: int, per_channel: bool, tmp_path: Path
) -> None:
    """Exactly: a shift does not go into a bias where padding stands for zeros behind it."""
    net = _image(NetBuilder(3), pads, shift, per_channel, group)
    samples = {"x": np.random.default_rng(1).integers(0, 256, (16, 1, 3, 8, 7)).astype(np.float32)}
    graph, profile = _graph_and_profile(net, samples, tmp_path)
    settled, ranges, kept = settle(graph, profile, Scheme())
    kinds = {node.op.kind for node in settled.nodes}
    assert not kept
    assert bool(kinds & _ARITHMETIC) is not folded
    assert {name for node in settled.nodes for name in (*node.inputs, *node.outputs)} <= ranges.keys()
    (actual,), (expected,) = run_graph(settled, samples).values(), run_graph(graph, samples).values()
    np.testing.assert_allclose(actual, expected, atol=1e-4)
    assert _snr(graph, profile, Scheme(), samples) > 30


def test_a_scaled_vector_goes_into_the_dense_layer(tmp_path: Path) -> None:
    """Also behind a Reshape, which stays."""
    build = NetBuilder(4)
    y = build.node("Div", "x", build.constant(build.rng.uniform(200, 260, (2, 6))))
    y = build.node("Add", build.node("Reshape", y, build.constant(np.array([1, 12]))), build.weights(12))
    net = build.build({"x": (1, 2, 6)}, [_dense(build, y, 12)])
    samples = {"x": np.random.default_rng(1).integers(0, 256, (32, 1, 2, 6)).astype(np.float32)}
    graph, profile = _graph_and_profile(net, samples, tmp_path)
    settled, _, kept = settle(graph, profile, Scheme())
    assert not kept and not {node.op.kind for node in settled.nodes} & _ARITHMETIC
    (actual,), (expected,) = run_graph(settled, samples).values(), run_graph(graph, samples).values()
    np.testing.assert_allclose(actual, expected, atol=1e-4)


def _scaled_net() -> tuple[Net, dict[str, Array]]:
    build = NetBuilder(5)
    y = build.node("Mul", "x", build.constant(np.float32(1 / 255)), name="scaling")
    net = build.build({"x": (1, 4)}, [_dense(build, y)])
    return net, {"x": 255 * np.abs(net.samples(16)["x"])}


def test_what_the_user_wants_is_left_alone(tmp_path: Path) -> None:
    """A node that is to stay float is not folded; it is without that wish."""
    graph, profile = _graph_and_profile(*_scaled_net(), tmp_path)
    settled, _, kept = settle(graph, profile, Scheme(float_nodes=frozenset(["scaling"])))
    assert [n.op for n in settled.nodes] == [n.op for n in graph.nodes]
    assert not kept
    assert "Mul" not in {n.op.kind for n in settle(graph, profile, Scheme())[0].nodes}


def test_glow_has_the_chain_as_it_is(tmp_path: Path) -> None:
    """Its graph scales the quantized input."""
    net, samples = _scaled_net()
    graph = tinyglow.load(net.save(tmp_path), like_glow=True)
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, samples), Scheme(like_glow=True))
    (scaling,) = (node for node in quantized.nodes if node.op.kind == "Mul")
    assert quantized.type_of(scaling.outputs[0]).dtype == "int8"
