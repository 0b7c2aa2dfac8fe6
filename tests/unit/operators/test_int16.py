"""Operators in int16 networks: which kernels they get, how close they come to float, and what stays float."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import Net, NetBuilder
from tests.unit.operators.checks import kernels, loaded
from tinyglow.errors import InputError
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.program import Program
from tinyglow.ir.types import ChannelParams, TensorType
from tinyglow.kernels.int16 import layer_constants, packed_bias, sum_bounds, unpacked_bias
from tinyglow.numerics import wide
from tinyglow.pipeline import stations
from tinyglow.quant.schema import INT16_HEADROOM, Schema
from tinyglow.quant.scheme import Scheme
from tinyglow.targets.boards import load_board

INT16 = Scheme(precision="int16")
Build = Callable[[NetBuilder], Net]


def _quantized(net: Net, folder: Path, scheme: Scheme = INT16) -> Graph:
    graph = loaded(net, folder)
    return stations.quantize(graph, stations.profile(graph, net.samples(64)), scheme)


def _program(net: Net, folder: Path) -> Program:
    return stations.lower(_quantized(net, folder))


def _real(program: Program, name: str, data: Array) -> Array:
    quant = program.buffers[name].type.quant
    return data.astype(np.float64) * (quant.scale if quant is not None else 1.0)


def _snr(net: Net, program: Program) -> float:
    """Signal to noise of the outputs, in dB."""
    inputs = net.samples(64)
    results = stations.interpret(program, inputs)
    expected = np.concatenate([array.ravel() for array in net.reference(inputs).values()]).astype(np.float64)
    noise = np.concatenate([_real(program, name, array).ravel() for name, array in results.items()]) - expected
    return float(10 * np.log10((expected**2).sum() / max((noise**2).sum(), 1e-300)))


def _grid(build: NetBuilder, *shape: int, units: int = 0) -> str:
    """Weights that int8 holds exactly: whole numbers of up to 127 steps along each unit (dimension ``units``)."""
    steps = np.moveaxis(build.rng.integers(-126, 127, shape), units, 0).reshape(shape[units], -1)
    steps[:, 0] = 127
    rest = [size for axis, size in enumerate(shape) if axis != units]
    return build.constant(np.moveaxis(steps.reshape(shape[units], *rest), 0, units) / 512.0)


def _one(
    op: str, shape: tuple[int, ...] = (1, 3, 6, 5), *constants: object, opset: int = 14, **attributes: object
) -> Build:
    def build(builder: NetBuilder) -> Net:
        names = [builder.constant(data) for data in constants]
        builder.node(op, "x", *names, output="y", **attributes)
        return builder.build({"x": shape}, ["y"], opset=opset)

    return build


def _scaled(op: str, factor: float) -> Build:
    def build(builder: NetBuilder) -> Net:
        builder.node(op, builder.node("Mul", "x", builder.constant(factor)), output="y")
        return builder.build({"x": (1, 3, 6, 5)}, ["y"])

    return build


def _exp_log(builder: NetBuilder) -> Net:
    builder.node("Log", builder.node("Exp", "x"), output="y")
    return builder.build({"x": (1, 3, 6, 5)}, ["y"])


def _two(op: str, other: tuple[int, ...], constant: bool = False) -> Build:
    def build(builder: NetBuilder) -> Net:
        second = builder.constant(builder.rng.standard_normal(other)) if constant else "other"
        builder.node(op, "x", second, output="y")
        return builder.build({"x": (1, 3, 4, 5)} | ({} if constant else {"other": other}), ["y"])

    return build


def _conv(shape: tuple[int, ...], filters: tuple[int, ...], after: str = "", **attributes: object) -> Build:
    def build(builder: NetBuilder) -> Net:
        bias = builder.constant(builder.rng.standard_normal(filters[0]))
        y = builder.node("Conv", "x", _grid(builder, *filters), bias, output="" if after else "y", **attributes)
        if after == "Clip":
            builder.node("Clip", y, builder.constant(-0.5), builder.constant(0.75), output="y")
        elif after:
            builder.node(after, y, output="y", **({"alpha": 0.125} if after == "LeakyRelu" else {}))
        return builder.build({"x": shape}, ["y"])

    return build


def _dense(depth: int, bias: float = 1.0) -> Build:
    def build(builder: NetBuilder) -> Net:
        terms = builder.constant(builder.rng.standard_normal(7) * bias)
        builder.node("Gemm", "x", _grid(builder, depth, 7, units=1), terms, output="y")
        return builder.build({"x": (2, depth)}, ["y"])

    return build


def _product(builder: NetBuilder) -> Net:
    builder.node("MatMul", "x", _grid(builder, 6, 4, units=1), output="y")
    return builder.build({"x": (5, 6)}, ["y"])


def _attention(builder: NetBuilder) -> Net:
    builder.node("MatMul", "x", "other", output="y")
    return builder.build({"x": (2, 4, 6), "other": (2, 6, 3)}, ["y"])


def _concat(builder: NetBuilder) -> Net:
    other = builder.node("Mul", "x", builder.constant(3.0))
    builder.node("Concat", "x", other, axis=1, output="y")
    return builder.build({"x": (1, 3, 4, 5)}, ["y"])


# What a network is, and the kernel it must use.
WITH_KERNEL: dict[str, tuple[Build, str]] = {
    "convolution": (_conv((1, 4, 7, 6), (5, 4, 3, 3), pads=[1, 0, 1, 2], strides=[2, 1]), "conv2d"),
    "grouped": (_conv((1, 6, 7, 6), (4, 3, 3, 2), group=2), "conv2d"),
    "depthwise": (_conv((1, 4, 7, 6), (8, 1, 3, 3), group=4, pads=[1, 1, 1, 1]), "conv2d"),
    "dilated": (_conv((1, 3, 9, 8), (4, 3, 3, 2), dilations=[2, 3], pads=[2, 1, 2, 1]), "conv2d"),
    "1-D": (_conv((1, 3, 12), (4, 3, 5)), "conv2d"),
    "convolution, Relu": (_conv((1, 4, 7, 6), (5, 4, 3, 3), "Relu"), "conv2d"),
    "convolution, Clip": (_conv((1, 4, 7, 6), (5, 4, 3, 3), "Clip"), "conv2d"),
    "convolution, LeakyRelu": (_conv((1, 4, 7, 6), (5, 4, 3, 3), "LeakyRelu"), "conv2d"),
    "convolution, MaxPool": (_conv((1, 4, 8, 6), (5, 4, 3, 3), "Relu"), "conv2d"),
    "fully connected": (_dense(30), "fully_connected"),
    "fully connected, wide": (_dense(1500), "fully_connected_wide"),
    "product with a constant": (_product, "fully_connected"),
    "products of tensors": (_attention, "matmul"),
    "Relu": (_one("Relu"), "rescale"),
    "LeakyRelu": (_one("LeakyRelu", alpha=0.2), "rescale"),
    "Clip": (_one("Clip", (1, 3, 6, 5), -0.25, 1.5), "rescale"),
    "Concat": (_concat, "mul"),
    "MaxPool": (_one("MaxPool", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 1, 1, 0]), "max_pool"),
    "GlobalMaxPool": (_one("GlobalMaxPool"), "max_pool"),
    "AveragePool": (_one("AveragePool", kernel_shape=[3, 2], pads=[1, 1, 1, 0], count_include_pad=1), "avg_pool"),
    "AveragePool of taps": (_one("AveragePool", kernel_shape=[3, 2], pads=[1, 1, 1, 0]), "avg_pool"),
    "GlobalAveragePool": (_one("GlobalAveragePool"), "avg_pool"),
    **{
        op: (_two(op, (1, 3, 4, 5)), "add" if op == "Sub" else op.lower()) for op in ("Add", "Sub", "Mul", "Max", "Min")
    },
    "Add, repeated": (_two("Add", (3, 1, 1)), "add"),
    "constant - x": (_two("Sub", (1, 3, 4, 5), constant=True), "add"),
    "ReduceSum": (_one("ReduceSum", (1, 3, 6, 5), [1, 3]), "reduce_sum"),
    "ReduceMean": (_one("ReduceMean", axes=[1]), "reduce_sum"),
    "ReduceMax": (_one("ReduceMax", axes=[1, 2]), "reduce_max"),
    "PRelu": (_one("PRelu", (1, 3, 6, 5), [[[0.25]], [[0.5]], [[-0.125]]]), "prelu"),
    "HardSwish": (_one("HardSwish"), "lookup"),
    "HardSwish of large values": (_scaled("HardSwish", 8.0), "lookup"),
    "Sigmoid": (_one("Sigmoid"), "lookup"),
    "Tanh": (_one("Tanh"), "lookup"),
    "Sigmoid of large values": (_scaled("Sigmoid", 8.0), "lookup"),
    "Tanh of large values": (_scaled("Tanh", 8.0), "lookup"),
    "Mul by a constant": (_two("Mul", (5,), constant=True), "mul"),
}
MOVES: dict[str, Build] = {
    "Transpose": _one("Transpose", perm=[0, 3, 1, 2]),
    "Reshape": _one("Reshape", (1, 3, 6, 5), [1, 90]),
    "Slice": _one("Slice", (1, 3, 6, 5), [0, 4], [3, 0], [1, 2], [1, -2]),
    "Pad": _one("Pad", (1, 3, 6, 5), [0, 1, 2, 0, 0, 0, 1, 3], 0.5),
    "Pad, reflect": _one("Pad", (1, 3, 6, 5), [0, 1, 2, 0, 0, 0, 1, 3], mode="reflect"),
    "Tile": _one("Tile", (1, 3, 6, 5), [1, 2, 1, 3]),
    "Gather": _one("Gather", (1, 3, 6, 5), [2, 0, 0], axis=1),
    "SpaceToDepth": _one("SpaceToDepth", (1, 3, 6, 4), blocksize=2),
    "Resize": _one(
        "Resize", (1, 3, 6, 5), [], [1.0, 1.0, 2.0, 2.0], mode="nearest", coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    ),
}  # fmt: skip
FLOAT: dict[str, tuple[Build, str]] = {
    "Softmax": (_one("Softmax", (2, 9), axis=1), "softmax"),
    "Exp": (_one("Exp"), "map_exp"),
    "Div": (_two("Div", (1, 3, 4, 5), constant=True), "div"),
    "Log": (_exp_log, "map_log"),
}


@pytest.mark.parametrize("name", WITH_KERNEL)
def test_operators_have_int16_kernels(name: str, tmp_path: Path) -> None:
    """Inputs and outputs are int16, nothing is float in between, and 16 bits are as good as they should be."""
    build, symbol = WITH_KERNEL[name]
    net = build(NetBuilder(3))
    program = _program(net, tmp_path)
    called = kernels(program)
    assert f"tg_{symbol}_s16" in called
    assert not [kernel for kernel in called if "f32" in kernel]
    assert {program.buffers[placeholder].type.dtype for placeholder in program.placeholders} == {"int16"}
    assert _snr(net, program) > 72


@pytest.mark.parametrize("name", MOVES)
def test_data_movement_takes_int16_as_bytes(name: str, tmp_path: Path) -> None:
    """Operators that move elements give the quantized input's elements, exactly."""
    net = MOVES[name](NetBuilder(3))
    program = _program(net, tmp_path)
    assert not [kernel for kernel in kernels(program) if "f32" in kernel or "s16" in kernel]
    inputs = net.samples(2)
    scales = {program.buffers[placeholder].type.quant for placeholder in program.placeholders}
    (quant,) = scales
    assert quant is not None
    (result,) = stations.interpret(program, inputs).values()
    on_grid = {key: (np.rint(x / quant.scale) * quant.scale).astype(np.float32) for key, x in inputs.items()}
    (expected,) = net.reference(on_grid).values()
    assert result.dtype == np.int16
    np.testing.assert_array_equal(result.ravel(), np.rint(expected / quant.scale).ravel())


