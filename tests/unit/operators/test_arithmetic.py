"""Elementwise arithmetic on two tensors: Add, Sub, Mul, Div, Max, Min, Sum, and their broadcasting."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from tests.helpers import Net, NetBuilder
from tests.unit.operators.checks import check_float, int8_program, kernels, loaded, refusal, snr
from tinyglow.interp import run_graph
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.kernel import Params
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.elementwise.addends import AddendParams
from tinyglow.kernels.elementwise.broadcast import loop_fields, strides_of
from tinyglow.kernels.elementwise.div import MAX_FRACTION_BITS, QuotientParams, quotient_requant
from tinyglow.kernels.elementwise.mul import ProductParams
from tinyglow.numerics import glow
from tinyglow.operators.div import Div
from tinyglow.pipeline.stations import interpret, lower, profile, quantize
from tinyglow.registry import KERNELS
from tinyglow.testing import Case, budget, offsets, scales

OPERATORS = ["Add", "Sub", "Mul", "Div", "Max", "Min"]
# (shape of x, shape of the other operand): each way in which one, or both, are repeated.
BROADCASTS = [
    ((1, 3, 4, 5), (1, 3, 4, 5)),
    ((1, 3, 4, 5), (5,)),
    ((1, 3, 4, 5), (3, 1, 1)),
    ((1, 3, 4, 5), ()),
    ((1, 3, 4, 5), (1, 3, 1, 5)),
    ((1, 3, 1, 5), (1, 3, 4, 5)),
    ((1, 3, 1, 1), (1, 1, 4, 5)),
    ((2, 3, 4, 5), (2, 1, 4, 1)),
    ((3, 2, 3, 4, 5), (3, 1, 3, 1, 5)),
    ((2, 6), (6,)),
    ((1, 6), (1, 6)),
]
LINE = st.lists(st.integers(1, 4), min_size=1, max_size=3)


def _net(op: str, x: tuple[int, ...], other: tuple[int, ...], constant: bool, swapped: bool, opset: int = 14) -> Net:
    """``op`` on the input x and a second input or a constant; divisors are moved away from 0."""
    build = NetBuilder(len(x) * 7 + len(other))
    second = build.constant(build.rng.uniform(0.5, 2.0, other)) if constant else "other"
    operands = [second, "x"] if swapped else ["x", second]
    if op == "Div" and operands[1] in ("x", "other"):
        operands[1] = build.node("Add", operands[1], build.constant(8.0))
    build.node(op, *operands, name="op", output="y")
    return build.build({"x": x} | ({} if constant else {"other": other}), ["y"], opset=opset)


@pytest.mark.parametrize("op", OPERATORS)
@pytest.mark.parametrize("constant", [False, True], ids=["input", "constant"])
@pytest.mark.parametrize("shapes", BROADCASTS, ids=str)
def test_float_graph_equals_onnx(op: str, constant: bool, shapes: tuple, tmp_path: Path) -> None:
    """Each operator with each form of broadcasting computes what onnx does, in either order."""
    for swapped in (False, True):
        if shapes[1] == () and not constant:
            continue  # a network has no scalar inputs: samples are their first dimension
        check_float(_net(op, *shapes, constant, swapped), tmp_path)


@pytest.mark.parametrize("opset", [8, 11, 13, 18])
@pytest.mark.parametrize("op", OPERATORS)
def test_operator_sets(op: str, opset: int, tmp_path: Path) -> None:
    """The forms of older and newer operator sets are the same."""
    check_float(_net(op, (1, 3, 4), (4,), constant=True, swapped=False, opset=opset), tmp_path)


@pytest.mark.parametrize("op", ["Sum", "Max", "Min"])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_any_number_of_operands(op: str, count: int, tmp_path: Path) -> None:
    """Sum, Max and Min take one operand or many."""
    build = NetBuilder()
    operands = ["x", *(build.weights(1, 6) for _ in range(count - 1))]
    build.node(op, *operands, output="y")
    check_float(build.build({"x": (1, 6)}, ["y"]), tmp_path)


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Max", "Min"])
@pytest.mark.parametrize("constant", [False, True], ids=["input", "constant"])
@pytest.mark.parametrize("shapes", [s for s in BROADCASTS if s[1] != ()], ids=str)
def test_int8_is_close_to_float(op: str, constant: bool, shapes: tuple, tmp_path: Path) -> None:
    """Quantized, each operator is as close to float as 8 bits allow, however it broadcasts."""
    for swapped in (False, True):
        assert snr(_net(op, *shapes, constant, swapped), tmp_path) > 25


def test_arithmetic_under_a_convolution_stays_in_its_layout(tmp_path: Path) -> None:
    """A factor for each channel and a second image after convolutions need no transpose between them."""
    build = NetBuilder()
    a = build.node("Conv", "x", build.weights(4, 2, 3, 3))
    b = build.node("Conv", "x", build.weights(4, 2, 3, 3))
    scaled = build.node("Mul", a, build.constant(build.rng.uniform(0.5, 2.0, (4, 1, 1))))
    total = build.node("Sub", scaled, b)
    build.node("Conv", total, build.weights(1, 4, 4, 4), output="y")
    net = build.build({"x": (1, 2, 6, 6)}, ["y"])
    graph = check_float(net, tmp_path)
    kinds = [node.op.kind for node in graph.nodes]
    assert kinds.count("Transpose") == 1, kinds
    assert snr(net, tmp_path) > 25


def test_squeeze_and_excitation(tmp_path: Path) -> None:
    """A factor for each channel that is computed at run time multiplies the image without being repeated in memory."""
    build = NetBuilder()
    image = build.node("Conv", "x", build.weights(4, 2, 3, 3))
    mean = build.node("GlobalAveragePool", image)
    factor = build.node("Sigmoid", build.node("Conv", mean, build.weights(4, 4, 1, 1)))
    build.node("Mul", image, factor, output="y")
    net = build.build({"x": (1, 2, 6, 6)}, ["y"])
    check_float(net, tmp_path)
    assert snr(net, tmp_path) > 25
    assert "tg_copy_strided_s8" not in kernels(int8_program(net, tmp_path))


def test_shape_arithmetic_is_done_by_the_importer(tmp_path: Path) -> None:
    """Integer constants stay integers and are there when a later operator asks for them; division truncates."""
    build = NetBuilder()
    shape = build.node("Mul", build.constant([-7, 3]), build.constant([1, 2]))  # -7, 6
    shape = build.node("Div", shape, build.constant([2, 1]))  # -3, 6
    shape = build.node("Add", shape, build.constant(2))  # -1, 8
    shape = build.node("Max", shape, build.constant([-1, -5]))
    shape = build.node("Min", shape, build.constant([4, 8]))
    shape = build.node("Sub", shape, build.constant([0, 4]))  # -1, 4
    build.node("Reshape", "x", shape, output="y")
    net = build.build({"x": (2, 8)}, ["y"])
    assert check_float(net, tmp_path).type_of(
        "reshape_6" if False else loaded(net, tmp_path).outputs[0].value
    ).shape == (4, 4)


def test_constants_are_named_as_in_glows_profiles(tmp_path: Path) -> None:
    """A repeated constant is called after the last tile that Glow folds, another one after what Glow reshapes."""
    build = NetBuilder()
    a = build.node("Add", "x", build.constant(np.ones((3, 1, 1)), name="c"), name="first")
    b = build.node("Mul", a, build.constant(np.ones((3, 4, 5)), name="whole"), name="second")
    d = build.node("Sub", b, "c", name="third")
    build.node("Max", d, build.constant(2.0, name="s"), name="last", output="y")
    graph = loaded(build.build({"x": (1, 3, 4, 5)}, ["y"]), tmp_path)
    constants = {name for name, value in graph.values.items() if value.data is not None}
    assert constants == {"broadcast_c_tile3__1_constfold", "whole__1_constfold", "broadcast_s_tile3__1_constfold"}


@pytest.mark.parametrize("op", OPERATORS)
def test_one_element_constants_become_a_table(op: str, tmp_path: Path) -> None:
    """With a scalar constant, or of a tensor with itself, the result depends on one element and is looked up."""
    wide = _net(op, (1, 256), (), constant=True, swapped=False)
    narrow = _net(op, (1, 255), (), constant=True, swapped=False)
    assert kernels(int8_program(wide, tmp_path))[1] == "tg_lookup_s8"
    assert kernels(int8_program(narrow, tmp_path))[1] == f"tg_{op.lower()}_s8"
    build = NetBuilder()
    build.node("Mul", "x", "x", output="y")
    square = build.build({"x": (1, 400)}, ["y"])
    assert kernels(int8_program(square, tmp_path))[1] == "tg_lookup_s8"
    assert snr(square, tmp_path) > 25


BAD = {
    "shapes that do not broadcast": (lambda b: b.node("Add", "x", b.weights(5), output="y"), "shapes [1, 6] and [5]"),
    "integers and floats": (lambda b: b.node("Mul", "x", b.constant([2]), output="y"), "float32 and int64"),
    "integer division by 0": (
        lambda b: b.node("Reshape", "x", b.node("Div", b.constant([6]), b.constant([0])), output="y"),
        "division of integers by zero",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_forms_are_refused(name: str, tmp_path: Path) -> None:
    """What cannot be computed is told when the model is read, with the shapes or types that were found."""
    add, message = BAD[name]
    build = NetBuilder()
    add(build)
    net = build.build({"x": (1, 6)}, ["y"]) if name != "shapes that do not broadcast" else _unchecked(build)
    assert message in refusal(net, tmp_path)


def _unchecked(build: NetBuilder) -> Net:
    """The model although onnx's own shape inference refuses it."""
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 6]) for name in ("x", "y")]
    graph = helper.make_graph(build.nodes, "net", infos[:1], infos[1:], build.initializers)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    return Net(proto, {"x": (1, 6)})


