"""Depthwise convolution of 3x3 with a scale for each channel for Cortex-M4, M7 and M33: four channels at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, In, Kernel, Out
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.ops.conv2d_layer import ConvGeometry, ConvLayer, requantize_high_channels
from tinyglow.ops.depthwise_dsp import is_fast, pack, trails, unpack

_TAPS = 9
_WORDS = 4 + 2 * _TAPS + 4  # of four channels


@dataclass(frozen=True)
class Depthwise3x3ChannelwiseDspParams(ConvGeometry):
    """out_offset: the output's. group, in_c and out_c are the same multiple of four; nothing leaks or wraps."""

    out_offset: I16


def depthwise_3x3_channelwise_dsp_s8(p: Depthwise3x3ChannelwiseDspParams, x: Array, filters: Array, out: Array) -> None:
    """Definition of tg_depthwise_3x3_channelwise_dsp_s8: as ``depthwise_dsp_s8``, each channel with its own constants.

    filters: ``high_words`` of each four channels are behind their weights.
    """
    groups = filters.reshape(-1, _WORDS)
    weights, bias = unpack(np.ascontiguousarray(groups[:, :-4]), p.in_c, _TAPS)
    sums = p.sums(x, weights, np.zeros(p.out_c, np.int32)) + bias
    scaled = requantize_high_channels(sums, groups[:, -4:], p.out_offset)
    out[...] = p.activate(scaled).reshape(out.shape)


DEPTHWISE_3X3_CHANNELWISE_DSP = Kernel(
    symbol="tg_depthwise_3x3_channelwise_dsp_s8",
    c_file="convolution/tg_depthwise_3x3_channelwise_dsp_s8.c",
    params=Depthwise3x3ChannelwiseDspParams,
    operands=(In("input", "int8"), In("filter", "int32"), Out("output", "int8")),
    reference=depthwise_3x3_channelwise_dsp_s8,
    summary="depthwise convolution with windows of 3x3 and a scale for each channel, four channels at once",
    # One window with what lies outside the image.
    scratch=lambda p: 9 * p.in_c,
    trails=trails,
)


def depthwise_3x3_channelwise_dsp_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_depthwise_3x3_channelwise_dsp_s8; None where that cannot be, or is not needed."""
    scales, sizes = layer.high_scales, layer.sizes
    fits = layer.is_depthwise and sizes["group"] > 1 and not layer.pool and not lowering.target.armv6m
    if not fits or scales is None or not is_fast((sizes["kernel_h"], sizes["kernel_w"]), sizes["in_c"], 0):
        return None
    params = Depthwise3x3ChannelwiseDspParams(**layer.geometry, out_offset=layer.out.offset)
    # Measured on the Cortex-M7: cycles a product.
    cycles = 2 * _TAPS * params.images * params.out_h * params.out_w * params.out_c
    constants = {"filter": pack(layer.weights, layer.bias, scales)}
    return layer.variant(DEPTHWISE_3X3_CHANNELWISE_DSP, params, cycles, lowering, constants)