@pytest.mark.parametrize("name", FLOAT)
def test_what_has_no_int16_kernel_is_a_float_island(name: str, tmp_path: Path) -> None:
    """Operators without an int16 form are compiled all the same, in float between borders, and are as close."""
    build, symbol = FLOAT[name]
    net = build(NetBuilder(3))
    program = _program(net, tmp_path)
    assert f"tg_{symbol}_f32" in kernels(program)
    assert _snr(net, program) > 72


def test_indices_of_int16(tmp_path: Path) -> None:
    """ArgMax finds the largest of an int16 layer's results, which is the largest float but for equal ones."""
    builder = NetBuilder(5)
    y = builder.node("Gemm", "x", _grid(builder, 12, 9, units=1), builder.weights(9))
    builder.node("ArgMax", y, axis=1, output="y")
    net = builder.build({"x": (1, 12)}, ["y"])
    program = _program(net, tmp_path)
    inputs = net.samples(64)
    (expected,), (result,) = net.reference(inputs).values(), stations.interpret(program, inputs).values()
    assert kernels(program)[-1] == "tg_arg_max_s16"
    assert (result.ravel() == expected.ravel()).mean() > 0.98


def _deep(builder: NetBuilder) -> Net:
    x = builder.node("Relu", builder.node("Conv", "x", builder.weights(6, 3, 3, 3), builder.weights(6), pads=[1] * 4))
    y = builder.node("Conv", x, builder.weights(6, 1, 3, 3), builder.weights(6), group=6, pads=[1] * 4)
    x = builder.node("MaxPool", builder.node("Add", x, y), kernel_shape=[2, 2], strides=[2, 2])
    x = builder.node("Sigmoid", builder.node("Conv", x, builder.weights(4, 6, 1, 1), builder.weights(4)))
    x = builder.node("Gemm", builder.node("Flatten", x), builder.weights(36, 10), builder.weights(10))
    builder.node("Softmax", x, axis=1, output="y")
    return builder.build({"x": (1, 3, 6, 6)}, ["y"])


