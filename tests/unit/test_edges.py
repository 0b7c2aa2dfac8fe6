"""Values at the very edge of a rule, where one more or one less changes what comes out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import tinyglow
from tests.helpers import NetBuilder
from tinyglow import resources
from tinyglow.codegen.prefix_code import LONGEST, pack, weights_of
from tinyglow.interp import run_graph
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.kernel import In, Kernel, Out, Params
from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.program import Buffer, KernelCall, Program, Region
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.kernels.accumulator import prepared_bias
from tinyglow.kernels.fully_connected.fully_connected_packed import FULLY_CONNECTED_PACKED, PackedDenseParams
from tinyglow.kernels.softmax.softmax import SOFTMAX, SoftMaxParams
from tinyglow.kernels.window import Window
from tinyglow.lowering.plan import activation_blocks, overlaps_of, plan
from tinyglow.numerics import glow, wide
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.max_pool import MaxPool
from tinyglow.operators.pad import Pad
from tinyglow.passes.channel_ranges import Linear, Ranges, _pooled, _sums_to_outputs
from tinyglow.quant.calibration import QUANTIZED_BINS, _conditioned, _distributions, _divergence, optimize_range
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import HOST, load_board
from tinyglow.testing import Case
from tinyglow.testing.native import Library

# Numbers


def test_a_scale_of_exactly_255_needs_no_shift_before() -> None:
    """The multiplier of a requantization is doubled while it is below 255, and at most for half of the later shift."""
    assert glow.requantize_params(255 / 2**15) == glow.Requant(0, 15, 255, 0)
    assert glow.requantize_params(0.6 / 2**15) == glow.Requant(7, 15, 77, 0)


def test_a_factor_that_fills_its_bits_keeps_its_shift() -> None:
    """The largest multiplier of 32 bits is one that fits."""
    assert wide.multipliers([(2**31 - 1) / 2**31], 1) == ((2**31 - 1,), 31)
    assert wide.multipliers([1.0], 1) == ((2**30,), 30)


def test_a_bias_is_refused_from_the_first_that_may_not_fit() -> None:
    """Steps below zero are rounded down: their products are one multiplier larger than those of steps above zero."""
    inputs, weights, bias = QuantParams(0.5, 0), QuantParams(0.25, 0), QuantParams(0.125 * 7.3 / 64, 0)
    requant = glow.requantize_params(glow.divide_float32(bias.scale, 0.125))
    room = glow.INT32_MAX - ((1 << requant.post) >> 1)
    most = (room // requant.multiplier) << requant.pre
    fitting = most - (1 << requant.pre)
    for sign in (1, -1):
        assert (
            prepared_bias(np.array([sign * fitting], np.int64).astype(np.int32), bias, inputs, weights).dtype
            == np.int32
        )
        with pytest.raises(UnsupportedError, match="a bias of up to"):
            prepared_bias(np.array([sign * most], np.int64).astype(np.int32), bias, inputs, weights)


def _softmax(p: SoftMaxParams, exponentials: list[int]) -> Case:
    """A row whose first element is the largest, the others at the distances that the table's end has."""
    table = np.zeros(256, np.uint32)
    table[255 - np.arange(len(exponentials))] = exponentials
    x = (127 - np.arange(len(exponentials))).astype(np.int8)
    return Case(SOFTMAX, p, {"input": x, "table": table.view(np.int32)}, {"output": len(exponentials)})


def test_softmax_in_c_at_the_ends_of_its_numbers(tmp_path: Path) -> None:
    """An odd quotient whose last bit carries, and the largest number shifted by all of its bits but one."""
    source = resources.RUNTIME / "src/softmax/tg_softmax_s8.c"
    shared = tmp_path / "softmax.so"
    find_compiler(None, HOST).compile_shared([source], shared, include_dirs=[resources.RUNTIME / "include"])
    library = Library(shared)
    top = 2**31
    for inverse, bits, other in ((1087168, 29, 691568), (15437581, 28, 43491), (8143337, 31, 41442)):
        p = SoftMaxParams(1, 2, inverse_scale=inverse, inverse_bits=bits, sum_bits=2, out_offset=0, zeros=0)
        library.run(_softmax(p, [top, other]))
    last = _softmax(SoftMaxParams(1, 2, 0xFFFF0000, 1, 2, 0, 0), [top, 0])
    assert last.expected()["output"].tolist() == [1, 0]
    library.run(last)


def _rare_weights(seed: int) -> Array:
    """Weights [32, 131], each value as often as the two after it together: Fibonacci's numbers make long codes."""
    counts = [1, 1]
    while len(counts) < 17:
        counts.append(counts[-1] + counts[-2])
    ranks = np.repeat(np.arange(17), counts[::-1])
    ranks = np.concatenate([ranks, np.zeros(32 * 131 - len(ranks), np.int64)])
    return weights_of(np.random.default_rng(seed).permutation(ranks)).reshape(32, 131)


