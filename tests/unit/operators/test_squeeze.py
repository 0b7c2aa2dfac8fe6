"""Squeeze and Unsqueeze: Reshapes under Glow's names."""

from __future__ import annotations

from pathlib import Path

import pytest
from onnx import helper

from tests.unit.operators.single import check_float, check_moves, model, one_node, refusal
from tinyglow.operators.reshape import Reshape

SHAPE = (1, 3, 1, 4, 1)


@pytest.mark.parametrize("axes", [[0], [2, -1], [0, 2, 4], None])
def test_squeeze(tmp_path: Path, axes: list[int] | None) -> None:
    """The named dimensions go, or all of size 1, whether the axes are an input or an attribute."""
    check_moves(one_node("Squeeze", SHAPE, () if axes is None else (axes,)), tmp_path)
    attributes = {} if axes is None else {"axes": axes}
    if axes != [2, -1]:  # operator set 11 counts from the front only
        check_float(one_node("Squeeze", SHAPE, opset=11, **attributes), tmp_path)


@pytest.mark.parametrize("axes", [[0], [1, 3], [-1, 0], [0, 2, 4]])
def test_unsqueeze(tmp_path: Path, axes: list[int]) -> None:
    """Dimensions of size 1 come into the named places of the result."""
    check_moves(one_node("Unsqueeze", (3, 4), (axes,)), tmp_path)
    check_float(one_node("Unsqueeze", (3, 4), opset=11, axes=axes), tmp_path)


@pytest.mark.parametrize(("op_type", "name"), [("Squeeze", "node_reshape"), ("Unsqueeze", "node_expanddims")])
def test_names_are_glows(tmp_path: Path, op_type: str, name: str) -> None:
    """Both are Reshapes, called as Glow calls them, so that its profiles fit."""
    graph = check_float(one_node(op_type, (1, 3), ([0],)), tmp_path)
    (node,) = graph.nodes
    assert (node.name, type(node.op)) == (name, Reshape)


@pytest.mark.parametrize(
    ("op_type", "axes", "found"),
    [
        ("Squeeze", [1], "dimensions [1] of shape [1, 3]; expected dimensions of size 1"),
        ("Squeeze", [2], "axis 2 of a tensor of 2 dimensions"),
        ("Unsqueeze", [0, 0], "axes [0, 0]; expected each axis once"),
        ("Unsqueeze", [3], "axis 3 of a tensor of 3 dimensions"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, op_type: str, axes: list[int], found: str) -> None:
    """Dimensions that hold elements, that are not there or are named twice are refused."""
    assert found in refusal(one_node(op_type, (1, 3), (axes,)), tmp_path)


def test_run_time_axes_are_refused(tmp_path: Path) -> None:
    """Axes that are an input of the network are refused."""
    node = helper.make_node("Unsqueeze", ["x", "x"], ["y"], name="node")
    assert "axes that are computed at run time" in refusal(model([node], {"x": (1,)}, ["y"]), tmp_path)
