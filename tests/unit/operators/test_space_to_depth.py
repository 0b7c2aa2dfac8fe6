"""SpaceToDepth and DepthToSpace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.operators.single import check_float, check_moves, one_node, refusal


@pytest.mark.parametrize("block", [1, 2, 3])
def test_space_to_depth(tmp_path: Path, block: int) -> None:
    """Blocks of pixels become channels as in onnx."""
    check_moves(one_node("SpaceToDepth", (2, 3, 6, 12), blocksize=block), tmp_path)


@pytest.mark.parametrize("mode", [None, "DCR", "CRD"])
@pytest.mark.parametrize("block", [2, 3])
def test_depth_to_space(tmp_path: Path, block: int, mode: str | None) -> None:
    """Channels become blocks of pixels as in onnx, in both orders of channels."""
    attributes = {} if mode is None else {"mode": mode}
    check_moves(one_node("DepthToSpace", (2, 36, 3, 4), blocksize=block, **attributes), tmp_path)


def test_names_are_glows(tmp_path: Path) -> None:
    """DepthToSpace is a Transpose between Reshapes with the names that Glow's importer gives them."""
    graph = check_float(one_node("DepthToSpace", (1, 8, 2, 3), blocksize=2), tmp_path)
    names = [node.name.partition("__")[0] for node in graph.nodes]
    assert [name for name in names if name.startswith("node_")] == [
        "node_reshape_in",
        "node_transpose",
        "node_reshape_out",
    ]


@pytest.mark.parametrize(
    ("op_type", "shape", "attributes", "found"),
    [
        ("SpaceToDepth", (1, 1, 4, 5), {"blocksize": 2}, "4 x 5 pixels in blocks of 2"),
        ("SpaceToDepth", (1, 4, 4), {"blocksize": 2}, "4 dimensions"),
        ("DepthToSpace", (1, 6, 4, 5), {"blocksize": 2}, "6 channels in blocks of 2 x 2"),
        ("DepthToSpace", (1, 4, 4, 5), {"blocksize": 2, "mode": "RCD"}, "mode 'RCD'; expected DCR or CRD"),
        ("DepthToSpace", (1, 4, 4, 5), {"blocksize": 0}, "blocksize 0"),
    ],
)
def test_what_cannot_be_divided_is_refused(
    tmp_path: Path, op_type: str, shape: tuple[int, ...], attributes: dict[str, object], found: str
) -> None:
    """Sizes that blocks do not divide, other ranks and unknown modes are refused with the reason."""
    message = refusal(one_node(op_type, shape, **attributes), tmp_path)
    assert found in message
