"""Convolution with any scales, one for each output channel, and a leaky activation, for Cortex-M4, M7 and M33."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, U8, In, Kernel, Out
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.convolution.channel_scales import channel_constants, channel_words
from tinyglow.kernels.convolution.conv2d_dsp import (
    even_channels,
    layout_of,
    overlap,
    pack,
    scratch_bytes,
    unpack,
    work,
)
from tinyglow.kernels.convolution.geometry import PooledGeometry
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.targets.cores import DSP


class ChannelwiseDspParams(PooledGeometry):
    """The filters' scales and offsets are in the operand ``channels``. layout: see ``conv2d_dsp.layout_of``."""

    out_offset: I16
    layout: U8


def conv2d_channelwise_dsp_s8(
    p: ChannelwiseDspParams, x: Array, filters: Array, bias: Array, channels: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_conv2d_channelwise_dsp_s8: as tg_conv2d_dsp_s8, each channel with its own constants."""
    constants, filter_offsets = channel_constants(channels, p.out_offset)
    weights = unpack(filters, p).astype(np.int32) - filter_offsets.reshape(-1, 1)
    sums = p.pooled_sums(x, weights, bias.ravel()[: p.out_c])
    out[...] = p.activate(epilogue.requantize_channels(sums, constants)).reshape(out.shape)


CONV2D_CHANNELWISE_DSP = Kernel(
    symbol="tg_conv2d_channelwise_dsp_s8",
    c_file="convolution/tg_conv2d_channelwise_dsp_s8.c",
    params=ChannelwiseDspParams,
    operands=(
        In("input", "int8"),
        In("filter", "int8"),
        In("bias", "int32"),
        In("channels", "int32"),
        Out("output", "int8"),
    ),
    reference=conv2d_channelwise_dsp_s8,
    summary="2-D convolution with a scale for each output channel, two 16-bit products an instruction",
    scratch=scratch_bytes,
    overlap=overlap,
    needs=DSP,
    work=work,
    epilogues=True,
)


def channelwise_dsp_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_conv2d_channelwise_dsp_s8; None where that cannot be."""
    bias = layer.folded_bias
    if not layer.is_dense or bias is None or not lowering.target.runs(CONV2D_CHANNELWISE_DSP):
        return None
    layout = layout_of(layer.sizes, layer.pool)
    constants = {"filter": pack(layer.filters, layer.filter_offsets), "bias": even_channels(bias)}
    constants["channels"] = channel_words(layer.requants, layer.filter_offsets.tolist())
    params = ChannelwiseDspParams(**layer.geometry, pool=layer.pool, out_offset=layer.out.offset, layout=layout)

    return layer.variant(CONV2D_CHANNELWISE_DSP, params, lowering, constants)