def test_codes_of_16_bits_are_read_whole() -> None:
    """On ARMv6-M, where 15 bits at hand are too few for the longest code."""
    pytest.importorskip("unicorn")
    weights, bias = _rare_weights(367), np.zeros(32, np.int32)  # -8, 15 ones and a zero, begins at a byte's second bit
    packed = pack(weights, bias)
    assert packed is not None and packed.data.view(np.uint8)[0] == 1 and packed.format.table_bytes == 1 + LONGEST
    form = {name: value for name, value in vars(packed.format).items() if name != "word_bits"}
    params = PackedDenseParams(131, 32, 0, -128, 127, **form, out=glow.Requant(0, 8, 1, 0))
    quant = QuantParams(1.0, 0)
    buffers = {
        "x": Buffer("x", TensorType((131,), "int8", quant), Region.MUTABLE),
        "w": Buffer("w", TensorType(packed.data.shape, "int8", quant), Region.CONSTANT, data=packed.data),
        "y": Buffer("y", TensorType((32,), "int8", quant), Region.MUTABLE),
    }
    call = KernelCall(FULLY_CONNECTED_PACKED, ("x", "w", "y"), params, "dense")
    program = plan(Program("net", buffers, (call,), ("x",), ("y",), {}, dict.fromkeys(Region, 0), 4))
    x = np.random.default_rng(0).integers(-128, 128, (3, 131)).astype(np.int8)
    for result in tinyglow.verify(program, load_board("cortex-m0plus"), {"x": x}):
        assert result.equal, result


# Ranges


def _linear(requant: glow.Requant) -> Linear:
    return Linear(np.ones((1, 1, 1), np.int64), np.zeros(1, np.int64), 0, [requant], -128, 127, False, 1, False)


