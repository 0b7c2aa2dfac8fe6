"""Pools, softmax, activations and linear interpolation of float networks: what onnx computes, to the bit everywhere."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import tinyglow
from tests.helpers import Net, NetBuilder
from tests.unit.operators.activation_support import float_result, kernels_of, one_node
from tinyglow.errors import ModelError
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Params
from tinyglow.ir.program import Program
from tinyglow.kernels.elementwise.clip import ClipFloatParams
from tinyglow.kernels.elementwise.leaky_relu import LeakyReluFloatParams
from tinyglow.kernels.elementwise.map import MapParams
from tinyglow.kernels.elementwise.prelu import PReluFloatParams
from tinyglow.kernels.pooling.avg_pool import AvgPoolFloatParams
from tinyglow.kernels.pooling.max_pool import MaxPoolFloatParams
from tinyglow.kernels.softmax.softmax import SoftMaxFloatParams
from tinyglow.pipeline import stations
from tinyglow.registry import KERNELS
from tinyglow.targets.boards import load_board

# Each: operator, input shape, constants, operator set, attributes, kernel.
Form = tuple[str, tuple[int, ...], list[npt.ArrayLike | None], int, dict[str, Any], str]
LINEAR = {"mode": "linear"}
ASYMMETRIC = {"mode": "linear", "coordinate_transformation_mode": "asymmetric"}
PADDED = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
FORMS: list[Form] = [
    ("MaxPool", (2, 3, 7, 6), [], 11, {"kernel_shape": [3, 2], "strides": [2, 1]}, "max_pool"),
    ("MaxPool", (1, 2, 7, 6), [], 14, {"kernel_shape": [3, 3], "pads": [1, 2, 1, 0], "ceil_mode": 1}, "max_pool"),
    ("MaxPool", (1, 2, 9, 8), [], 14, {"kernel_shape": [3, 2], "dilations": [2, 3]}, "max_pool"),
    ("MaxPool", (1, 2, 7, 6), [], 14, {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER"}, "max_pool"),
    ("MaxPool", (1, 3, 11), [], 14, {"kernel_shape": [3], "strides": [2]}, "max_pool"),
    ("GlobalMaxPool", (2, 3, 5, 4), [], 14, {}, "max_pool"),
    ("AveragePool", (2, 3, 7, 6), [], 11, {"kernel_shape": [3, 2], "strides": [2, 1]}, "avg_pool"),
    ("AveragePool", (1, 3, 7, 6), [], 14, PADDED, "avg_pool"),
    ("AveragePool", (1, 3, 7, 6), [], 11, {**PADDED, "count_include_pad": 1}, "avg_pool"),
    ("AveragePool", (1, 3, 7, 6), [], 19, {**PADDED, "count_include_pad": 1}, "avg_pool"),
    ("GlobalAveragePool", (2, 3, 5, 4), [], 14, {}, "avg_pool"),
    ("Softmax", (2, 3, 4), [], 11, {"axis": 2}, "softmax"),
    ("Softmax", (3, 10), [], 13, {}, "softmax"),
    ("Softmax", (2, 3, 4, 2), [], 13, {"axis": 1}, "softmax"),
    ("Sigmoid", (2, 3, 4, 5), [], 13, {}, "map_sigmoid"),
    ("Tanh", (1, 7), [], 13, {}, "map_tanh"),
    ("HardSwish", (1, 2, 3, 4), [], 14, {}, "map_hard_swish"),
    ("Clip", (1, 50), [-1.5, 2.0], 11, {}, "clip"),
    ("Clip", (1, 50), [None, 2.0], 13, {}, "clip"),
    ("Clip", (1, 50), [], 7, {"min": -2.0}, "clip"),
    ("Clip", (1, 50), [], 7, {"min": -math.inf, "max": 1.0}, "clip"),
    ("LeakyRelu", (2, 3, 4), [], 11, {"alpha": 0.3}, "leaky_relu"),
    ("LeakyRelu", (2, 3, 4), [], 16, {"alpha": -2.0}, "leaky_relu"),
    ("PRelu", (1, 3, 4, 2), [[[[0.1]], [[-0.5]], [[3.0]]]], 13, {}, "prelu"),
    ("Resize", (1, 2, 4, 5), [None, [1.0, 1.0, 2.0, 1.7]], 13, LINEAR, "resize_bilinear"),
    ("Resize", (2, 2, 6, 5), [None, None, [2, 2, 4, 9]], 13, LINEAR, "resize_bilinear"),
    ("Resize", (1, 2, 4, 5), [None, [1.0, 1.0, 2.0, 3.0]], 11, ASYMMETRIC, "resize_bilinear"),
]


def _name(form: Form) -> str:
    return f"{form[0]} {form[3]} {form[4]}"


def _net(form: Form) -> Net:
    op_type, shape, constants, opset, attributes, _ = form
    return one_node(op_type, shape, *constants, opset=opset, **attributes)


def _program(net: Net, folder: Path) -> Program:
    """The program of the float network."""
    return stations.lower(stations.load(net.save(folder)))


def _assert_close(actual: Array, expected: Array) -> None:
    """Equal to 1e-5 of the largest."""
    atol = 1e-5 * float(np.abs(expected).max())
    np.testing.assert_allclose(actual.reshape(expected.shape), expected, rtol=0, atol=atol)


@pytest.mark.parametrize("form", FORMS, ids=_name)
def test_the_float_kernel_computes_what_onnx_says(form: Form, tmp_path: Path) -> None:
    """The numpy definition of the kernel gives onnx's results to 1e-5 of the largest, and those of the float graph."""
    net = _net(form)
    inputs = {"x": net.samples(3)["x"] * np.float32(3)}
    program = _program(net, tmp_path)
    assert f"tg_{form[5]}_f32" in kernels_of(program)
    (actual,) = stations.interpret(program, inputs).values()
    assert actual.dtype == np.float32
    (expected,) = net.reference(inputs).values()
    _assert_close(actual, expected)
    _assert_close(actual, float_result(net, inputs["x"], tmp_path))


