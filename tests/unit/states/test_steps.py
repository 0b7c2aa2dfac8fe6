"""The steps of a recurrent layer share their ranges, so that few samples are enough for all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

import tinyglow
from tests.helpers import Net, NetBuilder
from tinyglow.pipeline.fidelity import output_fidelity
from tinyglow.quant.match import match_profile
from tinyglow.quant.scheme import Scheme, profiled_values
from tinyglow.quant.steps import ranges_of_steps

_STEPS, _DEPTH, _UNITS = 16, 6, 12
_GATES = {"GRU": 3, "LSTM": 4}


def _keywords(kind: str) -> Net:
    build, rows = NetBuilder(3), _GATES[kind] * _UNITS
    weights = [build.weights(1, rows, _DEPTH), build.weights(1, rows, _UNITS), build.weights(1, 2 * rows)]
    build.node(kind, "x", *weights, hidden_size=_UNITS, output="all", name="cell")
    build.nodes[-1].output.append("last")
    flat = build.node("Reshape", "last", build.constant([1, _UNITS]))
    build.node("Gemm", flat, build.weights(_UNITS, 4), build.weights(4), output="y")
    return build.build({"x": (_STEPS, 1, _DEPTH)}, ["y"])


@pytest.mark.parametrize("kind", _GATES)
def test_few_samples_are_enough(kind: str, tmp_path: Path) -> None:
    """With six sequences for calibration the network is about as near to float on others as on those."""
    net = _keywords(kind)
    graph = tinyglow.load(net.save(tmp_path))
    known, others = net.samples(6), net.samples(24, seed=8)
    profile = tinyglow.profile(graph, known)
    program = tinyglow.lower(tinyglow.quantize(graph, profile))
    found = [output_fidelity(graph, program, inputs)[0].fidelity.snr for inputs in (known, others)]
    assert min(found) > 24 and found[1] > found[0] - 5, found


def test_ranges_are_as_wide_as_all_together(tmp_path: Path) -> None:
    """Nothing gets narrower, most values share a range, and a network without such layers stays as it is."""
    net = _keywords("GRU")
    graph = tinyglow.load(net.save(tmp_path))
    before = match_profile(graph, tinyglow.profile(graph, net.samples(4)), profiled_values(graph, Scheme())).ranges
    after = ranges_of_steps(graph, before)
    assert after.keys() == before.keys()
    for name, range_ in before.items():
        assert after[name].low <= range_.low and after[name].high >= range_.high
        assert sum(after[name].histogram) >= sum(range_.histogram) or not after[name].histogram
    inner = [name for name in before if graph.values[name].data is None]
    assert len({(after[name].low, after[name].high) for name in inner}) < len(inner) / 4
    build = NetBuilder()
    build.node("Relu", build.node("Gemm", "x", build.weights(4, 4), build.weights(4)), output="y")
    plain = tinyglow.load(build.build({"x": (1, 4)}, ["y"]).save(tmp_path))
    assert ranges_of_steps(plain, before) is before
