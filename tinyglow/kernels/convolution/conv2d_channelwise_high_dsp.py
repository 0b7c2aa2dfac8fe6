"""Convolution with a scale for each output channel for Cortex-M4, M7 and M33: the upper half of a product scales."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, U8, In, Kernel, Out
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
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


@dataclass(frozen=True)
class ChannelwiseHighDspParams(PooledGeometry):
    """Scales come after the biases. The activation is not leaky, and nothing wraps.

    Attributes:
        filter_offset: Subtracted from each byte of the filter.
        out_offset: The output's offset.
        layout: See ``conv2d_dsp.layout_of``.
    """

    filter_offset: I16
    out_offset: I16
    layout: U8


def pack_biases(bias: Array, scales: Array) -> Array:
    """Biases int32 [out_c] and words [out_c, ...] of scales, by pairs: two biases, then the words of both; flat."""
    pairs = even_channels(bias).reshape(-1, 2)
    words = [even_channels(column) for column in scales.reshape(len(bias), -1).T]
    return np.column_stack([pairs, np.stack(words, axis=1).reshape(len(pairs), -1)]).ravel()


def conv2d_channelwise_high_dsp_s8(
    p: ChannelwiseHighDspParams, x: Array, filters: Array, bias: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_conv2d_channelwise_high_dsp_s8: as tg_conv2d_dsp_s8, each channel with its own constants."""
    pairs = bias.reshape(-(-p.out_c // 2), -1)
    biases, scales = pairs[:, :2].ravel()[: p.out_c], pairs[:, 2:].reshape(2 * len(pairs), -1)[: p.out_c]
    sums = p.unpooled.folded_sums(x, unpack(filters, p).astype(np.int32) - p.filter_offset, biases)
    scaled = epilogue.high.apply(p.pooled(sums), scales, p.out_offset)
    out[...] = p.activate(scaled).reshape(out.shape)


CONV2D_CHANNELWISE_HIGH_DSP = Kernel(
    symbol="tg_conv2d_channelwise_high_dsp_s8",
    c_file="convolution/tg_conv2d_channelwise_high_dsp_s8.c",
    params=ChannelwiseHighDspParams,
    operands=(In("input", "int8"), In("filter", "int8"), In("bias", "int32"), Out("output", "int8")),
    reference=conv2d_channelwise_high_dsp_s8,
    summary="2-D convolution with a scale below a half for each output channel, two 16-bit products an instruction",
    scratch=scratch_bytes,
    overlap=overlap,
    needs=DSP,
    work=work,
    epilogues=True,
)


def channelwise_high_dsp_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_conv2d_channelwise_high_dsp_s8; None where that cannot be, or is not needed."""
    scales, bias, offset = layer.high_scales, layer.folded_bias, layer.one_filter_offset
    if (
        not layer.is_dense
        or scales is None
        or bias is None
        or offset is None
        or not lowering.target.runs(CONV2D_CHANNELWISE_HIGH_DSP)
    ):
        return None
    layout = layout_of(layer.sizes, layer.pool)
    params = ChannelwiseHighDspParams(
        **layer.geometry, pool=layer.pool, filter_offset=offset, out_offset=layer.out.offset, layout=layout
    )
    constants = {"filter": pack(layer.filters, offset), "bias": pack_biases(bias, scales)}
    return layer.variant(CONV2D_CHANNELWISE_HIGH_DSP, params, lowering, constants)
