"""Weights as instructions: what they compute is in the parity tests; here, what they cost and when they are chosen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import conv_net
from tinyglow.codegen.weights_code import MOST_MAGNITUDE, weights_code
from tinyglow.ir.graph import Graph, Node
from tinyglow.ir.target import Optimize, Target, Variant, WeightsAsCode, choose_for
from tinyglow.lowering.graph_to_program import lower
from tinyglow.pipeline import stations

M0 = "cortex-m0plus"


def test_zero_weights_take_no_instructions() -> None:
    """Each weight that is zero makes the function shorter and faster; without any, only the sums' zeros are left."""
    random = np.random.default_rng(0)
    weights = random.integers(2, 100, (4, 18)) * random.choice([-1, 1], (4, 18))
    sizes, cycles = [], []
    for kept in (18, 9, 4, 0):
        terms = [[(word, int(w) if word < kept else 0) for word, w in enumerate(row)] for row in weights]
        code = weights_code(terms)
        sizes.append(code.nbytes)
        cycles.append(code.cycles)
    assert sizes == sorted(sizes, reverse=True) and cycles == sorted(cycles, reverse=True)
    assert sizes[2] < sizes[0] / 3 and cycles[2] < cycles[0] / 2
    assert sizes[3] < 60


def test_text_is_made_of_numbers() -> None:
    """Instructions and statements hold registers, sums and numbers, whatever the weights."""
    random = np.random.default_rng(1)
    terms = [[(word, int(w)) for word, w in enumerate(random.integers(-255, 256, 60))] for _ in range(5)]
    generated = weights_code(terms).generated
    register = r"(r[0-7]|r12|lr)"
    operand = rf"({register}|#\d+|\[r[01], #\d+\]|\{{[r0-9, ]+\}})"
    for line in generated.armv6m:
        assert re.fullmatch(rf"[a-z]+ {register}?!?(, )?{operand}?(, {operand})?", line), line
    for line in generated.portable:
        assert re.fullmatch(r"[a-z_&\[\]0-9 =*+\-,();]+", line), line


@pytest.mark.parametrize("weight", [1, 127, 255])
def test_no_half_of_a_word_overflows(weight: int) -> None:
    """Between two additions to the sums, the weights' magnitudes stay below what 16 bits hold."""
    statements = weights_code([[(word, weight) for word in range(300)]]).generated.portable
    for line in statements:
        assert sum(int(size) for size in re.findall(r"\* (\d+)u", line)) <= MOST_MAGNITUDE


def _variants(code: int, cycles: int = 50) -> list[Variant]:
    return [Variant("plain", 100, 10, lambda: None), Variant("code", cycles, code, lambda: None, code)]


def _chosen(target: Target, *offers: list[Variant]) -> list[str]:
    choose = choose_for(target, offers)
    return [choose(variants).name for variants in offers]


def test_code_is_chosen_within_its_budget() -> None:
    """By itself on ARMv6-M alone, for speed, as long as the budget of the network lasts; or as the user says."""
    node = _variants(60)
    assert _chosen(Target(M0, code_budget=100), node, node, node).count("code") == 1
    assert _chosen(Target(M0, code_budget=120), node, node, node).count("code") == 2
    assert _chosen(Target(M0, code_budget=120), _variants(121), _variants(60, 100)) == ["plain", "plain"]
    assert _chosen(Target(M0, code_budget=120, scratch_limit=8), [node[0], replace(node[1], scratch=9)]) == ["plain"]
    always, never = (Target(M0, Optimize.SIZE, policy) for policy in (WeightsAsCode.ALWAYS, WeightsAsCode.NEVER))
    for optimize in Optimize:
        assert _chosen(replace(always, optimize=optimize), _variants(10**6)) == ["code"]
    assert _chosen(never, _variants(5)) == ["plain"]
    assert _chosen(Target("cortex-m7"), _variants(60)) == ["plain"]
    assert choose_for(Target(M0))(node).name == "plain"
    assert not Target(M0, Optimize.SIZE).allows_code(1)


