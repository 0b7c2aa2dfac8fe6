"""Depthwise convolution by windows of any size for ARMv6-M: channel by channel, over its image in words."""

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
from tinyglow.numerics.epilogue import ChannelWords, Epilogue
from tinyglow.targets.cores import DSP

BLOCK = 4  # outputs at once


class PlaneGeometry(ConvGeometry):
    """Each input channel is a group of its own, with one or more output channels.

    filter_offset: subtracted from each byte of the filter.
    """

    filter_offset: I16

    @property
    def sides(self) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
        """(outputs, step, taps, step between taps) across the rows of words, and along them.

        That is the longer side of the output; of a square, that of the window.
        """
        h = (self.out_h, self.stride_h, self.kernel_h, self.dilation_h)
        w = (self.out_w, self.stride_w, self.kernel_w, self.dilation_w)
        return (w, h) if (self.out_h, self.kernel_h) > (self.out_w, self.kernel_w) else (h, w)

    @property
    def plane(self) -> tuple[int, int]:
        """Rows of words, and words of a row: a channel's inputs and padding that the windows read."""
        rows, words = ((out - 1) * step + (taps - 1) * tap + 1 for out, step, taps, tap in self.sides)
        return rows, words

    @property
    def in_place(self) -> bool:
        """Whether a channel's outputs lie where its inputs, or images before, do."""
        return self.in_c == self.out_c and self.out_h * self.out_w <= self.in_h * self.in_w


class DepthwisePlaneParams(PlaneGeometry):
    """``out`` maps sums to the output."""

    out: glow.Requant


class DepthwisePlaneChannelwiseParams(PlaneGeometry):
    """Scales come after the biases. out_offset: the output's offset."""

    out_offset: I16


def _sums(p: PlaneGeometry, x: Array, filters: Array, bias: Array) -> Array:
    """bias + sums of x * (filter - filter_offset), x = in_offset in the padding: int32 [images, out_h, out_w, c]."""
    return p.folded_sums(x, filters.astype(np.int32) - p.filter_offset, bias)


def depthwise_plane_s8(p: DepthwisePlaneParams, x: Array, filters: Array, bias: Array, out: Array) -> None:
    """Definition of tg_depthwise_plane_s8, and of tg_depthwise_plane_dsp_s8: see ``_sums``."""
    out[...] = p.activate(glow.requantize(_sums(p, x, filters, bias), p.out)).reshape(out.shape)


def depthwise_plane_channelwise_s8(
    p: DepthwisePlaneChannelwiseParams, x: Array, filters: Array, bias: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_depthwise_plane_channelwise_s8: as of tg_depthwise_plane_s8, with ``channelwise_outputs``."""
    out[...] = channelwise_outputs(p, x, filters, bias, epilogue.folded).reshape(out.shape)


def channelwise_outputs(
    p: DepthwisePlaneChannelwiseParams, x: Array, filters: Array, bias: Array, form: ChannelWords
) -> Array:
    """Outputs of channels with constants of their own.

    bias [out_c, 1 + words]: the bias, and the words of the channel's scale.
    """
    words = bias.reshape(p.out_c, -1)
    return p.activate(form.apply(_sums(p, x, filters, words[:, 0]), words[:, 1:], p.out_offset))


def plane_bytes(p: PlaneGeometry) -> int:
    """A channel's image in words; the last block's outputs that are not wanted read beyond it."""
    rows, words = p.plane
    _, step, *_ = p.sides[1]
    return 4 * (rows * words + (BLOCK - 1) * step)


def plane_work(p: PlaneGeometry, constants: Sequence[Array | None]) -> Work:
    """Words that are laid out, and their rows; of each output channel: taps of blocks, their rows, blocks, outputs."""
    rows, words = p.plane
    (across, _, row_taps, _), (along, _, taps, _) = p.sides
    inputs, channels = p.images * p.in_c, p.images * p.out_c
    blocks = channels * across * -(-along // BLOCK)
    return {
        "words": inputs * rows * words,
        "word_rows": inputs * rows,
        "taps": blocks * row_taps * taps,
        "rows": blocks * row_taps,
        "blocks": blocks,
        "outputs": channels * across * along,
        "weights": channels * row_taps * taps,
        "channels": channels,
    }


DEPTHWISE_PLANE = Kernel(
    symbol="tg_depthwise_plane_s8",
    c_file="convolution/tg_depthwise_plane_s8.c",
    params=DepthwisePlaneParams,
    operands=(In("input", "int8"), In("filter", "int8"), In("bias", "int32"), Out("output", "int8", "input")),
    reference=depthwise_plane_s8,
    summary="depthwise convolution by windows of any size, step and dilation, one channel at a time",
    scratch=lambda p: plane_bytes(p) + 4 * p.kernel_h * p.kernel_w,
    aliases=lambda p: p.in_place,
    superseded_by=DSP,
    work=plane_work,
    # Measured on layers of MLPerf Tiny's networks.
    other_ends=(("tflmr20", 5), ("tflite20", 5), ("tflmr", 9), ("tflm", 11), ("tfl", 42)),
    scaling="folded",
)

DEPTHWISE_PLANE_CHANNELWISE = DEPTHWISE_PLANE.per_channel(
    "tg_depthwise_plane_channelwise_s8",
    DepthwisePlaneChannelwiseParams,
    depthwise_plane_channelwise_s8,
    in_armv6m=True,
)


def variant_by_channel(
    layer: ConvLayer, lowering: Lowering, kernels: tuple[Kernel, Kernel], scales: Array | None, one_scale: bool
) -> Variant | None:
    """The layer through a kernel for one scale, or one for a scale for each channel.

    Args:
        layer: The layer.
        lowering: Takes the call.
        kernels: Both kernels.
        scales: Words of each channel's scale for the second; None where it cannot be that.
        one_scale: Whether the first takes the layer's scale.

    Returns:
        The variant; None where the layer is not depthwise, or for another core.
    """
    bias, offset = layer.folded_bias, layer.one_filter_offset
    by_channel = layer.sizes["group"] == layer.sizes["in_c"] and not layer.pool
    if not by_channel or not lowering.target.runs(kernels[0]) or bias is None or offset is None:
        return None
    fields = {**layer.geometry, "filter_offset": offset}
    if scales is not None:
        own = DepthwisePlaneChannelwiseParams(**fields, out_offset=layer.out.offset)
        constants = {"filter": layer.filters, "bias": np.column_stack([bias, scales])}
        return layer.variant(kernels[1], own, lowering, constants)
    if not one_scale:
        return None
    params = DepthwisePlaneParams(**fields, out=layer.requants[0])
    return layer.variant(kernels[0], params, lowering, {"filter": layer.filters, "bias": bias})


def depthwise_plane_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through one of these kernels: see ``variant_by_channel``."""
    kernels = DEPTHWISE_PLANE, DEPTHWISE_PLANE_CHANNELWISE
    return variant_by_channel(layer, lowering, kernels, layer.narrow_scales, layer.is_uniform and layer.offset_folds)
