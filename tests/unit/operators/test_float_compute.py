"""Layers, arithmetic, reductions, functions in float32: what onnx computes, to the bit everywhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import tinyglow
from tests.helpers import Net, NetBuilder
from tests.unit.operators.checks import kernels, loaded, refusal
from tinyglow.errors import ModelError
from tinyglow.interp import run_graph
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Params
from tinyglow.ir.program import Program
from tinyglow.ir.types import TensorType
from tinyglow.kernels.activation import Activation
from tinyglow.kernels.elementwise.broadcast import BroadcastParams, OrderedParams, loop_fields
from tinyglow.kernels.elementwise.relu import ReluFloatParams
from tinyglow.kernels.reduce.loops import reduce_loops
from tinyglow.kernels.reduce.reduce_max import ReduceMaxFloatParams
from tinyglow.kernels.reduce.reduce_sum import ReduceSumFloatParams
from tinyglow.kernels.window import Window
from tinyglow.operators.conv2d import Conv2D
from tinyglow.pipeline import stations
from tinyglow.registry import KERNELS
from tinyglow.targets.boards import load_board

INF, NAN = math.inf, math.nan
BOARDS = ["host", "cortex-m0plus", "cortex-m7"]


def _close(actual: Array, expected: Array) -> None:
    """Equal to 1e-5 of the largest."""
    scale = float(np.abs(expected).max())
    np.testing.assert_allclose(actual.reshape(expected.shape), expected, rtol=0, atol=1e-5 * scale)


def _check(net: Net, folder: Path, spread: float = 1.0, shift: float = 0.0) -> Program:
    """The program of the float network, whose numpy definition gives what onnx and the float graph give."""
    inputs = {name: x * np.float32(spread) + np.float32(shift) for name, x in net.samples(3).items()}
    graph = loaded(net, folder)
    program = stations.lower(graph)
    (actual,) = stations.interpret(program, inputs).values()
    assert actual.dtype == np.float32
    (expected,) = net.reference(inputs).values()
    _close(actual, expected)
    (same,) = run_graph(graph, inputs).values()
    _close(actual, same)
    return program


# Layers


@pytest.mark.parametrize(
    ("shape", "filters", "attributes"),
    [
        ((1, 3, 6, 5), (4, 3, 3, 3), {"pads": [1, 1, 1, 1]}),
        ((2, 3, 7, 8), (2, 3, 3, 2), {"pads": [2, 0, 1, 3], "strides": [2, 3]}),
        ((1, 4, 7, 7), (4, 1, 3, 3), {"group": 4, "pads": [1, 1, 1, 1]}),
        ((1, 4, 9, 8), (6, 2, 2, 3), {"group": 2, "dilations": [3, 2]}),
        ((1, 2, 5, 5), (3, 2, 1, 1), {}),
        ((1, 1, 2, 2), (1, 1, 2, 2), {"pads": [5, 5, 5, 5], "strides": [3, 3]}),
        ((1, 3, 12), (4, 3, 5), {"pads": [2, 2], "strides": [2]}),
    ],
    ids=str,
)
@pytest.mark.parametrize("opset", [11, 13])
def test_convolutions(
    shape: tuple[int, ...], filters: tuple[int, ...], attributes: dict[str, Any], opset: int, tmp_path: Path
) -> None:
    """Windows of all kinds, groups, dilation, padding that whole windows lie in, and one dimension."""
    build = NetBuilder(2)
    build.node("Conv", "x", build.weights(*filters), build.weights(filters[0]), output="y", **attributes)
    program = _check(build.build({"x": shape}, ["y"], opset=opset), tmp_path)
    assert "tg_conv2d_f32" in kernels(program)


@pytest.mark.parametrize(
    ("activation", "results"),
    [
        (Activation(), [-3, -0.5, 0, 0.5, 3, INF, -INF, NAN]),
        (Activation("RELU"), [0, 0, 0, 0.5, 3, 3.4028235e38, 0, NAN]),
        (Activation("CLIP", (-1.0, 2.0)), [-1, -0.5, 0, 0.5, 2, 2, -1, NAN]),
        (Activation("CLIP", (-INF, INF)), [-3, -0.5, 0, 0.5, 3, 3.4028235e38, -3.4028235e38, NAN]),
        (Activation("LEAKY_RELU", (0.25,)), [-0.75, -0.125, 0, 0.5, 3, INF, -INF, NAN]),
    ],
    ids=str,
)
def test_fused_activations(activation: Activation, results: list[float]) -> None:
    """A convolution applies an activation to its sums; its ReLU and bounds end at the largest float."""
    edit = GraphEditor("net")
    x = edit.placeholder("x", TensorType((1, 1, 8, 1)))
    weights = edit.constant("w", np.ones((1, 1, 1, 1), np.float32))
    conv = Conv2D(Window((1, 1)), activation=activation)
    edit.output("y", edit.add("conv", conv, [x, weights, edit.constant("b", np.zeros(1, np.float32))]).name)
    data = np.array([-3, -0.5, 0, 0.5, 3, INF, -INF, NAN], np.float32).reshape(1, 1, 1, 8, 1)
    (actual,) = stations.interpret(stations.lower(edit.finish()), {"x": data}).values()
    np.testing.assert_array_equal(actual.ravel(), np.array(results, np.float32))


def test_fully_connected(tmp_path: Path) -> None:
    """Gemm in its forms, over several rows."""
    build = NetBuilder(3)
    x = build.node("Gemm", "x", build.weights(9, 7), build.weights(7), alpha=0.5, beta=2.0)
    build.node("Gemm", x, build.weights(4, 7), transB=1, output="y")
    program = _check(build.build({"x": (3, 9)}, ["y"]), tmp_path)
    assert kernels(program) == ["tg_fully_connected_f32"] * 2


@pytest.mark.parametrize(
    ("x", "other", "constant"),
    [
        ((3, 5), (5, 4), True),
        ((5, 4), (3, 5), True),
        ((3, 5), (5, 4), False),
        ((2, 3, 5), (2, 5, 4), False),
        ((2, 3, 4, 5), (3, 5, 2), True),
    ],
    ids=str,
)
def test_matrix_products(x: tuple[int, ...], other: tuple[int, ...], constant: bool, tmp_path: Path) -> None:
    """Of an input and a constant on either side, of two inputs, and of many at once."""
    build = NetBuilder(4)
    second = build.weights(*other) if constant else "other"
    build.node("MatMul", *(("x", second) if x[-1] == other[-2] else (second, "x")), output="y")
    net = build.build({"x": x} | ({} if constant else {"other": other}), ["y"])
    assert "tg_matmul_f32" in kernels(_check(net, tmp_path))


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 4), (1, 3, 4, 5)], ids=str)
def test_normalizations(shape: tuple[int, ...], tmp_path: Path) -> None:
    """A BatchNormalization that no layer takes in is a product and a sum."""
    build = NetBuilder(5)
    statistics = [build.constant(build.rng.uniform(0.5, 2.0, 3)) for _ in range(4)]
    build.node("BatchNormalization", build.node("Exp", "x"), *statistics, output="y")
    program = _check(build.build({"x": shape}, ["y"]), tmp_path)
    assert kernels(program) == ["tg_map_exp_f32", "tg_mul_f32", "tg_add_f32"]


# Arithmetic

SHAPES = [
    ((1, 3, 4, 5), (1, 3, 4, 5)),
    ((1, 3, 4, 5), (5,)),
    ((1, 3, 4, 5), (3, 1, 1)),
    ((1, 3, 1, 5), (1, 3, 4, 5)),
    ((1, 3, 1, 1), (1, 1, 4, 5)),
    ((3, 2, 3, 4, 5), (3, 1, 3, 1, 5)),
]


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div", "Max", "Min", "Pow"])
@pytest.mark.parametrize("constant", [False, True], ids=["input", "constant"])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_arithmetic(op: str, constant: bool, shapes: tuple[tuple[int, ...], ...], tmp_path: Path) -> None:
    """Each operator with each form of broadcasting, in either order; divisors and bases are away from 0."""
    for swapped in (False, True):
        build = NetBuilder(6)
        second = build.constant(build.rng.uniform(0.5, 2.0, shapes[1])) if constant else "other"
        operands = [second, "x"] if swapped else ["x", second]
        if op in ("Div", "Pow"):
            place = 1 if op == "Div" else 0
            operands[place] = build.node("Add", operands[place], build.constant(8.0))
        build.node(op, *operands, output="y")
        net = build.build({"x": shapes[0]} | ({} if constant else {"other": shapes[1]}), ["y"])
        assert kernels(_check(net, tmp_path))[-1] == f"tg_{op.lower()}_f32"


@pytest.mark.parametrize("op", ["Max", "Min", "Sum"])
def test_many_operands(op: str, tmp_path: Path) -> None:
    """Three operands are combined in turn."""
    build = NetBuilder()
    build.node(op, "x", build.weights(5), "z", output="y")
    _check(build.build({"x": (2, 5), "z": (2, 1)}, ["y"]), tmp_path)


@pytest.mark.parametrize(
    ("exponent", "expected"),
    [
        (2.0, ["tg_mul_f32"]),
        (2, ["tg_mul_f32"]),
        (0.5, ["tg_map_sqrt_f32"]),
        (-1.0, ["tg_div_f32"]),
        (3, ["tg_pow_f32"]),
        (0.0, ["tg_pow_f32"]),
        (-2.5, ["tg_pow_f32"]),
        ([2.0, 2.0, 2.0], ["tg_mul_f32"]),
        ([1.0, 2.0, 3.0], ["tg_pow_f32"]),
    ],
    ids=str,
)
def test_constant_exponents(exponent: npt.ArrayLike, expected: list[str], tmp_path: Path) -> None:
    """Squares, roots and reciprocals have faster kernels; exponents may be integers, and one for each element."""
    build = NetBuilder()
    build.node("Pow", "x", build.constant(exponent), output="y")
    program = _check(build.build({"x": (1, 4, 3)}, ["y"]), tmp_path, shift=6.0)
    assert kernels(program) == expected


def test_powers_of_negative_numbers(tmp_path: Path) -> None:
    """Integer powers of negative numbers have the sign of the exponent's parity."""
    build = NetBuilder()
    build.node("Pow", "x", build.constant([2.0, 3.0, -3.0]), output="y")
    _check(build.build({"x": (1, 4, 3)}, ["y"]), tmp_path, shift=-9.0)


