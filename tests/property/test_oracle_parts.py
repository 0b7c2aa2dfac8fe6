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
from tinyglow.testing.oracle.evaluate import Evaluator
from tinyglow.testing.oracle.simulate import Grid, grid_of
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
    """Other constants and ranges, but the same zeros and the same constants of one number."""
    build = NetBuilder()
    weights = np.array([[0.5, 0.0, -1.5], [0.25, 1.0, 0.5]], np.float32)
    layer = build.node("MatMul", "x", build.constant(weights))
    net = build.build({"x": (1, 2)}, [build.node("Mul", layer, build.constant(np.full(3, 2, np.float32)))])
    graph = tinyglow.load(net.save(tmp_path))
    one, other = with_other_constants(graph, 1), with_other_constants(graph, 2)
    data = {name: value.data for name, value in graph.values.items() if value.data is not None}
    changed = [name for name in data if not np.array_equal(one.values[name].data, data[name])]
    assert len(changed) == 1
    ratios = one.values[changed[0]].data[weights != 0] / weights[weights != 0]
    assert np.allclose(ratios, ratios[0]) and 0.6 <= ratios[0] <= 1.4
    assert not np.allclose(one.values[changed[0]].data, other.values[changed[0]].data)
    profile = tinyglow.profile(graph, net.samples(5))
    wider = widened(profile, graph, 0.1, 1).ranges
    for name, range_ in profile.ranges.items():
        factor = wider[name].high / range_.high
        assert factor == 1 if name.removesuffix(":0") in data else 1 < factor < 1.1


def test_a_quantized_graph_means_real_numbers_within_its_types(tmp_path: Path) -> None:
    """Nothing is rounded between the constants; what a type cannot hold is cut off."""
    build = NetBuilder()
    net = build.build({"x": (1, 4)}, [build.node("Relu", build.node("Gemm", "x", build.weights(4, 3)))])
    graph = tinyglow.load(net.save(tmp_path))
    inputs = net.samples(50)
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, inputs))
    exact = Evaluator(inputs).outputs(graph)
    meant = Evaluator(inputs).outputs(quantized)
    (name,) = exact
    error = noise(exact, meant)[name]
    assert 35 < decibels(power(exact[name]), error) < 70, "the weights' rounding alone"
    assert len(np.unique(meant[name])) > 60, "no steps"
    larger = Evaluator({key: 3 * array for key, array in inputs.items()}).outputs(quantized)[name]
    _, highest = quantized.type_of(quantized.outputs[0].value).ends()
    assert larger.max() == pytest.approx(highest)
