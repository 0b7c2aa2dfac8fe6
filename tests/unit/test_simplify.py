"""Station 2: the simplified float graph computes the same, with fewer nodes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

import tinyglow
from tests.helpers import Net, NetBuilder, conv_net, nets
from tinyglow.interp import run_graph
from tinyglow.ir.graph import Graph
from tinyglow.pipeline.dump import Dump
from tinyglow.testing import budget


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For model files; each overwrites the one before."""
    return tmp_path_factory.mktemp("models")


def _kinds(graph: Graph) -> list[str]:
    return [node.op.kind for node in graph.nodes]


def _simplified(net: Net, folder: Path) -> Graph:
    return tinyglow.load(net.save(folder), define=net.define)


@budget(120, full=3_000)
@given(net=nets())
def test_simplified_models_compute_what_onnx_says(folder: Path, net: Net) -> None:
    """Simplification changes no output beyond float rounding, and leaves no Transpose that moves nothing."""
    inputs = net.samples(2)
    graph = _simplified(net, folder)
    expected = net.reference(inputs)
    for name, array in run_graph(graph, inputs).items():
        np.testing.assert_allclose(array, expected[graph.source_names[name]], rtol=1e-4, atol=1e-4)
    for node in graph.nodes:
        if node.op.kind == "Transpose":
            kept = [axis for axis in node.op.perm if graph.type_of(node.inputs[0]).shape[axis] != 1]
            assert kept != sorted(kept), "a transpose that moves no data should be a reshape"


def test_transposes_between_convolutions_cancel(folder: Path) -> None:
    """In a chain of NCHW convolutions, pools and ReLUs only the first and the last transpose are left."""
    build = NetBuilder()
    y = "x"
    for _ in range(3):
        y = build.node("Conv", y, build.weights(2, 2, 3, 3), pads=[1, 1, 1, 1])
        y = build.node("Relu", y)
        y = build.node("MaxPool", y, kernel_shape=[2, 2], pads=[0, 0, 1, 1])
    kinds = _kinds(_simplified(build.build({"x": (1, 2, 6, 6)}, [y]), folder))
    assert kinds == ["Transpose", *["Conv2D", "Relu", "MaxPool"] * 3, "Transpose"]


def test_transposes_of_one_channel_are_reshapes(folder: Path) -> None:
    """With one channel NCHW and NHWC are the same bytes; no transpose remains."""
    build = NetBuilder()
    y = build.node("Conv", "x", build.weights(1, 1, 3, 3))
    assert _kinds(_simplified(build.build({"x": (1, 1, 6, 6)}, [y]), folder)) == ["Reshape", "Conv2D", "Reshape"]


def test_models_that_transpose_to_nchw_themselves_lose_both(folder: Path) -> None:
    """An NHWC model exported with transposes around its convolution keeps the convolution alone."""
    build = NetBuilder()
    y = build.node("Transpose", "x", perm=[0, 3, 1, 2])
    y = build.node("Conv", y, build.weights(3, 2, 1, 1))
    y = build.node("Transpose", y, perm=[0, 2, 3, 1])
    assert _kinds(_simplified(build.build({"x": (1, 4, 4, 2)}, [y]), folder)) == ["Conv2D"]


@pytest.mark.parametrize("bias", [(3,), (1, 3), (1,), ()])
@pytest.mark.parametrize("swapped", [False, True])
def test_matmul_and_bias_are_fully_connected(bias: tuple[int, ...], swapped: bool, folder: Path) -> None:
    """MatMul + Add is one FullyConnected, in either order of the operands, whatever the bias's shape."""
    build = NetBuilder()
    terms = [build.node("MatMul", "x", build.weights(4, 3)), build.constant(np.full(bias, 2.0))]
    y = build.node("Add", *(reversed(terms) if swapped else terms))
    assert _kinds(_simplified(build.build({"x": (2, 4)}, [y]), folder)) == ["FullyConnected"]