def test_normalizations_as_models_spell_them(tmp_path: Path) -> None:
    """(x - mean) / sqrt(mean of squares + epsilon), and x / 2 * (1 + erf(x / sqrt(2)))."""
    build = NetBuilder()
    centred = build.node("Sub", "x", build.node("ReduceMean", "x", axes=[-1]))
    variance = build.node("ReduceMean", build.node("Pow", centred, build.constant(2.0)), axes=[-1])
    root = build.node("Sqrt", build.node("Add", variance, build.constant(1e-5)))
    x = build.node("Div", centred, root)
    erf = build.node("Erf", build.node("Div", x, build.constant(math.sqrt(2))))
    gate = build.node("Mul", build.node("Add", erf, build.constant(1.0)), build.constant(0.5))
    build.node("Mul", x, gate, output="y")
    program = _check(build.build({"x": (1, 3, 20)}, ["y"]), tmp_path, spread=5.0)
    assert {"tg_reduce_sum_f32", "tg_mul_f32", "tg_map_sqrt_f32", "tg_map_erf_f32"} <= set(kernels(program))


# Functions and reductions


@pytest.mark.parametrize("opset", [8, 13])
@pytest.mark.parametrize(
    ("op", "kernel", "shift"),
    [
        ("Exp", "map_exp", 0.0),
        ("Sqrt", "map_sqrt", 20.0),
        ("Erf", "map_erf", 0.0),
        ("Neg", "map_neg", 0.0),
        ("Abs", "map_abs", 0.0),
        ("Floor", "map_floor", 0.0),
        ("Ceil", "map_ceil", 0.0),
        ("Round", "map_round", 0.0),
        ("Reciprocal", "div", 20.0),
        ("Relu", "relu", 0.0),
    ],
)
def test_functions(op: str, kernel: str, shift: float, opset: int, tmp_path: Path) -> None:
    """Functions of one element."""
    build = NetBuilder()
    build.node(op, "x", output="y")
    net = build.build({"x": (2, 3, 25)}, ["y"], opset=max(opset, {"Erf": 9, "Round": 11}.get(op, 0)))
    assert kernels(_check(net, tmp_path, spread=3.0, shift=shift)) == [f"tg_{kernel}_f32"]