@given(LINE, st.data())
@budget(quick=200)
def test_loops_read_what_numpy_broadcasts(shape: list[int], data: st.DataObject) -> None:
    """The strides of an operand read its elements in the order in which numpy repeats them."""
    operand = tuple(data.draw(st.sampled_from((count, 1))) for count in shape)
    operand = operand[data.draw(st.integers(0, len(operand))) :]
    loops = strides_of(tuple(shape), operand)
    values = np.arange(int(np.prod(operand)))
    params = ProductParams(**loop_fields(loops), input_offset=0, other_offset=0, out=glow.requantize_params(1.0))
    assert (params.spread(values[None])[0] == np.broadcast_to(values.reshape(operand), shape).ravel()).all()


# The kernels' definitions against numbers worked out by hand from libjit's formulas.

SAME = {"outer": 1, "middle": 1, "inner": 1, "outer_stride": 0, "middle_stride": 0, "inner_stride": 1}


def _one(symbol: str, params: Params, x: int, other: int) -> int:
    inputs = {"input": np.array([x], np.int8), "other": np.array([other], np.int8)}
    return int(Case(KERNELS[symbol], params, inputs, {"output": 1}).expected()["output"][0])


def test_addends_are_rounded_one_by_one() -> None:
    """0.5 + 0.5 of the output's steps is 2, not 1: libjit rounds both operands before it adds them."""
    half = glow.requantize_params(0.5)
    params = AddendParams(**SAME, input_offset=0, other_offset=0, is_reversed=0, input_scale=half, other_scale=half)
    assert _one("tg_add_s8", params, 1, 1) == 2
    assert _one("tg_sub_s8", params, 1, -1) == 1  # -0.5 becomes 0: halves go up
    assert _one("tg_max_s8", params, 5, -1) == 3
    assert _one("tg_min_s8", params, 5, -1) == 0


