"""Axes as model files number them."""

from __future__ import annotations

from tinyglow.ir.op import UnsupportedError


def normalize_axis(axis: int, rank: int) -> int:
    """ONNX's axis counted from 0, where a negative one counts from the end. Raises UnsupportedError."""
    if not -rank <= axis < rank:
        raise UnsupportedError(f"axis {axis} of a tensor of {rank} dimensions", f"{-rank} to {rank - 1}")
    return axis % rank
