"""A value gets its own range from a profile, or none: names that mean something else, and what the network proves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import Net, NetBuilder
from tinyglow.errors import ProfileError
from tinyglow.ir.graph import Graph
from tinyglow.quant.candidates import agree
from tinyglow.quant.implied import implied_range
from tinyglow.quant.match import match_profile
from tinyglow.quant.profile import Profile, Range


def _net(function: str = "Exp") -> Net:
    """Convolution, a function that Glow leaves in float, Flatten, Gemm: the transpose may be before or behind it."""
    build = NetBuilder(4)
    y = build.node("Conv", "x", build.weights(3, 2, 3, 3), build.weights(3), name="conv")
    y = build.node("Flatten", build.node(function, y, name="function"), name="flatten")
    y = build.node("Gemm", y, build.weights(36, 4), build.weights(4), name="gemm")
    return build.build({"x": (1, 2, 5, 6)}, [y])


def _graph(net: Net, folder: Path, like_glow: bool = True) -> Graph:
    return tinyglow.load(net.save(folder), like_glow=like_glow)


def _values(graph: Graph) -> list[str]:
    results = [name for node in graph.nodes for name in node.outputs]
    return [*graph.inputs, *results]


def _changed(profile: Profile, entries: Mapping[str, Range | None]) -> Profile:
    ranges = {name: range_ for name, range_ in profile.ranges.items() if f"{name}" not in entries}
    return replace(profile, ranges=ranges | {name: range_ for name, range_ in entries.items() if range_ is not None})


@pytest.mark.parametrize("function", ["Exp", "Abs", "Neg", "Erf", "Floor"])
def test_a_moved_value_has_the_range_of_what_it_moves(function: str, tmp_path: Path) -> None:
    """Another compiler's transpose in front of the function has our transpose's name, but for the number.

    Ours is after the function, and has that one's range.
    """
    net = _net(function)
    graph = _graph(net, tmp_path, like_glow=False)
    profile = tinyglow.profile(graph, net.samples(8))
    (moved,) = (n for n in graph.nodes if n.op.kind == "Transpose" and n.inputs[0].startswith("function"))
    other = _changed(profile, {f"{moved.outputs[0]}:0": None, "conv__9:0": profile.ranges["conv__2:0"]})
    ranges = match_profile(graph, other, _values(graph)).ranges
    assert ranges[moved.outputs[0]] == profile.ranges["flatten:0"]


def test_names_that_contradict_each_other_are_settled_by_the_sure_one(tmp_path: Path) -> None:
    """An entry under a value's own name that is another's range gives way to the input's name."""
    net = _net()
    graph = _graph(net, tmp_path)
    profile = tinyglow.profile(graph, net.samples(8))
    (moved,) = (n.outputs[0] for n in graph.nodes if n.op.kind == "Transpose" and n.inputs == ("x",))
    wrong = {f"{moved}:0": profile.ranges["flatten:0"], "conv__9:0": profile.ranges["x:0"]}
    ranges = match_profile(graph, _changed(profile, wrong), _values(graph)).ranges
    assert ranges[moved] == ranges["x"] == profile.ranges["x:0"]


def test_a_transpose_s_number_is_not_taken_for_another_s(tmp_path: Path) -> None:
    """Glow's fourth transpose of the convolution moves the Relu's result, ours the Slice's: Glow sinks none there."""
    build = NetBuilder(3)
    conv = build.node("Conv", "x", build.weights(5, 2, 1, 3), build.weights(5), name="conv")
    ends = (build.constant(np.array([number])) for number in (1, 3, 3))
    sliced, bounded = build.node("Slice", conv, *ends, name="slice"), build.node("Relu", conv, name="relu")
    net = build.build({"x": (1, 2, 4, 6)}, [sliced, bounded])
    profile = tinyglow.profile(_graph(net, tmp_path), net.samples(8))
    graph = _graph(net, tmp_path, like_glow=False)
    moved = {node.inputs[0]: node.outputs[0] for node in graph.nodes if node.op.kind == "Transpose"}
    (result,) = (node.outputs[0] for node in graph.nodes if node.op.kind == "Slice")
    assert f"{moved[result]}:0" in profile.ranges, "the name means another transpose in Glow's graph"
    found = match_profile(graph, profile, [result, moved[result]]).ranges
    own = tinyglow.profile(graph, net.samples(8), margin=False).ranges[f"{result}:0"]
    assert own.low < 0
    assert found[result].low == found[moved[result]].low == pytest.approx(own.low, rel=1e-4)