def test_sums_whose_rounding_leaves_32_bits_say_nothing() -> None:
    """A product that fits by itself, and not with half a step more, wraps in the kernel: the output may be anything."""
    requant = glow.Requant(0, 20, 3, 0)
    most = (glow.INT32_MAX - (1 << 20)) // 3
    for top, known in ((most, True), (most + 1, False), (glow.INT32_MAX // 3, False)):
        found = _sums_to_outputs(_linear(requant), np.array([0]), np.array([top]))
        assert (found.low[0] == 0) == known, top


@pytest.mark.parametrize(("pads", "empty"), [((1, 0, 0, 0), False), ((2, 0, 0, 0), True), ((0, 0, 0, 2), True)])
def test_a_window_in_the_padding_alone_gives_zero(pads: tuple[int, int, int, int], empty: bool, tmp_path: Path) -> None:
    """Padding as wide as a window leaves windows without a tap, whose result is 0.0 whatever the input is."""
    graph = _pooling(tmp_path)
    node = next(node for node in graph.nodes if isinstance(node.op, MaxPool))
    node = replace(node, op=MaxPool(Window((2, 2), (1, 1), pads)))
    found = _pooled(node, -7, Ranges(np.array([3]), np.array([9])))
    assert (int(found.low[0]), int(found.high[0])) == ((-7, 9) if empty else (3, 9))


def _pooling(folder: Path) -> Graph:
    build = NetBuilder()
    build.node("MaxPool", "x", output="y", kernel_shape=[2, 2])
    return tinyglow.load(build.build({"x": (1, 1, 4, 4)}, ["y"]).save(folder), "net")


@pytest.mark.parametrize(("low", "high"), [(-2.0, 1.0), (-1.0, 2.0)])
def test_a_symmetric_range_loses_no_more_than_its_window(low: float, high: float) -> None:
    """Both ends keep their ratio: the one that the best window would cut by more is kept as far as the other."""
    values = np.random.default_rng(0).normal(300, 40, 20_000).astype(int).clip(0, 599)
    histogram = np.bincount(values, minlength=600).astype(np.float32)
    histogram[[0, -1]] = 1
    width = (high - low) / len(histogram)
    windows = [(cut, len(histogram) - 1 - cut) for cut in range((len(histogram) - QUANTIZED_BINS) // 2 + 1)]
    losses = []
    for start, stop in windows:
        p, q = _distributions(histogram, start, stop)
        losses.append(float(_divergence(_conditioned(p), _conditioned(q))))
    start, stop = windows[int(np.argmin(losses))]
    assert start > 0
    found_low, found_high = optimize_range(histogram, low, high, symmetric=True)
    assert found_low / low == pytest.approx(found_high / high, rel=1e-5)
    assert found_low <= low + start * width + 1e-5 and found_high >= low + (stop + 1) * width - 1e-5


# Graphs


def _float_net(nodes: list[object], constants: dict[str, Array], folder: Path) -> Graph:
    infos = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 5, 5])]
    outs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    tensors = [numpy_helper.from_array(data, name) for name, data in constants.items()]
    graph = helper.make_graph(nodes, "g", infos, outs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    return tinyglow.load(folder / "m.onnx", "net")


def test_a_constant_less_a_convolution_is_a_convolution(tmp_path: Path) -> None:
    """c - conv(x) has the filters' signs turned, and the bias taken from c; so have longer chains."""
    rng = np.random.default_rng(0)
    constants = {
        "w": rng.standard_normal((3, 2, 3, 3)).astype(np.float32),
        "b": rng.standard_normal(3).astype(np.float32),
        "c": rng.standard_normal((1, 3, 1, 1)).astype(np.float32) + 2,
        "d": rng.standard_normal((1, 3, 1, 1)).astype(np.float32) + 3,
    }
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["p"], name="conv"),
        helper.make_node("Add", ["p", "d"], ["q"], name="plus"),
        helper.make_node("Sub", ["c", "q"], ["r"], name="minus"),
        helper.make_node("Mul", ["r", "d"], ["s"], name="times"),
        helper.make_node("Sub", ["d", "s"], ["y"], name="again"),
    ]
    graph = _float_net(nodes, constants, tmp_path)
    assert [type(node.op) for node in graph.nodes if "onv" in type(node.op).__name__] == [Conv2D]
    x = rng.standard_normal((2, 1, 2, 5, 5)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(x[:, 0], (3, 3), axis=(2, 3))
    conv = np.einsum("nchwij,ocij->nohw", windows, constants["w"]) + constants["b"].reshape(1, 3, 1, 1)
    expected = constants["d"] - (constants["c"] - (conv + constants["d"])) * constants["d"]
    (found,) = run_graph(graph, {"x": x}).values()
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("crop", [1, 2])
def test_a_pad_that_crops_does_not_go_into_a_convolution(crop: int, tmp_path: Path) -> None:
    """Padding below zero, which ONNX's Pad may have, cuts off; a window has none."""
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((3, 2, 2, 2)).astype(np.float32)
    constants = {"w": weights, "pads": np.array([0, 0, -crop, 0, 0, 0, 0, 0])}
    nodes = [
        helper.make_node("Pad", ["x", "pads"], ["p"], name="pad"),
        helper.make_node("Conv", ["p", "w"], ["y"], name="conv"),
    ]
    x = rng.standard_normal((1, 1, 2, 5, 5)).astype(np.float32)
    try:
        graph = _float_net(nodes, constants, tmp_path)
    except tinyglow.TinyglowError as error:
        assert "pad" in str(error)
        pytest.skip("such a Pad is refused before")
    assert all(min(node.op.window.pads) >= 0 for node in graph.nodes if isinstance(node.op, Conv2D))
    assert not any(isinstance(node.op, Pad) and min(node.op.before) >= 0 for node in graph.nodes)
    windows = np.lib.stride_tricks.sliding_window_view(x[:, 0, :, crop:], (2, 2), axis=(2, 3))
    expected = np.einsum("nchwij,ocij->nohw", windows, weights)
    (found,) = run_graph(graph, {"x": x}).values()
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-4, atol=1e-4)


# Plans


def _copy(_params: Params, x: Array, out: Array) -> None:
    out[...] = x


TRAILING = Kernel("copy", "copy.c", Params, (In("x", "int8"), Out("y", "int8")), _copy, overlap=lambda _p: 0)


def test_an_output_trails_an_input_only_where_that_is_read_for_the_last_time() -> None:
    """A buffer that a later call reads again is not written over, though this call has done with it."""
    names = ("in", "a", "b", "c", "d", "out")
    type_ = TensorType((64,), "int8", QuantParams(1.0, 0))
    placeholders = {"in", "out"}
    buffers = {
        name: Buffer(name, type_, Region.MUTABLE if name in placeholders else Region.ACTIVATION) for name in names
    }
    pairs = (("in", "a"), ("a", "b"), ("b", "c"), ("a", "d"), ("d", "out"))
    calls = tuple(KernelCall(TRAILING, pair, Params(), pair[1]) for pair in pairs)
    program = Program("p", buffers, calls, ("in",), ("out",), {}, dict.fromkeys(Region, 0), 4)
    blocks, owner = activation_blocks(program)
    assert set(overlaps_of(program, blocks, owner)) == {("c", "b"), ("d", "a")}
    planned = plan(program)
    assert planned.buffers["a"].offset != planned.buffers["b"].offset
