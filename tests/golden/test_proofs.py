"""The bundle of every recorded network has a proof, and the independent checker finds that it holds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.recordings.__main__ import FOLDER
from tinyglow.checker.check import check_proof
from tinyglow.numerics.names import GLOW
from tinyglow.pipeline.crosscheck import recorded_profile, recorded_sizes
from tinyglow.pipeline.crosscheck_tree import Recording, recordings
from tinyglow.pipeline.golden import load_golden
from tinyglow.pipeline.stations import emit, load, lower, quantize, target_of
from tinyglow.quant.profile import load_profile
from tinyglow.targets.boards import load_board

FULL = bool(os.environ.get("TINYGLOW_FULL"))
CORES = ("cortex-m0plus", "cortex-m7")
TREES = ("golden", "golden_more", "golden_networks")
OWN = recordings(FOLDER)
# A slice with kernels of many kinds; all of them with TINYGLOW_FULL=1.
SLICE = OWN if FULL else OWN[::24]


def check(recording: Recording, core: str, folder: Path) -> bool:
    """Compile a recording's network for a core and check its proof. False: the recording is of a float network."""
    golden = load_golden(recording.folder)
    if recording.model is None or golden.scheme is None:
        return False
    graph = load(recording.model, None, recorded_sizes(recording.model, golden, {}), like_glow=True)
    quantized = quantize(graph, load_profile(recorded_profile(golden)), golden.scheme, golden.float_io, numerics=GLOW)
    emit(lower(quantized, target=target_of(load_board(core))), folder)
    found = check_proof(folder)
    assert found.faults == [], recording.name
    return True


@pytest.mark.parametrize("recording", SLICE, ids=lambda recording: str(recording.name))
def test_the_proof_of_a_recorded_network_holds(recording: Recording, tmp_path: Path) -> None:
    """On a core without DSP extension and on one with it."""
    for core in CORES:
        check(recording, core, tmp_path / core)


@pytest.mark.skipif(not FULL, reason="takes minutes: TINYGLOW_FULL")
@pytest.mark.parametrize("tree", TREES)
def test_the_proofs_of_all_recorded_networks_hold(shared: Path, tmp_path: Path, tree: str) -> None:
    """Every recording that there is."""
    models = shared / "models" if tree == "golden" else None
    checked = 0
    for number, recording in enumerate(recordings(shared / tree, models)):
        for core in CORES:
            checked += check(recording, core, tmp_path / f"{number}_{core}")
    assert checked > 0
