"""Ranges that cannot be their value's, because the ends of another range prove what occurred."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import NetBuilder
from tinyglow.ir.graph import Graph
from tinyglow.quant.match import recorded_ranges
from tinyglow.quant.profile import Profile, Range
from tinyglow.quant.warnings import Evidence, contradicted_range
from tinyglow.quant.witness import contradictions


def swish(build: NetBuilder) -> str:
    """x * sigmoid(x), behind a layer."""
    x = build.node("Gemm", "x", build.weights(4, 8), name="layer")
    return build.node("Mul", x, build.node("Sigmoid", x), name="product")


def hard_swish(build: NetBuilder) -> str:
    """x * clip(x + 3, 0, 6) / 6, spelled out."""
    x = build.node("Gemm", "x", build.weights(4, 8), name="layer")
    raised = build.node("Add", x, build.constant(np.float32(3)))
    bounded = build.node("Clip", raised, build.constant(np.float32(0)), build.constant(np.float32(6)))
    return build.node("Mul", x, build.node("Div", bounded, build.constant(np.float32(6))), name="product")


def twice(build: NetBuilder) -> str:
    """A swish of a swish."""
    first = swish(build)
    return build.node("Mul", build.node("Sigmoid", first), first, name="again")


MAKERS = [swish, hard_swish, twice]


def _profiled(make: Callable[[NetBuilder], str], folder: Path) -> tuple[Graph, Profile]:
    build = NetBuilder()
    net = build.build({"x": (1, 4)}, [make(build)])
    graph = tinyglow.load(net.save(folder))
    return graph, tinyglow.profile(graph, net.samples(40))


def _with(profile: Profile, value: str, range_: Range) -> Profile:
    return replace(profile, ranges={**profile.ranges, f"{value}:0": range_})


def _product(graph: Graph, origin: str = "product") -> str:
    return next(node.outputs[0] for node in graph.nodes if node.origin == origin)


def _found(graph: Graph, profile: Profile) -> list[str]:
    return [found.node.origin for found in contradictions(graph, recorded_ranges(graph, profile))]


@pytest.mark.parametrize("make", MAKERS)
def test_a_range_of_its_own_is_believed(make: Callable[[NetBuilder], str], tmp_path: Path) -> None:
    """Also where it is halved or quartered, as tuning does."""
    graph, profile = _profiled(make, tmp_path)
    assert _found(graph, profile) == []
    for node in graph.nodes:
        own = profile.ranges[f"{node.outputs[0]}:0"]
        most = max(-own.low, own.high)
        for half in (Range(-most / 2, most / 2), Range(-most / 4, most / 4), Range(own.low / 2, own.high / 2)):
            assert _found(graph, _with(profile, node.outputs[0], half)) == [], (node.origin, half)


def test_the_range_of_the_sigmoid_squared_is_another_value_s(tmp_path: Path) -> None:
    """As the real Glow records it; the warning says where the range was left, and what to do."""
    graph, profile = _profiled(swish, tmp_path)
    sigmoid = next(node for node in graph.nodes if node.op.kind == "Sigmoid")
    own = profile.ranges[f"{sigmoid.outputs[0]}:0"]
    wrong = _with(profile, _product(graph), Range(own.low**2, own.high**2))
    (found,) = contradicted_range(Evidence(graph, wrong, graph))
    high = profile.ranges[f"{sigmoid.inputs[0]}:0"].high
    assert found.rule == "contradicted-range"
    assert found.where == "product"
    assert f"where the result of layer is {high:.3g}" in found.found
    assert "tinyglow profile" in found.advice


@pytest.mark.parametrize("make", [hard_swish, twice])
def test_other_functions_of_one_value(make: Callable[[NetBuilder], str], tmp_path: Path) -> None:
    """Constants and other such functions may lie between; a range of a third that tuning does not make is wrong."""
    graph, profile = _profiled(make, tmp_path)
    for name in {_product(graph), graph.nodes[-1].outputs[0]}:
        own = profile.ranges[f"{name}:0"]
        assert _found(graph, _with(profile, name, Range(own.low / 3, own.high / 3)))


def test_two_values_prove_nothing(tmp_path: Path) -> None:
    """The largest of two values need not meet; nor do those of one, in other places."""
    build = NetBuilder()
    one, other = (build.node("Gemm", "x", build.weights(4, 4)) for _ in range(2))
    apart = build.node("Mul", one, build.node("Sigmoid", other), name="apart")
    moved = build.node("Mul", one, build.node("Gemm", one, build.weights(4, 4)), name="moved")
    scaled = build.node("Mul", one, build.constant(np.arange(4, dtype=np.float32)))
    varied = build.node("Mul", scaled, build.node("Sigmoid", one), name="varied")
    net = build.build({"x": (1, 4)}, [apart, moved, varied])
    graph = tinyglow.load(net.save(tmp_path))
    profile = tinyglow.profile(graph, net.samples(20))
    for origin in ("apart", "moved", "varied"):
        assert _found(graph, _with(profile, _product(graph, origin), Range(0.0, 0.01))) == []
