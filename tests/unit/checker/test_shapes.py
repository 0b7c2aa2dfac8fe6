"""Shapes for which a loop would leave its buffers: no compiler of ours makes them, but a bundle may claim any."""

from __future__ import annotations

import pytest

from tinyglow.checker.extents import extents
from tinyglow.checker.findings import BrokenError
from tinyglow.checker.source import Call

_IMAGE = {"in_h": 6, "in_w": 6, "in_c": 16, "out_h": 6, "out_w": 6, "out_c": 8, "images": 1, "pool": 0}
_IMAGE |= {"pad_top": 1, "pad_left": 1, "kernel_h": 3, "kernel_w": 3, "stride_h": 1, "stride_w": 1, "pixels": 36}
_IMAGE |= {"band": 6}


@pytest.mark.parametrize(
    ("kernel", "shape"),
    [
        ("tg_conv2d_small_dsp_s8", {"out_c": 7}),
        ("tg_conv2d_small_channelwise_dsp_tflmr_s8", {"out_c": 0}),
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
    with pytest.raises(BrokenError, match=r"has (?:out_c|in_c|out_h|band|an output)"):
        extents(Call(1, kernel, right | shape, ()), lambda _: b"")