@pytest.mark.parametrize("depth", [1, 2])
def test_a_group_s_slice_is_not_taken_for_the_convolution(depth: int, tmp_path: Path) -> None:
    """Where one pixel is left, Glow makes another convolution without strides; a group's slice gets the free name."""
    build = NetBuilder(5)
    filters, bias = build.weights(4, depth, 2, 2), build.constant(np.zeros(4, np.float32))
    conv = build.node("Conv", "x", filters, bias, group=4, strides=[2, 1], name="conv")
    net = build.build({"x": (1, 4 * depth, 2, 2)}, [conv])
    profile = tinyglow.profile(_graph(net, tmp_path), net.samples(8))
    graph = _graph(net, tmp_path, like_glow=False)
    (result,) = (node.outputs[0] for node in graph.nodes if node.op.kind == "Conv2D")
    own = tinyglow.profile(graph, net.samples(8), margin=False).ranges[f"{result}:0"]
    assert f"{result}:0" in profile.ranges and not agree(profile.ranges[f"{result}:0"], own)
    assert agree(match_profile(graph, profile, [result]).ranges[result], own)


def _two_dense(folder: Path) -> tuple[Graph, Profile]:
    build = NetBuilder(2)
    hidden = build.node("Gemm", "x", build.weights(4, 4), build.weights(4), name="dense")
    y = build.node("Gemm", build.node("Sigmoid", hidden), build.weights(4, 4), build.weights(4), name="last")
    net = build.build({"x": (1, 4)}, [y])
    graph = tinyglow.load(net.save(folder))
    return graph, tinyglow.profile(graph, net.samples(8))


def test_doubt_is_an_error_that_lists_the_candidates(tmp_path: Path) -> None:
    """Two entries that a value may have, and nothing that decides: both are named with their ranges."""
    graph, profile = _two_dense(tmp_path)
    last = graph.nodes[-1].outputs[0]
    own = profile.ranges[f"{last}:0"]
    inside = Range(own.low / 2, own.high / 2, tuple(reversed(own.histogram)))
    doubtful = _changed(profile, {f"{last}:0": None, "last__8:0": own, "last__9:0": inside})
    with pytest.raises(ProfileError, match="in doubt") as caught:
        match_profile(graph, doubtful, _values(graph))
    (problem,) = caught.value.problems
    assert problem.where == last
    assert "'last__8:0'" in problem.found and "'last__9:0'" in problem.found and f"{own.low:g}" in problem.found


def test_what_cannot_be_is_no_candidate(tmp_path: Path) -> None:
    """Of two entries, one that the layer's weights cannot reach is struck out."""
    graph, profile = _two_dense(tmp_path)
    last = graph.nodes[-1].outputs[0]
    own = profile.ranges[f"{last}:0"]
    beyond = Range(own.low - 1000, own.high + 1000, own.histogram)
    renumbered = _changed(profile, {f"{last}:0": None, "last__8:0": own, "last__9:0": beyond})
    match = match_profile(graph, renumbered, _values(graph))
    assert match.ranges[last] == own
    assert match.renamed == {last: "last__8"}


def test_a_name_that_its_neighbours_contradict_is_in_doubt(tmp_path: Path) -> None:
    """A profile whose numbers mean something else: the entry under the value's own name cannot be its range."""
    graph, profile = _two_dense(tmp_path)
    first = next(n.outputs[0] for n in graph.nodes if n.op.kind == "FullyConnected")
    own = profile.ranges[f"{first}:0"]
    other = Range(own.low - 500, own.high + 500, tuple(reversed(own.histogram)))
    with pytest.raises(ProfileError, match="in doubt"):
        match_profile(graph, _changed(profile, {f"{first}:0": other, "dense__7:0": own}), _values(graph))


