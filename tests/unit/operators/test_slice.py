"""Slice and Split of all operator sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from tests.unit.operators.single import check_float, check_moves, model, one_node, refusal
from tinyglow.operators.slice import Slice
from tinyglow.testing import budget

BEHIND = 2**63 - 1


@pytest.mark.parametrize(
    ("starts", "ends", "axes", "steps"),
    [
        ([1, 2], [3, 5], None, None),
        ([1], [BEHIND], [3], None),
        ([-3], [-1], [-2], [1]),
        ([0, 1], [BEHIND, BEHIND], [2, 3], [2, 3]),
        ([-1, BEHIND], [-BEHIND, 1], [1, 3], [-1, -2]),
        ([-100, 2], [100, 100], [2, 1], [1, 1]),
    ],
)
@pytest.mark.parametrize("opset", [10, 13])
def test_what_a_slice_takes(
    tmp_path: Path, starts: list[int], ends: list[int], axes: list[int] | None, steps: list[int] | None, opset: int
) -> None:
    """Starts and ends counted from either end, beyond the ends, with steps forwards and backwards: as in onnx."""
    shape = (4, 6, 5, 7) if axes is None else (1, 4, 5, 7)
    check_moves(one_node("Slice", shape, [starts, ends, axes, steps], opset), tmp_path)


def test_attributes_of_the_first_operator_sets(tmp_path: Path) -> None:
    """Up to operator set 9 starts, ends and axes are attributes."""
    check_float(one_node("Slice", (1, 4, 5), opset=9, starts=[1, 0], ends=[3, -1], axes=[1, 2]), tmp_path)
    check_float(one_node("Slice", (3, 4), opset=7, starts=[1, 0], ends=[3, 1000]), tmp_path)


@budget(quick=15, full=500)
@given(data=st.data())
def test_any_slice(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Slices of tensors of any rank along any dimensions are onnx's, in float and in int8."""
    shape = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=5))
    axes = data.draw(st.lists(st.integers(0, len(shape) - 1), unique=True, min_size=1))
    picks = []
    for axis in axes:
        begin, end = data.draw(st.integers(0, shape[axis] - 1)), data.draw(st.integers(0, shape[axis] - 1))
        step = data.draw(st.integers(1, 3))
        picks.append((begin, end + 1, step) if begin <= end else (begin, end - 1 if end else -BEHIND, -step))
    starts, ends, steps = zip(*picks, strict=True)
    check_moves(one_node("Slice", shape, [starts, ends, axes, steps]), tmp_path_factory.mktemp("net"))


def test_a_slice_along_one_dimension_is_one_call(tmp_path: Path) -> None:
    """Whole rows are copied as runs, by one call."""
    program = check_moves(one_node("Slice", (2, 8, 6, 4), [[1], [7], [1], [2]]), tmp_path)
    (call,) = program.calls
    assert call.params.run == 24


def test_five_dimensions_take_several_calls(tmp_path: Path) -> None:
    """Where one call does not reach all dimensions, the outermost takes one for each index."""
    picks = [[0] * 5, [3] * 5, range(5), [2] * 5]
    assert len(check_moves(one_node("Slice", (4,) * 5, picks), tmp_path).calls) == 4


@pytest.mark.parametrize(
    ("constants", "found"),
    [
        (([0], [2], [1], [0]), "steps [0]"),
        (([0, 0], [2], [1]), "2 starts, 1 ends, 1 axes and 2 steps"),
        (([0], [2], [4]), "axis 4 of a tensor of 3 dimensions"),
        (([2], [1], [1]), "shape [1, 0, 4]; expected at least one element"),
    ],
)
def test_what_is_no_slice_is_refused(tmp_path: Path, constants: tuple[list[int], ...], found: str) -> None:
    """Steps of 0, lists of different lengths, missing axes and empty results are refused, each with its reason."""
    assert found in refusal(one_node("Slice", (1, 4, 4), constants), tmp_path)


def test_run_time_bounds_are_refused(tmp_path: Path) -> None:
    """Bounds that are an input of the network are refused by name."""
    node = helper.make_node("Slice", ["x", "x", "e"], ["y"], name="node")
    assert "starts that are computed at run time" in refusal(model([node], {"x": (2,)}, ["y"], {"e": [1]}), tmp_path)


@pytest.mark.parametrize(
    ("opset", "constants", "attributes", "parts"),
    [
        (11, (), {"axis": 1}, 3),
        (11, (), {"axis": -3, "split": [1, 3, 2]}, 3),
        (13, ([4, 2],), {"axis": 1}, 2),
        (13, (), {"axis": 2}, 2),
        (18, (), {"axis": 1, "num_outputs": 3}, 3),
    ],
)
def test_split(tmp_path: Path, opset: int, constants: tuple[list[int], ...], attributes: dict, parts: int) -> None:
    """A Split is a Slice for each output, of the sizes that are given or of equal ones."""
    names = [f"y{i}" for i in range(parts)]
    given = {f"c{i}": data for i, data in enumerate(constants)}
    node = helper.make_node("Split", ["x", *given], names, name="node", **attributes)
    check_moves(model([node], {"x": (1, 6, 4, 5)}, names, given, opset), tmp_path)


def test_split_into_parts_of_which_the_last_is_smaller(tmp_path: Path) -> None:
    """Since operator set 18 a number of outputs need not divide the dimension."""
    node = helper.make_node("Split", ["x"], ["a", "b", "c"], name="node", axis=0, num_outputs=3)
    check_float(model([node], {"x": (8, 2)}, ["a", "b", "c"], opset=18), tmp_path)


def test_split_that_does_not_make_up_the_whole_is_refused(tmp_path: Path) -> None:
    """Sizes whose sum is another, and parts that cannot be equal, are refused."""
    for attributes, found in (({"split": [1, 2]}, "4 elements in 2 parts of [1, 2]"), ({}, "5 elements in 2 parts")):
        length = 4 if attributes else 5
        node = helper.make_node("Split", ["x"], ["a", "b"], name="node", **attributes)
        assert found in refusal(model([node], {"x": (length, 2)}, ["a", "b"], opset=11), tmp_path)


def test_transposed() -> None:
    """The slice of a transposed tensor is the transposed form's result, transposed."""
    x = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(1, 2, 3, 4, 5)
    perm, op = (3, 1, 0, 2), Slice((4, 0, 1, 1), (2, 3, 1, 2), (-2, 1, 1, 2))
    moved = (0, *(axis + 1 for axis in perm))
    other = op.transposed(perm)
    assert other is not None
    np.testing.assert_array_equal(other.run_float(x)[0].transpose(moved), op.run_float(x.transpose(moved))[0])
