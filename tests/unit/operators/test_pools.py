"""MaxPool, AveragePool and their global forms: float as ONNX defines them, int8 as libjit computes it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from tests.helpers import Net
from tests.unit.operators.activation_support import (
    assert_computes,
    float_result,
    int8_program,
    model_problem,
    one_node,
    snr,
)
from tinyglow.errors import ModelError
from tinyglow.frontend.onnx import load_onnx
from tinyglow.interp import run_graph
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.kernels.pooling.avg_pool import AVG_POOL, AvgPoolParams
from tinyglow.kernels.pooling.max_pool import MAX_POOL, MaxPoolParams
from tinyglow.kernels.window import Window
from tinyglow.lowering.graph_to_program import lower
from tinyglow.numerics import glow
from tinyglow.operators.avg_pool import AvgPool
from tinyglow.operators.max_pool import MaxPool
from tinyglow.pipeline import stations
from tinyglow.testing import Case, budget, cases


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For model files; each overwrites the one before."""
    return tmp_path_factory.mktemp("models")


def _axis(length: int, kernel: int, stride: int, begin: int, end: int, dilation: int, ceil: bool) -> list[list[int]]:
    """For each window along one axis, the indices of its taps (outside of the image too), by ONNX's definition."""
    extent = (kernel - 1) * dilation + 1
    steps = (length + begin + end - extent) / stride
    count = (math.ceil(steps) if ceil else math.floor(steps)) + 1
    starts = [index * stride - begin for index in range(count)]
    return [[start + tap * dilation for tap in range(kernel)] for start in starts if start < length or not ceil]


def _pooled(x: npt.NDArray[np.float32], net: Net, average: bool) -> npt.NDArray[np.float64]:
    """A pool of x [..., h, w] tap by tap, by the attributes of the model's node."""
    node = net.proto.graph.node[0]
    given_ = {a.name: list(a.ints) or a.i for a in node.attribute}
    kernel = given_["kernel_shape"]
    strides, dilations = given_.get("strides", [1, 1]), given_.get("dilations", [1, 1])
    pads, ceil = given_.get("pads", [0, 0, 0, 0]), bool(given_.get("ceil_mode", 0))
    rows, columns = (
        _axis(x.shape[axis - 2], kernel[axis], strides[axis], pads[axis], pads[axis + 2], dilations[axis], ceil)
        for axis in (0, 1)
    )
    result = np.zeros((*x.shape[:-2], len(rows), len(columns)))
    for i, ys in enumerate(rows):
        for j, xs in enumerate(columns):
            taps = [x[..., y, c] for y in ys for c in xs if 0 <= y < x.shape[-2] and 0 <= c < x.shape[-1]]
            area = len(ys) * len(xs) if given_.get("count_include_pad", 0) else len(taps)
            result[..., i, j] = np.sum(taps, axis=0, dtype=np.float64) / area if average else np.max(taps, axis=0)
    return result


@st.composite
def _attributes(draw: st.DrawFn, average: bool) -> tuple[tuple[int, ...], dict[str, object]]:
    """Shape of the input, and attributes of a pool in which every window has a tap inside the image."""
    axes = []
    for _ in range(2):
        kernel, stride = draw(st.integers(1, 4)), draw(st.integers(1, 4))
        dilation = 1 if average else draw(st.integers(1, 3))
        before, after = draw(st.integers(0, kernel - 1)), draw(st.integers(0, kernel - 1))
        extent = (kernel - 1) * dilation + 1
        axes.append((draw(st.integers(extent, extent + 5)), kernel, stride, dilation, before, after))
    (h, *first), (w, *second) = axes
    kernels, strides, dilations, before, after = zip(first, second, strict=True)
    attributes: dict[str, object] = {"kernel_shape": kernels, "strides": strides, "pads": [*before, *after]}
    if not average:
        attributes["dilations"] = dilations
    if draw(st.booleans()):
        attributes["ceil_mode"] = 1
    elif average and draw(st.booleans()):
        attributes["count_include_pad"] = 1
    return (draw(st.integers(1, 2)), draw(st.integers(1, 3)), h, w), attributes