def test_a_product_that_is_used_twice_stays(folder: Path) -> None:
    """MatMul + Add is not fused where the product itself is an output: both values must be right."""
    build = NetBuilder()
    product = build.node("MatMul", "x", build.weights(4, 3), output="product")
    total = build.node("Add", product, build.constant([1.0, 2.0, 3.0]), output="total")
    net = build.build({"x": (1, 4)}, [product, total])
    inputs = net.samples(2)
    results = run_graph(_simplified(net, folder), inputs)
    for name, expected in net.reference(inputs).items():
        np.testing.assert_allclose(results[name], expected, rtol=1e-5, atol=1e-5)


def test_a_bias_for_each_row_is_no_bias(folder: Path) -> None:
    """An addend that differs between the rows of a product is not taken for a bias."""
    build = NetBuilder()
    y = build.node("Add", build.node("MatMul", "x", build.weights(4, 3)), build.constant([[1.0], [2.0]]))
    net = build.build({"x": (2, 4)}, [y])
    inputs = net.samples(2)
    (result,) = run_graph(_simplified(net, folder), inputs).values()
    np.testing.assert_allclose(result, net.reference(inputs)[y], rtol=1e-5, atol=1e-5)


def test_constants_are_folded(folder: Path) -> None:
    """Nodes of constants alone are computed at compile time."""
    build = NetBuilder()
    table = build.node("Transpose", build.constant(np.arange(6.0).reshape(2, 3)), perm=[1, 0])
    table = build.node("Reshape", build.node("Relu", table), build.constant([1, 6]))
    net = build.build({"x": (1, 6)}, [build.node("Add", "x", table)])
    graph = _simplified(net, folder)
    assert _kinds(graph) == ["Add"]
    inputs = net.samples(1)
    np.testing.assert_allclose(*run_graph(graph, inputs).values(), *net.reference(inputs).values(), rtol=1e-6)


def test_reshapes_in_a_row_are_one(folder: Path) -> None:
    """Of several reshapes the last one is left, and none where the shape is the same again."""
    build = NetBuilder()
    y = build.node("Reshape", "x", build.constant([4, 3]))
    y = build.node("Flatten", y, axis=0)
    z = build.node("Reshape", y, build.constant([2, -1]))
    same = build.node("Relu", build.node("Reshape", y, build.constant([2, 6])), output="same")
    assert _kinds(_simplified(build.build({"x": (2, 6)}, [z, same]), folder)).count("Reshape") == 0


def test_every_station_writes_its_dump(tmp_path: Path) -> None:
    """With a dump folder each of the nine stations leaves one text, numbered and named, that shows its work."""
    net, dump = conv_net(), Dump(tmp_path / "dump")
    graph = tinyglow.load(net.save(tmp_path), dump=dump)
    profile = tinyglow.profile(graph, net.samples(4), dump=dump)
    program = tinyglow.lower(tinyglow.quantize(graph, profile, dump=dump), dump=dump)
    tinyglow.emit(program, tmp_path / "bundle", dump=dump)
    texts = {path.stem: path.read_text(encoding="utf-8") for path in (tmp_path / "dump").iterdir()}
    stations = ("read", "simplify", "profile", "quantize", "tidy", "fuse", "lower", "plan", "emit")
    assert sorted(texts) == [f"{number}_{name}" for number, name in enumerate(stations, start=1)]
    assert "Relu(" in texts["1_read"] and "Conv2D(" in texts["2_simplify"]
    assert "Quantize(" in texts["4_quantize"] and "Quantize(" not in texts["5_tidy"]
    assert "tg_conv2d_s8(" in texts["7_lower"]
    assert "net.weights.bin " in texts["9_emit"]
    # Stations 7 and 8 differ in the addresses alone, which only the planner gives.
    assert "activations[-1.." in texts["7_lower"] and "[-1.." not in texts["8_plan"]
