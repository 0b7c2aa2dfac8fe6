"""Stations 4 and 5: the choice of parameters, and int8 graphs that stay close to the float ones."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import tinyglow
from tests.helpers import Net, NetBuilder, conv_net, dense_net, nets
from tinyglow.errors import ModelError, ProfileError
from tinyglow.interp import run_graph, start
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.program import Program
from tinyglow.ir.types import QuantParams
from tinyglow.ir.verify import verify
from tinyglow.quant.profile import Profile, Range
from tinyglow.quant.schema import QUANTIZED_RANGE, Schema, choose_params, specialize_bias
from tinyglow.testing import budget

# Glow takes a range for symmetric if its bounds' sum is below float32's epsilon, whatever their size: none of those.
MAGNITUDES = st.one_of(st.floats(2.0**-20, 2.0**20, width=32), st.floats(2.0**-20, 1.0, width=32))
FLOATS = st.one_of(MAGNITUDES, MAGNITUDES.map(lambda x: -x), st.just(0.0))


@st.composite
def ranges(draw: st.DrawFn) -> tuple[float, float]:
    """Any low <= high, zero inside or not, one point or none of width."""
    low, high = sorted((draw(FLOATS), draw(FLOATS)))
    return low, high


def _represented(params: QuantParams, dtype: str = "int8") -> tuple[float, float]:
    qmin, qmax = QUANTIZED_RANGE[dtype]
    return params.scale * (qmin - params.offset), params.scale * (qmax - params.offset)


# choose_params


@budget(400)
@given(range_=ranges(), schema=st.sampled_from(Schema), dtype=st.sampled_from(["int8", "int32"]))
@example((0.0, 0.0), Schema.ASYMMETRIC, "int8")
@example((-1e6, 1e-5), Schema.SYMMETRIC_WITH_POWER2_SCALE, "int8")
def test_parameters_represent_zero_and_the_range(range_: tuple[float, float], schema: Schema, dtype: str) -> None:
    """Zero is an integer, and no value of the range is more than half a step, for moving it there, outside."""
    params = choose_params(*range_, schema, dtype)
    qmin, qmax = QUANTIZED_RANGE[dtype]
    assert qmin <= params.offset <= qmax
    assert params.scale == float(np.float32(params.scale)) > 0
    low, high = _represented(params, dtype)
    # A float32's own error, on the whole range: scales are float32.
    slack = params.scale * (0.5 + (qmax - qmin) * 2.0**-23)
    assert low <= range_[0] + slack
    assert high >= range_[1] - slack


@budget(200)
@given(range_=ranges(), dtype=st.sampled_from(["int8", "int32"]))
def test_a_range_is_not_wider_than_it_must_be(range_: tuple[float, float], dtype: str) -> None:
    """Asymmetric parameters spread the range, widened to hold zero, over all integers."""
    low, high = min(range_[0], 0.0), max(range_[1], 0.0)
    assume(high - low > 1e-30)
    qmin, qmax = QUANTIZED_RANGE[dtype]
    assert choose_params(*range_, Schema.ASYMMETRIC, dtype).scale == pytest.approx(
        (high - low) / (qmax - qmin), rel=1e-6
    )


@budget(200)
@given(range_=ranges())
def test_symmetric_schemas_have_their_form(range_: tuple[float, float]) -> None:
    """Symmetric: offset 0. Power of two: also such a scale, not twice as large. With uint8: 0..255 if positive."""
    symmetric = choose_params(*range_, Schema.SYMMETRIC)
    power = choose_params(*range_, Schema.SYMMETRIC_WITH_POWER2_SCALE)
    assert symmetric.offset == power.offset == 0
    assert math.frexp(power.scale)[0] == 0.5
    assert symmetric.scale * (1 - 1e-6) <= power.scale < 2 * symmetric.scale * (1 + 1e-6)
    unsigned = choose_params(*range_, Schema.SYMMETRIC_WITH_UINT8)
    assert unsigned == symmetric if range_[0] < 0 else unsigned.offset == -128 or range_[1] == 0


@pytest.mark.parametrize(
    ("low", "high", "scale", "offset"),
    [
        (0.0, 1.0, 0.0039215688593685627, -128),  # 1 / 255: the input of an image network
        (-12.907299041748046875, 8.8445034027099609375, 0.08530118316411972, 23),  # of Glow's recorded MNIST profile
        (2.0, 3.0, 0.0117647061124444, -128),  # widened to 0..3
        (-3.0, -2.0, 0.0117647061124444, 127),
        (0.0, 0.0, 0.10000000149011612, 0),
        (0.0, 1e-8, 3.92156862538684e-11, 0),  # as in Glow, although half of the range is lost
    ],
)
def test_parameters_of_known_ranges(low: float, high: float, scale: float, offset: int) -> None:
    """Some ranges and their asymmetric parameters, worked out by hand or recorded from Glow."""
    assert choose_params(low, high) == QuantParams(scale, offset)


@budget(200)
@given(
    scales=st.tuples(*[st.floats(2.0**-30, 2.0**10, width=32)] * 3),
    offsets=st.tuples(*[st.integers(-128, 127)] * 3),
    dtype=st.sampled_from(["int8", "int32"]),
)
def test_a_bias_takes_the_scale_of_its_sums(
    scales: tuple[float, float, float], offsets: tuple[int, int, int], dtype: str
) -> None:
    """A bias's scale is that of a product of input and weight, or its own where that is coarser; int32 has offset 0."""
    bias, inputs, weights = (QuantParams(scale, offset) for scale, offset in zip(scales, offsets, strict=True))
    params = specialize_bias(bias, inputs, weights, dtype)
    assert params.scale == max(bias.scale, float(np.float32(inputs.scale) * np.float32(weights.scale)))
    assert params.offset == (0 if dtype == "int32" else bias.offset)


