"""Depthwise convolution by windows of any size for Cortex-M4, M7 and M33: two taps an instruction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.convolution.depthwise_plane import (
    DepthwisePlaneChannelwiseParams,
    DepthwisePlaneParams,
    PlaneGeometry,
    is_by_channel,
    plane_bytes,
    plane_sums,
    plane_work,
)
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.targets.cores import DSP


def depthwise_plane_dsp_s8(p: DepthwisePlaneParams, x: Array, filters: Array, bias: Array, out: Array) -> None:
    """Definition of tg_depthwise_plane_dsp_s8: see ``plane_sums``."""
    out[...] = p.activate(glow.requantize(plane_sums(p, x, filters, bias), p.out)).reshape(out.shape)


def depthwise_plane_channelwise_dsp_s8(
    p: DepthwisePlaneChannelwiseParams, x: Array, filters: Array, bias: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_depthwise_plane_channelwise_dsp_s8: the same, each channel with its own constants.

    bias [out_c, 1 + words]: the bias, and the words of the channel's scale.
    """
    words = bias.reshape(p.out_c, -1)
    sums = plane_sums(p, x, filters, words[:, 0])
    out[...] = p.activate(epilogue.high.apply(sums, words[:, 1:], p.out_offset)).reshape(out.shape)


def _pairs(p: PlaneGeometry) -> int:
    """Words of a channel's weights: two taps of a row each."""
    (_, _, row_taps, _), (_, _, taps, _) = p.sides
    return row_taps * -(-taps // 2)


def _work(p: PlaneGeometry, constants: Sequence[Array | None]) -> Work:
    (across, *_), (along, *_) = p.sides
    blocks = p.images * p.out_c * across * -(-along // 4)
    counts = {**plane_work(p, constants), "taps": blocks * _pairs(p), "weights": p.images * p.out_c * _pairs(p)}
    gaps = int(p.sides[1][3] > 1)  # taps that are no neighbours are laid out one by one
    return {**counts, "words": counts["words"] * (1 - gaps), "spread_words": counts["words"] * gaps}


DEPTHWISE_PLANE_DSP = Kernel(
    symbol="tg_depthwise_plane_dsp_s8",
    c_file="convolution/tg_depthwise_plane_dsp_s8.c",
    params=DepthwisePlaneParams,
    operands=(In("input", "int8"), In("filter", "int8"), In("bias", "int32"), Out("output", "int8", "input")),
    reference=depthwise_plane_dsp_s8,
    summary="depthwise convolution by windows of any size, step and dilation, two taps an instruction",
    scratch=lambda p: plane_bytes(p) + 4 * _pairs(p),
    aliases=lambda p: p.in_place,
    needs=DSP,
    work=_work,
)

DEPTHWISE_PLANE_CHANNELWISE_DSP = DEPTHWISE_PLANE_DSP.per_channel(
    "tg_depthwise_plane_channelwise_dsp_s8", DepthwisePlaneChannelwiseParams, depthwise_plane_channelwise_dsp_s8
)


def depthwise_plane_dsp_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through one of these kernels; None where it is not depthwise, or for ARMv6-M."""
    bias, offset, scales = layer.folded_bias, layer.one_filter_offset, layer.high_scales
    if not is_by_channel(layer) or not lowering.target.runs(DEPTHWISE_PLANE_DSP) or bias is None or offset is None:
        return None
    fields = {**layer.geometry, "filter_offset": offset}
    if scales is not None:
        own = DepthwisePlaneChannelwiseParams(**fields, out_offset=layer.out.offset)
        constants = {"filter": layer.filters, "bias": np.column_stack([bias, scales])}
        return layer.variant(DEPTHWISE_PLANE_CHANNELWISE_DSP, own, lowering, constants)
    if layer.per_channel:
        return None
    params = DepthwisePlaneParams(**fields, out=layer.requants[0])
    return layer.variant(DEPTHWISE_PLANE_DSP, params, lowering, {"filter": layer.filters, "bias": bias})
