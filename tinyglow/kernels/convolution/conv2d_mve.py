"""Convolution for cores with Helium: 16 products an instruction, four channels at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.convolution.channel_scales import channel_constants, channel_words
from tinyglow.kernels.convolution.geometry import PooledGeometry
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.kernels.convolution.overlap import first_inputs
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.targets.cores import MVE

LANES = 16  # products of an instruction
CHANNELS = 4  # that take the same vector of inputs


class Conv2DMveParams(PooledGeometry):
    """One scale for all filters; ``out`` maps sums to the output."""

    filter_offset: I16
    out: glow.Requant


class ChannelwiseMveParams(PooledGeometry):
    """A scale for each output channel, in the operand ``channels``; one offset for all filters."""

    filter_offset: I16
    out_offset: I16


def _sums(p: Conv2DMveParams | ChannelwiseMveParams, x: Array, filters: Array, bias: Array) -> Array:
    """int32 [images, out_h, out_w, out_c]; the input's offset is folded into the bias."""
    weights = filters.reshape(p.out_c, -1).astype(np.int32) - p.filter_offset
    return p.pooled_sums(x, weights, bias)


def conv2d_mve_s8(p: Conv2DMveParams, x: Array, filters: Array, bias: Array, out: Array, epilogue: Epilogue) -> None:
    """Definition of tg_conv2d_mve_s8."""
    sums = _sums(p, x, filters, bias)
    out[...] = p.activate(epilogue.requantize(sums, p.out)).reshape(out.shape)


def conv2d_channelwise_mve_s8(
    p: ChannelwiseMveParams, x: Array, filters: Array, bias: Array, channels: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_conv2d_channelwise_mve_s8: as tg_conv2d_mve_s8, each channel with its own constants."""
    constants, _ = channel_constants(channels, p.out_offset)
    sums = _sums(p, x, filters, bias)
    out[...] = p.activate(epilogue.requantize_channels(sums, constants)).reshape(out.shape)


def overlap(p: PooledGeometry) -> int | None:
    """A pixel's channels are written while its windows are still read."""
    if p.images != 1:
        return None
    first = first_inputs(p).reshape(p.out_h * p.out_w, -1).min(axis=1)
    later = np.minimum.accumulate(first[::-1])[::-1]
    return int((later - np.arange(1, len(first) + 1) * p.out_c).min())


def work(p: PooledGeometry, constants: Sequence[Array | None]) -> Work:
    """Of groups of four channels: vectors inside of the image, rows, windows, those that are cut; windows; outputs."""
    image = p.unpooled
    groups = p.images * -(-p.out_c // CHANNELS)
    rows, columns = image.inside(0), image.inside(1)
    vectors = -(-columns * p.in_c // LANES)
    windows = image.out_h * image.out_w
    whole = int((rows == p.kernel_h).sum()) * int((columns == p.kernel_w).sum())
    return {
        "vectors": groups * int(rows.sum()) * int(vectors.sum()),
        "rows": groups * int(rows.sum()) * image.out_w,
        "groups": groups * windows,
        "cut_rows": groups * (windows - whole) * p.kernel_h if p.in_offset else 0,
        "windows": p.images * windows,
        "outputs": p.images * p.out_h * p.out_w * p.out_c,
    }


CONV2D_MVE = Kernel(
    symbol="tg_conv2d_mve_s8",
    c_file="convolution/tg_conv2d_mve_s8.c",
    params=Conv2DMveParams,
    operands=(In("input", "int8"), In("filter", "int8"), In("bias", "int32"), Out("output", "int8")),
    reference=conv2d_mve_s8,
    summary="2-D convolution, 16 products an instruction of Helium; maximum of 2x2 blocks with pool",
    overlap=overlap,
    needs=MVE,
    work=work,
    epilogues=True,
)

CONV2D_CHANNELWISE_MVE = CONV2D_MVE.per_channel(
    "tg_conv2d_channelwise_mve_s8",
    ChannelwiseMveParams,
    conv2d_channelwise_mve_s8,
    operands=(*CONV2D_MVE.operands[:3], In("channels", "int32"), CONV2D_MVE.operands[3]),
)


def mve_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through one of the two kernels; None where that cannot be."""
    bias, offset = layer.folded_bias, layer.one_filter_offset
    fits = layer.is_dense and (layer.monotone or not layer.pool) and lowering.target.runs(CONV2D_MVE)
    if not fits or bias is None or offset is None:
        return None
    fields = {**layer.geometry, "pool": layer.pool, "filter_offset": offset}
    constants = {"filter": layer.filters, "bias": bias}
    if not layer.per_channel:
        return layer.variant(CONV2D_MVE, Conv2DMveParams(**fields, out=layer.requants[0]), lowering, constants)
    constants["channels"] = channel_words(layer.requants, [0] * len(layer.requants))
    params = ChannelwiseMveParams(**fields, out_offset=layer.out.offset)
    return layer.variant(CONV2D_CHANNELWISE_MVE, params, lowering, constants)
