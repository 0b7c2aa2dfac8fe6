"""Cores, what kernels need of them, and what kernels cost there."""

from __future__ import annotations

import numpy as np
import pytest

import tinyglow
from tests.benchmarks.costs import fit, non_negative
from tests.benchmarks.measure import SCHEMES, quantized
from tinyglow.ir.target import NOT_MEASURED, Target
from tinyglow.kernels.fully_connected.fully_connected import FULLY_CONNECTED
from tinyglow.kernels.fully_connected.fully_connected_dsp import FULLY_CONNECTED_DSP
from tinyglow.kernels.fully_connected.fully_connected_four_units import FULLY_CONNECTED_FOUR_UNITS
from tinyglow.kernels.fully_connected.layer import FullyConnectedParams
from tinyglow.lowering.cost import call_cycles
from tinyglow.numerics import glow
from tinyglow.registry import KERNELS
from tinyglow.targets.cores import CPUS, Feature
from tinyglow.targets.costs import kernel_cycles, load_costs

DENSE = FullyConnectedParams(1, 64, 8, 0, -128, 127, glow.requantize_params(0.01))


@pytest.mark.parametrize("core", CPUS)
def test_every_kernel_that_is_chosen_by_cost_has_one(core: str) -> None:
    """Each kernel that counts its work is measured on each core that has what it needs, and on no other."""
    target = Target(core)
    counted = {symbol for symbol, kernel in KERNELS.items() if kernel.work is not None and target.runs(kernel)}
    measured = set(load_costs()[CPUS[core].costs])
    assert counted <= measured
    assert all(target.runs(KERNELS[symbol]) for symbol in measured)


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33"])
@pytest.mark.parametrize("model", ["mnist_nxp", "kws_dscnn", "autoencoder"])
def test_no_core_gets_a_kernel_it_must_emulate(core: str, model: str) -> None:
    """Every kernel of a network is one whose loop was written for what the core has; and its cost there is known."""
    target = Target(core)
    program = tinyglow.lower(quantized(model, SCHEMES["asymmetric"]), target=target)
    assert all(target.runs(call.kernel) for call in program.calls)
    assert all(call_cycles(program, call, core) for call in program.calls)


def test_needs_and_features() -> None:
    """A core without DSP extension has no use for kernels that need it; one with it none for those it supersedes."""
    assert Feature.DSP in CPUS["cortex-m4"].features and Feature.DSP not in CPUS["cortex-m3"].features
    runs = {core: [Target(core).runs(k) for k in (FULLY_CONNECTED_DSP, FULLY_CONNECTED_FOUR_UNITS)] for core in CPUS}
    assert runs["cortex-m3"] == runs["cortex-m0plus"] == runs["cortex-m0"] == [False, True]
    assert runs["cortex-m4"] == runs["cortex-m33"] == runs["cortex-m7"] == [True, False]
    assert Target().runs(FULLY_CONNECTED_DSP) and Target().runs(FULLY_CONNECTED_FOUR_UNITS)


def test_predicted_cycles_are_work_times_cost() -> None:
    """The prices of the table, once each; unknown kernels have none."""
    prices = load_costs()["cortex-m7"]["tg_fully_connected_s8"]
    expected = prices["call"] + 64 * 8 * prices["products"] + 8 * prices["outputs"]
    assert Target("cortex-m7").cycles(FULLY_CONNECTED, DENSE) == round(expected)
    assert kernel_cycles("cortex-m7", "tg_no_such_kernel", {}) is None
    assert Target("cortex-m0").cycles(FULLY_CONNECTED_DSP, DENSE) == NOT_MEASURED


def test_the_fit_finds_what_samples_were_made_of() -> None:
    """Exact prices of samples without noise; a price that would be negative is 0; the largest error is told."""
    random = np.random.default_rng(3)
    samples = []
    for a, b in random.integers(1, 1000, (30, 2)).tolist():
        samples.append(({"a": a, "b": b, "never": 0}, 100 + 7 * a + 3 * b))
    prices, error = fit(samples)
    assert prices == pytest.approx({"call": 100, "a": 7, "b": 3}, rel=0.01) and error < 0.01
    found = non_negative(np.array([[1.0, 1.0], [1.0, 2.0]]), np.array([2.0, 1.0]))
    assert found[1] == 0 and found[0] > 0