def test_the_float_logarithm_computes_what_onnx_says(tmp_path: Path) -> None:
    """Of positive numbers of all sizes."""
    net = one_node("Log", (1, 200))
    x = np.exp(net.samples(2)["x"] * np.float32(20))
    program = _program(net, tmp_path)
    assert kernels_of(program) == ["tg_map_log_f32"]
    (actual,) = stations.interpret(program, {"x": x}).values()
    np.testing.assert_allclose(actual, np.log(x.astype(np.float64)).reshape(actual.shape), rtol=1e-6, atol=1e-7)


# One network with all of these kernels.


def _everything() -> Net:
    build = NetBuilder(5)
    x = build.node("LeakyRelu", "x", alpha=0.2)
    x = build.node("MaxPool", x, kernel_shape=[3, 2], strides=[1, 1], pads=[1, 0, 1, 1])
    x = build.node("Tanh", x)
    x = build.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 1, 1])
    x = build.node("HardSwish", x)
    x = build.node("Resize", x, "", build.constant([1.0, 1.0, 2.0, 1.5]), mode="linear")
    x = build.node("Clip", x, build.constant(-0.25), build.constant(1.5))
    x = build.node("Concat", x, build.node("Transpose", x, perm=[0, 1, 3, 2]), axis=1)
    x = build.node("Sigmoid", x)
    x = build.node("Pad", x, build.constant([0, 0, 1, 0, 0, 0, 0, 2]), build.constant(0.75))
    x = build.node("Log", x)
    x = build.node("GlobalAveragePool", x)
    x = build.node("Softmax", build.node("Flatten", x), axis=1)
    build.node("Identity", x, output="y")
    return build.build({"x": (1, 3, 6, 8)}, ["y"])


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Array], Array]:
    """The bundle of that network, four inputs and numpy's answers."""
    folder, net = tmp_path_factory.mktemp("everything"), _everything()
    program = _program(net, folder)
    inputs = {"x": net.samples(4)["x"] * np.float32(2)}
    (answers,) = stations.interpret(program, inputs).values()
    (expected,) = net.reference(inputs).values()
    _assert_close(answers, expected)
    tinyglow.emit(program, folder / "bundle")
    return folder / "bundle", inputs, answers


@pytest.mark.parametrize("board", ["host", "cortex-m0plus", "cortex-m7"])
def test_a_float_network_is_the_same_everywhere(board: str, everything: tuple[Path, dict[str, Array], Array]) -> None:
    """C on this machine and on both emulated cores, with an FPU and without, gives numpy's floats bit for bit."""
    bundle, inputs, answers = everything
    (actual,) = tinyglow.simulate(bundle, load_board(board), inputs).outputs.values()
    assert actual.tobytes() == answers.tobytes()


# NaN and infinity


def _run(symbol: str, params: Params, *inputs: list[float], results: int = 0) -> Array:
    """A kernel's numpy definition on flat inputs [results]; as many results as inputs unless said otherwise."""
    arrays = [np.array([data], np.float32) for data in inputs]
    out = np.zeros((1, results or len(inputs[0])), np.float32)
    KERNELS[symbol].run(params, [*arrays, out])
    return out[0]


