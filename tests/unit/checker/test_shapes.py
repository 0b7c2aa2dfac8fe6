"""Shapes for which a loop would leave its buffers: no compiler of ours makes them, but a bundle may claim any."""

from __future__ import annotations

import numpy as np
import pytest

from tinyglow.checker import small_layers
from tinyglow.checker.extents import extents
from tinyglow.checker.findings import BrokenError
from tinyglow.checker.source import Call
from tinyglow.kernels.convolution.conv2d_quads_dsp import pack_quads

_IMAGE = {"in_h": 6, "in_w": 6, "in_c": 16, "out_h": 6, "out_w": 6, "out_c": 8, "images": 1, "pool": 0}
_IMAGE |= {"pad_top": 1, "pad_left": 1, "kernel_h": 3, "kernel_w": 3, "stride_h": 1, "stride_w": 1, "pixels": 36}
_IMAGE |= {"band": 6, "layout": 1, "at_once": 2}


@pytest.mark.parametrize(
    ("kernel", "shape"),
    [
        ("tg_conv2d_small_dsp_s8", {"out_c": 7}),
        ("tg_conv2d_small_channelwise_dsp_tflmr_s8", {"out_c": 0}),
        ("tg_conv2d_code_s8", {"at_once": 0}),
        ("tg_conv2d_code_s8", {"at_once": 3, "pool": 1}),
        ("tg_conv2d_dsp_s8", {"layout": 2}),
        ("tg_conv2d_dsp_s8", {"layout": 0}),
        ("tg_conv2d_dsp_s8", {"in_c": 3, "layout": 0}),
        ("tg_conv2d_channelwise_dsp_s8", {"in_c": 3, "layout": 1, "at_once": 2}),
        ("tg_conv2d_quads_dsp_s8", {"kernel_h": 1, "kernel_w": 1, "layout": 2}),
        ("tg_conv2d_quads_channelwise_dsp_s8", {"layout": 3}),
        ("tg_conv2d_quads_dsp_s8", {"out_c": 6}),
        ("tg_conv2d_winograd_s8", {"in_c": 18}),
        ("tg_conv2d_winograd_channelwise_dsp_s8", {"in_c": 17}),
        ("tg_conv2d_winograd_4x4_dsp_s8", {"in_c": 19}),
        ("tg_pointwise_dsp_s8", {"in_c": 9}),
        ("tg_pointwise_channelwise_dsp_s8", {"in_c": 8, "out_c": 6}),
        ("tg_depthwise_3x3_block_dsp_s8", {"in_c": 6}),
        ("tg_depthwise_3x3_block_dsp_s8", {"out_h": 1}),
        ("tg_depthwise_3x3_block_dsp_s8", {"band": 3}),
        ("tg_depthwise_3x3_block_dsp_s8", {"band": 8}),
        ("tg_depthwise_3x3_block_dsp_s8", {"band": 0}),
        ("tg_depthwise_3x3_block_dsp_s8", {"band": 4, "pad_top": 0}),
        ("tg_depthwise_3x3_block_channelwise_dsp_s8", {"band": 4, "in_w": 7}),
        ("tg_depthwise_3x3_s8", {"out_h": 1, "out_w": 1}),
        ("tg_depthwise_3x3_channelwise_tflm_s8", {"out_h": 1, "out_w": 1}),
    ],
)
def test_a_shape_that_a_loop_is_not_made_for(kernel: str, shape: dict[str, int]) -> None:
    """The layer is refused, and fits the loop otherwise."""
    right = _IMAGE | ({"in_c": 8} if "pointwise" in kernel else {})
    extents(Call(1, kernel, right, ()), lambda _: b"")
    with pytest.raises(BrokenError, match=r"has (?:out_c|in_c|out_h|band|layout|at_once|an output)"):
        extents(Call(1, kernel, right | shape, ()), lambda _: b"")


@pytest.mark.parametrize("offset", [None, 3])
def test_inputs_beside_a_window_do_not_count(offset: int | None) -> None:
    """Quads of 1x1 windows over three channels: the fourth tap of a group is multiplied by zero."""
    filters = np.arange(-6, 6, dtype=np.int8).reshape(4, 1, 1, 3)
    rows = pack_quads(filters, np.arange(4, dtype=np.int32), offset).astype(np.int64).reshape(1, -1)
    found = small_layers.quads(rows, 1, 3, offset)
    assert found is not None and np.array_equal(found[0], filters.reshape(4, 3).astype(np.int64) - (offset or 0))
    rows[0, 6] += 1 << 24  # taps {1, 3} of the first pair, where the fourth is the upper half
    assert small_layers.quads(rows, 1, 3, offset) is None
