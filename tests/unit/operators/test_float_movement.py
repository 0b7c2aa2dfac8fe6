"""Operators that only move elements, of a float network: the int8 kernels copy the bytes of floats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.helpers import Net, NetBuilder
from tests.unit.operators.activation_support import float_result, kernels_of, one_node, reference
from tinyglow.pipeline import stations

CASES: dict[str, tuple[str, tuple[int, ...], list[npt.ArrayLike | None], dict[str, Any]]] = {
    "transpose by runs": ("Transpose", (1, 3, 4, 5), [], {"perm": [0, 2, 1, 3]}),
    "transpose by elements": ("Transpose", (2, 3, 4, 5), [], {"perm": [3, 2, 1, 0]}),
    "transpose of five dimensions": ("Transpose", (2, 3, 2, 3, 2), [], {"perm": [4, 3, 2, 1, 0]}),
    "reshape": ("Reshape", (2, 3, 4), [[4, 6]], {}),
    "slice": ("Slice", (2, 7, 5), [[1, 4], [2, 0], [1, 2], [1, -2]], {}),
    "pad with zeros": ("Pad", (1, 2, 4, 5), [[0, 0, 1, 2, 0, 0, 2, 1]], {}),
    "pad with a number": ("Pad", (1, 2, 4, 5), [[0, 0, 1, 2, 0, 0, 2, 1], 1.7], {}),
    "pad by reflection": ("Pad", (1, 2, 4, 5), [[0, 0, 1, 2, 0, 0, 2, 1]], {"mode": "reflect"}),
    "tile": ("Tile", (2, 3, 4), [[1, 2, 3]], {}),
    "expand": ("Expand", (3, 1), [[2, 3, 4]], {}),
    "space to depth": ("SpaceToDepth", (1, 2, 4, 6), [], {"blocksize": 2}),
    "depth to space": ("DepthToSpace", (1, 8, 2, 3), [], {"blocksize": 2}),
    "gather": ("Gather", (2, 5, 3), [[3, 0, -1]], {"axis": 1}),
    "nearest": ("Resize", (1, 2, 3, 4), [None, [1.0, 1.0, 2.0, 1.5]], {"mode": "nearest"}),
}


def _nets() -> dict[str, Net]:
    nets = {name: one_node(kind, shape, *data, **more) for name, (kind, shape, data, more) in CASES.items()}
    build = NetBuilder()
    build.node("Concat", "x", build.constant(build.rng.standard_normal((1, 2, 3))), "x", output="y", axis=1)
    nets["concat"] = build.build({"x": (1, 4, 3)}, ["y"])
    return nets


@pytest.mark.parametrize("name", [*CASES, "concat"])
def test_floats_are_moved_bit_for_bit(name: str, tmp_path: Path) -> None:
    """The result is onnx's, bit for bit, NaN, infinities and signs of zeros included, and by integer kernels alone."""
    net = _nets()[name]
    x = net.samples(3)["x"]
    x[1:].flat[:4] = [np.nan, np.inf, -np.inf, -0.0]
    program = stations.lower(stations.load(net.save(tmp_path)))
    (actual,) = stations.interpret(program, {"x": x}).values()
    expected = reference(net, x[:1])
    np.testing.assert_array_equal(actual[:1].reshape(expected.shape), expected)
    # onnx's own Resize multiplies by zeros.
    assert actual.tobytes() == float_result(net, x, tmp_path).tobytes()
    assert all(symbol.endswith("_s8") for symbol in kernels_of(program))