@pytest.mark.parametrize("axes", [[0], [-1], [1, 3], [0, 2], [0, 1, 2, 3], None], ids=str)
@pytest.mark.parametrize("op", ["ReduceSum", "ReduceMean", "ReduceMax"])
def test_reductions(op: str, axes: list[int] | None, tmp_path: Path) -> None:
    """Over any dimensions, which stay or go; ReduceSum has its axes as an input from operator set 13 on."""
    for keepdims in (0, 1):
        for opset in (11, 13):
            build = NetBuilder()
            inputs, attributes = ["x"], {} if axes is None else {"axes": axes}
            if op == "ReduceSum" and opset == 13 and axes is not None:
                inputs.append(build.constant(axes))
                attributes = {}
            build.node(op, *inputs, output="y", keepdims=keepdims, **attributes)
            net = build.build({"x": (2, 3, 4, 5)}, ["y"], opset=opset)
            kernel = "tg_reduce_max_f32" if op == "ReduceMax" else "tg_reduce_sum_f32"
            assert kernel in kernels(_check(net, tmp_path))


# What NaN, infinity and zeros of either sign come to


def _run(symbol: str, params: Params, *inputs: Sequence[float], results: int = 0) -> Array:
    """A kernel's numpy definition on flat inputs [results]; as many results as inputs unless said otherwise."""
    arrays = [np.array([data], np.float32) for data in inputs]
    out = np.zeros((1, results or len(inputs[0])), np.float32)
    KERNELS[symbol].run(params, [*arrays, out])
    return out[0]


