"""The oracle's own parts: grids as the quantizer chooses them, what counts as different, what a graph means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import NetBuilder
from tinyglow.quant.schema import Schema, choose_params
from tinyglow.quant.scheme import Scheme
from tinyglow.testing.oracle.compare import decibels, differing, excess, is_significant, noise, power
from tinyglow.testing.oracle.evaluate import Evaluator, real
from tinyglow.testing.oracle.simulate import Grid, Simulation, bounds_of, grid_of, rounded_constant
from tinyglow.testing.oracle.variants import widened, with_other_constants

RANGES = [(0.0, 1.0), (-1.0, 0.0), (-0.3, 2.7), (-5.0, 0.1), (0.25, 1.5), (-2.0, -0.1)]


@pytest.mark.parametrize("schema", Schema)
@pytest.mark.parametrize("bounds", RANGES)
def test_grids_are_those_of_the_quantizer(schema: Schema, bounds: tuple[float, float]) -> None:
    """Written independently, in float64, the simulation chooses what the quantizer does, up to float32's rounding."""
    grid, params = Grid.of(bounds, Scheme(schema)), choose_params(*bounds, schema)
    assert grid.scale == pytest.approx(params.scale, rel=1e-6)
    assert abs(grid.offset - params.offset) <= 1


def test_int16_has_room_for_twice_the_range() -> None:
    """As the quantizer's headroom; and its grid is 256 times as fine or more."""
    wide, narrow = grid_of((-1.0, 1.0), Scheme(precision="int16")), grid_of((-1.0, 1.0), Scheme())
    assert wide(np.array([1.9])) == pytest.approx(1.9, abs=1e-4)
    assert narrow(np.array([1.9]))[0] < 1.01
    assert wide.scale < narrow.scale / 100


@pytest.mark.parametrize(
    ("other", "jumps", "expected"),
    [
        ([1.0, 2.0, 3.0], False, ""),
        ([1.0, 2.0, 3.0001], False, ""),
        ([1.0, 2.0, 3.1], False, "element [2] is 3.1, not 3"),
        ([1.0, 2.0, 3.1], True, "33.3% of elements differ"),
        ([1.0, np.nan, 3.0], False, "is not finite"),
        ([1.0, 2.0], False, "has shape [2], not [3]"),
    ],
)
def test_differences_are_told(other: list[float], jumps: bool, expected: str) -> None:
    """Rounding of floats is none; where results jump, a twentieth of the elements may."""
    found = differing(np.array([1.0, 2.0, 3.0]), np.array(other), jumps)
    assert found == expected if not expected else expected in found


def test_a_few_elements_may_jump() -> None:
    """One of a hundred, in a network that rounds, and in no other."""
    one = np.ones(100)
    other = one.copy()
    other[7] = 2
    assert differing(one, other, jumps=True) == ""
    assert differing(one, other, jumps=False)


def test_more_than_a_decibel_is_too_much() -> None:
    """The bar is the simulation's noise and 1 dB; what is below 60 dB of the signal counts as exact."""
    exact = {"y": np.full(100, 2.0)}
    assert not excess(exact, {"y": 1.2}, {"y": 1.0})
    (worse,) = excess(exact, {"y": 1.3}, {"y": 1.0})
    assert str(worse) == "output y: 24.9 dB against float, 26.0 dB expected"
    assert not excess(exact, {"y": 3e-4}, {"y": 0.0})
    assert excess(exact, {"y": np.nan}, {"y": 1.0})
    assert decibels(power(exact["y"]), 0.0) == 99.0


def test_chance_is_no_fault() -> None:
    """An excess in all of 24 draws is one; an excess that one draw of 24 makes, however large, is none."""
    assert is_significant([0.1, 0.3] * 12)
    assert not is_significant([-0.1, -0.3] * 12)
    assert not is_significant([0.0] * 23 + [1000.0])
    assert not is_significant([-1.0, 1.2] * 12)
    assert is_significant([np.nan] * 24)


