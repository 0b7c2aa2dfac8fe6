"""Depthwise convolution for cores with Helium: eight channels at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.convolution.channel_scales import channel_constants, channel_words
from tinyglow.kernels.convolution.depthwise_groups import overlap
from tinyglow.kernels.convolution.geometry import ConvGeometry
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.targets.cores import MVE

_LANES = 8


class DepthwiseMveParams(ConvGeometry):
    """``out`` maps sums to the output; group, in_c and out_c are the same."""

    filter_offset: I16
    out: glow.Requant


class DepthwiseChannelwiseMveParams(ConvGeometry):
    """A scale for each channel, in the operand ``channels``; one offset for all filters."""

    filter_offset: I16
    out_offset: I16


def pack(filters: Array) -> Array:
    """Filters int8 [channels, kernel_h, kernel_w, 1] by taps: flat, the channels of a tap side by side."""
    packed: Array = np.ascontiguousarray(filters.reshape(len(filters), -1).T).ravel()
    return packed


def _sums(p: DepthwiseMveParams | DepthwiseChannelwiseMveParams, x: Array, filters: Array, bias: Array) -> Array:
    """int32 [images, out_h, out_w, channels]; a tap outside of the image is left out."""
    weights = filters.reshape(-1, p.in_c).T
    return p.sums(x, weights, np.full(p.out_c, p.filter_offset, np.int32)) + bias.reshape(p.out_c)


def depthwise_mve_s8(
    p: DepthwiseMveParams, x: Array, filters: Array, bias: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_depthwise_mve_s8: bias + sum of (x - in_offset) * (filter - filter_offset) of each channel."""
    out[...] = p.activate(epilogue.requantize(_sums(p, x, filters, bias), p.out)).reshape(out.shape)


def depthwise_channelwise_mve_s8(
    p: DepthwiseChannelwiseMveParams,
    x: Array,
    filters: Array,
    bias: Array,
    channels: Array,
    out: Array,
    epilogue: Epilogue,
) -> None:
    """Definition of tg_depthwise_channelwise_mve_s8: as tg_depthwise_mve_s8, each channel with its own constants."""
    constants, _ = channel_constants(channels, p.out_offset)
    sums = _sums(p, x, filters, bias)
    out[...] = p.activate(epilogue.requantize_channels(sums, constants)).reshape(out.shape)


def work(p: ConvGeometry, constants: Sequence[Array | None]) -> Work:
    """Of groups of eight channels: taps inside of the image, rows of them, and windows; and outputs."""
    groups = p.images * -(-p.in_c // _LANES)
    rows, columns = int(p.inside(0).sum()), int(p.inside(1).sum())
    return {
        "taps": groups * rows * columns,
        "rows": groups * rows * p.out_w,
        "windows": groups * p.out_h * p.out_w,
        "outputs": p.images * p.out_h * p.out_w * p.out_c,
    }


DEPTHWISE_MVE = Kernel(
    symbol="tg_depthwise_mve_s8",
    c_file="convolution/tg_depthwise_mve_s8.c",
    params=DepthwiseMveParams,
    operands=(In("input", "int8"), In("filter", "int8"), In("bias", "int32"), Out("output", "int8")),
    reference=depthwise_mve_s8,
    summary="depthwise convolution, eight channels at once of Helium",
    overlap=overlap,
    needs=MVE,
    work=work,
    epilogues=True,
)

DEPTHWISE_CHANNELWISE_MVE = DEPTHWISE_MVE.per_channel(
    "tg_depthwise_channelwise_mve_s8",
    DepthwiseChannelwiseMveParams,
    depthwise_channelwise_mve_s8,
    operands=(*DEPTHWISE_MVE.operands[:3], In("channels", "int32"), DEPTHWISE_MVE.operands[3]),
)


def depthwise_mve_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through one of the two kernels; None where that cannot be."""
    offset = layer.one_filter_offset
    fits = layer.is_depthwise and not layer.pool and not layer.wraps and lowering.target.runs(DEPTHWISE_MVE)
    if not fits or offset is None:
        return None
    fields = {**layer.geometry, "filter_offset": offset}
    constants = {"filter": pack(layer.filters), "bias": layer.bias}
    if not layer.per_channel:
        return layer.variant(DEPTHWISE_MVE, DepthwiseMveParams(**fields, out=layer.requants[0]), lowering, constants)
    constants["channels"] = channel_words(layer.requants, [0] * len(layer.requants))
    params = DepthwiseChannelwiseMveParams(**fields, out_offset=layer.out.offset)
    return layer.variant(DEPTHWISE_CHANNELWISE_MVE, params, lowering, constants)