@pytest.mark.parametrize("like_glow", [False, True])
@pytest.mark.parametrize("lowered", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_a_profile_of_the_same_graph_is_never_in_doubt(
    lowered: bool, like_glow: bool, seed: int, tmp_path: Path
) -> None:
    """Also where ranges were tuned or edited, every value gets the entry under its own name."""
    net, rng = _net(), np.random.default_rng(seed)
    graph = _graph(net, tmp_path, like_glow)
    profile = tinyglow.profile(graph, net.samples(8), lowered=lowered)
    tuned = dict(profile.ranges)
    for name in _values(graph):
        if rng.random() < 0.5:
            own, factor = tuned[f"{name}:0"], np.float32(0.5 ** rng.integers(1, 4))
            tuned[f"{name}:0"] = Range(float(own.low * factor), float(own.high * factor), own.histogram)
    match = match_profile(graph, Profile(tuned), _values(graph))
    assert match.renamed == {}
    assert match.ranges == {name: tuned[f"{name}:0"] for name in _values(graph)}


def test_partial_sums_have_names_of_their_own(tmp_path: Path) -> None:
    """A profile's entry for a sum of three is that of the whole; it never fits the sum of the first two."""
    build = NetBuilder(3)
    branches = [build.node("Gemm", "x", build.weights(4, 4), build.weights(4), name=f"d{i}") for i in range(3)]
    net = build.build({"x": (1, 4)}, [build.node("Sum", *branches, name="total")])
    graph = tinyglow.load(net.save(tmp_path))
    profile = tinyglow.profile(graph, net.samples(8))
    partial, total = (node.outputs[0] for node in graph.nodes if node.op.kind == "Add")
    renamed = _changed(profile, {f"{partial}:0": None, f"{total}:0": None, "total__4:0": profile.ranges[f"{total}:0"]})
    with pytest.raises(ProfileError, match="1 of") as caught:
        tinyglow.quantize(graph, renamed)
    assert [problem.where for problem in caught.value.problems] == [partial]


@pytest.mark.parametrize("seed", range(3))
def test_what_a_network_implies_holds_for_what_it_computes(seed: int, tmp_path: Path) -> None:
    """Interval arithmetic allows the ranges that were recorded, of every node."""
    build = NetBuilder(seed)
    y = build.node("Conv", "x", build.weights(4, 2, 3, 3), build.weights(4), pads=[1, 1, 1, 1])
    y = build.node("Concat", build.node("Relu", y), build.node("Tanh", y), build.node("Neg", y), axis=1)
    y = build.node("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    y = build.node("Mul", build.node("AveragePool", y, kernel_shape=[2, 2], pads=[1, 1, 0, 0]), y)
    y = build.node("Sub", build.node("Max", y, build.node("Exp", y)), build.node("Min", y, build.node("Sigmoid", y)))
    y = build.node("Gemm", build.node("Flatten", y), build.weights(108, 5), build.weights(5))
    net = build.build({"x": (1, 2, 6, 6)}, [build.node("Clip", y, build.constant(np.float32(-0.5)))])
    graph = _graph(net, tmp_path, like_glow=False)
    ranges = {
        name.removesuffix(":0"): range_ for name, range_ in tinyglow.profile(graph, net.samples(8)).ranges.items()
    }
    known = 0
    for node in graph.nodes:
        data = [graph.values[name].data for name in node.inputs]
        implied = implied_range(node, [ranges[name] for name in node.inputs], data)
        known += implied is not None
        assert implied is None or implied.allows(ranges[node.outputs[0]]), node
        assert implied is None or not implied.allows(Range(-1e12, 1e12)), node
    assert known >= 12
