"""Depthwise convolution of 3x3 for ARMv6-M with a scale for each channel: channel by channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, In, Kernel, Out
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.convolution.depthwise_3x3 import (
    Depthwise3x3Geometry,
    depthwise_3x3_sums,
    fits,
    scratch_bytes,
    work,
)
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.targets.cores import DSP


@dataclass(frozen=True)
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


DEPTHWISE_3X3_CHANNELWISE = Kernel(
    symbol="tg_depthwise_3x3_channelwise_s8",
    c_file="convolution/tg_depthwise_3x3_channelwise_s8.c",
    params=Depthwise3x3ChannelwiseParams,
    operands=(In("input", "int8"), In("filter", "int8"), In("bias", "int32"), Out("output", "int8", "input")),
    reference=depthwise_3x3_channelwise_s8,
    summary="depthwise convolution with filters of 3x3 and a scale for each channel, stride 1 along rows",
    scratch=scratch_bytes,
    aliases=lambda p: p.in_place,
    superseded_by=DSP,
    work=work,
    epilogues=True,
    in_armv6m=True,
)


def depthwise_3x3_channelwise_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_depthwise_3x3_channelwise_s8; None where that cannot be, or is not needed."""
    scales, bias, offset = layer.narrow_scales, layer.folded_bias, layer.one_filter_offset
    if not fits(layer, lowering) or scales is None or bias is None or offset is None:
        return None
    params = Depthwise3x3ChannelwiseParams(**layer.geometry, filter_offset=offset, out_offset=layer.out.offset)
    constants = {"filter": layer.filters, "bias": np.column_stack([bias, scales])}
    return layer.variant(DEPTHWISE_3X3_CHANNELWISE, params, lowering, constants)
