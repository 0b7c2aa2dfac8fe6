"""Chains of one-element functions between two int8 values are one table of 256 entries."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import Net, NetBuilder
from tinyglow.ir.graph import Array, Graph
from tinyglow.operators.element_function import IntLookupTable
from tinyglow.operators.element_table import ElementTable
from tinyglow.pipeline.validate import validate
from tinyglow.quant.scheme import Scheme

Function = Callable[[NetBuilder, str], str]
Exact = Callable[[Array], Array]

_real_erf = np.vectorize(math.erf)


def _number(build: NetBuilder, number: float) -> str:
    return build.constant(np.float32(number))


def _gelu(build: NetBuilder, x: str) -> str:
    share = build.node("Erf", build.node("Div", x, _number(build, np.sqrt(2))))
    return build.node("Mul", build.node("Mul", x, build.node("Add", share, _number(build, 1))), _number(build, 0.5))


def _tanh_gelu(build: NetBuilder, x: str) -> str:
    cube = build.node("Mul", build.node("Pow", x, _number(build, 3)), _number(build, 0.044715))
    inner = build.node("Mul", build.node("Add", x, cube), _number(build, np.sqrt(2 / np.pi)))
    share = build.node("Add", build.node("Tanh", inner), _number(build, 1))
    return build.node("Mul", build.node("Mul", x, _number(build, 0.5)), share)


def _swish(build: NetBuilder, x: str) -> str:
    return build.node("Mul", x, build.node("Sigmoid", x))


def _mish(build: NetBuilder, x: str) -> str:
    softplus = build.node("Log", build.node("Add", build.node("Exp", x), _number(build, 1)))
    return build.node("Mul", build.node("Tanh", softplus), x)


def _hard_swish(build: NetBuilder, x: str) -> str:
    bounded = build.node("Clip", build.node("Add", x, _number(build, 3)), _number(build, 0), _number(build, 6))
    return build.node("Div", build.node("Mul", x, bounded), _number(build, 6))


def _power(build: NetBuilder, x: str) -> str:
    return build.node("Pow", build.node("Add", build.node("Relu", x), _number(build, 0.5)), _number(build, 1.7))


def _erf(build: NetBuilder, x: str) -> str:
    return build.node("Erf", x)


FUNCTIONS: dict[str, tuple[Function, Exact]] = {
    "gelu": (_gelu, lambda x: x * 0.5 * (1 + _real_erf(x / np.sqrt(2)))),
    "tanh gelu": (_tanh_gelu, lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))),
    "swish": (_swish, lambda x: x / (1 + np.exp(-x))),
    "mish": (_mish, lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    "hard swish": (_hard_swish, lambda x: x * np.clip(x + 3, 0, 6) / 6),
    "power": (_power, lambda x: (np.maximum(x, 0) + 0.5) ** 1.7),
    "erf": (_erf, _real_erf),
}


def _net(function: Function, seed: int = 3) -> Net:
    """Convolution, the function, convolution."""
    build = NetBuilder(seed)
    y = function(build, build.node("Conv", "x", build.weights(8, 3, 3, 3), build.weights(8), pads=[1, 1, 1, 1]))
    return build.build({"x": (1, 3, 8, 8)}, [build.node("Conv", y, build.weights(4, 8, 1, 1), build.weights(4))])


def _quantized(net: Net, folder: Path, scheme: Scheme | None = None) -> Graph:
    scheme = scheme or Scheme()
    graph = tinyglow.load(net.save(folder), like_glow=scheme.like_glow)
    return tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(24)), scheme)


def _kinds(graph: Graph) -> list[str]:
    return [node.op.kind for node in graph.nodes if node.op.kind not in ("Transpose", "Reshape")]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_chain_between_two_layers_is_one_table(name: str, tmp_path: Path) -> None:
    """Whatever it is made of; the entries are the function of each int8 value, rounded once."""
    function, exact = FUNCTIONS[name]
    graph = _quantized(_net(function), tmp_path)
    assert _kinds(graph) == ["Conv2D", "IntLookupTable", "Conv2D"]
    (node,) = (node for node in graph.nodes if isinstance(node.op, IntLookupTable))
    source, result = (graph.type_of(value).quant for value in (node.inputs[0], node.outputs[0]))
    table = graph.values[node.inputs[1]].data
    assert source and result and table is not None
    y = exact((np.arange(-128, 128) - source.offset) * source.scale) / result.scale + result.offset
    assert np.abs(table - np.clip(y, -128, 127)).max() < 0.502  # half a step, and float32's own rounding
    assert len(set(table.tolist())) > 60


@pytest.mark.parametrize("name", FUNCTIONS)
def test_tables_are_as_accurate_as_floats(name: str, tmp_path: Path) -> None:
    """At least as accurate as with the chain in float between conversions."""
    net = _net(FUNCTIONS[name][0])
    graph = tinyglow.load(net.save(tmp_path))
    profile, inputs = tinyglow.profile(graph, net.samples(24)), net.samples(24, seed=2)
    (expected,) = net.reference(inputs).values()

    def noise(scheme: Scheme) -> float:
        program = tinyglow.lower(tinyglow.quantize(graph, profile, scheme))
        (actual,) = tinyglow.interpret(program, inputs).values()
        quant = program.buffers[program.outputs[0]].type.quant
        assert quant
        real = (actual.astype(np.float64) - quant.offset) * quant.scale
        return float(((real - expected.reshape(real.shape)) ** 2).mean())

    chain = frozenset(node.origin for node in graph.nodes if node.op.elementwise)
    assert noise(Scheme()) <= 1.2 * noise(Scheme(float_nodes=chain))


def test_glow_has_no_such_tables(tmp_path: Path) -> None:
    """Glow's graph keeps Erf in float, and each product as a node of its own."""
    kinds = _kinds(_quantized(_net(_gelu), tmp_path, Scheme(like_glow=True)))
    assert {"Erf", "Dequantize", "Quantize", "Mul"} <= set(kinds)