def test_larger_and_smaller_of_nan_is_nan() -> None:
    """Whichever operand it is; ReLU leaves it, and the largest of several elements is NaN where one is."""
    x, y = [NAN, 1, -INF, INF], [1, NAN, INF, -INF]
    loops = BroadcastParams(**loop_fields([(4, 1)]))
    np.testing.assert_array_equal(_run("tg_max_f32", loops, x, y), [NAN, NAN, INF, INF])
    np.testing.assert_array_equal(_run("tg_min_f32", loops, x, y), [NAN, NAN, -INF, -INF])
    np.testing.assert_array_equal(_run("tg_relu_f32", ReluFloatParams(4), [NAN, -1, INF, -INF]), [NAN, 0, INF, 0])
    params = ReduceMaxFloatParams(**reduce_loops((3, 2), (1,)))
    found = _run("tg_reduce_max_f32", params, [NAN, 1, 1, NAN, -INF, -INF], results=3)
    np.testing.assert_array_equal(found, [NAN, NAN, -INF])


def test_results_without_a_value_are_one_nan() -> None:
    """Differences and quotients of infinities, 0 times infinity, and sums of both infinities."""
    ordered = OrderedParams(**loop_fields([(2, 1)]), is_reversed=0)
    found = [
        *_run("tg_sub_f32", ordered, [INF, 1], [INF, -INF]),
        *_run("tg_div_f32", ordered, [0, INF], [0, INF]),
        *_run("tg_mul_f32", BroadcastParams(**loop_fields([(2, 1)])), [0, 2], [INF, INF]),
        *_run("tg_reduce_sum_f32", ReduceSumFloatParams(**reduce_loops((2,), (0,)), divisor=2), [INF, -INF], results=1),
    ]
    nan, infinity = 0x7FC00000, 0x7F800000
    words = np.array(found, np.float32).view(np.uint32).tolist()
    assert words == [nan, infinity, nan, nan, nan, infinity, nan]


