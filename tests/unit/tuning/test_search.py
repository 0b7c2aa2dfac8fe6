"""The search for schemes: on tables of accuracies and costs, and on emulated boards."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyglow
from tests.helpers import conv_net, run_cli
from tinyglow.errors import BoardError, InputError
from tinyglow.pipeline.stations import target_of
from tinyglow.quant.schema import Schema
from tinyglow.quant.scheme import Scheme
from tinyglow.targets.boards import load_board
from tinyglow.tuning.costs import Costs, run_on
from tinyglow.tuning.evaluator import Evaluator
from tinyglow.tuning.explore import NetworkTrials, explore, layers_of
from tinyglow.tuning.search import (
    Candidate,
    Cost,
    Layers,
    Limits,
    front,
    neighbours,
    network_schemes,
    search,
)

LAYERS = Layers(("one", "two", "three"), ("one", "two", "three", "dense"))


@dataclass
class Table:
    """Trials that look up what they are asked for."""

    rate: Callable[[Scheme], int | None]
    asked: list[Scheme] = field(default_factory=list)

    def correct(self, scheme: Scheme) -> int | None:
        """Note the question and answer it."""
        self.asked.append(scheme)
        return self.rate(scheme)

    def cost(self, scheme: Scheme) -> Cost:
        """Layers per channel take flash, layers in float time."""
        return Cost(100 + 50 * len(scheme.float_nodes), 10 + len(scheme.channelwise_nodes))


def _rated(scheme: Scheme) -> int:
    """Symmetric is best, the second layer wants channels, and the last one float."""
    good = 50 * (scheme.schema is Schema.SYMMETRIC) + 5 * (scheme.bias_dtype == "int32")
    return good + 10 * ("two" in scheme.channelwise_nodes) + 20 * ("dense" in scheme.float_nodes)


def test_single_layers_are_found() -> None:
    """The search ends with the best schema and just the layers that are worth their cost, and tries none twice."""
    trials = Table(_rated)
    found, tried = search(trials, Scheme(), LAYERS, Limits())
    assert len(trials.asked) == len(set(trials.asked)) == len(tried)
    assert [(c.correct, sorted(c.scheme.channelwise_nodes), sorted(c.scheme.float_nodes)) for c in found] == [
        (55, [], []),
        (65, ["two"], []),
        (75, [], ["dense"]),
        (85, ["two"], ["dense"]),
    ]
    assert all(c.scheme.schema is Schema.SYMMETRIC and c.scheme.bias_dtype == "int32" for c in found)


def test_limits_are_kept() -> None:
    """Nothing beyond them is in the front, however good."""
    found, _ = search(Table(_rated), Scheme(), LAYERS, Limits(cycles=149))
    assert max(c.correct for c in found) == 65
    found, _ = search(Table(_rated), Scheme(), LAYERS, Limits(cycles=150, flash=10))
    assert max(c.correct for c in found) == 75
    assert search(Table(_rated), Scheme(), LAYERS, Limits(cycles=99))[0] == []


def test_no_more_trials_than_asked_for() -> None:
    """And what cannot be quantized counts as tried, not as found."""
    trials = Table(lambda scheme: None if scheme.schema is Schema.ASYMMETRIC else 1)
    found, tried = search(trials, Scheme(), LAYERS, Limits(), most=7)
    assert len(trials.asked) == 7 and len(tried) == 3
    assert len(found) == 1


def test_all_schemes_of_a_network() -> None:
    """Each schema with each bias, with and without channels and calibration; what is not searched stays."""
    base = Scheme(keep_float=frozenset({"Add"}), like_glow=True)
    schemes = list(network_schemes(base, LAYERS, calibration=True))
    assert len(schemes) == len(set(schemes)) == 4 * 2 * 2 * 2
    assert len(list(network_schemes(base, LAYERS, calibration=False))) == 16
    assert len(list(network_schemes(base, Layers((), ("dense",)), calibration=False))) == 8
    assert all(scheme.keep_float == base.keep_float and scheme.like_glow for scheme in schemes)
    ours = list(network_schemes(Scheme(), LAYERS, calibration=False))
    assert len(ours) == 16 + 2 and [scheme.precision for scheme in ours[16:]] == ["int16", "int16"]
    assert {name for scheme in neighbours(ours[16], LAYERS) for name in scheme.float_nodes} == set(LAYERS.weighted)
    assert all(one != schemes[0] for one in neighbours(schemes[0], LAYERS))


CANDIDATES = st.lists(
    st.builds(Candidate, st.just(Scheme()), st.integers(0, 5), st.builds(Cost, st.integers(0, 5), st.integers(0, 5))),
    max_size=30,
)


@settings(deadline=None)
@given(CANDIDATES, st.builds(Limits, st.none() | st.integers(0, 5), st.none() | st.integers(0, 5)))
def test_the_front_is_what_nothing_surpasses(candidates: list[Candidate], limits: Limits) -> None:
    """Everything within the limits is in the front, or equal to or surpassed by something in it."""
    found = front(candidates, limits)
    assert all(limits.allow(one.cost) for one in found)
    assert not any(one.surpasses(other) for one in found for other in found)
    for candidate in candidates:
        if limits.allow(candidate.cost):
            equal = any((one.correct, one.cost) == (candidate.correct, candidate.cost) for one in found)
            assert equal or any(one.surpasses(candidate) for one in found)


def test_single_nodes_can_be_chosen(tmp_path: Path) -> None:
    """channelwise_nodes and float_nodes change the named node alone; a name that is none is refused."""
    net = conv_net()
    graph, samples = tinyglow.load(net.save(tmp_path)), net.samples(8)
    profile = tinyglow.profile(graph, samples)
    assert layers_of(graph) == Layers(("conv",), ("conv",))
    per_channel = tinyglow.quantize(graph, profile, Scheme(channelwise_nodes=frozenset({"conv"})))
    everywhere = tinyglow.quantize(graph, profile, Scheme(channelwise=True))
    assert [node.op for node in per_channel.nodes] == [node.op for node in everywhere.nodes]
    in_float = tinyglow.quantize(graph, profile, Scheme(float_nodes=frozenset({"conv"})))
    kept = [node for node in in_float.nodes if node.op.kind == "Conv2D"]
    assert in_float.type_of(kept[0].outputs[0]).dtype == "float32"
    with pytest.raises(InputError, match="single nodes"):
        tinyglow.quantize(graph, profile, Scheme(float_nodes=frozenset({"cnov"})))


@pytest.mark.parametrize("board", ["cortex-m0plus", "cortex-m7"])
def test_predictions_are_close(tmp_path: Path, board: str) -> None:
    """The sum of calls measured alone is within a tenth of the whole network's cycles; no call is measured twice."""
    net = conv_net()
    graph, images = tinyglow.load(net.save(tmp_path)), net.samples(4)["x"]
    profile, target = tinyglow.profile(graph, {"x": images}), load_board(board)
    runs = 0
    run = run_on(target)

    def counted(*arguments):
        nonlocal runs
        runs += 1
        return run(*arguments)

    labels = np.zeros(4, int)
    costs = Costs(target, counted, {"x": images[:1]})
    trials = NetworkTrials(graph, profile, images, labels, Evaluator(images, labels), costs, target_of(target), False)
    predicted = trials.cost(Scheme())
    first = runs
    assert trials.cost(Scheme()) == predicted and runs == first > 0
    measured = costs.measured(trials.program(Scheme()))
    assert abs(predicted.cycles - measured.cycles) < measured.cycles / 10
    assert abs(predicted.flash - measured.flash) < measured.flash / 4
    with pytest.raises(InputError, match="no scheme is within the limits") as caught:
        explore(trials, Scheme(), Limits(cycles=1), most=1)
    assert f"the fewest are {predicted.cycles:,}" in str(caught.value)