# Whole graphs


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For model files; each overwrites the one before."""
    return tmp_path_factory.mktemp("models")


def _graph(net: Net, folder: Path) -> Graph:
    return tinyglow.load(net.save(folder), define=net.define)


def _quantized(net: Net, folder: Path, float_io: bool = False) -> Graph:
    graph = _graph(net, folder)
    return tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(16)), float_io=float_io)


def _kinds(graph: Graph) -> list[str]:
    return [node.op.kind for node in graph.nodes]


def _real(graph: Graph, name: str, data: Array) -> Array:
    """What integers of a value stand for."""
    quant = graph.type_of(name).quant
    return data if quant is None else (quant.scale * (data.astype(np.float64) - quant.offset)).astype(np.float32)


def _steps(graph: Graph, program: Program, inputs: dict[str, Array]) -> Iterator[tuple[str, Array, Array]]:
    """(node, what its op gives for the real values of its integer inputs, the real values of its integer result)."""
    state = start(program, inputs)
    computed: dict[str, Array] = {}
    calls = iter(program.calls)
    call = next(calls, None)
    values = {
        name: _real(graph, name, value.data)[np.newaxis]
        for name, value in graph.values.items()
        if value.data is not None
    }
    for name in graph.inputs:
        data = state.view(program.buffers[name]).copy()
        values[name] = _real(graph, name, data).reshape(-1, *graph.type_of(name).shape)
    for node in graph.nodes:
        (expected,) = node.op.run_float(*(values[name] for name in node.inputs))
        result = node.outputs[0]
        if call is not None and call.origin == node.name:
            state.run(call)
            computed[result] = state.view(program.buffers[call.writes[0]]).copy()
            values[result] = _real(graph, result, computed[result]).reshape(expected.shape)
            call = next(calls, None)
        else:  # a reshape, which is no call
            values[result] = expected
        yield result, expected, values[result]


@budget(80, full=2_000)
@given(net=nets())
def test_every_kernel_is_within_a_step_of_its_operator(folder: Path, net: Net) -> None:
    """In random int8 networks each result is its operator's on the very values it was given, rounded and saturated.

    Up to one step, and half a percent: multipliers of requantization have eight bits or more.
    """
    graph = _quantized(net, folder, float_io=True)
    verify(graph, "test")
    program = tinyglow.lower(graph)
    for name, expected, actual in _steps(graph, program, net.samples(4, seed=9)):
        quant = graph.type_of(name).quant
        if quant is None:
            np.testing.assert_allclose(actual, expected, rtol=1e-6)
            continue
        low, high = _represented(quant)
        saturated = np.clip(expected, low, high)
        error = np.abs(actual - saturated) - 0.005 * np.abs(expected)
        assert error.max(initial=0) <= 1.01 * quant.scale, f"{name}: {error.max() / quant.scale} steps"


def _snr(expected: Array, actual: Array) -> float:
    """Signal to noise in decibels."""
    noise = float(((expected - actual).astype(np.float64) ** 2).mean())
    return 10 * math.log10(float((expected.astype(np.float64) ** 2).mean()) / max(noise, 1e-30))


@pytest.mark.parametrize("seed", range(6))
def test_quantized_networks_stay_close_to_float(seed: int, folder: Path) -> None:
    """A small int8 image network keeps 30 dB between answers and error, on inputs it was not profiled on."""
    build = NetBuilder(seed)
    y = build.node("Relu", build.node("Conv", "x", build.weights(8, 2, 3, 3), build.weights(8), pads=[1, 1, 1, 1]))
    y = build.node("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    y = build.node("Relu", build.node("Conv", y, build.weights(8, 8, 3, 3)))
    y = build.node("Gemm", build.node("Flatten", y), build.weights(32, 10), build.weights(10))
    net = build.build({"x": (1, 2, 8, 8)}, [y])
    graph = _graph(net, folder)
    program = tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(64)), float_io=True))
    inputs = net.samples(64, seed=99)
    (actual,), (expected,) = tinyglow.interpret(program, inputs).values(), run_graph(graph, inputs).values()
    assert _snr(expected.reshape(actual.shape), actual) > 30


# Where a ReLU goes


def test_relu_behind_a_convolution_is_its_output_range(folder: Path) -> None:
    """Conv + ReLU is one convolution whose smallest integer stands for zero."""
    graph = _quantized(conv_net(), folder)
    assert "Relu" not in _kinds(graph) and _kinds(graph).count("Conv2D") == 1
    (conv,) = (node for node in graph.nodes if node.op.kind == "Conv2D")
    quant = graph.type_of(conv.outputs[0]).quant
    assert quant is not None and quant.offset == -128


def test_relu_stays_where_the_convolution_is_used_twice(folder: Path) -> None:
    """If the convolution's own values are an output too, the ReLU is a kernel of its own."""
    build = NetBuilder()
    y = build.node("Conv", "x", build.weights(3, 2, 1, 1), output="y")
    graph = _quantized(build.build({"x": (1, 2, 4, 4)}, [y, build.node("Relu", y, output="z")]), folder)
    assert _kinds(graph).count("Relu") == 1
    (conv,) = (node for node in graph.nodes if node.op.kind == "Conv2D")
    quant = graph.type_of(conv.outputs[0]).quant
    assert quant is not None and quant.offset != -128, "negative values of y must survive"