def test_quotients_of_glow_are_whole_numbers() -> None:
    """Without fraction bits the integers are divided, towards zero, and 0 comes out of a division by zero."""
    out = glow.requantize_params(4.0, 3)
    fields = {"is_reversed": 0, "fraction_bits": 0, "limit": glow.INT32_MAX, "out": out}
    params = QuotientParams(**SAME, input_offset=0, other_offset=1, **fields)
    other_way = replace(params, is_reversed=1)
    assert _one("tg_div_s8", params, 7, 3) == 3 + 4 * 3
    assert _one("tg_div_s8", params, -7, 3) == 3 - 4 * 3
    assert _one("tg_div_s8", params, 100, 1) == 3
    assert _one("tg_div_s8", other_way, 2, 8) == 3 + 4 * 3


PARAMS = st.builds(QuantParams, scales(-10, 2), offsets())


@given(PARAMS, PARAMS, PARAMS, st.integers(-128, 127), st.integers(-128, 127))
@budget(quick=500)
def test_quotients_with_fraction_bits_are_right(
    x: QuantParams, y: QuantParams, result: QuantParams, a: int, b: int
) -> None:
    """With all fraction bits the quotient is within a step, or four parts in a thousand, of the exact one."""
    if b == y.offset:
        return
    out, limit = quotient_requant(x, y, result, MAX_FRACTION_BITS)
    fields = {"is_reversed": 0, "fraction_bits": MAX_FRACTION_BITS, "limit": limit, "out": out}
    params = QuotientParams(**SAME, input_offset=x.offset, other_offset=y.offset, **fields)
    exact = Fraction(x.scale) * (a - x.offset) / (Fraction(y.scale) * (b - y.offset)) / Fraction(result.scale)
    expected = float(min(max(exact + result.offset, Fraction(-128)), Fraction(127)))
    assert abs(_one("tg_div_s8", params, a, b) - expected) <= 1 + 0.004 * abs(float(exact)) * (abs(expected) < 127)


def test_a_division_with_fraction_bits_is_close_to_float(tmp_path: Path) -> None:
    """With all fraction bits int8 quotients of tensors are as close to float as 8 bits allow; without, they are not."""
    net = _net("Div", (1, 40), (1, 40), constant=False, swapped=False)
    graph, inputs = loaded(net, tmp_path), net.samples(64)
    ranges, expected = profile(graph, inputs), run_graph(graph, inputs)["y"]
    for bits, low, high in ((0, -5, 20), (MAX_FRACTION_BITS, 25, 60)):
        edit = GraphEditor.of(graph)
        for node in edit.nodes:
            if isinstance(node.op, Div):
                edit.set_op(node, Div(bits))
        results = interpret(lower(quantize(edit.finish(), ranges, float_io=True)), inputs)
        noise = results["y"].reshape(expected.shape) - expected
        assert low < 10 * np.log10((expected**2).sum() / (noise**2).sum()) < high


def test_fraction_bits_are_bounded() -> None:
    """More bits than 32-bit dividends have room for are refused."""
    with pytest.raises(ValueError, match="16 fraction bits"):
        Div(16)