# One float network with everything


def _network() -> Net:
    build = NetBuilder(8)
    x = build.node("Conv", "x", build.weights(4, 2, 3, 3), build.weights(4), pads=[1, 1, 1, 1], strides=[2, 2])
    x = build.node("Relu", x)
    x = build.node("Conv", x, build.weights(4, 1, 2, 2), group=4, dilations=[2, 2], pads=[1, 1, 1, 1])
    x = build.node("Exp", build.node("Neg", build.node("Abs", x)))
    x = build.node("Sub", x, build.node("Floor", build.node("Mul", x, build.constant([[[1.5]], [[3]], [[2]], [[9]]]))))
    x = build.node("Div", x, build.node("Sqrt", build.node("Add", build.node("Mul", x, x), build.constant(1.0))))
    x = build.node("Add", x, build.node("Ceil", build.node("Round", build.node("Pow", x, build.constant(3.0)))))
    x = build.node("Max", x, build.node("Min", build.node("Erf", x), build.constant(0.5)))
    pooled = build.node("ReduceMean", x, axes=[2], keepdims=0)
    x = build.node("MatMul", build.node("Transpose", pooled, perm=[0, 2, 1]), pooled)
    x = build.node("Reciprocal", build.node("Add", build.node("ReduceMax", x, axes=[2]), build.constant(9.0)))
    x = build.node("Gemm", build.node("Flatten", x), build.weights(4, 6), build.weights(6))
    build.node("Pow", build.node("Abs", x), build.constant([0.3, 2.5, -1.5, 1.0, 7.0, 0.0]), output="y")
    return build.build({"x": (1, 2, 8, 8)}, ["y"])


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mapping[str, Array], Array]:
    """The bundle of that network, inputs and numpy's answers."""
    folder, net = tmp_path_factory.mktemp("network"), _network()
    program = _check(net, folder)
    inputs = net.samples(4)
    (answers,) = stations.interpret(program, inputs).values()
    tinyglow.emit(program, folder / "bundle")
    return folder / "bundle", inputs, answers


@pytest.mark.parametrize("board", BOARDS)
def test_a_float_network_is_the_same_everywhere(board: str, network: tuple[Path, Mapping[str, Array], Array]) -> None:
    """Host C and both emulated cores give numpy's answers to the bit."""
    bundle, inputs, answers = network
    (actual,) = tinyglow.simulate(bundle, load_board(board), inputs).outputs.values()
    assert actual.tobytes() == answers.tobytes()


# What is refused


def test_exponents_may_be_computed_integers(tmp_path: Path) -> None:
    """A power whose exponent is the number of an element: a float, with the sign of an integer power."""
    build = NetBuilder()
    build.node("Pow", "x", build.node("ArgMax", "x", axis=1), output="y")
    _check(build.build({"x": (2, 4)}, ["y"]), tmp_path, spread=2.0)


def test_functions_of_integers_are_refused(tmp_path: Path) -> None:
    """The exponential of indices: the message names the type."""
    build = NetBuilder()
    build.node("Exp", build.node("ArgMax", "x", axis=1), output="y")
    assert "int64" in refusal(build.build({"x": (1, 4)}, ["y"]), tmp_path)


def test_slopes_that_are_no_numbers_are_refused() -> None:
    """A convolution with a fused activation of NaN cannot be lowered."""
    edit = GraphEditor("net")
    x = edit.placeholder("x", TensorType((1, 1, 8, 1)))
    constants = [edit.constant("w", np.ones((1, 1, 1, 1), np.float32)), edit.constant("b", np.zeros(1, np.float32))]
    conv = Conv2D(Window((1, 1)), activation=Activation("LEAKY_RELU", (NAN,)))
    edit.output("y", edit.add("conv", conv, [x, *constants]).name)
    with pytest.raises(ModelError, match="an activation LEAKY_RELU"):
        stations.lower(edit.finish())