def test_a_value_that_others_read_is_computed(tmp_path: Path) -> None:
    """A table ends at a value that something outside of the chain reads; another begins there."""

    def function(build: NetBuilder, x: str) -> str:
        share = build.node("Erf", x)
        pooled = build.node("MaxPool", share, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        return build.node("Add", build.node("Mul", share, build.node("Tanh", share)), pooled)

    graph = _quantized(_net(function), tmp_path)
    tables = [node.op.of for node in graph.nodes if isinstance(node.op, IntLookupTable)]
    assert [len(table.steps) for table in tables if isinstance(table, ElementTable)] == [1, 2]


def test_constants_of_channels_are_no_part_of_a_table(tmp_path: Path) -> None:
    """A factor that differs from channel to channel stays a product."""

    def function(build: NetBuilder, x: str) -> str:
        scaled = build.node("Mul", build.node("Erf", x), build.constant(np.linspace(0.5, 2, 8).reshape(8, 1, 1)))
        return build.node("Exp", scaled)

    kinds = _kinds(_quantized(_net(function), tmp_path))
    assert kinds == ["Conv2D", "IntLookupTable", "Mul", "IntLookupTable", "Conv2D"]


def test_what_shall_be_float_stays_float(tmp_path: Path) -> None:
    """A node that the user names is in no table."""
    net = _net(_gelu)
    erf = next(node.name for node in net.proto.graph.node if node.op_type == "Erf")
    assert "Erf" in _kinds(_quantized(net, tmp_path, Scheme(float_nodes=frozenset({erf}))))


def test_floats_at_a_border_stay_floats(tmp_path: Path) -> None:
    """Neither an input that only a float function reads nor an output of one is rounded for a table's sake."""
    build = NetBuilder(5)
    y = build.node("Gemm", build.node("Exp", "x"), build.weights(8, 8), build.weights(8))
    net = build.build({"x": (1, 8)}, [build.node("Exp", build.node("Neg", y))])
    assert _kinds(_quantized(net, tmp_path)) == ["Exp", "Quantize", "FullyConnected", "Dequantize", "Neg", "Exp"]


def test_inputs_that_make_no_difference_get_no_steps(tmp_path: Path) -> None:
    """The layer in front spends its steps between the bounds, as it would for a bound alone."""

    def function(build: NetBuilder, x: str) -> str:
        return build.node("Erf", build.node("Clip", x, _number(build, -0.25), _number(build, 0.5)))

    graph = _quantized(_net(function), tmp_path)
    (node,) = (node for node in graph.nodes if isinstance(node.op, IntLookupTable))
    low, high = graph.type_of(node.inputs[0]).ends()
    assert -0.3 < low < -0.2 and 0.45 < high < 0.55


def test_a_table_takes_its_rescales(tmp_path: Path) -> None:
    """Sigmoid between two pools: one table, where Glow has a rescale before it and one after it."""

    def function(build: NetBuilder, x: str) -> str:
        pooled = build.node("MaxPool", x, kernel_shape=[2, 2])
        return build.node("MaxPool", build.node("Sigmoid", pooled), kernel_shape=[2, 2])

    kinds = _kinds(_quantized(_net(function), tmp_path))
    assert kinds == ["Conv2D", "MaxPool", "IntLookupTable", "MaxPool", "Conv2D"]
    assert "Rescale" in _kinds(_quantized(_net(function), tmp_path, Scheme(like_glow=True)))


def test_a_long_chain_takes_few_tables(tmp_path: Path) -> None:
    """Functions without end are cut into tables; the search takes time in proportion."""

    def function(build: NetBuilder, x: str) -> str:
        for index in range(80):
            x = build.node(("Erf", "Exp")[index % 2], x)
            x = build.node("Mul", x, _number(build, 0.7))
        return x

    kinds = _kinds(_quantized(_net(function), tmp_path))
    assert set(kinds) == {"Conv2D", "IntLookupTable"} and kinds.count("IntLookupTable") == 3


def _celu(build: NetBuilder, y: str) -> str:
    return build.node("Celu", y, alpha=0.7)


def _dead_zone(build: NetBuilder, y: str) -> str:
    inside = build.node(
        "And", build.node("Less", y, build.constant(0.5)), build.node("Greater", y, build.constant(-0.5))
    )
    return build.node("Where", inside, build.node("Mul", y, build.constant(0.25)), y)


@pytest.mark.parametrize("make", [_celu, _dead_zone])
def test_choices_between_pieces_are_tables(make: Callable[[NetBuilder, str], str], tmp_path: Path) -> None:
    """Truth values on the way from one value to another are a part of the function, in either order of dimensions.

    ``validate`` measures such a network too, in which truth values have no error.
    """
    build = NetBuilder(3)
    y = make(build, build.node("Conv", "x", build.weights(4, 3, 3, 3)))
    net = build.build({"x": (1, 3, 8, 8)}, [build.node("Conv", y, build.weights(2, 4, 3, 3))])
    graph, inputs = tinyglow.load(net.save(tmp_path)), net.samples(12)
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, inputs))
    assert sum(isinstance(node.op, IntLookupTable) for node in quantized.nodes) == 1
    assert all(quantized.type_of(name).dtype == "int8" for node in quantized.nodes for name in node.outputs)
    profile = tinyglow.profile(graph, inputs)
    assert validate(graph, profile, inputs, advise=False).snr > 20
    in_pieces = validate(graph, profile, inputs, Scheme(keep_float=frozenset({"Where"})), advise=False)
    assert "Where" not in [layer.kind for layer in in_pieces.layers if layer.dtype == "bool"]
