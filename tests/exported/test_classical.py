"""scikit-learn's classifiers as skl2onnx writes them: labels and scores are onnxruntime's, in numpy and in C."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinyglow

_FOLDER = Path(__file__).parent
_ANSWERS: dict[str, Any] = json.loads((_FOLDER / "classical.json").read_text(encoding="utf-8"))
_X = np.array(_ANSWERS["x"], np.float32)[:, np.newaxis]


@pytest.mark.parametrize("name", sorted(_ANSWERS.keys() - {"x"}))
def test_labels_and_scores(name: str) -> None:
    """In float, where all trees, kernels and distances are computed as they are."""
    graph = tinyglow.load(_FOLDER / "models" / f"sklearn_{name}.onnx")
    label, scores = tinyglow.interpret(tinyglow.lower(graph), {"X": _X}).values()
    assert label.ravel().tolist() == _ANSWERS[name]["label"]
    np.testing.assert_allclose(scores.reshape(len(_X), -1), _ANSWERS[name]["scores"], rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("name", ["forest", "support_vectors"])
@pytest.mark.slow
def test_c_does_the_same(name: str) -> None:
    """On this machine."""
    program = tinyglow.lower(tinyglow.load(_FOLDER / "models" / f"sklearn_{name}.onnx"))
    assert all(comparison.equal for comparison in tinyglow.verify(program, tinyglow.load_board("host"), {"X": _X}))