@pytest.mark.parametrize("board", ["host", "cortex-m0plus", "cortex-m7"])
@pytest.mark.slow  # compiles C
def test_a_network_is_the_same_everywhere(board: str, tmp_path: Path) -> None:
    """Convolutions, a residual sum, pools, a dense layer and float islands: C gives numpy's bits."""
    net = _deep(NetBuilder(9))
    program = _program(net, tmp_path)
    inputs = net.samples(3)
    tinyglow.emit(program, tmp_path / "bundle")
    (expected,) = stations.interpret(program, inputs).values()
    (actual,) = tinyglow.simulate(tmp_path / "bundle", load_board(board), inputs).outputs.values()
    assert actual.tobytes() == expected.tobytes()


def test_int16_is_much_closer_than_int8(tmp_path: Path) -> None:
    """On data beyond the calibration samples too, int16 is tens of dB closer to float where int8 weights are exact."""
    net = _conv((1, 4, 9, 9), (6, 4, 3, 3), "Relu")(NetBuilder(1))
    graph = loaded(net, tmp_path)
    profile = stations.profile(graph, net.samples(8, seed=5))
    inputs = net.samples(256, seed=6)
    (expected,) = net.reference(inputs).values()
    found = {}
    for precision in ("int8", "int16"):
        program = stations.lower(stations.quantize(graph, profile, Scheme(precision=precision)))
        (name,), (result,) = program.outputs, stations.interpret(program, inputs).values()
        quant = program.buffers[name].type.quant
        assert quant is not None
        noise = (result.astype(np.float64) - quant.offset) * quant.scale - expected.reshape(result.shape)
        found[precision] = 10 * np.log10((expected.astype(np.float64) ** 2).sum() / (noise**2).sum())
    assert found["int8"] < 45 and found["int16"] > 72


