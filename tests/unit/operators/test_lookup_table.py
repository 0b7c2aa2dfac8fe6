"""Sigmoid, Tanh, Log and HardSwish: float as ONNX defines them, int8 by Glow's tables between Glow's fixed ranges."""

from __future__ import annotations

import ctypes
import ctypes.util
import math
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import NetBuilder
from tests.unit.operators.activation_support import assert_computes, int8_program, kernels_of, one_node, snr
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.operators.element_function import ElementFunction, IntLookupTable
from tinyglow.operators.hard_swish import HardSwish
from tinyglow.operators.log import Log
from tinyglow.operators.rescale import Rescale
from tinyglow.operators.sigmoid import Sigmoid
from tinyglow.operators.tanh import Tanh
from tinyglow.pipeline import stations
from tinyglow.quant.quantizer import quantize
from tinyglow.quant.schema import Schema, choose_params
from tinyglow.quant.scheme import Scheme

FUNCTIONS = ["Sigmoid", "Tanh", "HardSwish"]


@pytest.mark.parametrize(
    ("op_type", "opset"), [("Sigmoid", 11), ("Sigmoid", 13), ("Tanh", 11), ("Tanh", 13), ("HardSwish", 14)]
)
@pytest.mark.parametrize("shape", [(1, 7), (2, 3, 4, 5), (3,)])
def test_functions_compute_what_onnx_says(op_type: str, shape: tuple[int, ...], opset: int, tmp_path: Path) -> None:
    """Inputs of any shape, far beyond the range of the tables too."""
    assert_computes(one_node(op_type, shape, opset=opset), tmp_path, scale=30.0)


def test_log_computes_what_onnx_says(tmp_path: Path) -> None:
    """Of positive numbers."""
    build = NetBuilder()
    build.node("Log", build.node("Sigmoid", "x"), output="y")
    assert_computes(build.build({"x": (1, 7)}, ["y"]), tmp_path)


def test_functions_of_huge_numbers_are_their_limits() -> None:
    """The largest float32 gives the limit without a warning."""
    huge = np.array([[-3e38, 3e38]], np.float32)
    with np.errstate(all="raise"):
        assert Sigmoid().run_float(huge)[0].tolist() == [[0.0, 1.0]]
        assert Tanh().run_float(huge)[0].tolist() == [[-1.0, 1.0]]


@pytest.mark.parametrize("op_type", FUNCTIONS)
def test_int8_functions_are_close_to_float(op_type: str, tmp_path: Path) -> None:
    """int8 results are within the error of rounding to 8 bits, and of the end of the table's range."""
    net = one_node(op_type, (1, 6, 4, 4))
    assert snr(net, net.samples(8)["x"] * np.float32(2), tmp_path) > 28


def test_int8_log_is_close_to_float(tmp_path: Path) -> None:
    """The same of the logarithm, which is looked up in its input's own range."""
    build = NetBuilder()
    build.node("Log", build.node("Add", "x", build.constant(4.0)), output="y")
    net = build.build({"x": (1, 50)}, ["y"])
    assert snr(net, net.samples(8)["x"] * np.float32(0.5), tmp_path) > 28


def _float32_table(function: object, source: QuantParams, result: QuantParams) -> list[int]:
    """createMapping in float32 steps, with a function from C's library."""
    x = np.float32(-128 - source.offset) * np.float32(source.scale)
    table = []
    for _ in range(256):
        y = np.float32(function(float(x)))
        steps = float(np.rint(y / np.float32(result.scale) + np.float32(result.offset)))
        table.append(int(min(max(steps, -128), 127)))
        x = np.float32(x + np.float32(source.scale))
    return table


def _library() -> ctypes.CDLL:
    name = ctypes.util.find_library("m")
    if name is None:
        pytest.skip("C's mathematical library was not found")
    library = ctypes.CDLL(name)
    for function in (library.expf, library.tanhf):
        function.argtypes, function.restype = [ctypes.c_float], ctypes.c_float
    return library


@pytest.mark.parametrize("schema", list(Schema))
@pytest.mark.parametrize("op", [Sigmoid(), Tanh()])
def test_tables_are_those_of_float32_arithmetic(op: Sigmoid | Tanh, schema: Schema) -> None:
    """In every schema all 256 entries are what C computes in float32, as Glow does when it compiles a network."""
    library = _library()

    def sigmoid(x: float) -> np.float32:
        return np.float32(1) / (np.float32(1) + np.float32(library.expf(-x)))

    source, result = choose_params(*op.domain, schema), choose_params(*op.image, schema)
    function = sigmoid if isinstance(op, Sigmoid) else library.tanhf
    assert op.table(source, result).tolist() == _float32_table(function, source, result)


