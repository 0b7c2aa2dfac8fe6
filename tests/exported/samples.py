"""The samples on which exported networks are calibrated and compared: the same for every tool."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx

CALIBRATION, TESTED = 24, 12
Array = npt.NDArray[np.float32]


def samples(path: Path) -> dict[str, Array]:
    """Normally distributed inputs [samples, *shape] of a model file: first those for calibration, then those tested.

    States begin with zeros, and stay there: each sample is a first call.
    """
    random, found = np.random.default_rng(7), {}
    for info in onnx.load(path).graph.input:
        shape = [dim.dim_value or 1 for dim in info.type.tensor_type.shape.dim]
        array = random.standard_normal((CALIBRATION + TESTED, *shape)).astype(np.float32)
        found[info.name] = array * 0 if info.name == "h" else array
    return found