# Parameters


def test_parameters_of_int16_values(tmp_path: Path) -> None:
    """Activations: symmetric with headroom. Weights: int8, a scale for each unit. Bias: float until it is lowered."""
    net = _deep(NetBuilder(9))
    float_graph = loaded(net, tmp_path)
    profile = stations.profile(float_graph, net.samples(16))
    graph = stations.quantize(float_graph, profile, INT16)
    low, high = (getattr(profile.ranges["x:0"], end) for end in ("low", "high"))
    quant = graph.type_of("x").quant
    assert quant is not None and quant.offset == 0
    assert quant.scale == pytest.approx(INT16_HEADROOM * max(-low / 2**15, high / (2**15 - 1)), rel=1e-6)
    layers = [node for node in graph.nodes if node.op.bias_operand is not None]
    assert len(layers) == 4
    for node in layers:
        _, weights, bias = (graph.type_of(name) for name in node.inputs)
        assert (weights.dtype, bias.dtype) == ("int8", "float32")
        assert weights.channel_quant is not None
        assert len(weights.channel_quant.scales) == bias.shape[0] == weights.shape[weights.channel_quant.axis]
        assert set(weights.channel_quant.offsets) == {0}
        data = graph.values[node.inputs[1]].data
        assert data is not None
        largest = np.abs(np.moveaxis(data.astype(int), weights.channel_quant.axis, 0).reshape(len(data.T), -1))
        assert weights.channel_quant.axis or largest.max() >= 127


