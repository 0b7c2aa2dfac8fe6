"""Depthwise convolution of 3x3 for ARMv6-M: channel by channel, over an image of one channel laid out as words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, In, Kernel, Out
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.numerics import glow
from tinyglow.ops.conv2d_layer import ConvGeometry, ConvLayer


@dataclass(frozen=True)
class Depthwise3x3Params(ConvGeometry):
    """As LanesParams; group, in_c and out_c are equal, the kernel is 3x3, dilation and stride_w are 1."""

    filter_offset: I16
    out: glow.Requant

    @property
    def plane(self) -> tuple[int, int]:
        """Height and width of a channel's image with its padding."""
        height = (self.out_h - 1) * self.stride_h + self.kernel_h
        return height, (self.out_w - 1) * self.stride_w + self.kernel_w

    @property
    def in_place(self) -> bool:
        """Whether a channel's outputs lie where its inputs do."""
        return (self.out_h, self.out_w) == (self.in_h, self.in_w)


def depthwise_3x3_s8(p: Depthwise3x3Params, x: Array, filters: Array, bias: Array, out: Array) -> None:
    """Definition of tg_depthwise_3x3_s8: bias + sum of x * (filter - filter_offset), x = in_offset in the padding."""
    sums = p.folded_sums(x, filters.astype(np.int32) - p.filter_offset, bias)
    out[...] = p.activate(glow.requantize(sums, p.out)).reshape(out.shape)


def _scratch(p: Depthwise3x3Params) -> int:
    height, width = p.plane
    return 4 * (height * width + 1)  # the last pair's second output may read a word more


DEPTHWISE_3X3 = Kernel(
    symbol="tg_depthwise_3x3_s8",
    c_file="convolution/tg_depthwise_3x3_s8.c",
    params=Depthwise3x3Params,
    operands=(In("input", "int8"), In("filter", "int8"), In("bias", "int32"), Out("output", "int8", "input")),
    reference=depthwise_3x3_s8,
    summary="depthwise convolution with filters of 3x3, stride 1 along rows",
    scratch=_scratch,
    aliases=lambda p: p.in_place,
)


def depthwise_3x3_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_depthwise_3x3_s8; None where it is not depthwise, or for another core."""
    sizes, bias = layer.sizes, layer.folded_bias
    window = [sizes[name] for name in ("kernel_h", "kernel_w", "stride_w")]
    fits = layer.is_depthwise and window == [3, 3, 1] and not layer.pool
    if not fits or not layer.is_uniform or not layer.offset_folds or bias is None or lowering.target.dsp:
        return None
    params = Depthwise3x3Params(**layer.geometry, filter_offset=int(layer.filter_offsets[0]), out=layer.requants[0])

    height, width = params.plane
    # The pairs of a row; the rest measured.
    channel = 9 * height * width + sizes["out_h"] * (-(-sizes["out_w"] // 2) * 133 + 60) + 300
    cycles = sizes["images"] * sizes["out_c"] * channel
    return layer.variant(DEPTHWISE_3X3, params, cycles, lowering, {"filter": layer.filters, "bias": bias})
