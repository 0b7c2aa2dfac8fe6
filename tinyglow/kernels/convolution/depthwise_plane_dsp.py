"""Depthwise convolution by windows of any size for Cortex-M4, M7 and M33: two taps an instruction."""

from __future__ import annotations

from collections.abc import Sequence

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Kernel, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.convolution.depthwise_plane import (
    DEPTHWISE_PLANE,
    DepthwisePlaneChannelwiseParams,
    DepthwisePlaneParams,
    PlaneGeometry,
    channelwise_outputs,
    depthwise_plane_s8,
    plane_bytes,
    plane_work,
    variant_by_channel,
)
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.targets.cores import DSP


def depthwise_plane_channelwise_dsp_s8(
    p: DepthwisePlaneChannelwiseParams, x: Array, filters: Array, bias: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_depthwise_plane_channelwise_dsp_s8: as of tg_depthwise_plane_channelwise_s8, by other words."""
    out[...] = channelwise_outputs(p, x, filters, bias, epilogue.high).reshape(out.shape)


def _pairs(p: PlaneGeometry) -> int:
    """Words of a channel's weights: two taps of a row each."""
    (_, _, row_taps, _), (_, _, taps, _) = p.sides
    return row_taps * -(-taps // 2)


def _work(p: PlaneGeometry, constants: Sequence[Array | None]) -> Work:
    counts, pairs = dict(plane_work(p, constants)), _pairs(p)
    gaps = int(p.sides[1][3] > 1)  # taps that are no neighbours are laid out one by one
    counts |= {"taps": counts["blocks"] * pairs, "weights": counts["channels"] * pairs}
    return {**counts, "words": counts["words"] * (1 - gaps), "spread_words": counts["words"] * gaps}


DEPTHWISE_PLANE_DSP = Kernel(
    symbol="tg_depthwise_plane_dsp_s8",
    c_file="convolution/tg_depthwise_plane_dsp_s8.c",
    params=DepthwisePlaneParams,
    operands=DEPTHWISE_PLANE.operands,
    reference=depthwise_plane_s8,
    summary="depthwise convolution by windows of any size, step and dilation, two taps an instruction",
    scratch=lambda p: plane_bytes(p) + 4 * _pairs(p),
    aliases=lambda p: p.in_place,
    needs=DSP,
    work=_work,
)

DEPTHWISE_PLANE_CHANNELWISE_DSP = DEPTHWISE_PLANE_DSP.per_channel(
    "tg_depthwise_plane_channelwise_dsp_s8",
    DepthwisePlaneChannelwiseParams,
    depthwise_plane_channelwise_dsp_s8,
    scaling="high",
)


def depthwise_plane_dsp_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through one of these kernels: see ``variant_by_channel``."""
    kernels = DEPTHWISE_PLANE_DSP, DEPTHWISE_PLANE_CHANNELWISE_DSP
    return variant_by_channel(layer, lowering, kernels, layer.high_scales, not layer.per_channel)
