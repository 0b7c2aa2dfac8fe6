"""Blocks that are copied: their dimensions, their number of calls, and values of four bytes."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyglow
from tests.unit.operators.single import check_float, loaded, one_node, samples
from tinyglow.errors import ModelError
from tinyglow.interp import run_graph
from tinyglow.kernels.reshape.strided_copy import Axis, merge_axes
from tinyglow.pipeline.compare import verify
from tinyglow.targets.boards import HOST
from tinyglow.testing import budget

SHAPE = (1, 4, 4, 6)
ASYMMETRIC = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
FLOAT_NETS = {
    "transpose": one_node("Transpose", SHAPE, perm=[3, 2, 0, 1]),
    "transpose of rows": one_node("Transpose", SHAPE, perm=[0, 2, 1, 3]),
    "slice": one_node("Slice", SHAPE, ([3, 0], [-10, 5], [1, 3], [-1, 2])),
    "pad with zeros": one_node("Pad", SHAPE, ([0, 0, 1, 2, 0, 1, 0, 0],)),
    "pad with a value": one_node("Pad", SHAPE, ([0, 0, 1, 2, 0, 1, 0, 0], 0.3)),
    "reflection": one_node("Pad", SHAPE, ([0, 0, 1, 2, 0, 1, 3, 0],), mode="reflect"),
    "gather": one_node("Gather", SHAPE, ([3, 0, 0],), axis=2),
    "space to depth": one_node("SpaceToDepth", SHAPE, blocksize=2),
    "nearest": one_node("Resize", SHAPE, (None, [1.0, 1, 2, 0.5]), mode="nearest", **ASYMMETRIC),
}


@pytest.mark.parametrize("name", sorted(FLOAT_NETS))
def test_float_values_move_whole(tmp_path: Path, name: str) -> None:
    """In a float network the four bytes of each value move together."""
    proto = FLOAT_NETS[name]
    inputs, graph = samples(proto), loaded(proto, tmp_path)
    expected = run_graph(graph, inputs)["y"]
    result = tinyglow.interpret(tinyglow.lower(graph), inputs)["y"]
    np.testing.assert_array_equal(result.ravel(), expected.ravel())


def test_float_values_move_whole_in_c(tmp_path: Path) -> None:
    """The same in C, of a value whose bytes differ."""
    proto = FLOAT_NETS["pad with a value"]
    (comparison,) = verify(tinyglow.lower(loaded(proto, tmp_path)), HOST, samples(proto))
    assert comparison.equal


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
@budget(quick=50, full=500)
def test_merged_axes_visit_the_same_places_in_the_same_order(shape: list[int], data: st.DataObject) -> None:
    """Merging dimensions changes neither what is read nor what is written, nor the order."""
    strides = st.sampled_from((0, 1, -1, 2, 4, -4, 8, 12, 16))
    axes = [Axis(size, data.draw(strides), data.draw(strides)) for size in shape]

    def places(block: list[Axis]) -> list[tuple[int, int]]:
        indices = itertools.product(*(range(axis.size) for axis in block))
        sources, targets = [axis.source for axis in block], [axis.target for axis in block]
        return [(int(np.dot(index, sources)), int(np.dot(index, targets))) for index in indices]

    assert places(merge_axes(axes)) == places(axes)


def _spread(size: int) -> onnx.ModelProto:
    """Every other element along each of five dimensions."""
    return one_node("Slice", (2 * size,) * 5, ([0] * 5, [2 * size] * 5, range(5), [2] * 5))


def test_blocks_of_many_dimensions_are_refused(tmp_path: Path) -> None:
    """Where the dimensions that one call does not reach would take too many calls, the block is refused."""
    proto = one_node("Slice", (34, 32, 4, 4, 4, 4), ([0] * 6, [34] * 6, range(6), [2] * 6))
    graph = check_float(proto, tmp_path)
    assert len(tinyglow.lower(loaded(_spread(3), tmp_path)).calls) == 9
    with pytest.raises(ModelError, match="at most 256 beyond 3 dimensions"):
        tinyglow.lower(graph)
