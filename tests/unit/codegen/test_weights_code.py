"""Weights as instructions: what they compute is in the parity tests; here, what they cost and when they are chosen."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import conv_net
from tinyglow.codegen.weights_code import MOST_MAGNITUDE, weights_code
from tinyglow.ir.target import Optimize, Target, Variant, WeightsAsCode, choose_for
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


def _variants(code: int) -> list[Variant]:
    return [Variant("plain", 100, 10, lambda: None), Variant("code", 50, code, lambda: None, code)]


def test_code_is_chosen_within_its_budget() -> None:
    """By itself on ARMv6-M alone, for speed, as long as the budget of the network lasts; or as the user says."""
    choose = choose_for(Target(M0, code_budget=100))
    assert [choose(_variants(60)).name for _ in range(3)] == ["code", "plain", "plain"]
    always, never = (Target(M0, Optimize.SIZE, policy) for policy in (WeightsAsCode.ALWAYS, WeightsAsCode.NEVER))
    assert choose_for(always)(_variants(10**6)).name == "code"
    assert choose_for(never)(_variants(5)).name == "plain"
    assert choose_for(Target("cortex-m7"))(_variants(60)).name == "plain"
    assert not Target(M0, Optimize.SIZE).allows_code(1)


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
    assert b"static void tg_code_" in files["net.c"]
    assert len(files["net.weights.bin"]) < len(stations.emit(plain, tmp_path / "plain")["net.weights.bin"])
