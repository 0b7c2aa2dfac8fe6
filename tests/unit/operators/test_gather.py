"""Gather with constant indices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from tests.unit.operators.single import check_float, check_moves, model, one_node, refusal
from tinyglow.testing import budget


@budget(quick=15, full=500)
@given(data=st.data())
def test_any_indices(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Indices of any shape along any dimension, from either end and repeatedly, take what onnx takes."""
    shape = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    axis = data.draw(st.integers(0, len(shape) - 1))
    index_shape = data.draw(st.lists(st.integers(1, 3), max_size=2))
    numbers = st.integers(-shape[axis], shape[axis] - 1)
    count = int(np.prod(index_shape, dtype=int))
    indices = np.array(data.draw(st.lists(numbers, min_size=count, max_size=count))).reshape(index_shape)
    check_moves(one_node("Gather", shape, (indices,), axis=axis), tmp_path_factory.mktemp("net"))


def test_one_index_is_a_slice(tmp_path: Path) -> None:
    """One element along a dimension is a Slice and a Reshape, as Glow makes it."""
    graph = check_float(one_node("Gather", (2, 3, 4), (-1,), axis=1), tmp_path)
    assert [node.op.kind for node in graph.nodes] == ["Slice", "Reshape"]


def test_several_indices_are_one_call(tmp_path: Path) -> None:
    """Several elements along a dimension are one call with a table of where they lie."""
    program = check_moves(one_node("Gather", (2, 5, 3), ([4, 0, 4],), axis=1), tmp_path)
    assert [call.kernel.symbol for call in program.calls] == ["tg_gather_s8"]


def test_all_indices_in_their_order_are_the_tensor(tmp_path: Path) -> None:
    """Nothing is taken: the output is a copy of the input."""
    program = check_moves(one_node("Gather", (2, 3, 4), ([0, 1, 2],), axis=1), tmp_path)
    assert [call.kernel.symbol for call in program.calls] == ["tg_copy_s8"]


@pytest.mark.parametrize(
    ("indices", "axis", "found"),
    [([0, 3], 0, "indices [0, 3] of 3 elements; expected -3 to 2"), ([0, 1], 2, "axis 2 of a tensor of 2 dimensions")],
)
def test_indices_beyond_the_tensor_are_refused(tmp_path: Path, indices: list[int], axis: int, found: str) -> None:
    """Indices and axes that the tensor does not have are refused with those it has."""
    assert found in refusal(one_node("Gather", (3, 4), (indices,), axis=axis), tmp_path)


@pytest.mark.parametrize("less", [0, 3])
def test_indices_may_be_computed(tmp_path: Path, less: int) -> None:
    """Indices that the network computes, from either end, take what onnx takes, in int8 too."""
    nodes = [
        helper.make_node("ArgMax", ["x"], ["i"], axis=0),
        helper.make_node("Sub", ["i", "less"], ["j"]),
        helper.make_node("Gather", ["x", "j"], ["y"]),
    ]
    check_moves(model(nodes, {"x": (3, 4)}, ["y"], {"less": np.array([less])}), tmp_path)
