"""Resize by matrices, GridSample, Fourier transforms and determinants, against onnx's reference evaluator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator

from tests.unit.operators.single import check_float, compiled, loaded, model, one_node, real, refusal, samples
from tinyglow.interp import run_graph, run_program
from tinyglow.pipeline.stations import lower

Array = npt.NDArray[Any]


@pytest.mark.parametrize("coordinates", ["half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"])
@pytest.mark.parametrize("attributes", [{}, {"cubic_coeff_a": -0.5, "exclude_outside": 1}, {"antialias": 1}])
def test_cubic(coordinates: str, attributes: dict[str, Any], tmp_path: Path) -> None:
    """Larger, smaller, and of other ranks."""
    own = {"mode": "cubic", "coordinate_transformation_mode": coordinates, **attributes}
    for shape, sizes in (((1, 2, 4, 5), [1, 2, 9, 7]), ((1, 2, 6, 7), [1, 2, 3, 2]), ((2, 5), [2, 8])):
        check_float(one_node("Resize", shape, (None, None, sizes), 19, **own), tmp_path)


@pytest.mark.parametrize(("shape", "scales"), [((1, 2, 5), [1, 1, 2.0]), ((1, 2, 3, 4, 3), [1, 1, 2.0, 1.5, 2.0])])
def test_linear_in_other_ranks(shape: tuple[int, ...], scales: list[float], tmp_path: Path) -> None:
    """One dimension, and three: what PyTorch calls linear and trilinear."""
    check_float(one_node("Resize", shape, (None, scales), mode="linear"), tmp_path)


def test_cubic_in_int8(tmp_path: Path) -> None:
    """Each dimension rounds once."""
    proto = one_node("Resize", (1, 2, 6, 6), (None, [1.0, 1, 2, 2]), mode="cubic")
    x = samples(proto, 16)
    graph = loaded(proto, tmp_path)
    program = compiled(graph, x)
    (exact,), (found,) = run_graph(graph, x).values(), run_program(program, x).values()
    error = real(program, program.outputs[0], found).reshape(exact.shape) - exact
    assert 10 * np.log10(np.square(exact).mean() / np.square(error).mean()) > 30


def _grid_sample(shape: tuple[int, ...], outer: tuple[int, ...], **attributes: object) -> onnx.ModelProto:
    node = helper.make_node("GridSample", ["x", "grid"], ["y"], name="node", **attributes)
    return model([node], {"x": shape, "grid": (shape[0], *outer, len(shape) - 2)}, ["y"], opset=20)


@pytest.mark.parametrize("aligned", [0, 1])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_grid_sample(mode: str, padding: str, aligned: int, tmp_path: Path) -> None:
    """Places within the image and far outside."""
    proto = _grid_sample((2, 2, 4, 5), (3, 7), mode=mode, padding_mode=padding, align_corners=aligned)
    inputs = samples(proto, 2)
    inputs["grid"] *= 1.5
    graph = loaded(proto, tmp_path)
    rows = [ReferenceEvaluator(proto).run(None, {k: v[i] for k, v in inputs.items()})[0] for i in range(2)]
    (found,) = run_graph(graph, inputs).values()
    np.testing.assert_allclose(found, np.stack(rows), rtol=1e-3, atol=2e-5)
    (again,) = run_program(lower(graph), inputs).values()
    np.testing.assert_array_equal(again, found)


def test_grids_that_are_no_numbers_read_nothing_else(tmp_path: Path) -> None:
    """Infinite places and those that are not a number."""
    proto = _grid_sample((1, 1, 3, 3), (2, 2))
    inputs = samples(proto, 1)
    inputs["grid"].flat[:4] = [np.nan, np.inf, -np.inf, 1e30]
    (found,) = run_program(lower(loaded(proto, tmp_path)), inputs).values()
    assert found.shape == (1, 1, 2, 2)


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("length", [None, 5, 12])
@pytest.mark.parametrize(("inverse", "onesided"), [(0, 0), (0, 1), (1, 0)])
def test_fourier(parts: int, length: int | None, inverse: int, onesided: int, tmp_path: Path) -> None:
    """Cut off and filled up; along both dimensions."""
    if parts == 2 and onesided:
        pytest.skip("of real signals only")
    for axis in (1, -2, 0):
        constants = (None if length is None else np.array(length), np.array(axis))
        proto = one_node("DFT", (3, 8, parts), constants, 20, inverse=inverse, onesided=onesided)
        check_float(proto, tmp_path)


@pytest.mark.parametrize("n", range(1, 7))
def test_determinants(n: int, tmp_path: Path) -> None:
    """Of stacks of matrices."""
    check_float(one_node("Det", (3, n, n)), tmp_path)


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_lengths_become_1(p: int, axis: int, tmp_path: Path) -> None:
    """A row of zeros stays one."""
    proto = one_node("LpNormalization", (3, 4, 5), p=p, axis=axis)
    x = samples(proto)["x"]
    x[0] = 0
    norm = np.linalg.norm(x, p, axis=axis % 3 + 1, keepdims=True)
    (found,) = run_graph(loaded(proto, tmp_path), {"x": x}).values()
    np.testing.assert_allclose(found, x / np.where(norm == 0, 1, norm), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("proto", "found"),
    [
        (one_node("DFT", (3, 8, 1), (np.array(0),), 20), "a transform of length 0"),
        (one_node("DFT", (3, 8, 3), (), 20), "a signal of shape [3, 8, 3]"),
        (one_node("Det", (9, 9)), "matrices of shape [9, 9]"),
        (one_node("LpNormalization", (3, 4), p=3), "p 3"),
        (_grid_sample((1, 1, 3, 3), (2, 2), mode="sinc"), "mode 'sinc' with padding_mode 'zeros'"),
        (_grid_sample((1, 1, 3, 3), (2, 2, 2)), "grid [1, 2, 2, 2, 2]"),
    ],
)
def test_what_cannot_be_is_refused(proto: onnx.ModelProto, found: str, tmp_path: Path) -> None:
    """With what was found."""
    assert found in refusal(proto, tmp_path)