@budget(60)
@given(drawn=_attributes(average=False))
def test_max_pool_is_the_largest_tap(folder: Path, drawn: tuple[tuple[int, ...], dict[str, object]]) -> None:
    """Any kernel, stride, padding, dilation and ceil_mode: each result is the largest element under its window."""
    net = one_node("MaxPool", drawn[0], **drawn[1])
    x = net.samples(2)["x"]
    np.testing.assert_array_equal(float_result(net, x, folder), _pooled(x, net, average=False).astype(np.float32))


@budget(60)
@given(drawn=_attributes(average=True))
def test_average_pool_is_the_mean_of_taps(folder: Path, drawn: tuple[tuple[int, ...], dict[str, object]]) -> None:
    """Both ways of counting the padding: each result is the mean of the elements under its window."""
    net = one_node("AveragePool", drawn[0], opset=11, **drawn[1])
    x = net.samples(2)["x"]
    np.testing.assert_allclose(float_result(net, x, folder), _pooled(x, net, average=True), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("opset", [11, 14, 19])
@pytest.mark.parametrize(
    ("op_type", "shape", "attributes"),
    [
        ("AveragePool", (1, 3, 7, 6), {"kernel_shape": [3, 2], "strides": [2, 1]}),
        ("AveragePool", (1, 3, 7, 6), {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
        ("AveragePool", (2, 2, 7, 6), {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
        ("AveragePool", (1, 2, 7, 6), {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER"}),
        ("MaxPool", (1, 3, 7, 6), {"kernel_shape": [3, 2], "strides": [2, 1]}),
        ("MaxPool", (1, 3, 11), {"kernel_shape": [3], "strides": [2]}),
        ("AveragePool", (1, 3, 11), {"kernel_shape": [3], "strides": [2]}),
        ("AveragePool", (1, 3, 11), {"kernel_shape": [4], "pads": [2, 1]}),
        ("GlobalAveragePool", (2, 3, 5, 4), {}),
        ("GlobalAveragePool", (1, 3, 9), {}),
        ("GlobalMaxPool", (2, 3, 5, 4), {}),
    ],
)
def test_pools_compute_what_onnx_says(
    op_type: str, shape: tuple[int, ...], attributes: dict[str, object], opset: int, folder: Path
) -> None:
    """Two dimensions and one, global or not: the result is that of onnx's own evaluator."""
    assert_computes(one_node(op_type, shape, opset=opset, **attributes), folder, atol=1e-5)


def test_a_global_maximum_of_rows_is_the_largest_of_each_channel(folder: Path) -> None:
    """One spatial dimension, where onnx's own evaluator takes the maximum over channels too."""
    net = one_node("GlobalMaxPool", (1, 3, 9))
    x = net.samples(2)["x"]
    np.testing.assert_array_equal(float_result(net, x, folder), x.max(axis=3, keepdims=True))


@pytest.mark.parametrize(
    ("op_type", "shape", "attributes"),
    [
        ("MaxPool", (1, 2, 5, 4, 6), {"kernel_shape": [2, 3, 2], "strides": [2, 1, 3]}),
        ("AveragePool", (1, 2, 5, 4, 6), {"kernel_shape": [2, 3, 2], "pads": [1, 0, 0, 0, 1, 1]}),
        ("AveragePool", (1, 2, 9, 9), {"kernel_shape": [2, 2], "dilations": [2, 1]}),
        ("GlobalAveragePool", (1, 2, 3, 4, 5), {}),
    ],
)
def test_pools_of_more_dimensions_and_dilated_means(
    op_type: str, shape: tuple[int, ...], attributes: dict[str, object], folder: Path
) -> None:
    """What the image kernels do not have is made of plain operators, and computes what onnx says."""
    assert_computes(one_node(op_type, shape, opset=19, **attributes), folder)


@pytest.mark.parametrize(
    ("op_type", "attributes"),
    [
        ("MaxPool", {"kernel_shape": [2, 3], "strides": [2, 2], "pads": [1, 1, 0, 1]}),
        ("MaxPool", {"kernel_shape": [2, 2], "dilations": [2, 3], "ceil_mode": 1}),
        ("AveragePool", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
        ("AveragePool", {"kernel_shape": [3, 3], "pads": [2, 1, 1, 0], "count_include_pad": 1}),
        ("GlobalAveragePool", {}),
        ("GlobalMaxPool", {}),
    ],
)
def test_int8_pools_are_close_to_float(op_type: str, attributes: dict[str, object], folder: Path) -> None:
    """int8 results are within the error of rounding to 8 bits."""
    net = one_node(op_type, (1, 6, 9, 8), **attributes)
    assert snr(net, net.samples(8)["x"] + np.float32(0.3), folder) > 30


def _divide_rounded(x: int, divisor: int) -> int:
    """C's division truncates; half the divisor is added away from zero first, and may wrap."""
    shifted = _wrapped(x + divisor // 2 if x > 0 else x - divisor // 2)
    magnitude = abs(shifted) // divisor
    return magnitude if shifted > 0 else -magnitude


@budget(60)
@given(case=cases(AVG_POOL))
def test_the_int8_mean_is_that_of_libjit(case: Case) -> None:
    """Window by window with plain integers: the sum is scaled, divided by the taps inside, and saturated."""
    p, x = case.params, case.inputs["input"]
    assert isinstance(p, AvgPoolParams)
    image = x.reshape(-1, p.in_h, p.in_w, p.channels).astype(int)
    expected = []
    for picture in image:
        for top in range(-p.pad_top, p.out_h * p.stride_h - p.pad_top, p.stride_h):
            for left in range(-p.pad_left, p.out_w * p.stride_w - p.pad_left, p.stride_w):
                rows = slice(max(top, 0), max(min(top + p.kernel_h, p.in_h), 0))
                columns = slice(max(left, 0), max(min(left + p.kernel_w, p.in_w), 0))
                taps = picture[rows, columns].reshape(-1, p.channels) - p.in_offset
                scaled = glow.requantize(taps.sum(axis=0).astype(np.int32), p.out)
                if p.divide:
                    scaled = [_divide_rounded(int(value), len(taps)) if len(taps) else 0 for value in scaled]
                expected += [min(max(_wrapped(int(value) + p.out_offset), -128), 127) for value in scaled]
    assert case.expected()["output"].tolist() == expected


def _wrapped(x: int) -> int:
    return (x + 2**31) % 2**32 - 2**31


def _quantized(net: Net, folder: Path) -> tuple[AvgPoolParams, float]:
    x = net.samples(4)["x"]
    (call,) = [call for call in int8_program(net, x, folder).calls if call.kernel is AVG_POOL]
    graph = stations.load(net.save(folder))
    quantized = stations.quantize(graph, stations.profile(graph, {"x": x}, margin=False), float_io=True)
    (node,) = [node for node in quantized.nodes if isinstance(node.op, AvgPool)]
    source, result = quantized.type_of(node.inputs[0]).quant, quantized.type_of(node.outputs[0]).quant
    assert source and result and isinstance(call.params, AvgPoolParams)
    return call.params, float(np.float32(source.scale) / np.float32(result.scale))


@pytest.mark.parametrize("counts", [0, 1])
def test_the_area_is_in_the_scale_where_padding_counts(counts: int, folder: Path) -> None:
    """With counted padding the scale is divided by the window's area, in float32; else the kernel divides."""
    attributes = {"kernel_shape": [3, 2], "pads": [1, 0, 1, 1], "count_include_pad": counts}
    params, ratio = _quantized(one_node("AveragePool", (1, 2, 6, 5), **attributes), folder)
    expected = float(np.float32(ratio) / np.float32(6)) if counts else ratio
    assert params.out == glow.requantize_params(expected)
    assert params.divide == 1 - counts


@pytest.mark.parametrize("kernel", [MAX_POOL, AVG_POOL])
def test_a_window_in_the_padding_gives_zero(kernel: object) -> None:
    """A window without a tap inside the image stands for 0.0: its int8 result is the offset."""
    out = np.zeros((1, 9), np.int8)
    common = {"in_h": 1, "in_w": 1, "channels": 1, "out_h": 3, "out_w": 3, "kernel_h": 1, "kernel_w": 1}
    common |= {"stride_h": 1, "stride_w": 1, "pad_top": 1, "pad_left": 1, "images": 1}
    if kernel is MAX_POOL:
        MAX_POOL.run(MaxPoolParams(**common, empty=-7), [np.full((1, 1), 5, np.int8), out])
    else:
        same = glow.requantize_params(1.0)
        params = AvgPoolParams(**common, divide=1, in_offset=-7, out_offset=-7, out=same)
        AVG_POOL.run(params, [np.full((1, 1), 5, np.int8), out])
    assert out.reshape(3, 3).tolist() == [[-7] * 3, [-7, 5, -7], [-7] * 3]


def test_a_float_window_in_the_padding_gives_zero() -> None:
    """The float MaxPool says 0.0 there too, as Glow's does, and not minus infinity."""
    (result,) = MaxPool(Window((1, 1), (1, 1), (1, 0, 0, 0))).run_float(np.full((1, 1, 1, 1, 1), -2, np.float32))
    assert result.ravel().tolist() == [0.0, -2.0]


def test_nodes_are_named_as_glow_names_them(folder: Path) -> None:
    """The transpose before the pool takes the node's name, the pool the next number."""
    graph = load_onnx(one_node("GlobalAveragePool", (1, 3, 5, 4)).save(folder))
    assert [(node.name, node.op.kind) for node in graph.nodes] == [
        ("node", "Transpose"),
        ("node__1", "AvgPool"),
        ("node__2", "Transpose"),
    ]


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (one_node("MaxPool", (1, 2, 5, 5), kernel_shape=[2]), "kernel_shape [2]"),
        (one_node("MaxPool", (1, 2, 5, 5), kernel_shape=[6, 6]), "does not fit"),
        (one_node("GlobalAveragePool", (2, 3)), "input shape [2, 3]; expected 3 or 4 dimensions"),
        (one_node("GlobalMaxPool", (2, 3)), "input shape [2, 3]; expected 3 or 4 dimensions"),
    ],
)
def test_unsupported_forms_say_what_was_found(net: Net, message: str, folder: Path) -> None:
    """A form that cannot be compiled is named together with what is supported."""
    assert message in model_problem(net, folder)


def test_indices_say_where_the_largest_taps_lie(folder: Path) -> None:
    """MaxPool's second output: their number in the whole input, in rows or in columns."""
    x = np.random.default_rng(0).standard_normal((2, 2, 3, 5, 4)).astype(np.float32)
    for by_columns in (0, 1):
        net = one_node("MaxPool", (2, 3, 5, 4), kernel_shape=[3, 2], strides=[2, 1], storage_order=by_columns)
        net.proto.graph.node[0].output.append("indices")
        net.proto.graph.output.append(helper.make_tensor_value_info("indices", TensorProto.INT64, None))
        graph = load_onnx(net.save(folder))
        largest, indices = run_graph(graph, {"x": x}).values()
        planes = x.swapaxes(-1, -2) if by_columns else x
        found = np.stack([one.ravel()[at] for one, at in zip(planes, indices, strict=True)])
        np.testing.assert_array_equal(found, largest)
        np.testing.assert_array_equal(largest, _pooled(x, net, average=False).astype(np.float32))


def test_sums_that_could_leave_32_bits_are_refused() -> None:
    """A window of more than 2**31 / 255 elements is refused when it is lowered."""
    edit = GraphEditor("net")
    image = edit.placeholder("x", TensorType((1, 2902, 2902, 1), "int8", QuantParams(1.0, 0)))
    mean = edit.add("mean", AvgPool(Window((2902, 2902))), [image])
    edit.set_type(mean.name, replace(mean.type, quant=QuantParams(1.0, 0)))
    edit.output("y", mean.name)
    with pytest.raises(ModelError, match=r"a window of \[2902, 2902\]; expected sums that fit 32 bits"):
        lower(edit.finish())