def test_relu_behind_a_dense_layer_stays_as_in_glow(folder: Path) -> None:
    """Gemm + ReLU are two kernels: Glow does not fuse them, and its integers are those of the sum's own range."""
    build = NetBuilder()
    y = build.node("Relu", build.node("Gemm", "x", build.weights(8, 4), build.weights(4)))
    assert _kinds(_quantized(build.build({"x": (1, 8)}, [y]), folder)) == ["FullyConnected", "Relu"]


def test_a_second_relu_does_nothing(folder: Path) -> None:
    """ReLU(ReLU(x)) is one kernel at most."""
    build = NetBuilder()
    y = build.node("Relu", build.node("Relu", build.node("Conv", "x", build.weights(3, 1, 3, 3))))
    assert "Relu" not in _kinds(_quantized(build.build({"x": (1, 1, 5, 5)}, [y]), folder))


# Where a rescale goes


def test_rescales_behind_pools_go_into_the_next_layer(folder: Path) -> None:
    """A pool keeps its input's parameters; what follows takes them as they are, and no rescale is left."""
    build = NetBuilder()
    y = build.node("Relu", build.node("Conv", "x", build.weights(2, 1, 3, 3)))
    y = build.node("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    y = build.node("Conv", y, build.weights(2, 2, 2, 2))
    graph = _quantized(build.build({"x": (1, 1, 10, 10)}, [y]), folder)
    assert "Rescale" not in _kinds(graph)
    pool = next(node for node in graph.nodes if node.op.kind == "MaxPool")
    assert graph.type_of(pool.inputs[0]).quant == graph.type_of(pool.outputs[0]).quant


def test_a_pool_at_the_end_answers_with_its_inputs_parameters(folder: Path) -> None:
    """With nothing after it that could take a rescale, a dequantization takes it: none is left."""
    build = NetBuilder()
    y = build.node("MaxPool", build.node("Conv", "x", build.weights(1, 1, 3, 3)), kernel_shape=[2, 2])
    assert "Rescale" not in _kinds(_quantized(build.build({"x": (1, 1, 6, 6)}, [y]), folder))


# The border


@pytest.mark.parametrize("make", [conv_net, dense_net])
def test_float_io_keeps_the_integers_inside(make: type, folder: Path) -> None:
    """With float placeholders the network quantizes its input and dequantizes its output, and is the same between."""
    net = make()
    int8, mixed = _quantized(net, folder), _quantized(net, folder, float_io=True)
    assert {int8.type_of(name).dtype for name in int8.inputs} == {"int8"}
    assert {mixed.type_of(name).dtype for name in mixed.inputs} == {"float32"}
    inner = [kind for kind in _kinds(mixed) if kind not in ("Quantize", "Dequantize")]
    assert inner == _kinds(int8)
    inputs = net.samples(8, seed=5)
    integers = tinyglow.interpret(tinyglow.lower(int8), inputs)["y"]
    floats = tinyglow.interpret(tinyglow.lower(mixed), inputs)["y"]
    assert integers.dtype == np.int8 and floats.dtype == np.float32
    np.testing.assert_array_equal(floats, _real(int8, int8.outputs[0].value, integers))


# Profiles that cannot serve


def _with_range(net: Net, folder: Path, name: str, range_: Range) -> None:
    graph = _graph(net, folder)
    good = tinyglow.profile(graph, net.samples(4))
    tinyglow.lower(tinyglow.quantize(graph, Profile({**good.ranges, name: range_})))


def test_ranges_beyond_float32_are_an_error(folder: Path) -> None:
    """Ranges whose products or quotients no float32 holds are refused with the node's name, not computed with."""
    build = NetBuilder()
    y = build.node("Gemm", "x", build.constant(np.full((2, 2), 1e25)), name="gemm", output="y")
    with pytest.raises(ProfileError, match=r"gemm: .* expected ranges of ordinary size"):
        _with_range(build.build({"x": (1, 2)}, [y]), folder, "x:0", Range(-1e25, 1e25))
    build = NetBuilder()
    y = build.node("Gemm", "x", build.weights(2, 2), name="gemm", output="y")
    with pytest.raises(ModelError, match=r"gemm: .* expected ranges of ordinary size"):
        _with_range(build.build({"x": (1, 2)}, [y]), folder, "x:0", Range(0.0, 1e-44))


def test_a_bias_that_sums_cannot_hold_is_an_error(folder: Path) -> None:
    """Weights next to nothing beside their bias are refused: Glow's formula would wrap and the layer be noise."""
    build = NetBuilder()
    y = build.node("Gemm", "x", build.constant(np.full((2, 2), 1e-9)), build.constant([1.0, -2.0]), name="gemm")
    net = build.build({"x": (1, 2)}, [y])
    graph = _graph(net, folder)
    with pytest.raises(ModelError, match=r"gemm: a bias of up to 2 .* too small beside the bias"):
        tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(4))))


@pytest.mark.parametrize("float_io", [False, True])
def test_an_input_takes_the_range_behind_its_transpose(tmp_path: Path, float_io: bool) -> None:
    """Where the two differ, as in a tuned profile: the rescale between them goes before the transpose, as in Glow."""
    net = conv_net()
    graph = tinyglow.load(net.save(tmp_path))
    (layout,) = graph.nodes[0].outputs
    profile = tinyglow.profile(graph, net.samples(4))
    tuned = Profile({**profile.ranges, "x:0": Range(-9.0, 9.0), f"{layout}:0": Range(-2.0, 2.0)})
    quantized = tinyglow.quantize(graph, tuned, float_io=float_io)
    first = next(node for node in quantized.nodes if node.op.kind == "Transpose")
    assert quantized.type_of(first.inputs[0]).quant == choose_params(-2.0, 2.0)
    assert not any(node.op.kind == "Rescale" for node in quantized.nodes)
