"""Depthwise convolution of 3x3 for ARMv6-M: channel by channel, over an image of one channel laid out as words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.convolution.geometry import ConvGeometry
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.targets.cores import DSP


class Depthwise3x3Geometry(ConvGeometry):
    """As DualMacGeometry; group, in_c and out_c are equal, the kernel is 3x3, dilation and stride_w are 1."""

    filter_offset: I16

    @property
    def plane(self) -> tuple[int, int]:
        """Height and width of a channel's image with its padding."""
        height = (self.out_h - 1) * self.stride_h + self.kernel_h
        return height, (self.out_w - 1) * self.stride_w + self.kernel_w

    @property
    def in_place(self) -> bool:
        """Whether a channel's outputs lie where its inputs do."""
        return (self.out_h, self.out_w) == (self.in_h, self.in_w)


class Depthwise3x3Params(Depthwise3x3Geometry):
    """``out`` maps sums to the output."""

    out: glow.Requant


def depthwise_3x3_sums(p: Depthwise3x3Geometry, x: Array, filters: Array, bias: Array) -> Array:
    """bias + sums of x * (filter - filter_offset), x = in_offset in the padding: int32 [images, out_h, out_w, c]."""
    return p.folded_sums(x, filters.astype(np.int32) - p.filter_offset, bias)


def depthwise_3x3_s8(p: Depthwise3x3Params, x: Array, filters: Array, bias: Array, out: Array) -> None:
    """Definition of tg_depthwise_3x3_s8: see ``depthwise_3x3_sums``."""
    out[...] = p.activate(glow.requantize(depthwise_3x3_sums(p, x, filters, bias), p.out)).reshape(out.shape)


def scratch_bytes(p: Depthwise3x3Geometry) -> int:
    """A channel's image with its padding, in words."""
    height, width = p.plane
    return 4 * (height * width + 1)  # the last pair's second output may read a word more


def work(p: Depthwise3x3Geometry, constants: Sequence[Array | None]) -> Work:
    """Of each channel: words that are laid out, pairs of pixels, rows of pairs."""
    (height, width), channels = p.plane, p.images * p.out_c
    pairs = channels * p.out_h * -(-p.out_w // 2)
    return {"words": channels * height * width, "pairs": pairs, "rows": channels * p.out_h, "channels": channels}


DEPTHWISE_3X3 = Kernel(
    symbol="tg_depthwise_3x3_s8",
    c_file="convolution/tg_depthwise_3x3_s8.c",
    params=Depthwise3x3Params,
    operands=(In("input", "int8"), In("filter", "int8"), In("bias", "int32"), Out("output", "int8", "input")),
    reference=depthwise_3x3_s8,
    summary="depthwise convolution with filters of 3x3, stride 1 along rows",
    scratch=scratch_bytes,
    aliases=lambda p: p.in_place,
    superseded_by=DSP,
    work=work,
    scaling="folded",
)


def fits(layer: ConvLayer, lowering: Lowering) -> bool:
    """Whether the layer's shape is one for these kernels, and the core."""
    window = [layer.sizes[name] for name in ("kernel_h", "kernel_w", "stride_w")]
    return layer.is_depthwise and window == [3, 3, 1] and not layer.pool and lowering.target.runs(DEPTHWISE_3X3)


def depthwise_3x3_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_depthwise_3x3_s8; None where it is not depthwise, or for another core."""
    bias = layer.folded_bias
    if not fits(layer, lowering) or not layer.is_uniform or not layer.offset_folds or bias is None:
        return None
    params = Depthwise3x3Params(**layer.geometry, filter_offset=int(layer.filter_offsets[0]), out=layer.requants[0])
    return layer.variant(DEPTHWISE_3X3, params, lowering, {"filter": layer.filters, "bias": bias})


class Depthwise3x3ChannelwiseParams(Depthwise3x3Geometry):
    """Scales come after the biases. out_offset: the output's offset."""

    out_offset: I16


def depthwise_3x3_channelwise_s8(
    p: Depthwise3x3ChannelwiseParams, x: Array, filters: Array, bias: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_depthwise_3x3_channelwise_s8: as tg_depthwise_3x3_s8, each channel with its own constants.

    bias [out_c, 1 + words]: the bias, and the words of the channel's scale.
    """
    words = bias.reshape(p.out_c, -1)
    sums = depthwise_3x3_sums(p, x, filters, words[:, 0])
    out[...] = p.activate(epilogue.folded.apply(sums, words[:, 1:], p.out_offset)).reshape(out.shape)


DEPTHWISE_3X3_CHANNELWISE = DEPTHWISE_3X3.per_channel(
    "tg_depthwise_3x3_channelwise_s8", Depthwise3x3ChannelwiseParams, depthwise_3x3_channelwise_s8, in_armv6m=True
)


def depthwise_3x3_channelwise_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_depthwise_3x3_channelwise_s8; None where that cannot be, or is not needed."""
    scales, bias, offset = layer.narrow_scales, layer.folded_bias, layer.one_filter_offset
    if not fits(layer, lowering) or scales is None or bias is None or offset is None:
        return None
    params = Depthwise3x3ChannelwiseParams(**layer.geometry, filter_offset=offset, out_offset=layer.out.offset)
    constants = {"filter": layer.filters, "bias": np.column_stack([bias, scales])}
    return layer.variant(DEPTHWISE_3X3_CHANNELWISE, params, lowering, constants)
