"""Float operators in int8 networks: what they compute, where their borders are, and which of those are folded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import Net, NetBuilder
from tests.unit.operators.checks import kernels, loaded
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Graph
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.operators.dequantize import Dequantize
from tinyglow.operators.quantize import Quantize
from tinyglow.passes.tidy import tidy
from tinyglow.pipeline import stations
from tinyglow.quant.scheme import Scheme
from tinyglow.targets.boards import load_board

BOARDS = ["host", "cortex-m0plus", "cortex-m7"]


def _islands() -> Net:
    build = NetBuilder(1)
    x = build.node("Conv", "x", build.weights(4, 2, 3, 3), build.weights(4), pads=[1, 1, 1, 1])
    x = build.node("Exp", build.node("Mul", build.node("Relu", x), build.constant(0.3)))
    x = build.node("Relu", build.node("Conv", x, build.weights(3, 4, 3, 3), build.weights(3)))
    x = build.node("Gemm", build.node("Flatten", x), build.weights(48, 10), build.weights(10))
    x = build.node("Add", x, build.weights(1, 10))
    build.node("Softmax", x, output="y", axis=1)
    return build.build({"x": (1, 2, 6, 6)}, ["y"])


# Kinds that are kept float, and kernels that are called then.
_BORDERS = ["map_exp_f32", "dequantize_s8_f32", "quantize_f32_s8"]
ISLANDS = {
    "nothing": (frozenset(), [*_BORDERS]),
    "Convolution": (frozenset({"Convolution"}), ["conv2d_f32", "rescale_s8", *_BORDERS]),
    "FullyConnected": (frozenset({"FullyConnected"}), ["fully_connected_f32", *_BORDERS]),
    "Relu": (frozenset({"Relu"}), ["relu_f32", *_BORDERS]),
    "Add": (frozenset({"Add"}), ["add_f32", *_BORDERS]),
    "layers": (frozenset({"Convolution", "FullyConnected"}), ["conv2d_f32", "fully_connected_f32", *_BORDERS]),
}


def _quantized(net: Net, folder: Path, scheme: Scheme, float_io: bool = False) -> Graph:
    graph = loaded(net, folder)
    return stations.quantize(graph, stations.profile(graph, net.samples(16)), scheme, float_io)


@pytest.mark.parametrize("kept", ISLANDS)
@pytest.mark.slow  # compiles C
def test_islands_are_float_and_the_rest_int8(kept: str, tmp_path: Path) -> None:
    """A kind of operator that is kept, or has no int8 form, is float between borders, everywhere alike."""
    kinds, expected = ISLANDS[kept]
    net = _islands()
    program = stations.lower(_quantized(net, tmp_path, Scheme(keep_float=kinds | {"Exp"})))
    called = kernels(program)
    assert {f"tg_{name}" for name in expected} <= set(called)
    for kind, stem in (("Convolution", "conv2d"), ("FullyConnected", "fully_connected"), ("Add", "add")):
        assert f"tg_{stem}_{'s8' if kind in kinds else 'f32'}" not in called
    inputs = net.samples(16)
    results = stations.interpret(program, inputs)
    (name,) = program.outputs
    quant = program.buffers[name].type.quant
    assert quant is not None
    real = (results[name].astype(np.float64) - quant.offset) * quant.scale
    (truth,) = net.reference(inputs).values()
    error = real.reshape(truth.shape) - truth
    assert 10 * np.log10((truth**2).sum() / (error**2).sum()) > 30
    tinyglow.emit(program, tmp_path / "bundle")
    few = {name: x[:2] for name, x in inputs.items()}
    for board in BOARDS:
        (actual,) = tinyglow.simulate(tmp_path / "bundle", load_board(board), few).outputs.values()
        assert actual.tobytes() == results[name][:2].tobytes()


def _count(graph: Graph, kind: type) -> int:
    return sum(isinstance(node.op, kind) for node in graph.nodes)


def test_neighbouring_float_operators_share_an_island(tmp_path: Path) -> None:
    """Nothing is quantized between two float operators: one Dequantize before them and one Quantize after."""
    build = NetBuilder(2)
    x = build.node("Gemm", "x", build.weights(8, 8))
    x = build.node("Sqrt", build.node("Abs", build.node("Exp", x)))
    build.node("Gemm", x, build.weights(8, 4), output="y")
    scheme = Scheme(keep_float=frozenset({"Exp", "Abs", "Sqrt"}))
    graph = _quantized(build.build({"x": (1, 8)}, ["y"]), tmp_path, scheme)
    assert (_count(graph, Quantize), _count(graph, Dequantize)) == (1, 1)


def _borders(first: type, second: type) -> Graph:
    """An input, one border after the other, an output; Quantize has scale 0.5, what is int8 at the input 0.25."""
    edit = GraphEditor("net")
    types = {Dequantize: TensorType((1, 4)), Quantize: TensorType((1, 4), "int8", QuantParams(0.5, 3))}
    kind = types[Dequantize] if first is Quantize else TensorType((1, 4), "int8", QuantParams(0.25, -1))
    value = edit.placeholder("x", kind)
    for op in (first, second):
        value = edit.add(op.__name__, op(), [value], types=(types[op],))
    edit.output("y", value.name)
    return edit.finish()


def test_borders_that_meet_are_folded() -> None:
    """Quantize(Dequantize(x)) is a rescale, and Dequantize(Quantize(x)) is x."""
    rescaled = tidy(_borders(Dequantize, Quantize), float_io=True)
    assert [node.op.kind for node in rescaled.nodes] == ["Rescale"]
    program = stations.lower(rescaled)
    (result,) = stations.interpret(program, {"x": np.array([[-1, 0, 1, 127]], np.int8)}).values()
    assert result.ravel().tolist() == [3, 4, 4, 67]  # ties upwards
    assert not tidy(_borders(Quantize, Dequantize), float_io=True).nodes


def test_float_operators_of_inputs_are_not_folded(tmp_path: Path) -> None:
    """Of two float operators, that of constants alone is gone from the int8 graph, and that of an input is there."""
    build = NetBuilder(3)
    x = build.node("Exp", build.node("Gemm", "x", build.weights(8, 8)))
    build.node("Add", x, build.node("Exp", build.weights(1, 8)), output="y")
    graph = _quantized(build.build({"x": (1, 8)}, ["y"]), tmp_path, Scheme(keep_float=frozenset({"Exp"})))
    assert [node.op.kind for node in graph.nodes if node.op.kind == "Exp"] == ["Exp"]


@pytest.mark.parametrize(
    "scheme", [Scheme(), Scheme(like_glow=True), Scheme(precision="int16")], ids=["tiny", "glow", "int16"]
)
def test_an_input_that_is_an_output_stays_float(scheme: Scheme, tmp_path: Path) -> None:
    """Its reader asks for coarser steps than its own range does; as an output it is not rounded to them."""
    build = NetBuilder(4)
    build.node("Identity", "x", output="same")
    build.node("Concat", "x", build.node("Mul", "x", build.constant(9.0)), output="wide", axis=1)
    net = build.build({"x": (1, 8)}, ["same", "wide"])
    program = stations.lower(_quantized(net, tmp_path, scheme))
    inputs = net.samples(4)
    results = stations.interpret(program, inputs)
    assert results["same"].dtype == np.float32
    assert np.array_equal(results["same"].reshape(4, 8), inputs["x"].reshape(4, 8))
    assert results["wide"].dtype.kind == "i"
    tinyglow.emit(program, tmp_path / "bundle")
    answers = tinyglow.simulate(tmp_path / "bundle", load_board("host"), inputs).outputs
    assert all(answers[name].tobytes() == results[name].tobytes() for name in results)
