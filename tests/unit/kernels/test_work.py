"""What kernels count as their work, which prices are multiplied with, is what a walk over all windows finds."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from tinyglow.testing import Case
from tinyglow.testing.registry import fixed_cases


def _counts(case: Case) -> Any:
    """The work of a case."""
    constants = [case.inputs.get(operand.name) for operand in case.kernel.operands]
    assert case.kernel.work is not None
    return case.kernel.work(case.params, constants)


def _is_cut(p: Any, top: int, left: int, height: int, width: int) -> bool:
    """Whether a part of the image has elements outside of it."""
    return not all(
        0 <= y < p.in_h and 0 <= x < p.in_w for y in range(top, top + height) for x in range(left, left + width)
    )


def test_taps_inside_of_the_image() -> None:
    """Of each window, along each axis."""
    for case in fixed_cases("tg_conv2d_s8", 10):
        p: Any = case.params
        for axis, (name, side) in enumerate((("h", "top"), ("w", "left"))):
            out, stride, pad, kernel, dilation, size = (
                getattr(p, f"{field}_{end}")
                for field, end in zip(
                    ("out", "stride", "pad", "kernel", "dilation", "in"),
                    (name, name, side, name, name, name),
                    strict=True,
                )
            )
            places = [[window * stride - pad + tap * dilation for tap in range(kernel)] for window in range(out)]
            assert p.inside(axis).tolist() == [sum(0 <= place < size for place in window) for window in places]


@pytest.mark.parametrize("loop", ["winograd_dsp", "winograd_channelwise_dsp", "winograd", "winograd_channelwise"])
def test_cut_tiles_of_winograd(loop: str) -> None:
    """Two tiles of 2x2, or one of 2x4, at a time: inputs of 4 rows and 6 columns."""
    for case in fixed_cases(f"tg_conv2d_{loop}_s8", 10):
        p: Any = case.params
        rows, pairs = p.steps
        corners = product(range(rows), range(pairs))
        cut = sum(_is_cut(p, 2 * row - p.pad_top, 4 * pair - p.pad_left, 4, 6) for row, pair in corners)
        assert _counts(case)["cut_inputs"] == p.images * cut * p.in_c


@pytest.mark.parametrize("symbol", ["tg_conv2d_winograd_4x4_dsp_s8", "tg_conv2d_winograd_4x4_channelwise_dsp_s8"])
def test_cut_tiles_of_winograd_4x4(symbol: str) -> None:
    """A tile at a time: inputs of 6 rows and columns."""
    for case in fixed_cases(symbol, 10):
        p: Any = case.params
        rows, columns = p.steps
        corners = product(range(rows), range(columns))
        cut = sum(_is_cut(p, 4 * row - p.pad_top, 4 * column - p.pad_left, 6, 6) for row, column in corners)
        assert _counts(case)["cut_inputs"] == p.images * cut * p.in_c


def test_cut_tiles_of_two_products_at_once() -> None:
    """Four pixels at a time, in the order of the image or of pooled blocks; a tile with one cut window is cut."""
    for case in fixed_cases("tg_conv2d_dual_mac_s8", 10):
        p: Any = case.params
        if p.pool:
            blocks = product(range(p.out_h), range(p.out_w))
            tiles = [[(2 * y + dy, 2 * x + dx) for dy in (0, 1) for dx in (0, 1)] for y, x in blocks]
        else:
            pixels = list(product(range(p.out_h), range(p.out_w)))
            tiles = [pixels[i : i + 4] for i in range(0, len(pixels), 4)]
        whole = 0
        for tile in tiles:
            corners = [(y * p.stride_h - p.pad_top, x * p.stride_w - p.pad_left) for y, x in tile]
            whole += not any(_is_cut(p, top, left, p.kernel_h, p.kernel_w) for top, left in corners)
        assert _counts(case)["words"] == p.images * whole * p.terms