def test_variants_keep_what_passes_look_for(tmp_path: Path) -> None:
    """Other constants and ranges, but the same zeros, equal elements, and constants of one number."""
    build = NetBuilder()
    weights = np.array([[0.5, 0.0, -1.5], [0.25, 1.0, 0.5]], np.float32)
    layer = build.node("MatMul", "x", build.constant(weights))
    net = build.build({"x": (1, 2)}, [build.node("Mul", layer, build.constant(np.full(3, 2, np.float32)))])
    graph = tinyglow.load(net.save(tmp_path))
    one, other = with_other_constants(graph, 1), with_other_constants(graph, 2)
    data = {name: value.data for name, value in graph.values.items() if value.data is not None}
    changed = [name for name in data if not np.array_equal(one.values[name].data, data[name])]
    assert len(changed) == 1
    own, nonzero = one.values[changed[0]].data, weights != 0
    ratios = own[nonzero] / weights[nonzero]
    assert ((ratios >= 0.6) & (ratios <= 1.4)).all() and np.ptp(ratios) > 0.01, "each element by a factor of its own"
    assert (own[~nonzero] == 0).all()
    assert own[weights == 0.5][0] == own[weights == 0.5][1], "equal elements stay equal"
    assert not np.allclose(one.values[changed[0]].data, other.values[changed[0]].data)
    profile = tinyglow.profile(graph, net.samples(5))
    wider = widened(profile, graph, 0.1, 1).ranges
    for name, range_ in profile.ranges.items():
        factor = wider[name].high / range_.high
        assert factor == 1 if name.removesuffix(":0") in data else 1 < factor < 1.1


def test_a_bias_has_the_steps_of_the_sums(tmp_path: Path) -> None:
    """Behind a value that is always zero, whose scale is 0.1, they are coarse; the quantizer's are the same."""
    build = NetBuilder(1)
    zero = build.node("Sub", "x", "x")
    layer = build.node("Gemm", zero, build.constant(np.diag([1.27, -0.3, 0.2])), build.constant([0.0123, -0.004, 0.5]))
    net = build.build({"x": (1, 3)}, [layer])
    graph, inputs = tinyglow.load(net.save(tmp_path)), net.samples(2)
    evaluator = Evaluator(inputs)
    values = evaluator.values(graph)
    (node,) = (node for node in graph.nodes if node.op.kind == "FullyConnected")
    operands = [values[name] for name in node.inputs]
    held = rounded_constant(node, 2, operands, [bounds_of(operand) for operand in operands], (0.0, 1.0), Scheme())
    scale = 0.1 * 1.57 / 255
    assert held[0] == pytest.approx(scale * np.round(np.array([0.0123, -0.004, 0.5]) / scale))
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, inputs))
    (bias,) = (value for value in quantized.values.values() if value.data is not None and value.type.dtype == "int32")
    assert real(bias.data, bias.type) == pytest.approx(held[0], rel=1e-6)


def test_float_operators_at_the_ends_may_see_rounded_values_or_not(tmp_path: Path) -> None:
    """One simulation has what they read and make as floats, the other as int8."""
    build = NetBuilder(1)
    product = build.node("Mul", "x", build.constant(np.float32(0.7)))
    net = build.build({"x": (1, 200)}, [product, build.node("Erf", "x")])
    graph, inputs = tinyglow.load(net.save(tmp_path)), net.samples(3)
    evaluator = Evaluator(inputs)
    erf = graph.outputs[1].name

    def result(float_ends: bool) -> np.ndarray:
        exact = evaluator.values(graph)
        return Simulation(graph, exact, Scheme(), evaluator, float_ends=float_ends).outputs()[erf]

    assert np.array_equal(result(True), evaluator.outputs(graph)[erf])
    assert len(np.unique(result(False))) < 256 < len(np.unique(result(True)))


def test_a_quantized_graph_means_real_numbers_within_its_types(tmp_path: Path) -> None:
    """Nothing is rounded between the constants; what a type cannot hold is cut off."""
    build = NetBuilder()
    net = build.build({"x": (1, 4)}, [build.node("Relu", build.node("Gemm", "x", build.weights(4, 3)))])
    graph = tinyglow.load(net.save(tmp_path))
    inputs = net.samples(50)
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, inputs, margin=False))
    exact = Evaluator(inputs).outputs(graph)
    meant = Evaluator(inputs).outputs(quantized)
    (name,) = exact
    error = noise(exact, meant)[name]
    assert 35 < decibels(power(exact[name]), error) < 70, "the weights' rounding alone"
    assert len(np.unique(meant[name])) > 60, "no steps"
    larger = Evaluator({key: 3 * array for key, array in inputs.items()}).outputs(quantized)[name]
    _, highest = quantized.type_of(quantized.outputs[0].value).ends()
    assert larger.max() == pytest.approx(highest)
