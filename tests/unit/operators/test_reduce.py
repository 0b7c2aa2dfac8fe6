"""ReduceSum, ReduceMean, ReduceMax; Tile and Expand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import Net, NetBuilder
from tests.unit.operators.checks import check_float, int8_program, kernels, refusal, snr
from tinyglow.ir.op import UnsupportedError
from tinyglow.kernels.reduce.loops import reduce_loops
from tinyglow.kernels.reduce.reduce_max import ReduceMaxParams
from tinyglow.testing import budget

SHAPE = (1, 3, 4, 5)
AXES = [(1,), (3,), (2, 3), (1, 2), (-1, -3), (0, 1, 2, 3), None]


def _net(op: str, axes: tuple[int, ...] | None, keep: bool, opset: int = 13, shape: tuple[int, ...] = SHAPE) -> Net:
    """``op`` on the input x; its axes are an input from the operator set on that has them so, else an attribute."""
    build = NetBuilder()
    inputs, attributes = ["x"], {"keepdims": int(keep)}
    if axes is not None and opset >= (13 if op == "ReduceSum" else 18):
        inputs.append(build.constant(list(axes)))
    elif axes is not None:
        attributes["axes"] = list(axes)
    y = build.node(op, *inputs, **attributes)
    # What is one number for all samples, or has lost its batch, gets a first dimension again.
    build.node("Reshape", y, build.constant([1, -1]), output="y")
    return build.build({"x": shape}, ["y"], opset=opset)


@pytest.mark.parametrize("opset", [11, 13, 18])
@pytest.mark.parametrize("keep", [False, True], ids=["drop", "keep"])
@pytest.mark.parametrize("axes", AXES, ids=str)
@pytest.mark.parametrize("op", ["ReduceSum", "ReduceMean", "ReduceMax"])
def test_float_graph_equals_onnx(op: str, axes: tuple[int, ...] | None, keep: bool, opset: int, tmp_path: Path) -> None:
    """Every set of axes, kept or dropped, given as attribute or input, reduces as in onnx."""
    check_float(_net(op, axes, keep, opset), tmp_path)


@pytest.mark.parametrize("axes", AXES, ids=str)
@pytest.mark.parametrize("op", ["ReduceSum", "ReduceMean", "ReduceMax"])
def test_int8_is_close_to_float(op: str, axes: tuple[int, ...] | None, tmp_path: Path) -> None:
    """Quantized, sums over several dimensions are whole sums, and means keep their precision."""
    assert snr(_net(op, axes, keep=True), tmp_path) > 22


def test_mean_over_an_image_is_a_pool(tmp_path: Path) -> None:
    """The mean over height and width runs as a pool, as in Glow, without a transpose after a convolution."""
    build = NetBuilder()
    image = build.node("Conv", "x", build.weights(4, 2, 3, 3))
    mean = build.node("ReduceMean", image, axes=[2, 3], keepdims=0)
    build.node("Gemm", mean, build.weights(4, 3), output="y")
    net = build.build({"x": (1, 2, 6, 6)}, ["y"])
    graph = check_float(net, tmp_path)
    assert [node.op.kind for node in graph.nodes] == ["Transpose", "Conv2D", "AvgPool", "Reshape", "FullyConnected"]
    assert "tg_avg_pool_s8" in kernels(int8_program(net, tmp_path))
    assert snr(net, tmp_path) > 25


def test_no_axes_may_mean_nothing(tmp_path: Path) -> None:
    """With noop_with_empty_axes an empty list of axes leaves the input as it is."""
    build = NetBuilder()
    y = build.node("ReduceSum", "x", noop_with_empty_axes=1)
    build.node("Relu", y, output="y")
    graph = check_float(build.build({"x": (1, 6)}, ["y"]), tmp_path)
    assert [node.op.kind for node in graph.nodes] == ["Relu"]


def test_constants_are_reduced_by_the_importer(tmp_path: Path) -> None:
    """A reduced constant is a constant: a shape, for one."""
    build = NetBuilder()
    size = build.node("ReduceMax", build.constant([2, 6, 3]), axes=[0])
    build.node("Reshape", "x", build.node("Max", size, build.constant([1, 2])), output="y")
    assert "[1, 6] cannot become [6, 6]" in refusal(build.build({"x": (1, 6)}, ["y"]), tmp_path)
    build = NetBuilder()
    size = build.node("ReduceSum", build.constant([2, 3, 1]), build.constant([0]))
    build.node("Reshape", "x", build.node("Max", size, build.constant([1, 2])), output="y")
    check_float(build.build({"x": (2, 18)}, ["y"]), tmp_path)


@pytest.mark.parametrize(("axes", "message"), [((4,), "axes [4] for 4 dimensions"), ((1, -3), "axes [1, -3]")])
def test_bad_axes_are_refused(axes: tuple[int, ...], message: str, tmp_path: Path) -> None:
    """Axes that are not there, or twice, are told with the number of dimensions."""
    build = NetBuilder()
    build.node("ReduceMean", "x", axes=list(axes), output="m")
    build.node("Relu", "x", output="y")
    assert message in refusal(build.build({"x": SHAPE}, ["y"], opset=13), tmp_path)


def test_axes_at_run_time_are_refused(tmp_path: Path) -> None:
    """Axes that depend on the input are told as such."""
    build = NetBuilder()
    build.node("ReduceSum", "x", "x", output="y")
    net = build.build({"x": (1,)}, ["y"])
    assert "axes that are computed at run time" in refusal(net, tmp_path)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.data())
@budget(quick=200)
def test_loops_reduce_what_numpy_reduces(shape: list[int], data: st.DataObject) -> None:
    """The loops of the kernels group elements as numpy does, for any dimensions and axes."""
    axes = tuple(axis for axis in range(len(shape)) if data.draw(st.booleans()))
    values = np.arange(int(np.prod(shape)))
    params = ReduceMaxParams(**reduce_loops(tuple(shape), axes))
    expected = values.reshape(shape).sum(axis=axes)
    assert (params.groups(values[None])[0].sum(axis=1) == expected.ravel()).all()


def test_too_many_runs_are_refused() -> None:
    """Dimensions that are reduced and kept in turn four times exceed the kernel, which is told."""
    with pytest.raises(UnsupportedError, match="axes"):
        reduce_loops((2,) * 8, (0, 2, 4, 6))


# Tile and Expand


@pytest.mark.parametrize("repeats", [(1, 1, 1), (1, 2, 1), (1, 2, 3), (2, 1, 4), (1, 1, 5)], ids=str)
def test_tile(repeats: tuple[int, ...], tmp_path: Path) -> None:
    """Tile repeats along any dimensions, in float and without loss in int8."""
    build = NetBuilder()
    build.node("Relu", build.node("Tile", "x", build.constant(list(repeats)), name="t"), output="y")
    net = build.build({"x": (1, 3, 4)}, ["y"])
    check_float(net, tmp_path)
    assert snr(net, tmp_path) > 35


@pytest.mark.parametrize("shape", [(1, 3, 4), (5, 3, 4), (1, 1), (2, 1, 3, 1), (6, 1, 1, 1)], ids=str)
def test_expand(shape: tuple[int, ...], tmp_path: Path) -> None:
    """Expand repeats dimensions of size 1, adds new ones, and keeps those that are larger than asked for."""
    build = NetBuilder()
    build.node("Relu", build.node("Expand", "x", build.constant(list(shape)), name="e"), output="y")
    net = build.build({"x": (1, 3, 1) if len(shape) < 4 else (1, 3, 4)}, ["y"])
    check_float(net, tmp_path)
    assert snr(net, tmp_path) > 35


BAD_TILES = {
    "a repeat of 0": (("Tile", [1, 0]), "repeats [1, 0] of shape [1, 6]"),
    "too few repeats": (("Tile", [2]), "a positive number for each dimension"),
    "a shape that does not fit": (("Expand", [1, 5]), "shape [1, 5] for a tensor of shape [1, 6]"),
}


@pytest.mark.parametrize("name", BAD_TILES)
def test_bad_tiles_are_refused(name: str, tmp_path: Path) -> None:
    """Repeats and shapes that do not fit are told with the input's shape."""
    (op, operand), message = BAD_TILES[name]
    build = NetBuilder()
    build.node(op, "x", build.constant(operand), output="t")
    build.node("Relu", "x", output="y")
    assert message in refusal(build.build({"x": (1, 6)}, ["y"]), tmp_path)