def test_power_of_two_scales(tmp_path: Path) -> None:
    """With that schema every scale, of weights too, is a power of two."""
    graph = _quantized(_deep(NetBuilder(2)), tmp_path, Scheme(Schema.SYMMETRIC_WITH_POWER2_SCALE, precision="int16"))
    scales = [value.type.quant.scale for value in graph.values.values() if value.type.quant is not None]
    for value in graph.values.values():
        scales += value.type.channel_quant.scales if value.type.channel_quant is not None else ()
    assert scales and {np.frexp(scale)[0] for scale in scales} == {0.5}


REFUSED = {
    "--graph": {"like_glow": True},
    "--schema": {"schema": Schema.SYMMETRIC_WITH_UINT8},
    "--bias": {"bias_dtype": "int8"},
    "--calibration": {"calibrate": True},
}


@pytest.mark.parametrize("option", REFUSED)
def test_options_of_int8_are_refused(option: str) -> None:
    """What has no meaning in int16 is an error that names the option; in int8 it is none."""
    Scheme(**REFUSED[option])
    with pytest.raises(InputError, match=option):
        Scheme(**REFUSED[option], precision="int16")


def test_unknown_precision() -> None:
    """Only int8 and int16 are precisions."""
    with pytest.raises(InputError, match="int8 or int16"):
        Scheme(precision="int4")


# What is proven of sums


def _type(units: int, terms: int, scale: float = 1.0) -> TensorType:
    return TensorType((units, terms), "int8", channel_quant=ChannelParams((scale,) * units, (0,) * units))


@pytest.mark.parametrize(("bias", "is_wide"), [(2**31 - 2**15 - 128, False), (2**31, True), (-(2**31), True)])
def test_sums_are_as_wide_as_they_must_be(bias: int, is_wide: bool) -> None:
    """32 bits as long as the largest sum of these very weights fits, 64 beyond."""
    weights = np.ones((2, 1), np.int8)
    constants = layer_constants(weights, _type(2, 1), np.array([0, bias], np.float32), 1.0, 1.0)
    assert constants.is_wide == is_wide
    assert len(constants.bias) == (4 if is_wide else 2)
    assert unpacked_bias(constants.bias, 2)[1] == int(np.float32(bias))


def test_the_bound_is_reached() -> None:
    """The input whose signs are those of the weights gives the sum that the proof names, and no input a larger one."""
    rng = np.random.default_rng(0)
    weights, bias = rng.integers(-128, 128, (6, 50)).astype(np.int8), rng.integers(-(2**20), 2**20, 6)
    bounds = sum_bounds(weights, bias)
    worst = np.sign(weights.astype(np.int64)) * 2**15
    np.testing.assert_array_equal((weights * worst).sum(axis=1) + np.abs(bias), bounds)
    for x in rng.choice((-(2**15), 2**15 - 1), (100, 50)):
        assert (np.abs(weights.astype(np.int64) @ x + bias) <= bounds).all()


@pytest.mark.parametrize("value", [0, 1, -1, 2**31, -(2**31) - 1, 2**46, -(2**46), 2**32 - 1, -(2**32)])
def test_wide_biases_are_packed_and_unpacked(value: int) -> None:
    """An int64 bias survives its two words."""
    bias = np.array([value, 7], np.int64)
    packed = packed_bias(bias, is_wide=True)
    assert packed.dtype == np.int32
    np.testing.assert_array_equal(unpacked_bias(packed, 2), bias)


def test_weights_far_below_their_bias(tmp_path: Path) -> None:
    """Weights that are next to nothing beside the bias do not make it overflow: the result is still right."""
    builder = NetBuilder(0)
    tiny = builder.constant(np.array([[1e-12, 1.0], [-1e-12, 0.5]]))
    builder.node("Gemm", "x", tiny, builder.constant([1.0, -1.0]), output="y")
    net = builder.build({"x": (1, 2)}, ["y"])
    assert _snr(net, _program(net, tmp_path)) > 50


def test_sums_beyond_all_bounds_are_refused() -> None:
    """A sum that might leave what 64 bits hold beside its multiplier is an error of the lowering, not noise."""
    for scale, size in ((1e-20, 1), (1.0, 2**17)):
        bias = np.array([1.0 if size == 1 else wide.MAX_SUM], np.float32)
        with pytest.raises(UnsupportedError, match=r"a (bias|sum) of up to"):
            layer_constants(np.ones((1, size), np.int8), _type(1, size, scale), bias, 1.0, 1.0)
