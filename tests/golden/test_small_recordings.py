"""Small recordings of the real Glow, at least one for each rule of its optimizer: ``tests/recordings``."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.recordings.__main__ import FOLDER, known
from tests.tflite.recorded import MODELS
from tinyglow.pipeline.crosscheck import crosscheck
from tinyglow.pipeline.crosscheck_tree import OUTCOMES, Recording, crosscheck_all, recordings
from tinyglow.pipeline.stations import load
from tinyglow.targets.boards import HOST

FULL = bool(os.environ.get("TINYGLOW_FULL"))
FOUND = recordings(FOLDER)
KNOWN = known()
STRICT = [recording for recording in FOUND if KNOWN.get(recording.name) == "strict"]


@pytest.mark.parametrize("recording", FOUND, ids=[recording.name for recording in FOUND])
def test_agrees_as_far_as_recorded(recording: Recording) -> None:
    """Parameters, types and outputs, or at least as far as ``outcomes.json`` says (``python -m tests.recordings``)."""
    (row,) = crosscheck_all([recording])
    assert OUTCOMES.index(row.outcome) <= OUTCOMES.index(KNOWN[recording.name]), row


@pytest.mark.parametrize("recording", STRICT if FULL else STRICT[::20], ids=lambda recording: str(recording.name))
def test_host_c_computes_as_glow(recording: Recording) -> None:
    """All vectors in host C; every twentieth recording, all of them with TINYGLOW_FULL=1."""
    assert recording.model is not None
    found = crosscheck(recording.folder, recording.model, boards={HOST: None}, vectors_on_boards=1 << 10)
    assert found.equal and found.cores["host"]["vectors"] == found.vectors


def test_selection() -> None:
    """At least 60 recordings of all configurations, in at most 5 MB; no more of them disagree than on record."""
    assert set(KNOWN) == {recording.name for recording in FOUND}
    assert len(FOUND) >= 60
    assert {recording.config for recording in FOUND} == {
        *("asymmetric", "asymmetric_bias8", "channelwise", "channelwise_symmetric", "float_io"),
        *("power2_bias8", "power2_bias32", "symmetric", "symmetric_with_uint8"),
    }
    assert sum(path.stat().st_size for path in Path(FOLDER).rglob("*") if path.is_file()) <= 5_000_000
    assert set(Counter(KNOWN.values())) <= set(OUTCOMES)


def _meaning(path: Path) -> tuple[object, ...]:
    """What a model file says: nodes, types, constants, names. How it is laid out is its writer's affair."""
    graph = load(path, "net")
    values = [
        (value.name, value.type, None if value.data is None else value.data.tobytes())
        for value in graph.values.values()
    ]
    return graph.nodes, graph.inputs, graph.outputs, dict(graph.source_names), values


@pytest.mark.parametrize("name", MODELS)
def test_tflite_models_are_those_of_the_builder(name: str, tmp_path: Path) -> None:
    """The files beside the recordings of TFLite operators say what ``tests.tflite.recorded`` writes."""
    made = tmp_path / "model.tflite"
    made.write_bytes(MODELS[name].build())
    assert _meaning(made) == _meaning(FOLDER / f"tflite_{name}" / "model.tflite")
