"""TensorFlow Lite Micro's integration tests of a speech codec: models of one int16 operator, with recorded results.

The models are public, and not part of this project: TINYGLOW_TFLITE_MICRO names a checkout of tensorflow/tflite-micro.
Their results are LiteRT's: its own test of them allows a step.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tflite", reason="needs the package tflite, of the extra tinyglow[tflite]")

import tinyglow
from tinyglow.errors import ModelError

VARIABLE = "TINYGLOW_TFLITE_MICRO"
EQUAL = {
    ("add", "equal"): 17,
    ("conv", "equal"): 22,
    ("leaky_relu", "equal"): 23,
    ("pad", "equal"): 19,
    ("quantize", "equal"): 2,  # from and to int32 activations
    ("strided_slice", "equal"): 34,
    ("sub", "equal"): 5,
    ("transpose_conv", "equal"): 5,
}
# SUB's ratios of scales are floats there, which moves 4 of 5,568 results by a step.
OF_MICRO = {**EQUAL, ("sub", "equal"): 2, ("sub", "within a step"): 3}


def integers(path: Path) -> np.ndarray:
    """The numbers of a text file."""
    return np.array([int(item) for item in re.findall(r"-?\d+", path.read_text(encoding="utf-8"))], np.int64)


def result(path: Path, numerics: str) -> str:
    """How the network's integers are to the recorded ones."""
    try:
        program = tinyglow.lower(tinyglow.quantize(tinyglow.load(path, "net"), numerics=numerics))
    except ModelError:
        return "refused"
    files = sorted(path.parent.glob(f"{path.stem}_input*.csv"))
    inputs = {}
    for name, file in zip(program.inputs, files, strict=False):
        type_ = program.buffers[name].type
        inputs[name] = integers(file).astype(type_.dtype).reshape(1, *type_.shape)
    (ours,) = tinyglow.interpret(program, inputs).values()
    (golden,) = path.parent.glob(f"{path.stem}_golden*.csv")
    apart = int(np.abs(ours.ravel() - integers(golden)).max())
    return "equal" if apart == 0 else "within a step" if apart == 1 else f"{apart} steps apart"


@pytest.mark.parametrize(("numerics", "expected"), [("tflite", EQUAL), ("tflm", OF_MICRO)])
def test_all_models(numerics: str, expected: dict[tuple[str, str], int]) -> None:
    """Every model gives the recorded integers, or the table says why not."""
    root = os.environ.get(VARIABLE)
    if not root:
        pytest.skip(f"needs {VARIABLE}, a checkout of github.com/tensorflow/tflite-micro")
    models = sorted((Path(root) / "tensorflow/lite/micro/integration_tests/seanet").glob("*/*.tflite"))
    assert models, root
    assert Counter((path.parent.name, result(path, numerics)) for path in models) == expected


def test_numbers_of_a_text_file(tmp_path: Path) -> None:
    """As they are written there: with commas, over lines."""
    path = tmp_path / "x.csv"
    path.write_text("1, -2,\n32767\n", encoding="utf-8")
    assert integers(path).tolist() == [1, -2, 32767]