def _window(size: int, kernel: int, pad: int = 0) -> dict[str, int]:
    """Fields of a pool along a row of pixels."""
    out = size + 2 * pad - kernel + 1
    return {
        **{"in_h": 1, "in_w": size, "channels": 1, "out_h": 1, "out_w": out, "kernel_h": 1, "kernel_w": kernel},
        **{"stride_h": 1, "stride_w": 1, "pad_top": 0, "pad_left": pad, "images": 1},
    }


NAN, INF = math.nan, math.inf


def test_a_window_with_nan_has_a_nan_for_its_maximum() -> None:
    """Wherever in the window it is; and a window without taps gives 0, one of minus infinity alone gives that."""
    found = _run("tg_max_pool_f32", MaxPoolFloatParams(**_window(7, 2)), [NAN, 1, 2, NAN, -1, -INF, -INF], results=6)
    np.testing.assert_array_equal(found, [NAN, 2, NAN, NAN, -1, -INF])
    found = _run("tg_max_pool_f32", MaxPoolFloatParams(**_window(1, 1, pad=2)), [-3], results=5)
    np.testing.assert_array_equal(found, [0, 0, -3, 0, 0])


def test_a_mean_that_is_no_number_is_always_the_same_nan() -> None:
    """Infinities of both signs, and a NaN with other bits, give the one NaN of all float kernels."""
    odd = float(np.array([0xFFC12345], np.uint32).view(np.float32)[0])
    found = _run(
        "tg_avg_pool_f32", AvgPoolFloatParams(**_window(5, 2), count_pads=0), [INF, -INF, 1, 3, odd], results=4
    )
    assert found.view(np.uint32).tolist() == [0x7FC00000, 0xFF800000, 0x40000000, 0x7FC00000]


def test_activations_leave_nan_alone() -> None:
    """Clip, LeakyRelu, PRelu and HardSwish of NaN are NaN; those of infinity are what the formulas say."""
    data = [NAN, INF, -INF, -0.0]
    found = _run("tg_clip_f32", ClipFloatParams(4, -1.0, 2.0), data)
    np.testing.assert_array_equal(found, [NAN, 2, -1, 0])
    assert np.signbit(_run("tg_clip_f32", ClipFloatParams(1, 0.0, 2.0), [-0.0]))
    np.testing.assert_array_equal(_run("tg_leaky_relu_f32", LeakyReluFloatParams(4, 0.5), data), [NAN, INF, -INF, 0])
    np.testing.assert_array_equal(_run("tg_leaky_relu_f32", LeakyReluFloatParams(4, 0.0), data), [NAN, INF, NAN, 0])
    np.testing.assert_array_equal(_run("tg_prelu_f32", PReluFloatParams(4), data, [5, 6, 7, 8]), [NAN, INF, 7, 0])
    np.testing.assert_array_equal(_run("tg_map_hard_swish_f32", MapParams(4), data), [NAN, INF, NAN, 0])


def test_softmax_of_rows_without_a_largest_number_is_nan() -> None:
    """A row with NaN or infinity, or of minus infinity alone; minus infinity among numbers has no share."""
    rows = [[1.0, NAN], [NAN, 1.0], [INF, 0.0], [-INF, -INF], [-INF, 5.0]]
    found = _run("tg_softmax_f32", SoftMaxFloatParams(5, 2), [x for row in rows for x in row])
    np.testing.assert_array_equal(found, [*[NAN] * 8, 0, 1])


# What is refused


@pytest.mark.parametrize(
    ("net", "found"),
    [
        (one_node("Clip", (1, 3), opset=7, min=math.nan, max=1.0), "bounds nan and 1.0"),
        (one_node("LeakyRelu", (1, 3), alpha=math.inf), "alpha inf"),
        (one_node("AveragePool", (1, 1, 4200, 4200), kernel_shape=[4200, 4200]), "a window of [4200, 4200]"),
    ],
    ids=["Clip", "LeakyRelu", "AveragePool"],
)
def test_numbers_that_c_cannot_hold_are_refused(net: Net, found: str, tmp_path: Path) -> None:
    """Bounds and slopes that are no numbers, and windows with more elements than float32 counts."""
    graph = stations.load(net.save(tmp_path))
    with pytest.raises(ModelError) as caught:
        stations.lower(graph)
    assert found in str(caught.value)
