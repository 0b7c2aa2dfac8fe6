"""InstanceNormalization: what onnx computes in float, and close to it in int8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers import NetBuilder
from tests.unit.operators.checks import check_float, refusal, snr


@pytest.mark.parametrize("shape", [(1, 3, 7), (2, 3, 4, 5), (1, 3, 2, 3, 4)], ids=str)
def test_instance_normalization(shape: tuple[int, ...], tmp_path: Path) -> None:
    """Of images of any number of dimensions."""
    build = NetBuilder()
    scale, bias = build.constant(np.array([0.5, -1.0, 2.0])), build.weights(3)
    build.node("InstanceNormalization", "x", scale, bias, output="y", epsilon=0.01)
    net = build.build({"x": shape}, ["y"])
    check_float(net, tmp_path)
    assert snr(net, tmp_path) > 28


def test_scales_of_another_number_are_refused(tmp_path: Path) -> None:
    """A scale for each channel, no other number."""
    build = NetBuilder()
    y = build.node("InstanceNormalization", build.node("Relu", "x"), build.weights(2), build.weights(2))
    assert "scale [2]" in refusal(build.build({"x": (1, 3, 4)}, [y]), tmp_path)