def test_inputs_of_a_table_add_up_in_float32() -> None:
    """Glow adds the scale 255 times to the first input; the sum's error reaches the table."""

    class Identity(ElementFunction):
        def function(self, x: np.ndarray) -> np.ndarray:
            return x

    source, result = QuantParams(float(np.float32(0.1)), -128), QuantParams(2.0**-18, 0)
    sums = np.cumsum(np.full(255, 0.1, np.float32), dtype=np.float32)
    error = sums[-1] - np.float32(25.5)
    assert error != 0
    offset = -round(25.5 * 2**18)
    table = Identity().table(source, QuantParams(result.scale, offset))
    assert table[255] == np.rint(error * 2**18).clip(-128, 127) != 0


def test_log_of_zero_is_that_of_the_smallest_number() -> None:
    """As in Glow, so that an output range wide enough holds it; below zero there is only -128."""
    table = Log().table(QuantParams(1.0, 0), QuantParams(1.0, 0))
    assert table[128] == round(math.log(float(np.finfo(np.float32).tiny)))
    assert table[127] == -128
    assert table[128 + 20] == 3


def test_hard_swish_is_a_curve() -> None:
    """Between -3 and 3 every input counts: x + 3 is not cut to an integer."""
    table = HardSwish().table(QuantParams(3 / 128, 0), QuantParams(1 / 32, 0)).astype(int)
    x = np.arange(-128, 128) * 3 / 128
    assert np.abs(table / 32 - x * (x + 3) / 6).max() <= 1 / 64 + 1e-6


@pytest.mark.parametrize("schema", list(Schema))
def test_bounded_functions_are_looked_up_between_fixed_ranges(schema: Schema, tmp_path: Path) -> None:
    """Tanh becomes rescale, table, rescale under Glow's names; the table's types depend on the schema alone."""
    net = one_node("Tanh", (1, 6))
    graph = stations.load(net.save(tmp_path))
    quantized = quantize(graph, stations.profile(graph, net.samples(2)), Scheme(schema))
    nodes = [node for node in quantized.nodes if isinstance(node.op, Rescale | IntLookupTable)]
    assert [(node.name, node.op.kind) for node in nodes] == [
        ("node__1", "Rescale"),
        ("node__2", "IntLookupTable"),
        ("node__3", "Rescale"),
    ]
    assert quantized.type_of(nodes[0].outputs[0]).quant == choose_params(-3.0, 3.0, schema)
    assert quantized.type_of(nodes[1].outputs[0]).quant == choose_params(-1.0, 1.0, schema)
    assert quantized.values[nodes[1].inputs[1]].type.quant == choose_params(-1.0, 1.0, schema)


def test_transposes_sink_below_functions(tmp_path: Path) -> None:
    """Between a convolution's transposes and a pool's, a function leaves no transpose."""
    build = NetBuilder()
    x = build.node("MaxPool", "x", kernel_shape=[2, 2])
    y = build.node("MaxPool", build.node("Sigmoid", x, name="/Sigmoid"), kernel_shape=[2, 2])
    graph = stations.load(build.build({"x": (1, 1, 8, 8)}, [y]).save(tmp_path))
    assert [node.op.kind for node in graph.nodes if node.op.kind in ("Transpose", "MaxPool", "Sigmoid")] == [
        "MaxPool",
        "Sigmoid",
        "MaxPool",
    ]


def test_a_table_needs_one_kernel_call(tmp_path: Path) -> None:
    """HardSwish is one table between its own ranges."""
    net = one_node("HardSwish", (1, 6))
    kernels = kernels_of(int8_program(net, net.samples(4)["x"], tmp_path))
    assert [name for name in kernels if "quantize" not in name] == ["tg_lookup_s8"]


def test_a_table_node_runs_as_its_function_in_float() -> None:
    """An IntLookupTable stands for the function it was made of."""
    edit = GraphEditor("net")
    x = edit.placeholder("x", TensorType((1, 4), "int8", QuantParams(1.0, 0)))
    mapping = edit.constant("mapping", np.zeros(256, np.int8), TensorType((256,), "int8", QuantParams(0.5, 3)))
    table = edit.add("table", IntLookupTable(Tanh()), [x, mapping])
    assert table.type == TensorType((1, 4), "int8", QuantParams(0.5, 3))
    ones = np.ones((1, 1, 4), np.float32)
    assert np.array_equal(IntLookupTable(Tanh()).run_float(ones, ones)[0], Tanh().run_float(ones)[0])
