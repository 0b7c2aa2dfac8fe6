"""MLPerf Tiny's int8 reference networks: what the README says they take, bit for bit on every core."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.benchmarks.measure import cost_of
from tests.benchmarks.mlperf_tiny import CORES, NETWORKS, Network, key, load_table, quantized
from tests.benchmarks.table import FIGURES, TOLERANCE
from tinyglow.passes.dead_channels import drop_dead_channels, multiplications
from tinyglow.pipeline.stations import target_of
from tinyglow.targets.boards import HOST, load_board
from tinyglow.testing.budget import is_full


@pytest.fixture
def models(shared_model: Callable[[str], Path]) -> Path:
    """The folder of the reference models."""
    pytest.importorskip("tflite")
    return shared_model(f"mlperf_tiny/{NETWORKS[0].file}").parent


# The larger ones take long on the slowest core.
ON_CORES = [(n, core) for n in NETWORKS for core in CORES if is_full() or n not in NETWORKS[:2] or core != CORES[0]]


@pytest.mark.long
@pytest.mark.parametrize(("network", "core"), ON_CORES, ids=lambda part: getattr(part, "file", part))
def test_bits_and_figures_on_a_core(models: Path, network: Network, core: str) -> None:
    """With all channels and plain kernels numpy gives the bits of the lean program, which C gives on the core.

    Cycles, flash, RAM and stack are within 2 % of the table that README shows, and below the peer's where it has any.
    """
    pytest.importorskip("unicorn")
    graph, board = quantized(models, network), load_board(core)
    plain, lean = tinyglow.lower(graph), tinyglow.lower(graph, target=target_of(board))
    (name,) = plain.inputs
    shape = plain.buffers[name].type.shape
    vectors = {name: np.random.default_rng(5).integers(-128, 128, (1, *shape)).astype(np.int8)}
    done = tinyglow.simulate(lean, board, vectors)
    answers = tinyglow.interpret(lean, vectors), tinyglow.simulate(lean, HOST, vectors).outputs, done.outputs
    (expected,) = tinyglow.interpret(plain, vectors).values()
    for answer in answers:
        (actual,) = answer.values()
        assert np.array_equal(expected, actual)
    pytest.importorskip("ziglang")
    measured, recorded = {**cost_of(done), "macs": multiplications(graph)}, load_table()[key(network, core)]
    for figure in FIGURES:
        assert recorded[figure] / TOLERANCE <= measured[figure] <= recorded[figure] * TOLERANCE, figure
    assert measured["macs"] == recorded["macs"]
    if network.cycles and network.flash and network.ram:
        assert measured["cycles"] < network.cycles[CORES.index(core)]
        assert measured["flash"] < network.flash and measured["ram"] < network.ram


def test_half_of_the_wake_word_network_is_dead(models: Path) -> None:
    """Interval analysis proves that 49 % of the multiplications of MLPerf Tiny's MobileNet feed constant channels.

    The network without them gives the same integers.
    """
    graph = quantized(models, NETWORKS[0])
    lean = drop_dead_channels(graph)
    assert multiplications(graph) == 7_489_664
    assert 0.50 < multiplications(lean) / multiplications(graph) < 0.51
    (name,) = graph.inputs
    vectors = np.random.default_rng(6).integers(-128, 128, (2, *graph.type_of(name).shape)).astype(np.int8)
    before, after = (tinyglow.interpret(tinyglow.lower(g), {name: vectors}) for g in (graph, lean))
    assert all(np.array_equal(before[output], after[output]) for output in before)