def test_what_does_not_fit_the_board_is_left_out(tmp_path: Path) -> None:
    """A scheme that needs more RAM than there is has no cost; if all do, the error says why."""
    net = conv_net()
    graph, images = tinyglow.load(net.save(tmp_path)), net.samples(4)["x"]
    profile, large = tinyglow.profile(graph, {"x": images}), load_board("frdm-ke16z")
    memories = tuple(replace(m, size=2048 + 1024) if m.name == large.data_memory else m for m in large.memories)
    board = replace(large, memories=memories, stack_bytes=2048)
    labels = np.zeros(4, int)
    costs = Costs(board, run_on(board), {"x": images[:1]})
    trials = NetworkTrials(graph, profile, images, labels, Evaluator(images, labels), costs, target_of(board), False)
    assert trials.cost(Scheme()) is not None
    assert trials.cost(Scheme(float_nodes=frozenset({"conv"}))) is None
    tight = tuple(replace(m, size=2048) if m.name == large.data_memory else m for m in large.memories)
    trials.costs = Costs(replace(board, memories=tight), run_on(board), {"x": images[:1]})
    with pytest.raises(BoardError, match="does not fit"):
        explore(trials, Scheme(), Limits(), most=2)


@pytest.mark.slow
@pytest.mark.long
def test_what_is_found_can_be_compiled(digits: list[str], tmp_path: Path) -> None:
    """The command prints a front whose options compile to bundles with the cycles and flash that it says."""
    front_file = tmp_path / "front.json"
    search_options = ("-search", "-board=cortex-m0plus", "-search-trials=4", f"-search-report={front_file}")
    chosen = ("-quantization-schema", "-quantization-precision-bias")
    arguments = [part for part in digits if part.partition("=")[0] not in chosen]
    answer = run_cli(*arguments, *search_options, "-jobs=1", "-max-iter-per-node=1", "-convert-placeholders")
    assert (answer.status, answer.err) == (0, "")
    report = json.loads(front_file.read_text(encoding="utf-8"))
    assert report["tried"] == 4 and report["samples"] == 20 and report["front"]
    assert sum(found["tuned"] for found in report["front"]) == 1
    assert (tmp_path / "tuned.yaml").exists()
    for number, found in enumerate(report["front"], 1):
        assert f"{number}: {shlex.join(found['options'])}" in answer.out
    found = report["front"][0]
    shared_options = [part for part in digits if part.startswith(("-model=", "-load-profile=", "-onnx-define"))]
    bundle = tmp_path / "bundle"
    compiled = run_cli(
        *("model-compiler", *shared_options, *found["options"], "-backend=CPU", "-convert-placeholders"),
        *("-target=arm", "-mcpu=cortex-m0plus", f"-emit-bundle={bundle}", "-network-name=mnist"),
    )
    assert compiled.status == 0, compiled.err
    image = np.zeros((1, 1, 28, 28, 1), np.float32)
    np.save(tmp_path / "image.npy", image)
    ran = run_cli(
        "run", bundle, "--board", "cortex-m0plus", "--json", "--input", f"max_pooling_1_input={tmp_path / 'image.npy'}"
    )
    figures = json.loads(ran.out)
    assert abs(figures["flash"] - found["flash"]) <= 16
    assert abs(figures["cycles"] - found["cycles"]) < found["cycles"] / 20


@pytest.mark.parametrize(
    ("options", "because"),
    [
        (["-search"], "-board: is missing"),
        (["-search", "-board=cortex-m0plus"], "-quantization-schema: is what -search chooses"),
        (["-max-flash=1000"], "-max-flash: is for a search"),
    ],
)
def test_wrong_search_options_are_refused(digits: list[str], options: list[str], because: str) -> None:
    """What does not go with a search, or not without one."""
    answer = run_cli(*digits, *options)
    assert answer.status == 2 and because in answer.err and not answer.out, answer.err


@pytest.mark.parametrize(
    ("options", "because"),
    [
        (["-board=host"], "-board=host: counts no cycles"),
        (["-board=cortex-m0plus", "-search-report=nowhere/front.json"], "is in a folder that does not exist"),
    ],
)
def test_a_search_that_could_only_fail_is_not_begun(digits: list[str], options: list[str], because: str) -> None:
    """A board without cycles, and a report that cannot be written, are refused before anything is tried."""
    chosen = ("-quantization-schema", "-quantization-precision-bias")
    answer = run_cli(*(part for part in digits if part.partition("=")[0] not in chosen), "-search", *options)
    assert answer.status == 2 and because in answer.err and not answer.out, answer.err