def _is_best(chosen: Sequence[Variant], offers: Sequence[Sequence[Variant]], budget: int) -> bool:
    """Of all ways to spend the budget that are at most 1 % slower than the fastest, none takes less code."""
    ways = [(sum(one.code for one in way), sum(one.cycles for one in way)) for way in product(*offers)]
    fewest = min(cycles for code, cycles in ways if code <= budget)
    near = [(code, cycles) for code, cycles in ways if code <= budget and cycles <= 1.01 * fewest]
    least = min(code for code, _ in near)
    found = sum(one.code for one in chosen), sum(one.cycles for one in chosen)
    return found == min(way for way in near if way[0] == least)


@pytest.mark.parametrize("seed", range(4))
def test_code_goes_to_the_nodes_that_save_the_most(seed: int) -> None:
    """No other way to spend the budget leaves 1 % fewer cycles, or as few with less code."""
    random, budget = np.random.default_rng(seed), 80
    offers = []
    for count in random.integers(0, 3, 6).tolist():
        pairs = random.integers(1, (1100, 60), (count, 2)).tolist()
        code = [Variant("code", cycles, size, lambda: None, size) for cycles, size in pairs]
        offers.append([Variant("plain", 1000, 10, lambda: None), *code])
    choose = choose_for(Target(M0, code_budget=budget), offers)
    chosen = [choose(variants) for variants in offers]
    assert _is_best(chosen, offers, budget)


def test_a_hundredth_of_the_cycles_is_worth_no_code() -> None:
    """A layer that saves less than 1 % of the network stays data, one that saves more becomes code."""
    rest = [Variant("plain", 9900, 10, lambda: None)]
    assert _chosen(Target(M0), rest, _variants(60, 1), _variants(60, 99)) == ["plain", "plain", "plain"]
    assert _chosen(Target(M0), _variants(60, 1), _variants(60, 99)) == ["code", "plain"]


def _choices(graph: Graph, budget: int) -> tuple[list[Sequence[Variant]], list[Variant]]:
    """What each layer was offered, and what the compiler took."""
    offers: list[Sequence[Variant]] = []
    taken: list[Variant] = []

    def watch(_node: Node, variants: Sequence[Variant], chosen: Variant) -> None:
        offers.append(variants)
        taken.append(chosen)

    lower(graph, Target(M0, code_budget=budget), watch=watch)
    return offers, taken


def test_the_compiler_asks_about_all_layers_before_it_spends_the_budget(tmp_path: Path) -> None:
    """Whatever the budget, no other choice for the layers of a network within it is better."""
    net = conv_net()
    graph = stations.load(net.save(tmp_path))
    quantized = stations.quantize(graph, stations.profile(graph, net.samples(8)))
    offers, taken = _choices(quantized, 10**5)
    sizes = [one.code for one in taken if one.code]
    assert sizes, "no layer of the network becomes code"
    for budget in (0, min(sizes), max(sizes), sum(sizes)):
        _, taken = _choices(quantized, budget)
        assert _is_best(taken, offers, budget)


def test_weights_that_are_code_take_no_constant_memory(tmp_path: Path) -> None:
    """The bundle has the weights as a function and not as data, and the interpreter computes the same."""
    net = conv_net()
    graph = stations.load(net.save(tmp_path))
    quantized = stations.quantize(graph, stations.profile(graph, net.samples(8)))
    policies = (WeightsAsCode.NEVER, WeightsAsCode.ALWAYS)
    plain, code = (stations.lower(quantized, target=Target(M0, weights_as_code=policy)) for policy in policies)
    inputs = net.samples(5)
    for name, expected in stations.interpret(plain, inputs).items():
        assert stations.interpret(code, inputs)[name].tobytes() == expected.tobytes()
    files = stations.emit(code, tmp_path / "code")
    assert b"static void net_code_" in files["net.c"]
    assert len(files["net.weights.bin"]) < len(stations.emit(plain, tmp_path / "plain")["net.weights.bin"])
